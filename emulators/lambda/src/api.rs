//! The Runtime API and the Extensions API over HTTP/1.1, for one process.

use crate::{
    ErrorReport, Outcome, PAYLOAD_LIMIT,
    extension::Unregistered,
    lambda::Shared,
    state::{Delivery, Refusal, SandboxId},
    stream,
};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{convert::Infallible, sync::Arc};
use tokio::{net::TcpListener, task::JoinSet};

/// What Lambda adds to the largest answer.
const ANSWER_MARGIN: usize = 100;

/// How much of an answer that is too large is read, so that whoever sends it hears the refusal.
const READ_LIMIT: usize = 64 * 1024 * 1024;

type Reply = Response<Full<Bytes>>;

/// Serves the connections of one process until dropped.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, sandbox: SandboxId) {
    let mut connections = JoinSet::new();
    // A listener on the loopback that can no longer accept leaves the process without a platform; its time runs out.
    while let Ok((stream, _)) = listener.accept().await {
        // An answer is two small writes; without this the second would wait for the first's acknowledgement.
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let shared = shared.clone();
                async move { Ok::<_, Infallible>(answer(&shared, sandbox, request).await) }
            });
            // A connection that breaks off is the other side's to notice.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(shared: &Arc<Shared>, sandbox: SandboxId, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().to_owned();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let result = match (request.method(), segments.as_slice()) {
        (&Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => next(shared, sandbox).await,
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "response"]) => {
            response(shared, sandbox, id, request).await
        }
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "error"]) => {
            error(shared, sandbox, id, request).await
        }
        (&Method::POST, ["2018-06-01", "runtime", "init", "error"]) => init_error(shared, sandbox, request).await,
        (&Method::POST, ["2020-01-01", "extension", "register"]) => register(shared, sandbox, request).await,
        (&Method::GET, ["2020-01-01", "extension", "event", "next"]) => {
            extension_next(shared, sandbox, request.headers()).await
        }
        (&Method::PUT, ["2022-07-01", "telemetry"] | ["2020-08-15", "logs"]) => {
            Ok(report(StatusCode::ACCEPTED, "Telemetry.NotSupported", "this Lambda is local and sends no telemetry"))
        }
        _ => Ok(report(StatusCode::NOT_FOUND, "NotFound", "there is no such call in the Runtime API")),
    };
    result.unwrap_or_else(refuse)
}

async fn next(shared: &Arc<Shared>, sandbox: SandboxId) -> Result<Reply, Refusal> {
    let delivery = shared.change(|state| state.next(sandbox))?;
    match delivery.await {
        Ok(delivery) => Ok(event(delivery)),
        // The sandbox is gone, and with it the process that asked.
        Err(_) => Err(Refusal::NotStarting),
    }
}

fn event(delivery: Delivery) -> Reply {
    let Delivery { request_id, invocation_id, deadline_ms, function_arn, trace, request } = delivery;
    let mut reply = Response::new(Full::new(request.payload));
    let headers = reply.headers_mut();
    let mut set = |name: &'static str, value: Option<String>| {
        // What no header can hold was not sent as one either.
        if let Some(value) = value.and_then(|value| header::HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    };
    set("content-type", Some("application/json".into()));
    set("lambda-runtime-aws-request-id", Some(request_id));
    set("lambda-runtime-invocation-id", Some(invocation_id));
    set("lambda-runtime-deadline-ms", Some(deadline_ms.to_string()));
    set("lambda-runtime-invoked-function-arn", Some(function_arn));
    set("lambda-runtime-trace-id", Some(trace));
    set("lambda-runtime-client-context", request.client_context);
    set("lambda-runtime-cognito-identity", request.cognito_identity);
    set("lambda-runtime-aws-tenant-id", request.tenant_id);
    reply
}

async fn response(
    shared: &Arc<Shared>,
    sandbox: SandboxId,
    id: &str,
    request: Request<Incoming>,
) -> Result<Reply, Refusal> {
    let (head, body) = request.into_parts();
    shared.change(|state| state.holds(sandbox, id, text(&head.headers, "lambda-runtime-invocation-id")))?;
    let mode = text(&head.headers, "lambda-runtime-function-response-mode");
    if mode.is_some_and(|mode| mode.eq_ignore_ascii_case("streaming")) {
        let content_type = text(&head.headers, "content-type").map(str::to_owned);
        return streaming(shared, sandbox, id, content_type, body).await;
    }
    let limit = PAYLOAD_LIMIT + ANSWER_MARGIN;
    match read(body, limit).await {
        Read::Whole(body) => shared.change(|state| state.finish(sandbox, id, Outcome::Response(body)))?,
        Read::TooLarge => {
            let message = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
            let error = ErrorReport::new("Function.ResponseSizeTooLarge", message);
            shared.change(|state| state.finish(sandbox, id, Outcome::FunctionError(error)))?;
            return Err(Refusal::TooLarge);
        }
        Read::BrokenOff => return Ok(broken_off()),
    }
    Ok(accepted())
}

async fn streaming(
    shared: &Arc<Shared>,
    sandbox: SandboxId,
    id: &str,
    content_type: Option<String>,
    mut body: Incoming,
) -> Result<Reply, Refusal> {
    shared.change(|state| state.begin_stream(sandbox, id, content_type))?;
    let mut error = None;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            error = Some(ErrorReport::new("Runtime.TruncatedResponse", "the stream broke off before its end"));
            break;
        };
        match frame.into_data() {
            Ok(chunk) => match shared.change(|state| state.stream(sandbox, id, &chunk)) {
                Ok(()) => {}
                Err(Refusal::TooLarge) => {
                    let message = format!("the stream has more than {} bytes", stream::STREAM_LIMIT);
                    let error = ErrorReport::new("Function.ResponseSizeTooLarge", message);
                    shared.change(|state| state.end_stream(sandbox, id, Some(error)))?;
                    return Err(Refusal::TooLarge);
                }
                Err(refusal) => return Err(refusal),
            },
            Err(frame) => error = frame.trailers_ref().and_then(stream::error_in).or(error),
        }
    }
    shared.change(|state| state.end_stream(sandbox, id, error))?;
    Ok(accepted())
}

async fn error(
    shared: &Arc<Shared>,
    sandbox: SandboxId,
    id: &str,
    request: Request<Incoming>,
) -> Result<Reply, Refusal> {
    let (head, body) = request.into_parts();
    shared.change(|state| state.holds(sandbox, id, text(&head.headers, "lambda-runtime-invocation-id")))?;
    let Read::Whole(body) = read(body, PAYLOAD_LIMIT).await else { return Ok(broken_off()) };
    let report = ErrorReport::posted(text(&head.headers, "lambda-runtime-function-error-type"), body);
    shared.change(|state| state.finish(sandbox, id, Outcome::FunctionError(report)))?;
    Ok(accepted())
}

async fn init_error(shared: &Arc<Shared>, sandbox: SandboxId, request: Request<Incoming>) -> Result<Reply, Refusal> {
    let (head, body) = request.into_parts();
    let Read::Whole(body) = read(body, PAYLOAD_LIMIT).await else { return Ok(broken_off()) };
    let report = ErrorReport::posted(text(&head.headers, "lambda-runtime-function-error-type"), body);
    shared.change(|state| state.init_error(sandbox, &report))?;
    Ok(accepted())
}

async fn register(shared: &Arc<Shared>, sandbox: SandboxId, request: Request<Incoming>) -> Result<Reply, Refusal> {
    let (head, body) = request.into_parts();
    let Read::Whole(body) = read(body, PAYLOAD_LIMIT).await else { return Ok(broken_off()) };
    let Some(name) = text(&head.headers, "lambda-extension-name") else {
        return Ok(report(StatusCode::FORBIDDEN, "Extension.InvalidExtensionName", "Lambda-Extension-Name is missing"));
    };
    let wanted: Option<Value> = serde_json::from_slice(&body).ok();
    let events: Vec<String> = wanted
        .as_ref()
        .and_then(|wanted| wanted["events"].as_array())
        .map(|events| events.iter().map(|event| event.as_str().unwrap_or_default().to_owned()).collect())
        .unwrap_or_default();
    let registered = shared.change(|state| Ok(state.extensions_at_start(sandbox)?.register(name, &events)))?;
    let settings = &shared.settings;
    let id = match registered {
        Ok(id) => id,
        Err(Unregistered::NameTaken) => {
            return Ok(report(StatusCode::FORBIDDEN, "Extension.AlreadyRegistered", "the name is taken"));
        }
        Err(Unregistered::ShutdownNotForInternal) => {
            let message = "an extension inside the function's process is not told of the shutdown; it gets SIGTERM";
            return Ok(report(StatusCode::FORBIDDEN, "ShutdownEventNotSupportedForInternalExtension", message));
        }
        Err(Unregistered::UnknownEvent(event)) => {
            let message = format!("there is no event `{event}`");
            return Ok(report(StatusCode::FORBIDDEN, "Extension.InvalidEventType", &message));
        }
    };
    let mut body = json!({
        "functionName": settings.function_name,
        "functionVersion": "$LATEST",
        "handler": "bootstrap",
    });
    let features = text(&head.headers, "lambda-extension-accept-feature").unwrap_or_default();
    if features.split(',').any(|feature| feature.trim() == "accountId") {
        body["accountId"] = crate::environment::ACCOUNT.into();
    }
    let mut reply = json_reply(StatusCode::OK, &body);
    if let Ok(id) = header::HeaderValue::from_str(&id) {
        reply.headers_mut().insert("lambda-extension-identifier", id);
    }
    Ok(reply)
}

async fn extension_next(shared: &Arc<Shared>, sandbox: SandboxId, headers: &HeaderMap) -> Result<Reply, Refusal> {
    let id = text(headers, "lambda-extension-identifier").unwrap_or_default();
    let Some(events) = shared.change(|state| state.extension_events(sandbox, id)) else {
        return Ok(report(StatusCode::FORBIDDEN, "Extension.UnknownExtensionIdentifier", "no such extension"));
    };
    let event = events.lock().await.recv().await;
    let mut reply = Response::new(Full::new(event.unwrap_or_default()));
    reply.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Ok(reply)
}

enum Read {
    Whole(Bytes),
    TooLarge,
    BrokenOff,
}

/// Reads a body up to a limit. One that is larger is read on for a while and forgotten.
async fn read(mut body: Incoming, limit: usize) -> Read {
    let (mut kept, mut seen) = (BytesMut::new(), 0usize);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Read::BrokenOff };
        let Ok(chunk) = frame.into_data() else { continue };
        seen += chunk.len();
        if seen <= limit {
            kept.extend_from_slice(&chunk);
        } else if seen > READ_LIMIT {
            break;
        }
    }
    if seen > limit { Read::TooLarge } else { Read::Whole(kept.freeze()) }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn accepted() -> Reply {
    json_reply(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

fn broken_off() -> Reply {
    report(StatusCode::BAD_REQUEST, "InvalidRequest", "the body broke off or is too large")
}

fn refuse(refusal: Refusal) -> Reply {
    let (status, error_type, message) = match refusal {
        Refusal::UnknownRequest => (StatusCode::BAD_REQUEST, "InvalidRequestID", "no such request"),
        Refusal::WrongInvocation => {
            (StatusCode::BAD_REQUEST, "InvalidInvocationID", "the invocation id belongs to another request")
        }
        Refusal::AlreadyAnswered => (StatusCode::FORBIDDEN, "InvalidStateTransition", "the request was answered"),
        Refusal::TimedOut => (StatusCode::GONE, "InvocationTimedOut", "the request's deadline has passed"),
        Refusal::Busy => (StatusCode::FORBIDDEN, "InvalidStateTransition", "an invocation is still to be answered"),
        Refusal::NotStarting => (StatusCode::FORBIDDEN, "InvalidStateTransition", "the start is over"),
        Refusal::TooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "the answer is larger than Lambda takes")
        }
    };
    report(status, error_type, message)
}

fn report(status: StatusCode, error_type: &str, message: &str) -> Reply {
    json_reply(status, &json!({ "errorType": error_type, "errorMessage": message }))
}

fn json_reply(status: StatusCode, body: &Value) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body.to_string())));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    reply
}
