//! Tokens whose keys are fetched by the Worker.

use pikku::{BoxError, Need, Problem, StatusCode, service::Env};
use pikku_auth::jwt::{KeySet, Tokens};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The tokens of an issuer whose keys are at the URL in `KEYS_URL`.
#[derive(Debug)]
pub struct Issuer(Tokens);

#[pikku::service(needs = [Need::OptionalVariable("KEYS_URL")])]
fn issuer(env: &Env) -> Result<Issuer, BoxError> {
    let url = env.get("KEYS_URL").unwrap_or_else(|| "https://id.example/keys".to_owned());
    #[cfg(target_family = "wasm")]
    return Ok(Issuer(Tokens::of_set(KeySet::new(url, pikku_cloudflare::WorkerFetch), "https://id.example", "edge")));
    #[cfg(not(target_family = "wasm"))]
    Ok(Issuer(Tokens::of_set(KeySet::new(url, Nowhere), "https://id.example", "edge")))
}

#[cfg(not(target_family = "wasm"))]
struct Nowhere;

#[cfg(not(target_family = "wasm"))]
impl pikku_auth::jwt::Fetch for Nowhere {
    fn fetch<'a>(&'a self, url: &'a str) -> pikku::BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        Box::pin(std::future::ready(Err(format!("nothing fetches {url} here").into())))
    }
}

/// A token, and when it is looked at: keys are kept for a while, which no test waits for.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Borne {
    token: String,
    at_ms: u64,
}

/// Whose the token is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Subject {
    subject: Option<String>,
}

/// Says whose a token is.
#[pikku::function(public)]
pub async fn whose(issuer: &Issuer, borne: Borne) -> Result<Subject, Problem> {
    let claims = issuer.0.verify(&borne.token, borne.at_ms).await.map_err(|error| error.into_problem("Bearer"))?;
    Ok(Subject { subject: claims.subject().map(str::to_owned) })
}

/// What is to be fetched.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Wanted {
    url: String,
}

/// Fetches a document and says how long it is.
#[pikku::function(public)]
pub async fn fetched(wanted: Wanted) -> Result<usize, Problem> {
    #[cfg(target_family = "wasm")]
    let document = pikku_auth::jwt::Fetch::fetch(&pikku_cloudflare::WorkerFetch, &wanted.url).await;
    #[cfg(not(target_family = "wasm"))]
    let document = pikku_auth::jwt::Fetch::fetch(&Nowhere, &wanted.url).await;
    let refused = |why: BoxError| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_fetched", why.to_string());
    document.map(|document| document.len()).map_err(refused)
}
