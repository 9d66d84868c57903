use crate::platform::log;
use pikku::{Engine, call::AfterAnswer, call::Context, platform::Level};
use pikku_hyper::Around;
use std::sync::Arc;
use tokio::sync::watch;

/// The body of an answer, with the invocation that it is for.
pub(crate) type Answer = pikku_hyper::Answer<Answering>;

/// An invocation from its beginning to the end of its answer, or to the host's giving it up, whichever is first. What a call
/// has left for after its answer is begun when this is dropped.
#[derive(Debug)]
pub(crate) struct Answering(Option<Begun>);

#[derive(Debug)]
struct Begun {
    engine: Arc<Engine>,
    after: AfterAnswer,
    deadline_ms: Option<u64>,
    /// As long as it is held, the process waits before it ends.
    alive: watch::Receiver<bool>,
}

impl Answering {
    pub(crate) fn new(engine: &Arc<Engine>, context: &Context, alive: watch::Receiver<bool>) -> Self {
        Self(Some(Begun {
            engine: Arc::clone(engine),
            after: context.after.clone(),
            deadline_ms: context.deadline_ms,
            alive,
        }))
    }

    /// For an answer that no call has made.
    pub(crate) const fn none() -> Self {
        Self(None)
    }
}

impl Around for Answering {
    fn body_failed(&self, reason: &str) {
        log(Level::Error, "the body of a response could not be made", Some(reason));
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let Some(Begun { engine, after, deadline_ms, alive }) = self.0.take() else { return };
        after.cancel();
        if after.is_empty() {
            return;
        }
        tokio::spawn(async move {
            after.run(&**engine.platform(), deadline_ms).await;
            drop(alive);
        });
    }
}
