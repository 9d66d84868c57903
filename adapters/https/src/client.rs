use crate::{error::SetupError, tls};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    HeaderMap, Request, Response, StatusCode, Uri,
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::{
    error::Error,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(2);

/// How long a connection that is not in use is kept.
const IDLE: Duration = Duration::from_secs(20);

/// The most that is read of an answer where nothing is said; those to a message that is sent are of a few hundred bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// A client of one endpoint.
///
/// It keeps one connection. A second request at the same time opens another, and the one that ends last is kept.
pub struct Client {
    endpoint: Uri,
    tls: Option<TlsConnector>,
    /// How long an attempt may take, the connection included.
    patience: Duration,
    /// The most octets that are read of an answer.
    most: usize,
    kept: Mutex<Option<(Connection, Instant)>>,
}

type Connection = SendRequest<Full<Bytes>>;

/// What an endpoint answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty where it broke off or is too large: over 64 KiB where nothing is said.
    pub body: Bytes,
}

impl Client {
    /// A client of the endpoint whose scheme, host and port are those. Each request may take as long as `patience` says.
    /// `roots` is the variable that names a file of root certificates, instead of the system's.
    ///
    /// # Errors
    ///
    /// There are no root certificates to trust.
    pub fn new(endpoint: &Uri, patience: Duration, roots: &'static str) -> Result<Self, SetupError> {
        let secure = endpoint.scheme_str() == Some("https");
        let tls = if secure { Some(tls::connector(roots)?) } else { None };
        Ok(Self { endpoint: endpoint.clone(), tls, patience, most: ANSWER_BYTES, kept: Mutex::new(None) })
    }

    /// The same with answers of up to so many octets.
    #[must_use]
    pub fn answers_up_to(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Whether it is a client of that endpoint.
    pub fn reaches(&self, endpoint: &Uri) -> bool {
        self.endpoint == *endpoint
    }

    /// One request, tried once.
    ///
    /// # Errors
    ///
    /// Why there was no answer: the error with its causes.
    pub async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let silent = |_| Err(format!("no answer within {:?}", self.patience));
        timeout(self.patience, self.attempt(request)).await.unwrap_or_else(silent)
    }

    async fn attempt(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, String> {
        if let Some(mut connection) = self.kept() {
            match connection.try_send_request(request).await {
                Ok(response) => return self.read(connection, response).await,
                // The other end had closed it. Nothing of the request was sent, so that another connection does.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(failure(error.into_error())),
                },
            }
        }
        let mut connection = self.connect().await?;
        let response = connection.send_request(request).await.map_err(failure)?;
        self.read(connection, response).await
    }

    async fn read(&self, mut connection: Connection, response: Response<Incoming>) -> Result<Answer, String> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.most).collect().await;
        if body.is_ok() && connection.ready().await.is_ok() {
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((connection, Instant::now()));
        }
        // An answer that breaks off still has a status.
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    fn kept(&self) -> Option<Connection> {
        let (connection, since) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        (connection.is_ready() && since.elapsed() < IDLE).then_some(connection)
    }

    async fn connect(&self) -> Result<Connection, String> {
        let host = self.endpoint.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = self.endpoint.port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let opening = timeout(CONNECT, TcpStream::connect((host, port)));
        let stream = opening.await.map_err(|_| format!("no connection within {CONNECT:?}"))?;
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

/// Whether a host, a name or an address, is this machine: what is said to it goes over no network.
pub fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The error with its causes.
fn failure(error: impl Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
