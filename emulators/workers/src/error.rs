//! What can go wrong on the emulator's side. What goes wrong in a Worker is its answer.

use crate::MINIFLARE;
use std::{fmt, io, path::PathBuf, time::Duration};

/// Why Workers could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Node is not there, or too old.
    NoNode {
        /// The version found, if there was one.
        found: Option<String>,
    },
    /// The npm package `miniflare` is not there.
    NoMiniflare {
        /// The folders that were looked in.
        looked_in: Vec<PathBuf>,
    },
    /// A bundle's configuration cannot be read.
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of a bundle cannot be read.
    Bundle {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Two bundles have one name.
    SameName {
        /// The name.
        name: String,
    },
    /// A program could not be started.
    Process {
        /// The program.
        program: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// workerd refused the bundles, or a migration failed.
    Refused {
        /// What it said.
        reason: String,
    },
    /// It took too long.
    TimedOut {
        /// How long it was waited.
        limit: Duration,
    },
}

impl StartError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoNode { .. } => Some("install Node 20 or newer (on Debian: apt-get install nodejs npm)".to_owned()),
            Self::NoMiniflare { .. } => Some(format!(
                "run `npm install --save-dev miniflare@{MINIFLARE}` in the app's folder, or name the `node_modules` folder \
                 that has it in PIKKU_MINIFLARE"
            )),
            _ => None,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNode { found: None } => f.write_str("Node, which runs workerd, is not on PATH"),
            Self::NoNode { found: Some(version) } => {
                write!(f, "miniflare, which runs workerd, needs Node 20 or newer, and `{version}` was found")
            }
            Self::NoMiniflare { looked_in } if looked_in.is_empty() => {
                f.write_str("the npm package `miniflare`, which brings workerd, was not found")
            }
            Self::NoMiniflare { looked_in } => {
                let folders: Vec<String> = looked_in.iter().map(|folder| folder.display().to_string()).collect();
                write!(f, "the npm package `miniflare`, which brings workerd, was not found in {}", folders.join(", "))
            }
            Self::Configuration { path, reason } => write!(f, "{} cannot be used: {reason}", path.display()),
            Self::Bundle { path, .. } => write!(f, "cannot read {}", path.display()),
            Self::SameName { name } => write!(f, "two bundles are named `{name}`"),
            Self::Process { program, .. } => write!(f, "could not start {}", program.display()),
            Self::Refused { reason } => write!(f, "workerd did not start the bundles: {reason}"),
            Self::TimedOut { limit } => write!(f, "workerd was not ready after {} s", limit.as_secs_f64()),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bundle { source, .. } | Self::Process { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Why an event was not handed to a Worker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// No Worker of that name runs here.
    NoWorker {
        /// The name.
        name: String,
    },
    /// The emulator could not do it.
    Refused {
        /// What it said.
        reason: String,
    },
    /// There was no answer in time.
    TimedOut {
        /// How long it was waited.
        limit: Duration,
    },
    /// The emulator has ended.
    Ended,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWorker { name } => write!(f, "no Worker named `{name}` runs here"),
            Self::Refused { reason } => f.write_str(reason),
            Self::TimedOut { limit } => write!(f, "there was no answer after {} s", limit.as_secs_f64()),
            Self::Ended => f.write_str("workerd has ended"),
        }
    }
}

impl std::error::Error for CallError {}

/// Why a request has no response.
#[derive(Debug)]
#[non_exhaustive]
pub enum RequestError {
    /// No Worker of that name runs here.
    NoWorker {
        /// The name.
        name: String,
    },
    /// The connection failed, or ended within the response.
    Connection(io::Error),
    /// What came back is no HTTP.
    NoHttp {
        /// What is wrong with it.
        reason: String,
    },
    /// There was no response, or no further part of it, in time.
    TimedOut {
        /// How long it was waited.
        limit: Duration,
    },
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWorker { name } => write!(f, "no Worker named `{name}` runs here"),
            Self::Connection(_) => f.write_str("the connection failed"),
            Self::NoHttp { reason } => write!(f, "the answer is no HTTP: {reason}"),
            Self::TimedOut { limit } => write!(f, "there was no response after {} s", limit.as_secs_f64()),
        }
    }
}

impl std::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connection(source) => Some(source),
            _ => None,
        }
    }
}
