use super::CALLER_KEYS;
use crate::planted;
use pikku::{Claims, Scopes, platform::OutgoingMessage, testing::above_the_body};
use pikku_auth::message::{CallerKeys, Callers};
use serde::Deserialize;
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// Who caused a message, as the app signs it; and what it was signed for where that is another message.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// The session.
    session: Value,
    /// Its subject.
    subject: Option<String>,
    /// Its scopes, with spaces between them.
    #[serde(default)]
    scopes: String,
    /// Whether it is read-only.
    #[serde(default)]
    read_only: bool,
    /// The queue that it was signed for.
    queue: Option<String>,
    /// The body that it was signed for.
    body: Option<String>,
    /// The secret that it was signed with.
    secret: Option<String>,
    /// How many days ago it was signed.
    #[serde(default)]
    days: u64,
}

impl Caller {
    /// What is signed for a message of a queue, at a time in milliseconds since the Unix epoch.
    pub(super) fn signed(&self, queue: &str, body: &str, now_ms: u64) -> Result<String, String> {
        let own = planted(CALLER_KEYS);
        let keys = CallerKeys::parse(self.secret.as_deref().unwrap_or(&own));
        let claims = Claims::new(self.session.clone()).with_scopes(Scopes::parse(&self.scopes));
        let claims = self.subject.iter().fold(claims, |claims, subject| claims.with_subject(subject));
        let claims = if self.read_only { claims.read_only() } else { claims };
        let message =
            OutgoingMessage::new(self.queue.as_deref().unwrap_or(queue), self.body.as_deref().unwrap_or(body));
        let signed_ms = now_ms - self.days * 24 * 60 * 60 * 1_000;
        let callers = Callers::new(keys.map_err(|why| why.to_string())?);
        callers.sign(&claims, &message, signed_ms).map_err(|why| why.to_string())
    }
}

impl super::Message {
    /// What is said of its caller now, as an attribute.
    pub(super) fn caller(&self, queue: &str) -> Result<Option<String>, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let signed = |caller: &Caller| caller.signed(queue, &self.body, now.as_millis() as u64);
        self.caller.as_ref().map(signed).transpose()
    }

    /// The message as it lies in a queue whose messages have no attributes.
    pub(super) fn without_attributes(&self, queue: &str) -> Result<String, String> {
        let caller = self.caller(queue)?;
        Ok(caller.map_or_else(|| self.body.clone(), |caller| above_the_body(&caller, &self.body)))
    }
}
