//! What every request of the host passes through.

use crate::{
    answer::{Answer, Answering},
    host::Host,
    http,
    intake::Intake,
    invocation::{self, Failure, Outcome},
    platform::{log_of, now_ms},
};
use ::http::request::Parts;
use hyper::{Request, body::Incoming};
use pikku::{
    Engine, Kinds, Problem, Response, Selection, StatusCode,
    call::Context,
    http::{HeaderMap, Method},
    platform::Level,
};
use std::{
    marker::PhantomData,
    pin::pin,
    sync::{Arc, OnceLock},
};
use tokio::sync::{Notify, watch};

/// The id of the invocation: in every request that the host makes for one, set by the host whatever the client sent
/// (`AddHeaders` and `AddProxyingHeaders` of the host's `DefaultHttpWorkerService`).
const INVOCATION: &str = "x-azure-functions-invocationid";

/// In every request that is proxied, and in no other (`StartForwarding` of the host's `DefaultHttpProxyService`).
const PROXIED: &str = "x-ms-invocation-id";

/// The header of W3C Trace Context.
const TRACE: &str = "traceparent";

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
        Self { host, started, intake: Intake::default(), stopping, selection: PhantomData }
    }

    /// What is told when the process is asked to stop, and keeps it from ending while it is held.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> hyper::Response<Answer> {
        let (parts, body) = request.into_parts();
        let Some(id) = text(&parts.headers, INVOCATION) else { return sent(without_id(&parts), None) };
        let proxied = parts.headers.contains_key(PROXIED);
        let mut context = Context {
            deadline_ms: Some(self.host.deadline_ms(now_ms(), proxied)),
            trace: text(&parts.headers, TRACE),
            id,
            ..Context::default()
        };
        let engine = match self.started.wait().await {
            Ok(engine) => engine,
            Err(reason) => {
                let function = parts.uri.path().trim_start_matches('/');
                log_of(Level::Error, &context.id, function, "not called, for the app could not start", Some(reason));
                let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "start_failed", "the app could not start");
                return sent(Response::refusal(&problem, parts.method == Method::HEAD), None);
            }
        };
        let answering = Answering::new(engine, &context, self.stopping.clone());
        if proxied {
            let response = if const { S::KINDS.has(Kinds::HTTP) } {
                self.proxied(engine, parts, body, context).await
            } else {
                Response::refusal(&no_http(), parts.method == Method::HEAD)
            };
            return sent(response, Some(answering));
        }
        let function = parts.uri.path().trim_start_matches('/').to_owned();
        let id = context.id.clone();
        let outcome = match invocation_of(&parts) {
            Ok(()) => match self.intake.take(body).await {
                Ok((octets, _room)) => {
                    let invocation = invocation::Invocation { host: &self.host, function: &function, payload: &octets };
                    invocation.handle::<S>(engine, &mut context).await
                }
                Err(problem) => Err(Failure::Unread(problem)),
            },
            Err(failure) => Err(failure),
        };
        sent(written(outcome, &id, &function), Some(answering))
    }

    async fn proxied(&self, engine: &Engine, parts: Parts, body: Incoming, context: Context) -> Response {
        match self.intake.take(body).await {
            Ok((octets, _room)) => {
                let request = http::proxied(&self.host, parts, octets, &context.id);
                let context = Context { identity: http::identity(&request), ..context };
                engine.http(request, context).await
            }
            // The client's own mistake.
            Err(problem) => Response::refusal(&problem, parts.method == Method::HEAD),
        }
    }
}

/// A request that is for no invocation: the host asks whether something listens, at `/`, before it sends anything.
fn without_id(parts: &Parts) -> Response {
    if parts.uri.path() == "/" {
        return Response::new(pikku::http::StatusCode::OK);
    }
    let detail = "this is a custom handler of Azure Functions: requests reach it through the Functions host";
    Response::refusal(&Problem::malformed(detail), parts.method == Method::HEAD)
}

fn no_http() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
}

/// Whether a request can be an invocation.
fn invocation_of(parts: &Parts) -> Result<(), Failure> {
    if parts.method == Method::POST {
        return Ok(());
    }
    Err(Failure::Malformed(format!(
        "an invocation is a POST, and this is a {}; requests of clients are to be proxied: set \
         `customHandler.enableProxyingHttpRequest` in host.json, and not `enableForwardingHttpRequest`",
        parts.method
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

fn sent(response: Response, answering: Option<Answering>) -> hyper::Response<Answer> {
    let Response { status, headers, body } = response;
    let mut response = hyper::Response::new(Answer::new(body, answering));
    *response.status_mut() = status;
    *response.headers_mut() = headers.to_map();
    response
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().filter(|text| !text.is_empty()).map(str::to_owned)
}
