//! What pages of browsers call.

use pikku::Problem;
use pikku_middleware::cors::{Origins, Policy};
use schemars::JsonSchema;
use serde::Deserialize;

/// Whose pages may call.
#[derive(Debug)]
pub struct Pages;

impl Policy for Pages {
    const NAME: &'static str = "pages";
    const ORIGINS: Origins = Origins::Only(&["https://shop.example"]);
    const CREDENTIALS: bool = true;
    const HEADERS: &'static [&'static str] = &["content-type", "x-user"];
    const EXPOSED: &'static [&'static str] = &["etag"];
}

/// Which page.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Name {
    name: String,
}

/// A page of much the same.
#[pikku::function(public)]
pub async fn page(which: Name) -> Result<String, Problem> {
    if which.name == "none" {
        return Err(Problem::new(pikku::StatusCode::NOT_FOUND, "no_such_page", "there is no such page"));
    }
    Ok("a".repeat(2_000))
}
