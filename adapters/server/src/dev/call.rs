//! One call of one function, with the app's real services and the process's environment.

use super::{log, refuse};
use crate::{AppService, Limits, ServeError};
use pikku::{
    App, AuthError, Claims, Problem, Response, Scopes, Selection, StatusCode, call::Context, function::Reply, json,
};
use serde_json::Value;
use std::{
    io::{self, Read as _},
    process::ExitCode,
    sync::OnceLock,
    time::Duration,
};
use tracing_subscriber::{filter::LevelFilter, layer::Identity};

/// The variable with the seconds that the call may take.
const TIME: &str = "PIKKU_CALL_TIME";

/// The most octets of a body that an answer holds.
const LARGEST: usize = 64 << 20;

/// Calls a function with the JSON on standard input. The answer goes to standard output, a problem to standard error with
/// exit code 1.
pub(super) fn call<S: Selection>(app: App<S>, function: &str, claims: Option<&str>) -> ExitCode {
    let executor = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(executor) => executor,
        Err(source) => return refuse(&ServeError::process("start threads")(source)),
    };
    let outcome = executor.block_on(run(app, function, claims));
    executor.shutdown_background();
    match outcome {
        Ok(code) => code,
        Err(error) => refuse(&error),
    }
}

async fn run<S: Selection>(app: App<S>, function: &str, claims: Option<&str>) -> Result<ExitCode, ServeError> {
    log::listen(LevelFilter::ERROR, Identity::new())?;
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text).map_err(ServeError::process("read the input"))?;
    let read = |what: &'static str, text: &[u8]| {
        json::from_slice::<Value>(text).map_err(|error| ServeError::process(what)(io::Error::other(error.to_string())))
    };
    let input = read("read the input as JSON", &text)?;
    let app = match claims {
        Some(claims) => {
            let _ = TYPED.set(read("read the claims as JSON", claims.as_bytes())?);
            app.authenticate_first::<typed>()
        }
        None => app,
    };
    let service = AppService::start(app, Limits::default()).await.map_err(ServeError::App)?;
    let platform = service.engine().platform();
    let limit = std::env::var(TIME).ok().and_then(|text| text.parse().ok()).map(Duration::from_secs_f64);
    let deadline_ms = limit.map(|limit| platform.now_ms().saturating_add(limit.as_millis() as u64));
    let context = Context { id: format!("{:032x}", fastrand::u128(..)).into(), deadline_ms, ..Context::default() };
    let after = context.after.clone();
    let outcome = service.engine().call(function, input, context).await;
    let outcome = match outcome {
        Some(Ok(reply)) => answer(reply).await,
        Some(Err(problem)) => Err(problem),
        None => Err(Problem::new(StatusCode::NOT_FOUND, "not_found", "the app has no such function")),
    };
    let code = match &outcome {
        Ok(answer) => print(&mut io::stdout(), answer),
        Err(problem) => print(&mut io::stderr(), &problem.to_json()),
    }
    .map(|()| if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    after.run(&**platform, deadline_ms).await;
    service.close().await;
    code.map_err(ServeError::process("write the answer"))
}

/// An answer as JSON.
async fn answer(reply: Reply) -> Result<Vec<u8>, Problem> {
    match reply {
        Reply::Empty => Ok(b"null".to_vec()),
        Reply::Json(text) => Ok(text),
        Reply::Response(response) => {
            let Response { status, headers, body } = *response;
            let failed = |reason: String| Problem::internal(reason);
            let body = body.collect(LARGEST).await.map_err(|error| failed(error.to_string()))?.into();
            serde_json::to_vec(&Response { status, headers, body }).map_err(|error| failed(error.to_string()))
        }
    }
}

fn print(out: &mut impl io::Write, text: &[u8]) -> io::Result<()> {
    out.write_all(text)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// The claims that were typed.
static TYPED: OnceLock<Value> = OnceLock::new();

/// Gives the call the session that was typed. It has every scope that its claim `scope` names.
#[pikku::authenticator]
async fn typed() -> Result<Option<Claims>, AuthError> {
    Ok(TYPED.get().map(|claims| {
        let scopes = claims.get("scope").and_then(Value::as_str).map(Scopes::parse).unwrap_or_default();
        Claims::new(claims.clone()).with_scopes(scopes)
    }))
}
