//! Invocation payloads as the host writes them.
//!
//! Rules: `ToHttpScriptInvocationContext` and `GetHttpScriptInvocationContextValue` of the host's
//! `ScriptInvocationContextExtensions`, `GetRequestAsJObject` of its `HttpRequestExtensions`, `ApplyBindingData` of its
//! `Utility`. What each trigger tells is in the document of the trigger.

use crate::{
    events::{BlobEvent, HubEvent, QueueMessage, ServiceBusMessage, TimerRun},
    request::Request,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use std::time::SystemTime;

/// A value that is a string: JSON within a JSON string.
pub(crate) fn encoded(text: &str) -> Value {
    Value::String(Value::from(text).to_string())
}

/// A number, in a JSON string.
fn number(number: impl std::fmt::Display) -> Value {
    Value::String(number.to_string())
}

pub(crate) fn time(at: SystemTime) -> String {
    DateTime::<Utc>::from(at).to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// `Data` and `Metadata`, with what the host says in every payload.
fn payload(function: &str, binding: &str, data: Value, mut metadata: Map<String, Value>) -> Value {
    let sys = json!({"MethodName": function, "UtcNow": time(SystemTime::now()), "RandGuid": guid()});
    metadata.insert("sys".to_owned(), sys);
    json!({"Data": {binding: data}, "Metadata": metadata})
}

/// A random id as .NET writes them.
pub(crate) fn guid() -> String {
    let id = format!("{:032x}", fastrand::u128(..));
    format!("{}-{}-4{}-a{}-{}", &id[..8], &id[8..12], &id[13..16], &id[17..20], &id[20..])
}

/// Members of a body that is a JSON object take the place of metadata of the same names, but for arrays and `null`.
fn apply(metadata: &mut Map<String, Value>, body: &str) {
    let Ok(Value::Object(members)) = serde_json::from_str(body) else { return };
    for (name, value) in members {
        let value = match value {
            Value::Null | Value::Array(_) => continue,
            Value::Object(_) => value,
            Value::String(text) => encoded(&text),
            // `(string)property.Value`: True and False.
            Value::Bool(flag) => encoded(if flag { "True" } else { "False" }),
            Value::Number(number) => encoded(&number.to_string()),
        };
        metadata.retain(|known, _| !known.eq_ignore_ascii_case(&name));
        metadata.insert(name, value);
    }
}

fn object(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// "Azure Queue storage trigger", message metadata.
pub(crate) fn queue(function: &str, binding: &str, message: &QueueMessage, text: &str) -> Value {
    let mut metadata = object([
        ("DequeueCount", number(message.dequeue_count)),
        ("ExpirationTime", time(message.inserted + std::time::Duration::from_secs(7 * 86_400)).into()),
        ("Id", encoded(&message.id)),
        ("InsertionTime", time(message.inserted).into()),
        ("NextVisibleTime", time(SystemTime::now() + std::time::Duration::from_secs(600)).into()),
        ("PopReceipt", encoded("AgAAAAMAAAAAAAAAAgtnj8x+1QE=")),
    ]);
    apply(&mut metadata, text);
    payload(function, binding, encoded(text), metadata)
}

/// "Azure Service Bus trigger", message metadata.
pub(crate) fn service_bus(function: &str, binding: &str, message: &ServiceBusMessage) -> Value {
    let enqueued = time(message.enqueued);
    let mut metadata = object([
        ("MessageReceiver", json!({})),
        ("MessageSession", json!({})),
        ("MessageActions", json!({})),
        ("SessionActions", json!({})),
        ("ReceiveActions", json!({})),
        ("DeliveryCount", number(message.delivery_count)),
        ("LockToken", encoded(&guid())),
        ("ExpiresAtUtc", "9999-12-31T23:59:59.9999999".into()),
        ("EnqueuedTimeUtc", enqueued.trim_end_matches('Z').into()),
        ("EnqueuedTime", enqueued.replace('Z', "+00:00").into()),
        ("MessageId", encoded(&message.id)),
        ("SequenceNumber", number(message.sequence_number)),
        ("ApplicationProperties", Value::Object(message.properties.clone())),
        ("UserProperties", Value::Object(message.properties.clone())),
    ]);
    if let Some(session) = &message.session_id {
        metadata.insert("SessionId".to_owned(), encoded(session));
    }
    if let Some(kind) = &message.content_type {
        metadata.insert("ContentType".to_owned(), encoded(kind));
    }
    apply(&mut metadata, &message.body);
    payload(function, binding, encoded(&message.body), metadata)
}

/// An event of Event Grid: the object as it came.
pub(crate) fn event_grid(function: &str, binding: &str, event: &Value) -> Value {
    let mut metadata = Map::new();
    if let Some(data) = event.get("data").filter(|data| data.is_object()) {
        metadata.insert("data".to_owned(), data.clone());
    }
    payload(function, binding, event.clone(), metadata)
}

/// "Azure Event Hubs trigger", event metadata, of one event at a time.
pub(crate) fn event_hub(function: &str, binding: &str, event: &HubEvent, binary: bool) -> Value {
    let enqueued = time(event.enqueued);
    let mut system = object([
        ("SequenceNumber", event.sequence_number.into()),
        ("Offset", event.offset.clone().into()),
        ("EnqueuedTimeUtc", enqueued.clone().into()),
    ]);
    let mut metadata = object([
        ("PartitionContext", json!({"PartitionId": "0", "ConsumerGroup": "$Default"})),
        ("EnqueuedTimeUtc", enqueued.into()),
        ("SequenceNumber", number(event.sequence_number)),
        ("Offset", encoded(&event.offset)),
        ("Properties", json!({})),
    ]);
    if let Some(key) = &event.partition_key {
        metadata.insert("PartitionKey".to_owned(), encoded(key));
        system.insert("PartitionKey".to_owned(), key.clone().into());
    }
    metadata.insert("SystemProperties".to_owned(), Value::Object(system));
    let data = if binary {
        Value::String(BASE64_STANDARD.encode(&event.body))
    } else {
        let text = String::from_utf8_lossy(&event.body);
        apply(&mut metadata, &text);
        encoded(&text)
    };
    payload(function, binding, data, metadata)
}

/// "Azure Blob storage trigger", metadata.
pub(crate) fn blob(function: &str, binding: &str, blob: &BlobEvent, binary: bool) -> Value {
    const UNRESERVED: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
    let key = percent_encoding::utf8_percent_encode(&blob.name, UNRESERVED);
    let uri = format!("https://account.blob.core.windows.net/{}/{key}", blob.container);
    let properties = json!({
        "LastModified": time(SystemTime::now()),
        "ContentLength": blob.content.len(),
        "ContentType": "application/octet-stream",
        "ETag": "\"0x8DBD5D2F9A1C2B3\"",
        "BlobType": 0,
    });
    let metadata = object([
        ("Uri", encoded(&uri)),
        ("Properties", properties),
        ("Metadata", json!({})),
        ("name", encoded(&blob.name)),
    ]);
    let data = if binary {
        Value::String(BASE64_STANDARD.encode(&blob.content))
    } else {
        encoded(&String::from_utf8_lossy(&blob.content))
    };
    payload(function, binding, data, metadata)
}

/// "Timer trigger for Azure Functions". While a function runs, `Next` is what was expected before the run.
pub(crate) fn timer(function: &str, binding: &str, run: &TimerRun) -> Value {
    let status = json!({"Last": time(run.last), "Next": time(run.due), "LastUpdated": time(run.last)});
    let data = json!({"Schedule": {"AdjustForDST": true}, "ScheduleStatus": status, "IsPastDue": run.past_due});
    payload(function, binding, data, Map::new())
}

/// A request as the value of a binding.
pub(crate) fn http(function: &str, binding: &str, request: &Request) -> Value {
    let mut headers: Map<String, Value> = Map::new();
    for (name, value) in &request.headers {
        match headers.entry(name).or_insert_with(|| json!([])) {
            Value::Array(values) => values.push(value.clone().into()),
            other => *other = json!([value]),
        }
    }
    let host = request.get("host").unwrap_or("localhost");
    headers.entry("Host").or_insert_with(|| json!([host]));
    let mut query: Map<String, Value> = Map::new();
    let pairs = request.target.split_once('?').map_or("", |(_, query)| query);
    for pair in pairs.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode =
            |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let (name, value) = (decode(name), decode(value));
        // Values of one name are joined by commas.
        let joined = query.get(&name).and_then(Value::as_str).map_or(value.clone(), |known| format!("{known},{value}"));
        query.insert(name, joined.into());
    }
    let mut data = object([
        ("Url", format!("http://{host}{}", request.target).into()),
        ("Method", request.method.clone().into()),
        ("Query", Value::Object(query)),
        ("Headers", Value::Object(headers)),
        ("Params", json!({})),
        ("Identities", json!([])),
    ]);
    if !request.body.is_empty() {
        let kind = request.get("content-type").unwrap_or_default().to_ascii_lowercase();
        let octets = kind.split(';').next().is_some_and(|kind| kind.trim() == "application/octet-stream");
        let body = if octets || kind.contains("multipart/") {
            BASE64_STANDARD.encode(&request.body)
        } else {
            String::from_utf8_lossy(&request.body).into_owned()
        };
        data.insert("Body".to_owned(), body.into());
    }
    payload(function, binding, Value::Object(data), Map::new())
}
