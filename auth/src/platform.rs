//! Callers whom the platform itself has let in.
//!
//! Only what an adapter handed over apart from the request counts ([`Call::platform_identity`]): a header of the same
//! name that a client wrote is nothing. So far the adapter of Azure hands one over.

use pikku::{AuthError, Call, Claims};

/// Whom Azure's App Service authentication has let in: the client principal, in its own form. It grants no scopes.
///
/// # Errors
///
/// None; it is the form of an authenticator.
pub fn easy_auth(call: &Call) -> Result<Option<Claims>, AuthError> {
    let identity = call.platform_identity().filter(|identity| identity.issuer == "easy-auth");
    Ok(identity.map(|identity| Claims::new(identity.claims.clone())))
}
