//! Tokens of the app's managed identity ("How to use managed identities for App Service and Azure Functions", REST endpoint).

use super::Env;
use http_body_util::Full;
use hyper::{Request, Uri, body::Bytes, header::HOST, http::uri::Authority};
use pikku_https::{Answer, SendError};
use serde_json::Value;
use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A token is asked for anew so long before it ends.
const MARGIN: Duration = Duration::from_secs(5 * 60);

const NO_IDENTITY: &str = "the app has no managed identity (IDENTITY_ENDPOINT and IDENTITY_HEADER are not set)";

/// The tokens that are kept, one for each service.
#[derive(Default)]
pub(super) struct Identity(Mutex<Vec<Token>>);

struct Token {
    resource: String,
    text: String,
    ends: SystemTime,
}

/// It shows no token.
impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Identity")
    }
}

impl Identity {
    /// The token that is kept for a service, if it is still good.
    pub(super) fn kept(&self, resource: &str, now: SystemTime) -> Option<String> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let token = tokens.iter().find(|token| token.resource == resource && token.ends > now + MARGIN)?;
        Some(token.text.clone())
    }

    /// A token that a service has not taken is asked for anew.
    pub(super) fn forget(&self, resource: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|token| token.resource != resource);
    }

    /// Keeps the token that an answer holds, and gives it.
    pub(super) fn keep(&self, resource: &str, body: &[u8]) -> Result<String, SendError> {
        let answer: Value = serde_json::from_slice(body).map_err(|_| no_token("its answer is no JSON"))?;
        let text = answer.get("access_token").and_then(Value::as_str);
        let text = text.ok_or_else(|| no_token("its answer has no `access_token`"))?.to_owned();
        // Seconds since the Unix epoch, as a number or its text; without them it is good for this message.
        let ends = answer.get("expires_on").and_then(|ends| ends.as_u64().or_else(|| ends.as_str()?.parse().ok()));
        if let Some(ends) = ends {
            let ends = UNIX_EPOCH + Duration::from_secs(ends.min(u64::from(u32::MAX)));
            self.forget(resource);
            let token = Token { resource: resource.to_owned(), text: text.clone(), ends };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(token);
        }
        Ok(text)
    }
}

fn no_token(reason: &str) -> SendError {
    SendError::NoSender(format!("the endpoint of the managed identity gave no token: {reason}").into())
}

/// The request for a token of a service, and where it goes: an address of the app's own sandbox. Where the app has no identity,
/// the error says what else there might have been.
pub(super) fn request(resource: &str, instead: &str, env: Env<'_>) -> Result<(Uri, Request<Full<Bytes>>), SendError> {
    let (Some(endpoint), Some(secret)) = (env("IDENTITY_ENDPOINT"), env("IDENTITY_HEADER")) else {
        return Err(SendError::NoSender(format!("{NO_IDENTITY}{instead}").into()));
    };
    let url: Uri = endpoint.parse().map_err(|_| SendError::address("IDENTITY_ENDPOINT", "is no URL"))?;
    let host = url.authority().map(Authority::as_str);
    let host = host.ok_or(SendError::address("IDENTITY_ENDPOINT", "is no URL"))?;
    let resource = resource.replace(':', "%3A").replace('/', "%2F");
    let mut target = format!("{}?api-version=2019-08-01&resource={resource}", url.path());
    if let Some(id) = env("AZURE_CLIENT_ID") {
        if !id.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-') {
            return Err(SendError::address("AZURE_CLIENT_ID", "is no id of an identity"));
        }
        target.push_str(&format!("&client_id={id}"));
    }
    let request = Request::get(target).header(HOST, host).header("x-identity-header", secret);
    let endpoint =
        Uri::builder().scheme(url.scheme_str().unwrap_or("http")).authority(host).path_and_query("/").build();
    Ok((
        endpoint.map_err(|_| SendError::address("IDENTITY_ENDPOINT", "is no URL"))?,
        request.body(Full::default()).map_err(SendError::request)?,
    ))
}

/// What an answer that is no token says.
pub(super) fn code(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    text("error").or_else(|| text("message")).unwrap_or_default().chars().take(200).collect()
}
