use super::{
    CallerKeys,
    keys::{Kind, Unsigned},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pikku::{
    AuthError, BoxError, Call, Claims, Scopes,
    call::{CALLER, QueueMessage},
    http::HttpRequest,
    platform::{OutgoingCall, OutgoingMessage},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{borrow::Cow, time::Duration};

/// The most octets of a token.
const LONGEST: usize = 4 * 1_024;
/// How long tokens of messages go unless it is said: the longest that SQS keeps a message.
const LIFETIME: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How long tokens of calls go unless it is said.
const CALL_LIFETIME: Duration = Duration::from_secs(60);
/// How far the clocks may differ.
const SKEW_S: u64 = 30;
/// The header that has the key of a call that is done once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Signs and verifies who caused messages and who makes remote procedure calls. How it is used is told in the
/// [module](super).
#[derive(Clone, Debug)]
pub struct Callers {
    keys: CallerKeys,
    lifetime: Duration,
    call_lifetime: Duration,
    service: Cow<'static, str>,
    required: bool,
}

/// What is signed.
#[derive(Deserialize, Serialize)]
struct Signed<'a> {
    /// The logical name of the queue, or `rpc:<service>/<function>`, which no queue is called.
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
        Self { keys, lifetime: LIFETIME, call_lifetime: CALL_LIFETIME, service: "".into(), required: false }
    }

    /// The name of this service, by which others call it: what is signed for calls of another is not good here, though it has
    /// functions of the same name and shares the secret. Unless it is said the name is empty, and so it is with who calls.
    #[must_use]
    pub fn of_service(self, name: impl Into<Cow<'static, str>>) -> Self {
        Self { service: name.into(), ..self }
    }

    /// How long what is signed for a remote procedure call goes, in whole seconds: 60 unless it is said. It is verified when the
    /// call begins, so that it need not be as long as the call may take.
    #[must_use]
    pub fn call_lifetime(self, lifetime: Duration) -> Self {
        Self { call_lifetime: lifetime, ..self }
    }

    /// How long what is signed for a message goes, in whole seconds, besides the delay of the message: longer than its queue may keep it
    /// and its tries may take, or it fails at the last.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// Refuses messages and remote procedure calls without a caller wherever a session is looked at, also where a function would
    /// do without one: for queues in which every message has one, so that it cannot be taken away.
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
        let signed = Signed {
            aud: message.queue.into(),
            body: hash_of_message(message.body.as_bytes()).into(),
            group: message.group.map(Into::into),
            dedup: message.deduplication_id.map(Into::into),
            ..Signed::of(caller, now_ms, self.lifetime.as_secs().saturating_add(message.delay.as_secs()))
        };
        self.seal(Kind::MESSAGE, &signed)
    }

    /// Signs who makes a remote procedure call, at a time in milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// The session cannot be written into 4 KiB.
    pub fn sign_call(&self, caller: &Claims, call: &OutgoingCall<'_>, now_ms: u64) -> Result<String, BoxError> {
        let signed = Signed {
            aud: audience(call.service, call.function).into(),
            body: hash(call.body).into(),
            dedup: call.idempotency_key.map(Into::into),
            ..Signed::of(caller, now_ms, self.call_lifetime.as_secs())
        };
        self.seal(Kind::CALL, &signed)
    }

    fn seal(&self, kind: Kind, signed: &Signed<'_>) -> Result<String, BoxError> {
        let token = self.keys.sign(kind, &serde_json::to_vec(signed)?);
        if token.len() > LONGEST {
            return Err(format!(
                "the session takes {} octets signed, and {LONGEST} may go along: keep what is large in a store, and its id in the \
                 session",
                token.len()
            )
            .into());
        }
        Ok(token)
    }

    /// The session of who caused the message that a call is for, or of who makes it by a wiring of
    /// [remote procedure calls](pikku::Groups); `None` where it is neither, or says nothing of a caller.
    ///
    /// # Errors
    ///
    /// What is said of the caller does not go for this message or call. The reason is in the log.
    pub fn authenticate(&self, call: &Call) -> Result<Option<Claims>, AuthError> {
        let token = if let Some(message) = call.queue() {
            message.message_attributes.get(CALLER).map(|token| self.verify(&token.value, message, call.now_ms()))
        } else if let Some(request) = call.http().filter(|_| call.is_rpc()) {
            let mut tokens = request.headers.get_all(CALLER);
            match (tokens.next(), tokens.next()) {
                (None, _) => None,
                (Some(token), None) => Some(self.verify_call(token, call.function(), request, call.now_ms())),
                (Some(_), Some(_)) => Some(Err(refused("is there twice"))),
            }
        } else {
            return Ok(None);
        };
        match token {
            Some(claims) => claims.map(Some),
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
        let queue = message.logical_queue.unwrap_or(&message.queue);
        let body = message.octets.as_deref().unwrap_or(message.body.as_bytes());
        let signed = self.open(Kind::MESSAGE, token, queue, now_ms, || hash_of_message(body))?;
        if signed.group.is_some() && signed.group.as_deref() != message.group_id.as_deref() {
            return Err(refused("was signed for another group"));
        }
        // Not every queue tells the id.
        if let (Some(signed), Some(told)) = (&signed.dedup, &message.deduplication_id)
            && signed != told
        {
            return Err(refused("was signed for another deduplication id"));
        }
        Ok(signed.into_claims())
    }

    /// The session of a token that came with a call.
    fn verify_call(
        &self,
        token: &[u8],
        function: &str,
        request: &HttpRequest,
        now_ms: u64,
    ) -> Result<Claims, AuthError> {
        let token = str::from_utf8(token).map_err(|_| refused(OF_NO_FORM))?;
        let audience = audience(&self.service, function);
        let signed = self.open(Kind::CALL, token, &audience, now_ms, || hash(&request.body))?;
        let mut keys = request.headers.get_all(IDEMPOTENCY_KEY);
        if keys.next() != signed.dedup.as_deref().map(str::as_bytes) || keys.next().is_some() {
            return Err(refused("was signed with another idempotency key"));
        }
        Ok(signed.into_claims())
    }

    /// What one of the keys has signed for this audience and this body, if it goes now.
    fn open(
        &self,
        kind: Kind,
        token: &str,
        audience: &str,
        now_ms: u64,
        body: impl FnOnce() -> String,
    ) -> Result<Signed<'static>, AuthError> {
        if token.len() > LONGEST {
            return Err(refused("is too long"));
        }
        let claims = self.keys.open(kind, token).map_err(|unsigned| match unsigned {
            Unsigned::Form => refused(OF_NO_FORM),
            Unsigned::Key => refused("was signed by no key that is known"),
        })?;
        let signed: Signed<'static> =
            serde_json::from_slice(&claims).map_err(|error| refused(&format!("cannot be read: {error}")))?;
        if signed.aud != audience {
            let what = if audience.starts_with(CALLS) { "function" } else { "queue" };
            return Err(refused(&format!("was signed for another {what} than `{audience}`")));
        }
        let now = now_ms / 1_000;
        if now >= signed.exp.saturating_add(SKEW_S) {
            return Err(refused("has expired"));
        }
        if signed.iat > now.saturating_add(SKEW_S) {
            return Err(refused("was signed in the future"));
        }
        if signed.body != body() {
            return Err(refused("was signed for another body"));
        }
        Ok(signed)
    }
}

impl<'a> Signed<'a> {
    /// Who calls, for so many seconds.
    fn of(caller: &'a Claims, now_ms: u64, lifetime_s: u64) -> Self {
        let iat = now_ms / 1_000;
        Self {
            aud: "".into(),
            iat,
            exp: iat.saturating_add(lifetime_s),
            body: "".into(),
            group: None,
            dedup: None,
            sub: caller.subject().map(Into::into),
            scope: caller.scopes().iter().collect::<Vec<_>>().join(" "),
            read_only: caller.is_read_only(),
            session: Cow::Borrowed(caller.value()),
        }
    }

    fn into_claims(self) -> Claims {
        let claims = Claims::new(self.session.into_owned()).with_scopes(Scopes::parse(&self.scope));
        let claims = match self.sub {
            Some(subject) => claims.with_subject(subject),
            None => claims,
        };
        if self.read_only { claims.read_only() } else { claims }
    }
}

/// What the audience of calls begins with. Names of queues are letters, digits, hyphens, underscores and dots.
const CALLS: &str = "rpc:";
const OF_NO_FORM: &str = "is not of the form in which it is signed";

fn audience(service: &str, function: &str) -> String {
    format!("{CALLS}{service}/{function}")
}

fn refused(reason: &str) -> AuthError {
    AuthError::rejected(format!("the signed caller {reason}"))
}

/// The SHA-256 of a body, in base64url.
fn hash(body: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(body))
}

/// The same of a message. SQS holds texts of XML, so that its sender spells two characters out: they count as the same either
/// way.
fn hash_of_message(body: &[u8]) -> String {
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
