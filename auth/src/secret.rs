//! Secrets of the app, of which the first is used and all are taken.

use hkdf::Hkdf;
use sha2::Sha256;
use std::fmt;

/// The shortest secret, in octets, and the most secrets.
const SHORTEST: usize = 32;
const MOST: usize = 8;

/// The octets of a derived key.
pub(crate) type DerivedKey = [u8; 32];

/// Why secrets cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealKeyError {
    /// There is none.
    None,
    /// There are more than 8.
    TooMany,
    /// One is shorter than 32 octets.
    TooShort,
}

impl fmt::Display for SealKeyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "there is no secret: make one by `openssl rand -base64 32`",
            Self::TooMany => "there are more than 8 secrets: take away those of which nothing is left",
            Self::TooShort => "the secret has fewer than 32 octets: make one by `openssl rand -base64 32`",
        })
    }
}

impl std::error::Error for SealKeyError {}

/// The key of a secret for a purpose, by HKDF-SHA-256: for another purpose the same secret gives another key.
pub(crate) fn derive(purpose: &[u8], secret: &[u8]) -> Result<DerivedKey, SealKeyError> {
    if secret.len() < SHORTEST {
        return Err(SealKeyError::TooShort);
    }
    let mut key = DerivedKey::default();
    // It fails for keys of more than 8,160 octets alone.
    Hkdf::<Sha256>::new(None, secret).expand(purpose, &mut key).map_err(|_| SealKeyError::TooShort)?;
    Ok(key)
}

/// The keys of a text: one secret, or several with white space or commas between them.
pub(crate) fn parse(purpose: &[u8], text: &str) -> Result<Vec<DerivedKey>, SealKeyError> {
    let secrets = text.split(|c: char| c == ',' || c.is_ascii_whitespace()).filter(|secret| !secret.is_empty());
    let keys = secrets.map(|secret| derive(purpose, secret.as_bytes())).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() { Err(SealKeyError::None) } else { checked(keys) }
}

/// So many keys as there may be.
pub(crate) fn checked<T>(keys: Vec<T>) -> Result<Vec<T>, SealKeyError> {
    if keys.len() > MOST { Err(SealKeyError::TooMany) } else { Ok(keys) }
}
