use crate::{
    BoxFuture, Problem, Response,
    call::Mark,
    dispatch::{Pass, Stage},
    function::{Meta, Reply},
    service::{Plan, Scope},
    session::SessionMode,
};
use serde_json::Value;
use std::{fmt, time::Duration};

/// Something done around calls, on every transport. Implemented by `#[pikku::middleware]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a middleware",
    note = "write `#[pikku::middleware]` above `async fn {Self}(…, next: pikku::Next<'_>) -> pikku::Outcome`"
)]
pub trait Middleware: Send + Sync + 'static {
    /// The name: that of the Rust function. Bundles tell by it which they hold, so no two of an app have the same.
    const NAME: &'static str;
    /// What the source says of it.
    const META: Meta;
    /// Whether it looks at the session. One that does runs inside the authentication, any other outside.
    const SESSION: SessionMode = SessionMode::None;
    /// Whether it answers preflights (Fetch, section 4.8) for the routes that it stands around, which then take `OPTIONS` without
    /// being wired to it. Of those around a route only the innermost stands: what a route says goes before what the app says.
    const PREFLIGHT: bool = false;
    /// Whether it stands around requests that no route takes as well, where it is attached to the app and does not look at the
    /// session. Such a call has no function: [`Call::function`](crate::Call::function) is empty. For crates that ask for the
    /// feature `unrouted`.
    const UNROUTED: bool = false;

    /// Adds the services it asks for to the plan.
    fn plan(plan: &mut Plan);

    /// Handles a call. [`Next::run`] goes on with it.
    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome>;
}

/// What a call ends in: the function's answer, or a problem. What panicked or was late is a problem too.
pub type Outcome = Result<Reply, Problem>;

/// The rest of the pipeline.
pub struct Next<'a> {
    pub(crate) pass: &'a Pass<'a>,
    pub(crate) stage: Stage,
}

impl fmt::Debug for Next<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Next").finish_non_exhaustive()
    }
}

impl<'a> Next<'a> {
    /// Goes on with the call. A middleware that does not call this answers it instead.
    pub fn run(self) -> BoxFuture<'a, Outcome> {
        self.pass.go_on(self.stage)
    }

    /// Goes on with the call for so long at most: its deadline is no later meanwhile ([`Call::remaining`](crate::Call::remaining)). What
    /// is late then is dropped, with what it waits for, and the outcome is the same problem as of a call that is late.
    pub fn within(self, limit: Duration) -> BoxFuture<'a, Outcome> {
        self.pass.within(self.stage, limit)
    }

    /// Goes on with a call over HTTP, and gives its answer as the response that it becomes: with the route's status and the
    /// headers that were added below. For middleware that looks at answers or writes them anew.
    pub async fn respond(self) -> Result<Response, Problem> {
        let above = self.pass.call().response_headers();
        let outcome = self.pass.go_on(self.stage).await;
        self.pass.respond(outcome, above)
    }

    /// The input of the call as the function will be given it: put together of all its sources, and valid. `null` for a function
    /// that takes none. It is read anew each time.
    ///
    /// # Errors
    ///
    /// It is not valid, which the call would end in as well.
    pub fn input(&self) -> Result<Value, Problem> {
        self.pass.input()
    }

    /// Goes on with the call, as often as it is asked to.
    pub fn attempts(self) -> Attempts<'a> {
        let before = self.pass.call().mark();
        Attempts { pass: self.pass, stage: self.stage, before, is_first: true }
    }
}

/// The rest of the pipeline, for middleware that tries it more than once.
///
/// Each attempt has per-call services of its own, and what an earlier one has added to the answer or done to the session is
/// taken back. What it has done elsewhere is not, nor what it left for after the answer: functions below may be called twice.
pub struct Attempts<'a> {
    pass: &'a Pass<'a>,
    stage: Stage,
    before: Mark,
    is_first: bool,
}

impl fmt::Debug for Attempts<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Attempts").finish_non_exhaustive()
    }
}

impl Attempts<'_> {
    /// Goes on with the call once more.
    pub fn run(&mut self) -> BoxFuture<'_, Outcome> {
        if !std::mem::take(&mut self.is_first) {
            self.pass.call().go_back(&self.before);
        }
        self.pass.attempt(self.stage)
    }
}
