//! How a message lies in SQS: a text of the characters that XML has, and ten attributes at most.

use crate::{Attributes, Body, EngineError, ErrorKind, NewMessage};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The attribute of what SQS cannot say otherwise.
const OWN: &str = "pikku";

/// How many attributes are SQS's own; the others are in ours.
const PLAIN: usize = 8;

/// The message group of what is sent to a FIFO queue without one.
pub(super) const GROUP: &str = "pikku";

/// What accompanies a message beside what SQS knows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Own {
    /// `text` or `bytes` where the body is in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<String>,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub(super) attributes: Attributes,
    /// Of a dead letter: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// Of a dead letter: how often it was delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) receives: Option<u32>,
    /// Of a dead letter: its id, and when it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) was: Option<(String, i64)>,
}

impl Own {
    fn is_empty(&self) -> bool {
        self.base64.is_none() && self.attributes.is_empty() && self.reason.is_none()
    }
}

/// A message as SQS is told it: `MessageBody` and `MessageAttributes`.
pub(super) fn write(body: &Body, attributes: &Attributes, mut own: Own) -> Result<Map<String, Value>, EngineError> {
    let text = match body {
        Body::Text(text) if !text.is_empty() && text.chars().all(is_sendable) => text.clone(),
        Body::Text(text) => {
            own.base64 = Some("text".to_owned());
            STANDARD.encode(text)
        }
        Body::Bytes(bytes) => {
            own.base64 = Some("bytes".to_owned());
            STANDARD.encode(bytes)
        }
    };
    let mut plain = Map::new();
    for (name, value) in attributes {
        if plain.len() < PLAIN && is_name(name) && !value.is_empty() && value.chars().all(is_sendable) {
            plain.insert(name.clone(), attribute(value));
        } else {
            own.attributes.insert(name.clone(), value.clone());
        }
    }
    if !own.is_empty() {
        let own = serde_json::to_string(&own).map_err(|error| {
            EngineError::new(ErrorKind::Store, "a message", "its attributes cannot be written").caused_by(error)
        })?;
        plain.insert(OWN.to_owned(), attribute(&escape(&own)));
    }
    let mut message = Map::new();
    message.insert("MessageBody".to_owned(), text.into());
    if !plain.is_empty() {
        message.insert("MessageAttributes".to_owned(), plain.into());
    }
    Ok(message)
}

/// The octets that SQS counts of a message.
pub(super) fn size(message: &Map<String, Value>) -> usize {
    let body = message["MessageBody"].as_str().map_or(0, str::len);
    let attributes = message.get("MessageAttributes").and_then(Value::as_object);
    let attributes = attributes.into_iter().flatten();
    let of = |(name, value): (&String, &Value)| name.len() + 6 + value["StringValue"].as_str().map_or(0, str::len);
    body + attributes.map(of).sum::<usize>()
}

/// What becomes of a message that does not fit.
pub(super) fn check(message: &NewMessage, written: &Map<String, Value>, most: usize) -> Result<(), EngineError> {
    let size = size(written);
    if size <= most {
        return Ok(());
    }
    let reason = format!("it has {size} octets as SQS counts them, and {most} are allowed");
    Err(EngineError::new(ErrorKind::Limit, format!("a message to queue `{}`", message.queue), reason))
}

fn attribute(value: &str) -> Value {
    json!({ "DataType": "String", "StringValue": value })
}

/// A message as SQS tells it.
pub(super) fn read(message: &Value) -> Result<(Body, Attributes, Own), EngineError> {
    let wrong = |reason: &str| EngineError::new(ErrorKind::Corrupt, "a message", reason);
    let mut attributes = Attributes::new();
    let mut own = Own::default();
    for (name, value) in message["MessageAttributes"].as_object().into_iter().flatten() {
        let Some(text) = value["StringValue"].as_str() else { continue };
        if name == OWN {
            own = serde_json::from_str(text)
                .map_err(|error| wrong("its attribute `pikku` is not what was written").caused_by(error))?;
        } else {
            attributes.insert(name.clone(), text.to_owned());
        }
    }
    attributes.append(&mut own.attributes);
    let text = message["Body"].as_str().unwrap_or_default();
    let body = match own.base64.as_deref() {
        None => Body::Text(text.to_owned()),
        Some(kind) => {
            let octets = STANDARD.decode(text).map_err(|error| wrong("its body is no Base64").caused_by(error))?;
            match String::from_utf8(octets) {
                Ok(text) if kind == "text" => Body::Text(text),
                Ok(text) => Body::Bytes(text.into_bytes()),
                Err(error) => Body::Bytes(error.into_bytes()),
            }
        }
    };
    Ok((body, attributes, own))
}

/// The characters of XML 1.0, which are those of SQS.
fn is_sendable(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// JSON without the two characters that it may hold as they are and SQS may not.
fn escape(json: &str) -> String {
    json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

/// What attributes of SQS may be called.
fn is_name(name: &str) -> bool {
    let reserved = ["aws.", "amazon.", OWN].iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix));
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let dots = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    letters && !dots && !reserved && (1..=256).contains(&name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqs_cannot_hold_is_held_nevertheless() {
        let texts = ["plain", "", "\u{0}\u{fffe}", "ä\n"];
        let bodies = texts.map(Body::from).into_iter().chain([Body::from(vec![0, 255]), Body::from(b"ab".to_vec())]);
        let mut attributes: Attributes = (0..20).map(|number| (format!("a{number}"), "b".to_owned())).collect();
        attributes.insert("ä ".to_owned(), "c\nd".to_owned());
        attributes.insert("empty".to_owned(), String::new());
        attributes.insert("pikku".to_owned(), "\u{ffff}".to_owned());
        for body in bodies {
            let written = write(&body, &attributes, Own::default()).unwrap();
            assert!(written["MessageAttributes"].as_object().unwrap().len() <= 10);
            let sent = written.values().map(Value::to_string).collect::<String>();
            assert!(sent.chars().all(is_sendable), "{sent}");
            let told = json!({ "Body": written["MessageBody"], "MessageAttributes": written["MessageAttributes"] });
            let (read_body, read_attributes, _) = read(&told).unwrap();
            assert_eq!((read_body, read_attributes), (body, attributes.clone()));
        }
    }
}
