//! What every request of the host passes through.

use crate::{
    answer::{Answer, Answering},
    host::{HTTP_TIMEOUT, Host},
    http,
    invocation::{self, Failure, Outcome},
    platform::{log_of, now_ms},
};
use hyper::{Request, body::Incoming};
use pikku::{
    Engine, Kinds, Problem, Response, Selection, StatusCode,
    call::Context,
    http::{HeaderValue, HttpRequest, Method},
    platform::Level,
};
use pikku_hyper::{Intake, Limits, Room};
use std::{
    marker::PhantomData,
    pin::pin,
    sync::{Arc, OnceLock},
};
use tokio::sync::{Notify, watch};

/// What bodies may take: 100 MiB each, as much as the host takes ("HTTP trigger", limits), for as long as the platform's load
/// balancer waits.
const BODIES: Limits = Limits { body: 100 << 20, bodies: 256 << 20, time: HTTP_TIMEOUT };

/// What the headers tell the handler itself.
#[derive(Debug, Default)]
struct Told {
    /// The id of the invocation: in every request that the host makes for one, set by the host whatever the client sent
    /// (`AddHeaders` and `AddProxyingHeaders` of the host's `DefaultHttpWorkerService`).
    id: Option<Arc<str>>,
    /// Whether it is proxied, which every request of a client is and no other (`StartForwarding` of the host's
    /// `DefaultHttpProxyService`).
    proxied: bool,
    /// The trace that it belongs to (W3C Trace Context), as it arrived.
    trace: Option<String>,
    /// Whether its body comes only when it is asked for.
    waits: bool,
}

impl Told {
    /// Notes what a header tells, whose name is in lower case.
    fn note(&mut self, name: &str, value: &HeaderValue) {
        fn text<'a, T: From<&'a str>>(value: &'a HeaderValue) -> Option<T> {
            value.to_str().ok().filter(|text| !text.is_empty()).map(T::from)
        }
        match name {
            "x-azure-functions-invocationid" if self.id.is_none() => self.id = text(value),
            "x-ms-invocation-id" => self.proxied = true,
            "traceparent" if self.trace.is_none() => self.trace = text(value),
            "expect" => self.waits = true,
            _ => {}
        }
    }
}

/// Whether the app has started, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Started {
    outcome: OnceLock<Result<Arc<Engine>, String>>,
    told: Notify,
}

impl Started {
    pub(crate) fn set(&self, outcome: Result<Arc<Engine>, String>) {
        // It is set once.
        let _ = self.outcome.set(outcome);
        self.told.notify_waiters();
    }

    pub(crate) fn now(&self) -> Option<&Result<Arc<Engine>, String>> {
        self.outcome.get()
    }

    async fn wait(&self) -> &Result<Arc<Engine>, String> {
        // Once it is known nothing is listened for, which takes a lock.
        if let Some(outcome) = self.now() {
            return outcome;
        }
        loop {
            let mut told = pin!(self.told.notified());
            // Listening before looking, so that nothing is told in between.
            told.as_mut().enable();
            if let Some(outcome) = self.now() {
                return outcome;
            }
            told.await;
        }
    }
}

/// Answers the host.
#[derive(Debug)]
pub(crate) struct Handler<S> {
    host: Host,
    started: Arc<Started>,
    intake: Intake,
    stopping: watch::Receiver<bool>,
    selection: PhantomData<fn() -> S>,
}

impl<S: Selection> Handler<S> {
    pub(crate) fn new(host: Host, started: Arc<Started>, stopping: watch::Receiver<bool>) -> Self {
        Self { host, started, intake: Intake::new(BODIES), stopping, selection: PhantomData }
    }

    /// What is told when the process is asked to stop, and keeps it from ending while it is held.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> hyper::Response<Answer> {
        let (parts, body) = request.into_parts();
        // Its headers are passed through once, which costs less than a look for each that is wanted.
        let mut told = Told::default();
        let (request, room) = http::request(&self.host, parts, |name, value| told.note(name, value));
        let Told { id, proxied, trace, waits } = told;
        let Some(id) = id else { return sent(without_id(&request), room, Answering::none()) };
        let deadline_ms = Some(self.host.deadline_ms(now_ms(), proxied));
        let context = Context { id, deadline_ms, trace, ..Context::default() };
        let engine = match self.started.wait().await {
            Ok(engine) => engine,
            Err(reason) => return sent(not_started(&request, &context.id, reason), room, Answering::none()),
        };
        let answering = Answering::new(engine, &context, self.stopping.clone());
        let response = if !proxied {
            self.invoked(engine, &request, body, context).await
        } else if const { S::KINDS.has(Kinds::HTTP) } {
            self.proxied(engine, request, body, waits, context).await
        } else {
            Response::refusal(&no_http(), request.method == Method::HEAD)
        };
        sent(response, room, answering)
    }

    /// Answers a request of a client.
    async fn proxied(
        &self,
        engine: &Engine,
        mut request: Box<HttpRequest>,
        body: Incoming,
        waits: bool,
        mut context: Context,
    ) -> Response {
        let taken = self.intake.take(pin!(body), waits).await;
        http::place(&self.host, &mut request, &context.id);
        context.identity = http::identity(&self.host, &request);
        match taken {
            Ok(mut taken) => {
                request.body = std::mem::take(&mut taken.octets);
                // Until it is answered the body may be held.
                engine.answer(request, context).await
            }
            // The client's own mistake.
            Err(problem) => engine.refuse(problem, request, context).await,
        }
    }

    /// Answers an invocation, which the host itself sends.
    async fn invoked(&self, engine: &Engine, request: &HttpRequest, body: Incoming, context: Context) -> Response {
        let (id, function) = (context.id.clone(), function_of(request));
        let outcome = match invocation_of(request) {
            Ok(()) => match self.intake.take(pin!(body), false).await {
                Ok(taken) => {
                    let invocation = invocation::Invocation { host: &self.host, function, payload: &taken.octets };
                    invocation.handle::<S>(engine, context).await
                }
                Err(problem) => Err(Failure::Unread(problem)),
            },
            Err(failure) => Err(failure),
        };
        written(outcome, &id, function)
    }
}

/// The function that an invocation is for.
fn function_of(request: &HttpRequest) -> &str {
    request.path.raw().trim_start_matches('/')
}

/// The answer to every call of an app that could not start.
fn not_started(request: &HttpRequest, id: &str, reason: &str) -> Response {
    let function = function_of(request);
    log_of(Level::Error, id, function, "not called, for the app could not start", Some(reason));
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "start_failed", "the app could not start");
    Response::refusal(&problem, request.method == Method::HEAD)
}

/// A request that is for no invocation: the host asks whether something listens, at `/`, before it sends anything.
fn without_id(request: &HttpRequest) -> Response {
    if request.path.raw() == "/" {
        return Response::new(pikku::http::StatusCode::OK);
    }
    let detail = "this is a custom handler of Azure Functions: requests reach it through the Functions host";
    Response::refusal(&Problem::malformed(detail), request.method == Method::HEAD)
}

fn no_http() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
}

/// Whether a request can be an invocation.
fn invocation_of(request: &HttpRequest) -> Result<(), Failure> {
    if request.method == Method::POST {
        return Ok(());
    }
    Err(Failure::Malformed(format!(
        "an invocation is a POST, and this is a {}; requests of clients are to be proxied: set \
         `customHandler.enableProxyingHttpRequest` in host.json, and not `enableForwardingHttpRequest`",
        request.method
    )))
}

/// The host's answer to an invocation. Any status but 2xx makes it fail, and the host reads no body of it: what went wrong is
/// in the log.
fn written(outcome: Outcome, id: &str, function: &str) -> Response {
    let failure = match outcome {
        Ok(body) => return Response::new(pikku::http::StatusCode::OK).with_body("application/json", body),
        Err(failure) => failure,
    };
    let problem = match failure {
        Failure::Unread(problem) => {
            log_of(Level::Error, id, function, "an invocation could not be read", Some(problem.detail()));
            problem
        }
        Failure::Malformed(reason) => {
            log_of(Level::Error, id, function, "an invocation is malformed", Some(&reason));
            Problem::malformed(reason)
        }
        Failure::Unwired(reason) => {
            log_of(Level::Error, id, function, "an invocation is for nobody", Some(&reason));
            Problem::new(StatusCode::NOT_FOUND, "unwired", reason)
        }
        // It is in the log already.
        Failure::Failed(problem) => {
            let detail = problem.detail().to_owned();
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, problem.code().to_owned(), detail)
        }
    };
    Response::from(&problem)
}

fn sent(response: Response, room: Room, answering: Answering) -> hyper::Response<Answer> {
    pikku_hyper::response(response, room, |body| Answer::new(body, answering))
}
