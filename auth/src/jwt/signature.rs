//! What verifies signatures: a type for each kind of key, behind a trait, so that a bundle has the kinds alone of which the app
//! makes keys.

use super::KeyError;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use jsonwebtoken::{
    Algorithm,
    jwk::{AlgorithmParameters, EllipticCurve},
};
use p256::ecdsa::signature::Verifier as _;
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey, traits::PublicKeyParts as _};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use std::sync::Arc;

/// A key, read once.
pub(super) trait Verify: Send + Sync {
    /// Whether this is its signature of these octets by one of its algorithms.
    fn has_signed(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool;
}

/// What a key verifies, and by which algorithms.
pub(super) struct Verifier {
    pub(super) algorithms: &'static [Algorithm],
    pub(super) verify: Arc<dyn Verify>,
}

/// Reads a public key of some type; one of another is [`KeyError::NotForTokens`].
pub(super) type Read = fn(&AlgorithmParameters) -> Result<Verifier, KeyError>;

impl Verifier {
    fn new(algorithms: &'static [Algorithm], verify: impl Verify + 'static) -> Self {
        Self { algorithms, verify: Arc::new(verify) }
    }
}

/// A key of any type: with it all of them are in the bundle.
pub(super) fn any(parameters: &AlgorithmParameters) -> Result<Verifier, KeyError> {
    match parameters {
        AlgorithmParameters::RSA(_) => rsa(parameters),
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => p256(parameters),
        AlgorithmParameters::EllipticCurve(_) => p384(parameters),
        _ => ed25519(parameters),
    }
}

/// HMAC with SHA-256 (RFC 7518, section 3.2).
struct Hs256(Hmac<Sha256>);

/// The shortest secret, in octets.
const SHORTEST_SECRET: usize = 32;

pub(super) fn hmac(secret: &[u8]) -> Result<Verifier, KeyError> {
    if secret.len() < SHORTEST_SECRET {
        return Err(KeyError::TooShort);
    }
    let hmac = Hmac::new_from_slice(secret).map_err(|_| KeyError::NotAKey)?;
    Ok(Verifier::new(&[Algorithm::HS256], Hs256(hmac)))
}

impl Verify for Hs256 {
    fn has_signed(&self, _: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        // Compared in a time that does not tell.
        self.0.clone().chain_update(signed).verify_slice(signature).is_ok()
    }
}

/// EdDSA with Ed25519 (RFC 8037, section 3.1).
struct Ed25519(ed25519_dalek::VerifyingKey);

pub(super) fn ed25519(parameters: &AlgorithmParameters) -> Result<Verifier, KeyError> {
    let AlgorithmParameters::OctetKeyPair(pair) = parameters else { return Err(KeyError::NotForTokens) };
    if pair.curve != EllipticCurve::Ed25519 {
        return Err(KeyError::NotForTokens);
    }
    let key = ed25519_dalek::VerifyingKey::from_bytes(&octets(&pair.x)?).map_err(|_| KeyError::NotAKey)?;
    // A point of small order has signed anything.
    if key.is_weak() {
        return Err(KeyError::NotAKey);
    }
    Ok(Verifier::new(&[Algorithm::EdDSA], Ed25519(key)))
}

impl Verify for Ed25519 {
    fn has_signed(&self, _: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(signed, &signature).is_ok())
    }
}

/// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
struct Es256(p256::ecdsa::VerifyingKey);

pub(super) fn p256(parameters: &AlgorithmParameters) -> Result<Verifier, KeyError> {
    let point = point::<32>(parameters, EllipticCurve::P256)?;
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).map_err(|_| KeyError::NotAKey)?;
    Ok(Verifier::new(&[Algorithm::ES256], Es256(key)))
}

impl Verify for Es256 {
    fn has_signed(&self, _: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        p256::ecdsa::Signature::from_slice(signature).is_ok_and(|signature| self.0.verify(signed, &signature).is_ok())
    }
}

/// ECDSA on P-384 with SHA-384.
struct Es384(p384::ecdsa::VerifyingKey);

pub(super) fn p384(parameters: &AlgorithmParameters) -> Result<Verifier, KeyError> {
    let point = point::<48>(parameters, EllipticCurve::P384)?;
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).map_err(|_| KeyError::NotAKey)?;
    Ok(Verifier::new(&[Algorithm::ES384], Es384(key)))
}

impl Verify for Es384 {
    fn has_signed(&self, _: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        p384::ecdsa::Signature::from_slice(signature).is_ok_and(|signature| self.0.verify(signed, &signature).is_ok())
    }
}

/// RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 7518, sections 3.3 and 3.5).
struct Rsa(RsaPublicKey);

/// The shortest modulus and the longest one, in bits: how long a signature takes grows with the square.
const SHORTEST_MODULUS: usize = 2_048;
const LONGEST_MODULUS: usize = 8_192;

pub(super) fn rsa(parameters: &AlgorithmParameters) -> Result<Verifier, KeyError> {
    use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
    let AlgorithmParameters::RSA(rsa) = parameters else { return Err(KeyError::NotForTokens) };
    let [n, e] = [&rsa.n, &rsa.e].map(|number| URL_SAFE_NO_PAD.decode(number).map_err(|_| KeyError::NotAKey));
    let (n, e) = (BigUint::from_bytes_be(&n?), BigUint::from_bytes_be(&e?));
    if n.bits() < SHORTEST_MODULUS {
        return Err(KeyError::TooShort);
    }
    // Odd numbers alone, and an exponent of at most 33 bits. With the exponent 1 everything is a signature.
    let key = RsaPublicKey::new_with_max_size(n, e, LONGEST_MODULUS).map_err(|_| KeyError::NotAKey)?;
    Ok(Verifier::new(&[RS256, RS384, RS512, PS256, PS384, PS512], Rsa(key)))
}

impl Verify for Rsa {
    fn has_signed(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        // The number that a signature is stands for one signature alone (RFC 8017, section 5.2.2).
        if BigUint::from_bytes_be(signature) >= *self.0.n() {
            return false;
        }
        let verified = match algorithm {
            Algorithm::RS256 => self.0.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(signed), signature),
            Algorithm::RS384 => self.0.verify(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(signed), signature),
            Algorithm::RS512 => self.0.verify(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(signed), signature),
            Algorithm::PS256 => self.0.verify(Pss::new::<Sha256>(), &Sha256::digest(signed), signature),
            Algorithm::PS384 => self.0.verify(Pss::new::<Sha384>(), &Sha384::digest(signed), signature),
            Algorithm::PS512 => self.0.verify(Pss::new::<Sha512>(), &Sha512::digest(signed), signature),
            _ => return false,
        };
        verified.is_ok()
    }
}

/// A point of a curve, uncompressed (SEC 1, section 2.3.3): its coordinates have their full length (RFC 7518, section 6.2.1.2).
fn point<const LENGTH: usize>(parameters: &AlgorithmParameters, curve: EllipticCurve) -> Result<Vec<u8>, KeyError> {
    match parameters {
        AlgorithmParameters::EllipticCurve(key) if key.curve == curve => {
            Ok([&[4][..], &octets::<LENGTH>(&key.x)?, &octets::<LENGTH>(&key.y)?].concat())
        }
        _ => Err(KeyError::NotForTokens),
    }
}

fn octets<const LENGTH: usize>(text: &str) -> Result<[u8; LENGTH], KeyError> {
    let decoded = URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::NotAKey)?;
    decoded.try_into().map_err(|_| KeyError::NotAKey)
}
