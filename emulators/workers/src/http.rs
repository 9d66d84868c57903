//! Requests as bytes, and the responses to them.
//!
//! A request is written as it is given: its target is not parsed and its headers are neither merged nor sorted, so that
//! what a Worker makes of odd ones can be seen. It has a connection of its own. While a body is still being sent the
//! response is read already, as a Worker may answer before it has read everything.

use crate::RequestError;
use bytes::{Buf as _, Bytes, BytesMut};
use std::{
    io,
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, tcp::OwnedReadHalf},
    task::AbortHandle,
};

/// The most headers of a response that are read.
const MOST_HEADERS: usize = 256;

/// The largest head of a response that is read.
const LARGEST_HEAD: usize = 1024 * 1024;

/// A request to a Worker, or to any other server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    limit: Duration,
    /// Whether the body is all that is sent, its own head included.
    whole: bool,
    resets: bool,
}

impl Request {
    /// Octets that are sent as they are, be they a request or not.
    pub fn octets(octets: impl Into<Bytes>) -> Self {
        Self { whole: true, ..Self::new("", "").body(octets) }
    }

    /// A request with a method and a target: a path, with a query where there is one.
    pub fn new(method: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            limit: Duration::from_secs(60),
            whole: false,
            resets: false,
        }
    }

    /// Adds a header. `Host` is `localhost` where none is given, and the length of a body is added.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// How long the head of the response, and each further part of it, may take; a minute otherwise.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Resets the connection where it is given up. workerd takes one that is closed for one of a client that waits still.
    #[must_use]
    pub fn resets(mut self) -> Self {
        self.resets = true;
        self
    }

    /// Adds the headers that Cloudflare's edge adds to each request, where they are not given: the client's address, and
    /// an id of the request.
    #[must_use]
    pub fn at_the_edge(self) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let ray = format!("{:016x}-LOC", since.as_nanos() as u64);
        self.header_unless_given("CF-Connecting-IP", "127.0.0.1").header_unless_given("CF-Ray", &ray)
    }

    fn header_unless_given(self, name: &str, value: &str) -> Self {
        if self.has(name) { self } else { self.header(name, value) }
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name))
    }

    fn head(&self) -> String {
        if self.whole {
            return String::new();
        }
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let mut line = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        if !self.has("host") {
            line("Host", "localhost");
        }
        self.headers.iter().for_each(|(name, value)| line(name, value));
        let sends = !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        if sends && !self.has("content-length") && !self.has("transfer-encoding") {
            line("Content-Length", &self.body.len().to_string());
        }
        head.push_str("\r\n");
        head
    }

    /// Sends it to whatever listens there, over a connection of its own. The response is there as soon as its head is.
    ///
    /// # Errors
    /// A connection that fails, an answer that is no HTTP or does not come in time.
    pub async fn send(self, address: SocketAddr) -> Result<Streamed, RequestError> {
        let stream = TcpStream::connect(address).await.map_err(RequestError::Connection)?;
        if self.resets {
            stream.set_zero_linger().map_err(RequestError::Connection)?;
        }
        let (reader, mut writer) = stream.into_split();
        let (head, body, limit) = (self.head(), self.body, self.limit);
        let writing = tokio::spawn(async move {
            // Where the Worker reads no further, its response says why.
            if writer.write_all(head.as_bytes()).await.is_ok() && writer.write_all(&body).await.is_ok() {
                let _ = writer.flush().await;
            }
            // Closing this half would look like a client that has gone away.
            std::future::pending::<()>().await;
        });
        let connection = Connection { reader, buffer: BytesMut::new(), writing: writing.abort_handle(), limit };
        connection.response(self.method == "HEAD").await
    }
}

/// A whole response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A response whose body is still coming.
#[derive(Debug)]
pub struct Streamed {
    /// The status.
    pub status: u16,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    connection: Connection,
    framing: Framing,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// After so many more bytes.
    Length(u64),
    /// By chunks; before the next chunk's head.
    Chunked,
    /// By chunks; so many bytes of this one are left.
    InChunk(u64),
    /// With the connection.
    Close,
    /// It is there.
    Done,
}

#[derive(Debug)]
struct Connection {
    reader: OwnedReadHalf,
    buffer: BytesMut,
    writing: AbortHandle,
    limit: Duration,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.writing.abort();
    }
}

fn no_http(reason: impl ToString) -> RequestError {
    RequestError::NoHttp { reason: reason.to_string() }
}

impl Connection {
    async fn response(mut self, head_only: bool) -> Result<Streamed, RequestError> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            let mut parsed = httparse::Response::new(&mut headers);
            match parsed.parse(&self.buffer).map_err(no_http)? {
                httparse::Status::Complete(length) => {
                    let status = parsed.code.ok_or_else(|| no_http("it has no status"))?;
                    let headers: Vec<(String, String)> = parsed
                        .headers
                        .iter()
                        .map(|h| (h.name.to_ascii_lowercase(), String::from_utf8_lossy(h.value).into_owned()))
                        .collect();
                    self.buffer.advance(length);
                    if (100..200).contains(&status) && status != 101 {
                        continue;
                    }
                    let framing =
                        if head_only || matches!(status, 101 | 204 | 304) { Framing::Done } else { framing(&headers)? };
                    return Ok(Streamed { status, headers, connection: self, framing });
                }
                httparse::Status::Partial if self.buffer.len() > LARGEST_HEAD => {
                    return Err(no_http("its head does not end"));
                }
                httparse::Status::Partial => {}
            }
            if self.read().await? == 0 {
                return Err(RequestError::Connection(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    async fn read(&mut self) -> Result<usize, RequestError> {
        let limit = self.limit;
        match tokio::time::timeout(limit, self.reader.read_buf(&mut self.buffer)).await {
            Ok(read) => read.map_err(RequestError::Connection),
            Err(_) => Err(RequestError::TimedOut { limit }),
        }
    }
}

fn framing(headers: &[(String, String)]) -> Result<Framing, RequestError> {
    let value = |name: &str| headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.trim());
    if value("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return Ok(Framing::Chunked);
    }
    match value("content-length").map(str::parse) {
        Some(Ok(0)) => Ok(Framing::Done),
        Some(Ok(length)) => Ok(Framing::Length(length)),
        Some(Err(_)) => Err(no_http("its content-length is no number")),
        None => Ok(Framing::Close),
    }
}

impl Streamed {
    /// The next part of the body, as it came; `None` after the last.
    ///
    /// # Errors
    /// A connection that ended within the body, or a part that did not come in time.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, RequestError> {
        loop {
            match self.framing {
                Framing::Done => return Ok(None),
                Framing::Length(left) | Framing::InChunk(left) if !self.connection.buffer.is_empty() => {
                    let buffer = &mut self.connection.buffer;
                    let taken = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let part = buffer.split_to(taken).freeze();
                    self.framing = match (self.framing, left - taken as u64) {
                        (Framing::Length(_), 0) => Framing::Done,
                        (Framing::Length(_), left) => Framing::Length(left),
                        (_, 0) => Framing::Chunked,
                        (_, left) => Framing::InChunk(left),
                    };
                    return Ok(Some(part));
                }
                Framing::Close if !self.connection.buffer.is_empty() => {
                    return Ok(Some(self.connection.buffer.split().freeze()));
                }
                Framing::Chunked => {
                    // The end of the chunk before stands before the head of the next.
                    while self.connection.buffer.starts_with(b"\r\n") {
                        self.connection.buffer.advance(2);
                    }
                    match httparse::parse_chunk_size(&self.connection.buffer) {
                        Ok(httparse::Status::Complete((_, 0))) => {
                            self.framing = Framing::Done;
                            continue;
                        }
                        Ok(httparse::Status::Complete((length, size))) => {
                            self.connection.buffer.advance(length);
                            self.framing = Framing::InChunk(size);
                            continue;
                        }
                        Ok(httparse::Status::Partial) => {}
                        Err(_) => return Err(no_http("a chunk has no size")),
                    }
                }
                _ => {}
            }
            if self.connection.read().await? == 0 {
                if self.framing == Framing::Close {
                    self.framing = Framing::Done;
                    return Ok(None);
                }
                return Err(RequestError::Connection(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// The whole response.
    ///
    /// # Errors
    /// As [`Streamed::next_chunk`].
    pub async fn collect(mut self) -> Result<Response, RequestError> {
        let mut body = BytesMut::new();
        while let Some(part) = self.next_chunk().await? {
            body.extend_from_slice(&part);
        }
        Ok(Response { status: self.status, headers: std::mem::take(&mut self.headers), body: body.freeze() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn a_head_is_written_as_it_is_given() {
        let request = Request::new("GET", "/bad/%zz?a=b|c").header("X-Dup", "1").header("x-dup", "2");
        assert_eq!(request.head(), "GET /bad/%zz?a=b|c HTTP/1.1\r\nHost: localhost\r\nX-Dup: 1\r\nx-dup: 2\r\n\r\n");
        let request = Request::new("POST", "/").header("host", "a").body("xy");
        assert_eq!(request.head(), "POST / HTTP/1.1\r\nhost: a\r\nContent-Length: 2\r\n\r\n");
        assert_eq!(Request::octets("GET / HTTP/0.9").head(), "");
        let chunked = Request::new("PUT", "/").header("Transfer-Encoding", "chunked").body("0\r\n\r\n");
        assert!(!chunked.head().contains("Content-Length"));
        let edge = Request::new("GET", "/").header("cf-connecting-ip", "1.2.3.4").at_the_edge().head();
        assert!(edge.contains("cf-connecting-ip: 1.2.3.4") && edge.contains("CF-Ray: ") && !edge.contains("127.0.0.1"));
    }

    /// What a request comes to whose answer is written in the given parts.
    async fn answered(method: &str, parts: &'static [&'static str]) -> Result<Response, RequestError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            // A connection that is closed with something unread in it is reset.
            assert!(stream.read(&mut [0; 1024]).await.expect("a request") > 0);
            for part in parts {
                stream.write_all(part.as_bytes()).await.expect("written");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Request::new(method, "/").limit(Duration::from_secs(5)).send(address).await?.collect().await
    }

    #[tokio::test]
    async fn bodies_end_as_their_framing_says() {
        let body = async |method, parts| answered(method, parts).await.map(|response| response.body);
        let length = body("GET", &["HTTP/1.1 200 OK\r\nContent-Le", "ngth: 5\r\n\r\nhe", "llo and more"]).await;
        assert_eq!(length.expect("a body"), "hello");
        let chunked = body(
            "GET",
            &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nh", "el\r", "\n2\r\nlo\r\n", "0\r\n\r\n"],
        );
        assert_eq!(chunked.await.expect("a body"), "hello");
        assert_eq!(body("GET", &["HTTP/1.1 200 OK\r\n\r\nhe", "llo"]).await.expect("a body"), "hello");
        assert_eq!(body("HEAD", &["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"]).await.expect("no body"), "");
        assert_eq!(body("GET", &["HTTP/1.1 204 No Content\r\n\r\n"]).await.expect("no body"), "");
        let later =
            body("GET", &["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"]).await;
        assert_eq!(later.expect("a body"), "x");
    }

    #[tokio::test]
    async fn what_breaks_off_is_an_error() {
        let parts: [&'static [&'static str]; 3] = [
            &["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"],
            &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"],
            &["HTTP/1.1 200 OK\r\nContent"],
        ];
        for parts in parts {
            let error = answered("GET", parts).await;
            assert!(matches!(error, Err(RequestError::Connection(_))), "{error:?}");
        }
        for parts in [&["SMTP ready\r\n\r\n"] as &[_], &["HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]] {
            let error = answered("GET", parts).await;
            assert!(matches!(error, Err(RequestError::NoHttp { .. })), "{error:?}");
        }
    }
}
