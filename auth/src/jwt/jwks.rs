use super::{Key, key::KeyError};
use jsonwebtoken::Algorithm;
use pikku::{AuthError, BoxError, BoxFuture, http::is_confidential};
use serde::Deserialize;
use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

/// Fetches a document over HTTPS: `HttpsFetch` (feature `https`) on every target but Workers, there `WorkerFetch` of
/// `pikku-cloudflare` (feature `keys`).
pub trait Fetch: Send + Sync + 'static {
    /// The body of a `200`; anything else is an error. It keeps a limit on its size and its time: a key set has at most
    /// 256 KiB, and what is longer is refused here too.
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, BoxError>>;
}

/// Whether keys may be fetched from there: over https, and in the clear from this machine alone. For what implements [`Fetch`];
/// `host` is a name or an address, one of IPv6 with brackets or without.
///
/// # Errors
///
/// They may not.
pub fn check_origin(scheme: &str, host: &str) -> Result<(), BoxError> {
    if is_confidential(scheme, host) { Ok(()) } else { Err("keys are fetched over https".into()) }
}

/// A set of public keys at a URL (RFC 7517, section 5), kept for a while.
///
/// - Keys are fetched when the first token needs them, and again when they are ten minutes old.
/// - When they cannot be fetched, the old ones are used for another day; a token of an unknown key is refused.
/// - A token that names an unknown key has them fetched at once, for keys are rotated, but no more often than every thirty
///   seconds: made-up names do not reach the endpoint.
pub struct KeySet {
    url: String,
    fetch: Box<dyn Fetch>,
    read: Read,
    state: Mutex<State>,
}

type Read = fn(&str) -> Result<Key, KeyError>;

#[derive(Default)]
struct State {
    keys: Vec<Key>,
    fetched_ms: Option<u64>,
    /// When the endpoint was last asked, unless nothing is known of the outcome and there are no keys yet.
    asked_ms: Option<u64>,
}

/// How long keys are fresh.
const FRESH_MS: u64 = 10 * 60 * 1_000;
/// How long they are used when no others can be had.
const STALE_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long the endpoint is left alone after it was asked.
const PAUSE_MS: u64 = 30_000;
const LONGEST_SET: usize = 256 * 1_024;
const MOST_KEYS: usize = 64;

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeySet").field("url", &self.url).finish_non_exhaustive()
    }
}

impl KeySet {
    /// The keys at this URL, of any type.
    pub fn new(url: impl Into<String>, fetch: impl Fetch) -> Self {
        Self::of(url, fetch, Key::jwk)
    }

    /// The keys of one type at this URL: with [`Key::p256`], say, those of other types are left out, and what verifies them
    /// is not in the bundle.
    pub fn of(url: impl Into<String>, fetch: impl Fetch, read: fn(&str) -> Result<Key, KeyError>) -> Self {
        Self { url: url.into(), fetch: Box::new(fetch), read, state: Mutex::default() }
    }

    /// The keys that may verify a token of this `kid` and algorithm.
    pub(super) async fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        now_ms: u64,
    ) -> Result<Vec<Key>, AuthError> {
        let (mut found, is_fresh, may_ask) = self.look(kid, algorithm, now_ms);
        let mut failure = None;
        if may_ask && (!is_fresh || found.is_empty()) {
            failure = self.refresh(now_ms).await.err();
            found = self.look(kid, algorithm, now_ms).0;
        }
        if found.is_empty() && !self.has_keys(now_ms) {
            let why = failure.map_or_else(|| "it failed a moment ago".to_owned(), |error| error.to_string());
            return Err(AuthError::unavailable(format!("no keys of {}: {why}", self.url)));
        }
        Ok(found)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_keys(&self, now_ms: u64) -> bool {
        self.state().usable(now_ms)
    }

    /// The keys that fit, whether all are fresh, and whether the endpoint may be asked; if so, it is.
    fn look(&self, kid: Option<&str>, algorithm: Algorithm, now_ms: u64) -> (Vec<Key>, bool, bool) {
        let mut state = self.state();
        let usable = state.usable(now_ms);
        let fits = |key: &&Key| usable && key.fits(kid, algorithm);
        let found: Vec<Key> = state.keys.iter().filter(fits).cloned().collect();
        let is_fresh = state.fetched_ms.is_some_and(|at| now_ms < at.saturating_add(FRESH_MS));
        let may_ask = state.asked_ms.is_none_or(|at| now_ms >= at.saturating_add(PAUSE_MS));
        // While one call asks, others go on with the keys there are. Without any each of them asks.
        if may_ask && usable && (!is_fresh || found.is_empty()) {
            state.asked_ms = Some(now_ms);
        }
        (found, is_fresh, may_ask)
    }

    async fn refresh(&self, now_ms: u64) -> Result<(), BoxError> {
        let fetched = self.fetch.fetch(&self.url).await;
        let keys = fetched.and_then(|body| Ok(read(&body, self.read)?));
        let mut state = self.state();
        state.asked_ms = Some(now_ms);
        state.keys = keys?;
        state.fetched_ms = Some(now_ms);
        Ok(())
    }
}

impl State {
    fn usable(&self, now_ms: u64) -> bool {
        self.fetched_ms.is_some_and(|at| now_ms < at.saturating_add(STALE_MS))
    }
}

/// The keys of a set. One that cannot be used here is left out: a set may hold keys for other uses.
fn read(body: &[u8], read: Read) -> Result<Vec<Key>, KeyError> {
    if body.len() > LONGEST_SET {
        return Err(KeyError::NotAKey);
    }
    let document: Document = serde_json::from_slice(body).map_err(|_| KeyError::NotAKey)?;
    if document.keys.len() > MOST_KEYS {
        return Err(KeyError::NotAKey);
    }
    let keys: Vec<Key> = document.keys.iter().filter_map(|key| read(&key.to_string()).ok()).collect();
    if keys.is_empty() { Err(KeyError::NotForTokens) } else { Ok(keys) }
}
