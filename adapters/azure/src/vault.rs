//! Reads secrets from Azure Key Vault.
//!
//! What a service reads at its start the platform hands over as an app setting, which refers to the vault and needs none of
//! this. A service that asks for a secret while it runs wants it as it is now: that is one request, with a token of the app's
//! managed identity, which needs the role "Key Vault Secrets User" at that secret.
//!
//! - **Which secret.** The deployment hands the bundle `PIKKU_RESOURCES`, a JSON object in which `secret:<logical name>` is
//!   `https://VAULT.vault.azure.net/secrets/NAME`, without a version: the newest one is read. Where it has none, the variable
//!   that stands for the secret is read, as on other platforms.
//! - **How often.** Three attempts, each of at most 5 s: after a lost connection, a timeout, throttling, a token that is not
//!   taken, or a status of 500 and above. What is kept, and how long, is the runtime's matter.
//! - **What is told.** The vault's codes; neither the secret nor a token is in an error.

use crate::{
    cloud::{Cloud, Env, answered, env, may_pass},
    platform::{Known, Vault},
};
use http_body_util::Full;
use hyper::{
    Request, StatusCode, Uri,
    header::{AUTHORIZATION, HOST},
};
use pikku::{BoxError, BoxFuture, Secret, json};
use pikku_https::{Answer, FailedAttempt, RESOURCES, SendError, send};
use serde_json::Value;

/// As errors name it.
const SERVICE: &str = "Key Vault";

/// The version of the API ("Get Secret", Key Vault REST reference).
const VERSION: &str = "7.4";

/// The most octets of an answer: a secret has at most 25 kB, which JSON may write as six each.
const ANSWER: usize = 256 * 1_024;

/// The reader of a bundle that asks for secrets while it runs.
#[derive(Debug)]
pub(crate) struct KeyVault(Cloud);

impl Vault for KeyVault {
    fn secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Known, BoxError>> {
        Box::pin(async move {
            match Target::of(name, &env)? {
                Some(target) => Ok(Known::Here(self.read(&target, &env).await?)),
                None => Ok(Known::Elsewhere),
            }
        })
    }
}

/// A secret, and where it is asked for.
#[derive(Debug)]
struct Target {
    /// Scheme, host and port.
    endpoint: Uri,
    path: String,
    /// What the token is for: vaults of each cloud are one resource, named after their common domain.
    resource: String,
}

impl Target {
    /// Reads what the environment says about a secret; `None` where it says nothing.
    fn of(name: &str, env: Env<'_>) -> Result<Option<Self>, BoxError> {
        let Some(resources) = env(RESOURCES) else { return Ok(None) };
        let Ok(Value::Object(addresses)) = json::from_slice(resources.as_bytes()) else {
            return Err("the variable PIKKU_RESOURCES is not a JSON object from names to addresses".into());
        };
        let Some(address) = addresses.get(&format!("secret:{name}")).and_then(Value::as_str) else { return Ok(None) };
        let wrong =
            || format!("the address of the secret `{name}` in PIKKU_RESOURCES is not https://VAULT/secrets/NAME");
        let uri: Uri = address.parse().map_err(|_| wrong())?;
        let (Some("https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong().into()) };
        let of_a_secret = uri.path().strip_prefix("/secrets/").is_some_and(|rest| !rest.is_empty());
        let domain = authority.host().split_once('.').map(|(_, domain)| domain);
        let (true, false, None, Some(domain)) = (of_a_secret, authority.as_str().contains('@'), uri.query(), domain)
        else {
            return Err(wrong().into());
        };
        let endpoint = Uri::builder().scheme("https").authority(authority.as_str()).path_and_query("/").build();
        let endpoint = endpoint.map_err(|_| wrong())?;
        Ok(Some(Self { endpoint, path: uri.path().to_owned(), resource: format!("https://{domain}") }))
    }
}

impl KeyVault {
    /// A reader that has done nothing yet.
    pub(crate) fn new() -> Self {
        Self(Cloud::new().answers_up_to(ANSWER))
    }

    async fn read(&self, target: &Target, env: Env<'_>) -> Result<Option<Secret<String>>, BoxError> {
        match send(|| self.attempt(target, env)).await? {
            Some(answer) => content(&answer).map(Some),
            None => Ok(None),
        }
    }

    /// One attempt: the outer error is not to be tried again.
    async fn attempt(&self, target: &Target, env: Env<'_>) -> Result<Result<Option<Answer>, FailedAttempt>, SendError> {
        let token = match self.0.token(SERVICE, &target.resource, "", env).await? {
            Ok(token) => token,
            Err(failed) => return Ok(Err(failed)),
        };
        let host = target.endpoint.authority().map_or("", hyper::http::uri::Authority::as_str);
        let request = Request::get(format!("{}?api-version={VERSION}", target.path))
            .header(HOST, host)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(Full::default())
            .map_err(SendError::request)?;
        Ok(match self.0.client(&target.endpoint)?.exchange(request).await {
            Ok(answer) if answer.status.is_success() => Ok(Some(answer)),
            Ok(answer) => {
                let codes = codes(&answer);
                if answer.status == StatusCode::NOT_FOUND && codes == "SecretNotFound" {
                    return Ok(Ok(None));
                }
                // Another token may be taken.
                let refused = answer.status == StatusCode::UNAUTHORIZED;
                if refused {
                    self.0.forget(&target.resource);
                }
                let may_pass = refused || may_pass(answer.status);
                Err(FailedAttempt { may_pass, ..answered(SERVICE, answer.status, &codes) })
            }
            Err(reason) => Err(FailedAttempt::silent(SERVICE, reason)),
        })
    }
}

/// The text of a secret.
fn content(answer: &Answer) -> Result<Secret<String>, BoxError> {
    // What was read of it is not told.
    let value: Value = json::from_slice(&answer.body).map_err(|_| "Key Vault answered what is no JSON")?;
    match value.get("value") {
        Some(Value::String(text)) => Ok(Secret::new(text.clone())),
        _ => Err("Key Vault answered without a value".into()),
    }
}

/// What an error says: its code, and the one inside it, such as `Forbidden SecretDisabled`.
fn codes(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let inner = ["/error/code", "/error/innererror/code"].map(|at| body.pointer(at).and_then(Value::as_str));
    let codes: Vec<&str> = inner.into_iter().flatten().collect();
    codes.join(" ").chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests;
