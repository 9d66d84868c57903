use super::{
    input::{self, Parts},
    router::{RouteConflict, Routed, Router},
    target::{Arrival, Sources, Target, Wired},
};
use crate::{
    App, Call, ContractMissing, Kinds, Middleware, Platform, Problem, Response, Selection,
    app::Endpoint,
    call::{Context, Direct, Trigger},
    error::chain,
    function::Reply,
    http::{HttpRequest, Method, RequestPath, StatusCode},
    middleware::Next,
    platform::{Level, LogLine},
    service::{Container, Scope},
    session::SessionMode,
};
use std::{
    any::Any,
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, atomic::Ordering},
    task::Poll,
};

/// A running app.
#[derive(Debug)]
pub struct Engine {
    endpoints: Vec<Endpoint>,
    router: Router,
    sources: Sources,
    middleware: Middlewares,
    container: Container,
}

struct Middlewares(Vec<Arc<dyn Middleware>>);

impl fmt::Debug for Middlewares {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} middleware", self.0.len())
    }
}

/// Why an app could not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A bundle has no contract for a function it holds.
    Contract(ContractMissing),
    /// Two routes that cannot be told apart, or a path that is none.
    Route(RouteConflict),
    /// The physical names of the sources could not be read.
    Sources(String),
    /// The constructor of a service failed.
    Service {
        /// The service.
        name: &'static str,
        /// What its constructor returned.
        error: crate::BoxError,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contract(missing) => missing.fmt(formatter),
            Self::Route(conflict) => conflict.fmt(formatter),
            Self::Sources(error) => write!(formatter, "the variable {SOURCES_VARIABLE} is not valid: {error}"),
            Self::Service { name, error } => {
                write!(formatter, "the service `{name}` could not be built: {}", chain(&**error))
            }
        }
    }
}

impl std::error::Error for StartError {}

/// The environment variable with the physical names of the sources: a JSON object from a wiring's id to its name.
pub const SOURCES_VARIABLE: &str = "PIKKU_SOURCES";

/// The statuses whose responses have no body (RFC 9110, sections 6.4.1 and 15.3.6).
const WITHOUT_BODY: [StatusCode; 3] = [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED];

impl Engine {
    /// Starts an app: checks its wirings and builds its singletons, those that do not need each other at the same time.
    pub async fn start<S: Selection>(app: App<S>, platform: Arc<dyn Platform>) -> Result<Self, StartError> {
        let App { registry, plan, .. } = app;
        if let Some(missing) = registry.endpoints.iter().find_map(|endpoint| endpoint.contract.as_ref().err()) {
            return Err(StartError::Contract(missing.clone()));
        }
        let router = Router::new(registry.routes).map_err(StartError::Route)?;
        let sources = if const { S::KINDS.has_any(Kinds::ALL.without(Kinds::HTTP)) } {
            let names = platform.env(SOURCES_VARIABLE);
            Sources::new(registry.sources, &registry.endpoints, names.as_deref()).map_err(StartError::Sources)?
        } else {
            Sources::default()
        };
        let container = Container::start(plan, platform)
            .await
            .map_err(|failure| StartError::Service { name: failure.service, error: failure.error })?;
        let middleware = Middlewares(registry.middleware);
        Ok(Self { endpoints: registry.endpoints, router, sources, middleware, container })
    }

    /// Answers an HTTP request. Every failure is a response.
    pub async fn http(&self, request: HttpRequest, context: Context) -> Response {
        let head = request.method == Method::HEAD;
        let mut response = match self.route(request, context).await {
            Ok(response) => response,
            Err(problem) => Response::from(&problem),
        };
        if head || WITHOUT_BODY.contains(&response.status) {
            response.body = crate::Body::default();
        }
        response
    }

    async fn route(&self, request: HttpRequest, context: Context) -> Result<Response, Problem> {
        let matched = request.matched_path().canonical().to_owned();
        let (route, params) = match self.router.find(&request.method, &matched) {
            Routed::Found(route, params) => (route, params),
            Routed::WrongMethod(allow) => return Err(Problem::method_not_allowed(allow)),
            Routed::Nothing => return Err(Problem::no_route()),
        };
        let parts = Parts { params: &params, fields: &route.fields };
        let reply = self.run(route.endpoint, Trigger::Http(Box::new(request)), context, parts).await?;
        let status = route.status.and_then(|status| StatusCode::from_u16(status).ok());
        Ok(match reply {
            Reply::Empty => Response::new(status.unwrap_or(StatusCode::NO_CONTENT)),
            Reply::Json(body) => Response::json(status.unwrap_or(StatusCode::OK), body),
            Reply::Response(response) => *response,
        })
    }

    /// Whether a route of the app takes this path, with some method.
    pub fn has_path(&self, path: &str) -> bool {
        self.router.has(RequestPath::encoded(path).canonical())
    }

    /// The wiring that takes what arrived; `None` when nobody is wired for it.
    pub fn target(&self, arrival: &Arrival<'_>) -> Option<Target> {
        self.sources.find(arrival)
    }

    /// The first wiring whose id, such as `queue:orders`, fits. For a platform that names the wiring and not its source.
    pub fn wired(&self, fits: impl Fn(&str) -> bool) -> Option<Wired<'_>> {
        self.sources.wired(fits)
    }

    /// The sources that somebody is wired for, for an error that names them.
    pub fn source_ids(&self) -> impl Iterator<Item = &str> {
        self.sources.ids()
    }

    /// Calls the function of a wiring. The problem of a failed call is in the log already.
    pub async fn deliver(&self, target: Target, trigger: Trigger, context: Context) -> Result<Reply, Problem> {
        self.run(target.endpoint, trigger, context, Parts::default()).await
    }

    /// Calls a function by name; `None` where the app has none of that name.
    pub async fn call(
        &self,
        function: &str,
        input: serde_json::Value,
        context: Context,
    ) -> Option<Result<Reply, Problem>> {
        let endpoint = self.endpoints.iter().position(|endpoint| endpoint.name == function)?;
        Some(self.run(endpoint, Direct(input).into(), context, Parts::default()).await)
    }

    /// Closes the services, each before those it needs.
    pub async fn close(&self) {
        self.container.close().await;
    }

    /// What the app runs on.
    pub fn platform(&self) -> &Arc<dyn Platform> {
        self.container.platform()
    }

    async fn run(
        &self,
        endpoint: usize,
        trigger: Trigger,
        context: Context,
        parts: Parts<'_>,
    ) -> Result<Reply, Problem> {
        let carried = match &trigger {
            Trigger::Event(payload) => payload.trace().map(str::to_owned),
            Trigger::Http(_) => None,
        };
        let mut call = Call {
            id: context.id,
            function: self.endpoints[endpoint].name,
            deadline_ms: context.deadline_ms,
            trace: carried.or(context.trace),
            origin: context.origin,
            trigger,
            session: None,
            cancelled: context.cancelled,
            after: context.after,
            platform: Arc::clone(self.platform()),
        };
        let cancelled = Arc::clone(&call.cancelled);
        let (id, trace, remaining) = (call.id.clone(), call.trace.clone(), call.remaining());
        let mut outcome = pin!(async {
            if self.middleware.0.is_empty() {
                return self.call_function(endpoint, &call, parts).await;
            }
            Next { engine: self, endpoint, parts, rest: &self.middleware.0 }.run(&mut call).await
        });
        let mut deadline = remaining.map(|remaining| self.platform().sleep(remaining));
        let outcome = poll_fn(|context| {
            // One panic fails one call. Where panics abort, this is nothing.
            match catch_unwind(AssertUnwindSafe(|| outcome.as_mut().poll(context))) {
                Ok(Poll::Ready(outcome)) => return Poll::Ready(outcome),
                Ok(Poll::Pending) => {}
                Err(panic) => return Poll::Ready(Err(Problem::internal(format!("panicked: {}", message(&*panic))))),
            }
            match &mut deadline {
                Some(deadline) => deadline.as_mut().poll(context).map(|()| {
                    cancelled.store(true, Ordering::Relaxed);
                    Err(Problem::deadline())
                }),
                None => Poll::Pending,
            }
        })
        .await;
        if let Err(problem) = &outcome {
            self.log_problem(problem, self.endpoints[endpoint].name, &id, trace.as_deref());
        }
        outcome
    }

    /// The pipeline inside the middleware.
    pub(crate) async fn call_function(&self, endpoint: usize, call: &Call, parts: Parts<'_>) -> Result<Reply, Problem> {
        let endpoint = &self.endpoints[endpoint];
        if endpoint.session == SessionMode::Required && call.session().is_none() {
            return Err(Problem::no_session());
        }
        if endpoint.scoped {
            return Err(Problem::new(crate::StatusCode::FORBIDDEN, "insufficient_scope", "the session lacks a scope"));
        }
        let (input, sources) = match (&endpoint.contract, endpoint.takes_nothing) {
            (Ok(contract), false) => {
                let (input, sources) = input::assemble(call.trigger(), contract, &parts)?;
                let violations = contract.validate(&input);
                if !violations.is_empty() {
                    return Err(Problem::invalid_input(sources.attribute(violations)));
                }
                (input, sources)
            }
            // An app with a contract missing does not start.
            _ => (serde_json::Value::Null, input::Sources::default()),
        };
        let scope = Scope::new(&self.container, call);
        match (endpoint.invoke)(&scope, input) {
            Ok(outcome) => outcome.await,
            // The schema let it through, so what the type refuses is finer than the schema can say.
            Err(error) => Err(Problem::invalid_input(sources.attribute(vec![error.into_violation()]))),
        }
    }

    fn log_problem(&self, problem: &Problem, function: &str, id: &str, trace: Option<&str>) {
        let level = if problem.status().is_server_error() { Level::Error } else { Level::Info };
        let detail = problem.private().map(str::to_owned).or_else(|| {
            let errors = problem.errors().iter().map(|e| format!("{} {}", e.pointer, e.detail));
            (!problem.errors().is_empty()).then(|| errors.collect::<Vec<_>>().join("; "))
        });
        self.platform().log(&LogLine {
            function: Some(function),
            call_id: Some(id),
            trace,
            code: Some(problem.code()),
            status: Some(problem.status().as_u16()),
            detail: detail.as_deref(),
            ..LogLine::new(level, problem.detail())
        });
    }
}

/// What a panic says.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
