//! Every way a call can fail, with private detail in each that has some.

use crate::PRIVATE_VARIABLE;
use pikku::{BoxError, Need, Problem, StatusCode, service::Env};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{fmt, future::pending};

/// What no answer may show: the text of the variable.
#[derive(Debug, Clone)]
pub struct Secret(String);

#[pikku::service(needs = [Need::Variable("PRIVATE_NOTE")])]
fn secret(env: &Env) -> Result<Secret, BoxError> {
    let text = env.get(PRIVATE_VARIABLE).ok_or_else(|| format!("{PRIVATE_VARIABLE} is not set"))?;
    Ok(Secret(text))
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Secret {}

/// How to fail.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct How {
    how: Way,
    /// A text that the error gives back.
    #[serde(default)]
    name: String,
}

/// A way to fail.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// An error without a text.
    Missing,
    /// An error with a code of its own and a text that names something.
    Taken,
    /// An error that a retry mends, below 500.
    Busy,
    /// An error with a cause that is private.
    Unavailable,
    /// An error inside another.
    Inner,
    /// A problem made by hand.
    Problem,
    /// An input over a limit of the function's own.
    TooLarge,
    /// A fault with private detail.
    Internal,
    /// A panic with private detail.
    Panic,
}

/// How the function fails.
#[derive(Debug, pikku::Error)]
pub enum Failure {
    /// There is no such thing.
    #[pikku(status = 404)]
    Missing,
    /// The name is taken.
    #[pikku(status = 409, code = "name_taken", detail = "the name {name} is taken")]
    Taken {
        /// The name.
        name: String,
    },
    /// Too many at once.
    #[pikku(status = 429, retry = false)]
    Busy,
    /// Something it stands on does not work.
    #[pikku(status = 503, detail = "this is not available now")]
    Unavailable(Secret),
    /// An error of a part.
    #[pikku(transparent)]
    Inner(Part),
    /// Made by hand.
    #[pikku(transparent)]
    Other(Problem),
}

/// An error of a part.
#[derive(Debug, pikku::Error)]
pub enum Part {
    /// It is gone.
    #[pikku(status = 410, retry)]
    Gone,
}

fn failure(secret: &Secret, how: How) -> Failure {
    match how.how {
        Way::Missing => Failure::Missing,
        Way::Taken => Failure::Taken { name: how.name },
        Way::Busy => Failure::Busy,
        Way::Unavailable => Failure::Unavailable(secret.clone()),
        Way::Inner => Failure::Inner(Part::Gone),
        Way::Problem => Failure::Other(
            Problem::new(StatusCode::new(451), "not_here", "this may not be shown here")
                .with_private(secret.to_string()),
        ),
        Way::TooLarge => Failure::Other(Problem::too_large("a list has at most ten lines")),
        Way::Internal => Failure::Other(Problem::internal(secret.to_string())),
        Way::Panic => panic!("asked to panic: {secret}"),
    }
}

/// Fails as the body asks.
#[pikku::function(public)]
pub async fn fail(secret: &Secret, how: How) -> Result<(), Failure> {
    Err(failure(secret, how))
}

/// Fails as the query asks.
#[pikku::function(public)]
pub async fn fail_in_the_query(secret: &Secret, how: How) -> Result<(), Failure> {
    Err(failure(secret, how))
}

/// Never ends.
#[pikku::function(public)]
pub async fn never() -> Result<(), Problem> {
    pending().await
}
