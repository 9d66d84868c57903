use crate::{Call, Problem, dispatch::Engine, function::Reply, future::BoxFuture};
use std::{fmt, sync::Arc};

/// Something done around every call, on every transport.
///
/// It sees the call before the session is looked at, so it is also the place that establishes one
/// ([`Call::set_session`]), and the outcome after the function has run.
pub trait Middleware: Send + Sync + 'static {
    /// Handles a call. [`Next::run`] goes on with it.
    fn handle<'a>(&'a self, call: &'a mut Call, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Problem>>;
}

/// The rest of the pipeline.
pub struct Next<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) endpoint: usize,
    pub(crate) parts: crate::dispatch::Parts<'a>,
    pub(crate) rest: &'a [Arc<dyn Middleware>],
}

impl fmt::Debug for Next<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Next").finish_non_exhaustive()
    }
}

impl<'a> Next<'a> {
    /// Goes on with the call.
    pub fn run(self, call: &'a mut Call) -> BoxFuture<'a, Result<Reply, Problem>> {
        match self.rest.split_first() {
            Some((first, rest)) => first.handle(call, Next { rest, ..self }),
            None => Box::pin(self.engine.call_function(self.endpoint, call, self.parts)),
        }
    }
}
