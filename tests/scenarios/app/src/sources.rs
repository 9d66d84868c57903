//! Who calls, by other means than a token: cookies that are sealed, API keys, and what a platform says of its callers.

use crate::{session::User, settings::Settings};
use pikku::{AuthError, BoxError, BoxFuture, Call, Claims, Problem, Scopes, Session, SessionChange, SessionControl};
use pikku_auth::{
    api_key::{self, KeyStore, StoredKey},
    jwt::Fetch,
    platform::{self, CloudflareAccess},
    session::{CookieSessions, MemorySessions, SealKeys},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// The sessions of browsers, in the memory of the process.
#[derive(Debug)]
pub struct Sessions(CookieSessions);

#[pikku::service]
fn sessions(settings: &Settings) -> Result<Sessions, BoxError> {
    let keys = SealKeys::parse(settings.session_keys.expose())?;
    Ok(Sessions(CookieSessions::in_store(keys, MemorySessions::default())))
}

/// Takes a sealed cookie for a session.
#[pikku::authenticator(challenge = "", keep = keep)]
pub async fn cookie(sessions: &Sessions, call: &Call) -> Result<Option<Claims>, AuthError> {
    sessions.0.authenticate(call).await
}

async fn keep(sessions: &Sessions, call: &Call, change: &SessionChange) -> Result<(), Problem> {
    sessions.0.settle(call, change).await
}

/// Logs in whoever says so.
#[pikku::function(public)]
pub async fn log_in(session: &SessionControl, user: User) -> Result<(), Problem> {
    if user.name == "Mallory" {
        session.set(Claims::new(json!({ "name": "Mallory" })));
        return Err(Problem::malformed("not you"));
    }
    session.set(Claims::new(json!({ "name": &user.name })).with_subject(user.name));
    Ok(())
}

/// Logs out.
#[pikku::function(public)]
pub async fn log_out(session: &SessionControl) -> Result<(), Problem> {
    session.clear();
    Ok(())
}

/// The keys of partners, which are constants here: of the secret the hash alone.
#[derive(Debug)]
pub struct Partners;

/// The SHA-256 of the secret that the tests have.
const HASH: [u8; 32] = [
    132, 228, 37, 241, 154, 189, 160, 41, 176, 113, 233, 96, 85, 141, 141, 157, 62, 114, 247, 115, 162, 19, 137, 127,
    67, 143, 237, 26, 227, 14, 33, 64,
];

impl KeyStore for Partners {
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<StoredKey>, BoxError>> {
        let claims = Claims::new(json!({ "name": "a partner" })).with_subject(id);
        let key = |scope: &'static str, expires_at_ms| {
            Some(StoredKey { hash: HASH, claims: claims.clone().with_scopes(Scopes::new([scope])), expires_at_ms })
        };
        Box::pin(std::future::ready(match id {
            "reads" => Ok(key("orders:read", None)),
            "writes" => Ok(key("orders:write", None)),
            "expired" => Ok(key("orders:read", Some(1_000))),
            "away" => Err("the keys cannot be looked up".into()),
            _ => Ok(None),
        }))
    }
}

/// Takes an API key for a session.
#[pikku::authenticator(challenge = "")]
pub async fn partner(call: &Call) -> Result<Option<Claims>, AuthError> {
    api_key::authenticate(&Partners, call).await
}

/// Whom App Service authentication has let in.
#[pikku::authenticator(challenge = "")]
pub async fn of_app_service(call: &Call) -> Result<Option<Claims>, AuthError> {
    platform::easy_auth(call)
}

/// Whom an authorizer of API Gateway has let in.
#[pikku::authenticator(challenge = "")]
pub async fn of_gateway(call: &Call) -> Result<Option<Claims>, AuthError> {
    platform::api_gateway(call)
}

/// What verifies the tokens of Cloudflare Access.
#[derive(Debug)]
pub struct Access(CloudflareAccess);

#[pikku::service]
fn access() -> Access {
    Access(CloudflareAccess::new("https://scenarios.cloudflareaccess.com", "app-of-the-scenarios", Certs))
}

/// The keys of the team, which are a constant here: of the key with which the tokens of the scenarios were signed the public half.
struct Certs;

/// Its modulus.
const MODULUS: &str = concat!(
    "7W0Gtt4bC5JXl3hS826eFBngFZfQ39gULJwdS1ZErst7UZ0F1fdyJ6XwNS1Pg-DW0gWzgMEK-7F-LgBqEni3sXsD05oUsV00aCBmBYPaTiAF_8",
    "qx3V81J_lnQN3Ac022Ofn5THBsagC97C8rFvx6fWJOM03CxBbTKZnkh3PMW5YRVY4_tfsECjGEASeuN88OtHHBLOXYok9ZIno56yAo6CAkJCYz",
    "8lQcSn5Sdk5LEaOKVLH5B-rMkR1e5YLJ43fFHPbkvoJUHKlGNtMuex7lI_qbrib_OvqmaEmdDLqMPE_RqMhewBQWi4IPd2KNven5Hp0A3OEhGI",
    "KbUhAMwc--pw",
);

impl Fetch for Certs {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        let is_own = url == "https://scenarios.cloudflareaccess.com/cdn-cgi/access/certs";
        let certs = json!({
            "keys": [{ "kid": "team", "kty": "RSA", "alg": "RS256", "use": "sig", "e": "AQAB", "n": MODULUS }],
        });
        let certs = is_own.then(|| certs.to_string().into_bytes());
        Box::pin(std::future::ready(certs.ok_or_else(|| format!("there are no keys at {url}").into())))
    }
}

/// Whom Cloudflare Access has let in.
#[pikku::authenticator(challenge = "")]
pub async fn of_access(access: &Access, call: &Call) -> Result<Option<Claims>, AuthError> {
    access.0.authenticate(call).await
}

/// The address that the scenarios put into headers where no proxy has.
const FORGED: &str = "203.0.113.66";

/// Who calls, and from where.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Who {
    session: Value,
    /// Whether the address is the one that the request's headers claim.
    is_forged: bool,
}

/// Shows who calls.
#[pikku::function(public)]
pub async fn who(call: &Call, user: Option<Session<Value>>) -> Result<Who, Problem> {
    let address = call.http().and_then(|request| request.client_ip.as_deref());
    Ok(Who { session: user.map(|user| user.0).unwrap_or_default(), is_forged: address == Some(FORGED) })
}
