//! What sets functions off, as it comes from the services; and examples of it for the wirings of an app.

mod examples;

use bytes::Bytes;
pub use examples::{Example, KINDS, examples, find};
use serde_json::{Map, Value};
use std::time::SystemTime;

/// A message in a storage queue.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QueueMessage {
    /// Its id.
    pub id: String,
    /// The text as it lies in the queue: base64, unless `host.json` says otherwise.
    pub stored: String,
    /// How often it has been handed over, the next time included.
    pub dequeue_count: u32,
    /// When it was sent.
    pub inserted: SystemTime,
}

impl QueueMessage {
    /// A message as it lies in the queue.
    pub fn stored(text: impl Into<String>) -> Self {
        Self { id: crate::payload::guid(), stored: text.into(), dequeue_count: 1, inserted: SystemTime::now() }
    }

    /// A message of that text, which lies in the queue as base64.
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        Self::stored(BASE64_STANDARD.encode(text))
    }
}

/// A message of Service Bus.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceBusMessage {
    /// Its id.
    pub id: String,
    /// Its text.
    pub body: String,
    /// The form of the text, such as `application/json`.
    pub content_type: Option<String>,
    /// The session it is of.
    pub session_id: Option<String>,
    /// Its place in the queue.
    pub sequence_number: u64,
    /// How often it has been handed over, the next time included.
    pub delivery_count: u32,
    /// When it was sent.
    pub enqueued: SystemTime,
    /// What the sender says of it.
    pub properties: Map<String, Value>,
}

impl ServiceBusMessage {
    /// A message of that text.
    pub fn new(body: impl Into<String>) -> Self {
        Self {
            id: crate::payload::guid(),
            body: body.into(),
            content_type: Some("application/json".to_owned()),
            session_id: None,
            sequence_number: 1,
            delivery_count: 1,
            enqueued: SystemTime::now(),
            properties: Map::new(),
        }
    }
}

/// An event of Event Hubs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HubEvent {
    /// Its data.
    pub body: Bytes,
    /// The key that chose the partition.
    pub partition_key: Option<String>,
    /// Its place in the partition.
    pub sequence_number: u64,
    /// Its place in octets.
    pub offset: String,
    /// When it arrived.
    pub enqueued: SystemTime,
}

impl HubEvent {
    /// An event of that data.
    pub fn new(body: impl Into<Bytes>) -> Self {
        let (partition_key, offset) = (None, "0".to_owned());
        Self { body: body.into(), partition_key, sequence_number: 0, offset, enqueued: SystemTime::now() }
    }
}

/// A blob that is new, or written anew.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BlobEvent {
    /// Its container.
    pub container: String,
    /// Its name.
    pub name: String,
    /// Its content.
    pub content: Bytes,
}

impl BlobEvent {
    /// A blob of that content.
    pub fn new(container: impl Into<String>, name: impl Into<String>, content: impl Into<Bytes>) -> Self {
        Self { container: container.into(), name: name.into(), content: content.into() }
    }
}

/// A run of a timer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TimerRun {
    /// The time it is for.
    pub due: SystemTime,
    /// When it ran before.
    pub last: SystemTime,
    /// Whether it is late.
    pub past_due: bool,
}

impl TimerRun {
    /// A run that is due now.
    pub fn now() -> Self {
        let now = SystemTime::now();
        Self { due: now, last: now - std::time::Duration::from_secs(3600), past_due: false }
    }

    /// A run that was due at that time, when the host was not there.
    pub fn past_due(due: SystemTime) -> Self {
        Self { due, last: due - std::time::Duration::from_secs(3600), past_due: true }
    }
}

/// What became of a message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settled {
    /// Each time it was handed over.
    pub attempts: Vec<crate::Invocation>,
    /// Where it is in the end.
    pub end: End,
}

/// Where a message is in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// Handled, and gone from the queue.
    Deleted,
    /// In the poison queue of that name, or the dead-letter queue of Service Bus.
    Poison(String),
    /// In the queue still, for the host has stopped.
    Queued,
}
