pub use crate::secret::SealKeyError as CallerKeyError;
use crate::secret::{self, DerivedKey};
use jsonwebtoken::{DecodingKey, EncodingKey};
use std::{fmt, sync::Arc};

/// What the keys are for, so that a secret that is used for something else too gives other keys there.
const PURPOSE: &[u8] = b"pikku message callers 1";

/// The keys that sign callers: HMAC-SHA-256 with keys that HKDF-SHA-256 derives from secrets.
///
/// The first signs, all verify. A secret is rotated by putting the new one behind the old one everywhere, then before it,
/// and taking the old one away once the messages of its time have gone; where it has leaked, at once. They are not printed.
#[derive(Clone)]
pub struct CallerKeys(Arc<[Pair]>);

struct Pair {
    signs: EncodingKey,
    verifies: DecodingKey,
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
        let pair =
            |key: &DerivedKey| Pair { signs: EncodingKey::from_secret(key), verifies: DecodingKey::from_secret(key) };
        Self(keys.iter().map(pair).collect())
    }

    pub(super) fn signing(&self) -> Option<&EncodingKey> {
        self.0.first().map(|pair| &pair.signs)
    }

    pub(super) fn verifying(&self) -> impl Iterator<Item = &DecodingKey> {
        self.0.iter().map(|pair| &pair.verifies)
    }
}

impl fmt::Debug for CallerKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CallerKeys({} keys)", self.0.len())
    }
}
