use crate::LayeredBody;
use bytes::Bytes;
use http::{Extensions, Method, Request, Response};
use http_body::Body;
use pikku::{
    __private::chain,
    BoxError, BoxFuture, Platform, Problem,
    platform::{Level, LogLine},
};
use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service, ServiceExt as _, util::BoxCloneSyncService};

/// The app as a layer has it: it takes bodies of any type, so that a layer may have put another around them, and never fails.
#[derive(Clone)]
pub struct LayeredService(BoxCloneSyncService<Request<LayeredBody>, Response<LayeredBody>, Infallible>);

impl LayeredService {
    /// A service of which a failure is an answer: the envelope of the app, with the reason in the log of the platform. Whether it
    /// has room is asked where the request waits for it, so that nothing else does.
    pub fn new<S, B>(service: S, platform: &Arc<dyn Platform>) -> Self
    where
        S: Service<Request<LayeredBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(BoxCloneSyncService::new(Answering { service, platform: Arc::clone(platform) }))
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request<LayeredBody>) -> Response<LayeredBody> {
        let Ok(response) = self.0.clone().oneshot(request).await;
        response
    }
}

impl fmt::Debug for LayeredService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LayeredService").finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for LayeredService
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<LayeredBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.call(request.map(LayeredBody::new))
    }
}

/// A layer that can stand around an app: any layer of tower whose service takes a request with a [`LayeredBody`] and answers with
/// any body of octets. What fails is answered with a 500, whose reason is in the log.
///
/// What is written for axum takes axum's bodies: a `tower::util::MapRequestLayer` before it puts `axum::body::Body::new` around
/// ours.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no layer that can stand around an app",
    note = "its service has to be `Clone + Send + Sync`, to take a `http::Request<pikku_tower::LayeredBody>`, and to answer with a \
            `http::Response` whose body has octets for its data"
)]
pub trait HttpLayer {
    /// That service with the layer around it.
    fn around(self, inner: LayeredService, platform: &Arc<dyn Platform>) -> LayeredService;
}

impl<L, B> HttpLayer for L
where
    L: Layer<LayeredService>,
    L::Service: Service<Request<LayeredBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
    <L::Service as Service<Request<LayeredBody>>>::Error: Into<BoxError>,
    <L::Service as Service<Request<LayeredBody>>>::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn around(self, inner: LayeredService, platform: &Arc<dyn Platform>) -> LayeredService {
        LayeredService::new(self.layer(inner), platform)
    }
}

/// What is known of a request apart from its head: an extension of each that an app's own layers are given.
#[derive(Clone, Debug)]
pub struct RequestInfo(pub(crate) Arc<Info>);

#[derive(Debug)]
pub(crate) struct Info {
    pub(crate) id: Arc<str>,
    pub(crate) trace: Option<String>,
    pub(crate) client_ip: Option<Arc<str>>,
    pub(crate) deadline_ms: Option<u64>,
}

impl RequestInfo {
    /// The id of the call that it becomes.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The trace header as it arrived.
    pub fn trace(&self) -> Option<&str> {
        self.0.trace.as_deref()
    }

    /// The client's address as the platform tells it.
    pub fn client_ip(&self) -> Option<&str> {
        self.0.client_ip.as_deref()
    }

    /// When the platform ends it, in milliseconds since the Unix epoch.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.0.deadline_ms
    }
}

/// A service of which a failure is an answer.
#[derive(Clone)]
struct Answering<S> {
    service: S,
    platform: Arc<dyn Platform>,
}

impl<S, B> Service<Request<LayeredBody>> for Answering<S>
where
    S: Service<Request<LayeredBody>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<LayeredBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<LayeredBody>) -> Self::Future {
        let (service, platform) = (self.service.clone(), Arc::clone(&self.platform));
        let failure = Failure::of(request.method(), request.extensions());
        Box::pin(async move {
            Ok(match service.oneshot(request).await {
                Ok(response) => response.map(LayeredBody::new),
                Err(error) => failure.answer(&*platform, format!("a layer failed: {}", chain(&*error.into()))),
            })
        })
    }
}

/// What is told of a request where something around it fails.
pub(crate) struct Failure {
    head: bool,
    info: Option<RequestInfo>,
}

impl Failure {
    pub(crate) fn of(method: &Method, extensions: &Extensions) -> Self {
        Self { head: method == Method::HEAD, info: extensions.get().cloned() }
    }

    /// What the client is told of it, which is nothing of the reason: that is for the log.
    pub(crate) fn answer(self, platform: &dyn Platform, reason: String) -> Response<LayeredBody> {
        let problem = Problem::internal(reason);
        platform.log(&LogLine {
            call_id: self.info.as_ref().map(RequestInfo::id),
            trace: self.info.as_ref().and_then(RequestInfo::trace),
            code: Some(problem.code()),
            status: Some(problem.status().as_u16()),
            detail: problem.private(),
            ..LogLine::new(Level::Error, problem.detail())
        });
        response(pikku::Response::refusal(&problem, self.head))
    }
}

/// A response as layers have it.
pub(crate) fn response(response: pikku::Response) -> Response<LayeredBody> {
    let pikku::Response { status, headers, body } = response;
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = headers.to_map();
    response
}
