use super::{Key, KeySet};
use crate::bearer;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use pikku::{AuthError, Call, Claims, Scopes};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::{Map, Value};
use std::fmt::Display;

/// The longest token that is read.
const LONGEST_TOKEN: usize = 8 * 1_024;
/// The longest `kid` that is looked for.
const LONGEST_ID: usize = 256;
/// The most keys that are tried for one token.
const MOST_TRIES: usize = 8;
/// How far the clocks may differ.
const SKEW_S: u64 = 30;
/// The seconds that no time reaches.
const END_OF_TIME: f64 = 18_446_744_073_709_551_616.0;

/// Verifies bearer tokens of one issuer for one audience.
///
/// The claims become the value of the session. Its scopes are those of the claim `scope` (RFC 8693, section 4.2) or `scp`.
#[derive(Debug)]
pub struct Tokens {
    keys: Keys,
    issuer: String,
    audience: String,
    required: Vec<String>,
    token_type: Option<String>,
    skew_s: u64,
}

/// What is looked at of a token's header (RFC 7515, section 4.1). What else it says, keys and URLs of keys among it, is not
/// even read.
#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

#[derive(Debug)]
enum Keys {
    Own(Vec<Key>),
    Set(KeySet),
}

impl Tokens {
    /// Tokens that one key verifies, of this `iss` and for this `aud`.
    pub fn of(key: Key, issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self::with(Keys::Own(Vec::new()), issuer.into(), audience.into()).or_key(key)
    }

    /// Tokens that one of the keys of a set verifies, of this `iss` and for this `aud`.
    pub fn of_set(set: KeySet, issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self::with(Keys::Set(set), issuer.into(), audience.into())
    }

    fn with(keys: Keys, issuer: String, audience: String) -> Self {
        Self { keys, issuer, audience, required: Vec::new(), token_type: None, skew_s: SKEW_S }
    }

    /// Takes tokens of this key too, such as the one before or after it in a rotation. A set at a URL has its keys.
    #[must_use]
    pub fn or_key(mut self, key: Key) -> Self {
        if let Keys::Own(keys) = &mut self.keys {
            keys.push(key);
        }
        self
    }

    /// Demands a claim besides `iss`, `aud` and `exp`.
    #[must_use]
    pub fn require(mut self, claim: impl Into<String>) -> Self {
        self.required.push(claim.into());
        self
    }

    /// Demands this `typ`, such as `at+jwt` (RFC 9068), so that a token for another purpose is not taken for this one.
    #[must_use]
    pub fn token_type(self, token_type: impl Into<String>) -> Self {
        Self { token_type: Some(token_type.into()), ..self }
    }

    /// How far the clocks may differ, in seconds; 30 unless said.
    #[must_use]
    pub fn skew_s(self, seconds: u64) -> Self {
        Self { skew_s: seconds, ..self }
    }

    /// The session of the token that a call bears; `None` where it bears none.
    ///
    /// # Errors
    ///
    /// The token is not valid, or the keys cannot be had.
    pub async fn authenticate(&self, call: &Call) -> Result<Option<Claims>, AuthError> {
        let Some(token) = bearer::token(call)? else { return Ok(None) };
        self.verify(token, call.now_ms()).await.map(Some)
    }

    /// The session of a token at a time, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// The token is not valid, or the keys cannot be had.
    pub async fn verify(&self, token: &str, now_ms: u64) -> Result<Claims, AuthError> {
        if token.len() > LONGEST_TOKEN {
            return Err(AuthError::rejected("the token is too long"));
        }
        let malformed = || AuthError::rejected("the token is not of the form in which tokens are signed");
        let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
        // An algorithm that is not known, `none` among them, is an error here. One that is chooses among those of the keys.
        let header: Header = read(header, "header")?;
        self.check_header(&header)?;
        let kid = header.kid.as_deref();
        let has_signed = |key: &Key| key.has_signed(header.alg, signed.as_bytes(), &signature);
        let is_signed = match &self.keys {
            Keys::Own(keys) => keys.iter().filter(|key| key.fits(kid, header.alg)).take(MOST_TRIES).any(has_signed),
            Keys::Set(set) => set.find(kid, header.alg, now_ms).await?.iter().take(MOST_TRIES).any(has_signed),
        };
        if !is_signed {
            return Err(AuthError::rejected("the token is signed by no key that is known"));
        }
        // Nothing of what it claims is read before this.
        self.check(read(claims, "claims")?, now_ms / 1_000)
    }

    fn check_header(&self, header: &Header) -> Result<(), AuthError> {
        if header.crit.is_some() {
            return Err(AuthError::rejected("the token has critical extensions, of which none are known"));
        }
        if let Some(wanted) = &self.token_type
            && !header.typ.as_deref().is_some_and(|typ| same_type(typ, wanted))
        {
            return Err(AuthError::rejected("the token is of another type"));
        }
        if header.kid.as_deref().is_some_and(|kid| kid.len() > LONGEST_ID) {
            return Err(AuthError::rejected("the token's key id is too long"));
        }
        Ok(())
    }

    /// Whose it is and for whom, its times, and the claims that the app demands.
    fn check(&self, claims: Map<String, Value>, now_s: u64) -> Result<Claims, AuthError> {
        let refuse = |reason: &str| Err(AuthError::rejected(format!("the token {reason}")));
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return refuse("is of another issuer");
        }
        if !claims.get("aud").is_some_and(|audience| is_for(audience, &self.audience)) {
            return refuse("is for another audience");
        }
        let time = |name: &str| claims.get(name).map(|value| value.as_f64().filter(|time| time.abs() < END_OF_TIME));
        let (now, skew) = (now_s as f64, self.skew_s as f64);
        match time("exp") {
            Some(Some(expires)) if now < expires + skew => {}
            Some(Some(_)) => return refuse("has expired"),
            _ => return refuse("has no time at which it expires"),
        }
        for name in ["nbf", "iat"] {
            match time(name) {
                None => {}
                Some(Some(begins)) if begins <= now + skew => {}
                Some(Some(_)) => return refuse("is not valid yet"),
                Some(None) => return refuse("has a time that is none"),
            }
        }
        if let Some(missing) = self.required.iter().find(|name| claims.get(*name).is_none_or(Value::is_null)) {
            return refuse(&format!("lacks `{missing}`"));
        }
        let (scopes, subject) = (scopes(&claims), claims.get("sub").and_then(Value::as_str).map(str::to_owned));
        let session = Claims::new(Value::Object(claims)).with_scopes(scopes);
        Ok(match subject {
            Some(subject) => session.with_subject(subject),
            None => session,
        })
    }
}

/// A part of a token: a JSON object in base64url.
fn read<T: DeserializeOwned>(part: &str, name: &str) -> Result<T, AuthError> {
    let unread = |error: &dyn Display| AuthError::rejected(format!("the token's {name} cannot be read: {error}"));
    let octets = URL_SAFE_NO_PAD.decode(part).map_err(|error| unread(&error))?;
    let text = std::str::from_utf8(&octets).map_err(|error| unread(&error))?;
    serde_json::from_str(text).map_err(|error| unread(&error))
}

/// A text, or a list of them (RFC 7519, section 4.1.3).
fn is_for(audience: &Value, wanted: &str) -> bool {
    match audience {
        Value::Array(audiences) => audiences.iter().any(|one| one == wanted) && audiences.iter().all(Value::is_string),
        one => one == wanted,
    }
}

/// Media types are compared whatever their case, with or without `application/` (RFC 7515, section 4.1.9).
fn same_type(one: &str, other: &str) -> bool {
    let bare = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.strip_prefix("application/").map(str::to_owned).unwrap_or(text)
    };
    bare(one) == bare(other)
}

fn scopes(claims: &Map<String, Value>) -> Scopes {
    match claims.get("scope").or_else(|| claims.get("scp")) {
        Some(Value::String(text)) => Scopes::parse(text),
        Some(Value::Array(names)) => Scopes::new(names.iter().filter_map(Value::as_str).map(str::to_owned)),
        _ => Scopes::default(),
    }
}
