use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use std::fmt;

/// A key that verifies tokens, with the algorithms that it may be used for. It is not printed.
#[derive(Clone)]
pub struct Key {
    pub(super) id: Option<String>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) key: DecodingKey,
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
            Self::NotForTokens => "the key is of a type, or for a use or an algorithm, that verifies no tokens",
            Self::TooShort => "the key is too short: HMAC needs 32 octets, RSA 2,048 bits",
        })
    }
}

impl std::error::Error for KeyError {}

/// The shortest HMAC key, in octets, and RSA modulus, in octets.
const SHORTEST_HMAC: usize = 32;
const SHORTEST_RSA: usize = 256;

impl Key {
    /// A secret for HS256.
    ///
    /// # Errors
    ///
    /// It is shorter than 32 octets.
    pub fn hmac(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < SHORTEST_HMAC {
            return Err(KeyError::TooShort);
        }
        Ok(Self { id: None, algorithms: vec![Algorithm::HS256], key: DecodingKey::from_secret(secret) })
    }

    /// A public key as a JSON Web Key: RSA, P-256, P-384 or Ed25519. A secret one is refused: it does not belong in a set.
    ///
    /// # Errors
    ///
    /// It is no key, or none that can be used.
    pub fn jwk(json: &str) -> Result<Self, KeyError> {
        let jwk: Jwk = serde_json::from_str(json).map_err(|_| KeyError::NotAKey)?;
        Self::of(&jwk)
    }

    pub(super) fn of(jwk: &Jwk) -> Result<Self, KeyError> {
        let common = &jwk.common;
        let is_other_use = common.public_key_use.as_ref().is_some_and(|key_use| *key_use != PublicKeyUse::Signature);
        let verifies = |operations: &Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
        if is_other_use || common.key_operations.as_ref().is_some_and(|operations| !verifies(operations)) {
            return Err(KeyError::NotForTokens);
        }
        let mut algorithms = match &jwk.algorithm {
            AlgorithmParameters::RSA(rsa) => {
                // Base64: four letters are three octets.
                if rsa.n.trim_end_matches('=').len() * 3 / 4 < SHORTEST_RSA {
                    return Err(KeyError::TooShort);
                }
                use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
                vec![RS256, RS384, RS512, PS256, PS384, PS512]
            }
            AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
                EllipticCurve::P256 => vec![Algorithm::ES256],
                EllipticCurve::P384 => vec![Algorithm::ES384],
                _ => return Err(KeyError::NotForTokens),
            },
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
            _ => return Err(KeyError::NotForTokens),
        };
        if let Some(algorithm) = common.key_algorithm {
            algorithms.retain(|known| format!("{known:?}") == algorithm.to_string());
        }
        if algorithms.is_empty() {
            return Err(KeyError::NotForTokens);
        }
        let key = DecodingKey::from_jwk(jwk).map_err(|_| KeyError::NotAKey)?;
        Ok(Self { id: common.key_id.clone(), algorithms, key })
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
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = formatter.debug_struct("Key");
        key.field("id", &self.id).field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}
