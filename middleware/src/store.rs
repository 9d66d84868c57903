//! Where middleware keeps what outlasts a call.
//!
//! A policy names its store, which is a service of the app:
//!
//! | store | for | feature |
//! |---|---|---|
//! | [`MemoryStore`] | tests, and a server of one process | |
//! | `SqliteStore` | the processes of one machine | `sqlite` |
//! | `PostgresStore` | any number of instances | `postgres` |
//! | `D1Store` of `pikku-cloudflare` | Workers, by their D1 database | `stores` there |
//!
//! [`MemoryStore`] is a service as it is. The others are given by the app, which knows where they are, as a type of its own:
//!
//! ```no_run
//! # #[cfg(feature = "sqlite")] mod shown {
//! use pikku_middleware::store::SqliteStore;
//! use std::ops::Deref;
//!
//! #[derive(Debug)]
//! pub struct Limits(SqliteStore);
//!
//! #[pikku::service]
//! fn limits() -> Result<Limits, pikku::BoxError> {
//!     Ok(Limits(SqliteStore::open("/var/lib/shop/limits.db")?))
//! }
//!
//! impl Deref for Limits {
//!     type Target = SqliteStore;
//!
//!     fn deref(&self) -> &SqliteStore {
//!         &self.0
//!     }
//! }
//! # }
//! ```
//!
//! Whatever else implements [`RateStore`] or [`ResultStore`] is a store too. Those here pass the suite in `conformance` (a feature),
//! which is there for others.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod engine;
mod memory;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
#[cfg(feature = "postgres")]
pub use engine::PostgresStore;
#[cfg(feature = "sqlite")]
pub use engine::SqliteStore;
pub use memory::MemoryStore;
use pikku::{BoxError, BoxFuture};
pub use pikku_engines::{Take, Taken};
use sha2::{Digest, Sha256};
use std::{fmt, ops::Deref};

/// What a store knows something by: a SHA-256, so that who can read the store learns no keys and no names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// The key of several parts, whatever octets they have.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// Its octets in base64url, for stores that have texts for keys.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Its octets.
    pub fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StoreKey(…)")
    }
}

/// Keeps how much was taken lately, for [`rate_limit`](crate::rate_limit).
///
/// Times are milliseconds since the Unix epoch, and those of the app's clock: a store does not look at its own. What is answered
/// holds for every instance: together they take no more than one would. A mark that lies behind says nothing, and need not be there
/// any more; so a store is bounded by the keys of one period, however many there are.
pub trait RateStore: fmt::Debug + Send + Sync {
    /// Takes of a key.
    fn take<'a>(&'a self, key: &'a StoreKey, take: Take, now_ms: u64) -> BoxFuture<'a, Result<Taken, BoxError>>;
}

/// Keeps the results of calls, for [`idempotency`](crate::idempotency): a text a key.
///
/// Times are milliseconds since the Unix epoch, and those of the app's clock. A text that has ended need not be there any more; the
/// store drops it by itself, some time. What is answered holds for every instance, and what is kept outlasts them.
pub trait ResultStore: fmt::Debug + Send + Sync {
    /// The text of a key; `None` where there is none, or where it has ended.
    fn load<'a>(&'a self, key: &'a StoreKey, now_ms: u64) -> BoxFuture<'a, Result<Option<String>, BoxError>>;

    /// Keeps a text until it ends, where that of the key is as expected: this one, or none. Of several that replace the same at the
    /// same time one does. Answers whether it is kept. One that ends now or before is not there.
    fn replace<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<&'a str>,
        text: &'a str,
        ends_ms: u64,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<bool, BoxError>>;
}

/// What an app puts around a store is that store.
impl<T: Deref<Target: RateStore> + fmt::Debug + Send + Sync> RateStore for T {
    fn take<'a>(&'a self, key: &'a StoreKey, take: Take, now_ms: u64) -> BoxFuture<'a, Result<Taken, BoxError>> {
        (**self).take(key, take, now_ms)
    }
}

/// What an app puts around a store is that store.
impl<T: Deref<Target: ResultStore> + fmt::Debug + Send + Sync> ResultStore for T {
    fn load<'a>(&'a self, key: &'a StoreKey, now_ms: u64) -> BoxFuture<'a, Result<Option<String>, BoxError>> {
        (**self).load(key, now_ms)
    }

    fn replace<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<&'a str>,
        text: &'a str,
        ends_ms: u64,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<bool, BoxError>> {
        (**self).replace(key, expected, text, ends_ms, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let key = |parts: &[&str]| StoreKey::of(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>());
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
        let other = [key(&["a", "b"]), key(&["ab"]), key(&["", "ab"]), key(&["ab", ""]), key(&["a", "b", ""])];
        for (at, one) in other.iter().enumerate() {
            assert!(other[at + 1..].iter().all(|two| one != two), "{at}");
        }
    }
}
