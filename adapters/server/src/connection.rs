//! One connection, from its beginning to its end.

use crate::{
    Answer, AppService, ClientAddress, Limits,
    health::{Health, Readiness},
    pulse::{Beat, Pulse, Seen},
    request::forwarded,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, rt::Executor};
use hyper_util::{rt::TokioIo, server::conn::auto};
use pikku::{BoxError, BoxFuture};
use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a connection that does nothing may take to say farewell.
const FAREWELL: Duration = Duration::from_secs(1);

/// The least that hyper takes for the octets of a head.
const LEAST_HEAD: usize = 8 << 10;

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct Connections {
    pub(crate) service: AppService,
    pub(crate) health: Health,
    proxies: usize,
    http: auto::Builder<Tracked>,
    /// Everything that runs for a connection.
    pub(crate) tasks: TaskTracker,
    /// Connections take no more requests and end after those that they have.
    pub(crate) stopping: CancellationToken,
    /// Connections end at once.
    pub(crate) ended: CancellationToken,
}

impl Connections {
    pub(crate) fn new(service: AppService, health: Health, proxies: usize) -> Self {
        let tasks = TaskTracker::new();
        let http = http(service.limits(), Tracked(tasks.clone()));
        let (stopping, ended) = (CancellationToken::new(), CancellationToken::new());
        Self { service, health, proxies, http, tasks, stopping, ended }
    }

    fn readiness(&self) -> Readiness {
        if self.stopping.is_cancelled() {
            Readiness::Stopping
        } else if self.service.are_queues_available() {
            Readiness::Ready
        } else {
            Readiness::QueuesAway
        }
    }

    /// Answers what comes over a connection, until it ends.
    pub(crate) async fn attend(self: Arc<Self>, stream: TcpStream, client: SocketAddr) {
        let pulse = Arc::new(Pulse::new());
        let io = TokioIo::new(Seen { stream, pulse: Arc::clone(&pulse) });
        let handler = Handler { shared: Arc::clone(&self), client: ClientAddress(client), pulse: Arc::clone(&pulse) };
        let mut connection = pin!(self.http.serve_connection(io, handler));
        let Limits { head_time, idle_time, .. } = **self.service.limits();
        let mut stops = pin!(pulse.stops(head_time, idle_time));
        let mut stopping = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        // The client's doing: it broke off, or does not speak HTTP.
                        tracing::debug!(%client, "a connection ended: {error}");
                    }
                    return;
                }
                () = self.stopping.cancelled(), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = &mut stops => {
                    tracing::debug!(%client, "a connection did nothing for too long");
                    connection.as_mut().graceful_shutdown();
                    // Whether it has said farewell in time or not, it ends here.
                    let _ = timeout(FAREWELL, connection).await;
                    return;
                }
                () = self.ended.cancelled() => return,
            }
        }
    }
}

fn http(limits: &Limits, tasks: Tracked) -> auto::Builder<Tracked> {
    let mut http = auto::Builder::new(tasks);
    http.http1().max_buf_size(limits.head.max(LEAST_HEAD)).max_headers(limits.headers);
    let head = u32::try_from(limits.head).unwrap_or(u32::MAX);
    http.http2().max_header_list_size(head).max_concurrent_streams(limits.streams);
    http
}

/// Runs the requests of HTTP/2, so that an end waits for them.
#[derive(Clone, Debug)]
struct Tracked(TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

/// Answers the requests of a connection.
#[derive(Clone, Debug)]
struct Handler {
    shared: Arc<Connections>,
    client: ClientAddress,
    pulse: Arc<Pulse>,
}

impl hyper::service::Service<Request<Incoming>> for Handler {
    type Response = Response<Sent>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let Self { shared, client, pulse } = self.clone();
        let beat = pulse.beat();
        let client = forwarded(request.headers(), shared.proxies).unwrap_or(client);
        request.extensions_mut().insert(client);
        Box::pin(async move {
            let health = shared.health.answer(request.method(), request.uri().path(), shared.readiness());
            let response = match health {
                Some(response) => response,
                None => shared.service.clone().answer(request).await,
            };
            Ok(response.map(|answer| Sent { answer, _beat: beat }))
        })
    }
}

/// A body being sent: as long as it is, its connection is not idle.
#[derive(Debug)]
struct Sent {
    answer: Answer,
    _beat: Beat,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.answer).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.size_hint()
    }
}
