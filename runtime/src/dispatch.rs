//! The dispatcher: one pipeline for every call, whatever the transport and the platform.
//!
//! ```text
//! middleware -> session -> authentication -> input assembly -> validation -> permissions -> per-call services
//!            -> function -> output or error envelope -> middleware
//! ```
//!
//! An adapter finds out where an event belongs ([`Engine::http`] routes by itself, [`Engine::target`] names the wiring of
//! anything else) and hands over a [`crate::call::Trigger`]; it gets back a response, or whether the call succeeded.
//! Everything that decides is here, so that a call means the same on every transport.

#[cfg(feature = "around-http")]
mod around;
mod chain;
mod engine;
mod guard;
mod input;
mod preflight;
mod router;
mod target;
#[cfg(feature = "unrouted")]
mod unrouted;

#[cfg(feature = "around-http")]
pub use around::{AroundHttp, PlanAroundHttp, Routing};
#[cfg(feature = "introspect")]
pub(crate) use chain::belongs;
pub(crate) use chain::{Chain, chains, check_left_out};
pub use engine::{Engine, SOURCES_VARIABLE, StartError};
pub(crate) use guard::{GuardedRun, Pass, Stage, guarded};
pub(crate) use preflight::add_preflights;
pub use router::RouteConflict;
pub use target::{Arrival, Target, Wired};
#[cfg(feature = "unrouted")]
pub(crate) use unrouted::add_unrouted;
