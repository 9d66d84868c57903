//! Tries what failed again, within the call.
//!
//! ```
//! use pikku_middleware::retry::{Policy, Retry};
//!
//! /// The warehouse is sometimes busy.
//! struct Warehouse;
//!
//! impl Policy for Warehouse {
//!     const NAME: &'static str = "warehouse";
//!     const ATTEMPTS: u32 = 4;
//! }
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .tag("warehouse", |l| l.middleware::<Retry<Warehouse>>())
//! # .tag("warehouse", |l| l.middleware::<Retry<Warehouse>>())
//! # }
//! ```
//!
//! Only what may be done twice is tried again:
//!
//! | call | is tried again |
//! |---|---|
//! | over HTTP, of a method that is idempotent (RFC 9110, section 9.2.2): `GET`, `HEAD`, `OPTIONS`, `TRACE`, `PUT`, `DELETE` | yes |
//! | of another method, of a WebSocket, or direct | where the policy says that all of its functions are [`IDEMPOTENT`](Policy::IDEMPOTENT) |
//! | of a message, an event or a schedule, which come twice at times anyway | yes |
//!
//! and only a problem that a retry may mend: one whose [error](pikku::Error) says `retry`, a `5xx`, `408`, `425` or `429`. It waits a
//! time by chance between, from nothing up to [`FIRST_MS`](Policy::FIRST_MS) doubled with each attempt, at most
//! [`MOST_MS`](Policy::MOST_MS) ("full jitter"), so that callers that failed together do not come again together; and not less than
//! the problem's `Retry-After`. Where that is more than `MOST_MS`, or the call's deadline comes before it, the problem is the answer.
//!
//! Each attempt goes through everything further in once more, with per-call services of its own ([`Attempts`](pikku::Attempts)); a
//! [circuit breaker](crate::circuit_breaker) or a [limit](crate::concurrency_limit) further in counts each. An answer that is made
//! while it is sent has begun, and is not tried again.

use crate::text::{self, Name};
use pikku::{
    BoxFuture, Call, Middleware, Next, Outcome, Problem,
    function::Meta,
    http::Method,
    platform::Level,
    service::{Plan, Scope},
};
use std::{marker::PhantomData, time::Duration};

/// Tries what failed again. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct Retry<P>(PhantomData<fn() -> P>);

/// What is tried again, and how often.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` calls it; unique among those of the app.
    const NAME: &'static str;
    /// How often a call is tried at most, the first time among them.
    const ATTEMPTS: u32 = 3;
    /// The longest that is waited before the second attempt, in milliseconds.
    const FIRST_MS: u32 = 50;
    /// The longest that is waited before any, in milliseconds.
    const MOST_MS: u32 = 2000;
    /// Whether each function that it stands around may be called twice, whatever the method.
    const IDEMPOTENT: bool = false;

    /// Whether a retry may mend a problem.
    fn is_retried(problem: &Problem) -> bool {
        problem.retry()
    }
}

/// Whether a call comes twice anyway, or may.
fn may_come_twice(call: &Call) -> bool {
    match call.http() {
        Some(request) => {
            let is_idempotent =
                [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE];
            is_idempotent.contains(&request.method)
        }
        None => {
            let is_message = call.queue().is_some() || call.topic().is_some() || call.event().is_some();
            let is_record = call.object().is_some() || call.table().is_some() || call.stream().is_some();
            is_message || is_record || call.schedule().is_some()
        }
    }
}

/// The longest that is waited before an attempt, the second being 1.
fn longest_ms(first_ms: u32, most_ms: u32, attempt: u32) -> u64 {
    u64::from(first_ms).saturating_mul(1 << attempt.saturating_sub(1).min(32)).min(u64::from(most_ms))
}

/// A number from nothing up to this, by chance. Where there is no randomness it is this.
fn up_to(most: u64) -> u64 {
    let mut octets = [0; 8];
    match getrandom::getrandom(&mut octets) {
        // As good as even: what is waited is less than 2^32.
        Ok(()) => u64::from_le_bytes(octets) % (most + 1),
        Err(_) => most,
    }
}

impl<P: Policy> Retry<P> {
    const NAMED: &'static Name = &text::name("retry", P::NAME);

    async fn tried(scope: &Scope<'_>, next: Next<'_>) -> Outcome {
        let call = scope.call();
        let mut attempts = next.attempts();
        let mut attempt = 1;
        loop {
            let problem = match attempts.run().await {
                Err(problem) if attempt < P::ATTEMPTS && P::is_retried(&problem) => problem,
                outcome => return outcome,
            };
            let wait = Duration::from_millis(up_to(longest_ms(P::FIRST_MS, P::MOST_MS, attempt)));
            let wait = wait.max(problem.retry_after().unwrap_or_default());
            let is_in_time = call.remaining().is_none_or(|left| wait < left);
            if wait > Duration::from_millis(P::MOST_MS.into()) || !is_in_time || call.is_cancelled() {
                return Err(problem);
            }
            // What would be lost with it.
            let detail = problem.private().map(|private| format!("{}: {private}", problem.code()));
            call.log(Level::Warn, "a call failed and is tried again", detail.as_deref().or(Some(problem.code())));
            scope.platform().sleep(wait).await;
            attempt += 1;
        }
    }
}

impl<P: Policy> Middleware for Retry<P> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Tries what failed again.");

    fn plan(_: &mut Plan) {}

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        if P::IDEMPOTENT || may_come_twice(scope.call()) { Box::pin(Self::tried(scope, next)) } else { next.run() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<u64> = (1..=8).map(|attempt| longest_ms(50, 2000, attempt)).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(longest_ms(u32::MAX, u32::MAX, u32::MAX), u64::from(u32::MAX));
        let drawn: Vec<u64> = (0..1000).map(|_| up_to(3)).collect();
        assert!((0..=3).all(|number| drawn.contains(&number)) && drawn.iter().all(|number| *number <= 3));
        assert_eq!(up_to(0), 0);
    }
}
