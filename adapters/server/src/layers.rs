//! Layers of tower around the app.

use crate::{Answer, AppService, pulse::Beat};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Either, combinators::UnsyncBoxBody};
use pikku::{BoxError, BoxFuture, Problem};
use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Service, ServiceExt as _, util::BoxCloneSyncService};

/// The body of a request to, and of a response of, the app with layers around it: empty by default.
#[derive(Debug, Default)]
pub struct LayeredBody {
    body: UnsyncBoxBody<Bytes, BoxError>,
    /// Never read: as long as an answer is being sent, its connection is not idle.
    _beat: Option<Beat>,
}

/// The app as [`Server::layer`](crate::Server::layer) gives it to a layer: it takes bodies of any type, so that a layer may
/// have put another around them, and never fails.
#[derive(Clone)]
pub struct LayeredService(BoxCloneSyncService<Request<LayeredBody>, Response<LayeredBody>, Infallible>);

impl fmt::Debug for LayeredService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LayeredService").finish_non_exhaustive()
    }
}

/// What goes around an app once that has been started.
#[derive(Default)]
pub(crate) struct Layers(Vec<Box<dyn FnOnce(LayeredService) -> LayeredService + Send>>);

impl fmt::Debug for Layers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} layers", self.0.len())
    }
}

impl Layers {
    /// Adds one around those there are.
    pub(crate) fn add(&mut self, around: impl FnOnce(LayeredService) -> LayeredService + Send + 'static) {
        self.0.push(Box::new(around));
    }

    /// The app with all of them around it; `None` where there are none.
    pub(crate) fn around(self, app: &AppService) -> Option<LayeredService> {
        let Self(layers) = self;
        let inner = Answering(app.clone()).erased();
        (!layers.is_empty()).then(|| layers.into_iter().fold(inner, |inner, layer| layer(inner)))
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
        Service::poll_ready(&mut self.0, context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.call(request.map(boxed))
    }
}

/// The body of a response, of the app itself or of a layer around it.
pub(crate) type Sent = Either<Answer, LayeredBody>;

impl LayeredService {
    /// Answers a request that has come over a connection.
    pub(crate) async fn answer<B>(&self, request: Request<B>, beat: Option<Beat>) -> Response<Sent>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let Ok(response) = self.clone().oneshot(request).await;
        response.map(|body| Either::Right(LayeredBody { _beat: beat, ..body }))
    }
}

impl Body for LayeredBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A service of which a failure is an answer: the envelope of the app, with the reason in the log.
#[derive(Clone)]
pub(crate) struct Answering<S>(pub(crate) S);

impl<S> Answering<S> {
    /// The same, whatever is within.
    pub(crate) fn erased(self) -> LayeredService
    where
        Self: Service<Request<LayeredBody>, Response = Response<LayeredBody>, Error = Infallible, Future: Send + 'static>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        LayeredService(BoxCloneSyncService::new(self))
    }
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

    /// Whether the layer has room is asked where the request waits for it, so that the connection does not.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<LayeredBody>) -> Self::Future {
        let (service, head) = (self.0.clone(), request.method() == Method::HEAD);
        Box::pin(async move {
            Ok(match service.oneshot(request).await {
                Ok(response) => response.map(boxed),
                Err(error) => refused(&error.into(), head),
            })
        })
    }
}

fn boxed<B>(body: B) -> LayeredBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    LayeredBody { body: body.map_err(Into::into).boxed_unsync(), _beat: None }
}

/// What a client is told of a layer that failed.
fn refused(error: &BoxError, head: bool) -> Response<LayeredBody> {
    tracing::error!(target: "pikku", "a layer failed: {error}");
    let problem = Problem::internal("a layer failed");
    let response = pikku::Response::refusal(&problem, head);
    pikku_hyper::response(response, pikku_hyper::Room::default(), |body| boxed(Answer::new(body, None, None)))
}
