//! Who calls: a session out of a header, as a middleware makes it.

use pikku::{BoxFuture, Call, Middleware, Next, Problem, Session, function::Reply};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who calls.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct User {
    name: String,
}

/// Takes the header `X-User` for a session, and refuses whoever is called `nobody`.
#[derive(Debug)]
pub struct SessionOfHeader;

impl Middleware for SessionOfHeader {
    fn handle<'a>(&'a self, call: &'a mut Call, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Problem>> {
        let user = call.http().and_then(|request| request.header("x-user")).map(str::to_owned);
        if user.as_deref() == Some("nobody") {
            let refusal = Problem::new(pikku::StatusCode::FORBIDDEN, "nobody", "nobody may call this");
            return Box::pin(std::future::ready(Err(refusal)));
        }
        call.set_session(user.map(|name| serde_json::json!({ "name": name })));
        next.run(call)
    }
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
