use crate::{
    BoxFuture, Problem,
    dispatch::{Pass, Stage},
    function::{Meta, Reply},
    service::{Plan, Scope},
    session::SessionMode,
};
use std::fmt;

/// Something done around calls, on every transport. Implemented by `#[pikku::middleware]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a middleware",
    note = "write `#[pikku::middleware]` above `async fn {Self}(…, next: pikku::Next<'_>) -> pikku::Outcome`"
)]
pub trait Middleware: Send + Sync + 'static {
    /// The name: that of the Rust function.
    const NAME: &'static str;
    /// What the source says of it.
    const META: Meta;
    /// Whether it looks at the session. One that does runs inside the authentication, any other outside.
    const SESSION: SessionMode;

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
}
