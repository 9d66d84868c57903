//! How a message lies in a stream: its body as the payload, the rest as JSON in one header.

use crate::{Attributes, Body, EngineError, ErrorKind, NewMessage, Time, clock::millis};
use async_nats::{HeaderMap, jetstream::message::PublishMessage};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const HEADER: &str = "Pikku";

/// What accompanies a payload. JSON escapes what a header cannot hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Envelope {
    /// Whether the payload is octets.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) bytes: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) group: Option<String>,
    /// How long it is kept back, in milliseconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) delay: i64,
    /// Its id, where that is not its place in the stream: it was a dead letter.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) id: Option<String>,
    /// When it was sent, where that is not when it came into the stream.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) sent: Option<i64>,
    /// Of a dead letter.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) receives: u32,
    /// Of a dead letter.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) reason: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Envelope {
    pub(super) fn of(message: &NewMessage) -> Self {
        Self {
            bytes: matches!(message.body, Body::Bytes(_)),
            attributes: message.attributes.clone(),
            group: message.group.clone(),
            delay: millis(message.delay),
            ..Self::default()
        }
    }

    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay.unsigned_abs())
    }

    /// A message to publish. A message of the same id is taken once within the stream's window.
    pub(super) fn publish(&self, payload: &[u8], id: &str) -> Result<PublishMessage, EngineError> {
        let text = serde_json::to_string(self).map_err(|error| {
            EngineError::new(ErrorKind::Store, "a message", "its attributes cannot be written").caused_by(error)
        })?;
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, text);
        Ok(PublishMessage::build().headers(headers).payload(payload.to_vec().into()).message_id(id))
    }

    /// Reads what accompanies a payload. One that others have sent has nothing.
    pub(super) fn read(headers: Option<&HeaderMap>) -> Result<Self, EngineError> {
        let Some(text) = headers.and_then(|headers| headers.get(HEADER)) else { return Ok(Self::default()) };
        serde_json::from_str(text.as_str()).map_err(|error| {
            EngineError::new(ErrorKind::Corrupt, "a message", "its header `Pikku` is not what was written")
                .caused_by(error)
        })
    }

    /// The body. What should be text and is none is octets.
    pub(super) fn body(&self, payload: &[u8]) -> Body {
        match std::str::from_utf8(payload) {
            Ok(text) if !self.bytes => Body::Text(text.to_owned()),
            _ => Body::Bytes(payload.to_vec()),
        }
    }
}

/// A time of the server's.
pub(super) fn time(unix_nanos: i128) -> Time {
    Time::from_millis(i64::try_from(unix_nanos / 1_000_000).unwrap_or(i64::MAX))
}
