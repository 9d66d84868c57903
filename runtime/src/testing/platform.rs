use super::Sent;
use crate::{
    BoxError, Platform, Scopes,
    future::BoxFuture,
    platform::{Level, LogLine, OutgoingMessage},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::{pending, ready},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What a test app runs on: a clock that stands still, variables set by the test, queues kept in memory.
#[derive(Debug, Default)]
pub(super) struct TestPlatform {
    now_ms: AtomicU64,
    variables: BTreeMap<String, String>,
    sent: Mutex<Vec<Sent<String>>>,
    log: Mutex<Vec<LoggedLine>>,
    granted: Mutex<BTreeSet<String>>,
}

/// A line that the app logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedLine {
    /// How grave it is.
    pub level: Level,
    /// What happened.
    pub message: String,
    /// The function that was called.
    pub function: Option<String>,
    /// The trace of the call.
    pub trace: Option<String>,
    /// The stable code of the error.
    pub code: Option<String>,
    /// What must not leave the log.
    pub detail: Option<String>,
}

impl TestPlatform {
    pub(super) fn new(now_ms: u64, variables: BTreeMap<String, String>) -> Self {
        Self { now_ms: AtomicU64::new(now_ms), variables, ..Self::default() }
    }

    pub(super) fn set_now_ms(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }

    pub(super) fn sent(&self) -> MutexGuard<'_, Vec<Sent<String>>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn logged(&self) -> Vec<LoggedLine> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn granted(&self) -> BTreeSet<String> {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Platform for TestPlatform {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    /// The clock stands still: what has no time left completes at once, anything else never.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if duration.is_zero() { Box::pin(ready(())) } else { Box::pin(pending()) }
    }

    fn env(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn send<'a>(&'a self, message: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        self.sent().push(Sent::of(&message));
        Box::pin(ready(Ok(())))
    }

    fn note_grants(&self, scopes: &Scopes) {
        let granted = scopes.iter().map(str::to_owned);
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).extend(granted);
    }

    fn log(&self, line: &LogLine<'_>) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(LoggedLine {
            level: line.level,
            message: line.message.to_owned(),
            function: owned(line.function),
            trace: owned(line.trace),
            code: owned(line.code),
            detail: owned(line.detail),
        });
    }
}
