//! Examples for the wirings of an app, in the form that `cargo pikku invoke` takes: the request with its payload.
//!
//! What a function takes, and how a request carries it, is told by the examples of [`pikku_local_lambda::events`], which make
//! instances of schemas; here it is put into the payloads of the host.

use super::{BlobEvent, HubEvent, QueueMessage, ServiceBusMessage, TimerRun};
use crate::{Request, payload};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use pikku_local_lambda::events as lambda;
use pikku_manifest::{Group, Manifest};
use serde_json::{Value, json};
use std::time::SystemTime;

/// An event for one wiring.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Example {
    /// What kind of event it is: a short name of a [`Trigger`](crate::Trigger).
    pub kind: &'static str,
    /// What it is for, such as `POST /orders` or the name of a queue.
    pub of: String,
    /// The id of the wiring.
    pub wiring: String,
    /// The function of the app that the wiring reaches.
    pub function: String,
    /// The event: `request` with `method`, `path` and `headers`, and `payload`.
    pub event: Value,
}

impl Example {
    /// The example's whole name, such as `queue:orders-placed`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.kind, self.of)
    }
}

/// All kinds of example there are.
pub const KINDS: [&str; 7] = crate::Trigger::NAMES;

/// The examples for a group's wirings, in the order of the wirings, dated `now`.
pub fn examples(manifest: &Manifest, group: &Group, now: SystemTime) -> Vec<Example> {
    lambda::examples(manifest, group, now).into_iter().filter_map(|example| of(&example, now)).collect()
}

/// The example of that name: a whole name, or a kind, which is its first example.
pub fn find<'a>(examples: &'a [Example], name: &str) -> Option<&'a Example> {
    let whole = examples.iter().find(|example| example.name() == name);
    whole.or_else(|| examples.iter().find(|example| example.kind == name))
}

fn of(example: &lambda::Example, now: SystemTime) -> Option<Example> {
    let function = function_name(&example.wiring);
    let text = |pointer: &str| example.event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, payload) = match example.kind {
        "function-url" => ("http", payload::http(&function, "req", &request(&example.event))),
        "sqs" => {
            let message = QueueMessage { inserted: now, ..QueueMessage::text("") };
            ("queue", payload::queue(&function, "message", &message, &text("/Records/0/body")))
        }
        "sqs-fifo" => ("service-bus", service_bus(&function, text("/Records/0/body"), Some("group-1"), now)),
        "sns" => ("service-bus", service_bus(&function, text("/Records/0/Sns/Message"), None, now)),
        "schedule" => ("timer", payload::timer(&function, "timer", &TimerRun { due: now, ..TimerRun::now() })),
        "eventbridge" => {
            let event = json!({
                "specversion": "1.0",
                "id": text("/id"),
                "source": text("/source"),
                "type": text("/detail-type"),
                "time": payload::time(now),
                "datacontenttype": "application/json",
                "data": example.event.get("detail"),
            });
            ("event-grid", payload::event_grid(&function, "event", &event))
        }
        "kinesis" => {
            let data = BASE64_STANDARD.decode(text("/Records/0/kinesis/data")).unwrap_or_default();
            let event = HubEvent { enqueued: now, partition_key: Some("key-1".to_owned()), ..HubEvent::new(data) };
            ("event-hub", payload::event_hub(&function, "events", &event, true))
        }
        "s3" => {
            let blob = BlobEvent::new(text("/Records/0/s3/bucket/name"), text("/Records/0/s3/object/key"), "");
            ("blob", payload::blob(&function, "blob", &blob, true))
        }
        _ => return None,
    };
    let headers =
        json!({"content-type": "application/json; charset=utf-8", "x-azure-functions-invocationid": payload::guid()});
    let request = json!({"method": "POST", "path": format!("/{function}"), "headers": headers});
    Some(Example {
        kind,
        of: example.of.clone(),
        wiring: example.wiring.clone(),
        function: example.function.clone(),
        event: json!({"request": request, "payload": payload}),
    })
}

fn service_bus(function: &str, body: String, session: Option<&str>, now: SystemTime) -> Value {
    let session_id = session.map(str::to_owned);
    let message = ServiceBusMessage { enqueued: now, session_id, ..ServiceBusMessage::new(body) };
    payload::service_bus(function, "message", &message)
}

/// The request of an event of a Function URL.
fn request(event: &Value) -> Request {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let query = text("/rawQueryString");
    let mark = if query.is_empty() { "" } else { "?" };
    let mut request = Request::new(text("/requestContext/http/method"), format!("{}{mark}{query}", text("/rawPath")));
    let headers = event.get("headers").and_then(Value::as_object);
    // Those that only a Function URL adds say nothing here.
    let own = |name: &str| name.starts_with("x-amzn-") || name.starts_with("x-forwarded-");
    for (name, value) in headers.into_iter().flatten().filter(|(name, _)| !own(name)) {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    let body = text("/body");
    let octets = event.get("isBase64Encoded") == Some(&Value::Bool(true));
    request.body(if octets { BASE64_STANDARD.decode(body).unwrap_or_default() } else { body.into() })
}

/// The function of a wiring, as the packager names it.
fn function_name(wiring: &str) -> String {
    let mut name = String::new();
    for letter in wiring.chars() {
        let letter = if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
        if letter != '-' || !name.ends_with('-') {
            name.push(letter);
        }
    }
    name.trim_end_matches('-').to_owned()
}
