use crate::queues::Store;
use pikku::{
    BoxError, BoxFuture, Platform,
    platform::{Level, LogLine, OutgoingMessage},
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A process with tokio, whose log is whatever listens to `tracing`.
#[derive(Debug)]
pub(crate) struct Process {
    /// Where messages go.
    pub(crate) queues: Arc<Store>,
}

impl Platform for Process {
    fn now_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn send<'a>(&'a self, message: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move { self.queues.send(&[message]).await })
    }

    fn send_all<'a>(&'a self, messages: &'a [OutgoingMessage<'a>]) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move { self.queues.send(messages).await })
    }

    fn log(&self, line: &LogLine<'_>) {
        // A level is a constant of its place in the source.
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(
                    target: "pikku",
                    tracing::Level::$level,
                    function = line.function,
                    call_id = line.call_id,
                    trace = line.trace,
                    code = line.code,
                    status = line.status,
                    detail = line.detail,
                    "{}",
                    line.message
                )
            };
        }
        match line.level {
            Level::Info => event!(INFO),
            Level::Warn => event!(WARN),
            Level::Error => event!(ERROR),
        }
    }
}
