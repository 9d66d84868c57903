//! The app that the tests put layers around.
#![allow(dead_code, reason = "no test uses all of it")]

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use pikku::{
    All, App, BoxError, Bytes, Call, Problem, Queue, Selection,
    http::{any, get as route},
    testing::{LoggedLine, TestApp, TestResponse},
};
use pikku_tower::{HttpLayer, LayeredBody, LayeredService};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, convert::Infallible, future::pending, sync::Mutex};
use tokio::sync::Notify;
use tower::{layer::layer_fn, service_fn};

static CALLS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());
static DROPPED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What the second line of a stream waits for.
pub(crate) static GATE: Notify = Notify::const_new();

/// How often the function was called with this path.
pub(crate) fn calls(path: &str) -> usize {
    CALLS.lock().unwrap().get(path).copied().unwrap_or_default()
}

fn note(path: &str) {
    *CALLS.lock().unwrap().entry(path.to_owned()).or_default() += 1;
}

/// Whether a call of that name was dropped before it had an outcome.
pub(crate) fn was_dropped(name: &str) -> bool {
    DROPPED.lock().unwrap().iter().any(|dropped| dropped == name)
}

/// A request as the function sees it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) routed: String,
    pub(crate) rest: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) given: Option<String>,
    pub(crate) cookies: usize,
    pub(crate) body: String,
    pub(crate) octets: usize,
    pub(crate) client: Option<String>,
}

/// Gives a request back.
#[pikku::function(public)]
async fn echo(call: &Call) -> Result<Seen, Problem> {
    let request = call.http().ok_or_else(|| Problem::internal("not over HTTP"))?;
    let rest: Vec<_> = request.matched_path().segments().skip(1).collect();
    let rest = rest.join("/");
    note(&rest);
    let text = String::from_utf8_lossy(&request.body);
    Ok(Seen {
        method: request.method.to_string(),
        path: request.path.canonical().to_owned(),
        routed: request.matched_path().canonical().to_owned(),
        rest,
        query: request.query.clone(),
        given: request.header("x-given").map(str::to_owned),
        cookies: request.cookies.len(),
        body: text.chars().take(80).collect(),
        octets: request.body.len(),
        client: request.client_ip.as_deref().map(str::to_owned),
    })
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Numbered {
    number: u32,
}

/// Gives a number back.
#[pikku::function(public)]
async fn stated(input: Numbered) -> Result<u32, Problem> {
    Ok(input.number)
}

fn streamed(chunks: impl futures_util::Stream<Item = Result<Bytes, BoxError>> + Send + 'static) -> pikku::Response {
    pikku::Response::default().with_body("text/plain", pikku::Body::stream(chunks))
}

/// Two lines, the second when it is let, and a failure.
#[pikku::function(public)]
async fn stream() -> Result<pikku::Response, Problem> {
    Ok(streamed(futures_util::stream::unfold(0, async |line| {
        let chunk: Result<Bytes, BoxError> = match line {
            0 => Ok("one\n".into()),
            1 => {
                GATE.notified().await;
                Ok("two\n".into())
            }
            _ => Err("the disk is gone".into()),
        };
        Some((chunk, line + 1))
    })))
}

/// A thousand lines.
#[pikku::function(public)]
async fn lines() -> Result<pikku::Response, Problem> {
    Ok(streamed(futures_util::stream::iter((0..1_000).map(|_| Ok("a line\n".into())))))
}

/// Lets others have their turn.
#[pikku::function(public)]
async fn yields() -> Result<(), Problem> {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    Ok(())
}

struct Dropped(String);

impl Drop for Dropped {
    fn drop(&mut self) {
        DROPPED.lock().unwrap().push(std::mem::take(&mut self.0));
    }
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Named {
    name: String,
}

/// Never has an outcome.
#[pikku::function(public)]
async fn never(input: Named) -> Result<(), Problem> {
    note(&input.name);
    let _dropped = Dropped(input.name);
    pending().await
}

/// Fails the first time.
#[pikku::function(public)]
async fn second_time(input: Named) -> Result<String, Problem> {
    note(&input.name);
    match calls(&input.name) {
        1 => Err(Problem::internal("the first time")),
        _ => Ok(input.name),
    }
}

/// Takes a message.
#[pikku::function]
async fn job(message: String) -> Result<String, Problem> {
    Ok(message)
}

#[derive(pikku::Group)]
struct Everything;

pub(crate) fn app_of<S: Selection>() -> App<S> {
    App::new().group::<Everything>(|g| {
        g.http::<echo>(any("/echo/{*rest}"))
            .http::<stated>(route("/stated/{number}"))
            .http::<stream>(route("/stream"))
            .http::<lines>(route("/lines"))
            .http::<yields>(route("/yields"))
            .http::<never>(route("/never/{name}"))
            .http::<second_time>(any("/second-time/{name}"))
            .queue::<job>("jobs", Queue::batch(1))
    })
}

pub(crate) fn app() -> App<All> {
    app_of()
}

pub(crate) async fn started(layered: impl FnOnce(App<All>) -> App<All>) -> TestApp {
    TestApp::start(layered(app())).await
}

pub(crate) async fn get(app: &TestApp, path: &str) -> (u16, String) {
    let answer = app.get(path).send().await;
    (answer.status(), answer.text().to_owned())
}

pub(crate) fn echoed(answer: &TestResponse) -> Seen {
    answer.json()
}

pub(crate) fn logged(app: &TestApp) -> Vec<LoggedLine> {
    app.logged()
}

/// A layer that is this function.
pub(crate) fn around<F, A>(with: F) -> impl HttpLayer
where
    F: Fn(Request<LayeredBody>, LayeredService) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response<LayeredBody>, BoxError>> + Send + 'static,
{
    layer_fn(move |inner: LayeredService| {
        let with = with.clone();
        service_fn(move |request| with(request, inner.clone()))
    })
}

/// These octets in gzip, by the layer that undoes it.
pub(crate) async fn gzipped(octets: &[u8]) -> Bytes {
    use tower::{Layer as _, ServiceExt as _};
    let octets = Bytes::copy_from_slice(octets);
    let answering = service_fn(move |_: Request<Body>| {
        let octets = octets.clone();
        async move { Ok::<_, Infallible>(Response::new(Body::from(octets))) }
    });
    let asked = Request::get("/").header("accept-encoding", "gzip").body(Body::empty()).unwrap();
    let answer = tower_http::compression::CompressionLayer::new().layer(answering).oneshot(asked).await.unwrap();
    answer.into_body().collect().await.map_err(|_| "gzip").unwrap().to_bytes()
}

/// The octets of a gzip.
pub(crate) async fn inflated(octets: &Bytes) -> Vec<u8> {
    use tower::{Layer as _, ServiceExt as _};
    let octets = octets.clone();
    let answering = service_fn(move |_: Request<Body>| {
        let octets = octets.clone();
        async move {
            Ok::<_, Infallible>(
                Response::builder().header("content-encoding", "gzip").body(Body::from(octets)).unwrap(),
            )
        }
    });
    let asked = Request::get("/").body(Body::empty()).unwrap();
    let answer = tower_http::decompression::DecompressionLayer::new().layer(answering).oneshot(asked).await.unwrap();
    answer.into_body().collect().await.map_err(|_| "gzip").unwrap().to_bytes().to_vec()
}
