//! An event for a bundle in the local Functions host.

use super::{
    InvokeArgs, InvokeError,
    bundles::Bundles,
    millis, print, read,
    request::{given, parts, view},
    run_until_interrupted,
};
use crate::azure::to_ncrontab;
use pikku_local_azure::{
    Builder, Function, LocalAzure, Logs, Opened, RawInvocation, Request, Trigger,
    events::{self, End, Example, QueueMessage, ServiceBusMessage, Settled, TimerRun},
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use std::{
    collections::BTreeMap,
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

/// How long an invocation may take where it is not said.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What the host is to do.
#[derive(Debug)]
enum Event {
    /// A client's request.
    Request(Request),
    /// A payload as it is, for the function that it names, or for the group's function of a trigger.
    Payload(Payload, Option<Trigger>),
    /// Messages of a queue of the app.
    Messages(String, Vec<String>),
    /// The timer of an expression.
    Timer(String),
}

/// A payload with the request that carries it.
#[derive(Debug, PartialEq, Eq)]
struct Payload {
    path: Option<String>,
    headers: Vec<(String, String)>,
    octets: Vec<u8>,
}

/// What stands in a file.
#[derive(Debug, Deserialize)]
struct Form<'a> {
    #[serde(default)]
    request: Carrier,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Carrier {
    path: Option<String>,
    headers: BTreeMap<String, String>,
}

/// Runs `invoke` for Azure Functions.
///
/// The handler inherits this process's environment, as a developer's tool does, and it goes before the bundle's
/// `local.settings.json`, as with Core Tools.
pub(super) fn run(args: &InvokeArgs) -> Result<ExitCode, InvokeError> {
    let given = [("--memory", args.memory.is_some()), ("--state", args.state.is_some())];
    if let Some((option, _)) = given.into_iter().find(|(_, given)| *given) {
        return Err(InvokeError::Option { option, platform: "azure" });
    }
    let bundles = Bundles::find(args.target, args.bundle_dir.as_deref())?;
    if args.event.list_examples {
        let list = examples(&bundles, &args.group)?;
        return super::list(list.iter().map(|example| (example.name(), example.function.as_str())));
    }
    let event = match &args.event.example {
        Some(name) => {
            let (trigger, text) = example(&bundles, &args.group, name)?;
            if args.print {
                return print(&text).map(|()| ExitCode::SUCCESS);
            }
            Event::Payload(payload(text), trigger)
        }
        None => event(args)?,
    };
    let builder = LocalAzure::bundle(bundles.azure(&args.group)?).logs(Logs::Stderr);
    let builder = builder.function_timeout(args.timeout.unwrap_or(TIMEOUT));
    let environment = std::env::vars().chain(args.variables.iter().cloned());
    send(environment.fold(builder, |all, (name, value)| all.env(name, value)), event, args.quiet)
}

/// The event that the command line describes.
fn event(args: &InvokeArgs) -> Result<Event, InvokeError> {
    if let Some(path) = &args.event.event {
        let octets = read(path)?;
        let trigger = args.deliver_as.map(|kind| kind.trigger());
        if trigger.is_none() && serde_json::from_slice::<Form<'_>>(&octets).is_err() {
            let reason = "it has no `payload`, and without --as it is not known which function it is for".to_owned();
            return Err(InvokeError::Form { reason });
        }
        return Ok(Event::Payload(payload(octets), trigger));
    }
    let data = args.data.iter().map(|data| given(data)).collect::<Result<Vec<Vec<u8>>, _>>()?;
    if let Some(queue) = &args.event.queue {
        let text = |octets| {
            String::from_utf8(octets)
                .map_err(|_| InvokeError::Form { reason: "a message of a queue is text, and this is none".to_owned() })
        };
        return Ok(Event::Messages(queue.clone(), data.into_iter().map(text).collect::<Result<_, _>>()?));
    }
    if let Some(cron) = &args.event.cron {
        return Ok(Event::Timer(to_ncrontab(cron).unwrap_or_else(|_| cron.clone())));
    }
    let request = parts(args, &data)?;
    let sent = Request::new(request.method, request.target).header("Host", request.authority).body(request.body);
    Ok(Event::Request(request.headers.into_iter().fold(sent, |sent, (name, value)| sent.header(name, value))))
}

/// The payload of a file; all of it where it is in no form that names one.
fn payload(octets: Vec<u8>) -> Payload {
    let form = serde_json::from_slice::<Form<'_>>(&octets).map(|Form { request, payload }| Payload {
        path: request.path,
        headers: request.headers.into_iter().collect(),
        octets: payload.get().as_bytes().to_vec(),
    });
    form.unwrap_or(Payload { path: None, headers: Vec::new(), octets })
}

fn examples(bundles: &Bundles, group: &str) -> Result<Vec<Example>, InvokeError> {
    let manifest = bundles.manifest()?;
    Ok(events::examples(&manifest, bundles.described(&manifest, group)?, SystemTime::now()))
}

fn example(bundles: &Bundles, group: &str, name: &str) -> Result<(Option<Trigger>, Vec<u8>), InvokeError> {
    let all = examples(bundles, group)?;
    match events::find(&all, name) {
        Some(example) => Ok((example.kind.parse().ok(), format!("{:#}\n", example.event).into_bytes())),
        None => Err(InvokeError::UnknownExample {
            name: name.to_owned(),
            group: group.to_owned(),
            known: all.iter().map(Example::name).collect(),
        }),
    }
}

/// Starts the bundle, hands it the event and prints the host's view of what it comes to.
fn send(builder: Builder, event: Event, quiet: bool) -> Result<ExitCode, InvokeError> {
    run_until_interrupted(async {
        let begun = Instant::now();
        let azure = builder.start().await?;
        for (function, reason) in azure.refused() {
            eprintln!("warning: the host does not take the function `{function}`: {reason}");
        }
        let (started, sent) = (begun.elapsed(), Instant::now());
        let (answer, good) = hand_over(&azure, event).await?;
        let taken = sent.elapsed();
        print(answer.to_string().as_bytes())?;
        azure.shutdown().await;
        if !quiet {
            eprintln!("{}, start {}", millis(taken), millis(started));
        }
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// The host's view of what came of an event, and whether the function ended well.
async fn hand_over(azure: &LocalAzure, event: Event) -> Result<(Value, bool), InvokeError> {
    Ok(match event {
        Event::Request(request) => {
            let response = match azure.open(request).await? {
                Opened::Whole(response) => response,
                Opened::Streamed(streamed) => match streamed.collect().await {
                    Ok(response) => response,
                    Err(error) => {
                        let message = format!("the response broke off: {error}");
                        return Ok((json!({"errorType": "ConnectionClosed", "errorMessage": message}), false));
                    }
                },
                _ => return Err(InvokeError::Form { reason: "the host answered in no known form".to_owned() }),
            };
            (view(response.status, &response.headers, &response.body), true)
        }
        Event::Payload(payload, trigger) => {
            let function = function(azure, &payload, trigger.as_ref())?;
            // A function for any source takes payloads of every name, and sees the name.
            let own = payload.path.filter(|_| function.name.contains("_any"));
            let path = own.unwrap_or_else(|| format!("/{}", function.name));
            let mut raw = RawInvocation::new(&function.name, payload.octets);
            raw.path = path;
            let raw = payload.headers.into_iter().fold(raw, |raw, (name, value)| raw.header(name, value));
            let invocation = azure.invoke(raw, Some(&function.trigger)).await?;
            let shown = match invocation.response() {
                Some(response) => view(response.status, &response.headers, &response.body),
                None => invocation.view(),
            };
            (shown, invocation.succeeded())
        }
        Event::Messages(queue, texts) => messages(azure, &queue, texts).await?,
        Event::Timer(schedule) => {
            let timers = || azure.functions().iter().filter(|function| function.trigger == Trigger::Timer);
            let of = |function: &Function| function.settings.get("schedule").and_then(Value::as_str).map(str::to_owned);
            let found = timers().find(|function| of(function).as_deref() == Some(&schedule));
            let found = found.or_else(|| timers().find(|function| function.name.contains("_any")));
            let found = found.ok_or_else(|| {
                let known: Vec<String> = timers().filter_map(of).collect();
                InvokeError::Form { reason: format!("no timer fires at `{schedule}`; there are: {}", known.join(", ")) }
            })?;
            let attempts = azure.timer(&found.name, TimerRun::now()).await?;
            let good = attempts.last().is_some_and(pikku_local_azure::Invocation::succeeded);
            let mut answer = attempts.last().map_or(Value::Null, pikku_local_azure::Invocation::view);
            answer["attempts"] = attempts.len().into();
            (answer, good)
        }
    })
}

/// The function that a payload is for: the one that it names, else the group's first of the trigger.
fn function<'a>(
    azure: &'a LocalAzure,
    payload: &Payload,
    trigger: Option<&Trigger>,
) -> Result<&'a Function, InvokeError> {
    let name = payload.path.as_deref().unwrap_or_default().trim_start_matches('/');
    let fits = |function: &&Function| trigger.is_none_or(|trigger| function.trigger == *trigger);
    let mut functions = azure.functions().iter().filter(fits);
    let named = functions.clone().find(|function| function.name == name);
    let found = named.or_else(|| functions.next().filter(|_| trigger.is_some()));
    found.ok_or_else(|| {
        let known: Vec<String> =
            azure.functions().iter().map(|function| format!("{} ({})", function.name, function.trigger)).collect();
        let wanted = match trigger {
            Some(trigger) => format!("has no function with a {trigger}"),
            None => format!("has no function `{name}`"),
        };
        InvokeError::Form { reason: format!("the bundle {wanted}; it has: {}", known.join(", ")) }
    })
}

/// Messages of a queue, one after the other, each until it is handled or where failed messages are kept.
async fn messages(azure: &LocalAzure, queue: &str, texts: Vec<String>) -> Result<(Value, bool), InvokeError> {
    let word = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = format!("queue-{queue}").chars().map(word).collect();
    let known = || azure.functions().iter();
    let found = known().find(|function| function.name == name || setting(function, "queueName") == Some(queue));
    let found = found.or_else(|| known().find(|function| function.name == "queue_any"));
    let function = found.ok_or_else(|| {
        let queues: Vec<&str> = known().filter_map(|function| setting(function, "queueName")).collect();
        InvokeError::Form { reason: format!("the group consumes no queue `{queue}`; it has: {}", queues.join(", ")) }
    })?;
    let (mut shown, mut good) = (Vec::new(), true);
    for text in texts {
        let settled = match function.trigger {
            Trigger::ServiceBus => {
                let mut message = ServiceBusMessage::new(text);
                let sessions = function.settings.get("isSessionsEnabled") == Some(&Value::Bool(true));
                message.session_id = sessions.then(|| "session".to_owned());
                azure.service_bus(&function.name, message).await?
            }
            _ => azure.queue(&function.name, QueueMessage::text(text)).await?,
        };
        good &= settled.end == End::Deleted;
        shown.push(outcome(&settled));
    }
    Ok((json!({"messages": shown}), good))
}

fn setting<'a>(function: &'a Function, name: &str) -> Option<&'a str> {
    function.settings.get(name).and_then(Value::as_str)
}

fn outcome(settled: &Settled) -> Value {
    let end = match &settled.end {
        End::Deleted => json!({"outcome": "ok"}),
        End::Poison(queue) => json!({"outcome": "failed", "movedTo": queue}),
        _ => json!({"outcome": "failed"}),
    };
    let Value::Object(mut end) = end else { return end };
    end.insert("attempts".to_owned(), settled.attempts.len().into());
    if let Some(last) = settled.attempts.last().filter(|last| !last.succeeded()) {
        end.insert("errorMessage".to_owned(), last.view()["errorMessage"].clone());
    }
    Value::Object(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_sent_as_it_stands() {
        let file = br#"{"request": {"method": "POST", "path": "/Mine", "headers": {"a": "b"}}, "payload": {"Data": {"n": 1.0}}}"#;
        let expected = Payload {
            path: Some("/Mine".to_owned()),
            headers: vec![("a".to_owned(), "b".to_owned())],
            octets: br#"{"Data": {"n": 1.0}}"#.to_vec(),
        };
        assert_eq!(payload(file.to_vec()), expected);
        for other in [&b"{\"Data\": "[..], b"\xff\xfe", b"{}", b""] {
            assert_eq!(payload(other.to_vec()), Payload { path: None, headers: vec![], octets: other.to_vec() });
        }
    }
}
