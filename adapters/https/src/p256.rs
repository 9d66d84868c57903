//! ECDSA over P-256, to verify certificates and handshakes.
//!
//! It takes the place of ring's in bundles: that one brings 148 KiB of multiples of the curve's base point, a sixth of what TLS
//! and signatures add to a bundle, to be faster at what a client does once for each connection. Nothing secret goes through
//! it. Keys are exchanged over curves of ring.

use ::p256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier as _};
use ring::digest::{self, Algorithm};
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};

/// P-256 with SHA-256.
pub(crate) static ECDSA_P256_SHA256: &dyn SignatureVerificationAlgorithm =
    &P256 { signature: alg_id::ECDSA_SHA256, digest: &digest::SHA256 };

/// P-256 with SHA-384.
pub(crate) static ECDSA_P256_SHA384: &dyn SignatureVerificationAlgorithm =
    &P256 { signature: alg_id::ECDSA_SHA384, digest: &digest::SHA384 };

#[derive(Debug)]
struct P256 {
    signature: AlgorithmIdentifier,
    digest: &'static Algorithm,
}

/// What an uncompressed point begins with (SEC 1, section 2.3.3): the only form that certificates of the web have.
const UNCOMPRESSED: u8 = 4;

impl SignatureVerificationAlgorithm for P256 {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        if public_key.first() != Some(&UNCOMPRESSED) {
            return Err(InvalidSignature);
        }
        let key = VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        let hash = digest::digest(self.digest, message);
        key.verify_prehash(hash.as_ref(), &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
    };
    use webpki::ring as theirs;

    /// What ring signs, and what is changed of it in every octet, is taken and refused as ring does.
    #[test]
    fn it_verifies_as_ring_does() {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref(), &random).unwrap();
        let public = key.public_key().as_ref();
        let ours = |public: &[u8], signature: &[u8]| {
            let is_valid = ECDSA_P256_SHA256.verify_signature(public, b"a message", signature).is_ok();
            let theirs = theirs::ECDSA_P256_SHA256.verify_signature(public, b"a message", signature).is_ok();
            assert_eq!(is_valid, theirs, "{public:02x?} {signature:02x?}");
            is_valid
        };
        for _ in 0..4 {
            let signature = key.sign(&random, b"a message").unwrap();
            let signature = signature.as_ref();
            assert!(ours(public, signature));
            assert!(ECDSA_P256_SHA256.verify_signature(public, b"another message", signature).is_err());
            assert!(ECDSA_P256_SHA384.verify_signature(public, b"a message", signature).is_err());
            for index in 0..signature.len() {
                for change in [1, 0x80] {
                    let mut changed = signature.to_vec();
                    changed[index] ^= change;
                    assert!(!ours(public, &changed));
                }
                assert!(!ours(public, &signature[..index]));
            }
            for index in 0..public.len() {
                let mut changed = public.to_vec();
                changed[index] ^= 1;
                assert!(!ours(&changed, signature));
            }
            assert!(!ours(public, &[signature, &[0]].concat()));
        }
    }

    /// Forms that others may take: a compressed key, and numbers that are none of a signature (r and s of 0, and of the order).
    #[test]
    fn what_is_no_key_and_no_signature_is_refused() {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref(), &random).unwrap();
        let (public, signature) = (key.public_key().as_ref(), key.sign(&random, b"a message").unwrap());
        let compressed = [&[2 + (public[64] & 1)], &public[1..33]].concat();
        let order = [
            0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
            0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
        ];
        let zeros = [0x30, 6, 2, 1, 0, 2, 1, 0];
        let orders = [&[0x30, 70, 2, 33, 0][..], &order, &[2, 33, 0], &order].concat();
        for (public, signature) in [
            (&compressed[..], signature.as_ref()),
            (public, &zeros),
            (public, &orders),
            (public, &[]),
            (&[], signature.as_ref()),
            (&[4; 65], signature.as_ref()),
        ] {
            for algorithm in [ECDSA_P256_SHA256, theirs::ECDSA_P256_SHA256] {
                assert!(algorithm.verify_signature(public, b"a message", signature).is_err(), "{public:02x?}");
            }
        }
    }
}
