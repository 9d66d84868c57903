//! API keys: `id.secret`, of which the app keeps the id and a hash of the secret.

use crate::bearer;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pikku::{AuthError, BoxError, BoxFuture, Call, Claims};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// What is kept of a key.
#[derive(Clone, PartialEq)]
pub struct StoredKey {
    /// The SHA-256 of the secret. The secret is 256 random bits, so that a fast hash is enough: there is nothing to guess.
    pub hash: [u8; 32],
    /// Whose it is, and what it was granted.
    pub claims: Claims,
    /// When it expires, in milliseconds since the Unix epoch; `None` for never.
    pub expires_at_ms: Option<u64>,
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StoredKey").field("expires_at_ms", &self.expires_at_ms).finish_non_exhaustive()
    }
}

/// Where keys are kept. One that is removed is revoked.
pub trait KeyStore: Send + Sync + 'static {
    /// The key of that id.
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<StoredKey>, BoxError>>;
}

/// The longest id and secret that are looked at.
const LONGEST: usize = 128;
/// The octets of a secret.
const SECRET: usize = 32;

/// Makes a key under an id, such as `live_4f2a`: its text, which is shown once and not kept, and the hash that is.
///
/// # Errors
///
/// The platform has no randomness, or the id has other characters than letters, digits, `_` and `-`.
pub fn generate(id: &str) -> Result<(String, [u8; 32]), BoxError> {
    if !is_id(id) {
        return Err("the id of a key has letters, digits, `_` and `-`, at most 128".into());
    }
    let mut secret = [0; SECRET];
    getrandom::getrandom(&mut secret).map_err(|error| format!("there is no randomness: {error}"))?;
    let secret = URL_SAFE_NO_PAD.encode(secret);
    let hash = hash(&secret);
    Ok((format!("{id}.{secret}"), hash))
}

/// The session of the key in `X-Api-Key`, or borne as a token; `None` where the call has none.
///
/// # Errors
///
/// The key is not valid, or the store cannot be asked.
pub async fn authenticate(store: &dyn KeyStore, call: &Call) -> Result<Option<Claims>, AuthError> {
    let Some(headers) = call.headers() else { return Ok(None) };
    let mut values = headers.get_all("x-api-key");
    let text = match (values.next(), values.next()) {
        (Some(_), Some(_)) => return Err(AuthError::malformed("`X-Api-Key` is given twice")),
        (Some(value), None) => {
            std::str::from_utf8(value).map_err(|_| AuthError::malformed("`X-Api-Key` is no text"))?
        }
        (None, _) => match bearer::token(call)? {
            Some(token) => token,
            None => return Ok(None),
        },
    };
    verify(store, text, call.now_ms()).await.map(Some)
}

/// The session of a key at a time, in milliseconds since the Unix epoch.
///
/// # Errors
///
/// The key is not valid, or the store cannot be asked.
pub async fn verify(store: &dyn KeyStore, text: &str, now_ms: u64) -> Result<Claims, AuthError> {
    let unknown = || AuthError::rejected("no key of that id and secret is known");
    let (id, secret) = text.split_once('.').ok_or_else(unknown)?;
    if !is_id(id) || secret.is_empty() || secret.len() > LONGEST {
        return Err(unknown());
    }
    let found = store.find(id).await;
    let found = found.map_err(|error| AuthError::unavailable(format!("the store of keys: {error}")))?;
    // An unknown id takes as long as a wrong secret.
    let expected = found.as_ref().map_or([0; 32], |key| key.hash);
    let matches: bool = hash(secret).ct_eq(&expected).into();
    let key = found.filter(|_| matches).ok_or_else(unknown)?;
    if key.expires_at_ms.is_some_and(|expires| now_ms >= expires) {
        return Err(AuthError::rejected("the key has expired"));
    }
    Ok(key.claims)
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn is_id(id: &str) -> bool {
    let taken = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_' || octet == b'-';
    !id.is_empty() && id.len() <= LONGEST && id.bytes().all(taken)
}
