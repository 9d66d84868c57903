//! What can go wrong, as data.

use std::{error::Error, fmt};

/// Why an engine did not do what it was asked.
///
/// An operation that failed may be tried again where [`is_retryable`](Self::is_retryable) says so. What was sent may then
/// have been taken already: with a deduplication id it is taken once.
///
/// As `Debug`, which `main` prints, it is the reason with its cause and what to do about it.
pub struct EngineError {
    kind: ErrorKind,
    place: String,
    reason: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store cannot be reached now. It may come back.
    Unavailable,
    /// Another holds the store for too long.
    Locked,
    /// The store has no room left.
    Full,
    /// The store's file is damaged, or is no database.
    Corrupt,
    /// The store was made by a newer version.
    Newer,
    /// A message is too large, or has too much of something.
    Limit,
    /// There is no queue of that name.
    UnknownQueue,
    /// What is asked of a queue or schedule makes no sense.
    Spec,
    /// The engine is closed.
    Closed,
    /// The store refuses for another reason, such as missing rights.
    Store,
}

impl EngineError {
    /// An error of a kind: where, and why.
    pub fn new(kind: ErrorKind, place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { kind, place: place.into(), reason: reason.into(), source: None }
    }

    /// What caused it.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The code that `cargo pikku explain` takes.
    pub fn code(&self) -> &'static str {
        match self.kind {
            ErrorKind::Unavailable => "PK8101",
            ErrorKind::Locked => "PK8102",
            ErrorKind::Full => "PK8103",
            ErrorKind::Corrupt => "PK8104",
            ErrorKind::Newer => "PK8105",
            ErrorKind::Limit => "PK8106",
            ErrorKind::UnknownQueue => "PK8107",
            ErrorKind::Spec => "PK8108",
            ErrorKind::Closed => "PK8109",
            ErrorKind::Store => "PK8110",
        }
    }

    /// Whether the same may succeed later without anybody changing the program.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Locked | ErrorKind::Full)
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self.kind {
            ErrorKind::Unavailable => "see that the store is where PIKKU_QUEUES says; nothing that was taken is lost",
            ErrorKind::Locked => "end the process that holds the store, such as a shell with an open transaction",
            ErrorKind::Full => "make room; nothing that was taken is lost, and it goes on by itself",
            ErrorKind::Corrupt => "set the file aside and restore a backup, or try `sqlite3 FILE .recover`",
            ErrorKind::Newer => {
                "run the version that made the store, or a newer one, or give this one a store of its own"
            }
            ErrorKind::Limit => "send less, or put the content elsewhere and send where it is",
            ErrorKind::UnknownQueue => "wire the queue, or mend its name",
            ErrorKind::Spec => "mend what the message names",
            ErrorKind::Closed => "nothing can be sent while the process ends",
            ErrorKind::Store => "see the cause",
        }
    }

    /// The same for each of several that wait for one answer.
    #[cfg(feature = "sqlite")]
    pub(crate) fn again(&self) -> Self {
        let source = self.source.as_ref().map(|source| source.to_string().into());
        Self { kind: self.kind, place: self.place.clone(), reason: self.reason.clone(), source }
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.reason)
    }
}

impl fmt::Debug for EngineError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self} ({})", self.code())?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(formatter, "\n  caused by: {error}")?;
            cause = error.source();
        }
        write!(formatter, "\n\nhint: {}", self.hint())
    }
}

impl Error for EngineError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
