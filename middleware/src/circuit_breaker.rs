//! Nothing more for a while where nearly all fails.
//!
//! ```
//! use pikku_middleware::circuit_breaker::{CircuitBreaker, Policy};
//!
//! /// What asks the warehouse.
//! struct Warehouse;
//!
//! impl Policy for Warehouse {
//!     const NAME: &'static str = "warehouse";
//!     const OPEN_S: u32 = 60;
//! }
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .tag("warehouse", |l| l.middleware::<CircuitBreaker<Warehouse>>())
//! # .tag("warehouse", |l| l.middleware::<CircuitBreaker<Warehouse>>())
//! # }
//! ```
//!
//! Each function that a policy stands around has a circuit of its own in each process:
//!
//! | it is | calls | until |
//! |---|---|---|
//! | closed | go on | of at least [`LEAST_CALLS`](Policy::LEAST_CALLS) within [`WINDOW_S`](Policy::WINDOW_S) so many fail: [`FAILURE_PERCENT`](Policy::FAILURE_PERCENT) |
//! | open | are answered `503`, `circuit_open`, with `Retry-After`; messages of queues are delivered again | [`OPEN_S`](Policy::OPEN_S) are over |
//! | half open | are tried, [`PROBES`](Policy::PROBES) at a time; others are refused as before | one fails, and it is open again; or so many go well, and it is closed |
//!
//! A function that asks for [`Circuits<P>`](Circuits) sees what they are.

use crate::{
    refusal,
    text::{self, Name},
};
use pikku::{
    BoxError, BoxFuture, Middleware, Next, Outcome, Problem, Service,
    function::{Meta, Reply},
    service::{Construct, Container, Handle, Plan, Scope, Singleton},
};
use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, ready},
    marker::PhantomData,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Refuses calls of functions that fail. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct CircuitBreaker<P>(PhantomData<fn() -> P>);

/// When a circuit opens, and for how long.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` calls it; unique among those of the app.
    const NAME: &'static str;
    /// In how many seconds failures are counted together.
    const WINDOW_S: u32 = 10;
    /// Of how many calls that ended within these something can be said.
    const LEAST_CALLS: u32 = 10;
    /// How many of a hundred have to fail.
    const FAILURE_PERCENT: u32 = 50;
    /// How long nothing is tried then, in seconds.
    const OPEN_S: u32 = 30;
    /// How many are tried after that, and have to go well.
    const PROBES: u32 = 1;

    /// Whether a problem says that what the function needs is not there. It is any `5xx` where nothing else is said.
    fn is_failure(problem: &Problem) -> bool {
        problem.status().is_server_error()
    }
}

/// What a circuit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Calls go on.
    Closed,
    /// Nothing is tried until then, in milliseconds since the Unix epoch.
    Open {
        /// When something is tried again.
        until_ms: u64,
    },
    /// Some are tried.
    HalfOpen,
}

/// The circuits of a policy in this process.
pub struct Circuits<P> {
    of: Mutex<BTreeMap<&'static str, Circuit>>,
    policy: PhantomData<fn() -> P>,
}

/// What a policy says, for the arithmetic.
#[derive(Clone, Copy)]
struct Limits {
    window_ms: u64,
    least_calls: u32,
    failure_percent: u32,
    open_ms: u64,
    probes: u32,
}

#[derive(Debug, Default)]
struct Circuit {
    phase: Phase,
    /// Counts the changes of the phase: what began before one says nothing after it.
    era: u64,
}

#[derive(Debug)]
enum Phase {
    Closed { since_ms: u64, calls: u32, failures: u32 },
    Open { until_ms: u64 },
    HalfOpen { going_on: u32, gone_well: u32 },
}

impl Default for Phase {
    fn default() -> Self {
        Self::Closed { since_ms: 0, calls: 0, failures: 0 }
    }
}

impl Circuit {
    fn change(&mut self, phase: Phase) {
        self.phase = phase;
        self.era += 1;
    }

    /// Lets a call in, of this era; or says in how many milliseconds it may come again.
    fn admit(&mut self, limits: Limits, now_ms: u64) -> Result<u64, u64> {
        if let Phase::Open { until_ms } = self.phase {
            // A clock that was set back keeps nothing shut for longer than it says.
            let left_ms = until_ms.saturating_sub(now_ms);
            if (1..=limits.open_ms).contains(&left_ms) {
                return Err(left_ms);
            }
            self.change(Phase::HalfOpen { going_on: 0, gone_well: 0 });
        }
        if let Phase::HalfOpen { going_on, gone_well } = &mut self.phase {
            if *going_on + *gone_well >= limits.probes {
                return Err(1000);
            }
            *going_on += 1;
        }
        Ok(self.era)
    }

    /// A call of an era has ended; `None` where that says nothing, as of one that was dropped.
    fn end(&mut self, limits: Limits, era: u64, has_failed: Option<bool>, now_ms: u64) {
        if era != self.era {
            return;
        }
        let open = Phase::Open { until_ms: now_ms.saturating_add(limits.open_ms) };
        match (&mut self.phase, has_failed) {
            (Phase::Closed { since_ms, calls, failures }, Some(has_failed)) => {
                if now_ms.abs_diff(*since_ms) >= limits.window_ms {
                    (*since_ms, *calls, *failures) = (now_ms, 0, 0);
                }
                *calls = calls.saturating_add(1);
                *failures = failures.saturating_add(u32::from(has_failed));
                let (calls, failures) = (u64::from(*calls), u64::from(*failures));
                let is_enough = calls >= u64::from(limits.least_calls);
                if is_enough && has_failed && failures * 100 >= calls * u64::from(limits.failure_percent) {
                    self.change(open);
                }
            }
            (Phase::HalfOpen { .. }, Some(true)) => self.change(open),
            (Phase::HalfOpen { going_on, gone_well }, has_failed) => {
                *going_on = going_on.saturating_sub(1);
                *gone_well += u32::from(has_failed == Some(false));
                if *gone_well >= limits.probes {
                    self.change(Phase::Closed { since_ms: now_ms, calls: 0, failures: 0 });
                }
            }
            (Phase::Closed { .. }, None) | (Phase::Open { .. }, _) => {}
        }
    }

    fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { until_ms } => State::Open { until_ms },
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }
}

impl<P: Policy> Circuits<P> {
    const NAMED: &'static Name = &text::name("CircuitBreaker", P::NAME);
    const LIMITS: Limits = {
        assert!(P::WINDOW_S > 0 && P::OPEN_S > 0, "a policy's spans are some seconds");
        assert!(P::LEAST_CALLS > 0 && P::PROBES > 0, "a policy says something of some calls");
        assert!(P::FAILURE_PERCENT > 0 && P::FAILURE_PERCENT <= 100, "FAILURE_PERCENT is 1 to 100");
        Limits {
            window_ms: P::WINDOW_S as u64 * 1000,
            least_calls: P::LEAST_CALLS,
            failure_percent: P::FAILURE_PERCENT,
            open_ms: P::OPEN_S as u64 * 1000,
            probes: P::PROBES,
        }
    };

    fn new() -> Self {
        Self { of: Mutex::default(), policy: PhantomData }
    }

    fn circuits(&self) -> MutexGuard<'_, BTreeMap<&'static str, Circuit>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the circuit of a function is. One that was not called yet is closed.
    pub fn state(&self, function: &str) -> State {
        self.circuits().get(function).map_or(State::Closed, Circuit::state)
    }

    /// The circuits of the functions that were called, by name.
    pub fn states(&self) -> Vec<(&'static str, State)> {
        self.circuits().iter().map(|(function, circuit)| (*function, circuit.state())).collect()
    }
}

impl<P: Policy> fmt::Debug for Circuits<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.states()).finish()
    }
}

/// A call that goes on, which ends when this is dropped.
struct Going<'a, P: Policy> {
    circuits: &'a Circuits<P>,
    scope: &'a Scope<'a>,
    era: u64,
    has_failed: Option<bool>,
}

impl<P: Policy> Drop for Going<'_, P> {
    fn drop(&mut self) {
        let now_ms = self.scope.platform().now_ms();
        let mut circuits = self.circuits.circuits();
        let circuit = circuits.entry(self.scope.call().function()).or_default();
        circuit.end(Circuits::<P>::LIMITS, self.era, self.has_failed, now_ms);
    }
}

service!(Circuits: Policy = Ok(Circuits::new()));

impl<P: Policy> CircuitBreaker<P> {
    const NAMED: &'static Name = &text::name("circuit_breaker", P::NAME);
}

impl<P: Policy> Middleware for CircuitBreaker<P> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Refuses calls of functions that fail.", [Circuits::<P>::NAME]);

    fn plan(plan: &mut Plan) {
        Circuits::<P>::plan(plan);
    }

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let circuits = Circuits::<P>::get(scope).await?;
            let (call, limits) = (scope.call(), Circuits::<P>::LIMITS);
            let admitted = circuits.circuits().entry(call.function()).or_default().admit(limits, call.now_ms());
            let era = match admitted {
                Ok(era) => era,
                Err(left_ms) => {
                    let detail = "this has failed too often lately";
                    return Err(refusal::unavailable("circuit_open", detail, left_ms.div_ceil(1000)));
                }
            };
            let mut going = Going { circuits: &*circuits, scope, era, has_failed: None };
            let outcome = next.run().await;
            going.has_failed = Some(match &outcome {
                Ok(Reply::Response(response)) => response.status.as_u16() >= 500,
                Ok(_) => false,
                Err(problem) => P::is_failure(problem),
            });
            outcome
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { window_ms: 1000, least_calls: 4, failure_percent: 50, open_ms: 5000, probes: 2 };

    fn call(circuit: &mut Circuit, has_failed: bool, now_ms: u64) -> Result<(), u64> {
        let era = circuit.admit(LIMITS, now_ms)?;
        circuit.end(LIMITS, era, Some(has_failed), now_ms);
        Ok(())
    }

    #[test]
    fn it_opens_when_so_many_of_enough_fail() {
        let mut circuit = Circuit::default();
        // Three failures are not enough to say something, nor are they with the next window's.
        (0..3).for_each(|_| call(&mut circuit, true, 1000).unwrap());
        call(&mut circuit, true, 2000).unwrap();
        assert_eq!(circuit.state(), State::Closed);
        for has_failed in [false, false, true] {
            call(&mut circuit, has_failed, 2500).unwrap();
        }
        assert_eq!(circuit.state(), State::Open { until_ms: 7500 });
        assert_eq!(call(&mut circuit, false, 2501), Err(4999));
        assert_eq!(call(&mut circuit, false, 7499), Err(1));
        // Less than half is borne.
        let mut circuit = Circuit::default();
        (0..100).for_each(|at| call(&mut circuit, at % 3 == 2, 1000).unwrap());
        assert_eq!(circuit.state(), State::Closed);
    }

    fn opened() -> Circuit {
        let mut circuit = Circuit::default();
        (0..4).for_each(|_| call(&mut circuit, true, 1000).unwrap());
        assert_eq!(circuit.state(), State::Open { until_ms: 6000 });
        circuit
    }

    #[test]
    fn some_are_tried_and_close_it_or_open_it_again() {
        let mut circuit = opened();
        let (one, two) = (circuit.admit(LIMITS, 6000).unwrap(), circuit.admit(LIMITS, 6000).unwrap());
        assert_eq!((circuit.state(), circuit.admit(LIMITS, 6000)), (State::HalfOpen, Err(1000)));
        circuit.end(LIMITS, one, Some(false), 6001);
        assert_eq!(circuit.admit(LIMITS, 6001), Err(1000), "so many are tried, and no more");
        circuit.end(LIMITS, two, Some(false), 6002);
        assert_eq!(circuit.state(), State::Closed);
        let mut circuit = opened();
        let (one, two) = (circuit.admit(LIMITS, 6000).unwrap(), circuit.admit(LIMITS, 6000).unwrap());
        circuit.end(LIMITS, one, Some(true), 6001);
        assert_eq!(circuit.state(), State::Open { until_ms: 11_001 });
        // What began before that says nothing any more.
        circuit.end(LIMITS, two, Some(false), 6002);
        assert_eq!(circuit.state(), State::Open { until_ms: 11_001 });
    }

    #[test]
    fn one_that_is_dropped_leaves_its_place_to_another() {
        let mut circuit = opened();
        for _ in 0..10 {
            let era = circuit.admit(LIMITS, 6000).unwrap();
            circuit.end(LIMITS, era, None, 6000);
        }
        assert_eq!(circuit.state(), State::HalfOpen);
        (0..2).for_each(|_| call(&mut circuit, false, 6000).unwrap());
        assert_eq!(circuit.state(), State::Closed);
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_nothing_shut() {
        let mut circuit = opened();
        assert!(circuit.admit(LIMITS, 10).is_ok_and(|_| circuit.state() == State::HalfOpen));
    }
}
