//! How often something is called.
//!
//! ```
//! use pikku_middleware::{
//!     rate_limit::{Key, Policy, Quota, RateLimit},
//!     store::MemoryStore,
//! };
//!
//! /// Sixty calls a minute for each customer, ten of them at once.
//! struct PerCustomer;
//!
//! impl Policy for PerCustomer {
//!     const NAME: &'static str = "customer";
//!     const QUOTA: Quota = Quota::per_minute(60).burst(10);
//!     type Store = MemoryStore;
//! }
//!
//! /// Nobody tries more passwords than that.
//! struct LogIns;
//!
//! impl Policy for LogIns {
//!     const NAME: &'static str = "log-ins";
//!     const QUOTA: Quota = Quota::per_hour(30).burst(5);
//!     const KEY: Key = Key::Address;
//!     type Store = MemoryStore;
//! }
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .middleware::<RateLimit<PerCustomer>>().routes("/log-in", |l| l.middleware::<RateLimit<LogIns>>())
//! # .middleware::<RateLimit<PerCustomer>>().routes("/log-in", |l| l.middleware::<RateLimit<LogIns>>())
//! # }
//! ```
//!
//! Who has a full quota may make [`burst`](Quota::burst) calls at once; it comes back evenly, a call at a time (the generic cell rate
//! algorithm, in whole microseconds). All that a policy stands around share its quotas, in all instances that share its store.
//!
//! | over HTTP | |
//! |---|---|
//! | every answer has | `RateLimit-Policy: "customer";q=60;w=60` and `RateLimit: "customer";r=9;t=1`: what is left, and the seconds until all is back (draft-ietf-httpapi-ratelimit-headers-10) |
//! | one call too many is answered | `429`, `rate_limited`, with `Retry-After` |
//!
//! A message of a queue that is one too many fails as one that may be tried again: it is delivered later, and after as many tries as
//! its queue has it is a dead letter. A queue whose messages are limited says `retries` and `retry_delay_s` to match.
//!
//! Where the store cannot be asked the call is answered `503`, unless the policy is [`OPEN`](Policy::OPEN).
//!
//! A limit by [`Key::Address`] or [`Key::Everyone`] does not look at the session, and stands around what establishes one: wrong
//! credentials count. Attached to the app it counts requests that no route takes as well.

mod key;
mod quota;

use crate::{
    refusal,
    store::{RateStore, StoreKey},
    text::{self, Name, Text},
};
pub use key::Key;
use pikku::{
    BoxFuture, Call, Middleware, Next, Outcome, Problem, Service, SessionMode, StatusCode,
    function::Meta,
    http::StaticHeader,
    platform::Level,
    service::{Plan, Scope},
};
pub use quota::Quota;
use std::marker::PhantomData;

/// Lets callers call so often. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct RateLimit<P>(PhantomData<fn() -> P>);

/// How often who may call.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` and the headers call it; unique among those of the app.
    const NAME: &'static str;
    /// How often.
    const QUOTA: Quota;
    /// Whose calls are counted together.
    const KEY: Key = Key::Caller;
    /// Whether the calls of each function are counted by themselves.
    const PER_FUNCTION: bool = false;
    /// Whether calls go on that cannot be counted, while the store is away.
    const OPEN: bool = false;
    /// What keeps how much was taken.
    type Store: Service + RateStore;
}

impl<P: Policy> RateLimit<P> {
    const NAMED: &'static Name = &text::name("rate_limit", P::NAME);
    const POLICY: &'static Text<160> = &{
        let text = quoted(P::NAME).with(";q=").with_number(P::QUOTA.calls());
        text.with(";w=").with_number(P::QUOTA.period_s())
    };
    const HEADER: StaticHeader = StaticHeader::new("ratelimit-policy", Self::POLICY.as_str());

    async fn limited(scope: &Scope<'_>, next: Next<'_>) -> Outcome {
        let call = scope.call();
        let Some(caller) = P::KEY.of(call) else { return next.run().await };
        let function = if P::PER_FUNCTION { call.function() } else { "" };
        let parts =
            [b"pikku rate 1", P::NAME.as_bytes(), function.as_bytes(), caller.kind().as_bytes(), caller.octets()];
        let store = P::Store::get(scope).await?;
        let taken = match store.take(&StoreKey::of(&parts), P::QUOTA.take(), call.now_ms()).await {
            Ok(taken) => taken,
            Err(error) if P::OPEN => {
                call.log(Level::Error, "a call could not be counted", Some(&error.to_string()));
                return next.run().await;
            }
            Err(error) => {
                let problem = refusal::unavailable("store_unavailable", "this cannot be done right now", 1);
                return Err(problem.with_private(format!("the store of rates cannot be asked: {error}")));
            }
        };
        Self::tell(call, taken.ahead_us);
        if taken.is_taken {
            return next.run().await;
        }
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "there were too many calls lately");
        Err(refusal::retry_after(problem, P::QUOTA.wait_s(taken.ahead_us)))
    }

    fn tell(call: &Call, ahead_us: i64) {
        if call.http().is_some() {
            let (left, whole_s) = (P::QUOTA.left(ahead_us), quota::seconds(ahead_us));
            call.add_static_headers([Self::HEADER]);
            // The name was looked at when this was compiled.
            let _ = call.add_response_header("ratelimit", &format!("\"{}\";r={left};t={whole_s}", P::NAME));
        }
    }
}

/// A name as a string of HTTP (RFC 9651, section 3.3.3).
const fn quoted(name: &str) -> Text<160> {
    let (mut at, octets) = (0, name.as_bytes());
    while at < octets.len() {
        let is_taken = octets[at] >= b' ' && octets[at] < 0x7f && octets[at] != b'"' && octets[at] != b'\\';
        assert!(is_taken, "the name of a rate limit is ASCII, without quotes and backslashes");
        at += 1;
    }
    Text::new().with("\"").with(name).with("\"")
}

impl<P: Policy> Middleware for RateLimit<P> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Lets callers call so often.", [P::Store::NAME]);
    const SESSION: SessionMode = if P::KEY.looks_at_session() { SessionMode::Optional } else { SessionMode::None };
    const UNROUTED: bool = !P::KEY.looks_at_session();

    fn plan(plan: &mut Plan) {
        P::Store::plan(plan);
    }

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(Self::limited(scope, next))
    }
}
