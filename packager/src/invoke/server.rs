//! A request for a packaged server.

use super::{
    InvokeArgs, InvokeError,
    bundles::Bundles,
    millis, print, read,
    request::{answer, given, request},
    run_until_interrupted,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use pikku_local_server::{Builder, LocalServer, Request, RequestError};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

/// How long an answer may take where it is not said.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An event as a file has it: the octets that are sent over a socket.
#[derive(Debug, Deserialize)]
struct Octets {
    request_base64: String,
}

/// Runs `invoke` for a server.
///
/// The program inherits this process's environment, as a developer's tool does. It is started for the one request, and
/// asked to stop after it.
pub(super) fn run(args: &InvokeArgs) -> Result<ExitCode, InvokeError> {
    refuse(args)?;
    let bundles = Bundles::find(args.target, args.bundle_dir.as_deref())?;
    let limit = args.timeout.unwrap_or(TIMEOUT);
    let request = match &args.event.event {
        Some(path) => octets(&read(path)?)?,
        None => request(args, &args.data.iter().map(|data| given(data)).collect::<Result<Vec<_>, _>>()?)?,
    };
    let server = LocalServer::program(bundles.server(&args.group)?).shown(true);
    let server = args.variables.iter().fold(server, |server, (name, value)| server.variable(name, value));
    send(server, request.limit(limit), limit, args.quiet)
}

/// What other targets take and a server does not.
fn refuse(args: &InvokeArgs) -> Result<(), InvokeError> {
    let event = &args.event;
    let given = [
        ("--queue", event.queue.is_some()),
        ("--cron", event.cron.is_some()),
        ("--example", event.example.is_some()),
        ("--list-examples", event.list_examples),
        ("--memory", args.memory.is_some()),
        ("--state", args.state.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(InvokeError::Option { option, platform: "server" }),
        None => Ok(()),
    }
}

/// The octets of an event: those that its JSON holds in base64, or the file's own.
fn octets(event: &[u8]) -> Result<Request, InvokeError> {
    let Ok(Octets { request_base64 }) = serde_json::from_slice(event) else {
        return Ok(Request::octets(event.to_vec()));
    };
    let octets = BASE64_STANDARD.decode(request_base64);
    let octets = octets.map_err(|error| InvokeError::Form { reason: format!("`request_base64`: {error}") })?;
    Ok(Request::octets(octets))
}

/// Starts the server, sends it the request and prints what it answers.
fn send(builder: Builder, request: Request, limit: Duration, quiet: bool) -> Result<ExitCode, InvokeError> {
    run_until_interrupted(async {
        let begun = Instant::now();
        let mut server = builder.start().await?;
        let (started, sent) = (begun.elapsed(), Instant::now());
        let answered = tokio::time::timeout(limit, server.send(request)).await;
        let taken = sent.elapsed();
        let (answer, good) = outcome(answered.map_err(|_| InvokeError::NoAnswer { limit })?)?;
        print(answer.to_string().as_bytes())?;
        let ended = match server.terminate() {
            Ok(()) => server.ended().await,
            Err(gone) => Err(gone),
        };
        if let Err(error) = ended {
            eprintln!("warning: the server was gone before it was asked to stop: {error}");
        }
        if !quiet {
            eprintln!("{}, start {}", millis(taken), millis(started));
        }
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// The response, or a report that there is none. The connection's end is what HTTP has for octets that are no request.
fn outcome(answered: Result<pikku_local_server::Response, RequestError>) -> Result<(Value, bool), InvokeError> {
    match answered {
        Ok(response) => Ok((answer(&response), true)),
        Err(RequestError::Connection(error)) => {
            let message = format!("the server closed the connection without an answer: {error}");
            Ok((json!({"errorType": "ConnectionClosed", "errorMessage": message}), false))
        }
        Err(error) => Err(InvokeError::Request(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_octets() {
        let wanted = Request::octets("GET / HTTP/1.1\r\n\r\n");
        let json = json!({"request_base64": "R0VUIC8gSFRUUC8xLjENCg0K", "request_latin1": "…"});
        assert_eq!(octets(json.to_string().as_bytes()).unwrap(), wanted);
        assert_eq!(octets(b"GET / HTTP/1.1\r\n\r\n").unwrap(), wanted);
        assert!(matches!(octets(br#"{"request_base64": "!"}"#), Err(InvokeError::Form { .. })));
    }
}
