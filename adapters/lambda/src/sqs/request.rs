use super::settings::Target;
use hyper::body::Bytes;
use pikku::platform::OutgoingMessage;
use pikku_https::SendError;
use serde::{Serialize, Serializer};
use std::{borrow::Cow, time::Duration};

/// The message group of what an app sends to a FIFO queue without naming one.
const GROUP: &str = "pikku";

/// The longest that SQS keeps a message back.
const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);

/// What SQS calls a message; the names are those of its `SendMessage`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage<'a> {
    queue_url: &'a str,
    message_body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_deduplication_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    message_attributes: Attributes<'a>,
}

/// What a message says apart from its body; all of it is text.
struct Attributes<'a>(&'a [(&'a str, &'a str)]);

impl Attributes<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0.iter().map(|&(name, value)| (name, Attribute { data_type: "String", string_value: value })),
        )
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute<'a> {
    data_type: &'static str,
    string_value: &'a str,
}

/// What a message asks for that its queue cannot do.
fn unsupported(fifo: bool, message: &OutgoingMessage<'_>) -> Option<&'static str> {
    if message.delay > LONGEST_DELAY {
        return Some("SQS keeps a message back for 15 minutes at most");
    }
    if fifo && !message.delay.is_zero() {
        return Some(
            "SQS keeps no single message of a FIFO queue back: send it without a delay, or to a queue that is none",
        );
    }
    if !fifo && (message.group.is_some() || message.deduplication_id.is_some()) {
        return Some(
            "a group or a deduplication id is for a queue that keeps an order: add `.fifo()` to the wiring of the queue and \
             deploy it, or send without them",
        );
    }
    None
}

/// SQS takes the characters of XML alone, which lack two that JSON may hold as they are; JSON can also spell them out.
/// Those below U+0020 are spelled out in any JSON.
fn sendable(body: &str) -> Cow<'_, str> {
    if body.contains(['\u{fffe}', '\u{ffff}']) {
        body.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff").into()
    } else {
        body.into()
    }
}

/// A message as SQS takes it; `id` gives a FIFO queue the message's deduplication id.
pub(super) fn input(
    target: &Target,
    message: &OutgoingMessage<'_>,
    id: impl FnOnce() -> Result<String, SendError>,
) -> Result<Bytes, SendError> {
    let fifo = target.is_fifo();
    if let Some(reason) = unsupported(fifo, message) {
        return Err(SendError::unsupported(reason));
    }
    let message = SendMessage {
        queue_url: &target.queue_url,
        message_body: &sendable(message.body),
        // Rounded up: not before its time.
        delay_seconds: (!message.delay.is_zero()).then(|| message.delay.as_millis().div_ceil(1000) as u64),
        message_group_id: fifo.then_some(message.group.unwrap_or(GROUP)),
        message_deduplication_id: match message.deduplication_id {
            Some(id) => Some(id.into()),
            None if fifo => Some(id()?.into()),
            None => None,
        },
        message_attributes: Attributes(message.attributes),
    };
    Ok(serde_json::to_vec(&message).map_err(SendError::request)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_lacks_is_spelled_out() {
        assert!(matches!(sendable(r#"{"a":"ä"}"#), Cow::Borrowed(_)));
        let text = "\u{ffff} \u{fffe} \u{1f980}";
        let body = serde_json::to_string(text).unwrap();
        let sent = sendable(&body);
        assert_eq!(sent, "\"\\uffff \\ufffe \u{1f980}\"");
        assert_eq!(serde_json::from_str::<String>(&sent).unwrap(), text);
    }
}
