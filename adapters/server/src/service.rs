//! The app as a tower service.

use crate::{
    Answer, Limits,
    intake::{Intake, Taken},
    platform::Process,
    queues::Store,
    request::{self, REQUEST_ID},
    settings::QueueSettings,
};
use http::{HeaderValue, Method, Request, Response, header, request::Parts};
use http_body::Body;
use pikku::{
    App, BoxFuture, Engine, Problem, Selection, StatusCode,
    call::{AfterAnswer, Context},
    dispatch::StartError,
    platform::{Level, LogLine},
};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{self, Poll},
    time::Instant,
};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, SemaphorePermit},
};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

/// An app that has been started, as a tower service: requests in, responses out, whole bodies in, streams out.
///
/// It never fails: every error is a response. Clones share the app. A request whose future is dropped, as servers do when
/// the client goes away, ends its call.
///
/// ```
/// # use pikku::{All, App, Selection, http::get};
/// # #[pikku::function]
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
    places: Semaphore,
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
        let engine = Engine::start(app, Arc::new(Process { queues: Arc::clone(&queues) })).await?;
        let limits = Arc::new(limits);
        let intake = Intake::new(Arc::clone(&limits));
        let places = Semaphore::new(limits.requests.min(Semaphore::MAX_PERMITS));
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

    /// Answers a request.
    pub(crate) async fn answer<B: Body>(self, request: Request<B>) -> Response<Answer> {
        let (parts, body) = request.into_parts();
        let id = request::given_id(&parts.headers).unwrap_or_else(made_id);
        let text = id.to_str().unwrap_or_default().to_owned();
        let trace = request::trace(&parts.headers);
        let span = tracing::info_span!("request", id = text, trace = trace);
        let limit_ms = self.0.limits.request_time.as_millis() as u64;
        let context = Context {
            id: text,
            deadline_ms: Some(self.0.engine.platform().now_ms().saturating_add(limit_ms)),
            trace,
            ..Context::default()
        };
        let answering = Answering::new(&self, &context, span.clone());
        let pikku::Response { status, headers, body } = self.respond(parts, body, context).instrument(span).await;
        let mut response = Response::new(Answer::new(body, Some(answering)));
        *response.status_mut() = status;
        *response.headers_mut() = headers.to_map();
        response.headers_mut().entry(REQUEST_ID).or_insert(id);
        response
    }

    async fn respond<B: Body>(&self, parts: Parts, body: B, context: Context) -> pikku::Response {
        let begun = Instant::now();
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let response = match self.take(body, parts.headers.contains_key(header::EXPECT)).await {
            Ok((mut taken, place)) => {
                let request = request::read(parts, std::mem::take(&mut taken.octets), &context.id);
                let response = self.0.engine.http(request, context).await;
                // Until here the body may have been held.
                drop((taken, place));
                response
            }
            Err(problem) => {
                let (code, status) = (problem.code(), problem.status().as_u16());
                tracing::info!(target: "pikku", code, status, "{}", problem.detail());
                pikku::Response::refusal(&problem, method == Method::HEAD)
            }
        };
        let (status, ms) = (response.status.as_u16(), begun.elapsed().as_secs_f64() * 1e3);
        tracing::debug!(%method, path = uri.path(), status, ms, "answered");
        response
    }

    /// The body of a request, and its place among those that are answered at a time.
    async fn take<B: Body>(&self, body: B, waits: bool) -> Result<(Taken, SemaphorePermit<'_>), Problem> {
        let full = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "there are too many requests now");
        let place = self.0.places.try_acquire().map_err(full)?;
        Ok((self.0.intake.take(body, waits).await?, place))
    }
}

/// An id for a request that has none: 128 random bits.
fn made_id() -> HeaderValue {
    let text = format!("{:032x}", fastrand::u128(..));
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("none"))
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
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

/// A request from its beginning to the end of its answer, or to the client's going away, whichever is first.
#[derive(Debug)]
pub(crate) struct Answering {
    service: AppService,
    cancelled: Arc<AtomicBool>,
    after: AfterAnswer,
    deadline_ms: Option<u64>,
    span: Span,
}

impl Answering {
    fn new(service: &AppService, context: &Context, span: Span) -> Self {
        Self {
            service: service.clone(),
            cancelled: Arc::clone(&context.cancelled),
            after: context.after.clone(),
            deadline_ms: context.deadline_ms,
            span,
        }
    }

    pub(crate) fn log_failed_body(&self, reason: &str) {
        let line = LogLine::new(Level::Error, "the body of a response could not be made");
        self.span.in_scope(|| self.service.0.engine.platform().log(&LogLine { detail: Some(reason), ..line }));
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
        if self.after.is_empty() {
            return;
        }
        let (service, after, deadline_ms) = (self.service.clone(), self.after.clone(), self.deadline_ms);
        let work = async move { after.run(&**service.0.engine.platform(), deadline_ms).await };
        self.service.0.work.spawn_on(work.instrument(self.span.clone()), &self.service.0.executor);
    }
}
