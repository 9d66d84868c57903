use crate::error::Exit;
use std::{fmt, io};

/// Why an app cannot be served for development.
#[derive(Debug)]
pub(crate) enum DevError {
    /// It cannot listen.
    Listen {
        /// Where.
        address: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Files cannot be watched.
    Watch {
        /// Why not.
        source: notify::Error,
    },
    /// The app's process ended by itself.
    Ended {
        /// How.
        how: String,
    },
}

impl DevError {
    fn is_in_use(&self) -> bool {
        matches!(self, Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Listen { .. } | Self::Watch { .. } => Exit::Io,
            Self::Ended { .. } => Exit::App,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } if self.is_in_use() => "PK8001",
            Self::Listen { .. } => "PK8002",
            Self::Watch { .. } => "PK8307",
            Self::Ended { .. } => "PK8306",
        }
    }

    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Listen { .. } if self.is_in_use() => {
                "stop the process that listens there (`ss -ltnp` names it), or choose another with --port; 0 is a free one"
            }
            Self::Listen { .. } => "--address takes an address of this machine with a port, such as 127.0.0.1:8080",
            Self::Watch { .. } => {
                "raise the number of files that may be watched: `sysctl fs.inotify.max_user_watches=524288`"
            }
            Self::Ended { .. } => "what it wrote before says why; the next change starts it again",
        }
        .to_owned()
    }

    /// What caused it, where that is not in the message.
    pub(crate) fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } => Some(source),
            Self::Watch { source } => Some(source),
            Self::Ended { .. } => None,
        }
    }
}

impl fmt::Display for DevError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, .. } if self.is_in_use() => write!(f, "the address {address} is in use"),
            Self::Listen { address, .. } => write!(f, "cannot listen at {address}"),
            Self::Watch { .. } => f.write_str("the app's files cannot be watched"),
            Self::Ended { how } => write!(f, "the app ended by itself: {how}"),
        }
    }
}
