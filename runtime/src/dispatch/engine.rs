#[cfg(feature = "around-http")]
use super::around::{AroundHttp, Routing};
use super::{
    chain::Chain,
    guard::GuardedRun,
    input::{self, Parts},
    router::{RouteConflict, Routed, Router},
    target::{Arrival, Sources, Target, Wired},
};
#[cfg(feature = "around-http")]
use crate::future::contained;
use crate::{
    App, BoxFuture, Call, ContractMissing, Kinds, Platform, Problem, Response, Selection, SessionControl, Violation,
    app::Endpoint,
    call::{Context, Direct, Trigger},
    error::chain,
    function::Reply,
    future::panic_message,
    http::{HttpRequest, Method, RequestPath, StatusCode},
    platform::{Level, LogLine},
    service::{Container, Scope},
    session::SessionMode,
};
use std::{
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex, OnceLock, atomic::AtomicU64},
    task::Poll,
    time::Duration,
};

/// A running app.
pub struct Engine {
    endpoints: Vec<Endpoint>,
    router: Router,
    sources: Sources,
    /// How calls are run where something stands around them, and what does, by the numbers of the wirings.
    guard: Option<(GuardedRun, Vec<Chain>)>,
    /// How many routes there are, and sources.
    counts: (usize, usize),
    container: Container,
    /// The endpoint of requests that no route takes, where something stands around them.
    #[cfg(feature = "unrouted")]
    unrouted: Option<usize>,
    /// What stands around all of HTTP, from without.
    #[cfg(feature = "around-http")]
    around: Vec<Box<dyn AroundHttp>>,
}

/// What is called, and by what wiring.
#[derive(Clone, Copy)]
struct Called {
    endpoint: usize,
    /// The number of the wiring: the routes, then the sources, then the functions themselves.
    wiring: usize,
    timeout_ms: Option<u32>,
}

/// The call of a request, which has not begun, with the status of its success; or why there is none.
type Run<'a> = Result<(Option<u16>, BoxFuture<'a, Result<Reply, Problem>>), Problem>;

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
    /// The file of settings is not what it should be: everything that is wrong with it.
    Settings(Vec<String>),
    /// A function that relies on a permission of its app, group, tag or route has none.
    Unguarded {
        /// The function.
        function: &'static str,
    },
    /// A permission or a middleware stands around a function, and the bundle was made without it.
    LeftOut {
        /// The function.
        function: &'static str,
    },
    /// A function changes sessions, and no source keeps them.
    NothingKeepsSessions,
    /// A source of sessions sends messages that say who calls, which is not known before it has said so.
    #[cfg(feature = "callers")]
    SignsTooEarly {
        /// The source.
        source: &'static str,
    },
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
            Self::Settings(mistakes) => {
                write!(formatter, "the file of settings is not valid: {}", mistakes.join("; "))
            }
            Self::Unguarded { function } => write!(
                formatter,
                "`{function}` says `guarded`, and nothing guards it: attach a permission to its group, a tag or its route"
            ),
            Self::LeftOut { function } => write!(
                formatter,
                "a permission or a middleware stands around `{function}`, and it is not in this bundle: the app is wired otherwise \
                 here than where it was packaged"
            ),
            Self::NothingKeepsSessions => formatter
                .write_str("a function takes `&SessionControl`, and no authenticator of the app keeps sessions"),
            #[cfg(feature = "callers")]
            Self::SignsTooEarly { source } => write!(
                formatter,
                "the authenticator `{source}` sends messages that say who calls, which it has yet to find out: send them from \
                 the function, or as a type without `signed_by`"
            ),
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
        let App { mut registry, plan, .. } = app;
        if let Some(missing) = registry.endpoints.iter().find_map(|endpoint| endpoint.contract.as_ref().err()) {
            return Err(StartError::Contract(missing.clone()));
        }
        for check in &plan.checks {
            check(&registry)?;
        }
        let guard = match registry.guard {
            Some(guard) => Some((guard.run, (guard.chains)(&mut registry)?)),
            None => None,
        };
        let counts = (registry.routes.len(), registry.sources.len());
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
        #[cfg(feature = "around-http")]
        let around = registry.around.into_iter().map(|planned| planned.start(container.platform())).collect();
        Ok(Self {
            endpoints: registry.endpoints,
            router,
            sources,
            guard,
            counts,
            container,
            #[cfg(feature = "unrouted")]
            unrouted: registry.unrouted,
            #[cfg(feature = "around-http")]
            around,
        })
    }

    /// Answers an HTTP request. Every failure is a response.
    pub async fn http(&self, request: HttpRequest, context: Context) -> Response {
        self.answer(Box::new(request), context).await
    }

    /// The same for a request that is boxed already, by a future that is small: servers allocate one for each request.
    pub fn answer(&self, request: Box<HttpRequest>, context: Context) -> impl Future<Output = Response> + '_ {
        let head = request.method == Method::HEAD;
        #[cfg(feature = "around-http")]
        if !self.around.is_empty() {
            return answered(head, self.begin(None, request, context));
        }
        answered(head, self.route(request, context))
    }

    /// Answers a request that its adapter refuses before it is a call, such as one whose body is too large. What stands around
    /// requests that no route takes stands around it too.
    pub fn refuse(
        &self,
        problem: Problem,
        request: Box<HttpRequest>,
        context: Context,
    ) -> impl Future<Output = Response> + '_ {
        let head = request.method == Method::HEAD;
        #[cfg(feature = "around-http")]
        if !self.around.is_empty() {
            return answered(head, self.begin(Some(problem), request, context));
        }
        answered(head, self.refused(problem, request, context))
    }

    /// The call of a request that is refused, where something stands around it.
    fn refused(&self, problem: Problem, request: Box<HttpRequest>, context: Context) -> Run<'_> {
        #[cfg(feature = "unrouted")]
        return match self.unrouted {
            Some(_) => Ok((None, self.miss(problem, request, context))),
            None => Err(problem),
        };
        #[cfg(not(feature = "unrouted"))]
        {
            let _ = (request, context);
            Err(problem)
        }
    }

    /// The answer of what stands around all of HTTP.
    #[cfg(feature = "around-http")]
    fn begin(&self, refused: Option<Problem>, request: Box<HttpRequest>, context: Context) -> Run<'_> {
        let (id, trace) = (Arc::clone(&context.id), context.trace.clone());
        let answer = self.go_on(&self.around, refused, request, context);
        Ok((
            None,
            Box::pin(async move {
                match contained(answer, || None).await {
                    Ok(Some(response)) => Ok(Reply::Response(Box::new(response))),
                    Ok(None) => Err(Problem::deadline()),
                    Err(message) => {
                        let problem = Problem::internal(format!("panicked: {message}"));
                        self.log_problem(&problem, "", &id, trace.as_deref());
                        Err(problem)
                    }
                }
            }),
        ))
    }

    /// The answer of the first of these, which may go on with the others, or of the route.
    #[cfg(feature = "around-http")]
    pub(super) fn go_on<'a>(
        &'a self,
        around: &'a [Box<dyn AroundHttp>],
        refused: Option<Problem>,
        request: Box<HttpRequest>,
        context: Context,
    ) -> BoxFuture<'a, Response> {
        if let Some((first, within)) = around.split_first() {
            return first.answer(request, context, Routing { engine: self, within, refused });
        }
        let head = request.method == Method::HEAD;
        Box::pin(answered(
            head,
            match refused {
                Some(problem) => self.refused(problem, request, context),
                None => self.route(request, context),
            },
        ))
    }

    /// The call of a request, which has not begun, with the status of its success.
    fn route(&self, request: Box<HttpRequest>, context: Context) -> Run<'_> {
        let (route, params) = match self.router.find(&request.method, request.matched_path().canonical()) {
            Routed::Found(route, params) => (route, params),
            #[cfg(feature = "unrouted")]
            missed if self.unrouted.is_some() => return Ok((None, self.miss(missed.into_problem(), request, context))),
            Routed::WrongMethod(allow) => return Err(Problem::method_not_allowed(allow)),
            Routed::Nothing => return Err(Problem::no_route()),
        };
        let parts = Parts {
            params,
            fields: &route.fields,
            status: route.status,
            #[cfg(feature = "rpc")]
            rpc: route.rpc,
            #[cfg(feature = "unrouted")]
            missed: None,
            #[cfg(feature = "spans")]
            wired: Some(route.path),
        };
        #[cfg_attr(
            not(feature = "rpc"),
            expect(unused_mut, reason = "remote procedure calls alone say how long they may take")
        )]
        let mut called = Called { endpoint: route.endpoint, wiring: route.wiring, timeout_ms: route.timeout_ms };
        #[cfg(feature = "rpc")]
        if route.rpc {
            called.timeout_ms = crate::http::timeout_ms(&request.headers)?;
        }
        Ok((route.status, Box::pin(self.run(called, Trigger::Http(request), context, parts))))
    }

    /// The call of a request that is refused, as no route takes it or its adapter does not, which ends in this problem.
    #[cfg(feature = "unrouted")]
    fn miss(
        &self,
        problem: Problem,
        request: Box<HttpRequest>,
        context: Context,
    ) -> BoxFuture<'_, Result<Reply, Problem>> {
        let endpoint = self.unrouted.unwrap_or_default();
        let called = Called { endpoint, wiring: self.counts.0 + self.counts.1 + endpoint, timeout_ms: None };
        let parts = Parts { missed: Some(problem), ..Parts::default() };
        Box::pin(self.run(called, Trigger::Http(request), context, parts))
    }

    /// The route that takes such a request, as it is wired, and the name of its function; `None` where none does.
    pub fn route_of(&self, method: &Method, path: &str) -> Option<(&'static str, &'static str)> {
        let path = RequestPath::encoded(path);
        let Routed::Found(found, _) = self.router.find(method, path.canonical()) else { return None };
        Some((found.path, self.endpoints[found.endpoint].name))
    }

    /// The name of a wiring's function.
    pub fn function_of(&self, target: Target) -> &'static str {
        self.endpoints[target.endpoint].name
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
        #[cfg(feature = "callers")]
        let trigger = {
            let mut trigger = trigger;
            if let Trigger::Event(payload) = &mut trigger {
                payload.arrive(target.source);
            }
            trigger
        };
        let Target { endpoint, wiring, timeout_ms, .. } = target;
        let called = Called { endpoint, wiring: self.counts.0 + wiring, timeout_ms };
        let parts = Parts {
            #[cfg(feature = "spans")]
            wired: target.source,
            ..Parts::default()
        };
        self.run(called, trigger, context, parts).await
    }

    /// Calls a function by name; `None` where the app has none of that name.
    pub async fn call(
        &self,
        function: &str,
        input: serde_json::Value,
        context: Context,
    ) -> Option<Result<Reply, Problem>> {
        let endpoint = self.endpoints.iter().position(|endpoint| endpoint.name == function)?;
        let called = Called { endpoint, wiring: self.counts.0 + self.counts.1 + endpoint, timeout_ms: None };
        Some(self.run(called, Direct(input).into(), context, Parts::default()).await)
    }

    /// Closes the services, each before those it needs.
    pub async fn close(&self) {
        self.container.close().await;
    }

    /// What the app runs on.
    pub fn platform(&self) -> &Arc<dyn Platform> {
        self.container.platform()
    }

    /// The call of a function. What it takes lies in the future itself, once.
    fn run<'a>(
        &'a self,
        called: Called,
        trigger: Trigger,
        context: Context,
        parts: Parts<'a>,
    ) -> impl Future<Output = Result<Reply, Problem>> + 'a {
        let carried = match &trigger {
            Trigger::Event(payload) => payload.trace().map(str::to_owned),
            Trigger::Http(_) => None,
        };
        let endpoint = &self.endpoints[called.endpoint];
        let mut deadline_ms = context.deadline_ms;
        for timeout in [called.timeout_ms, endpoint.timeout_ms].into_iter().flatten() {
            let ends_ms = self.platform().now_ms() + u64::from(timeout);
            deadline_ms = Some(deadline_ms.map_or(ends_ms, |deadline| deadline.min(ends_ms)));
        }
        let call = Call {
            id: context.id,
            function: endpoint.name,
            deadline_ms,
            nearer_ms: AtomicU64::new(u64::MAX),
            trace: carried.or(context.trace),
            origin: context.origin,
            #[cfg(feature = "rpc")]
            rpc: parts.rpc,
            #[cfg(feature = "spans")]
            wired: parts.wired,
            #[cfg(feature = "spans")]
            span: Mutex::default(),
            trigger,
            identity: context.identity,
            established: OnceLock::new(),
            control: SessionControl::default(),
            response_headers: Mutex::default(),
            after: context.after,
            platform: Arc::clone(self.platform()),
        };
        async move {
            let outcome = self.run_in_time(called, &call, parts).await;
            // What no route takes is not told, and what an adapter refuses it tells itself, whether or not something stands
            // around it: neither has anything private.
            #[cfg(feature = "unrouted")]
            if call.function.is_empty()
                && outcome.as_ref().is_err_and(|it| !it.status().is_server_error() || it.private().is_none())
            {
                return outcome;
            }
            if let Err(problem) = &outcome {
                call.with_trace(|trace| self.log_problem(problem, call.function, &call.id, trace));
            }
            outcome
        }
    }

    async fn run_in_time(&self, called: Called, call: &Call, parts: Parts<'_>) -> Result<Reply, Problem> {
        let endpoint = &self.endpoints[called.endpoint];
        let mut outcome = pin!(async {
            match &self.guard {
                None => self.call_function(endpoint, call, parts).await,
                Some((run, chains)) => run(&self.container, &chains[called.wiring], endpoint, call, parts).await,
            }
        });
        // Set when the call first waits: most calls do not.
        let mut deadline = None;
        poll_fn(|context| {
            // One panic fails one call. Where panics abort, this is nothing.
            match catch_unwind(AssertUnwindSafe(|| outcome.as_mut().poll(context))) {
                Ok(Poll::Ready(outcome)) => return Poll::Ready(outcome),
                Ok(Poll::Pending) => {}
                Err(panic) => {
                    return Poll::Ready(Err(Problem::internal(format!("panicked: {}", panic_message(&*panic)))));
                }
            }
            let Some(deadline_ms) = call.deadline_ms else { return Poll::Pending };
            let deadline = deadline.get_or_insert_with(|| {
                let left = deadline_ms.saturating_sub(self.platform().now_ms());
                self.platform().sleep(Duration::from_millis(left))
            });
            deadline.as_mut().poll(context).map(|()| {
                call.cancel();
                Err(Problem::deadline())
            })
        })
        .await
    }

    /// The pipeline where nothing stands around the function: then nobody can have a session.
    async fn call_function(&self, endpoint: &Endpoint, call: &Call, parts: Parts<'_>) -> Result<Reply, Problem> {
        if endpoint.session == SessionMode::Required {
            return Err(Problem::no_session());
        }
        let input = read_input(endpoint, call, &parts)?;
        invoke(endpoint, &Scope::new(&self.container, call), input, &parts).await
    }

    pub(super) fn log_problem(&self, problem: &Problem, function: &str, id: &str, trace: Option<&str>) {
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

/// The answer that a call comes to.
async fn answered(head: bool, run: Run<'_>) -> Response {
    let answered = match run {
        Ok((status, reply)) => reply.await.map(|reply| respond(reply, status)),
        Err(problem) => Err(problem),
    };
    let mut response = answered.unwrap_or_else(|problem| Response::from(&problem));
    if head || WITHOUT_BODY.contains(&response.status) {
        response.body = crate::Body::default();
    }
    response
}

/// The valid input of a call.
pub(super) fn read_input(endpoint: &Endpoint, call: &Call, parts: &Parts<'_>) -> Result<serde_json::Value, Problem> {
    // An app with a contract missing does not start.
    let (Ok(contract), false) = (&endpoint.contract, endpoint.takes_nothing) else {
        return Ok(serde_json::Value::Null);
    };
    let input = input::assemble(call.trigger(), contract, parts)?;
    let violations = contract.validate(&input);
    if violations.is_empty() { Ok(input) } else { Err(invalid(endpoint, call, parts, violations)) }
}

fn invalid(endpoint: &Endpoint, call: &Call, parts: &Parts<'_>, violations: Vec<Violation>) -> Problem {
    Problem::invalid_input(match &endpoint.contract {
        Ok(contract) => input::attribute(call.trigger(), contract, parts, violations),
        Err(_) => violations,
    })
}

/// Calls the function with a valid input.
pub(super) async fn invoke(
    endpoint: &Endpoint,
    scope: &Scope<'_>,
    input: serde_json::Value,
    parts: &Parts<'_>,
) -> Result<Reply, Problem> {
    match (endpoint.invoke)(scope, input) {
        Ok(outcome) => outcome.await,
        // The schema let it through, so what the type refuses is finer than the schema can say.
        Err(error) => Err(invalid(endpoint, scope.call(), parts, vec![error.into_violation()])),
    }
}

/// A success as an HTTP response, of the route's status where it says one.
pub(super) fn respond(reply: Reply, status: Option<u16>) -> Response {
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    match reply {
        Reply::Empty => Response::new(status.unwrap_or(StatusCode::NO_CONTENT)),
        Reply::Json(body) => Response::json(status.unwrap_or(StatusCode::OK), body),
        Reply::Response(response) => *response,
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut engine = formatter.debug_struct("Engine");
        engine.field("endpoints", &self.endpoints).field("router", &self.router).field("sources", &self.sources);
        engine.field("container", &self.container).finish_non_exhaustive()
    }
}
