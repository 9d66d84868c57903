//! What is sent, what is delivered, and what becomes of it.

use crate::Time;
use std::{collections::BTreeMap, fmt, time::Duration};

/// The content of a message. It is the app's own: an engine neither reads nor changes it.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// A text, such as JSON.
    Text(String),
    /// Octets.
    Bytes(Vec<u8>),
}

impl Body {
    /// The octets, in UTF-8 where it is a text.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// The length alone: what is in it may be secret.
impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if matches!(self, Self::Text(_)) { "Text" } else { "Bytes" };
        write!(formatter, "{name}({} octets)", self.as_bytes().len())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// What accompanies a body: texts by name, in the order of the names.
pub type Attributes = BTreeMap<String, String>;

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// The queue's logical name.
    pub queue: String,
    /// What is sent.
    pub body: Body,
    /// What accompanies it.
    pub attributes: Attributes,
    /// How long it is kept back.
    pub delay: Duration,
    /// A message of higher priority is delivered before those that are ready beside it. 0 where nothing is said.
    pub priority: i8,
    /// The FIFO group, in a queue that is declared FIFO; elsewhere it means nothing. Those without one are one group.
    pub group: Option<String>,
    /// A message of the same queue and deduplication id is taken once within the queue's window
    /// ([`QueueSpec::deduplication`](crate::QueueSpec::deduplication)).
    pub deduplication_id: Option<String>,
}

impl NewMessage {
    /// A message with nothing but a body.
    pub fn new(queue: impl Into<String>, body: impl Into<Body>) -> Self {
        Self {
            queue: queue.into(),
            body: body.into(),
            attributes: Attributes::new(),
            delay: Duration::ZERO,
            priority: 0,
            group: None,
            deduplication_id: None,
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// Kept back so long.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Delivered before those of lower priority.
    #[must_use]
    pub fn priority(self, priority: i8) -> Self {
        Self { priority, ..self }
    }

    /// In order with the others of the group.
    #[must_use]
    pub fn group(self, group: impl Into<String>) -> Self {
        Self { group: Some(group.into()), ..self }
    }

    /// Taken once.
    #[must_use]
    pub fn deduplication_id(self, id: impl Into<String>) -> Self {
        Self { deduplication_id: Some(id.into()), ..self }
    }
}

/// A message that an engine has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// Its id, which no other message of the store ever has.
    pub id: String,
    /// Whether a message of the same deduplication id was there before; the id is then that one's, where the engine
    /// knows it.
    pub duplicate: bool,
}

/// What a delivery is settled by. It holds for one delivery: who has it may settle until the visibility deadline, and as
/// long after as nobody else was delivered the message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// A message as it is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id, the same in each delivery.
    pub id: String,
    /// The queue's logical name.
    pub queue: String,
    /// What it is settled by.
    pub receipt: Receipt,
    /// What was sent.
    pub body: Body,
    /// What accompanies it.
    pub attributes: Attributes,
    /// Its FIFO group.
    pub group: Option<String>,
    /// When it was sent.
    pub sent_at: Time,
    /// How often it was delivered, this time included.
    pub receives: u32,
    /// Until when nobody else is delivered it.
    pub visible_at: Time,
}

/// What becomes of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is handled: it goes away.
    Done,
    /// It failed and is tried again, or goes to the dead letters where it was delivered as often as the queue allows.
    Retry {
        /// How long it is kept back; where nothing is said, what the queue's backoff says.
        delay: Option<Duration>,
        /// Why, for the dead letter. No secrets.
        reason: String,
    },
    /// It goes to the dead letters.
    Dead {
        /// Why. No secrets.
        reason: String,
    },
    /// It was not begun: it comes again, and this delivery is not counted where the engine can take it back.
    Release {
        /// How long it is kept back.
        delay: Duration,
    },
}

/// A delivery and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The delivery.
    pub receipt: Receipt,
    /// What becomes of it.
    pub outcome: Outcome,
}

impl Settlement {
    /// Handled.
    pub fn done(receipt: &Receipt) -> Self {
        Self { receipt: receipt.clone(), outcome: Outcome::Done }
    }

    /// Failed, and tried again as the queue's backoff says.
    pub fn retry(receipt: &Receipt, reason: impl Into<String>) -> Self {
        Self { receipt: receipt.clone(), outcome: Outcome::Retry { delay: None, reason: reason.into() } }
    }

    /// Failed for good.
    pub fn dead(receipt: &Receipt, reason: impl Into<String>) -> Self {
        Self { receipt: receipt.clone(), outcome: Outcome::Dead { reason: reason.into() } }
    }

    /// Not begun, and ready again.
    pub fn release(receipt: &Receipt) -> Self {
        Self { receipt: receipt.clone(), outcome: Outcome::Release { delay: Duration::ZERO } }
    }
}

/// What a settlement came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The message is gone.
    Done,
    /// It is kept back so long and delivered again.
    Retrying(Duration),
    /// It is among the dead letters.
    Dead,
    /// It comes again, after the time that was asked for.
    Released,
    /// The receipt holds no longer: the deadline passed and the message was delivered anew, or it is settled already.
    /// Nothing was changed.
    Stale,
}

/// A message that is not delivered any more, kept until it is redriven or purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id, as it was.
    pub id: String,
    /// The queue it was in.
    pub queue: String,
    /// What was sent.
    pub body: Body,
    /// What accompanies it.
    pub attributes: Attributes,
    /// Its FIFO group.
    pub group: Option<String>,
    /// When it was sent.
    pub sent_at: Time,
    /// When it was given up.
    pub died_at: Time,
    /// How often it was delivered.
    pub receives: u32,
    /// Why it was given up.
    pub reason: String,
}

/// Which dead letters of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// The oldest, at most so many.
    Oldest(u32),
    /// The one of that id.
    One(String),
}

/// What is in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Deliverable now.
    pub ready: u64,
    /// Kept back: by a delay, by a retry, or behind others of their FIFO group.
    pub waiting: u64,
    /// Delivered and not settled.
    pub in_flight: u64,
    /// Dead letters.
    pub dead: u64,
}
