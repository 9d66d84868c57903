//! Fewer calls when they take too long.
//!
//! ```
//! use pikku_middleware::load_shed::{LoadShed, Policy};
//!
//! /// Whatever the shop does is done in half a second, or it has too much to do.
//! struct Shop;
//!
//! impl Policy for Shop {
//!     const NAME: &'static str = "shop";
//!     const TARGET_MS: u32 = 500;
//! }
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .middleware::<LoadShed<Shop>>()
//! # .middleware::<LoadShed<Shop>>()
//! # }
//! ```
//!
//! How many calls a process can do at the same time is seldom known beforehand: it is what its database can do, and that changes.
//! So it is found out, by additive increase and multiplicative decrease, as TCP finds out what a network takes: while calls end
//! within [`TARGET_MS`](Policy::TARGET_MS) and the limit is made use of, it grows by one for each limit's worth of them; one that
//! takes longer, or ends late (`504`), takes a tenth of it, at most once in that time. A call above the limit is answered `503` with
//! `Retry-After` at once, before anything is done for it; a message of a queue is delivered again. It is for functions that take
//! about the same time: a policy for each kind of them.
//!
//! Each process counts for itself. A fixed limit, with calls that wait, is [`concurrency_limit`](crate::concurrency_limit).

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
    future::{Future, ready},
    marker::PhantomData,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Refuses calls when those that go on take too long. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct LoadShed<P>(PhantomData<fn() -> P>);

/// How long calls may take, and how many go on at the least and at the most.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` calls it; unique among those of the app.
    const NAME: &'static str;
    /// How long a call takes at most where there is not too much to do, in milliseconds.
    const TARGET_MS: u32;
    /// The fewest calls that go on whatever they take.
    const LEAST: u32 = 4;
    /// How many go on before it is known what they take.
    const FIRST: u32 = 64;
    /// The most that go on however fast they are.
    const MOST: u32 = 4096;
    /// When who is refused may come again, in seconds.
    const RETRY_AFTER_S: u32 = 1;
}

/// The calls of a policy that go on in this process, and how many may. A function may ask for it to show that.
pub struct Load<P> {
    state: Mutex<State>,
    policy: PhantomData<fn() -> P>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    limit: u32,
    going_on: u32,
    /// How many of a limit's worth have ended in time since it changed.
    in_time: u32,
    /// Until when a late call takes nothing.
    cut_until_ms: u64,
}

/// What a policy says, for the arithmetic.
#[derive(Clone, Copy)]
struct Bounds {
    least: u32,
    most: u32,
    target_ms: u64,
}

impl State {
    fn begin(&mut self) -> bool {
        let has_room = self.going_on < self.limit;
        self.going_on += u32::from(has_room);
        has_room
    }

    /// A call has ended that took so long; `None` where that says nothing, as of one that was dropped.
    fn end(&mut self, bounds: Bounds, took_ms: Option<u64>, now_ms: u64) {
        // A limit that is far from reached is not known to be too low.
        let is_used = self.going_on.saturating_mul(2) > self.limit;
        self.going_on = self.going_on.saturating_sub(1);
        match took_ms {
            None => {}
            Some(took_ms) if took_ms <= bounds.target_ms => {
                self.in_time += u32::from(is_used);
                if self.in_time >= self.limit {
                    self.in_time = 0;
                    self.limit = self.limit.saturating_add(1).min(bounds.most);
                }
            }
            Some(_) => {
                self.in_time = 0;
                if now_ms >= self.cut_until_ms {
                    self.limit = (self.limit - self.limit.div_ceil(10)).max(bounds.least);
                    self.cut_until_ms = now_ms.saturating_add(bounds.target_ms);
                }
            }
        }
    }
}

impl<P: Policy> Load<P> {
    const NAMED: &'static Name = &text::name("LoadShed", P::NAME);
    const BOUNDS: Bounds = {
        let is_ordered = 0 < P::LEAST && P::LEAST <= P::FIRST && P::FIRST <= P::MOST;
        assert!(is_ordered, "a policy has LEAST of 1 or more, FIRST not below it, and MOST not below that");
        Bounds { least: P::LEAST, most: P::MOST, target_ms: P::TARGET_MS as u64 }
    };

    fn new() -> Self {
        let Bounds { least, most, .. } = Self::BOUNDS;
        let limit = P::FIRST.clamp(least, most);
        Self { state: Mutex::new(State { limit, going_on: 0, in_time: 0, cut_until_ms: 0 }), policy: PhantomData }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls go on.
    pub fn going_on(&self) -> u32 {
        self.state().going_on
    }

    /// How many may go on now.
    pub fn limit(&self) -> u32 {
        self.state().limit
    }
}

impl<P: Policy> fmt::Debug for Load<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Load").field(&*self.state()).finish()
    }
}

/// A call that goes on, which ends when this is dropped.
struct Going<'a, P: Policy> {
    load: &'a Load<P>,
    scope: &'a Scope<'a>,
    began_ms: u64,
    /// Whether how long it took says something.
    counts: bool,
}

impl<P: Policy> Drop for Going<'_, P> {
    fn drop(&mut self) {
        let now_ms = self.scope.platform().now_ms();
        let took_ms = self.counts.then(|| now_ms.saturating_sub(self.began_ms));
        self.load.state().end(Load::<P>::BOUNDS, took_ms, now_ms);
    }
}

service!(Load: Policy = Ok(Load::new()));

impl<P: Policy> LoadShed<P> {
    const NAMED: &'static Name = &text::name("load_shed", P::NAME);
}

impl<P: Policy> Middleware for LoadShed<P> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Refuses calls when those that go on take too long.", [Load::<P>::NAME]);

    fn plan(plan: &mut Plan) {
        Load::<P>::plan(plan);
    }

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let load = Load::<P>::get(scope).await?;
            if !load.state().begin() {
                let detail = "there is too much to do already";
                return Err(refusal::unavailable("overloaded", detail, u64::from(P::RETRY_AFTER_S)));
            }
            let began_ms = scope.platform().now_ms();
            let mut going = Going { load: &*load, scope, began_ms, counts: false };
            let outcome = next.run().await;
            // What is refused at once says nothing of how long work takes.
            going.counts = match &outcome {
                Ok(_) => true,
                Err(problem) => problem.status().as_u16() == 504,
            };
            if outcome.is_err() && going.counts {
                // It is late, however long that was.
                going.began_ms = 0;
            }
            outcome
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { least: 2, most: 12, target_ms: 100 };

    /// So many calls at the same time, each of which takes so long. How many were let in.
    fn wave(state: &mut State, calls: u32, took_ms: u64, now_ms: u64) -> u32 {
        let let_in = (0..calls).filter(|_| state.begin()).count() as u32;
        (0..let_in).for_each(|_| state.end(BOUNDS, Some(took_ms), now_ms));
        let_in
    }

    #[test]
    fn the_limit_follows_what_calls_take() {
        let mut state = State { limit: 10, going_on: 0, in_time: 0, cut_until_ms: 0 };
        assert_eq!(wave(&mut state, 50, 100, 0), 10);
        // Half of them ended while the limit was in use.
        assert_eq!((state.limit, state.in_time), (10, 5));
        wave(&mut state, 50, 100, 0);
        assert_eq!((state.limit, state.in_time), (11, 0));
        for _ in 0..100 {
            wave(&mut state, 50, 1, 0);
        }
        assert_eq!(state.limit, 12, "never above the most");
        // All are late at once: that is one sign.
        wave(&mut state, 50, 101, 1000);
        assert_eq!(state.limit, 10);
        wave(&mut state, 50, 101, 1099);
        assert_eq!(state.limit, 10);
        for later in 0..100 {
            wave(&mut state, 50, 101, 1100 + later * 100);
        }
        assert_eq!((state.limit, state.going_on), (2, 0), "never below the least");
    }

    #[test]
    fn a_limit_that_is_not_reached_stays() {
        let mut state = State { limit: 10, going_on: 0, in_time: 0, cut_until_ms: 0 };
        for _ in 0..100 {
            wave(&mut state, 5, 1, 0);
        }
        assert_eq!(state.limit, 10);
    }

    #[test]
    fn what_was_dropped_says_nothing() {
        let mut state = State { limit: 2, going_on: 0, in_time: 0, cut_until_ms: 0 };
        for _ in 0..10 {
            assert!(state.begin() && state.begin() && !state.begin());
            state.end(BOUNDS, None, 0);
            state.end(BOUNDS, None, 0);
        }
        assert_eq!((state.limit, state.going_on), (2, 0));
    }
}
