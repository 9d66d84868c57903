//! How many calls go on at the same time in a process.
//!
//! ```
//! use pikku_middleware::concurrency_limit::{ConcurrencyLimit, Policy};
//!
//! /// Reports take much memory.
//! struct Reports;
//!
//! impl Policy for Reports {
//!     const NAME: &'static str = "reports";
//!     const MOST: u32 = 4;
//!     const WAITING: u32 = 16;
//! }
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .tag("report", |l| l.middleware::<ConcurrencyLimit<Reports>>())
//! # .tag("report", |l| l.middleware::<ConcurrencyLimit<Reports>>())
//! # }
//! ```
//!
//! All calls that a policy stands around share its [`MOST`](Policy::MOST). One more waits for its turn, in the order in which they
//! came, where the policy lets some wait and until its deadline at most. Every other is answered `503` with `Retry-After`; a message
//! of a queue is delivered again. What ends a call ends its share: an answer, a panic, a client that is gone. An answer that is
//! made while it is sent ([`Body::stream`](pikku::Body::stream)) counts until it begins to be sent.
//!
//! It is the process that is protected, so each instance counts for itself. A sandbox of AWS Lambda has one request at a time
//! anyway, other than on Lambda Managed Instances. On Cloudflare Workers a request cannot wake another: there a policy leaves
//! [`WAITING`](Policy::WAITING) at 0.

use crate::{
    refusal,
    text::{self, Name},
};
use pikku::{
    BoxError, BoxFuture, Middleware, Next, Outcome, Problem, Service,
    function::Meta,
    service::{Construct, Container, Handle, Plan, Scope, Singleton},
};
use std::{
    fmt,
    future::{Future, poll_fn, ready},
    marker::PhantomData,
    pin::pin,
    sync::atomic::{AtomicU32, Ordering},
    task::Poll,
    time::Duration,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Lets so many calls go on at the same time. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct ConcurrencyLimit<P>(PhantomData<fn() -> P>);

/// How many calls go on at the same time, and what becomes of others.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` calls it; unique among those of the app.
    const NAME: &'static str;
    /// The most calls that go on.
    const MOST: u32;
    /// The most that wait for one of these to end.
    const WAITING: u32 = 0;
    /// The longest that one waits, in milliseconds.
    const WAIT_MS: u32 = 1000;
    /// When who is refused may come again, in seconds.
    const RETRY_AFTER_S: u32 = 1;
}

/// The calls of a policy that go on in this process. A function may ask for it to show what is going on.
pub struct Permits<P> {
    free: Semaphore,
    waiting: AtomicU32,
    policy: PhantomData<fn() -> P>,
}

impl<P: Policy> Permits<P> {
    const NAMED: &'static Name = &text::name("ConcurrencyLimit", P::NAME);

    fn new() -> Self {
        const { assert!(P::MOST > 0 && P::MOST < 1 << 28, "a policy lets some calls go on, but fewer than 2^28") };
        Self { free: Semaphore::new(P::MOST as usize), waiting: AtomicU32::new(0), policy: PhantomData }
    }

    /// How many calls go on.
    pub fn going_on(&self) -> u32 {
        P::MOST - u32::try_from(self.free.available_permits()).unwrap_or(P::MOST).min(P::MOST)
    }

    /// How many wait.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A share, as soon as there is one; `None` where this call gets none.
    async fn take(&self, scope: &Scope<'_>) -> Option<SemaphorePermit<'_>> {
        if let Ok(permit) = self.free.try_acquire() {
            return Some(permit);
        }
        let _place = Place::take(&self.waiting, P::WAITING)?;
        let wait = Duration::from_millis(u64::from(P::WAIT_MS));
        let wait = scope.call().remaining().map_or(wait, |left| left.min(wait));
        let mut timer = scope.platform().sleep(wait);
        let mut permit = pin!(self.free.acquire());
        poll_fn(|context| match permit.as_mut().poll(context) {
            Poll::Ready(permit) => Poll::Ready(permit.ok()),
            Poll::Pending => timer.as_mut().poll(context).map(|()| None),
        })
        .await
    }
}

impl<P: Policy> fmt::Debug for Permits<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut permits = formatter.debug_struct("Permits");
        permits.field("going_on", &self.going_on()).field("waiting", &self.waiting()).field("most", &P::MOST).finish()
    }
}

/// A place among those that wait, given back when it is dropped.
struct Place<'a>(&'a AtomicU32);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicU32, most: u32) -> Option<Self> {
        let one_more = |waiting| (waiting < most).then_some(waiting + 1);
        waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok().then(|| Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

service!(Permits: Policy = Ok(Permits::new()));

impl<P: Policy> ConcurrencyLimit<P> {
    const NAMED: &'static Name = &text::name("concurrency_limit", P::NAME);
}

impl<P: Policy> Middleware for ConcurrencyLimit<P> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Lets so many calls go on at the same time.", [Permits::<P>::NAME]);

    fn plan(plan: &mut Plan) {
        Permits::<P>::plan(plan);
    }

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let permits = Permits::<P>::get(scope).await?;
            let Some(_share) = permits.take(scope).await else {
                let detail = "too many calls go on already";
                return Err(refusal::unavailable("too_busy", detail, u64::from(P::RETRY_AFTER_S)));
            };
            next.run().await
        })
    }
}
