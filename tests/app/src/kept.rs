//! Secrets: one that is read at the start, and one that is asked for while it runs. Guesses at them are right or wrong.

use pikku::{
    Need, Secret,
    service::{SecretError, Secrets},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is read at the start.
#[derive(Debug, pikku::Config)]
pub struct Settings {
    session_keys: Secret<String>,
}

/// What is asked for.
#[derive(Debug)]
pub struct Pin(Secrets);

#[pikku::service(needs = [Need::ReadSecret("shop/pin")])]
fn pin(secrets: &Secrets) -> Pin {
    Pin(secrets.clone())
}

/// A guess.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Guess {
    session_keys: Secret<String>,
    pin: Secret<String>,
}

/// What is right of a guess.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Right {
    session_keys: bool,
    pin: bool,
}

/// Nobody can tell.
#[derive(Debug, pikku::Error)]
pub enum GuessError {
    /// The pin cannot be read.
    #[pikku(status = 503, retry)]
    Unreadable(SecretError),
}

/// Tells whether a guess is right.
#[pikku::function(public)]
pub async fn guess(settings: &Settings, pin: &Pin, guess: Guess) -> Result<Right, GuessError> {
    let known = pin.0.read("shop/pin").await.map_err(GuessError::Unreadable)?;
    Ok(Right { session_keys: guess.session_keys == settings.session_keys, pin: guess.pin == known })
}
