//! What can go wrong on the emulator's side. What goes wrong in the function is an [`Outcome`](crate::Outcome).

use crate::Trigger;
use std::{error::Error, fmt, io, path::PathBuf, time::Duration};

/// Why a bundle could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The folder or zip cannot be read.
    Bundle {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is no zip that can be deployed.
    Zip {
        /// The zip.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of settings is not what the host takes.
    Settings {
        /// `host.json` or `local.settings.json`.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No function of the bundle is one that the host takes.
    NoFunctions {
        /// Each function that was refused, with the host's reason.
        refused: Vec<(String, String)>,
    },
    /// The handler did not come up, and the host gave up on it.
    Handler {
        /// Why.
        reason: String,
        /// The last lines that it wrote.
        log: Vec<String>,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundle { path, .. } => write!(f, "cannot read the bundle {}", path.display()),
            Self::Zip { path, reason } => write!(f, "{} is not a bundle: {reason}", path.display()),
            Self::Settings { path, reason } => write!(f, "the host does not take {}: {reason}", path.display()),
            Self::NoFunctions { refused } if refused.is_empty() => {
                f.write_str("the bundle has no functions: no folder of it has a `function.json`")
            }
            Self::NoFunctions { refused } => {
                f.write_str("the host takes none of the bundle's functions")?;
                refused.iter().try_for_each(|(name, reason)| write!(f, "; `{name}`: {reason}"))
            }
            Self::Handler { reason, log } => {
                write!(f, "the handler did not come up: {reason}")?;
                log.iter().try_for_each(|line| write!(f, "\n  {line}"))
            }
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Bundle { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Why the host does not hand something to a function.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvokeError {
    /// No function has that name.
    NoFunction {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// No function has that trigger.
    NoTrigger {
        /// The trigger.
        trigger: Trigger,
    },
    /// The function has another trigger.
    WrongTrigger {
        /// The function.
        name: String,
        /// Its trigger.
        has: Trigger,
    },
    /// The host has given up on the handler.
    Stopped {
        /// Why.
        reason: String,
    },
    /// The handler was not ready for so long that the host gives up.
    NotReady {
        /// How long.
        after: Duration,
    },
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFunction { name, known } => {
                write!(f, "the bundle has no function `{name}`; it has {}", known.join(", "))
            }
            Self::NoTrigger { trigger } => write!(f, "no function of the bundle has a {trigger}"),
            Self::WrongTrigger { name, has } => write!(f, "the function `{name}` has a {has}"),
            Self::Stopped { reason } => write!(f, "the host has stopped: {reason}"),
            Self::NotReady { after } => write!(f, "the handler was not ready after {after:?}"),
        }
    }
}

impl Error for InvokeError {}
