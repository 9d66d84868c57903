//! `cargo pikku invoke`: one event for one bundle, in the local Lambda.
//!
//! The event goes in as it is, valid or not; what the platform would answer comes out on stdout, be it the function's
//! answer or a report of its error, and everything else on stderr. Nothing is built, and Cargo is asked only where the
//! bundles are not to be found without it, so that a call costs little more than the bundle's own start.

mod bundles;
mod error;

use crate::{cli::Platform, output::bytes, template::FunctionSettings};
use bundles::Bundles;
use clap::Args;
pub(crate) use error::InvokeError;
use pikku_local_lambda::{Builder, Invocation, Logs, events};
use serde_json::json;
use std::{
    io::{self, IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

/// How an interrupted program ends: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

const EXAMPLES: &str = "\
Examples:
  cargo pikku invoke --target lambda --group orders --event event.json
  echo '{}' | cargo pikku invoke --target lambda --group orders --event -
  cargo pikku invoke --target lambda --group orders --list-examples
  cargo pikku invoke --target lambda --group orders --example apigw-v2
  cargo pikku invoke --target lambda --group orders --example sqs:orders-placed --print > event.json

The answer goes to stdout with exit code 0, a report of an error with exit code 1; logs go to stderr.
Package the group first: the bundle that `cargo pikku package` wrote is what runs.";

/// The arguments of `invoke`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InvokeArgs {
    /// The platform whose bundle to run
    #[arg(long, value_enum)]
    pub(crate) target: Platform,
    /// The group whose bundle to run
    #[arg(short, long, value_name = "GROUP")]
    pub(crate) group: String,
    #[command(flatten)]
    pub(crate) event: EventArgs,
    /// Print the example instead of sending it
    #[arg(long, conflicts_with_all = ["event", "list_examples"])]
    pub(crate) print: bool,
    /// Where the bundles are [default: target/pikku/lambda here or in a folder above]
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle_dir: Option<PathBuf>,
    /// How long the function may take
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    pub(crate) timeout: Duration,
    /// The memory the function is told it has; it is not enforced
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(128..=10_240),
          default_value_t = FunctionSettings::default().memory_mb)]
    pub(crate) memory: u32,
    /// Set a variable of the function's environment, beside those it inherits; may be repeated
    #[arg(short = 'e', long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) variables: Vec<(String, String)>,
    /// Do not say on stderr how long it took
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Which event: exactly one of these.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct EventArgs {
    /// The file whose bytes are the event; - for stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) event: Option<PathBuf>,
    /// An event made for the group's wirings: a name, or a kind, which is its first
    #[arg(long, value_name = "NAME")]
    pub(crate) example: Option<String>,
    /// List the examples there are for the group's wirings
    #[arg(long)]
    pub(crate) list_examples: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds, such as 2.5".to_owned())?;
    if seconds > 0.0 && seconds <= 900.0 {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("Lambda lets a function take more than 0 and at most 900 seconds".to_owned())
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// Runs `invoke`.
///
/// The function inherits this process's environment, credentials included, as a developer's tool does: what is set
/// here is what it runs with. What Lambda itself sets is set as there.
pub(crate) fn run(args: &InvokeArgs) -> Result<ExitCode, InvokeError> {
    let bundles = Bundles::find(args.bundle_dir.as_deref())?;
    if args.event.list_examples {
        let list = examples(&bundles, &args.group)?;
        let width = list.iter().map(|example| example.name().chars().count()).max().unwrap_or(0);
        let line = |example: &events::Example| format!("{:<width$}  {}\n", example.name(), example.function);
        return print(list.iter().map(line).collect::<String>().as_bytes()).map(|()| ExitCode::SUCCESS);
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
        .memory_mb(args.memory)
        .timeout(args.timeout)
        .inherit_env(true)
        .logs(Logs::Stderr);
    send(builder, event, args.quiet)
}

fn examples(bundles: &Bundles, group: &str) -> Result<Vec<events::Example>, InvokeError> {
    let manifest = bundles.manifest()?;
    match manifest.group(group) {
        Some(group) => Ok(events::examples(&manifest, group, SystemTime::now())),
        None => Err(InvokeError::UnknownGroup {
            group: group.to_owned(),
            known: manifest.groups.iter().map(|group| group.name.clone()).collect(),
            dir: bundles.dir().to_owned(),
        }),
    }
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

fn read(path: &Path) -> Result<Vec<u8>, InvokeError> {
    if path == Path::new("-") {
        let mut event = Vec::new();
        let read = io::stdin().lock().read_to_end(&mut event);
        return read.map(|_| event).map_err(|source| InvokeError::Event { path: "stdin".into(), source });
    }
    std::fs::read(path).map_err(|source| InvokeError::Event { path: path.to_owned(), source })
}

/// Starts the bundle, hands it the event and prints what it comes to.
fn send(builder: Builder, event: Vec<u8>, quiet: bool) -> Result<ExitCode, InvokeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| InvokeError::Runtime { source })?;
    runtime.block_on(async {
        let lambda = builder.start()?;
        let result = tokio::select! {
            result = lambda.invoke(event) => result,
            // Dropping the local Lambda ends its process.
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(INTERRUPTED)),
        };
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
    let millis = |duration: Duration| format!("{:.2} ms", duration.as_secs_f64() * 1e3);
    let mut line = format!("request {}: {}", invocation.request_id, millis(invocation.duration));
    if let Some(init) = invocation.init_duration {
        line += &format!(", start {}", millis(init));
    }
    if let Some(memory) = invocation.max_memory {
        line += &format!(", memory {}", bytes(memory));
    }
    line
}

/// Writes to stdout; a person's terminal gets the end of the line as well.
fn print(data: &[u8]) -> Result<(), InvokeError> {
    let mut out = io::stdout().lock();
    let end: &[u8] = if out.is_terminal() && !data.ends_with(b"\n") { b"\n" } else { b"" };
    match out.write_all(data).and_then(|()| out.write_all(end)).and_then(|()| out.flush()) {
        // Who reads no further has what they wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|source| InvokeError::Print { source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        invoke: InvokeArgs,
    }

    fn parse(args: &[&str]) -> Result<InvokeArgs, clap::Error> {
        let all = ["invoke", "--target", "lambda", "--group", "orders"].into_iter().chain(args.iter().copied());
        Cli::try_parse_from(all).map(|cli| cli.invoke)
    }

    #[test]
    fn exactly_one_event_is_asked_for() {
        assert!(parse(&["--event", "a.json"]).is_ok());
        assert!(parse(&["--example", "sqs", "--print"]).is_ok());
        assert!(parse(&["--list-examples"]).is_ok());
        assert!(parse(&[]).is_err());
        assert!(parse(&["--event", "a.json", "--example", "sqs"]).is_err());
        assert!(parse(&["--event", "a.json", "--print"]).is_err());
    }

    #[test]
    fn limits_are_lambdas() {
        let args = |timeout: &str| parse(&["--event", "-", "--timeout", timeout]).map(|args| args.timeout);
        assert_eq!(args("2.5").ok(), Some(Duration::from_millis(2_500)));
        for wrong in ["0", "901", "-1", "NaN", "soon"] {
            assert!(args(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse(&["--event", "-"]).map(|args| (args.memory, args.timeout.as_secs())).ok(), Some((256, 10)));
        assert!(parse(&["--event", "-", "--memory", "64"]).is_err());
    }

    #[test]
    fn variables_have_a_name() {
        let args = parse(&["--event", "-", "-e", "A=1=2", "--env", "B="]).expect("arguments");
        assert_eq!(args.variables, [("A".into(), "1=2".into()), ("B".into(), String::new())]);
        assert!(parse(&["--event", "-", "--env", "A"]).is_err());
        assert!(parse(&["--event", "-", "--env", "=1"]).is_err());
    }
}
