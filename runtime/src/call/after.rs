use crate::{
    BoxFuture, Platform,
    platform::{Level, LogLine},
};
use std::{
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

/// The work that the calls of an invocation have left for after the answer, and whether somebody waits for that.
///
/// An adapter gives one with the [`Context`](super::Context), keeps a clone, and runs it when the answer is out.
#[derive(Clone, Default)]
pub struct AfterAnswer {
    invocation: Arc<Shared>,
    /// Whether the one call is cancelled that this is given to, where the invocation has several.
    one: Option<Arc<AtomicBool>>,
}

#[derive(Default)]
struct Shared {
    work: Mutex<Vec<BoxFuture<'static, ()>>>,
    cancelled: AtomicBool,
}

impl fmt::Debug for AfterAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AfterAnswer")
    }
}

impl AfterAnswer {
    /// The same for one of several calls of the invocation: what is late of it is not of the others.
    #[must_use]
    pub fn of_one(&self) -> Self {
        Self { invocation: Arc::clone(&self.invocation), one: Some(Arc::default()) }
    }

    pub(crate) fn add(&self, work: BoxFuture<'static, ()>) {
        self.invocation.work.lock().unwrap_or_else(PoisonError::into_inner).push(work);
    }

    fn take(&self) -> Vec<BoxFuture<'static, ()>> {
        std::mem::take(&mut *self.invocation.work.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says that nobody waits for an answer any more: it is out, or it is too late. Calls that go on see it.
    pub fn cancel(&self) {
        self.one.as_deref().unwrap_or(&self.invocation.cancelled).store(true, Ordering::Relaxed);
    }

    /// Whether nobody waits for an answer any more.
    pub fn is_cancelled(&self) -> bool {
        let is_cancelled = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        is_cancelled(&self.invocation.cancelled) || self.one.as_deref().is_some_and(is_cancelled)
    }

    /// Whether nothing was left.
    pub fn is_empty(&self) -> bool {
        self.invocation.work.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Does the work, all of it at the same time. What is not done by the deadline, in milliseconds since the Unix epoch,
    /// is dropped; that, and work that panics, is in the log.
    pub async fn run(&self, platform: &dyn Platform, deadline_ms: Option<u64>) {
        let mut work = self.take();
        if work.is_empty() {
            return;
        }
        let left = deadline_ms.map(|deadline| deadline.saturating_sub(platform.now_ms()));
        let mut deadline = left.map(|left| platform.sleep(std::time::Duration::from_millis(left)));
        let in_time = poll_fn(|context| {
            work.retain_mut(|one| match catch_unwind(AssertUnwindSafe(|| one.as_mut().poll(context))) {
                Ok(poll) => poll.is_pending(),
                Err(_) => {
                    platform.log(&LogLine::new(Level::Error, "work after the answer panicked"));
                    false
                }
            });
            if work.is_empty() {
                return Poll::Ready(true);
            }
            deadline.as_mut().map_or(Poll::Pending, |deadline| deadline.as_mut().poll(context).map(|()| false))
        });
        if !in_time.await {
            platform.log(&LogLine::new(Level::Error, "work after the answer was not done by the deadline"));
        }
    }
}
