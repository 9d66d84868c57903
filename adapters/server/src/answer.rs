use crate::{pulse::Beat, service::Answering};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pikku::BoxError;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// The body of a response of the app. What a call has left for after its answer is begun when this is dropped.
#[derive(Debug)]
pub struct Answer(pikku_hyper::Answer<Around>);

#[derive(Debug)]
struct Around {
    answering: Option<Answering>,
    /// Never read: as long as the answer is being sent, its connection is not idle.
    _beat: Option<Beat>,
}

impl pikku_hyper::Around for Around {
    fn body_failed(&self, reason: &str) {
        if let Some(answering) = &self.answering {
            answering.log_failed_body(reason);
        }
    }
}

impl Answer {
    pub(crate) fn new(body: pikku::Body, answering: Option<Answering>, beat: Option<Beat>) -> Self {
        Self(pikku_hyper::Answer::new(body, Around { answering, _beat: beat }))
    }
}

impl Body for Answer {
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
