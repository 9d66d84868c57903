//! Who calls: a session out of a header.

use pikku::{AuthError, Call, Claims, Next, Outcome, Problem, Session};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who calls.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct User {
    name: String,
}

/// Takes the header `X-User` for a session.
#[pikku::authenticator]
pub async fn session_of_header(call: &Call) -> Result<Option<Claims>, AuthError> {
    let user = call.headers().and_then(|headers| headers.get("x-user"));
    Ok(user.map(|name| Claims::new(serde_json::json!({ "name": name }))))
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
