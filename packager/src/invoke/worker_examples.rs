//! Events for a group's wirings, as a Worker gets them. They are made of those that Lambda gets for the same wirings.

use super::worker_event::split;
use crate::cloudflare::{physical, to_trigger};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use pikku_local_lambda::events::{self, Example};
use pikku_manifest::{Group, Manifest, Source, WiringKind};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// The examples for a group's wirings, in their order; `app` is the app's name in those of its queues.
pub(super) fn examples(manifest: &Manifest, group: &Group, app: &str) -> Vec<(String, String, Value)> {
    let now = SystemTime::now();
    let made = events::examples(manifest, group, now);
    made.into_iter().filter_map(|example| of(group, app, now, example)).collect()
}

/// The same for a Worker: its name, its function and the event.
fn of(group: &Group, app: &str, now: SystemTime, example: Example) -> Option<(String, String, Value)> {
    let wiring = group.wirings.iter().find(|wiring| wiring.id == example.wiring)?;
    let event = &example.event;
    let (name, event) = match (&wiring.kind, example.kind) {
        // Of the forms of a request, this one has its path as it is sent.
        (WiringKind::Http(_), "function-url") => (format!("http:{}", example.of), request(event)),
        (WiringKind::Queue(queue), "sqs" | "sqs-fifo") => {
            let name = queue.source.name().map_or_else(|| "example".to_owned(), |name| physical(app, name));
            (format!("queue:{}", example.of), batch(&name, event, now))
        }
        (WiringKind::Cron(cron), "scheduler") => {
            let expression = match cron.source {
                Source::Any => "0 3 * * *".to_owned(),
                Source::Named(_) => to_trigger(&cron.expression).ok()?,
            };
            let event = json!({"type": "scheduled", "cron": expression, "scheduledTime": milliseconds(now)});
            (format!("cron:{}", example.of), event)
        }
        _ => return None,
    };
    Some((name, example.function, event))
}

fn request(event: &Value) -> Value {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (path, query) = (text(&event["rawPath"]), text(&event["rawQueryString"]));
    let url =
        if query.is_empty() { format!("http://localhost{path}") } else { format!("http://localhost{path}?{query}") };
    let mut headers: Vec<(String, String)> =
        vec![("host".to_owned(), split(&url).map_or("", |(host, _)| host).to_owned())];
    let given = event["headers"].as_object().into_iter().flatten();
    let own = |name: &str| name == "host" || name.starts_with("x-amzn-") || name.starts_with("x-forwarded-");
    headers.extend(given.filter(|(name, _)| !own(name)).map(|(name, value)| (name.clone(), text(value))));
    let cookies: Vec<String> = event["cookies"].as_array().into_iter().flatten().map(text).collect();
    if !cookies.is_empty() {
        headers.push(("cookie".to_owned(), cookies.join("; ")));
    }
    let body = text(&event["body"]);
    let encoded = event["isBase64Encoded"] == true;
    let body = if encoded { body } else { BASE64_STANDARD.encode(body) };
    let method = &event["requestContext"]["http"]["method"];
    json!({"worker_request": {"method": method, "url": url, "headers": headers, "body_base64": body}})
}

/// A batch with the messages of the other one: JSON where they are that, else text.
fn batch(queue: &str, event: &Value, now: SystemTime) -> Value {
    let records = event["Records"].as_array().into_iter().flatten();
    let timestamp = chrono::DateTime::<chrono::Utc>::from(now).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let message = |record: &Value| {
        let text = record["body"].as_str().unwrap_or_default();
        let id = record["messageId"].as_str().unwrap_or_default().replace('-', "");
        json!({"id": id, "timestamp": timestamp, "attempts": 1, "body": body(text)})
    };
    json!({"queue": queue, "messages": records.map(message).collect::<Vec<_>>()})
}

/// The body of a message that is typed: JSON where it is that, else text.
pub(super) fn body(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => json!({"type": "json", "json": value}),
        Err(_) => json!({"type": "text", "text": text}),
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoke::worker_event::{Event, parse};

    #[test]
    fn each_wiring_has_an_event_that_can_be_sent() {
        let at = json!({"file": "src/lib.rs", "line": 1});
        let wiring =
            |id: &str, kind: &str, detail: Value| json!({"id": id, "function": "act", kind: detail, "location": at});
        let manifest: Manifest = serde_json::from_value(json!({
            "manifest_version": 1,
            "groups": [{"name": "orders", "wirings": [
                wiring("http:POST /orders/{id}", "http", json!({"method": "POST", "path": "/orders/{id}"})),
                wiring("queue:placed", "queue", json!({"source": {"named": "placed"}, "batch": 10, "batch_window_s": 0,
                                                       "retries": 3, "fifo": false})),
                wiring("cron:nightly", "cron", json!({"source": {"named": "nightly"}, "expression": "0 3 * * 0",
                                                      "time_zone": "UTC"})),
                wiring("topic:prices", "topic", json!({"source": {"named": "prices"}})),
            ]}],
            "functions": [{"name": "act", "module": "m", "location": at, "errors": [], "services": [], "session": "none",
                           "input": {"type": "object", "required": ["id", "count"], "properties": {
                               "id": {"type": "string"}, "count": {"type": "integer", "minimum": 1}}}}],
            "services": [],
        }))
        .unwrap();
        let examples = examples(&manifest, &manifest.groups[0], "shop");
        let names: Vec<&str> = examples.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["http:POST /orders/{id}", "queue:placed", "cron:nightly"]);
        let sent: Vec<Event> =
            examples.iter().map(|(.., event)| parse(event.to_string().as_bytes()).unwrap()).collect();
        assert!(matches!(&sent[0], Event::Fetch(_)));
        assert_eq!(examples[0].2["worker_request"]["method"], "POST");
        assert!(matches!(&sent[1], Event::Queue(queue, messages) if queue == "shop-placed" && !messages.is_empty()));
        assert!(matches!(&sent[2], Event::Scheduled(cron, _) if cron == "0 3 * * SUN"));
    }
}
