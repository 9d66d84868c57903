//! Who may call what: decided here, once, for every transport.
//!
//! A function says of itself who may call it, in `#[pikku::function(…)]`:
//!
//! | option | what it says |
//! |---|---|
//! | `public` | anyone may |
//! | a parameter `Session<User>`, or `session` | whoever has a session may |
//! | `scopes = ["orders:read"]` | whoever has a session that was granted all of these may |
//! | `permission = owns_order` | whom this [permission](macro@crate::permission) allows may |
//! | `guarded` | whom a permission of the app, its group, a tag or its route allows may |
//! | `read_only` | it changes nothing: a read-only session may call it too |
//!
//! The session comes from the call itself: its credentials over HTTP, and behind a queue or of a remote procedure call what it
//! carries, signed by the app that sent it (`pikku_auth::message`). A schedule and an event have no caller. A function that calls another as the
//! ordinary Rust function it is hands on what it has, and nothing is asked again. What calls one by its name, such as
//! `cargo pikku call` and tests, has no session but the one that it gives.
//!
//! A function that says none of it cannot be wired to HTTP or to a WebSocket: that does not compile.

mod authenticator;
mod claims;
mod control;
mod permission;
mod scopes;

pub use crate::app::{Layers, OwnLayers};
pub(crate) use authenticator::is_bearer;
pub use authenticator::{AuthError, Authenticator};
pub use claims::Claims;
pub use control::{SessionChange, SessionControl};
pub use permission::{All, Any, Decision, Not, Permission, TIMEOUT_MS, Undecided, Verdict, decide, input};
pub use scopes::{Role, Scope, Scopes};
/// The input of a call as a permission reads it.
#[doc(hidden)]
pub use serde_json::Value as InputValue;

/// What a function says of who may call it, apart from the sessions that its parameters ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whether it says that anyone may call it.
    pub public: bool,
    /// The scopes that a caller must have been granted, all of them.
    pub scopes: &'static [Scope],
    /// Whether it changes nothing, so that a read-only session may call it.
    pub read_only: bool,
}

impl Access {
    /// Nothing said.
    pub const NONE: Self = Self { public: false, scopes: &[], read_only: false };
}

/// A function that may be wired to what is reached from outside, HTTP and WebSockets, because it says who may call it.
/// Implemented by `#[pikku::function]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say who may call it",
    label = "anyone on the network could call this",
    note = "if anyone may: `#[pikku::function(public)]`",
    note = "if only those with a session: take `Session<User>`, or write `#[pikku::function(session)]`",
    note = "if only those with certain scopes: `#[pikku::function(scopes = [\"orders:read\"])]`",
    note = "if a permission says who: `#[pikku::function(permission = owns_order)]`, or `guarded` where it is attached to the app, the group, a tag or the route"
)]
pub trait Exposed: crate::Function {}
