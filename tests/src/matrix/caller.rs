use super::CALLER_KEYS;
use crate::planted;
use pikku::{
    Claims, Scopes,
    platform::{OutgoingCall, OutgoingMessage},
    testing::above_the_body,
};
use pikku_auth::message::{CallerKeys, Callers};
use serde::Deserialize;
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// When calls are signed: 2025-01-01T00:00:00Z, which is past on every target, whatever its clock shows.
const SIGNED_MS: u64 = 1_735_689_600_000;
/// How long they go then.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Who caused a message, or makes a remote procedure call, as the app signs it; and what it was signed for where that is another.
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
    /// The function that it was signed for.
    function: Option<String>,
    /// The key by which the call that it was signed for is done once, as its header has it.
    key: Option<String>,
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
        let message =
            OutgoingMessage::new(self.queue.as_deref().unwrap_or(queue), self.body.as_deref().unwrap_or(body));
        self.callers()?.sign(&self.claims(), &message, now_ms - self.days * DAY_MS).map_err(|why| why.to_string())
    }

    /// What is signed for a remote procedure call at that path. It goes for a century; what was signed days ago has gone for a
    /// minute.
    pub(super) fn signed_call(&self, path: &str, body: &[u8]) -> Result<String, String> {
        let function = self.function.as_deref().or_else(|| path.strip_prefix("/rpc/"));
        let function =
            function.ok_or("a `caller` of a path that is not below `/rpc/` says for which `function` it was signed")?;
        let body = self.body.as_ref().map_or(body, |body| body.as_bytes());
        let call = OutgoingCall::new("scenarios", function, body).with_idempotency_key(self.key.as_deref());
        let callers = self.callers()?;
        let callers = if self.days == 0 { callers.call_lifetime(CENTURY) } else { callers };
        callers.sign_call(&self.claims(), &call, SIGNED_MS - self.days * DAY_MS).map_err(|why| why.to_string())
    }

    fn callers(&self) -> Result<Callers, String> {
        let own = planted(CALLER_KEYS);
        let keys = CallerKeys::parse(self.secret.as_deref().unwrap_or(&own));
        Ok(Callers::new(keys.map_err(|why| why.to_string())?))
    }

    fn claims(&self) -> Claims {
        let claims = Claims::new(self.session.clone()).with_scopes(Scopes::parse(&self.scopes));
        let claims = self.subject.iter().fold(claims, |claims, subject| claims.with_subject(subject));
        if self.read_only { claims.read_only() } else { claims }
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
