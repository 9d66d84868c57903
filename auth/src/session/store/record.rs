use super::StoredSession;
use pikku::{Claims, Scopes};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{borrow::Cow, fmt};

/// A session as text, in cookies and in stores that keep one value a key.
#[derive(Deserialize, Serialize)]
pub(in crate::session) struct Record<'a> {
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(rename = "v")]
    value: Cow<'a, Value>,
    #[serde(rename = "s", default, skip_serializing_if = "str::is_empty")]
    scopes: Cow<'a, str>,
    #[serde(rename = "r", default, skip_serializing_if = "is_false")]
    read_only: bool,
    #[serde(rename = "c")]
    created_ms: u64,
    #[serde(rename = "e")]
    expires_ms: u64,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// What a store holds is no session.
#[derive(Debug)]
pub struct RecordError(serde_json::Error);

impl fmt::Display for RecordError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Where it is wrong, but not what stands there.
        write!(formatter, "what is kept is no session: {:?} at {}", self.0.classify(), self.0.column())
    }
}

impl std::error::Error for RecordError {}

impl<'a> Record<'a> {
    pub(in crate::session) fn of(claims: &'a Claims, created_ms: u64, expires_ms: u64) -> Self {
        let scopes: Vec<&str> = claims.scopes().iter().collect();
        Self {
            user: claims.subject().map(Cow::Borrowed),
            value: Cow::Borrowed(claims.value()),
            scopes: Cow::Owned(scopes.join(" ")),
            read_only: claims.is_read_only(),
            created_ms,
            expires_ms,
        }
    }

    pub(in crate::session) fn to_json(&self) -> Result<String, RecordError> {
        serde_json::to_string(self).map_err(RecordError)
    }

    /// The claims, with when they were made and when they expire.
    pub(in crate::session) fn read(json: &[u8]) -> Result<(Claims, u64, u64), RecordError> {
        let record: Self = serde_json::from_slice(json).map_err(RecordError)?;
        let mut claims = Claims::new(record.value.into_owned()).with_scopes(Scopes::parse(&record.scopes));
        if let Some(user) = record.user {
            claims = claims.with_subject(user);
        }
        if record.read_only {
            claims = claims.read_only();
        }
        Ok((claims, record.created_ms, record.expires_ms))
    }
}

impl StoredSession {
    /// All of it but `ends_ms` as text, for a store that keeps one value a key.
    ///
    /// # Errors
    ///
    /// The claims cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, RecordError> {
        Record::of(&self.claims, self.created_ms, self.expires_ms).to_json()
    }

    /// The session of such a text, and of when it ends.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn from_json(json: &[u8], ends_ms: u64) -> Result<Self, RecordError> {
        let (claims, created_ms, expires_ms) = Record::read(json)?;
        Ok(Self { claims, created_ms, ends_ms: ends_ms.min(expires_ms), expires_ms })
    }
}
