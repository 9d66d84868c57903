//! Bodies on their way out.

use crate::platform::log;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pikku::{BoxError, Engine, call::AfterAnswer, call::Context, platform::Level};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{self, Poll, ready},
};
use tokio::sync::watch;

/// The body of an answer. What a call has left for after it is begun when this is dropped.
#[derive(Debug)]
pub(crate) struct Answer {
    body: pikku::Body,
    /// A body that has failed is not asked again.
    failed: bool,
    answering: Option<Answering>,
}

impl Answer {
    pub(crate) fn new(body: pikku::Body, answering: Option<Answering>) -> Self {
        Self { body, failed: false, answering }
    }

    fn cut_off(&mut self, reason: &str) -> BoxError {
        self.failed = true;
        log(Level::Error, "the body of a response could not be made", Some(reason));
        // What went wrong is in the log alone; the client sees a body that is cut off.
        "the body of the response ended early".into()
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.failed {
            return Poll::Ready(None);
        }
        // A panic here would end the connection.
        let polled = catch_unwind(AssertUnwindSafe(|| self.body.poll_chunk(context)));
        Poll::Ready(match polled {
            Ok(poll) => match ready!(poll) {
                Some(Ok(octets)) => Some(Ok(Frame::data(octets))),
                Some(Err(error)) => Some(Err(self.cut_off(&error.to_string()))),
                None => {
                    self.answering.take();
                    None
                }
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

/// An invocation from its beginning to the end of its answer, or to the host's giving it up, whichever is first.
#[derive(Debug)]
pub(crate) struct Answering {
    engine: Arc<Engine>,
    cancelled: Arc<AtomicBool>,
    after: AfterAnswer,
    deadline_ms: Option<u64>,
    /// As long as it is held, the process waits before it ends.
    alive: watch::Receiver<bool>,
}

impl Answering {
    pub(crate) fn new(engine: &Arc<Engine>, context: &Context, alive: watch::Receiver<bool>) -> Self {
        Self {
            engine: Arc::clone(engine),
            cancelled: Arc::clone(&context.cancelled),
            after: context.after.clone(),
            deadline_ms: context.deadline_ms,
            alive,
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
        if self.after.is_empty() {
            return;
        }
        let (engine, after, deadline_ms) = (Arc::clone(&self.engine), self.after.clone(), self.deadline_ms);
        let alive = self.alive.clone();
        tokio::spawn(async move {
            after.run(&**engine.platform(), deadline_ms).await;
            drop(alive);
        });
    }
}
