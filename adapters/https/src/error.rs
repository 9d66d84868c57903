use std::{error::Error, fmt, path::PathBuf};

/// Why a client could not be made.
pub enum SetupError {
    /// The root certificates could not be read.
    Roots {
        /// Where they should be.
        path: PathBuf,
        /// Why not.
        reason: String,
        /// The variable that names another file of them.
        variable: &'static str,
    },
    /// TLS could not be set up.
    Tls(rustls::Error),
}

impl fmt::Display for SetupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Roots { path, reason, variable } => write!(
                formatter,
                "there are no root certificates in {}: {reason}; set {variable} to a file of them",
                path.display()
            ),
            Self::Tls(_) => formatter.write_str("TLS could not be set up"),
        }
    }
}

impl fmt::Debug for SetupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)?;
        match self.source() {
            Some(cause) => write!(formatter, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl Error for SetupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Roots { .. } => None,
            Self::Tls(error) => Some(error),
        }
    }
}
