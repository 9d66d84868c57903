//! What the app runs on, as the runtime sees it.
//!
//! Clock, timers, environment and log differ between a server, a Lambda sandbox and a wasm isolate, where several of
//! the standard library's panic. Everything above goes through [`Platform`]; an adapter implements it.

use crate::{BoxError, Secret, future::BoxFuture};
use serde::Serialize;
use std::{any::Any, fmt, future::ready, time::Duration};

/// The surroundings of an app. Implemented by adapters.
pub trait Platform: fmt::Debug + Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;

    /// Completes after at least this long.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// The value of an environment variable; `None` where it is not set or is not Unicode.
    fn env(&self, name: &str) -> Option<String>;

    /// Where the value of an environment variable was read, such as `pikku.toml:4`; `None` where it is the environment's own.
    fn place(&self, _name: &str) -> Option<String> {
        None
    }

    /// The secret of that name, [`Need::ReadSecret`](crate::Need::ReadSecret); `None` where there is none.
    ///
    /// Unless the platform has a place of its own for them it is the variable of [`variable_of_secret`].
    fn secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Secret<String>>, BoxError>> {
        Box::pin(ready(Ok(self.env(&variable_of_secret(name)).map(Secret::new))))
    }

    /// Puts a message in a queue. It is there when the future completes.
    ///
    /// What the queue cannot do is an error, unless it is harmless to leave it out.
    fn send<'a>(&'a self, message: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>>;

    /// Puts messages in queues, in this order. They are there when the future completes; after an error some may be.
    fn send_all<'a>(&'a self, messages: &'a [OutgoingMessage<'a>]) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            for message in messages {
                self.send(*message).await?;
            }
            Ok(())
        })
    }

    /// Whether messages of the queue of that logical name have attributes. Where they have none, what is said of a message
    /// that cannot do without stands in its body.
    fn has_attributes(&self, _queue: &str) -> bool {
        true
    }

    /// Writes one line to the log. Private detail goes here and nowhere else.
    fn log(&self, line: &LogLine<'_>);

    /// Notes what a session was granted, for tests to look at.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    fn note_grants(&self, _scopes: &crate::Scopes) {}

    /// What the platform offers beyond this, for its adapter's own extension of [`Env`](crate::service::Env).
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }
}

/// The variable under which a secret is found where the platform has no other place: the name in capitals, every other
/// character an underscore. `shop/session-keys` is `SHOP_SESSION_KEYS`.
pub fn variable_of_secret(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(letter).collect()
}

/// A message to be put in a queue, with what its sender asks for. What a queue cannot do is told by its platform's adapter:
/// as an error where the message would be handled wrongly, such as out of order.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct OutgoingMessage<'a> {
    /// The logical name of the queue.
    pub queue: &'a str,
    /// The body: JSON.
    pub body: &'a str,
    /// How long it is kept back before it is handed over.
    pub delay: Duration,
    /// The group whose messages keep their order.
    pub group: Option<&'a str>,
    /// Among messages of the same id only the first is kept, for as long as the queue remembers ids.
    pub deduplication_id: Option<&'a str>,
    /// A message of a higher priority is handed over before one of a lower; 0 unless it is said.
    pub priority: i8,
    /// What the sender says of the message apart from its body: names and texts.
    pub attributes: &'a [(&'a str, &'a str)],
}

impl<'a> OutgoingMessage<'a> {
    /// A message without wishes.
    pub const fn new(queue: &'a str, body: &'a str) -> Self {
        Self { queue, body, delay: Duration::ZERO, group: None, deduplication_id: None, priority: 0, attributes: &[] }
    }
}

/// A call of a function of another service that is to be made.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct OutgoingCall<'a> {
    /// The name of the service.
    pub service: &'a str,
    /// The name of the function.
    pub function: &'a str,
    /// The octets of the body: JSON.
    pub body: &'a [u8],
    /// The value of its header `Idempotency-Key`.
    pub idempotency_key: Option<&'a str>,
}

impl<'a> OutgoingCall<'a> {
    /// A call that may be done more than once.
    pub const fn new(service: &'a str, function: &'a str, body: &'a [u8]) -> Self {
        Self { service, function, body, idempotency_key: None }
    }

    /// The same under a key, by which it is done once.
    #[must_use]
    pub const fn with_idempotency_key(self, key: Option<&'a str>) -> Self {
        Self { idempotency_key: key, ..self }
    }
}

/// One line of the log.
#[derive(Debug, Clone, Serialize)]
pub struct LogLine<'a> {
    /// How grave it is.
    pub level: Level,
    /// What happened, for a person.
    pub message: &'a str,
    /// The function that was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<&'a str>,
    /// The id of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<&'a str>,
    /// The trace header of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<&'a str>,
    /// The stable code of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
    /// The status of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What must not leave the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
}

impl<'a> LogLine<'a> {
    /// A line of that level and message alone.
    pub fn new(level: Level, message: &'a str) -> Self {
        Self { level, message, function: None, call_id: None, trace: None, code: None, status: None, detail: None }
    }
}

/// How grave a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// As expected.
    Info,
    /// A caller's mistake, or something that was mended.
    Warn,
    /// Something failed.
    Error,
}
