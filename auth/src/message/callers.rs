use super::{CallerKeys, keys::Unsigned};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pikku::{
    AuthError, BoxError, Call, Claims, Scopes,
    call::{CALLER, QueueMessage},
    platform::OutgoingMessage,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{borrow::Cow, time::Duration};

/// The most octets of a token.
const LONGEST: usize = 4 * 1_024;
/// How long tokens go unless it is said: the longest that SQS keeps a message.
const LIFETIME: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How far the clocks may differ.
const SKEW_S: u64 = 30;

/// Signs and verifies who caused messages. How it is used is told in the [module](super).
#[derive(Clone, Debug)]
pub struct Callers {
    keys: CallerKeys,
    lifetime: Duration,
    required: bool,
}

/// What is signed.
#[derive(Deserialize, Serialize)]
struct Signed<'a> {
    /// The logical name of the queue.
    aud: Cow<'a, str>,
    iat: u64,
    exp: u64,
    /// The SHA-256 of the body, in base64url.
    body: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dedup: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<Cow<'a, str>>,
    /// RFC 8693, section 4.2
    #[serde(default, skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    read_only: bool,
    /// The value of the session.
    session: Cow<'a, Value>,
}

impl Callers {
    /// Callers signed by these keys.
    pub fn new(keys: CallerKeys) -> Self {
        Self { keys, lifetime: LIFETIME, required: false }
    }

    /// How long what is signed goes, in whole seconds, besides the delay of the message: longer than its queue may keep it
    /// and its tries may take, or it fails at the last.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// Refuses messages without a caller wherever a session is looked at, also where a function would do without one: for
    /// queues in which every message has one, so that it cannot be taken away.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Signs who causes a message that is to be sent, at a time in milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// The session cannot be written into 4 KiB.
    pub fn sign(&self, caller: &Claims, message: &OutgoingMessage<'_>, now_ms: u64) -> Result<String, BoxError> {
        let iat = now_ms / 1_000;
        let signed = Signed {
            aud: message.queue.into(),
            iat,
            exp: iat.saturating_add(self.lifetime.as_secs()).saturating_add(message.delay.as_secs()),
            body: hash(message.body.as_bytes()).into(),
            group: message.group.map(Into::into),
            dedup: message.deduplication_id.map(Into::into),
            sub: caller.subject().map(Into::into),
            scope: caller.scopes().iter().collect::<Vec<_>>().join(" "),
            read_only: caller.is_read_only(),
            session: Cow::Borrowed(caller.value()),
        };
        let token = self.keys.sign(&serde_json::to_vec(&signed)?);
        if token.len() > LONGEST {
            return Err(format!(
                "the session takes {} octets signed, and a message carries {LONGEST}: keep what is large in a store, and its id in \
                 the session",
                token.len()
            )
            .into());
        }
        Ok(token)
    }

    /// The session of who caused the message that a call is for; `None` where it is for none, or for one without a caller.
    ///
    /// # Errors
    ///
    /// What is said of the caller does not go for this message. The reason is in the log.
    pub fn authenticate(&self, call: &Call) -> Result<Option<Claims>, AuthError> {
        let Some(message) = call.queue() else { return Ok(None) };
        match message.message_attributes.get(CALLER) {
            Some(token) => self.verify(&token.value, message, call.now_ms()).map(Some),
            None if self.required => Err(refused("is not there")),
            None => Ok(None),
        }
    }

    /// The session of a token that came with a message, at a time in milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// It does not go for this message.
    pub fn verify(&self, token: &str, message: &QueueMessage, now_ms: u64) -> Result<Claims, AuthError> {
        if token.len() > LONGEST {
            return Err(refused("is too long"));
        }
        let queue = message.logical_queue.unwrap_or(&message.queue);
        let signed = self.open(token, queue)?;
        let now = now_ms / 1_000;
        if now >= signed.exp.saturating_add(SKEW_S) {
            return Err(refused("has expired"));
        }
        if signed.iat > now.saturating_add(SKEW_S) {
            return Err(refused("was signed in the future"));
        }
        if signed.body != hash(message.octets.as_deref().unwrap_or(message.body.as_bytes())) {
            return Err(refused("was signed for another body"));
        }
        if signed.group.is_some() && signed.group.as_deref() != message.group_id.as_deref() {
            return Err(refused("was signed for another group"));
        }
        // Not every queue tells the id.
        if let (Some(signed), Some(told)) = (&signed.dedup, &message.deduplication_id)
            && signed != told
        {
            return Err(refused("was signed for another deduplication id"));
        }
        let scopes = Scopes::parse(&signed.scope);
        let claims = Claims::new(signed.session.into_owned()).with_scopes(scopes);
        let claims = match signed.sub {
            Some(subject) => claims.with_subject(subject),
            None => claims,
        };
        Ok(if signed.read_only { claims.read_only() } else { claims })
    }

    /// What one of the keys has signed for this queue.
    fn open(&self, token: &str, queue: &str) -> Result<Signed<'static>, AuthError> {
        let claims = self.keys.open(token).map_err(|unsigned| match unsigned {
            Unsigned::Form => refused("is not of the form in which it is signed"),
            Unsigned::Key => refused("was signed by no key that is known"),
        })?;
        let signed: Signed<'static> =
            serde_json::from_slice(&claims).map_err(|error| refused(&format!("cannot be read: {error}")))?;
        if signed.aud != queue {
            return Err(refused(&format!("was signed for another queue than `{queue}`")));
        }
        Ok(signed)
    }
}

fn refused(reason: &str) -> AuthError {
    AuthError::rejected(format!("the signed caller of the message {reason}"))
}

/// The SHA-256 of a body, in base64url. SQS holds texts of XML, so that its sender spells two characters out: they count as
/// the same either way.
fn hash(body: &[u8]) -> String {
    let mut hash = Sha256::new();
    let mut rest = body;
    while let Some(at) = rest.windows(3).position(|octets| matches!(octets, [0xef, 0xbf, 0xbe | 0xbf])) {
        hash.update(&rest[..at]);
        hash.update(if rest[at + 2] == 0xbe { b"\\ufffe" } else { b"\\uffff" });
        rest = &rest[at + 3..];
    }
    hash.update(rest);
    URL_SAFE_NO_PAD.encode(hash.finalize())
}
