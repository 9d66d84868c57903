//! What the app is told by its surroundings: settings and secrets, read and checked before the first call.

use pikku::{Problem, Secret};
use schemars::JsonSchema;
use serde::Serialize;

/// What the app is told.
#[derive(Debug, pikku::Config)]
pub struct Settings {
    /// Is not set anywhere.
    #[pikku(default = 20)]
    page_size: u32,
    /// Is set everywhere.
    greeting: String,
    /// What signs bearer tokens: HS256, of the issuer `https://id.example` for `scenarios`.
    pub(crate) token_key: Secret<String>,
    /// What signs the callers of messages.
    pub(crate) caller_keys: Secret<String>,
    /// What seals the cookies of sessions.
    pub(crate) session_keys: Secret<String>,
}

/// The settings as they may be seen.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Shown {
    page_size: u32,
    greeting: String,
    /// All of them, printed for somebody who looks for mistakes.
    printed: String,
}

/// Shows the settings.
#[pikku::function(public)]
pub async fn show_settings(settings: &Settings) -> Result<Shown, Problem> {
    let Settings { page_size, greeting, .. } = settings;
    Ok(Shown { page_size: *page_size, greeting: greeting.clone(), printed: format!("{settings:?}") })
}
