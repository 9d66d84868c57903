use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use pikku::BoxError;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// The body of a request to, and of a response of, an app with layers around it, whatever they have made of it: empty by default.
#[derive(Debug, Default)]
pub struct LayeredBody(UnsyncBoxBody<Bytes, BoxError>);

impl LayeredBody {
    /// That body.
    pub fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(body.map_err(Into::into).boxed_unsync())
    }

    /// Those octets.
    pub(crate) fn whole(octets: Bytes) -> Self {
        if octets.is_empty() { Self::default() } else { Self::new(Full::new(octets)) }
    }
}

impl From<pikku::Body> for LayeredBody {
    fn from(body: pikku::Body) -> Self {
        match body.whole() {
            Some(octets) => Self::whole(octets.clone()),
            None => Self::new(Chunks(body)),
        }
    }
}

impl Body for LayeredBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// A body of the runtime that is made while it is sent.
struct Chunks(pikku::Body);

impl Body for Chunks {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_chunk(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}
