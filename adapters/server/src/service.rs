//! The app as a tower service.

use crate::{
    Answer, ClientAddress, Limits,
    current::Current,
    platform::Process,
    pulse::Beat,
    queues::Store,
    request::{self, REQUEST_ID, Told},
    settings::QueueSettings,
    span::{self, Begin, CallSpan, Kind},
};
use http::{HeaderValue, Request, Response};
use http_body::Body;
use pikku::{
    App, BoxFuture, Engine, Problem, Selection, StatusCode,
    call::{AfterAnswer, Context},
    dispatch::StartError,
    http::HttpRequest,
    platform::{Level, LogLine},
};
use pikku_hyper::{Intake, Part, Share, Taken};
use std::{
    convert::Infallible,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{self, Poll},
    time::Instant,
};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

/// An app that has been started, as a tower service: requests in, responses out, whole bodies in, streams out.
///
/// It never fails: every error is a response. The id of a request is that of its `x-request-id`, where what stands around the
/// service has left one there that is well-formed. Clones share the app. A request whose future is dropped, as servers do when
/// the client goes away, ends its call.
///
/// ```
/// # use pikku::{All, App, Selection, http::get};
/// # #[pikku::function(public)]
/// # async fn hello() -> Result<String, pikku::Problem> { Ok("hello".to_owned()) }
/// # #[derive(pikku::Group)] struct Hello;
/// # fn app<S: Selection>() -> App<S> { App::new().group::<Hello>(|g| g.http::<hello>(get("/hello"))) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = pikku_server::AppService::start(app::<All>(), Default::default()).await?;
/// let router: axum::Router = axum::Router::new()
///     .route("/version", axum::routing::get(|| async { "1.0" }))
///     .fallback_service(service.clone());
/// // … serve the router; then:
/// service.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AppService(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    engine: Engine,
    queues: Arc<Store>,
    limits: Arc<Limits>,
    intake: Intake,
    /// For the requests at a time.
    places: Share,
    /// The work after answers.
    work: TaskTracker,
    executor: Handle,
}

impl AppService {
    /// Starts an app: checks its wirings and builds its services.
    ///
    /// What it sends goes to the store that `PIKKU_QUEUES` names, which is opened with the first message. What is in the store
    /// it does not take, and it runs no schedules: a [`Server`](crate::Server) does.
    ///
    /// # Errors
    ///
    /// What stops it from starting.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with timers.
    pub async fn start<S: Selection>(app: App<S>, limits: Limits) -> Result<Self, StartError> {
        let address = std::env::var("PIKKU_QUEUES").unwrap_or_else(|_| QueueSettings::default().store);
        Self::start_with(app, limits, Arc::new(Store::at(&address))).await
    }

    /// Starts an app whose messages go to that store.
    pub(crate) async fn start_with<S: Selection>(
        app: App<S>,
        limits: Limits,
        queues: Arc<Store>,
    ) -> Result<Self, StartError> {
        let file = crate::file::File::named::<S>()?;
        let engine = Engine::start(app, Arc::new(Process { queues: Arc::clone(&queues), file })).await?;
        let limits = Arc::new(limits);
        let Limits { body, bodies, request_time, .. } = *limits;
        let intake = Intake::new(pikku_hyper::Limits { body, bodies, time: request_time });
        let places = Share::new(limits.requests);
        let (work, executor) = (TaskTracker::new(), Handle::current());
        Ok(Self(Arc::new(Shared { engine, limits, intake, places, work, executor, queues })))
    }

    /// Waits for the work after answers, then closes the services, each before those it needs. For when no more requests
    /// come.
    pub async fn close(&self) {
        self.finish_work().await;
        self.0.engine.close().await;
    }

    /// Waits for the work after answers.
    pub(crate) async fn finish_work(&self) {
        self.0.work.close();
        self.0.work.wait().await;
    }

    /// Whether the store of the queues could be used when it last was.
    pub(crate) fn are_queues_available(&self) -> bool {
        self.0.queues.is_available()
    }

    pub(crate) fn limits(&self) -> &Arc<Limits> {
        &self.0.limits
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Answers a request of a client at that address; the connection has a beat until the answer is sent. `takes_id` says that
    /// the id in its headers is not the client's own. Everything that can be done without waiting is done at once, so that the
    /// future is small: there is one for each request.
    pub(crate) fn answer<B: Body>(
        &self,
        request: Request<B>,
        client: Option<&Arc<str>>,
        takes_id: bool,
        beat: Option<Beat>,
    ) -> impl Future<Output = Result<Response<Answer>, Infallible>> + use<B> {
        let (parts, body) = request.into_parts();
        let (mut request, Told { id, trace, state, waits, .. }, room) = request::read(parts);
        let id = id.filter(|_| takes_id).unwrap_or_else(made_id);
        request.request_id = Some(Arc::clone(&id));
        request.client_ip = client.cloned();
        let request = Box::new(request);
        let [parent, state] = [&trace, &state].map(|value| value.as_ref()?.to_str().ok());
        let (method, path) = (&request.method, request.path.raw());
        let begin = Begin {
            kind: Kind::Request { method, path, client: client.map(|client| &**client) },
            id: &id,
            parent: (parent, state),
        };
        let route = || self.0.engine.route_of(method, path);
        let CallSpan { span, trace } = CallSpan::begin(&begin, || route().map(|(path, name)| (Some(path), name)));
        let known = Current { id: Arc::clone(&id), trace: trace.clone(), source: None };
        let limit_ms = self.0.limits.request_time.as_millis() as u64;
        let context = Context {
            id,
            deadline_ms: Some(self.0.engine.platform().now_ms().saturating_add(limit_ms)),
            trace,
            ..Context::default()
        };
        let answering = Answering::new(self, &context, &known, &span);
        let told = tracing::enabled!(tracing::Level::DEBUG)
            .then(|| Box::new((Instant::now(), method.clone(), path.to_owned())));
        let answered = async move {
            let response = answering.service.respond(request, pin!(body), waits, beat.as_ref(), context).await;
            if let Some(told) = told {
                let (begun, method, path) = *told;
                let (status, ms) = (response.status.as_u16(), begun.elapsed().as_secs_f64() * 1e3);
                tracing::debug!(%method, path, status, ms, "answered");
            }
            span::answered(&answering.span, response.status);
            let id = if response.headers.contains(REQUEST_ID.as_str()) {
                None
            } else {
                // Whoever has made it, it is visible text.
                HeaderValue::from_str(&answering.known.id).ok()
            };
            let mut response = pikku_hyper::response(response, room, |body| Answer::new(body, Some(answering), beat));
            if let Some(id) = id {
                response.headers_mut().append(REQUEST_ID, id);
            }
            Ok(response)
        };
        known.during(answered.instrument(span))
    }

    async fn respond<'a, B: Body>(
        &'a self,
        mut request: Box<HttpRequest>,
        body: Pin<&'a mut B>,
        waits: bool,
        beat: Option<&Beat>,
        context: Context,
    ) -> pikku::Response {
        // A connection of our own reads the rest when it has answered.
        match self.take(body, waits || beat.is_some()).await {
            Ok((mut taken, _place)) => {
                request.body = std::mem::take(&mut taken.octets);
                // Until it is answered the body may be held.
                self.0.engine.answer(request, context).await
            }
            Err(problem) => {
                if let (Some(beat), false) = (beat, waits) {
                    beat.leaves_the_rest();
                }
                let (code, status) = (problem.code(), problem.status().as_u16());
                tracing::info!(target: "pikku", code, status, "{}", problem.detail());
                self.0.engine.refuse(problem, request, context).await
            }
        }
    }

    /// The body of a request, and its place among those that are answered at a time.
    async fn take<B: Body>(&self, body: Pin<&mut B>, is_left: bool) -> Result<(Taken, Part), Problem> {
        let full = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "there are too many requests now");
        let place = self.0.places.take(1).ok_or_else(full)?;
        Ok((self.0.intake.take(body, is_left).await?, place))
    }
}

/// An id for a request that has none: 128 random bits.
fn made_id() -> Arc<str> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (octet, random) in text.chunks_exact_mut(2).zip(fastrand::u128(..).to_be_bytes()) {
        octet.copy_from_slice(&[DIGITS[usize::from(random >> 4)], DIGITS[usize::from(random & 15)]]);
    }
    str::from_utf8(&text).unwrap_or_default().into()
}

impl<B> tower_service::Service<Request<B>> for AppService
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let client = request.extensions().get().map(|client: &ClientAddress| client.text());
        Box::pin(self.answer(request, client.as_ref(), true, None))
    }
}

/// A request from its beginning to the end of its answer, or to the client's going away, whichever is first.
#[derive(Debug)]
pub(crate) struct Answering {
    service: AppService,
    after: AfterAnswer,
    deadline_ms: Option<u64>,
    known: Current,
    span: Span,
}

impl Answering {
    fn new(service: &AppService, context: &Context, known: &Current, span: &Span) -> Self {
        Self {
            service: service.clone(),
            after: context.after.clone(),
            deadline_ms: context.deadline_ms,
            known: known.clone(),
            span: span.clone(),
        }
    }

    pub(crate) fn log_failed_body(&self, reason: &str) {
        let line = LogLine::new(Level::Error, "the body of a response could not be made");
        let log = || self.service.0.engine.platform().log(&LogLine { detail: Some(reason), ..line });
        self.known.clone().within(|| self.span.in_scope(log));
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.after.cancel();
        if self.after.is_empty() {
            return;
        }
        let (service, after, deadline_ms) = (self.service.clone(), self.after.clone(), self.deadline_ms);
        let work = async move { after.run(&**service.0.engine.platform(), deadline_ms).await };
        let work = self.known.clone().during(work.instrument(self.span.clone()));
        self.service.0.work.spawn_on(work, &self.service.0.executor);
    }
}
