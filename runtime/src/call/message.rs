#[cfg(feature = "callers")]
use super::envelope;
use super::{Payload, TRACEPARENT, from_json};
use crate::{Bytes, Problem};
use serde_json::Value;
use std::collections::BTreeMap;

/// The attribute of a message that says who caused it, and the header of a remote procedure call that says who makes it, signed (see
/// `pikku_auth::message`).
pub const CALLER: &str = "pikku-caller";

/// A message of a queue. Its body is the function's input, as JSON.
#[derive(Debug, Clone, Default)]
pub struct QueueMessage {
    /// The physical name of the queue.
    pub queue: String,
    /// The platform's own identifier of the queue, such as an ARN.
    pub queue_id: String,
    /// The id of the message.
    pub id: String,
    /// What the platform wants back to settle the message.
    pub receipt_handle: String,
    /// The body. Empty where [`QueueMessage::octets`] has one that is not text.
    pub body: String,
    /// The body of a message that is octets and not text.
    pub octets: Option<Bytes>,
    /// The form of the body, where the platform says so: `json`, `text` or `bytes`.
    pub content_type: Option<String>,
    /// How often the message has been handed over, this time included.
    pub receive_count: u32,
    /// When it was sent, in milliseconds since the Unix epoch.
    pub sent_at_ms: Option<u64>,
    /// Whether the queue keeps the order within a group.
    pub fifo: bool,
    /// The group whose order is kept.
    pub group_id: Option<String>,
    /// The id by which the queue drops duplicates.
    pub deduplication_id: Option<String>,
    /// The place in the queue's order.
    pub sequence_number: Option<String>,
    /// What the platform says of the message, by its own names.
    pub attributes: BTreeMap<String, String>,
    /// What the sender says of the message.
    pub message_attributes: BTreeMap<String, MessageAttribute>,
    /// The logical name of the queue, as the wiring that takes the message has it. The runtime sets it, with the feature
    /// `callers`; `None` without, and where the wiring takes any queue.
    pub logical_queue: Option<&'static str>,
}

/// Something that a sender says of a message, apart from its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageAttribute {
    /// The type, such as `String`, `Number` or `Binary`.
    pub data_type: String,
    /// The value; base64 for a binary one.
    pub value: String,
}

/// A message of a topic. Its text is the function's input, as JSON.
#[derive(Debug, Clone, Default)]
pub struct TopicMessage {
    /// The physical name of the topic.
    pub topic: String,
    /// The platform's own identifier of the topic, such as an ARN.
    pub topic_id: String,
    /// The id of the message.
    pub id: String,
    /// The subject.
    pub subject: Option<String>,
    /// The text.
    pub message: String,
    /// When it was published (RFC 3339).
    pub time: String,
    /// What the publisher says of the message.
    pub attributes: BTreeMap<String, MessageAttribute>,
}

impl Payload for QueueMessage {
    fn input(&self) -> Result<Value, Problem> {
        from_json("message", self.octets.as_deref().unwrap_or(self.body.as_bytes()))
    }

    fn trace(&self) -> Option<&str> {
        self.message_attributes.get(TRACEPARENT).map(|attribute| attribute.value.as_str())
    }

    #[cfg(feature = "callers")]
    fn arrive(&mut self, source: Option<&'static str>) {
        self.logical_queue = source;
        let Some((said, begin)) = envelope::unwrap(&self.body) else { return };
        // What the queue itself says stands.
        for (name, value) in said {
            let attribute = MessageAttribute { data_type: "String".to_owned(), value: value.to_owned() };
            self.message_attributes.entry(name.to_owned()).or_insert(attribute);
        }
        self.body.drain(..begin);
    }
}

impl Payload for TopicMessage {
    fn input(&self) -> Result<Value, Problem> {
        from_json("message", self.message.as_bytes())
    }
}
