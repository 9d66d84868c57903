//! Callers whom the platform itself has let in.
//!
//! An app believes a platform only where its wiring says so, by one of these in an authenticator:
//!
//! | what lets in | where | what is believed |
//! |---|---|---|
//! | [`easy_auth`]: App Service authentication | Azure | what the adapter hands over apart from the request |
//! | [`api_gateway`]: an authorizer of Amazon API Gateway, or IAM | Lambda | the same |
//! | `CloudflareAccess` (feature `jwt`) | before Workers or any server | a header with a token that Cloudflare has signed for this very app |
//!
//! A header of the same name as one that a platform sets is nothing by itself: whoever reaches the app past the platform can
//! write it.

#[cfg(feature = "jwt")]
mod access;
mod gateway;

#[cfg(feature = "jwt")]
pub use access::CloudflareAccess;
pub use gateway::api_gateway;
use pikku::{AuthError, Call, Claims};
use serde_json::Value;

/// Whom Azure's App Service authentication has let in: the client principal, in its own form. It grants no scopes.
///
/// # Errors
///
/// None; it is the form of an authenticator.
pub fn easy_auth(call: &Call) -> Result<Option<Claims>, AuthError> {
    Ok(identity(call, "easy-auth").map(Claims::new))
}

/// What an adapter handed over, of that issuer.
fn identity(call: &Call, issuer: &str) -> Option<Value> {
    call.platform_identity().filter(|identity| identity.issuer == issuer).and_then(|identity| identity.claims())
}
