//! What cookies are sealed with.

use crate::secret;
pub use crate::secret::SealKeyError;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use pikku::BoxError;
use std::fmt;

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
        Ok(Self(secret::parse(PURPOSE, text)?.iter().map(|key| XChaCha20Poly1305::new(key.into())).collect()))
    }

    /// Opens also what this secret has sealed.
    ///
    /// # Errors
    ///
    /// It is shorter than 32 octets, or there are 8 already.
    pub fn or_opened_by(mut self, secret: &[u8]) -> Result<Self, SealKeyError> {
        self.0.push(cipher(secret)?);
        Ok(Self(secret::checked(self.0)?))
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
    Ok(XChaCha20Poly1305::new(&secret::derive(PURPOSE, secret)?.into()))
}

/// Octets that nobody can guess.
pub(super) fn random(octets: &mut [u8]) -> Result<(), BoxError> {
    getrandom::getrandom(octets).map_err(|error| format!("there is no randomness: {error}").into())
}
