use super::{
    answer::{Answer, Failure},
    error::SqsError,
    tls,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Uri,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::{
    error::Error,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(2);

/// How long a connection that is not in use is kept.
const IDLE: Duration = Duration::from_secs(20);

/// The most that is read of an answer; those of SQS are of a few hundred bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// A client of one endpoint.
///
/// It keeps one connection. A second message at the same time opens another, and the one that ends last is kept: a
/// pooling client, with its layers and boxes, would be 150 kB of each bundle that sends.
pub(super) struct Client {
    endpoint: Uri,
    tls: Option<TlsConnector>,
    /// How long an attempt may take, the connection included.
    patience: Duration,
    kept: Mutex<Option<(Connection, Instant)>>,
}

type Connection = SendRequest<Full<Bytes>>;

impl Client {
    pub(super) fn new(endpoint: &Uri, patience: Duration) -> Result<Self, SqsError> {
        let secure = endpoint.scheme_str() == Some("https");
        let tls = if secure { Some(tls::connector()?) } else { None };
        Ok(Self { endpoint: endpoint.clone(), tls, patience, kept: Mutex::new(None) })
    }

    /// Whether it is a client of that endpoint.
    pub(super) fn reaches(&self, endpoint: &Uri) -> bool {
        self.endpoint == *endpoint
    }

    /// One attempt.
    pub(super) async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(), Failure> {
        let silent = |_| Err(Failure::Connection(format!("no answer within {:?}", self.patience)));
        timeout(self.patience, self.attempt(request)).await.unwrap_or_else(silent)
    }

    async fn attempt(&self, request: Request<Full<Bytes>>) -> Result<(), Failure> {
        let mut connection = match self.kept() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let response = connection.send_request(request).await.map_err(failure)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        if body.is_ok() && connection.ready().await.is_ok() {
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((connection, Instant::now()));
        }
        if head.status.is_success() {
            return Ok(());
        }
        // An answer that breaks off still has a status.
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Err(Failure::Answer(Answer::read(head.status, &body)))
    }

    fn kept(&self) -> Option<Connection> {
        let (connection, since) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        (connection.is_ready() && since.elapsed() < IDLE).then_some(connection)
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let host = self.endpoint.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = self.endpoint.port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let opening = timeout(CONNECT, TcpStream::connect((host, port)));
        let stream = opening.await.map_err(|_| Failure::Connection(format!("no connection within {CONNECT:?}")))?;
        let stream = stream.map_err(failure)?;
        stream.set_nodelay(true).map_err(failure)?;
        let Some(tls) = &self.tls else {
            let (connection, task) = handshake(TokioIo::new(stream)).await.map_err(failure)?;
            tokio::spawn(task);
            return Ok(connection);
        };
        let name = ServerName::try_from(host.to_owned()).map_err(failure)?;
        let stream = tls.connect(name, stream).await.map_err(failure)?;
        let (connection, task) = handshake(TokioIo::new(stream)).await.map_err(failure)?;
        tokio::spawn(task);
        Ok(connection)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Client").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// An attempt that ended without an answer: the error with its causes.
fn failure(error: impl Error) -> Failure {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    Failure::Connection(text)
}
