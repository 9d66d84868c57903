//! A request for a packaged server, messages for one of its queues, a run of one of its schedules.

use super::{
    InvokeArgs, InvokeError,
    bundles::Bundles,
    millis, print, read,
    request::{answer, given, request},
    run_until_interrupted,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use pikku_local_server::{Builder, Handled, LocalServer, Request, RequestError};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    ffi::OsString,
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
/// The program inherits this process's environment, as a developer's tool does. It is started for the one event, and
/// asked to stop after it.
pub(super) fn run(args: &InvokeArgs) -> Result<ExitCode, InvokeError> {
    refuse(args)?;
    let bundles = Bundles::find(args.target, args.bundle_dir.as_deref())?;
    let limit = args.timeout.unwrap_or(TIMEOUT);
    let event = event(args, limit)?;
    let server = LocalServer::program(bundles.server(&args.group)?).shown(true);
    let server = match std::env::var_os(QUEUES) {
        Some(_) => server,
        None => server.variable(QUEUES, store(args, &bundles)?),
    };
    let server = args.variables.iter().fold(server, |server, (name, value)| server.variable(name, value));
    let server = if matches!(event, Event::Request(_)) { server } else { server.telling_of_messages() };
    send(server, event, limit, args.quiet)
}

/// The variable that names the store of the queues.
const QUEUES: &str = "PIKKU_QUEUES";

/// How often to look whether a message is handled.
const LOOK: Duration = Duration::from_millis(10);

/// What is handed to the server.
enum Event {
    Request(Request),
    /// Messages of a queue.
    Messages {
        queue: String,
        bodies: Vec<String>,
    },
    /// A run of a schedule, by its name.
    Run(String),
}

fn event(args: &InvokeArgs, limit: Duration) -> Result<Event, InvokeError> {
    if let Some(path) = &args.event.event {
        return Ok(Event::Request(octets(&read(path)?)?.limit(limit)));
    }
    let data = args.data.iter().map(|data| given(data)).collect::<Result<Vec<_>, _>>()?;
    if let Some(queue) = &args.event.queue {
        let text = |data: Vec<u8>| {
            String::from_utf8(data).map_err(|_| InvokeError::Form { reason: "a message is text".to_owned() })
        };
        let bodies = data.into_iter().map(text).collect::<Result<_, _>>()?;
        return Ok(Event::Messages { queue: queue.clone(), bodies });
    }
    Ok(match &args.event.cron {
        Some(schedule) => Event::Run(schedule.clone()),
        None => Event::Request(request(args, &data)?.limit(limit)),
    })
}

/// The store of the queues: a file that is kept between invocations, as what Workers store is.
fn store(args: &InvokeArgs, bundles: &Bundles) -> Result<OsString, InvokeError> {
    let folder = args.state.clone().unwrap_or_else(|| bundles.dir().join(".state"));
    std::fs::create_dir_all(&folder).map_err(|source| InvokeError::State { path: folder.clone(), source })?;
    let mut address = OsString::from("sqlite:");
    address.push(folder.join("pikku.db"));
    Ok(address)
}

/// What other targets take and a server does not.
fn refuse(args: &InvokeArgs) -> Result<(), InvokeError> {
    let event = &args.event;
    let given = [
        ("--example", event.example.is_some()),
        ("--list-examples", event.list_examples),
        ("--memory", args.memory.is_some()),
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

/// Hands an event to the server; what it comes to, and whether that is well.
async fn hand_over(server: &LocalServer, event: Event) -> Result<(Value, bool), InvokeError> {
    match event {
        Event::Request(request) => outcome(server.send(request).await),
        Event::Messages { queue, bodies } => {
            let mut command = vec!["queues", "send", "--json", &queue, "--"];
            command.extend(bodies.iter().map(String::as_str));
            let sent = administer(server, &command).await?;
            let ids = sent["ids"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let handled = handled(server, &queue, ids.map(str::to_owned).collect()).await;
            let ids = |done: bool| handled.iter().filter(|one| one.done == done).map(|one| &one.id).collect::<Vec<_>>();
            Ok((json!({"acknowledged": ids(true), "retried": ids(false)}), true))
        }
        Event::Run(schedule) => {
            administer(server, &["schedules", "run", "--json", &schedule]).await?;
            let queue = format!("schedule.{schedule}");
            loop {
                if let Some(run) = server.handled(&queue).first() {
                    return Ok((json!({"outcome": if run.done { "ok" } else { "failed" }}), run.done));
                }
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// What each of the messages first came to, in their order.
async fn handled(server: &LocalServer, queue: &str, ids: Vec<String>) -> Vec<Handled> {
    loop {
        let all = server.handled(queue);
        let found: Vec<Handled> =
            ids.iter().filter_map(|id| all.iter().find(|handled| handled.id == *id)).cloned().collect();
        if found.len() == ids.len() {
            return found;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn administer(server: &LocalServer, command: &[&str]) -> Result<Value, InvokeError> {
    let printed = server.administer(command).await.map_err(|error| InvokeError::Queue { reason: error.to_string() })?;
    serde_json::from_str(&printed).map_err(|error| InvokeError::Queue { reason: error.to_string() })
}

/// Starts the server, sends it the event and prints what it answers.
fn send(builder: Builder, event: Event, limit: Duration, quiet: bool) -> Result<ExitCode, InvokeError> {
    run_until_interrupted(async {
        let begun = Instant::now();
        let mut server = builder.start().await?;
        let (started, sent) = (begun.elapsed(), Instant::now());
        let answered = tokio::time::timeout(limit, hand_over(&server, event)).await;
        let taken = sent.elapsed();
        let (answer, good) = answered.map_err(|_| InvokeError::NoAnswer { limit })??;
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
