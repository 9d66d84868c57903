//! `cargo pikku invoke`: one event for one bundle, in the local platform.
//!
//! The event goes in as it is, valid or not; what the platform would answer comes out on stdout, be it the function's
//! answer or a report of its error, and everything else on stderr. Nothing is built, and Cargo is asked only where the
//! bundles are not to be found without it, so that a call costs little more than the bundle's own start.

mod azure;
mod bundles;
mod error;
mod lambda;
mod request;
mod server;
mod worker_event;
mod worker_examples;
mod workers;

use crate::cli::Platform;
use clap::{Args, ValueEnum};
pub(crate) use error::InvokeError;
use pikku_local_azure::Trigger;
use std::{
    io::{self, IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
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
  cargo pikku invoke --target cloudflare --group orders /orders/7
  cargo pikku invoke --target cloudflare --group orders -X POST -H 'content-type: application/json' -d @order.json /orders
  cargo pikku invoke --target cloudflare --group orders --queue orders-placed -d '{\"order\":7}' -d '{\"order\":8}'
  cargo pikku invoke --target cloudflare --group reports --cron '0 3 * * *'
  cargo pikku invoke --target server --group orders /orders/7
  cargo pikku invoke --target server --group orders --queue orders-placed -d '{\"order\":7}'
  cargo pikku invoke --target server --group reports --cron nightly_report
  cargo pikku invoke --target azure --group orders /orders/7
  cargo pikku invoke --target azure --group orders --queue orders-placed -d '{\"order\":7}'
  cargo pikku invoke --target azure --group orders --event payload.json --as queue

The answer goes to stdout with exit code 0, a report of an error with exit code 1; logs go to stderr.
Package the group first: the bundle that `cargo pikku package` wrote is what runs. Workers run in workerd, which comes with
the npm package miniflare; what they store is kept beside the bundles between invocations.";

/// The arguments that say what is sent, and that it is no request.
const NO_REQUEST: [&str; 5] = ["queue", "cron", "event", "example", "list_examples"];

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
    /// The method of the request [default: POST with -d, else GET] (Cloudflare, Azure, server)
    #[arg(short = 'X', long = "request", value_name = "METHOD", conflicts_with_all = NO_REQUEST)]
    pub(crate) method: Option<String>,
    /// A header of the request; may be repeated (Cloudflare, Azure, server)
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header,
          conflicts_with_all = NO_REQUEST)]
    pub(crate) headers: Vec<(String, String)>,
    /// The body of the request, or a message of the queue (JSON, else text); @FILE for that of a file; repeated, the body's
    /// parts or the batch's messages (Cloudflare, Azure, server)
    #[arg(short = 'd', long = "data", value_name = "DATA",
          conflicts_with_all = ["event", "cron", "example", "list_examples"])]
    pub(crate) data: Vec<String>,
    /// Deliver the event to the group's function of that trigger, whatever function it names (Azure)
    #[arg(long = "as", value_enum, value_name = "TRIGGER", requires = "event")]
    pub(crate) deliver_as: Option<DeliverAs>,
    /// Print the example instead of sending it
    #[arg(long, conflicts_with_all = ["event", "list_examples", "url", "queue", "cron"])]
    pub(crate) print: bool,
    /// Where the bundles are [default: target/pikku/<target> here or in a folder above]
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle_dir: Option<PathBuf>,
    /// How long the function may take [default: 10 for Lambda, otherwise 60]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// The memory the function is told it has; it is not enforced (Lambda) [default: 256]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(128..=10_240))]
    pub(crate) memory: Option<u32>,
    /// Set a variable of the function's environment, beside those it inherits; may be repeated
    #[arg(short = 'e', long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) variables: Vec<(String, String)>,
    /// Where databases, stores and buckets are kept [default: .state beside the bundles] (Cloudflare,
    /// server)
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Do not say on stderr how long it took
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Which event: exactly one of these.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct EventArgs {
    /// The path of a request, or its whole URL (Cloudflare, Azure, server)
    #[arg(value_name = "PATH|URL")]
    pub(crate) url: Option<String>,
    /// Messages of this queue, one for each -d: a batch, or on Azure one after the other (Cloudflare, Azure, server)
    #[arg(long, value_name = "QUEUE", requires = "data")]
    pub(crate) queue: Option<String>,
    /// The schedule of this expression (Cloudflare, Azure), or of this name (server)
    #[arg(long, visible_alias = "scheduled", value_name = "EXPRESSION")]
    pub(crate) cron: Option<String>,
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
        Err("platforms let a function take more than 0 and at most 900 seconds".to_owned())
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() && !text.contains(['\r', '\n']) => {
            Ok((name.to_owned(), value.trim().to_owned()))
        }
        _ => Err("expected NAME: VALUE".to_owned()),
    }
}

/// What sets a function of Azure off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeliverAs {
    /// An HTTP trigger
    Http,
    /// A storage queue's
    Queue,
    /// A timer
    Timer,
    /// Event Grid's
    EventGrid,
    /// Service Bus's
    ServiceBus,
    /// Event Hubs'
    EventHub,
}

impl DeliverAs {
    fn trigger(self) -> Trigger {
        match self {
            Self::Http => Trigger::Http,
            Self::Queue => Trigger::Queue,
            Self::Timer => Trigger::Timer,
            Self::EventGrid => Trigger::EventGrid,
            Self::ServiceBus => Trigger::ServiceBus,
            Self::EventHub => Trigger::EventHub,
        }
    }
}

/// Runs `invoke`.
pub(crate) fn run(args: &InvokeArgs) -> Result<ExitCode, InvokeError> {
    if args.deliver_as.is_some() && args.target != Platform::Azure {
        return Err(InvokeError::Option { option: "--as", platform: args.target.name() });
    }
    match args.target {
        Platform::Lambda => lambda::run(args),
        Platform::Cloudflare => workers::run(args),
        Platform::Azure => azure::run(args),
        Platform::Server => server::run(args),
    }
}

/// Waits for what is done with a bundle. An interruption drops it, which ends every process that it has started.
fn run_until_interrupted(work: impl Future<Output = Result<ExitCode, InvokeError>>) -> Result<ExitCode, InvokeError> {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let executor = executor.map_err(|source| InvokeError::Runtime { source })?;
    executor.block_on(async {
        let interrupted = async {
            // Where the signal cannot be waited for, it ends this program by itself.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            code = work => code,
            () = interrupted => Ok(ExitCode::from(INTERRUPTED)),
        }
    })
}

/// A time, for a person.
fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

fn read(path: &Path) -> Result<Vec<u8>, InvokeError> {
    if path == Path::new("-") {
        let mut event = Vec::new();
        let read = io::stdin().lock().read_to_end(&mut event);
        return read.map(|_| event).map_err(|source| InvokeError::Event { path: "stdin".into(), source });
    }
    std::fs::read(path).map_err(|source| InvokeError::Event { path: path.to_owned(), source })
}

/// Prints the names of examples with their functions.
fn list<'f>(examples: impl Iterator<Item = (String, &'f str)>) -> Result<ExitCode, InvokeError> {
    let examples: Vec<(String, &str)> = examples.collect();
    let width = examples.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines: String = examples.iter().map(|(name, function)| format!("{name:<width$}  {function}\n")).collect();
    print(lines.as_bytes()).map(|()| ExitCode::SUCCESS)
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
        assert!(parse(&["/orders", "-X", "PUT", "-H", "a: b", "-d", "x"]).is_ok());
        assert!(parse(&["--queue", "q", "-d", "1", "-d", "2"]).is_ok());
        assert!(parse(&["--cron", "0 3 * * *"]).is_ok());
        for wrong in [
            &[] as &[_],
            &["--event", "a.json", "--example", "sqs"],
            &["--event", "a.json", "--print"],
            &["/orders", "--cron", "0 3 * * *"],
            &["--queue", "q"],
            &["--cron", "0 3 * * *", "-d", "1"],
            &["--event", "a.json", "-X", "PUT"],
            &["/orders", "-H", "no header"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn limits_are_the_platforms() {
        let args = |timeout: &str| parse(&["--event", "-", "--timeout", timeout]).map(|args| args.timeout);
        assert_eq!(args("2.5").ok(), Some(Some(Duration::from_millis(2_500))));
        for wrong in ["0", "901", "-1", "NaN", "soon"] {
            assert!(args(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse(&["--event", "-"]).map(|args| (args.memory, args.timeout)).ok(), Some((None, None)));
        assert!(parse(&["--event", "-", "--memory", "64"]).is_err());
    }

    #[test]
    fn variables_and_headers_have_a_name() {
        let args = parse(&["--event", "-", "-e", "A=1=2", "--env", "B="]).expect("arguments");
        assert_eq!(args.variables, [("A".into(), "1=2".into()), ("B".into(), String::new())]);
        assert!(parse(&["--event", "-", "--env", "A"]).is_err());
        assert!(parse(&["--event", "-", "--env", "=1"]).is_err());
        assert_eq!(header("A:b:c"), Ok(("A".to_owned(), "b:c".to_owned())));
        assert!(header(":b").is_err() && header("a: b\r\nc: d").is_err());
    }
}
