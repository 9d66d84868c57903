use super::platform::TestPlatform;
use crate::{
    call::{MessageAttribute, QueueMessage},
    platform::OutgoingMessage,
    service::{Message, Queue},
};
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, fmt, ops::Deref, sync::Arc, time::Duration};

/// A message that was sent, with what its sender asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent<T> {
    /// The logical name of the queue.
    pub queue: String,
    /// The message.
    pub message: T,
    /// How long it is to be kept back.
    pub delay: Duration,
    /// The group whose order is to be kept.
    pub group: Option<String>,
    /// The id of which the queue is to keep one message.
    pub deduplication_id: Option<String>,
    /// The priority.
    pub priority: i8,
    /// What was said of the message apart from its body.
    pub attributes: BTreeMap<String, String>,
}

impl Sent<String> {
    pub(super) fn of(message: &OutgoingMessage<'_>) -> Self {
        let attributes = message.attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            queue: message.queue.to_owned(),
            message: message.body.to_owned(),
            delay: message.delay,
            group: message.group.map(str::to_owned),
            deduplication_id: message.deduplication_id.map(str::to_owned),
            priority: message.priority,
            attributes: attributes.collect(),
        }
    }

    /// The same with its body read.
    pub(super) fn read<T: DeserializeOwned>(self) -> Sent<T> {
        let Self { queue, message, delay, group, deduplication_id, priority, attributes } = self;
        let message = serde_json::from_str(&message)
            .unwrap_or_else(|error| panic!("a message of `{queue}` is not that: {error}"));
        Sent { queue, message, delay, group, deduplication_id, priority, attributes }
    }

    /// The message as it is delivered.
    pub(super) fn delivered(self, id: String) -> QueueMessage {
        let attribute = |value| MessageAttribute { data_type: "String".to_owned(), value };
        QueueMessage {
            id,
            queue: self.queue,
            body: self.message,
            receive_count: 1,
            fifo: self.group.is_some(),
            group_id: self.group,
            deduplication_id: self.deduplication_id,
            message_attributes: self.attributes.into_iter().map(|(name, value)| (name, attribute(value))).collect(),
            ..QueueMessage::default()
        }
    }
}

/// A message with a signed caller as it lies in a queue whose messages have no attributes, for what feeds one by hand.
///
/// # Panics
///
/// If the caller has a control character or is too long.
#[cfg(feature = "callers")]
pub fn above_the_body(caller: &str, body: &str) -> String {
    crate::call::envelope::wrap(caller, &[], body).unwrap_or_else(|error| panic!("{error}"))
}

/// A [`Queue<T>`] for the unit test of one function: what is sent is kept for the test to look at.
///
/// ```
/// use pikku::{service::{Queue, SendError}, testing::{TestQueue, block_on}};
/// # use {schemars::JsonSchema, serde::{Deserialize, Serialize}};
/// # #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema, pikku::Message)]
/// # #[pikku(queue = "orders-placed")]
/// # pub struct OrderPlaced { id: u64 }
/// # async fn place_order(placed: &Queue<OrderPlaced>) -> Result<(), SendError> {
/// #     placed.send(&OrderPlaced { id: 7 }).await
/// # }
///
/// let placed = TestQueue::<OrderPlaced>::new();
/// block_on(place_order(&placed)).unwrap();
/// assert_eq!(placed.sent()[0].message, OrderPlaced { id: 7 });
/// ```
pub struct TestQueue<T> {
    queue: Queue<T>,
    platform: Arc<TestPlatform>,
}

impl<T: Message> TestQueue<T> {
    /// An empty queue.
    pub fn new() -> Self {
        let platform = Arc::new(TestPlatform::default());
        Self { queue: Queue::of(Arc::clone(&platform) as Arc<dyn crate::Platform>), platform }
    }

    /// What was sent, oldest first.
    ///
    /// # Panics
    ///
    /// If a message cannot be read from what was written.
    pub fn sent(&self) -> Vec<Sent<T>>
    where
        T: DeserializeOwned,
    {
        self.platform.sent().iter().cloned().map(Sent::read).collect()
    }
}

impl<T: Message> Default for TestQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for TestQueue<T> {
    type Target = Queue<T>;

    fn deref(&self) -> &Queue<T> {
        &self.queue
    }
}

impl<T: Message> fmt::Debug for TestQueue<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TestQueue").field("queue", &self.queue).finish_non_exhaustive()
    }
}
