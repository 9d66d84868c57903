use std::{fmt, io, path::PathBuf, process::ExitStatus};

/// Why the benchmarks ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A program could not be started or waited for.
    Start { program: String, source: io::Error },
    /// A program ended with something else than success.
    Exit { program: String, status: ExitStatus, said: String },
    /// A program did not do what it was started for in time.
    Late { program: String },
    /// A program answered, or printed, something else than was expected.
    Answer { program: String, reason: String },
    /// A file could not be read or written.
    File { path: PathBuf, source: io::Error },
    /// The operating system refused something.
    System { doing: &'static str, source: io::Error },
    /// Figures are over their gates.
    Gates(usize),
}

impl Failure {
    /// For `map_err` on what is done with a file.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// For `map_err` on starting a program.
    pub(crate) fn start(program: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let program = program.into();
        move |source| Self::Start { program, source }
    }

    /// For `map_err` on a call of the operating system.
    pub(crate) fn system<E: Into<io::Error>>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::System { doing, source: source.into() }
    }

    /// What a program printed makes no sense.
    pub(crate) fn answer(program: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Answer { program: program.into(), reason: reason.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { program, source } => write!(formatter, "`{program}` could not be run: {source}"),
            Self::Exit { program, status, said } => write!(formatter, "`{program}` ended with {status}\n{said}"),
            Self::Late { program } => write!(formatter, "`{program}` did not take its events in time"),
            Self::Answer { program, reason } => write!(formatter, "`{program}`: {reason}"),
            Self::File { path, source } => write!(formatter, "{}: {source}", path.display()),
            Self::System { doing, source } => write!(formatter, "could not {doing}: {source}"),
            Self::Gates(1) => formatter.write_str("a figure is over its gate"),
            Self::Gates(count) => write!(formatter, "{count} figures are over their gates"),
        }
    }
}
