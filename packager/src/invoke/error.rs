//! Why nothing was invoked. That the function failed is no error here but its answer.

use crate::error::Exit;
use pikku_local_azure::{InvokeError as HostError, StartError as HostStartError};
use pikku_local_lambda::StartError;
use pikku_local_server::StartError as ServerStartError;
use pikku_local_workers::{CallError, RequestError, StartError as WorkerStartError};
use std::{fmt, io, path::PathBuf, time::Duration};

/// Why `invoke` could not hand over the event.
#[derive(Debug)]
pub(crate) enum InvokeError {
    /// The folder of bundles is not there.
    NoBundles {
        /// Where it was looked for.
        dir: PathBuf,
        /// The target.
        platform: &'static str,
    },
    /// The folder has no bundle of that group.
    UnknownGroup {
        /// The group asked for.
        group: String,
        /// The groups there are.
        known: Vec<String>,
        /// The folder.
        dir: PathBuf,
        /// The target.
        platform: &'static str,
    },
    /// An option, or an argument, that belongs to another target.
    Option {
        /// The option.
        option: &'static str,
        /// The target it was given for.
        platform: &'static str,
    },
    /// The server's own program does not take what is for its queues.
    Queue {
        /// What it said.
        reason: String,
    },
    /// The event has not the form of one.
    Form {
        /// What is wrong.
        reason: String,
    },
    /// The folder of databases cannot be used.
    State {
        /// The file in it.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The group has no example of that name.
    UnknownExample {
        /// The name given.
        name: String,
        /// The group.
        group: String,
        /// The examples it has.
        known: Vec<String>,
    },
    /// The event cannot be read.
    Event {
        /// Where from.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The manifest beside the bundles, of which examples are made, cannot be read.
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The bundle cannot be started here.
    Bundle(StartError),
    /// The Worker cannot be started here.
    Worker(WorkerStartError),
    /// The server cannot be started here.
    Server(ServerStartError),
    /// The custom handler cannot be started here.
    Handler(HostStartError),
    /// The Functions host did not hand the event over.
    Host(HostError),
    /// The Worker's response did not come.
    Request(RequestError),
    /// The Worker did not get the event.
    Call(CallError),
    /// The Worker gave no answer in time.
    NoAnswer {
        /// How long it was waited.
        limit: Duration,
    },
    /// The answer cannot be written to stdout.
    Print {
        /// The operating system's reason.
        source: io::Error,
    },
    /// The operating system does not let this program wait for events.
    Runtime {
        /// Its reason.
        source: io::Error,
    },
}

impl InvokeError {
    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::NoBundles { .. }
            | Self::UnknownGroup { .. }
            | Self::UnknownExample { .. }
            | Self::Option { .. }
            | Self::Form { .. } => Exit::Usage,
            Self::Event { .. }
            | Self::Manifest { .. }
            | Self::Print { .. }
            | Self::Runtime { .. }
            | Self::State { .. } => Exit::Io,
            Self::Worker(WorkerStartError::NoNode { .. } | WorkerStartError::NoMiniflare { .. }) => Exit::Tool,
            Self::Worker(_)
            | Self::Server(_)
            | Self::Handler(_)
            | Self::Host(_)
            | Self::Queue { .. }
            | Self::Request(_)
            | Self::Call(_)
            | Self::NoAnswer { .. } => Exit::Platform,
            Self::Bundle(StartError::ForeignArchitecture { .. }) => Exit::Tool,
            Self::Bundle(StartError::Zip { .. } | StartError::NoBootstrap { .. }) => Exit::Platform,
            Self::Bundle(_) => Exit::Io,
        }
    }

    /// The code that `cargo pikku explain` takes.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NoBundles { .. } => "PK7001",
            Self::UnknownGroup { .. } => "PK7002",
            Self::UnknownExample { .. } => "PK7003",
            Self::Event { .. } => "PK7004",
            Self::Manifest { .. } => "PK7005",
            Self::Bundle(StartError::ForeignArchitecture { .. }) => "PK7007",
            Self::Bundle(_) => "PK7006",
            Self::Option { .. } => "PK1005",
            Self::Form { .. } => "PK7008",
            Self::Worker(WorkerStartError::NoNode { .. } | WorkerStartError::NoMiniflare { .. }) => "PK7009",
            Self::Worker(_) => "PK7010",
            Self::Server(_) | Self::Queue { .. } => "PK7012",
            Self::Handler(_) => "PK7013",
            Self::Request(_) | Self::Call(_) | Self::Host(_) | Self::NoAnswer { .. } => "PK7011",
            Self::Print { .. } | Self::Runtime { .. } | Self::State { .. } => "PK6001",
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoBundles { platform, .. } => {
                format!("run `cargo pikku package --target {platform}` first, or name the folder with --bundle-dir")
            }
            Self::UnknownGroup { known, platform, .. } if known.is_empty() => {
                format!("the folder has no bundles; run `cargo pikku package --target {platform}` first")
            }
            Self::Option { .. } => "leave it away, or give the event as a file with --event".to_owned(),
            Self::Form { .. } => {
                "see `cargo pikku explain PK7008` for the forms there are, or begin from one that --example NAME \
                                  --print shows"
                    .to_owned()
            }
            Self::Worker(why) => return why.hint(),
            Self::Queue { .. } => {
                "`--queue` and `--cron` take names of the app: those of its wirings, and of functions for schedules"
                    .to_owned()
            }
            Self::Server(_) => "what the server logged says why; `cargo pikku explain` takes its code".to_owned(),
            Self::Handler(_) => {
                "run `cargo pikku package --target azure` again, or see what the handler logged".to_owned()
            }
            Self::NoAnswer { .. } => "give it more time with --timeout".to_owned(),
            Self::UnknownGroup { known, .. } => format!("the groups there are: {}", known.join(", ")),
            Self::UnknownExample { known, .. } if known.is_empty() => "the group has no wirings".to_owned(),
            Self::UnknownExample { known, .. } => format!("the examples there are:\n  {}", known.join("\n  ")),
            Self::Event { .. } => "--event takes a file, or - for stdin".to_owned(),
            Self::Manifest { .. } | Self::Bundle(StartError::Zip { .. } | StartError::NoBootstrap { .. }) => {
                "run `cargo pikku package --target lambda` again".to_owned()
            }
            Self::Bundle(StartError::ForeignArchitecture { .. }) => {
                "install it (Debian's package is `qemu-user`), or package for this machine with --arch".to_owned()
            }
            Self::Bundle(_)
            | Self::Print { .. }
            | Self::Runtime { .. }
            | Self::State { .. }
            | Self::Request(_)
            | Self::Host(_)
            | Self::Call(_) => return None,
        })
    }
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBundles { dir, .. } => write!(f, "there are no bundles at {}", dir.display()),
            Self::UnknownGroup { group, dir, .. } => {
                write!(f, "there is no bundle of a group `{group}` at {}", dir.display())
            }
            Self::UnknownExample { name, group, .. } => write!(f, "the group `{group}` has no example `{name}`"),
            Self::Event { path, .. } => write!(f, "could not read the event from {}", path.display()),
            Self::Manifest { path, reason } => {
                write!(f, "could not read the manifest {}, of which examples are made: {reason}", path.display())
            }
            Self::Bundle(why) => why.fmt(f),
            Self::Option { option, platform } => write!(f, "{option} has no meaning for `--target {platform}`"),
            Self::Form { reason } => write!(f, "the event cannot be sent: {reason}"),
            Self::State { path, .. } => write!(f, "could not use {}", path.display()),
            Self::Worker(why) => why.fmt(f),
            Self::Server(why) => why.fmt(f),
            Self::Handler(why) => why.fmt(f),
            Self::Host(why) => why.fmt(f),
            Self::Queue { reason } => write!(f, "the server's queues do not take the event: {reason}"),
            Self::Request(why) => why.fmt(f),
            Self::Call(why) => write!(f, "the Worker did not get the event: {why}"),
            Self::NoAnswer { limit } => write!(f, "there was no answer within {} s", limit.as_secs_f64()),
            Self::Print { .. } => f.write_str("could not write to stdout"),
            Self::Runtime { .. } => f.write_str("could not prepare to run the bundle"),
        }
    }
}

impl std::error::Error for InvokeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Event { source, .. }
            | Self::State { source, .. }
            | Self::Print { source }
            | Self::Runtime { source } => Some(source),
            Self::Worker(why) => why.source(),
            Self::Server(why) => why.source(),
            Self::Handler(why) => why.source(),
            Self::Request(why) => why.source(),
            // It stands in the message itself; its own source does not.
            Self::Bundle(why) => why.source(),
            _ => None,
        }
    }
}

impl From<StartError> for InvokeError {
    fn from(why: StartError) -> Self {
        Self::Bundle(why)
    }
}

impl From<ServerStartError> for InvokeError {
    fn from(why: ServerStartError) -> Self {
        Self::Server(why)
    }
}

impl From<HostStartError> for InvokeError {
    fn from(why: HostStartError) -> Self {
        Self::Handler(why)
    }
}

impl From<HostError> for InvokeError {
    fn from(why: HostError) -> Self {
        Self::Host(why)
    }
}

impl From<WorkerStartError> for InvokeError {
    fn from(why: WorkerStartError) -> Self {
        Self::Worker(why)
    }
}
