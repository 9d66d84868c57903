//! What a store of sessions has to do.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod engine;
mod memory;
mod record;

use super::keys::random;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
#[cfg(feature = "postgres")]
pub use engine::PostgresSessions;
#[cfg(feature = "sqlite")]
pub use engine::SqliteSessions;
pub use memory::MemorySessions;
use pikku::{BoxError, BoxFuture, Claims};
pub(super) use record::Record;
pub use record::RecordError;
use sha2::{Digest, Sha256};
use std::fmt;

/// Keeps sessions, each under a key, with the user that it is of.
///
/// Times are milliseconds since the Unix epoch, and those of the app's clock: a store does not look at its own. A session
/// that has ended need not be there any more; the store drops it by itself, some time. What a method has done is there for
/// every instance of the app when it returns, or the store says in its documentation when.
///
/// Every store passes the suite in [`conformance`](crate::session::conformance) (feature `conformance`).
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// The session of a key; `None` where there is none, or where it has ended.
    fn load<'a>(&'a self, key: &'a SessionKey, now_ms: u64) -> BoxFuture<'a, Result<Option<StoredSession>, BoxError>>;

    /// Keeps a session. There is none of that key yet.
    fn save<'a>(&'a self, key: &'a SessionKey, session: &'a StoredSession) -> BoxFuture<'a, Result<(), BoxError>>;

    /// Moves the end of a session, at most to where it expires. One that is not there any more, or has ended by `now_ms`,
    /// does not come back.
    fn touch<'a>(&'a self, key: &'a SessionKey, now_ms: u64, ends_ms: u64) -> BoxFuture<'a, Result<(), BoxError>>;

    /// Ends a session. One that is not there has ended already.
    fn remove<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<(), BoxError>>;

    /// Ends every session of a user that was saved before: those of an account that is deleted or locked, or whose password
    /// was changed. Sessions that are saved later are good.
    fn remove_user<'a>(&'a self, user: &'a str) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// A session as a store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSession {
    /// What it says. Its [subject](Claims::subject) is the user that it is of.
    pub claims: Claims,
    /// When it was made.
    pub created_ms: u64,
    /// When it ends unless it is [touched](SessionStore::touch). Not after it expires.
    pub ends_ms: u64,
    /// When it ends whatever happens.
    pub expires_ms: u64,
}

impl StoredSession {
    /// Whose it is.
    pub fn user(&self) -> &str {
        self.claims.subject().unwrap_or_default()
    }
}

/// What a store knows a session by: the SHA-256 of the id that is in the cookie, so that nobody who can read the store can
/// make the cookie.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// The key of an id.
    pub fn of(id: &[u8]) -> Self {
        Self(Sha256::digest(id).into())
    }

    /// One that nobody else has, for a store that needs a mark that does not come again.
    ///
    /// # Errors
    ///
    /// The platform has no randomness.
    pub fn random() -> Result<Self, BoxError> {
        let mut octets = [0; 32];
        random(&mut octets)?;
        Ok(Self(octets))
    }

    /// Its octets.
    pub fn octets(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its octets as text, base64url: 43 characters.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionKey(…)")
    }
}
