//! Signatures that others have published, and some that are none.

use super::{Key, KeyError};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm,
    Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512},
    EncodingKey,
    jwk::Jwk,
};
use rsa::{
    BigUint, RsaPrivateKey,
    pkcs1::DecodeRsaPrivateKey as _,
    traits::{PrivateKeyParts as _, PublicKeyParts as _},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const ALL: [Algorithm; 12] = [HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA];
const RSA: &[u8] = include_bytes!("../../tests/keys/rsa.der");
const P256: &[u8] = include_bytes!("../../tests/keys/p256.der");
const P384: &[u8] = include_bytes!("../../tests/keys/p384.der");
const ED25519: &[u8] = include_bytes!("../../tests/keys/ed25519.der");

/// The claims of RFC 7515, appendix A.1 to A.3.
const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn octets(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn text(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// By which algorithms a key has signed this.
fn signed(key: &Key, message: &str, signature: &[u8]) -> Vec<Algorithm> {
    ALL.into_iter().filter(|algorithm| key.has_signed(*algorithm, message.as_bytes(), signature)).collect()
}

/// Signs as `jsonwebtoken` does.
fn sign(message: &str, key: &EncodingKey, algorithm: Algorithm) -> Vec<u8> {
    octets(&jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap())
}

fn public(key: &EncodingKey, algorithm: Algorithm) -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
    // It goes for every algorithm of its type.
    jwk.as_object_mut().unwrap().remove("alg");
    jwk
}

fn with(jwk: &Value, name: &str, value: &[u8]) -> String {
    let mut jwk = jwk.clone();
    jwk[name] = json!(text(value));
    jwk.to_string()
}

#[test]
fn rfc_7515_a_1_hs256() {
    let secret = octets("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    let message = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}");
    let signature = octets("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(signed(&Key::hmac(&secret).unwrap(), &message, &signature), [HS256]);
}

#[test]
fn rfc_7515_a_2_rs256() {
    let key = json!({ "kty": "RSA", "e": "AQAB", "n": concat!(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs",
        "D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV",
        "MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    ) });
    let signature = octets(concat!(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ",
        "cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e",
        "OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    ));
    let message = format!("eyJhbGciOiJSUzI1NiJ9.{CLAIMS}");
    assert_eq!(signed(&Key::rsa(&key.to_string()).unwrap(), &message, &signature), [RS256]);
}

#[test]
fn rfc_7515_a_3_es256() {
    let key = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let signature = octets("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
    let message = format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}");
    assert_eq!(signed(&Key::p256(&key.to_string()).unwrap(), &message, &signature), [ES256]);
}

#[test]
fn rfc_8037_a_4_ed25519() {
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let signature = octets("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
    let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    assert_eq!(signed(&Key::ed25519(&key.to_string()).unwrap(), message, &signature), [EdDSA]);
}

/// Made by `openssl dgst -sign`, which knows nothing of the crates that verify here.
#[test]
fn signatures_that_openssl_made() {
    let rsa = Key::rsa(&public(&EncodingKey::from_rsa_der(RSA), RS256).to_string()).unwrap();
    for (algorithm, signature) in [
        (
            PS384,
            concat!(
                "WemLnzgnSbRMKYctOB9ogFlBP567I0nd3ENTsP2Tn9tw7UeOJjyUxdH5hG8yldC9laKMhUOi1kn__pU93ythMa4D8vOHBaCod0_7",
                "eW_-LCGMS8VOme5N0pcji-7duFwLnCi6bf3KAo-a3Lu26P9seVpaR-PjgwPzecKolh3VKXuhUmW4sqmaoW0cSoRJHvWd2nBpnsgw",
                "eNWFhmsDd9e358BEdblyP4Rwrx9AC2mcx6AUxkn55NmPMhym2r1c1yWE34MegfcgewDTYltx6M20bqAXrrACCQ9vfsMY9PEzVzIk",
                "zACvuv2412bDiLPjZYozJ8QABtpT5EgWc0jafIfRCA",
            ),
        ),
        (
            PS512,
            concat!(
                "A73MIlnYwt_C3oWFXa0NTImzzoRDaFM5mJCDtvLGxwwBmgnV7FZrH_LLsOCDZNsqjCNNHAxhv7oKi0gmkB_jXZl5pRak3icLJEr7",
                "bZiEiIuktWjtX3-E7fxOmQN2OMViO8umO-8LeZRqqUST5atTwvaFSCCI8hv_xPhuVPJlvRHsZxOcwHTYE6AhGAFt5rK6gKQ__IkA",
                "PGgaToda6fDlmZPR0M4jSC-Y9sck2XyJQNU2IYLA4MlU3YmUt_JLExDoADjYiZeWYKNIcNDdREJ3mmgXR-X6VY2KFglvONl90WOv",
                "8M9V33N3gSPKwwV3SPACEBE72WH8njykAszoTYi_7w",
            ),
        ),
        (
            RS384,
            concat!(
                "MmsR6fZtTb_T5hI9YqwMiXds2ccPzH6ubdhhVCCAL33Q-O3b0pcPjg0107x2gwnOZ4TappW3l3wIujwi86usaD6x1nh6VXYXAI63",
                "6OcHrMxzLwJXkHNAH-CfG9YB3BGGcaNeYEUPzw2ANpNJbSh6B3ycfS7_6gD_afntWrjsN0BuHCOgDKNRm6yKmWOCbFXh6EYFX6pI",
                "Rqru4uqThe9ZqJEEAaGrz4fXpFO9zQARSFwoSgIQD99EAynAik4ZPf4_EKMtWkIeru1MGflR98PuZkCyGRk6tqryVuu_NviLAK0D",
                "KYf3s5hx4VJbn7_EnB1B-9Hbdwo7FzJ4PyXk14pYSg",
            ),
        ),
    ] {
        assert_eq!(signed(&rsa, "message", &octets(signature)), [algorithm]);
    }
    let p384 = Key::p384(&public(&EncodingKey::from_ec_der(P384), ES384).to_string()).unwrap();
    let signature = concat!(
        "ALNpxx6t_qipFapUpbuki2pAyMPFImrUi7Rb6z9-Jg8xKmVubgZzkBdrnNdHun_7PGdRJLRspTcC0aAwuMtaohAh_t5QwvVfhtfR",
        "_1ZDh5rpeGYcSG8yfCHlVcJ7PXdZ",
    );
    assert_eq!(signed(&p384, "message", &octets(signature)), [ES384]);
}

type Make = fn(&str) -> Result<Key, KeyError>;

#[test]
fn each_constructor_takes_its_own_type_and_refuses_the_others() {
    let makers: [Make; 4] = [Key::rsa, Key::p256, Key::p384, Key::ed25519];
    let keys = [
        (EncodingKey::from_rsa_der(RSA), &[RS256, RS384, RS512, PS256, PS384, PS512][..]),
        (EncodingKey::from_ec_der(P256), &[ES256]),
        (EncodingKey::from_ec_der(P384), &[ES384]),
        (EncodingKey::from_ed_der(ED25519), &[EdDSA]),
    ];
    for (of, (signer, algorithms)) in keys.iter().enumerate() {
        let jwk = public(signer, algorithms[0]).to_string();
        for (at, make) in makers.iter().enumerate() {
            assert_eq!(make(&jwk).is_ok(), at == of, "{at} of {jwk}");
            assert!(at == of || make(&jwk).unwrap_err() == KeyError::NotForTokens);
        }
        // By each algorithm of its type, and a signature of one is none of another.
        for key in [makers[of](&jwk).unwrap(), Key::jwk(&jwk).unwrap()] {
            for &algorithm in *algorithms {
                assert_eq!(signed(&key, "message", &sign("message", signer, algorithm)), [algorithm]);
                assert_eq!(signed(&key, "massage", &sign("message", signer, algorithm)), []);
            }
        }
    }
    let secret = EncodingKey::from_secret(&[7; 64]);
    for algorithm in [HS256, HS384, HS512] {
        let own = signed(&Key::hmac(&[7; 64]).unwrap(), "message", &sign("message", &secret, algorithm));
        assert_eq!(own, if algorithm == HS256 { vec![HS256] } else { vec![] });
    }
}

/// Numbers of so many octets, most significant first.
fn number(octets: &[u8]) -> BigUint {
    BigUint::from_bytes_be(octets)
}

fn padded(number: &BigUint, length: usize) -> Vec<u8> {
    let octets = number.to_bytes_be();
    [vec![0; length - octets.len()], octets].concat()
}

#[test]
fn hmac_signatures_are_whole() {
    let key = Key::hmac(&[7; 32]).unwrap();
    let signature = sign("message", &EncodingKey::from_secret(&[7; 32]), HS256);
    assert_eq!(signed(&key, "message", &signature), [HS256]);
    for length in 0..32 {
        assert_eq!(signed(&key, "message", &signature[..length]), [], "{length}");
    }
    assert_eq!(signed(&key, "message", &[&signature[..], &[0]].concat()), []);
    assert_eq!(signed(&key, "message", &[0; 32]), []);
}

#[test]
fn ecdsa_signatures_have_one_length_and_two_numbers_below_the_order() {
    let order = BigUint::parse_bytes(b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16).unwrap();
    let signer = EncodingKey::from_ec_der(P256);
    let key = Key::p256(&public(&signer, ES256).to_string()).unwrap();
    let signature = sign("message", &signer, ES256);
    let (r, s) = signature.split_at(32);
    assert_eq!(signed(&key, "message", &signature), [ES256]);
    // Both are signatures, and signers make both (SEC 1, section 4.1.3): a token is no id.
    let other = padded(&(&order - number(s)), 32);
    assert_eq!(signed(&key, "message", &[r, &other].concat()), [ES256]);
    let (zero, order) = ([0; 32], padded(&order, 32));
    let der = [&[0x30, 0x44, 2, 0x20], r, &[2, 0x20], s].concat();
    for (bad, what) in [
        (vec![], "empty"),
        (signature[..63].to_vec(), "short"),
        ([&signature[..], &[0]].concat(), "long"),
        ([&[0], &signature[..]].concat(), "with a zero before it"),
        (der, "as DER"),
        ([s, r].concat(), "the wrong way round"),
        ([&zero, s].concat(), "r is zero"),
        ([r, &zero].concat(), "s is zero"),
        ([zero, zero].concat(), "both are zero"),
        ([&order, s].concat(), "r is the order"),
        ([r, &order].concat(), "s is the order"),
        ([&order[..], &order].concat(), "both are the order"),
        (vec![0xff; 64], "too large"),
        (vec![1; 64], "another"),
    ] {
        assert_eq!(signed(&key, "message", &bad), [], "{what}");
    }
    let signer = EncodingKey::from_ec_der(P384);
    let key = Key::p384(&public(&signer, ES384).to_string()).unwrap();
    let signature = sign("message", &signer, ES384);
    for bad in [&signature[..95], &signature[..64], &[&signature[..], &[0]].concat(), &[0; 96], &[0xff; 96]] {
        assert_eq!(signed(&key, "message", bad), []);
    }
}

#[test]
fn points_that_are_none_are_no_keys() {
    for (signer, algorithm, make) in [(P256, ES256, Key::p256 as Make), (P384, ES384, Key::p384 as Make)]
        .map(|(der, a, m)| (EncodingKey::from_ec_der(der), a, m))
    {
        let jwk = public(&signer, algorithm);
        let (x, y) = (octets(jwk["x"].as_str().unwrap()), octets(jwk["y"].as_str().unwrap()));
        for (name, value) in [
            ("x", y.clone()),
            ("y", x.clone()),
            ("x", vec![0; x.len()]),
            ("x", vec![0xff; x.len()]),
            ("x", x[1..].to_vec()),
            ("y", [&[0], &y[..]].concat()),
            ("y", vec![]),
        ] {
            for make in [make, Key::jwk] {
                assert_eq!(make(&with(&jwk, name, &value)).unwrap_err(), KeyError::NotAKey, "{name} {value:x?}");
            }
        }
    }
}

#[test]
fn ed25519_signatures_are_the_one_that_the_key_makes() {
    // The order of the group, least significant octet first.
    let order = BigUint::parse_bytes(b"1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16).unwrap();
    let signer = EncodingKey::from_ed_der(ED25519);
    let key = Key::ed25519(&public(&signer, EdDSA).to_string()).unwrap();
    let signature = sign("message", &signer, EdDSA);
    let (r, s) = signature.split_at(32);
    let larger = BigUint::from_bytes_le(s) + &order;
    let identity = [&[1][..], &[0; 31]].concat();
    for (bad, what) in [
        (vec![], "empty"),
        (signature[..63].to_vec(), "short"),
        ([&signature[..], &[0]].concat(), "long"),
        ([s, r].concat(), "the wrong way round"),
        ([r, &larger.to_bytes_le()].concat(), "a second s"),
        ([r, &[0; 32]].concat(), "s is zero"),
        (vec![0; 64], "all is zero"),
        ([&identity[..], &[0; 32]].concat(), "r is of small order"),
        ([&identity[..], s].concat(), "r is of small order, s is not"),
        (vec![0xff; 64], "too large"),
    ] {
        assert_eq!(signed(&key, "message", &bad), [], "{what}");
    }
}

#[test]
fn ed25519_keys_of_small_order_are_refused() {
    let jwk = public(&EncodingKey::from_ed_der(ED25519), EdDSA);
    let refused = |x: &[u8]| {
        for make in [Key::ed25519, Key::jwk] {
            assert_eq!(make(&with(&jwk, "x", x)).unwrap_err(), KeyError::NotAKey, "{x:x?}");
        }
    };
    let ends = |first: u8, middle: u8, last: u8| [&[first][..], &[middle; 30], &[last]].concat();
    // y = 0, 1 and -1, with either sign of x and in either way to write them.
    for (first, middle, last) in [
        (0, 0, 0),
        (0, 0, 0x80),
        (1, 0, 0),
        (1, 0, 0x80),
        (0xec, 0xff, 0x7f),
        (0xec, 0xff, 0xff),
        (0xed, 0xff, 0x7f),
        (0xed, 0xff, 0xff),
        (0xee, 0xff, 0x7f),
        (0xee, 0xff, 0xff),
    ] {
        refused(&ends(first, middle, last));
    }
    // The four of order 8.
    for hex in [
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ] {
        let mut point = padded(&BigUint::parse_bytes(hex.as_bytes(), 16).unwrap(), 32);
        refused(&point);
        point[31] |= 0x80;
        refused(&point);
    }
    // No point, and none of the length: these ended in a panic once.
    refused(&ends(2, 0, 0));
    let x = octets(jwk["x"].as_str().unwrap());
    for x in [&[][..], &x[..31], &[&x[..], &[0]].concat()] {
        refused(x);
    }
}

/// A PKCS #1 v1.5 block that a private key makes a signature of, whatever it says.
fn raw(key: &RsaPrivateKey, block: &[u8]) -> Vec<u8> {
    padded(&number(block).modpow(key.d(), key.n()), key.size())
}

#[test]
fn rsa_signatures_are_padded_as_they_have_to_be() {
    let private = RsaPrivateKey::from_pkcs1_der(RSA).unwrap();
    let key = Key::rsa(&public(&EncodingKey::from_rsa_der(RSA), RS256).to_string()).unwrap();
    let info = octets("MDEwDQYJYIZIAWUDBAIBBQAEIA");
    let hashed = [&info[..], &Sha256::digest("message")].concat();
    let block = |start: [u8; 2], padding: usize, rest: &[u8]| {
        let mut block = [&start[..], &vec![0xff; padding], &[0], rest].concat();
        // What is short is filled up behind, as the forgeries of 2006 were.
        block.resize(private.size(), 0x5a);
        raw(&private, &block)
    };
    let full = private.size() - 3 - hashed.len();
    assert_eq!(signed(&key, "message", &block([0, 1], full, &hashed)), [RS256]);
    // Without the NULL of the algorithm, which RFC 8017 has there.
    let bare = [&octets("MC8wCwYJYIZIAWUDBAIBBCA")[..], &Sha256::digest("message")].concat();
    for (bad, what) in [
        (block([0, 1], 8, &hashed), "eight octets of padding"),
        (block([0, 1], 0, &hashed), "no padding"),
        (block([0, 1], full - 1, &hashed), "an octet behind the hash"),
        (block([0, 2], full, &hashed), "the padding of what is encrypted"),
        (block([0, 0], full, &hashed), "another kind of block"),
        (block([0, 1], full + 2, &bare), "without parameters"),
        (block([0, 1], full + info.len(), &Sha256::digest("message")), "no algorithm"),
        (raw(&private, &hashed), "the hash alone"),
    ] {
        assert_eq!(signed(&key, "message", &bad), [], "{what}");
    }
}

#[test]
fn rsa_signatures_have_the_length_of_the_key_and_are_below_it() {
    let (signer, private) = (EncodingKey::from_rsa_der(RSA), RsaPrivateKey::from_pkcs1_der(RSA).unwrap());
    let key = Key::rsa(&public(&signer, RS256).to_string()).unwrap();
    for algorithm in [RS256, PS256] {
        let mut above = 0;
        for attempt in 0..12 {
            let message = format!("message {attempt}");
            let signature = sign(&message, &signer, algorithm);
            assert_eq!(signed(&key, &message, &signature), [algorithm]);
            let mut longer = [&[0], &signature[..]].concat();
            assert_eq!(signed(&key, &message, &longer), []);
            longer.rotate_left(1);
            assert_eq!(signed(&key, &message, &longer), []);
            assert_eq!(signed(&key, &message, &signature[..255]), []);
            assert_eq!(signed(&key, &message, &signature[1..]), []);
            // The same number modulo the key, where it has the length too.
            let same = number(&signature) + private.n();
            if same.bits() <= 2_048 {
                above += 1;
                assert_eq!(signed(&key, &message, &same.to_bytes_be()), [], "{algorithm:?}");
            }
        }
        assert!(above > 0, "one of the signatures has a twin of the same length");
    }
    let less = private.n() - BigUint::from(1_u8);
    for bad in [
        vec![],
        vec![0; 256],
        padded(&BigUint::from(1_u8), 256),
        less.to_bytes_be(),
        private.n().to_bytes_be(),
        vec![0xff; 256],
    ] {
        assert_eq!(signed(&key, "message", &bad), []);
    }
}

#[test]
fn rsa_keys_that_are_none_are_refused() {
    let jwk = public(&EncodingKey::from_rsa_der(RSA), RS256);
    for (e, what) in [
        (&[][..], "zero"),
        (&[1], "one"),
        (&[2], "even"),
        (&[1, 0, 0], "even"),
        (&[2, 0, 0, 0, 1], "of 34 bits"),
        (&[0xff; 32], "huge"),
    ] {
        assert_eq!(Key::rsa(&with(&jwk, "e", e)).unwrap_err(), KeyError::NotAKey, "{what}");
    }
    assert!(Key::rsa(&with(&jwk, "e", &[3])).is_ok());
    let modulus = |first: u8, length: usize, last: u8| {
        let mut octets = vec![0x5a; length];
        (octets[0], octets[length - 1]) = (first, last);
        Key::rsa(&with(&jwk, "n", &octets)).map(|_| ())
    };
    assert_eq!(modulus(0x80, 256, 1), Ok(()));
    assert_eq!(modulus(0x80, 1_024, 1), Ok(()));
    assert_eq!(modulus(0x80, 256, 2), Err(KeyError::NotAKey));
    assert_eq!(modulus(0x7f, 256, 1), Err(KeyError::TooShort));
    // Zeros before it make it no longer.
    assert_eq!(modulus(0, 256, 1), Err(KeyError::TooShort));
    assert_eq!(modulus(1, 1_025, 1), Err(KeyError::NotAKey));
}
