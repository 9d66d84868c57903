//! Messages of storage queues and of Service Bus.

use super::{Deliveries, Delivery, Invoked, Tried};
use crate::{
    invocation::{Failure, Members, Metadata, decoded, part, string},
    platform::log_of,
    time::epoch_ms,
};
use pikku::{
    call::{MessageAttribute, QueueMessage, TopicMessage},
    dispatch::Arrival,
    platform::Level,
};
use std::collections::BTreeMap;

/// "Azure Queue storage trigger", message metadata.
const OF_STORAGE: [&str; 6] =
    ["DequeueCount", "ExpirationTime", "Id", "InsertionTime", "NextVisibleTime", "PopReceipt"];

/// "Azure Service Bus trigger", message metadata.
const OF_SERVICE_BUS: [&str; 16] = [
    "ContentType",
    "CorrelationId",
    "DeadLetterSource",
    "DeliveryCount",
    "EnqueuedTimeUtc",
    "ExpiresAtUtc",
    "Label",
    "LockToken",
    "MessageId",
    "PartitionKey",
    "ReplyTo",
    "ReplyToSessionId",
    "SequenceNumber",
    "SessionId",
    "Subject",
    "To",
];

pub(super) fn of_queue(invoked: &Invoked<'_>) -> Result<Deliveries, Failure> {
    let target = invoked.target(&Arrival::Queue(invoked.function))?;
    let body = invoked.body();
    let metadata = Metadata::of(invoked.metadata, &body);
    // By what only the host can have said.
    let storage = OF_STORAGE.iter().any(|name| metadata.get(name).is_some());
    say_replaced(invoked, &metadata, if storage { &OF_STORAGE } else { &OF_SERVICE_BUS });
    let message = if storage { of_storage(invoked, &metadata, body) } else { of_service_bus(invoked, &metadata, body) };
    let tried = Tried { message: message.id.clone(), count: message.receive_count, storage };
    let service = if storage { "azure-storage-queue" } else { "azure-service-bus" };
    Ok(Deliveries { service, of: vec![Delivery { target, trigger: message.into(), tried: Some(tried) }] })
}

fn of_storage(invoked: &Invoked<'_>, metadata: &Metadata<'_>, body: String) -> QueueMessage {
    QueueMessage {
        queue: invoked.source.to_owned(),
        queue_id: invoked.source.to_owned(),
        id: metadata.text("Id").unwrap_or_else(|| invoked.id.to_owned()),
        receipt_handle: metadata.text("PopReceipt").unwrap_or_default(),
        receive_count: metadata.text("DequeueCount").and_then(|count| count.parse().ok()).unwrap_or(1),
        sent_at_ms: metadata.text("InsertionTime").as_deref().and_then(epoch_ms),
        attributes: attributes(metadata, &OF_STORAGE),
        body,
        ..QueueMessage::default()
    }
}

fn of_service_bus(invoked: &Invoked<'_>, metadata: &Metadata<'_>, body: String) -> QueueMessage {
    let group_id = metadata.text("SessionId");
    QueueMessage {
        queue: invoked.source.to_owned(),
        queue_id: invoked.source.to_owned(),
        id: metadata.text("MessageId").unwrap_or_else(|| invoked.id.to_owned()),
        receipt_handle: metadata.text("LockToken").unwrap_or_default(),
        receive_count: metadata.text("DeliveryCount").and_then(|count| count.parse().ok()).unwrap_or(1),
        sent_at_ms: metadata.text("EnqueuedTimeUtc").as_deref().and_then(epoch_ms),
        fifo: group_id.is_some(),
        deduplication_id: metadata.text("MessageId"),
        sequence_number: metadata.text("SequenceNumber"),
        message_attributes: properties(metadata),
        attributes: attributes(metadata, &OF_SERVICE_BUS),
        group_id,
        body,
        ..QueueMessage::default()
    }
}

/// A message of a subscription to a topic of Service Bus.
pub(super) fn of_topic(invoked: &Invoked<'_>) -> Result<Deliveries, Failure> {
    let target = invoked.target(&Arrival::Topic(invoked.function))?;
    let body = invoked.body();
    let metadata = Metadata::of(invoked.metadata, &body);
    say_replaced(invoked, &metadata, &OF_SERVICE_BUS);
    let count = metadata.text("DeliveryCount").and_then(|count| count.parse().ok()).unwrap_or(1);
    let message = TopicMessage {
        topic: invoked.source.to_owned(),
        topic_id: invoked.source.to_owned(),
        id: metadata.text("MessageId").unwrap_or_else(|| invoked.id.to_owned()),
        subject: metadata.text("Subject").or_else(|| metadata.text("Label")),
        time: metadata.text("EnqueuedTimeUtc").unwrap_or_default(),
        attributes: properties(&metadata),
        message: body,
    };
    let tried = Some(Tried { message: message.id.clone(), count, storage: false });
    Ok(Deliveries { service: "azure-service-bus", of: vec![Delivery { target, trigger: message.into(), tried }] })
}

/// What a member of the body hides is said in the log.
fn say_replaced(invoked: &Invoked<'_>, metadata: &Metadata<'_>, names: &[&str]) {
    if let Some(replaced) = metadata.replaced(names) {
        let message = "members of a message's body have taken the place of the host's metadata, which is unknown now";
        log_of(Level::Warn, invoked.id, invoked.function, message, Some(&replaced));
    }
}

fn attributes(metadata: &Metadata<'_>, names: &[&str]) -> BTreeMap<String, String> {
    names.iter().filter_map(|name| Some(((*name).to_owned(), metadata.text(name)?))).collect()
}

/// What the sender says of the message, by both names that the extension has had for it.
fn properties(metadata: &Metadata<'_>) -> BTreeMap<String, MessageAttribute> {
    let Some(json) = metadata.get("ApplicationProperties").or_else(|| metadata.get("UserProperties")) else {
        return BTreeMap::new();
    };
    let members: Members<'_> = part("", json).unwrap_or_default();
    let attribute = |json| {
        let data_type = if string(json).is_some() { "String" } else { "Number" };
        let data_type = if matches!(json.get(), "true" | "false") { "Boolean" } else { data_type };
        MessageAttribute { data_type: data_type.to_owned(), value: string(json).unwrap_or_else(|| decoded(json)) }
    };
    members.0.into_iter().map(|(name, json)| (name.0.into_owned(), attribute(json))).collect()
}
