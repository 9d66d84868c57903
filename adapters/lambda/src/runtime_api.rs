//! The client of the Runtime API: the one loop that every event passes through.
//!
//! `lambda_runtime` is the reference for this protocol and the peer that the benchmarks measure against, but it is not on
//! this path. With it, the bundle of one validated function over HTTP (`opt-level = "s"`, fat LTO, panics abort) was
//! 1,157,112 bytes and took 174,519 instructions for one POST through API Gateway 2.0; with this client it is 987,256 bytes
//! and takes 121,863. The rest went into a pooling client, boxed layers and a second reading of the event. Nor does it
//! report a failed start, and its graceful shutdown goes through `lambda_extension`, which brings an HTTP server, telemetry
//! types and `chrono`. What is left is small: four requests over one connection of `hyper`.
//!
//! Source: "Using the Lambda runtime API for custom runtimes" and "Lambda Extensions API" of the Lambda guide.

use crate::error::InvocationError;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1::{SendRequest, handshake},
    header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use std::{io, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// How long the sandbox may take to answer what it answers at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// One connection to the Runtime API.
#[derive(Debug)]
pub(crate) struct Client {
    host: String,
    /// What stands before the paths of the Runtime API; empty on the platform itself.
    base: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// An event to be handled.
#[derive(Debug)]
pub(crate) struct Event {
    /// The id of the invocation.
    pub(crate) id: String,
    /// When the platform ends it, in milliseconds since the Unix epoch.
    pub(crate) deadline_ms: Option<u64>,
    /// The trace header.
    pub(crate) trace: Option<String>,
    /// A second id, which an answer must repeat where the platform gives one.
    guard: Option<HeaderValue>,
    /// The event.
    pub(crate) body: Bytes,
}

type Headers<'a> = &'a [(HeaderName, &'a str)];

const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
const DEADLINE: &str = "lambda-runtime-deadline-ms";
const TRACE: &str = "lambda-runtime-trace-id";
const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");
const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-runtime-function-error-type");
const EXTENSION_NAME: HeaderName = HeaderName::from_static("lambda-extension-name");
const EXTENSION_ID: HeaderName = HeaderName::from_static("lambda-extension-identifier");

impl Client {
    /// A client of the API at `address`, which is a host and port, and may end in a base path.
    pub(crate) fn new(address: &str) -> Self {
        let (host, base) = address.split_once('/').unwrap_or((address, ""));
        let base = if base.is_empty() { String::new() } else { format!("/{}", base.trim_end_matches('/')) };
        Self { host: host.to_owned(), base, connection: None }
    }

    /// A client of the same API over a connection of its own.
    pub(crate) fn another(&self) -> Self {
        Self { host: self.host.clone(), base: self.base.clone(), connection: None }
    }

    /// Waits for the next event, however long.
    pub(crate) async fn next(&mut self) -> io::Result<Event> {
        let response = self.exchange("GET", "/2018-06-01/runtime/invocation/next", &[], Bytes::new()).await?;
        let (head, body) = response.into_parts();
        let text = |name: &str| Some(head.headers.get(name)?.to_str().ok()?.to_owned());
        let id = text(REQUEST_ID).ok_or_else(|| io::Error::other("the Runtime API sent an event without an id"))?;
        Ok(Event {
            id,
            deadline_ms: text(DEADLINE).and_then(|deadline| deadline.parse().ok()),
            trace: text(TRACE),
            guard: head.headers.get(INVOCATION_ID).cloned(),
            body: body.collect().await.map_err(io::Error::other)?.to_bytes(),
        })
    }

    /// Answers an event.
    pub(crate) async fn answer(
        &mut self,
        id: &str,
        guard: Option<&HeaderValue>,
        outcome: Result<String, InvocationError>,
    ) -> io::Result<()> {
        let guard = guard.and_then(|guard| guard.to_str().ok()).map(|guard| (INVOCATION_ID, guard));
        let response = match outcome {
            Ok(answer) => {
                let path = format!("/2018-06-01/runtime/invocation/{id}/response");
                self.exchange("POST", &path, guard.as_slice(), answer.into()).await
            }
            Err(error) => {
                let path = format!("/2018-06-01/runtime/invocation/{id}/error");
                let mut headers = vec![(ERROR_TYPE, error.error_type.as_str())];
                headers.extend(guard);
                self.exchange("POST", &path, &headers, error.report().into()).await
            }
        };
        drained(response?).await
    }

    /// Reports a failed start.
    pub(crate) async fn init_error(&mut self, error: &InvocationError) -> io::Result<()> {
        let headers = [(ERROR_TYPE, error.error_type.as_str())];
        let report = self.exchange("POST", "/2018-06-01/runtime/init/error", &headers, error.report().into());
        drained(timeout(PATIENCE, report).await.map_err(io::Error::other)??).await
    }

    /// Registers an internal extension for no events and gives its identifier. A process without an extension gets no
    /// SIGTERM.
    pub(crate) async fn register_extension(&mut self, name: &str) -> io::Result<String> {
        let headers = [(EXTENSION_NAME, name)];
        let register =
            self.exchange("POST", "/2020-01-01/extension/register", &headers, Bytes::from_static(br#"{"events":[]}"#));
        let response = timeout(PATIENCE, register).await.map_err(io::Error::other)??;
        let id = response.headers().get(EXTENSION_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        drained(response).await?;
        id.ok_or_else(|| io::Error::other("the Extensions API gave no identifier"))
    }

    /// Tells the platform that the extension is ready, and waits; the answer never comes, since it asked for no events.
    pub(crate) async fn extension_ready(&mut self, id: &str) -> io::Result<()> {
        let headers = [(EXTENSION_ID, id)];
        drained(self.exchange("GET", "/2020-01-01/extension/event/next", &headers, Bytes::new()).await?).await
    }

    /// One request over the connection; over a new one where it has been closed meanwhile.
    async fn exchange(
        &mut self,
        method: &str,
        path: &str,
        headers: Headers<'_>,
        body: Bytes,
    ) -> io::Result<Response<Incoming>> {
        let request = || {
            // Extensions have paths of their own, which no base stands before.
            let base = if path.starts_with("/2020") { "" } else { self.base.as_str() };
            let mut request = Request::builder().method(method).uri(format!("{base}{path}"));
            request = request.header(HOST, &self.host).header(CONTENT_TYPE, "application/json");
            for (name, value) in headers {
                request = request.header(name, *value);
            }
            request.body(Full::new(body.clone())).map_err(io::Error::other)
        };
        if let Some(mut connection) = self.connection.take()
            && connection.ready().await.is_ok()
        {
            match connection.try_send_request(request()?).await {
                Ok(response) => return self.kept(connection, response),
                Err(mut error) => {
                    // With the message still in it, it was never sent: the sandbox had closed the connection.
                    if error.take_message().is_none() {
                        return Err(io::Error::other(error.into_error()));
                    }
                }
            }
        }
        let request = request()?;
        let stream = TcpStream::connect(&self.host).await?;
        stream.set_nodelay(true)?;
        let (mut connection, driver) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // What ends the connection also ends the request that is under way, which reports it.
        tokio::spawn(async move { drop(driver.await) });
        let response = connection.send_request(request).await.map_err(io::Error::other)?;
        self.kept(connection, response)
    }

    fn kept(
        &mut self,
        connection: SendRequest<Full<Bytes>>,
        response: Response<Incoming>,
    ) -> io::Result<Response<Incoming>> {
        let status = response.status();
        self.connection = Some(connection);
        if status.is_success() {
            return Ok(response);
        }
        // The body is left unread, so the connection cannot be used again.
        self.connection = None;
        Err(io::Error::other(Refused(status.as_u16())))
    }
}

impl Event {
    /// What an answer must repeat.
    pub(crate) fn guard(&self) -> Option<HeaderValue> {
        self.guard.clone()
    }
}

/// The API answered that it does not take a request.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) u16);

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            410 => formatter.write_str("the answer came too late: the platform had ended the invocation (410)"),
            413 => formatter.write_str("the answer is larger than the platform takes (413)"),
            status => write!(formatter, "the Runtime API answered {status}"),
        }
    }
}

impl std::error::Error for Refused {}

/// Whether an error is the API's answer, after which it can be asked again, rather than a broken connection.
pub(crate) fn is_refusal(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|source| source.is::<Refused>())
}

/// Reads a body to its end, so that the connection can be used again.
async fn drained(response: Response<Incoming>) -> io::Result<()> {
    response.into_body().collect().await.map(drop).map_err(io::Error::other)
}
