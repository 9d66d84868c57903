//! Who may call what: scopes, permissions and read-only sessions, over HTTP, by remote procedure calls and behind a queue.

use crate::{journal::Journal, session::User, settings::Settings};
use pikku::{
    AuthError, BoxError, Call, Claims, Problem, Session,
    access::{All, Any, Not},
};
use pikku_auth::{
    jwt::{Key, Tokens},
    message::{CallerKeys, Callers},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Verifies bearer tokens.
#[derive(Debug)]
pub struct AppTokens(Tokens);

#[pikku::service]
fn app_tokens(settings: &Settings) -> Result<AppTokens, BoxError> {
    let key = Key::hmac(settings.token_key.expose().as_bytes())?;
    Ok(AppTokens(Tokens::of(key, "https://id.example", "scenarios")))
}

/// Takes a bearer token for a session.
#[pikku::authenticator]
pub async fn bearer(tokens: &AppTokens, call: &Call) -> Result<Option<Claims>, AuthError> {
    tokens.0.authenticate(call).await
}

/// Verifies who caused a message, and who makes a remote procedure call.
#[derive(Clone, Debug, pikku::CallerSigner)]
pub struct AppCallers(Callers);

#[pikku::service]
fn app_callers(settings: &Settings) -> Result<AppCallers, BoxError> {
    Ok(AppCallers(Callers::new(CallerKeys::parse(settings.caller_keys.expose())?).of_service("scenarios")))
}

/// Takes the signed caller of a message or of a remote procedure call for its session.
#[pikku::authenticator(challenge = "")]
pub async fn message_caller(callers: &AppCallers, call: &Call) -> Result<Option<Claims>, AuthError> {
    callers.0.authenticate(call)
}

/// An order, and whose it is.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Order {
    id: u32,
    #[serde(default)]
    owner: String,
}

/// Whose order it is may.
#[pikku::permission]
pub async fn owns(user: Session<User>, order: Order) -> Result<bool, Problem> {
    match order.owner.as_str() {
        "failing" => Err(Problem::internal("the owner cannot be looked up")),
        "panicking" => panic!("the owner cannot be looked up"),
        owner => Ok(owner == user.name),
    }
}

/// Whom the app has banned.
#[pikku::permission]
pub async fn banned(user: Session<User>) -> bool {
    user.name == "Mallory"
}

/// Whoever works here.
#[pikku::permission]
pub async fn staff(call: &Call) -> bool {
    call.claims().is_some_and(|claims| claims.scopes().grants(pikku::access::Scope::new("staff")))
}

/// For staff, which its tag says.
#[pikku::function(guarded, tags = ["staff"])]
pub async fn report(user: Option<Session<User>>) -> Result<Option<String>, Problem> {
    Ok(user.map(|user| user.0.name))
}

/// Whoever does not say that the house is closed.
#[pikku::permission]
pub async fn open_house(call: &Call) -> bool {
    call.headers().is_none_or(|headers| !headers.contains("x-closed"))
}

/// Over HTTP, by remote procedure calls and behind a queue: needs a scope.
#[pikku::function(scopes = ["orders:read"])]
pub async fn read_order(call: &Call, journal: &Journal, user: Session<User>, order: Order) -> Result<String, Problem> {
    let subject = call.claims().and_then(Claims::subject).unwrap_or("no subject");
    let said = format!("{} ({subject}) reads {}", user.name, order.id);
    journal.write(&said);
    Ok(said)
}

/// Over HTTP, by remote procedure calls and behind a queue: whose order it is, unless banned.
#[pikku::function(permission = All::<(owns, Not<banned>)>)]
pub async fn cancel_order(journal: &Journal, order: Order) -> Result<(), Problem> {
    journal.write(format!("cancelled {}", order.id));
    Ok(())
}

/// Whose order it is, or staff.
#[pikku::function(permission = Any::<(owns, staff)>)]
pub async fn show_order(order: Order) -> Result<u32, Problem> {
    Ok(order.id)
}

/// Changes nothing.
#[pikku::function(session, read_only)]
pub async fn look() -> Result<(), Problem> {
    Ok(())
}

/// Changes something.
#[pikku::function(session)]
pub async fn change() -> Result<(), Problem> {
    Ok(())
}
