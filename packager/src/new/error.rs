use crate::error::Exit;
use std::{fmt, path::PathBuf};

/// Why no app was made.
#[derive(Debug)]
pub(crate) enum NewError {
    /// No app can have that name.
    Name {
        /// The name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Something is there already.
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// There is no runtime where it was said to be.
    NoRuntime {
        /// Where.
        path: PathBuf,
    },
    /// git was asked for, and failed.
    Git {
        /// What it said.
        reason: String,
    },
}

impl NewError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Name { .. } | Self::Exists { .. } | Self::NoRuntime { .. } => Exit::Usage,
            Self::Git { .. } => Exit::Tool,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "PK8301",
            Self::Exists { .. } => "PK8302",
            Self::NoRuntime { .. } => "PK8303",
            Self::Git { .. } => "PK8308",
        }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Name { .. } => {
                "choose another, such as `my-app`; --name gives the app another name than its folder".to_owned()
            }
            Self::Exists { .. } => "choose another folder, or remove this one".to_owned(),
            Self::NoRuntime { .. } => "name the folder of a clone of Pikku's repository".to_owned(),
            Self::Git { .. } => "install git, or make the app without it: --vcs none".to_owned(),
        })
    }

    /// What caused it, where that is not in the message.
    pub(crate) fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}

impl fmt::Display for NewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name, reason } => write!(f, "an app cannot be named `{name}`: {reason}"),
            Self::Exists { path } => write!(f, "{} exists already", path.display()),
            Self::NoRuntime { path } => write!(f, "there is no Pikku at {}", path.display()),
            Self::Git { reason } => write!(f, "git could not make a repository: {reason}"),
        }
    }
}
