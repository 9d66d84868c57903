//! What stands around all of HTTP: outside of routing, so around what no route takes and what adapters refuse, too.
//!
//! The runtime knows of it only that it answers a request, and may go on with routing to do so. Only an app that has such a
//! thing names it, and only a bundle that answers HTTP.

use super::Engine;
use crate::{BoxFuture, Platform, Problem, Response, call::Context, http::HttpRequest};
use std::{any::Any, fmt, sync::Arc};

/// What is to stand around the HTTP requests of an app once it has started. It is attached by
/// [`App::around_http`](crate::App::around_http).
pub trait PlanAroundHttp: Any + Send {
    /// The app starts on this platform: what is there for all requests is made now.
    fn start(self: Box<Self>, platform: &Arc<dyn Platform>) -> Box<dyn AroundHttp>;
}

/// What stands around every HTTP request of an app, before it is a call.
pub trait AroundHttp: Send + Sync {
    /// Answers a request. A panic is an answer, too.
    fn answer<'a>(
        &'a self,
        request: Box<HttpRequest>,
        context: Context,
        routing: Routing<'a>,
    ) -> BoxFuture<'a, Response>;
}

/// The rest of a request's way: what stands further within, then its route.
pub struct Routing<'a> {
    pub(super) engine: &'a Engine,
    pub(super) within: &'a [Box<dyn AroundHttp>],
    /// Why its adapter refuses the request, which then ends in this.
    pub(super) refused: Option<Problem>,
}

impl<'a> Routing<'a> {
    /// Goes on with a request, which may be another than that which arrived, and more than once. Every failure is a response.
    pub fn answer(&self, request: Box<HttpRequest>, context: Context) -> BoxFuture<'a, Response> {
        self.engine.go_on(self.within, self.refused.clone(), request, context)
    }

    /// The same for one that is refused now, unless it was already.
    pub fn refuse(&self, problem: Problem, request: Box<HttpRequest>, context: Context) -> BoxFuture<'a, Response> {
        let refused = self.refused.clone().unwrap_or(problem);
        self.engine.go_on(self.within, Some(refused), request, context)
    }

    /// What the app runs on.
    pub fn platform(&self) -> &'a Arc<dyn Platform> {
        self.engine.platform()
    }

    /// The answer where the deadline has passed and no call knows of it, for nothing has gone on with the request. Who still works
    /// for it is told to stop.
    pub fn late(&self, context: &Context) -> Response {
        let problem = Problem::deadline();
        context.after.cancel();
        self.engine.log_problem(&problem, "", &context.id, context.trace.as_deref());
        Response::from(&problem)
    }
}

impl fmt::Debug for Routing<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Routing").field("refused", &self.refused).finish_non_exhaustive()
    }
}
