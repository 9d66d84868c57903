//! Staff, who come with a token of the company's identity provider.

use pikku::{
    AuthError, BoxError, Call, Claims, Scopes,
    access::{Role, Scope},
};
use pikku_auth::jwt::{Key, Tokens};

/// What the roles in a token grant.
pub(crate) const ROLES: &[Role] = &[
    Role::new("buyer", &[Scope::new("catalog:write")]),
    Role::new("manager", &[Scope::new("catalog"), Scope::new("reports"), Scope::new("carriers")]),
];

/// How tokens of staff are told from others.
#[derive(Debug, pikku::Config)]
pub struct StaffSettings {
    /// The public key that verifies them, a JSON Web Key of Ed25519. Nothing that signs is in the shop.
    staff_key: String,
    /// Who makes them.
    #[pikku(default = "https://staff.shop.example")]
    staff_issuer: String,
}

/// What verifies tokens of staff.
#[derive(Debug)]
pub struct StaffTokens(Tokens);

#[pikku::service]
fn staff_tokens(settings: &StaffSettings) -> Result<StaffTokens, BoxError> {
    let key = Key::ed25519(&settings.staff_key).map_err(|error| format!("STAFF_KEY: {error}"))?;
    Ok(StaffTokens(Tokens::of(key, &settings.staff_issuer, "shop")))
}

/// Staff are known by the token that they bear. It names their roles, and the shop says what these may.
#[pikku::authenticator(challenge = "Bearer realm=\"shop\"")]
pub async fn staff_token(tokens: &StaffTokens, call: &Call) -> Result<Option<Claims>, AuthError> {
    let Some(claims) = tokens.0.authenticate(call).await? else { return Ok(None) };
    let roles = claims.value()["roles"].as_array().into_iter().flatten().filter_map(|role| role.as_str());
    let scopes = Scopes::of_roles(ROLES, roles);
    Ok(Some(claims.with_scopes(scopes)))
}
