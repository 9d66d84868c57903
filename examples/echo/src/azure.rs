//! What Azure Functions say of messages, runs and events beyond what every platform says.

use pikku::call::{BusEvent, MessageAttribute, Origin, QueueMessage, ScheduledRun};
use serde_json::{Map, Value, json};

/// The members that every call has, and those of its own.
fn shown(origin: &Origin, mut own: Value) -> Value {
    own["source"] = origin.service.into();
    own["function"] = origin.function.as_str().into();
    own["binding"] = origin.binding.as_str().into();
    own
}

/// A message of a storage queue or of Service Bus.
pub(crate) fn message(origin: &Origin, message: &QueueMessage) -> Value {
    let sent = ["InsertionTime", "EnqueuedTimeUtc"].iter().find_map(|name| message.attributes.get(*name));
    let properties = message.message_attributes.iter().map(|(name, attribute)| (name.clone(), property(attribute)));
    shown(
        origin,
        json!({
            "queue": message.queue,
            "id": message.id,
            "body": message.body,
            "receive_count": message.receive_count,
            "sent_at": sent,
            "session_id": message.group_id,
            "sequence_number": message.sequence_number,
            "properties": properties.collect::<Map<_, _>>(),
        }),
    )
}

/// A property as its sender has typed it.
fn property(attribute: &MessageAttribute) -> Value {
    let text = || Value::from(attribute.value.as_str());
    if attribute.data_type == "String" {
        text()
    } else {
        serde_json::from_str(&attribute.value).unwrap_or_else(|_| text())
    }
}

/// A run of a timer.
pub(crate) fn run(origin: &Origin, run: &ScheduledRun) -> Value {
    shown(
        origin,
        json!({
            "id": run.id,
            "past_due": run.past_due,
            "last": run.last,
            "next": run.next,
            "time": run.time,
            "time_epoch_ms": run.time_ms,
        }),
    )
}

/// An event of Event Grid.
pub(crate) fn event(origin: &Origin, event: &BusEvent) -> Value {
    shown(
        origin,
        json!({
            "schema": event.schema,
            "id": event.id,
            "type": event.detail_type,
            "event_source": event.source,
            "subject": event.subject,
            "time": event.time,
            "data": event.detail,
        }),
    )
}
