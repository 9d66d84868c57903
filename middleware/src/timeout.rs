//! Ends calls that take too long, for all functions of a place.
//!
//! ```
//! use pikku_middleware::timeout::{Policy, Timeout};
//!
//! /// Whoever is asked by staff answers in a second.
//! struct Staff;
//!
//! impl Policy for Staff {
//!     const NAME: &'static str = "staff";
//!     const LIMIT_MS: u32 = 1000;
//! }
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .tag("staff", |l| l.middleware::<Timeout<Staff>>())
//! # .tag("staff", |l| l.middleware::<Timeout<Staff>>())
//! # }
//! ```
//!
//! What is further in is dropped where it waits, with the services of the call, and the outcome is `504`, `deadline_exceeded`, as of any
//! call that is late. Meanwhile the call's deadline is no later than that ([`Call::remaining`](pikku::Call::remaining)): a
//! [`Retry`](crate::Retry) further in waits no longer. Where one stands around this, each attempt has the whole time.
//!
//! A limit can only be nearer than those further out, of the wiring, the function and the platform. A single function, route, queue or
//! schedule has no need of this: each has a `timeout_ms` of its own. A body that is made while it is sent goes on beyond it.

use crate::text::{self, Name};
use pikku::{
    BoxFuture, Middleware, Next, Outcome,
    function::Meta,
    service::{Plan, Scope},
};
use std::{marker::PhantomData, time::Duration};

/// Ends calls that take too long. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct Timeout<P>(PhantomData<fn() -> P>);

/// How long calls may take.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` calls it; unique among those of the app.
    const NAME: &'static str;
    /// How long a call may take, in milliseconds.
    const LIMIT_MS: u32;
}

impl<P: Policy> Timeout<P> {
    const NAMED: &'static Name = &text::name("timeout", P::NAME);
    const LIMIT: Duration = {
        assert!(P::LIMIT_MS > 0, "`LIMIT_MS` is 0: no call would ever end in time");
        Duration::from_millis(P::LIMIT_MS as u64)
    };
}

impl<P: Policy> Middleware for Timeout<P> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Ends calls that take too long.");

    fn plan(_: &mut Plan) {}

    fn handle<'a>(_: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        next.within(Self::LIMIT)
    }
}
