//! A Pikku app in an axum router, beside handlers that know nothing of it.

use axum::{Router, response::Html, routing::get};
use pikku::{App, Problem, Selection, http::post};
use pikku_server::AppService;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who is to be greeted.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Greet {
    #[schemars(length(min = 1, max = 80))]
    name: String,
}

/// What is said.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Greeting {
    text: String,
}

/// Greets someone by name.
#[pikku::function(public)]
pub async fn greet(input: Greet) -> Result<Greeting, Problem> {
    Ok(Greeting { text: format!("hello, {}", input.name) })
}

/// The one group.
#[derive(Debug, pikku::Group)]
pub struct Hello;

/// The app. Where it is mounted is not its matter.
pub fn app<S: Selection>() -> App<S> {
    App::new().group::<Hello>(|g| g.http::<greet>(post("/greet")))
}

/// One router: a page and a version by axum, everything below `/api` by the app.
pub fn router(api: AppService) -> Router {
    Router::new()
        .route("/", get(|| async { Html("<h1>Hello</h1>") }))
        .route("/version", get(|| async { env!("CARGO_PKG_VERSION") }))
        .nest_service("/api", api)
}
