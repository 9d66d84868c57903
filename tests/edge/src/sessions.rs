//! The suite of stores of sessions, on a KV namespace.

use pikku::{BoxError, BoxFuture, Need, Problem, StatusCode, service::Env};
use pikku_auth::session::{
    SessionStore,
    conformance::{CASES, Subject},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{convert::Infallible, sync::Arc};

/// The namespace.
#[derive(Debug)]
pub struct Kept {
    #[cfg(target_family = "wasm")]
    sessions: pikku_cloudflare::KeyValue,
}

#[pikku::service(needs = [Need::KeyValue("sessions")])]
fn kept(env: &Env) -> Result<Kept, BoxError> {
    #[cfg(target_family = "wasm")]
    return Ok(Kept { sessions: pikku_cloudflare::KeyValue::of(env, "sessions")? });
    #[cfg(not(target_family = "wasm"))]
    Err(format!("there is no KV here: {env:?}").into())
}

impl Subject for Kept {
    fn open(&self) -> BoxFuture<'_, Arc<dyn SessionStore>> {
        #[cfg(target_family = "wasm")]
        let store: Arc<dyn SessionStore> = Arc::new(pikku_cloudflare::KvSessions::of(self.sessions.clone()));
        #[cfg(not(target_family = "wasm"))]
        let store: Arc<dyn SessionStore> = Arc::new(pikku_auth::session::MemorySessions::default());
        Box::pin(std::future::ready(store))
    }
}

/// A case.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CaseName {
    case: String,
}

/// The names of the cases.
#[pikku::function(public)]
pub async fn cases() -> Result<Vec<&'static str>, Infallible> {
    Ok(CASES.iter().map(|case| case.name).collect())
}

/// Runs one case, which panics where the store breaks a promise.
#[pikku::function(public)]
pub async fn holds(kept: &Kept, input: CaseName) -> Result<(), Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "no_case", "there is no case of that name");
    let case = CASES.iter().find(|case| case.name == input.case).ok_or_else(unknown)?;
    case.run(kept).await;
    Ok(())
}
