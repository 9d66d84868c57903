use super::{Key, KeySet};
use crate::bearer;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use pikku::{AuthError, Call, Claims, Scopes};
use serde_json::{Map, Value};

/// The longest token that is read.
const LONGEST_TOKEN: usize = 8 * 1_024;
/// The longest `kid` that is looked for.
const LONGEST_ID: usize = 256;
/// The most keys that are tried for one token.
const MOST_TRIES: usize = 8;
/// How far the clocks may differ.
const SKEW_S: u64 = 30;

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

#[derive(Debug)]
enum Keys {
    /// Each with what is demanded of its tokens, which takes a while to lay down.
    Own(Vec<(Key, Validation)>),
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
        let validation = self.validation(key.algorithms.clone());
        if let Keys::Own(keys) = &mut self.keys {
            keys.push((key, validation));
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
        let rejected = |error| AuthError::rejected(format!("the token: {error}"));
        if let Keys::Own(keys) = &self.keys
            && let [(key, validation)] = keys.as_slice()
        {
            // With no key to choose, its header is not read before the rest.
            let data = decode::<Map<String, Value>>(token, &key.key, validation).map_err(rejected)?;
            self.check_header(&data.header)?;
            return match key.fits(data.header.kid.as_deref(), data.header.alg) {
                true => self.check(data.claims, now_ms / 1_000),
                false => Err(AuthError::rejected("the token is of another key")),
            };
        }
        // An algorithm that is not known, `none` among them, is an error here.
        let header =
            decode_header(token).map_err(|error| AuthError::rejected(format!("the token's header: {error}")))?;
        self.check_header(&header)?;
        let kid = header.kid.as_deref();
        let (found, validation);
        let keys: Vec<(&Key, &Validation)> = match &self.keys {
            Keys::Own(keys) => keys
                .iter()
                .filter(|(key, _)| key.fits(kid, header.alg))
                .map(|(key, validation)| (key, validation))
                .collect(),
            Keys::Set(set) => {
                (found, validation) = (set.find(kid, header.alg, now_ms).await?, self.validation(vec![header.alg]));
                found.iter().map(|key| (key, &validation)).collect()
            }
        };
        let mut failure = AuthError::rejected("the token: no key that it could be signed with is known");
        for (key, validation) in keys.into_iter().take(MOST_TRIES) {
            match decode::<Map<String, Value>>(token, &key.key, validation) {
                Ok(data) => return self.check(data.claims, now_ms / 1_000),
                Err(error) => failure = rejected(error),
            }
        }
        Err(failure)
    }

    /// What is demanded of a token whatever its key, except for its times: those go by the clock of the platform.
    fn validation(&self, algorithms: Vec<Algorithm>) -> Validation {
        let mut validation =
            Validation { algorithms, validate_exp: false, validate_nbf: false, ..Validation::default() };
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation
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

    /// The times and the claims that the app demands.
    fn check(&self, claims: Map<String, Value>, now_s: u64) -> Result<Claims, AuthError> {
        let refuse = |reason: &str| Err(AuthError::rejected(format!("the token {reason}")));
        let time = |name: &str| claims.get(name).map(|value| value.as_f64().filter(|time| time.is_finite()));
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
