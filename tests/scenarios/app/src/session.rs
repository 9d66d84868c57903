//! Who calls: a session out of a header.

use pikku::{AuthError, Call, Claims, Next, Outcome, Problem, Role, Scopes, Session, access::Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who calls.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct User {
    pub(crate) name: String,
}

/// What people do here.
pub(crate) const ROLES: &[Role] = &[
    Role::new("clerk", &[Scope::new("orders:read")]),
    Role::new("manager", &[Scope::new("orders"), Scope::new("staff")]),
];

/// Takes the header `X-User` for a session, with the scopes of `X-Scopes` and of the roles `X-Roles`; read-only where there is
/// `X-Read-Only`.
#[pikku::authenticator]
pub async fn session_of_header(call: &Call) -> Result<Option<Claims>, AuthError> {
    let header = |name| call.headers().and_then(|headers| headers.get(name));
    let Some(name) = header("x-user") else { return Ok(None) };
    let claims = Claims::new(serde_json::json!({ "name": name })).with_subject(name);
    let roles = Scopes::of_roles(ROLES, header("x-roles").unwrap_or_default().split(' '));
    let claims = claims.with_scopes(Scopes::parse(header("x-scopes").unwrap_or_default()).and(roles));
    Ok(Some(if header("x-read-only").is_some() { claims.read_only() } else { claims }))
}

/// Refuses whoever is called `nobody`.
#[pikku::middleware]
pub async fn nobody(call: &Call, next: Next<'_>) -> Outcome {
    if call.headers().and_then(|headers| headers.get("x-user")) == Some("nobody") {
        return Err(Problem::new(pikku::StatusCode::FORBIDDEN, "nobody", "nobody may call this"));
    }
    next.run().await
}

/// Demands a session and says whose it is.
#[pikku::function]
pub async fn with_a_session(user: Session<User>) -> Result<String, Problem> {
    Ok(user.name.clone())
}

/// Says whose session it is where there is one.
#[pikku::function(public)]
pub async fn with_or_without(user: Option<Session<User>>) -> Result<Option<String>, Problem> {
    Ok(user.map(|user| user.0.name))
}
