//! The greeting with all that is checked: the input by its schema, and who calls by a JSON Web Token, a scope and two
//! permissions.

use bench_hello::{Greet, Greeting};
use pikku::{
    App, AuthError, BoxError, Call, Claims, Problem, Selection, Session, access::All, http::post, service::Env,
};
use pikku_auth::jwt::{Key, Tokens};
use schemars::JsonSchema;
use serde::Deserialize;

/// Who calls.
#[derive(Debug, Deserialize)]
pub struct User {
    tenant: String,
    pages: Vec<u64>,
}

/// Verifies tokens.
#[derive(Debug)]
pub struct AppTokens(Tokens);

#[pikku::service(needs = [pikku::Need::Variable("TOKEN_SECRET")])]
fn app_tokens(env: &Env) -> Result<AppTokens, BoxError> {
    let secret = env.get("TOKEN_SECRET").ok_or("TOKEN_SECRET is not set")?;
    Ok(AppTokens(Tokens::of(Key::hmac(secret.as_bytes())?, "https://id.example", "greetings")))
}

/// Whoever bears a token.
#[pikku::authenticator]
pub async fn bearer(tokens: &AppTokens, call: &Call) -> Result<Option<Claims>, AuthError> {
    tokens.0.authenticate(call).await
}

/// Members of the house.
#[pikku::permission]
pub async fn is_member(user: Session<User>) -> bool {
    user.tenant == "acme"
}

/// What is owned: the page that a greeting is for.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Page {
    id: u64,
}

/// Whoever owns the page.
#[pikku::permission]
pub async fn owns_page(user: Session<User>, page: Page) -> bool {
    user.pages.contains(&page.id)
}

/// Greets someone.
#[pikku::function(scopes = ["greetings:write"], permission = All::<(is_member, owns_page)>)]
pub async fn greet(input: Greet) -> Result<Greeting, Problem> {
    Ok(input.greeting())
}

/// The one bundle.
#[derive(Debug, pikku::Group)]
pub struct Guarded;

/// The app.
pub fn app<S: Selection>() -> App<S> {
    App::new().authenticate::<bearer>().group::<Guarded>(|g| g.http::<greet>(post("/greet/{id}")))
}
