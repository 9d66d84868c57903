//! The page that shows the app, at `/_pikku/`, made of its manifest.

use pikku::{
    App, Problem, Response, Selection,
    http::{HeaderName, HeaderValue, StatusCode, get},
};
use std::sync::OnceLock;

/// Where the page is.
const PATH: &str = "/_pikku/";

const PAGE: &str = include_str!("page.html");

/// The page needs nothing but itself and what this server gives.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the page shows.
static MANIFEST: OnceLock<Vec<u8>> = OnceLock::new();

/// The page's own group.
#[derive(Debug, pikku::Group)]
struct PikkuDevPage;

/// The page.
#[pikku::function(public)]
async fn pikku_dev_page() -> Result<Response, Problem> {
    let policy = (HeaderName::from_static("content-security-policy"), HeaderValue::from_static(POLICY));
    Ok(Response::new(StatusCode::OK).with_body("text/html; charset=utf-8", PAGE).with_header(policy.0, policy.1))
}

/// The manifest.
#[pikku::function(public)]
async fn pikku_dev_manifest() -> Result<Response, Problem> {
    let manifest = MANIFEST.get().cloned().unwrap_or_default();
    Ok(Response::new(StatusCode::OK).with_body("application/json", manifest))
}

/// The app with the page beside its own routes, unless it has one of its own there.
pub(super) fn beside<S: Selection>(app: App<S>, manifest: &serde_json::Value) -> App<S> {
    let text = serde_json::to_vec(manifest).unwrap_or_default();
    if String::from_utf8_lossy(&text).contains(&format!("\"path\":\"{PATH}")) {
        return app;
    }
    let _ = MANIFEST.set(text);
    app.group::<PikkuDevPage>(|g| {
        g.http::<pikku_dev_page>(get("/_pikku/")).http::<pikku_dev_manifest>(get("/_pikku/manifest.json"))
    })
}
