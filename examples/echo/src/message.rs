//! Messages, runs and events.

use crate::{
    azure,
    log::{EchoLog, service_of, unexpected},
    time::rfc3339,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use pikku::{
    Call, Problem,
    call::{MessageAttribute, QueueMessage},
};
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
    if let Some(origin) = call.origin() {
        return log.show(&azure::message(origin, message));
    }
    match &message.content_type {
        Some(form) => log.show(&of_a_form(message, form)),
        None => log.show(&of_sqs(message)),
    }
}

fn of_sqs(message: &QueueMessage) -> Value {
    json!({
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
    })
}

/// A message of Cloudflare's queues, which say of each body what form it has.
fn of_a_form(message: &QueueMessage, form: &str) -> Value {
    let body = match &message.octets {
        Some(_) => None,
        None if form == "json" => serde_json::from_str(&message.body).ok(),
        None => Some(Value::from(message.body.as_str())),
    };
    json!({
        "source": "cloudflare-queues",
        "queue": message.queue,
        "id": message.id,
        "attempts": message.receive_count,
        "time": message.sent_at_ms.map(rfc3339),
        "body_type": form,
        "body": body,
        "body_base64": message.octets.as_ref().map(|octets| STANDARD.encode(octets)),
    })
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
    if let Some(origin) = call.origin() {
        return log.show(&azure::run(origin, run));
    }
    if run.origin == "cloudflare" {
        return log.show(&json!({
            "source": "cloudflare-cron",
            "cron": run.schedule,
            "time": run.time_ms.map(rfc3339),
            "time_epoch_ms": run.time_ms,
        }));
    }
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
    if let Some(origin) = call.origin() {
        return log.show(&azure::event(origin, event));
    }
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
