//! The app of the test that who has no policies pays for none.
//!
//! | group | what stands around its function |
//! |---|---|
//! | `bare` | nothing |
//! | `guarded`, a feature | a token, scopes, permissions and middleware, attached to the group, a tag, a pattern of routes and the function |

#[cfg(feature = "guarded")]
pub mod guarded;

use pikku::{App, Problem, Selection, http::post};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What nothing stands around.
#[derive(Debug, pikku::Group)]
pub struct Bare;

/// What is added up.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Terms {
    #[schemars(length(min = 1, max = 100))]
    terms: Vec<u32>,
}

/// What it comes to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Sum {
    sum: u64,
}

/// Adds up.
#[pikku::function(public)]
pub async fn add(input: Terms) -> Result<Sum, Problem> {
    Ok(Sum { sum: input.terms.into_iter().map(u64::from).sum() })
}

/// The app.
pub fn app<S: Selection>() -> App<S> {
    let app = App::new().group::<Bare>(|g| g.http::<add>(post("/sums")));
    #[cfg(feature = "guarded")]
    let app = guarded::attach(app);
    app
}
