use super::signature::{self, Verifier, Verify};
use jsonwebtoken::{
    Algorithm,
    jwk::{Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use std::{fmt, sync::Arc};

/// A key that verifies tokens, with the algorithms that it may be used for. It is not printed.
#[derive(Clone)]
pub struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    verify: Arc<dyn Verify>,
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// It is not a JSON Web Key (RFC 7517).
    NotAKey,
    /// It is of a type, or for a use or an algorithm, that verifies no tokens here.
    NotForTokens,
    /// It is too short: an HMAC key has at least 32 octets, an RSA key at least 2,048 bits (RFC 7518, sections 3.2 and 3.3).
    TooShort,
}

impl fmt::Display for KeyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotAKey => "it is not a JSON Web Key",
            Self::NotForTokens => "the key is of a type, or for a use or an algorithm, that verifies no tokens here",
            Self::TooShort => "the key is too short: HMAC needs 32 octets, RSA 2,048 bits",
        })
    }
}

impl std::error::Error for KeyError {}

impl Key {
    /// A secret for HS256.
    ///
    /// # Errors
    ///
    /// It is shorter than 32 octets.
    pub fn hmac(secret: &[u8]) -> Result<Self, KeyError> {
        let Verifier { algorithms, verify } = signature::hmac(secret)?;
        Ok(Self { id: None, algorithms: algorithms.to_vec(), verify })
    }

    /// A public key as a JSON Web Key, of any type: RSA, P-256, P-384 or Ed25519. A secret one is refused: it does not belong
    /// in a set.
    ///
    /// An app that knows the type names it, as [`Key::ed25519`] does: the others are not in its bundle then.
    ///
    /// # Errors
    ///
    /// It is no key, or none that can be used.
    pub fn jwk(json: &str) -> Result<Self, KeyError> {
        Self::read(json, signature::any)
    }

    /// A public key as a JSON Web Key, for EdDSA with Ed25519 (RFC 8037).
    ///
    /// # Errors
    ///
    /// It is no key, or none that can be used for this.
    pub fn ed25519(json: &str) -> Result<Self, KeyError> {
        Self::read(json, signature::ed25519)
    }

    /// A public key as a JSON Web Key, on P-256 for ES256.
    ///
    /// # Errors
    ///
    /// It is no key, or none that can be used for this.
    pub fn p256(json: &str) -> Result<Self, KeyError> {
        Self::read(json, signature::p256)
    }

    /// A public key as a JSON Web Key, on P-384 for ES384.
    ///
    /// # Errors
    ///
    /// It is no key, or none that can be used for this.
    pub fn p384(json: &str) -> Result<Self, KeyError> {
        Self::read(json, signature::p384)
    }

    /// A public key as a JSON Web Key, of RSA with 2,048 to 8,192 bits, for RS256, RS384, RS512, PS256, PS384 and PS512, or the
    /// one that it names as its `alg`.
    ///
    /// # Errors
    ///
    /// It is no key, or none that can be used for this.
    pub fn rsa(json: &str) -> Result<Self, KeyError> {
        Self::read(json, signature::rsa)
    }

    fn read(json: &str, read: signature::Read) -> Result<Self, KeyError> {
        let Jwk { common, algorithm } = serde_json::from_str(json).map_err(|_| KeyError::NotAKey)?;
        let is_other_use = common.public_key_use.is_some_and(|key_use| key_use != PublicKeyUse::Signature);
        let verifies = |operations: Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
        if is_other_use || common.key_operations.is_some_and(|operations| !verifies(operations)) {
            return Err(KeyError::NotForTokens);
        }
        let Verifier { algorithms, verify } = read(&algorithm)?;
        let is_meant =
            |known: &&Algorithm| common.key_algorithm.is_none_or(|meant| meant == KeyAlgorithm::from(**known));
        let algorithms: Vec<Algorithm> = algorithms.iter().filter(is_meant).copied().collect();
        if algorithms.is_empty() {
            return Err(KeyError::NotForTokens);
        }
        Ok(Self { id: common.key_id, algorithms, verify })
    }

    /// The same, under this id: tokens name it in `kid`. One without an id is tried for any.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    /// Whether it may verify a token of this `kid` and algorithm.
    pub(super) fn fits(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        let is_named = match (&self.id, kid) {
            (Some(id), Some(kid)) => id == kid,
            _ => true,
        };
        is_named && self.algorithms.contains(&algorithm)
    }

    /// Whether this is its signature of these octets by an algorithm that it may be used for.
    pub(super) fn has_signed(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        self.algorithms.contains(&algorithm) && self.verify.has_signed(algorithm, signed, signature)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = formatter.debug_struct("Key");
        key.field("id", &self.id).field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}
