pub use crate::secret::SealKeyError as CallerKeyError;
use crate::secret::{self, DerivedKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::{fmt, sync::Arc};

/// What the keys are for, so that a secret that is used for something else too gives other keys there.
const PURPOSE: &[u8] = b"pikku message callers 1";
/// What is signed, as the header of a token says it: a type, so that no token for another purpose is taken for one, and the
/// one algorithm (RFC 8725, sections 3.1 and 3.11).
#[derive(Clone, Copy)]
pub(super) struct Kind(&'static str);

impl Kind {
    /// Who caused a message: `{"typ":"pikku-caller+jwt","alg":"HS256"}`.
    pub(super) const MESSAGE: Self = Self("eyJ0eXAiOiJwaWtrdS1jYWxsZXIrand0IiwiYWxnIjoiSFMyNTYifQ");
    /// Who makes a remote procedure call: `{"typ":"pikku-rpc+jwt","alg":"HS256"}`.
    pub(super) const CALL: Self = Self("eyJ0eXAiOiJwaWtrdS1ycGMrand0IiwiYWxnIjoiSFMyNTYifQ");
}

/// The keys that sign callers: HMAC-SHA-256 with keys that HKDF-SHA-256 derives from secrets.
///
/// The first signs, all verify. A secret is rotated by putting the new one behind the old one everywhere, then before it,
/// and taking the old one away once the messages of its time have gone; where it has leaked, at once. They are not printed.
#[derive(Clone)]
pub struct CallerKeys(Arc<[Hmac<Sha256>]>);

/// Why a token is not taken.
pub(super) enum Unsigned {
    /// It is not of the form in which these keys sign: another type or algorithm, or no token at all.
    Form,
    /// None of the keys has signed it.
    Key,
}

impl CallerKeys {
    /// The keys of one secret of at least 32 octets that nobody can guess.
    ///
    /// # Errors
    ///
    /// It is shorter.
    pub fn new(secret: &[u8]) -> Result<Self, CallerKeyError> {
        Ok(Self::of(&[secret::derive(PURPOSE, secret)?]))
    }

    /// The keys of a text, such as a variable has it: one secret, or several with white space or commas between them, the
    /// one that signs first.
    ///
    /// # Errors
    ///
    /// There is none, one is shorter than 32 octets, or there are more than 8.
    pub fn parse(text: &str) -> Result<Self, CallerKeyError> {
        Ok(Self::of(&secret::parse(PURPOSE, text)?))
    }

    fn of(keys: &[DerivedKey]) -> Self {
        let hmac = |key: &DerivedKey| {
            // A key is filled up to a block with zeros (RFC 2104, section 2).
            let mut block = [0; 64];
            block[..key.len()].copy_from_slice(key);
            Hmac::new(&block.into())
        };
        Self(keys.iter().map(hmac).collect())
    }

    /// A JSON Web Token of these claims, in the compact form (RFC 7515, section 3.1).
    ///
    /// The header is always the same, so that neither signing nor verifying looks at what a token says of its algorithm. A
    /// library for tokens of every kind would bring RSA and elliptic curves into a bundle, 350 kB, for one HMAC.
    pub(super) fn sign(&self, Kind(header): Kind, claims: &[u8]) -> String {
        let mut token = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        // There is a first one: `parse` refuses a text without.
        if let Some(key) = self.0.first() {
            let signature = key.clone().chain_update(token.as_bytes()).finalize().into_bytes();
            token.push('.');
            URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        }
        token
    }

    /// The claims of a token of a kind that one of the keys has signed.
    pub(super) fn open(&self, Kind(header): Kind, token: &str) -> Result<Vec<u8>, Unsigned> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Unsigned::Form)?;
        let claims = signed.strip_prefix(header).and_then(|rest| rest.strip_prefix('.')).ok_or(Unsigned::Form)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Unsigned::Form)?;
        // Compared in a time that does not tell.
        let has_signed =
            |key: &Hmac<Sha256>| key.clone().chain_update(signed.as_bytes()).verify_slice(&signature).is_ok();
        if !self.0.iter().any(has_signed) {
            return Err(Unsigned::Key);
        }
        URL_SAFE_NO_PAD.decode(claims).map_err(|_| Unsigned::Form)
    }
}

impl fmt::Debug for CallerKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CallerKeys({} keys)", self.0.len())
    }
}
