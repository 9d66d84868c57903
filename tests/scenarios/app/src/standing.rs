//! What keeps an app standing: limits of calls that go on, of calls that fail, and of time.

use crate::journal::Journal;
use pikku::{Next, Outcome, Problem, StatusCode, service::Env};
use pikku_middleware::{circuit_breaker, concurrency_limit, load_shed, retry};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    future::{pending, poll_fn},
    mem::replace,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
    time::Duration,
};

/// One call at a time.
#[derive(Debug)]
pub struct OneAtATime;

impl concurrency_limit::Policy for OneAtATime {
    const NAME: &'static str = "one-at-a-time";
    const MOST: u32 = 1;
}

/// One call at a time, however quick it is.
#[derive(Debug)]
pub struct Narrow;

impl load_shed::Policy for Narrow {
    const NAME: &'static str = "narrow";
    const TARGET_MS: u32 = 60_000;
    const LEAST: u32 = 1;
    const FIRST: u32 = 1;
    const MOST: u32 = 1;
}

/// Opens after two failures.
#[derive(Debug)]
pub struct AfterTwo;

impl circuit_breaker::Policy for AfterTwo {
    const NAME: &'static str = "after-two";
    const WINDOW_S: u32 = 60;
    const LEAST_CALLS: u32 = 2;
}

/// Tries again at once.
#[derive(Debug)]
pub struct AtOnce;

impl retry::Policy for AtOnce {
    const NAME: &'static str = "at-once";
    const FIRST_MS: u32 = 0;
}

/// How an attempt ends.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Well.
    Works,
    /// In an error.
    Fails,
    /// Never.
    Hangs,
    /// When another call has been refused.
    Waits,
}

/// Whether a call has been refused because others go on.
#[derive(Debug)]
pub struct Full(AtomicBool);

#[pikku::service]
fn full() -> Full {
    Full(AtomicBool::new(false))
}

/// Sees whether a call is refused because others go on.
#[pikku::middleware]
pub async fn watch(full: &Full, next: Next<'_>) -> Outcome {
    let outcome = next.run().await;
    if outcome.as_ref().is_err_and(|problem| matches!(problem.code(), "too_busy" | "overloaded")) {
        full.0.store(true, Ordering::Relaxed);
    }
    outcome
}

/// What is attempted.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Attempt {
    how: How,
}

/// Ends as it is told.
#[pikku::function(public)]
pub async fn attempt(env: &Env, full: &Full, attempt: Attempt) -> Result<(), Problem> {
    match attempt.how {
        How::Works => Ok(()),
        How::Fails => Err(away()),
        How::Hangs => pending().await,
        How::Waits => {
            // On Workers a request cannot wake another, so it looks again; in process the clock stands still.
            while !full.0.load(Ordering::Relaxed) {
                env.platform().sleep(Duration::ZERO).await;
                others().await;
            }
            Ok(())
        }
    }
}

/// Lets others go on.
async fn others() {
    let mut has_waited = false;
    poll_fn(|context| {
        if replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn away() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "away", "what it needs is away")
}

/// Fails when it is tried for the first time.
#[pikku::function(tags = ["retried"])]
pub async fn retried(journal: &Journal) -> Result<(), Problem> {
    journal.write("tried");
    if journal.lines().len() == 1 { Err(away()) } else { Ok(()) }
}

/// A service of one call, which says in the journal when it is released.
#[derive(Debug)]
pub struct Held(Journal);

#[pikku::service(per_call)]
fn held(journal: &Journal) -> Held {
    journal.write("held");
    Held(journal.clone())
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.write("released");
    }
}

/// Takes longer than it may.
#[pikku::function(public, timeout_ms = 100)]
pub async fn late(_held: &Held) -> Result<(), Problem> {
    pending().await
}

/// Takes longer than its route allows.
#[pikku::function(public)]
pub async fn late_on_its_route(_held: &Held) -> Result<(), Problem> {
    pending().await
}

/// Says nothing in its time.
#[pikku::permission(timeout_ms = 100)]
pub async fn undecided() -> bool {
    pending().await
}

/// Is not called.
#[pikku::function(permission = undecided)]
pub async fn behind_a_late_permission(journal: &Journal) -> Result<(), Problem> {
    journal.write("called");
    Ok(())
}
