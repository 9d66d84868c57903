//! The suite of stores of sessions, on a KV namespace and on a D1 database.

use pikku::{BoxError, BoxFuture, Need, Problem, StatusCode, service::Env};
use pikku_auth::session::{
    SessionStore,
    conformance::{CASES, Subject},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{convert::Infallible, sync::Arc};

/// The namespace and the database.
#[derive(Debug)]
pub struct Kept {
    #[cfg(target_family = "wasm")]
    key_value: pikku_cloudflare::KeyValue,
    #[cfg(target_family = "wasm")]
    database: pikku_cloudflare::Database,
}

#[pikku::service(needs = [Need::KeyValue("sessions"), Need::Database("logins")])]
fn kept(env: &Env) -> Result<Kept, BoxError> {
    #[cfg(target_family = "wasm")]
    return Ok(Kept {
        key_value: pikku_cloudflare::KeyValue::of(env, "sessions")?,
        database: pikku_cloudflare::Database::of(env, "logins")?,
    });
    #[cfg(not(target_family = "wasm"))]
    Err(format!("there is neither KV nor D1 here: {env:?}").into())
}

/// What keeps sessions.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keeper {
    /// The namespace.
    Kv,
    /// The database.
    D1,
}

/// A store that a case runs against.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
struct Chosen<'a>(&'a Kept, Keeper);

impl Subject for Chosen<'_> {
    fn open(&self) -> BoxFuture<'_, Arc<dyn SessionStore>> {
        #[cfg(target_family = "wasm")]
        let store: Arc<dyn SessionStore> = match self.1 {
            Keeper::Kv => Arc::new(pikku_cloudflare::KvSessions::of(self.0.key_value.clone())),
            Keeper::D1 => Arc::new(pikku_cloudflare::D1Sessions::of(self.0.database.clone())),
        };
        #[cfg(not(target_family = "wasm"))]
        let store: Arc<dyn SessionStore> = Arc::new(pikku_auth::session::MemorySessions::default());
        Box::pin(std::future::ready(store))
    }
}

/// A case, and the store that it runs against.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CaseName {
    store: Keeper,
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
    case.run(&Chosen(kept, input.store)).await;
    Ok(())
}
