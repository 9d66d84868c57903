use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::{net::TcpStream, runtime::Handle, time::timeout};

/// The most of a collector's answer that is read.
const LONGEST_ANSWER: usize = 64 << 10;

/// The collector that spans are sent to, each time over a connection of its own: every five seconds that costs less than
/// looking after one.
#[derive(Debug)]
pub(super) struct Collector {
    timeout: Duration,
    executor: Handle,
    /// The last sending failed: it is told once, not every five seconds.
    failing: AtomicBool,
}

impl Collector {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, executor: Handle::current(), failing: AtomicBool::new(false) }
    }

    fn tell(&self, failure: Option<&HttpError>) {
        match (self.failing.swap(failure.is_some(), Ordering::Relaxed), failure) {
            (false, Some(error)) => tracing::warn!("the collector takes no spans, which are lost: {error}"),
            (true, None) => tracing::info!("the collector takes spans again"),
            _ => {}
        }
    }
}

impl HttpClient for Collector {
    // The library's own form of an asynchronous method, which runs on a thread without an executor.
    fn send_bytes<'s, 'f>(
        &'s self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        let limit = self.timeout;
        let sending = self.executor.spawn(async move { timeout(limit, send(request)).await });
        Box::pin(async move {
            let sent = match sending.await {
                Ok(Ok(sent)) => sent,
                Ok(Err(_)) => Err(format!("it did not answer within {} s", limit.as_secs_f64()).into()),
                Err(error) => Err(error.into()),
            };
            let sent = sent.and_then(|response| match response.status() {
                status if status.is_success() => Ok(response),
                status => Err(format!("it answered {status}").into()),
            });
            self.tell(sent.as_ref().err());
            sent
        })
    }
}

async fn send(request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let (mut parts, body) = request.into_parts();
    let authority = parts.uri.authority().ok_or("its address names no host")?.clone();
    let stream =
        TcpStream::connect((authority.host().trim_matches(['[', ']']), authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    parts.headers.insert(header::HOST, authority.as_str().parse()?);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse()?;
    let exchange = async {
        let response = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await?.to_bytes();
        Ok::<_, HttpError>(Response::from_parts(parts, body))
    };
    // The connection ends with the exchange.
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        answered = exchange.as_mut() => answered,
        ended = connection => {
            ended?;
            exchange.await
        }
    }
}
