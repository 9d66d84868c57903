//! What can go wrong in an isolate that many calls share.

use pikku::{BoxError, Call, Problem, service::Env};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

/// Sleeps, and takes a while to be built: a request can be given up before it is.
#[derive(Debug)]
pub struct Sleeper(Env);

#[pikku::service]
async fn sleeper(env: &Env) -> Result<Sleeper, BoxError> {
    env.platform().sleep(Duration::from_millis(300)).await;
    Ok(Sleeper(env.clone()))
}

impl Sleeper {
    /// Sleeps so many milliseconds.
    pub async fn sleep(&self, ms: u64) {
        self.0.platform().sleep(Duration::from_millis(ms)).await;
    }
}

/// How long to wait.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Wait {
    ms: u64,
}

/// Waits.
#[pikku::function(public)]
pub async fn wait(sleeper: &Sleeper, input: Wait) -> Result<u64, Problem> {
    sleeper.sleep(input.ms).await;
    Ok(input.ms)
}

/// Panics at once.
#[pikku::function(public)]
pub async fn panic_now() -> Result<(), Problem> {
    panic!("a private reason")
}

/// Panics when it has waited.
#[pikku::function(public)]
pub async fn panic_late(sleeper: &Sleeper) -> Result<(), Problem> {
    sleeper.sleep(50).await;
    panic!("a private reason")
}

/// Calls itself until there is no stack left.
#[pikku::function(public)]
pub async fn overflow(sleeper: &Sleeper) -> Result<u64, Problem> {
    sleeper.sleep(50).await;
    Ok(deeper(1))
}

fn deeper(depth: u64) -> u64 {
    if std::hint::black_box(depth) == 0 { 0 } else { 1 + std::hint::black_box(deeper(depth + 1)) }
}

/// Says how many octets it was sent.
#[pikku::function(public)]
pub async fn read_all(call: &Call) -> Result<usize, Problem> {
    Ok(call.http().map(|request| request.body.len()).unwrap_or_default())
}
