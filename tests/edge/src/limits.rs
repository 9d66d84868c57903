//! The suites of stores of rates and of results, on a D1 database, and policies whose store it is.

use pikku::{BoxError, BoxFuture, Need, Problem, StatusCode, service::Env};
use pikku_middleware::{
    conformance::{RATES, RESULTS, Subject},
    idempotency,
    rate_limit::{self, Key, Quota},
    store::{RateStore, ResultStore},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    convert::Infallible,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

#[cfg(target_family = "wasm")]
use pikku_cloudflare::D1Store as Store;
#[cfg(not(target_family = "wasm"))]
use pikku_middleware::store::MemoryStore as Store;

/// The database.
#[derive(Debug)]
pub struct Limits(Store);

#[pikku::service(needs = [Need::Database("limits")])]
fn limits(env: &Env) -> Result<Limits, BoxError> {
    #[cfg(target_family = "wasm")]
    return Ok(Limits(Store::of(pikku_cloudflare::Database::of(env, "limits")?)));
    #[cfg(not(target_family = "wasm"))]
    Err(format!("there is no D1 here: {env:?}").into())
}

impl Deref for Limits {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.0
    }
}

impl Subject for Limits {
    fn rates(&self) -> BoxFuture<'_, Arc<dyn RateStore>> {
        let store: Arc<dyn RateStore> = Arc::new(self.0.clone());
        Box::pin(std::future::ready(store))
    }

    fn results(&self) -> BoxFuture<'_, Arc<dyn ResultStore>> {
        let store: Arc<dyn ResultStore> = Arc::new(self.0.clone());
        Box::pin(std::future::ready(store))
    }
}

/// A case.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct LimitCase {
    case: String,
}

/// The names of the cases.
#[pikku::function(public)]
pub async fn limit_cases() -> Result<Vec<&'static str>, Infallible> {
    Ok(RATES.iter().chain(RESULTS).map(|case| case.name).collect())
}

/// Runs one case, which panics where the store breaks a promise.
#[pikku::function(public)]
pub async fn limit_holds(limits: &Limits, input: LimitCase) -> Result<(), Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "no_case", "there is no case of that name");
    let case = RATES.iter().chain(RESULTS).find(|case| case.name == input.case).ok_or_else(unknown)?;
    case.run(limits).await;
    Ok(())
}

/// Two calls a day, whoever makes them.
#[derive(Debug)]
pub struct TwoADay;

impl rate_limit::Policy for TwoADay {
    const NAME: &'static str = "two-a-day";
    const QUOTA: Quota = Quota::per_day(2);
    const KEY: Key = Key::Everyone;
    type Store = Limits;
}

/// Payments are made once.
#[derive(Debug)]
pub struct Payments;

impl idempotency::Policy for Payments {
    const NAME: &'static str = "payments";
    const REQUIRED: bool = true;
    type Store = Limits;
}

/// A payment, and how many there were in this isolate.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Paid {
    number: u32,
}

/// Pays.
#[pikku::function(public)]
pub async fn pay() -> Result<Paid, Infallible> {
    static PAID: AtomicU32 = AtomicU32::new(0);
    Ok(Paid { number: PAID.fetch_add(1, Ordering::Relaxed) + 1 })
}

/// Is limited.
#[pikku::function(public)]
pub async fn limited() -> Result<(), Infallible> {
    Ok(())
}
