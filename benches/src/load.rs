//! Good clients: connections that stay open, each with one request after another.

use crate::failure::Failure;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request and what its answer holds.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    request: Vec<u8>,
    expect: &'static str,
}

impl Asked {
    /// A GET of this path.
    pub(crate) fn get(path: &str, expect: &'static str) -> Self {
        Self { request: format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes(), expect }
    }

    /// A POST of JSON to this path.
    pub(crate) fn post(path: &str, body: &str, expect: &'static str) -> Self {
        Self::with_body("POST", path, body, expect)
    }

    /// A PUT of JSON to this path.
    pub(crate) fn put(path: &str, body: &str, expect: &'static str) -> Self {
        Self::with_body("PUT", path, body, expect)
    }

    /// The same, bearing this token.
    pub(crate) fn bearing(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// The same with a header before its others.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let head = self.request.windows(2).position(|octets| octets == b"\r\n").map_or(0, |end| end + 2);
        self.request.splice(head..head, format!("{name}: {value}\r\n").into_bytes());
        self
    }

    /// Whether it is more than a question.
    pub(crate) fn writes(&self) -> bool {
        !self.request.starts_with(b"GET")
    }

    fn with_body(method: &str, path: &str, body: &str, expect: &'static str) -> Self {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        Self { request: (head + body).into_bytes(), expect }
    }

    /// The greeting that all programs answer.
    pub(crate) fn greeting() -> Self {
        let body = r#"{"name":"Ada","age":36,"tags":["math","poetry"]}"#;
        Self::post("/greet/7", body, "hello, Ada (36)")
    }
}

/// Asks over so many connections at once, so often over each; how long each answer took.
pub(crate) async fn load(
    address: SocketAddr,
    asked: &Asked,
    connections: usize,
    each: usize,
) -> Result<Vec<Duration>, Failure> {
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let asked = asked.clone();
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await?;
                let mut times = Vec::with_capacity(each);
                for _ in 0..each {
                    times.push(connection.ask(&asked).await?);
                }
                Ok::<_, Failure>(times)
            })
        })
        .collect();
    let mut times = Vec::with_capacity(connections * each);
    for client in clients {
        let failed = |error: tokio::task::JoinError| Failure::answer("client", error.to_string());
        times.extend(client.await.map_err(failed)??);
    }
    Ok(times)
}

/// A connection that stays open.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await.map_err(Failure::system("connect"))?;
        stream.set_nodelay(true).map_err(Failure::system("connect"))?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a request; how long its answer took.
    pub(crate) async fn ask(&mut self, asked: &Asked) -> Result<Duration, Failure> {
        let begun = Instant::now();
        let answered = timeout(PATIENCE, self.exchange(&asked.request)).await;
        answered.map_err(|_| Failure::Late { program: "server".to_owned() })??;
        let took = begun.elapsed();
        let answer = String::from_utf8_lossy(&self.buffer);
        if answer.starts_with("HTTP/1.1 2") && answer.contains(asked.expect) {
            return Ok(took);
        }
        Err(Failure::answer("server", answer.into_owned()))
    }

    /// Sends, and reads one answer, whose length is told.
    async fn exchange(&mut self, request: &[u8]) -> Result<(), Failure> {
        self.stream.write_all(request).await.map_err(Failure::system("send"))?;
        self.buffer.clear();
        let mut whole = None;
        while whole.is_none_or(|whole| self.buffer.len() < whole) {
            let read = self.stream.read_buf(&mut self.buffer).await.map_err(Failure::system("receive"))?;
            if read == 0 {
                let got = String::from_utf8_lossy(&self.buffer).into_owned();
                return Err(Failure::answer("server", format!("it closed the connection after {got:?}")));
            }
            whole = whole.or_else(|| length(&self.buffer));
        }
        Ok(())
    }
}

/// The length of an answer, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|octets| octets == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let body = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    Some(end + body.unwrap_or(0))
}

/// The time that so many of a hundred answers took at most, in milliseconds.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let at = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_known_with_the_head() {
        assert_eq!(length(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), None);
        assert_eq!(length(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), Some(38 + 5));
    }

    #[test]
    fn a_token_is_a_header() {
        let asked = Asked::get("/", "").bearing("abc");
        assert_eq!(asked.request, b"GET / HTTP/1.1\r\nAuthorization: Bearer abc\r\nHost: localhost\r\n\r\n");
    }

    #[test]
    fn percentiles_are_of_the_slowest() {
        let mut times: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!([50, 99, 100].map(|percent| percentile(&mut times, percent)), [100.0, 198.0, 200.0]);
        assert_eq!(percentile(&mut [], 99), 0.0);
    }
}
