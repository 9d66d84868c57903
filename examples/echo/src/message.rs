//! Messages, runs and events.

use crate::log::{EchoLog, service_of, unexpected};
use pikku::{Call, Problem, call::MessageAttribute};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn attributes(attributes: &BTreeMap<String, MessageAttribute>) -> Value {
    let seen = attributes
        .iter()
        .map(|(name, attribute)| (name.clone(), json!({ "type": attribute.data_type, "value": attribute.value })));
    Value::Object(seen.collect())
}

/// Shows a message of a queue.
#[pikku::function]
pub async fn show_queue_message(call: &Call, log: &EchoLog) -> Result<(), Problem> {
    let message = call.queue().ok_or_else(|| unexpected(call))?;
    log.show(&json!({
        "source": service_of(&message.queue_id),
        "queue": message.queue,
        "queue_arn": message.queue_id,
        "fifo": message.fifo,
        "id": message.id,
        "receipt_handle": message.receipt_handle,
        "body": message.body,
        "body_is_json": serde_json::from_str::<Value>(&message.body).is_ok(),
        "receive_count": message.receive_count,
        "sent_at_ms": message.sent_at_ms,
        "group_id": message.group_id,
        "dedup_id": message.deduplication_id,
        "sequence_number": message.sequence_number,
        "attributes": message.attributes,
        "message_attributes": attributes(&message.message_attributes),
    }))
}

/// Shows a message of a topic.
#[pikku::function]
pub async fn show_notification(call: &Call, log: &EchoLog) -> Result<(), Problem> {
    let message = call.topic().ok_or_else(|| unexpected(call))?;
    log.show(&json!({
        "source": service_of(&message.topic_id),
        "topic": message.topic,
        "topic_arn": message.topic_id,
        "id": message.id,
        "subject": message.subject,
        "message": message.message,
        "time": message.time,
        "attributes": attributes(&message.attributes),
    }))
}

/// Shows the run of a schedule.
#[pikku::function]
pub async fn show_schedule(call: &Call, log: &EchoLog) -> Result<(), Problem> {
    let run = call.schedule().ok_or_else(|| unexpected(call))?;
    log.show(&json!({
        "source": run.origin,
        "rule": run.schedule,
        "rule_arn": run.schedule_id,
        "id": run.id,
        "time": run.time,
        "time_epoch_ms": run.time_ms,
    }))
}

/// Shows an event of an event bus.
#[pikku::function]
pub async fn show_event(call: &Call, log: &EchoLog) -> Result<(), Problem> {
    let event = call.event().ok_or_else(|| unexpected(call))?;
    log.show(&json!({
        "source": event.source,
        "detail_type": event.detail_type,
        "id": event.id,
        "time": event.time,
        "account": event.account,
        "region": event.region,
        "resources": event.resources,
        "detail": event.detail,
    }))
}
