//! Records of batches.

use crate::log::{EchoLog, unexpected};
use base64::{Engine, engine::general_purpose::STANDARD};
use pikku::{Call, Problem, call::AttributeValue};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An attribute with its number's digits as they came.
fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Number(digits) => json!({ "number": digits }),
        AttributeValue::NumberSet(numbers) => numbers.iter().map(|digits| json!({ "number": digits })).collect(),
        AttributeValue::Binary(base64) => json!({ "base64": base64 }),
        AttributeValue::BinarySet(values) => values.iter().map(|base64| json!({ "base64": base64 })).collect(),
        AttributeValue::List(values) => values.iter().map(attribute).collect(),
        AttributeValue::Map(values) => image(values),
        other => other.to_json(),
    }
}

fn image(attributes: &BTreeMap<String, AttributeValue>) -> Value {
    Value::Object(attributes.iter().map(|(name, value)| (name.clone(), attribute(value))).collect())
}

/// Shows a change of a table's item.
#[pikku::function]
pub async fn show_change(call: &Call, log: &EchoLog) -> Result<(), Problem> {
    let change = call.table().ok_or_else(|| unexpected(call))?;
    log.show(&json!({
        "source": "dynamodb",
        "table": change.table,
        "id": change.id,
        "event": change.event,
        "sequence_number": change.sequence_number,
        "view": change.view,
        "created_raw": change.created_at_s,
        "keys": image(&change.keys),
        "new": change.new.as_ref().map(image),
        "old": change.old.as_ref().map(image),
    }))
}

/// Shows a record of a stream.
#[pikku::function]
pub async fn show_record(call: &Call, log: &EchoLog) -> Result<(), Problem> {
    let record = call.stream().ok_or_else(|| unexpected(call))?;
    log.show(&json!({
        "source": "kinesis",
        "stream": record.stream,
        "id": record.id,
        "sequence_number": record.sequence_number,
        "partition_key": record.partition_key,
        "data_base64": STANDARD.encode(&record.data),
        "data_utf8": std::str::from_utf8(&record.data).ok(),
        "arrival_epoch_s": record.arrived_at_s,
    }))
}

/// Shows an event of an object in a bucket.
#[pikku::function]
pub async fn show_object(call: &Call, log: &EchoLog) -> Result<(), Problem> {
    let object = call.object().ok_or_else(|| unexpected(call))?;
    log.show(&json!({
        "source": "s3",
        "bucket": object.bucket,
        "key": object.key,
        "key_as_delivered": object.key_as_delivered,
        "event": object.event,
        "time": object.time,
        "size": object.size,
        "etag": object.etag,
        "version_id": object.version_id,
        "sequencer": object.sequencer,
    }))
}
