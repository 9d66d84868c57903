//! One connection, from its beginning to its end.

use crate::{
    AppService, ClientAddress, Limits,
    health::{Health, Readiness},
    layers::{self, Sent},
    pulse::{Pulse, Seen},
    request::REQUEST_ID,
    version::Version,
};
use http::{HeaderValue, Request, Response};
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use pikku_hyper::forwarded;
use pikku_tower::LayeredService;
use std::{
    convert::Infallible,
    future::{Future, poll_fn, ready},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::{either::Either, sync::CancellationToken, task::TaskTracker};

/// How long a connection that does nothing may take to say farewell.
const FAREWELL: Duration = Duration::from_secs(1);

/// The addresses of the client and the proxies before the last.
const FORWARDED: &str = "x-forwarded-for";

/// The least that hyper takes for the octets of a head.
const LEAST_HEAD: usize = 8 << 10;

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct Connections {
    pub(crate) service: AppService,
    /// The same with layers of tower around it, where there are any.
    layered: Option<LayeredService>,
    pub(crate) health: Health,
    proxies: usize,
    http1: http1::Builder,
    http2: http2::Builder<Tracked>,
    /// Everything that runs for a connection.
    pub(crate) tasks: TaskTracker,
    stopping: CancellationToken,
    /// Connections end at once.
    pub(crate) ended: CancellationToken,
}

impl Connections {
    pub(crate) fn new(service: AppService, layered: Option<LayeredService>, health: Health, proxies: usize) -> Self {
        let tasks = TaskTracker::new();
        let (http1, http2) = http(service.limits(), Tracked(tasks.clone()));
        let (stopping, ended) = (CancellationToken::new(), CancellationToken::new());
        Self { service, layered, health, proxies, http1, http2, tasks, stopping, ended }
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
        let mut stream = Seen::new(stream, Arc::clone(&pulse));
        let Limits { head_time, idle_time, .. } = **self.service.limits();
        let mut stops = pin!(pulse.stops(head_time, idle_time));
        let mut asked = pin!(self.stopping.cancelled());
        let mut ended = pin!(self.ended.cancelled());
        let version = {
            let mut version = pin!(stream.version());
            poll_fn(|context| match version.as_mut().poll(context) {
                Poll::Ready(version) => Poll::Ready(version.ok()),
                // It has no request that would be waited for.
                Poll::Pending if asked.as_mut().poll(context).is_ready() => Poll::Ready(None),
                Poll::Pending => stops.as_mut().poll(context).map(|()| None),
            })
            .await
        };
        let Some(version) = version else {
            tracing::debug!(%client, "a connection ended before its first request");
            return;
        };
        let (shared, seen) = (Arc::clone(&self), ClientAddress(client).text());
        let handler = Handler { shared, address: client, client: seen, pulse: Arc::clone(&pulse) };
        let (io, service) = (TokioIo::new(stream), service_fn(move |request| handler.answer(request)));
        // Every connection has room for the kind that most are.
        let mut connection = match version {
            Version::One => Either::Left(self.http1.serve_connection(io, service)),
            Version::Two => Either::Right(Box::pin(self.http2.serve_connection(io, service))),
        };
        let (mut listening, mut stopping) = (false, false);
        loop {
            // A connection is polled for each request: what has been polled once wakes this task by itself, and is polled
            // again only where it may have happened.
            let next = poll_fn(|context| {
                if let Poll::Ready(ended) = Pin::new(&mut connection).poll(context) {
                    return Poll::Ready(Next::Ended(ended));
                }
                if stopping {
                    if ended.as_mut().poll(context).is_ready() {
                        return Poll::Ready(Next::End);
                    }
                } else if !listening || self.tasks.is_closed() {
                    listening = true;
                    if asked.as_mut().poll(context).is_ready() {
                        return Poll::Ready(Next::Stop);
                    }
                }
                stops.as_mut().poll(context).map(|()| Next::Idle)
            });
            let next = next.await;
            match &next {
                Next::Ended(ended) => {
                    if let Err(error) = ended {
                        // The client's doing: it broke off, or does not speak HTTP.
                        tracing::debug!(%client, "a connection ended: {error}");
                    }
                    return;
                }
                Next::End => return,
                Next::Stop | Next::Idle => match &mut connection {
                    Either::Left(connection) => Pin::new(connection).graceful_shutdown(),
                    Either::Right(connection) => connection.as_mut().graceful_shutdown(),
                },
            }
            if matches!(next, Next::Idle) {
                tracing::debug!(%client, "a connection did nothing for too long");
                // Whether it has said farewell in time or not, it ends here.
                let _ = timeout(FAREWELL, &mut connection).await;
                return;
            }
            stopping = true;
        }
    }

    /// Connections take no more requests and end after those that they have.
    pub(crate) fn stop(&self) {
        // In this order: whoever is woken sees that they are to stop.
        self.tasks.close();
        self.stopping.cancel();
    }
}

/// What is next on a connection.
enum Next<E> {
    /// It has ended by itself.
    Ended(E),
    /// It is to end after the requests that it has.
    Stop,
    /// It has done nothing for too long.
    Idle,
    /// It ends at once.
    End,
}

fn http(limits: &Limits, tasks: Tracked) -> (http1::Builder, http2::Builder<Tracked>) {
    let (mut one, mut two) = (http1::Builder::new(), http2::Builder::new(tasks));
    one.max_buf_size(limits.head.max(LEAST_HEAD)).max_headers(limits.headers);
    let head = u32::try_from(limits.head).unwrap_or(u32::MAX);
    two.max_header_list_size(head).max_concurrent_streams(limits.streams);
    (one, two)
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
#[derive(Debug)]
struct Handler {
    shared: Arc<Connections>,
    address: SocketAddr,
    /// The client's address, as calls see it.
    client: Arc<str>,
    pulse: Arc<Pulse>,
}

impl Handler {
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Result<Response<Sent>, Infallible>> + use<> {
        let Self { shared, address, client, pulse } = self;
        let mut beat = Some(pulse.beat());
        match shared.health.answer(request.method(), request.uri().path(), || shared.readiness(), &mut beat) {
            Some(response) => Either::Left(ready(Ok(response.map(Sent::Left)))),
            None => {
                let values = request.headers().get_all(FORWARDED).iter().map(HeaderValue::as_bytes);
                let before = forwarded(values, shared.proxies).map(ClientAddress);
                // With no proxy before it, that too is the client's own.
                let takes_id = shared.proxies > 0;
                Either::Right(match &shared.layered {
                    None => {
                        let before = before.map(ClientAddress::text);
                        let client = before.as_ref().unwrap_or(client);
                        let answered = shared.service.answer(request, Some(client), takes_id, beat);
                        Either::Left(async move { answered.await.map(|response| response.map(Sent::Left)) })
                    }
                    Some(layered) => {
                        let (layered, mut request) = (layered.clone(), request);
                        request.extensions_mut().insert(before.unwrap_or(ClientAddress(*address)));
                        if !takes_id {
                            request.headers_mut().remove(REQUEST_ID);
                        }
                        Either::Right(Box::pin(async move { Ok(layers::answer(&layered, request, beat).await) }))
                    }
                })
            }
        }
    }
}
