//! Layers of tower around the app of one server.

use crate::{Answer, AppService, pulse::Beat};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Either;
use hyper::body::Incoming;
use pikku::{BoxError, Platform};
use pikku_tower::{HttpLayer, LayeredBody, LayeredService};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

type Around = Box<dyn FnOnce(LayeredService, &Arc<dyn Platform>) -> LayeredService + Send>;

/// What goes around an app once that has been started.
#[derive(Default)]
pub(crate) struct Layers(Vec<Around>);

impl fmt::Debug for Layers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} layers", self.0.len())
    }
}

impl Layers {
    /// Adds one around those there are.
    pub(crate) fn add(&mut self, layer: impl HttpLayer + Send + 'static) {
        self.0.push(Box::new(|inner, platform| layer.around(inner, platform)));
    }

    /// The app with all of them around it; `None` where there are none.
    pub(crate) fn around(self, app: &AppService) -> Option<LayeredService> {
        let (Self(layers), platform) = (self, app.engine().platform());
        let inner = LayeredService::new(app.clone(), platform);
        (!layers.is_empty()).then(|| layers.into_iter().fold(inner, |inner, around| around(inner, platform)))
    }
}

/// The body of a response, of the app itself or of a layer around it.
pub(crate) type Sent = Either<Answer, Beating>;

/// The body of a response that came out of layers.
#[derive(Debug)]
pub(crate) struct Beating {
    body: LayeredBody,
    /// Never read: as long as an answer is being sent, its connection is not idle.
    _beat: Option<Beat>,
}

/// Answers a request that has come over a connection.
pub(crate) async fn answer(layered: &LayeredService, request: Request<Incoming>, beat: Option<Beat>) -> Response<Sent> {
    let response = layered.answer(request.map(LayeredBody::new)).await;
    response.map(|body| Either::Right(Beating { body, _beat: beat }))
}

impl Body for Beating {
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
