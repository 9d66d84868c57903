//! What cookies are sealed with.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use pikku::BoxError;
use sha2::Sha256;
use std::fmt;

/// The shortest secret, in octets, and the most secrets.
const SHORTEST: usize = 32;
const MOST: usize = 8;
/// The octets of a nonce: so many that those made at random do not repeat.
const NONCE: usize = 24;
/// What the keys are for, so that a secret that is used for something else too gives other keys there.
const PURPOSE: &[u8] = b"pikku session cookies 1";

/// The keys that seal cookies: encrypted and authenticated, by XChaCha20-Poly1305 with a key that HKDF-SHA-256 derives from
/// the secret.
///
/// The first seals, all open. A secret is rotated by putting the new one before the old one, and taking the old one away
/// once the sessions of its time have ended; where it has leaked, at once. They are not printed.
#[derive(Clone)]
pub struct SealKeys(Vec<XChaCha20Poly1305>);

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
            Self::None => "there is no secret to seal sessions with: make one by `openssl rand -base64 32`",
            Self::TooMany => "there are more than 8 secrets: take away those whose sessions have ended",
            Self::TooShort => {
                "a secret that seals sessions has at least 32 octets: make one by `openssl rand -base64 32`"
            }
        })
    }
}

impl std::error::Error for SealKeyError {}

impl SealKeys {
    /// The keys of one secret of at least 32 octets that nobody can guess.
    ///
    /// # Errors
    ///
    /// It is shorter.
    pub fn new(secret: &[u8]) -> Result<Self, SealKeyError> {
        Ok(Self(vec![cipher(secret)?]))
    }

    /// The keys of a text, such as a variable has it: one secret, or several with white space or commas between them, the
    /// one that seals first.
    ///
    /// # Errors
    ///
    /// There is none, one is shorter than 32 octets, or there are more than 8.
    pub fn parse(text: &str) -> Result<Self, SealKeyError> {
        let secrets = text.split(|c: char| c == ',' || c.is_ascii_whitespace()).filter(|secret| !secret.is_empty());
        let ciphers = secrets.map(|secret| cipher(secret.as_bytes())).collect::<Result<Vec<_>, _>>()?;
        match ciphers.len() {
            0 => Err(SealKeyError::None),
            1..=MOST => Ok(Self(ciphers)),
            _ => Err(SealKeyError::TooMany),
        }
    }

    /// Opens also what this secret has sealed.
    ///
    /// # Errors
    ///
    /// It is shorter than 32 octets, or there are 8 already.
    pub fn or_opened_by(mut self, secret: &[u8]) -> Result<Self, SealKeyError> {
        if self.0.len() == MOST {
            return Err(SealKeyError::TooMany);
        }
        self.0.push(cipher(secret)?);
        Ok(self)
    }

    /// Seals octets for a place, which is not in the text: what is sealed for one opens nowhere else.
    pub(super) fn seal(&self, place: &[u8], octets: &[u8]) -> Result<String, BoxError> {
        let mut nonce = [0; NONCE];
        random(&mut nonce)?;
        let first = self.0.first().ok_or(SealKeyError::None)?;
        let sealed = first.encrypt(&XNonce::from(nonce), Payload { msg: octets, aad: place });
        let sealed = sealed.map_err(|_| "the session cannot be sealed")?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// What was sealed for a place; `None` where it was not, by none of these keys, or was changed since.
    pub(super) fn open(&self, place: &[u8], text: &str) -> Option<Vec<u8>> {
        let octets = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = octets.split_first_chunk::<NONCE>()?;
        let payload = || Payload { msg: sealed, aad: place };
        self.0.iter().find_map(|key| key.decrypt(&XNonce::from(*nonce), payload()).ok())
    }

    /// How long a sealed text of so many octets is.
    pub(super) const fn sealed_length(octets: usize) -> usize {
        const TAG: usize = 16;
        ((NONCE + octets + TAG) * 4).div_ceil(3)
    }
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SealKeys({} keys)", self.0.len())
    }
}

fn cipher(secret: &[u8]) -> Result<XChaCha20Poly1305, SealKeyError> {
    if secret.len() < SHORTEST {
        return Err(SealKeyError::TooShort);
    }
    let mut key = [0; 32];
    // It fails for keys of more than 8,160 octets alone.
    Hkdf::<Sha256>::new(None, secret).expand(PURPOSE, &mut key).map_err(|_| SealKeyError::TooShort)?;
    Ok(XChaCha20Poly1305::new(&key.into()))
}

/// Octets that nobody can guess.
pub(super) fn random(octets: &mut [u8]) -> Result<(), BoxError> {
    getrandom::getrandom(octets).map_err(|error| format!("there is no randomness: {error}").into())
}
