use std::{fmt, io, path::PathBuf, time::Duration};

/// Why a server could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The program could not be started.
    Program {
        /// The program.
        program: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// It ended before it listened.
    Ended {
        /// Its exit code; `None` where a signal ended it.
        code: Option<i32>,
        /// What it logged.
        log: Vec<String>,
    },
    /// It did not listen in time.
    TooSlow {
        /// How long it had.
        limit: Duration,
        /// What it logged.
        log: Vec<String>,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log = |formatter: &mut fmt::Formatter<'_>, log: &[String]| match log {
            [] => formatter.write_str(", and logged nothing"),
            lines => write!(formatter, ":\n{}", lines.join("\n")),
        };
        match self {
            Self::Program { program, .. } => write!(formatter, "{} could not be started", program.display()),
            Self::Ended { code, log: lines } => {
                match code {
                    Some(code) => write!(formatter, "the server ended with exit code {code} before it listened")?,
                    None => formatter.write_str("the server was ended by a signal before it listened")?,
                }
                log(formatter, lines)
            }
            Self::TooSlow { limit, log: lines } => {
                write!(formatter, "the server did not listen within {} s", limit.as_secs_f64())?;
                log(formatter, lines)
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Program { source, .. } => Some(source),
            Self::Ended { .. } | Self::TooSlow { .. } => None,
        }
    }
}
