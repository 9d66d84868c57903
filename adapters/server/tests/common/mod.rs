//! An app that does what servers have to bear, and clients that speak raw HTTP.

#![allow(dead_code, reason = "each test takes what it needs")]

use futures_core::Stream;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pikku::{
    All, App, Body, BoxError, Bytes, Call, Group, Problem, Response, Selection,
    http::{any, get, post},
};
use pikku_server::{Limits, Server};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// What calls have noted, each beside the word of its test.
static JOURNAL: Mutex<Vec<(String, &str)>> = Mutex::new(Vec::new());

fn note(word: &str, what: &'static str) {
    JOURNAL.lock().unwrap().push((word.to_owned(), what));
}

/// What the calls of a test have noted so far.
pub(crate) fn noted(word: &str) -> Vec<&'static str> {
    JOURNAL.lock().unwrap().iter().filter(|(known, _)| known == word).map(|(_, what)| *what).collect()
}

/// Waits until the calls of a test have noted this.
pub(crate) async fn until_noted(word: &str, what: &[&str]) {
    let all = timeout(Duration::from_secs(10), async {
        while noted(word) != what {
            sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(all.await.is_ok(), "{:?} was noted and not {what:?}", noted(word));
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Word {
    word: String,
    #[serde(default)]
    ms: u64,
}

/// Shows a call.
#[pikku::function(public)]
pub(crate) async fn show(call: &Call) -> Result<Response, Problem> {
    let request = call.http().ok_or_else(|| Problem::internal("not HTTP"))?;
    let seen = json!({
        "id": call.id(), "trace": call.trace(), "method": request.method.as_str(), "path": request.path.raw(),
        "host": request.header("host"), "client": request.client_ip.as_deref(), "octets": request.body.len(),
        "cookies": request.cookies, "left_ms": call.remaining().map(|left| left.as_millis() as u64),
    });
    Ok(Response::default().with_body("application/json", seen.to_string()))
}

/// Notes when it begins, when it is done and when it is dropped before.
#[pikku::function(public)]
pub(crate) async fn wait(input: Word) -> Result<String, Problem> {
    struct Waiting(String, bool);
    impl Drop for Waiting {
        fn drop(&mut self) {
            note(&self.0, if self.1 { "done" } else { "dropped" });
        }
    }
    note(&input.word, "begun");
    let mut waiting = Waiting(input.word, false);
    sleep(Duration::from_millis(input.ms)).await;
    waiting.1 = true;
    Ok("waited".to_owned())
}

/// Leaves work for after the answer, then waits.
#[pikku::function(public)]
pub(crate) async fn later(call: &Call, input: Word) -> Result<String, Problem> {
    call.after_answer(Box::pin(async move {
        note(&input.word, "work begun");
        sleep(Duration::from_millis(input.ms)).await;
        note(&input.word, "work done");
    }));
    Ok("later".to_owned())
}

/// Panics.
#[pikku::function(public)]
pub(crate) async fn fail() -> Result<String, Problem> {
    panic!("on purpose")
}

/// Streams numbers, and ends as it is told, or not at all. It notes when what makes them is dropped.
#[pikku::function(public)]
pub(crate) async fn stream(input: Word) -> Result<Response, Problem> {
    struct Numbers(u32, String, Pin<Box<tokio::time::Sleep>>);
    impl Drop for Numbers {
        fn drop(&mut self) {
            note(&self.1, "dropped");
        }
    }
    impl Stream for Numbers {
        type Item = Result<Bytes, BoxError>;
        fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            if self.1.starts_with("slowly") {
                // Each a while after the other.
                ready!(self.2.as_mut().poll(context));
                self.2 = Box::pin(sleep(Duration::from_millis(100)));
            }
            self.0 += 1;
            if self.0 <= 3 {
                return Poll::Ready(Some(Ok(format!("{}\n", self.0).into())));
            }
            match self.1.split('-').next().unwrap_or_default() {
                "fails" => Poll::Ready(Some(Err("the private reason".into()))),
                "panics" => panic!("on purpose"),
                "endless" => {
                    context.waker().wake_by_ref();
                    Poll::Ready(Some(Ok(vec![b'x'; 65_536].into())))
                }
                "silent" => Poll::Pending,
                _ => Poll::Ready(None),
            }
        }
    }
    Ok(Response::default()
        .with_body("text/plain", Body::stream(Numbers(0, input.word, Box::pin(sleep(Duration::from_millis(100)))))))
}

/// A service that notes its end beside the word of who used it.
pub(crate) struct Closing(Mutex<String>);

#[pikku::service(close = closed)]
fn closing() -> Closing {
    Closing(Mutex::default())
}

async fn closed(closing: &Closing) {
    note(&closing.0.lock().unwrap(), "closed");
}

/// Uses the service.
#[pikku::function(public)]
pub(crate) async fn uses(closing: &Closing, input: Word) -> Result<String, Problem> {
    *closing.0.lock().unwrap() = input.word;
    Ok("used".to_owned())
}

#[derive(Group)]
pub(crate) struct Tests;

pub(crate) fn app<S: Selection>() -> App<S> {
    App::new().group::<Tests>(|g| {
        g.http::<show>(any("/show/{*rest}"))
            .http::<wait>(get("/wait"))
            .http::<later>(post("/later"))
            .http::<fail>(get("/fail"))
            .http::<stream>(get("/stream"))
            .http::<uses>(get("/uses"))
    })
}

/// A server of the app.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
}

/// Starts a server of the app with limits.
pub(crate) async fn started(limits: Limits) -> Running {
    started_with(app(), limits).await
}

/// Starts a server with limits.
pub(crate) async fn started_with(app: App<All>, limits: Limits) -> Running {
    started_as(Server::new(app).limits(limits)).await
}

/// Starts a server.
pub(crate) async fn started_as(server: Server<All>) -> Running {
    let (stop, stopped) = oneshot::channel::<()>();
    let server = server.address("127.0.0.1:0");
    let server = server.until(async { stopped.await.unwrap_or_default() }).bind().await.unwrap();
    Running { address: server.address(), stop: Some(stop), ended: tokio::spawn(server.serve()) }
}

impl Running {
    /// Asks it to stop.
    pub(crate) fn stop(&mut self) {
        self.stop.take().expect("it is stopped once").send(()).expect("it runs");
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(self) {
        timeout(Duration::from_secs(20), self.ended).await.expect("it ends").expect("it does not panic");
    }

    /// A connection of one's own.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection of HTTP/2.
    pub(crate) async fn http2<B>(&self) -> SendRequest<B>
    where
        B: hyper::body::Body<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static,
    {
        let io = TokioIo::new(self.connect().await);
        let (client, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Sends octets, and reads until the server closes.
    pub(crate) async fn raw(&self, octets: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // The server may close before it has read all of it.
        let _ = stream.write_all(octets.as_ref()).await;
        rest(&mut stream).await
    }

    /// Sends a request without a body, over a connection of its own; the status and the body of the answer.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.raw(format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")).await;
        (status(&answer), body(&answer).to_owned())
    }
}

/// All that comes until the server closes.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    let read = timeout(Duration::from_secs(20), stream.read_to_end(&mut octets)).await.expect("the server closes");
    // A reset after the answer is an end as well.
    drop(read);
    String::from_utf8_lossy(&octets).into_owned()
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// The body of an answer.
pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}")).1
}

/// A header of an answer.
pub(crate) fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let lines = answer.split("\r\n\r\n").next()?.lines().skip(1);
    lines.filter_map(|line| line.split_once(": ")).find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| v)
}

/// The code in a problem.
pub(crate) fn code(body: &str) -> String {
    let problem: Value = serde_json::from_str(body).unwrap_or_else(|why| panic!("no problem: {why}: {body:?}"));
    problem["code"].as_str().unwrap_or_default().to_owned()
}
