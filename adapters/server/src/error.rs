use pikku::dispatch::StartError;
use std::{error::Error, fmt, io};

/// Why a server could not begin.
///
/// As `Debug`, which `main` prints, it is the reason with its cause and what to do about it.
#[non_exhaustive]
pub enum ServeError {
    /// It cannot listen at its address.
    Address {
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Environment variables are not what they should be: all of them.
    Settings(Vec<WrongSetting>),
    /// The app could not start.
    App(StartError),
    /// The store of the queues cannot be used.
    #[cfg(feature = "engines")]
    Queues(pikku_engines::EngineError),
    /// The system refuses what every server needs.
    Process {
        /// What could not be done.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// An environment variable that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrongSetting {
    /// The variable.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// Why not.
    pub reason: String,
}

impl WrongSetting {
    pub(crate) fn new(name: &'static str, value: &str, reason: impl Into<String>) -> Self {
        Self { name, value: value.to_owned(), reason: reason.into() }
    }
}

impl fmt::Display for WrongSetting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, reason } = self;
        write!(formatter, "{name} is `{value}`: {reason}")
    }
}

/// The settings that are wrong so far: one does not hide another.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(Vec<WrongSetting>);

impl Mistakes {
    /// What a setting says; nothing where it is wrong.
    pub(crate) fn note<T>(&mut self, read: Result<T, WrongSetting>) -> Option<T> {
        read.map_err(|wrong| self.0.push(wrong)).ok()
    }

    /// # Errors
    ///
    /// All that is wrong.
    pub(crate) fn none_or_all(self) -> Result<(), ServeError> {
        if self.0.is_empty() { Ok(()) } else { Err(ServeError::Settings(self.0)) }
    }
}

impl ServeError {
    pub(crate) fn address(address: &str, source: io::Error) -> Self {
        Self::Address { address: address.to_owned(), source }
    }

    pub(crate) fn setting(name: &'static str, value: &str, reason: impl Into<String>) -> Self {
        Self::Settings(vec![WrongSetting::new(name, value, reason)])
    }

    pub(crate) fn process(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Process { what, source }
    }

    /// This, with the settings that are wrong besides.
    pub(crate) fn beside(self, other: Self) -> Self {
        match (self, other) {
            (Self::Settings(mut one), Self::Settings(two)) => {
                one.extend(two);
                Self::Settings(one)
            }
            (one, _) => one,
        }
    }

    fn is_in_use(&self) -> bool {
        matches!(self, Self::Address { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }

    /// The code that `cargo pikku explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } if self.is_in_use() => "PK8001",
            Self::Address { .. } => "PK8002",
            Self::Settings(_) => "PK8003",
            Self::App(_) => "PK8004",
            #[cfg(feature = "engines")]
            Self::Queues(why) => why.code(),
            Self::Process { .. } => "PK8005",
        }
    }

    /// The exit code of a program that ends because of it: 2 for a wrong setting, 3 for an app that cannot start and a store
    /// that has to be mended, 8 for what the system refuses and a store that may come back.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) => 2,
            Self::App(_) => 3,
            // What is there as it is today is there tomorrow.
            #[cfg(feature = "engines")]
            Self::Queues(why) if !why.is_retryable() => 3,
            #[cfg(feature = "engines")]
            Self::Queues(_) => 8,
            Self::Address { .. } | Self::Process { .. } => 8,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Address { .. } if self.is_in_use() => {
                "stop the process that listens there (`ss -ltnp` names it), or set PIKKU_ADDRESS or PORT to another"
            }
            Self::Address { .. } => {
                "set PIKKU_ADDRESS to an address of this machine with a port, such as 0.0.0.0:8080; ports below 1024 \
                 take a privilege"
            }
            Self::Settings(_) => "set each variable to what it takes, or take it away",
            #[cfg(feature = "engines")]
            Self::Queues(why) => why.hint(),
            Self::App(_) => "mend what the message names; the same would stop the app on every platform",
            Self::Process { .. } => "see the limits of the process (`ulimit -a`) and of its container",
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { address, .. } if self.is_in_use() => {
                write!(formatter, "the address {address} is in use")
            }
            Self::Address { address, .. } => write!(formatter, "the server cannot listen at {address}"),
            Self::Settings(wrong) => {
                let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
                formatter.write_str(&wrong.join("; "))
            }
            Self::App(_) => formatter.write_str("the app could not start"),
            #[cfg(feature = "engines")]
            Self::Queues(why) => write!(formatter, "the queues cannot be used: {why}"),
            Self::Process { what, .. } => write!(formatter, "could not {what}"),
        }
    }
}

impl fmt::Debug for ServeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self} ({})", self.code())?;
        if let Some(cause) = self.source() {
            write!(formatter, "\n  caused by: {cause}")?;
        }
        write!(formatter, "\n\nhint: {}", self.hint())
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Address { source, .. } | Self::Process { source, .. } => Some(source),
            Self::App(why) => Some(why),
            // Its reason is in the text already.
            #[cfg(feature = "engines")]
            Self::Queues(why) => why.source(),
            Self::Settings(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_reads() {
        let error = ServeError::address("127.0.0.1:80", io::ErrorKind::AddrInUse.into());
        assert_eq!(
            format!("{error:?}"),
            "the address 127.0.0.1:80 is in use (PK8001)\n  caused by: address in use\n\nhint: stop the process that \
             listens there (`ss -ltnp` names it), or set PIKKU_ADDRESS or PORT to another"
        );
    }
}
