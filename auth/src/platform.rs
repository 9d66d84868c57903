//! Callers whom the platform itself has let in.
//!
//! Only what an adapter handed over apart from the request counts ([`Call::platform_identity`]): a header of the same
//! name that a client wrote is nothing.

use pikku::{AuthError, Call, Claims, Scopes};
use serde_json::Value;

/// Whom an authorizer of Amazon API Gateway has let in: the claims of a JWT authorizer, or the context of a Lambda one.
///
/// # Errors
///
/// None; it is the form of an authenticator.
pub fn api_gateway(call: &Call) -> Result<Option<Claims>, AuthError> {
    Ok(of(call, "api-gateway"))
}

/// Whom Azure's App Service authentication has let in: the client principal.
///
/// # Errors
///
/// None; it is the form of an authenticator.
pub fn easy_auth(call: &Call) -> Result<Option<Claims>, AuthError> {
    Ok(of(call, "easy-auth"))
}

fn of(call: &Call, issuer: &str) -> Option<Claims> {
    let identity = call.platform_identity().filter(|identity| identity.issuer == issuer)?;
    let scopes = match identity.claims.get("scope") {
        Some(Value::String(text)) => Scopes::parse(text),
        _ => Scopes::default(),
    };
    Some(Claims::new(identity.claims.clone()).with_scopes(scopes))
}
