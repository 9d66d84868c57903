//! What can go wrong in a chore, as data.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

/// Why a chore ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// A program could not be started.
    Start { command: String, source: io::Error },
    /// A program ended with something else than success.
    Exit { command: String, status: ExitStatus },
    /// A program did not end in time and was killed.
    TimedOut { command: String, limit: Duration },
    /// A program printed something that was not expected of it.
    Output { command: String, reason: String },
    /// A file or folder could not be read or written.
    File { doing: &'static str, path: PathBuf, source: io::Error },
    /// Planted secrets were found in what the tests wrote, in so many places.
    Leaks(usize),
    /// Something that a chore needs is not there and could not be had.
    Missing { what: String, hint: String },
}

impl Failure {
    /// What to do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Usage(_) => Some(format!("see what there is:\n\n{}", crate::USAGE)),
            Self::Missing { hint, .. } => Some(hint.clone()),
            Self::TimedOut { .. } => Some("run the command by itself to see where it stands".into()),
            Self::Leaks(_) => Some(
                "each place is told above: what wrote it has to leave secrets out; a test that needs one in a file keeps it out of \
                 what is searched"
                    .into(),
            ),
            Self::Start { .. } | Self::Exit { .. } | Self::Output { .. } | Self::File { .. } => None,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }

    /// For `map_err` after a call on the file at `path`.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => f.write_str(what),
            Self::Start { command, source } => write!(f, "could not start `{command}`: {source}"),
            Self::Exit { command, status } => write!(f, "`{command}` failed ({status})"),
            Self::TimedOut { command, limit } => {
                write!(f, "`{command}` was killed: it did not end within {} s", limit.as_secs())
            }
            Self::Output { command, reason } => write!(f, "`{command}` printed something unexpected: {reason}"),
            Self::File { doing, path, source } => write!(f, "could not {doing} {}: {source}", path.display()),
            Self::Leaks(count) => {
                write!(f, "planted secrets were found in {count} places of what the tests wrote")
            }
            Self::Missing { what, .. } => write!(f, "{what} is missing"),
        }
    }
}
