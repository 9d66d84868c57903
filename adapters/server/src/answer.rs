//! Bodies on their way out.

use crate::{pulse::Beat, service::Answering};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pikku::BoxError;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The body of a response of the app. What a call has left for after its answer is begun when this is dropped.
#[derive(Debug)]
pub struct Answer {
    body: pikku::Body,
    /// A body that has failed is not asked again.
    failed: bool,
    answering: Option<Answering>,
    /// Never read: as long as the answer is being sent, its connection is not idle.
    _beat: Option<Beat>,
}

impl Answer {
    pub(crate) fn new(body: pikku::Body, answering: Option<Answering>, beat: Option<Beat>) -> Self {
        Self { body, failed: false, answering, _beat: beat }
    }

    fn cut_off(&mut self, reason: &str) -> BoxError {
        self.failed = true;
        if let Some(answering) = &self.answering {
            answering.log_failed_body(reason);
        }
        // What went wrong is in the log alone; the client sees a body that is cut off.
        "the body of the response ended early".into()
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.failed {
            return Poll::Ready(None);
        }
        // A panic here would end the connection, and with it every other request on it.
        let polled = catch_unwind(AssertUnwindSafe(|| self.body.poll_chunk(context)));
        Poll::Ready(match polled {
            Ok(poll) => match ready!(poll) {
                Some(Ok(octets)) => Some(Ok(Frame::data(octets))),
                Some(Err(error)) => Some(Err(self.cut_off(&error.to_string()))),
                None => None,
            },
            Err(_) => Some(Err(self.cut_off("it panicked"))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.body.whole().is_some_and(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.whole().map_or_else(SizeHint::default, |octets| SizeHint::with_exact(octets.len() as u64))
    }
}
