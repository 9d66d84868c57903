//! An event for a bundle in the local Lambda.

use super::{InvokeArgs, InvokeError, bundles::Bundles, millis, print, read, run_until_interrupted};
use crate::{output::bytes, template::FunctionSettings};
use pikku_local_lambda::{Builder, Invocation, Logs, events};
use serde_json::json;
use std::{
    process::ExitCode,
    time::{Duration, SystemTime},
};

/// How long a function may take where it is not said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The kinds of events that are given on the command line are those of Workers.
fn refuse_requests(args: &InvokeArgs) -> Result<(), InvokeError> {
    let event = &args.event;
    let option =
        [("a path", event.url.is_some()), ("--queue", event.queue.is_some()), ("--cron", event.cron.is_some())];
    match option.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(InvokeError::Option { option, platform: "lambda" }),
        None => Ok(()),
    }
}

/// Runs `invoke` for Lambda.
///
/// The function inherits this process's environment, credentials included, as a developer's tool does: what is set
/// here is what it runs with. What Lambda itself sets is set as there.
pub(super) fn run(args: &InvokeArgs) -> Result<ExitCode, InvokeError> {
    refuse_requests(args)?;
    let bundles = Bundles::find(args.target, args.bundle_dir.as_deref())?;
    if args.event.list_examples {
        let list = examples(&bundles, &args.group)?;
        return super::list(list.iter().map(|example| (example.name(), example.function.as_str())));
    }
    let event = match (&args.event.event, &args.event.example) {
        (Some(path), _) => read(path)?,
        (None, name) => example(&bundles, &args.group, name.as_deref().unwrap_or_default())?,
    };
    if args.print {
        return print(&event).map(|()| ExitCode::SUCCESS);
    }
    let builder = args.variables.iter().fold(bundles.lambda(&args.group)?, |all, (name, value)| all.env(name, value));
    let builder = builder
        .function_name(&args.group)
        .memory_mb(args.memory.unwrap_or(FunctionSettings::default().memory_mb))
        .timeout(args.timeout.unwrap_or(TIMEOUT))
        .inherit_env(true)
        .logs(Logs::Stderr);
    let builder = match bundles.init_budget(&args.group) {
        Some(budget) => builder.init_timeout(budget),
        None => builder,
    };
    send(builder, event, args.quiet)
}

fn examples(bundles: &Bundles, group: &str) -> Result<Vec<events::Example>, InvokeError> {
    let manifest = bundles.manifest()?;
    Ok(events::examples(&manifest, bundles.described(&manifest, group)?, SystemTime::now()))
}

fn example(bundles: &Bundles, group: &str, name: &str) -> Result<Vec<u8>, InvokeError> {
    let all = examples(bundles, group)?;
    match events::find(&all, name) {
        Some(example) => Ok(format!("{:#}\n", example.event).into_bytes()),
        None => Err(InvokeError::UnknownExample {
            name: name.to_owned(),
            group: group.to_owned(),
            known: all.iter().map(events::Example::name).collect(),
        }),
    }
}

/// Starts the bundle, hands it the event and prints what it comes to.
fn send(builder: Builder, event: Vec<u8>, quiet: bool) -> Result<ExitCode, InvokeError> {
    run_until_interrupted(async {
        let lambda = builder.start()?;
        let result = lambda.invoke(event).await;
        let answered = match &result {
            Ok(invocation) => {
                print(&invocation.payload())?;
                if !quiet {
                    eprintln!("{}", figures(invocation));
                }
                invocation.error().is_none()
            }
            // Lambda refuses an event as it reports an error: as JSON.
            Err(refused) => {
                let report = json!({ "errorType": refused.error_type(), "errorMessage": refused.to_string() });
                print(report.to_string().as_bytes())?;
                false
            }
        };
        lambda.shutdown().await;
        Ok(if answered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// What the invocation cost, for a person.
fn figures(invocation: &Invocation) -> String {
    let mut line = format!("request {}: {}", invocation.request_id, millis(invocation.duration));
    if let Some(init) = invocation.init_duration {
        line += &format!(", start {}", millis(init));
    }
    if let Some(memory) = invocation.max_memory {
        line += &format!(", memory {}", bytes(memory));
    }
    line
}
