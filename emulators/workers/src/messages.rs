//! Messages of queues, and what a Worker's handler makes of them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The body of a message, in one of the content types of Cloudflare's queues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// A JSON value.
    Json {
        /// The value.
        json: Value,
    },
    /// A text.
    Text {
        /// The text.
        text: String,
    },
    /// Bytes.
    Bytes {
        /// The bytes.
        #[serde(rename = "base64", serialize_with = "to_base64", deserialize_with = "from_base64")]
        bytes: Bytes,
    },
}

fn to_base64<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64_STANDARD.decode(text).map(Bytes::from).map_err(serde::de::Error::custom)
}

/// A message as a consumer gets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// When it was sent, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// How often it was delivered, this time included; from 1.
    pub attempts: u32,
    /// Its body.
    pub body: Body,
}

impl Message {
    /// A message sent now and delivered for the first time.
    pub fn new(id: impl Into<String>, body: Body) -> Self {
        let timestamp_ms = milliseconds(SystemTime::now());
        Self { id: id.into(), timestamp_ms, attempts: 1, body }
    }
}

/// A message that is sent through the local queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outgoing {
    /// Its body.
    pub body: Body,
    /// For how many seconds it is held back; the queue's own delay where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_s: Option<u32>,
}

impl From<Body> for Outgoing {
    fn from(body: Body) -> Self {
        Self { body, delay_s: None }
    }
}

/// What a queue handler made of a batch.
///
/// A message that is neither retried nor named in a retry of all counts as done once the handler has ended well.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Batch {
    /// `ok`, or what ended the handler, such as `exception`.
    pub outcome: String,
    /// Whether the handler asked for the whole batch again.
    pub retry_all: bool,
    /// For how many seconds the whole batch is held back, if the handler said.
    #[serde(default)]
    pub retry_all_delay_s: Option<u32>,
    /// Whether the handler acknowledged the whole batch.
    pub ack_all: bool,
    /// The messages that are delivered again.
    pub retried: Vec<Retried>,
    /// The ids of the messages that the handler acknowledged one by one.
    pub acknowledged: Vec<String>,
}

/// A message that is delivered again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Retried {
    /// Its id.
    pub id: String,
    /// For how many seconds it is held back; the consumer's own delay where it is absent.
    #[serde(default)]
    pub delay_s: Option<u32>,
}

impl Batch {
    /// Whether the queue would deliver the message again.
    pub fn is_retried(&self, id: &str) -> bool {
        self.outcome != "ok" || self.retry_all || self.retried.iter().any(|retried| retried.id == id)
    }
}

/// What a scheduled handler came to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Scheduled {
    /// `ok`, or what ended the handler, such as `exception`.
    pub outcome: String,
    /// Whether the handler said that a failure is not worth another try.
    pub no_retry: bool,
}

/// Milliseconds since 1970; 0 for earlier times.
pub(crate) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bodies_are_written_as_the_platforms_events_are() {
        let bodies = [
            (Body::Json { json: json!({"a": null}) }, json!({"type": "json", "json": {"a": null}})),
            (Body::Text { text: String::new() }, json!({"type": "text", "text": ""})),
            (Body::Bytes { bytes: Bytes::from_static(&[0, 255]) }, json!({"type": "bytes", "base64": "AP8="})),
        ];
        for (body, form) in bodies {
            assert_eq!(serde_json::to_value(&body).expect("JSON"), form);
            assert_eq!(serde_json::from_value::<Body>(form).expect("a body"), body);
        }
        assert!(serde_json::from_value::<Body>(json!({"type": "bytes", "base64": "!"})).is_err());
    }

    #[test]
    fn what_is_not_retried_is_done() {
        let batch = |outcome: &str, retry_all| Batch {
            outcome: outcome.to_owned(),
            retry_all,
            retry_all_delay_s: None,
            ack_all: false,
            retried: vec![Retried { id: "2".to_owned(), delay_s: None }],
            acknowledged: vec!["1".to_owned()],
        };
        assert!(!batch("ok", false).is_retried("1") && batch("ok", false).is_retried("2"));
        assert!(batch("ok", true).is_retried("3") && batch("exception", false).is_retried("1"));
    }
}
