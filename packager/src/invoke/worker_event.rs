//! The events of a Worker in the form in which they are written down: a request as it was on the wire or as a Worker saw
//! it, a batch of messages, a schedule.

use super::InvokeError;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use chrono::DateTime;
use pikku_local_workers::{Body, Message, Request};
use serde::Deserialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The headers that say how a body is sent; they are not taken over from what a Worker saw.
const FRAMING: [&str; 3] = ["connection", "content-length", "transfer-encoding"];

/// An event that is ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// A request.
    Fetch(Request),
    /// A batch of a queue, by its name in the account.
    Queue(String, Vec<Message>),
    /// A schedule, by its expression.
    Scheduled(String, SystemTime),
}

/// What stands in a file.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Form {
    Fetch {
        worker_request: Seen,
        wire: Option<Wire>,
    },
    Queue {
        queue: String,
        messages: Vec<QueueMessage>,
    },
    Scheduled {
        cron: String,
        #[serde(rename = "scheduledTime")]
        scheduled_time_ms: u64,
    },
}

/// A request as a Worker sees it.
#[derive(Debug, Deserialize)]
struct Seen {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body_base64: String,
}

/// A request as it was sent: the line of the request, and one for each header.
#[derive(Debug, Deserialize)]
struct Wire {
    request_head: Vec<String>,
    #[serde(default)]
    body_base64: String,
}

#[derive(Debug, Deserialize)]
struct QueueMessage {
    id: String,
    timestamp: String,
    attempts: u32,
    body: Body,
}

/// Reads an event.
pub(super) fn parse(bytes: &[u8]) -> Result<Event, InvokeError> {
    let wrong = |reason: String| InvokeError::Form { reason };
    let form: Form = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => wrong("it is neither a request nor a batch nor a schedule".to_owned()),
        _ => wrong(error.to_string()),
    })?;
    match form {
        Form::Fetch { worker_request, wire } => request(worker_request, wire).map(Event::Fetch).map_err(wrong),
        Form::Queue { queue, messages } => {
            let messages = messages.into_iter().map(message).collect::<Result<_, _>>().map_err(wrong)?;
            Ok(Event::Queue(queue, messages))
        }
        Form::Scheduled { cron, scheduled_time_ms } => {
            Ok(Event::Scheduled(cron, UNIX_EPOCH + Duration::from_millis(scheduled_time_ms)))
        }
    }
}

fn decode(base64: &str) -> Result<Bytes, String> {
    BASE64_STANDARD.decode(base64).map(Bytes::from).map_err(|error| format!("its body is no base64: {error}"))
}

fn message(message: QueueMessage) -> Result<Message, String> {
    let QueueMessage { id, timestamp, attempts, body } = message;
    let time =
        DateTime::parse_from_rfc3339(&timestamp).map_err(|error| format!("`{timestamp}` is no time: {error}"))?;
    let timestamp_ms = u64::try_from(time.timestamp_millis()).map_err(|_| format!("`{timestamp}` is before 1970"))?;
    Ok(Message { id, timestamp_ms, attempts, body })
}

/// What was sent where that is known, and besides what was on the way added to it.
fn request(seen: Seen, wire: Option<Wire>) -> Result<Request, String> {
    let (authority, target) = split(&seen.url)?;
    let Some(wire) = wire else {
        let request = Request::new(seen.method, target).body(decode(&seen.body_base64)?);
        let has_host = seen.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
        let request = if has_host { request } else { request.header("Host", authority) };
        return Ok(with_others(request, &seen.headers, &[]));
    };
    let (line, headers) = wire.request_head.split_first().ok_or("its head is empty")?;
    let mut parts = line.splitn(2, ' ');
    let method = parts.next().unwrap_or_default();
    let target = parts.next().and_then(|rest| rest.rsplit_once(' ')).map(|(target, _)| target);
    let target = target.ok_or_else(|| format!("`{line}` is no line of a request"))?;
    let mut names = Vec::new();
    let mut chunked = false;
    let mut request = Request::new(method, target);
    for header in headers {
        let (name, value) = header.split_once(':').ok_or_else(|| format!("`{header}` is no header"))?;
        chunked |= name.eq_ignore_ascii_case("transfer-encoding");
        names.push(name.to_ascii_lowercase());
        request = request.header(name, value.trim());
    }
    let body = decode(&wire.body_base64)?;
    // A body in chunks is written down as what was sent, or as what came of it.
    let body = if chunked && wire.body_base64 == seen.body_base64 && !body.is_empty() {
        [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat().into()
    } else if chunked && body.is_empty() {
        Bytes::from_static(b"0\r\n\r\n")
    } else {
        body
    };
    Ok(with_others(request.body(body), &seen.headers, &names))
}

/// Adds the headers that are not there yet, except those that say how the body is sent.
fn with_others(request: Request, headers: &[(String, String)], given: &[String]) -> Request {
    let missing = |name: &str| !FRAMING.contains(&name) && !given.iter().any(|given| given == name);
    let others = headers.iter().filter(|(name, _)| missing(&name.to_ascii_lowercase()));
    others.fold(request, |request, (name, value)| request.header(name, value)).at_the_edge()
}

/// The authority of a URL, and its path with the query, as they stand there.
pub(super) fn split(url: &str) -> Result<(&str, String), String> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let rest = rest.ok_or_else(|| format!("`{url}` is no URL of a request"))?;
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    Ok((authority, if target.starts_with('/') { target.to_owned() } else { format!("/{target}") }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn fetch(value: Value) -> Request {
        match parse(value.to_string().as_bytes()) {
            Ok(Event::Fetch(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_sent_is_sent_again() {
        let event = json!({
            "worker_request": {"method": "GET", "url": "http://example.com/a?b", "body_base64": "",
                "headers": [["accept", "x, y"], ["cf-connecting-ip", "1.2.3.4"], ["cf-ray", "1"], ["connection", "close"],
                            ["host", "example.com"]]},
            "wire": {"request_head": ["GET /a?b HTTP/1.1", "Host: example.com", "Accept: x", "Accept: y"], "body_base64": ""},
        });
        let expected = Request::new("GET", "/a?b")
            .header("Host", "example.com")
            .header("Accept", "x")
            .header("Accept", "y")
            .header("cf-connecting-ip", "1.2.3.4")
            .header("cf-ray", "1")
            .body(Bytes::new());
        assert_eq!(fetch(event), expected);
    }

    #[test]
    fn what_was_seen_is_sent_where_nothing_else_is_known() {
        let event = json!({"worker_request": {"method": "PUT", "url": "https://example.com:8443?q", "body_base64": "AP8=",
            "headers": [["cf-connecting-ip", "::1"], ["cf-ray", "1"], ["content-length", "2"]]}});
        let expected = Request::new("PUT", "/?q")
            .body(vec![0, 255])
            .header("Host", "example.com:8443")
            .header("cf-connecting-ip", "::1")
            .header("cf-ray", "1");
        assert_eq!(fetch(event), expected);
    }

    #[test]
    fn bodies_in_chunks_are_sent_in_chunks() {
        let event = |wire: &str| {
            let headers = json!([["cf-ray", "1"], ["cf-connecting-ip", "::1"]]);
            let head = json!(["PUT / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"]);
            fetch(
                json!({"worker_request": {"method": "PUT", "url": "http://a/", "body_base64": "aGk=", "headers": headers},
                         "wire": {"request_head": head, "body_base64": wire}}),
            )
        };
        // Once as the body itself, once as it was sent.
        assert_eq!(event("aGk="), event(&BASE64_STANDARD.encode("2\r\nhi\r\n0\r\n\r\n")));
    }

    #[test]
    fn batches_and_schedules() {
        let batch = json!({"queue": "q", "messages": [{"id": "1", "timestamp": "2026-11-20T10:29:15.873Z", "attempts": 2,
            "body": {"type": "text", "text": ""}}]});
        let body = Body::Text { text: String::new() };
        let message = Message { id: "1".to_owned(), timestamp_ms: 1_795_170_555_873, attempts: 2, body };
        assert_eq!(parse(batch.to_string().as_bytes()).unwrap(), Event::Queue("q".to_owned(), vec![message]));
        let schedule = json!({"type": "scheduled", "cron": "*/5 * * * *", "scheduledTime": 1_700_000_040_000_u64});
        let time = UNIX_EPOCH + Duration::from_secs(1_700_000_040);
        assert_eq!(parse(schedule.to_string().as_bytes()).unwrap(), Event::Scheduled("*/5 * * * *".to_owned(), time));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let request = |change: &str, value: Value| {
            let mut event =
                json!({"worker_request": {"method": "GET", "url": "http://a/", "headers": [], "body_base64": ""}});
            event["worker_request"][change] = value;
            event.to_string()
        };
        for wrong in [
            "{".to_owned(),
            "{}".to_owned(),
            r#"{"queue": "q", "messages": [{"id": "1", "timestamp": "now", "attempts": 1, "body": {"type": "text", "text": ""}}]}"#
                .to_owned(),
            request("url", json!("/a")),
            request("body_base64", json!("!")),
        ] {
            assert!(matches!(parse(wrong.as_bytes()), Err(InvokeError::Form { .. })), "{wrong}");
        }
    }
}
