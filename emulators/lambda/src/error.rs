//! What can go wrong on the emulator's side. What goes wrong in the function is an [`Outcome`](crate::Outcome).

use std::{fmt, io, path::PathBuf};

/// Why a bundle could not be made ready to start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The file cannot be read.
    Bundle {
        /// The zip or bootstrap asked for.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is no zip, or one that Lambda would not take.
    Zip {
        /// The zip.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The zip has no file named `bootstrap` at its top.
    NoBootstrap {
        /// The zip.
        path: PathBuf,
    },
    /// The bundle could not be unpacked to the temporary directory.
    Unpack {
        /// The zip.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The bundle is for another processor, and no emulator of it is on `PATH`.
    ForeignArchitecture {
        /// The bundle's architecture, as `uname -m` names it.
        architecture: &'static str,
        /// The programs looked for.
        looked_for: [String; 2],
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundle { path, .. } => write!(f, "cannot read the bundle {}", path.display()),
            Self::Zip { path, reason } => write!(f, "{} is not a bundle: {reason}", path.display()),
            Self::NoBootstrap { path } => write!(f, "{} holds no file named `bootstrap`", path.display()),
            Self::Unpack { path, .. } => write!(f, "cannot unpack {}", path.display()),
            Self::ForeignArchitecture { architecture, looked_for: [first, second] } => write!(
                f,
                "the bundle is for {architecture}, this machine is {}, and neither `{first}` nor `{second}` is on PATH",
                std::env::consts::ARCH
            ),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bundle { source, .. } | Self::Unpack { source, .. } => Some(source),
            Self::Zip { .. } | Self::NoBootstrap { .. } | Self::ForeignArchitecture { .. } => None,
        }
    }
}

/// Why an event was not handed to the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvokeError {
    /// The event is larger than [`PAYLOAD_LIMIT`](crate::PAYLOAD_LIMIT).
    EventTooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// The local Lambda was shut down before the event's turn came.
    ShutDown,
}

impl InvokeError {
    /// The error's type, as the Invoke API names it.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::EventTooLarge { .. } => "RequestTooLargeException",
            Self::ShutDown => "ServiceException",
        }
    }
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventTooLarge { size } => {
                write!(f, "the event has {size} bytes; Lambda takes at most {}", crate::PAYLOAD_LIMIT)
            }
            Self::ShutDown => f.write_str("the local Lambda was shut down before the event's turn came"),
        }
    }
}

impl std::error::Error for InvokeError {}
