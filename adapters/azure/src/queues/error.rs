use hyper::StatusCode;
use pikku::BoxError;
use pikku_https::SetupError;
use std::fmt;

/// One attempt that failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The service answered with an error.
    Answer {
        status: StatusCode,
        /// The service's own name of it, such as `QueueNotFound`; empty where it has none.
        code: String,
        /// Whether the token was not taken, so that another may be.
        refused: bool,
    },
    /// The endpoint of the app's identity answered with an error.
    Identity { status: StatusCode, code: String },
    /// There was no answer.
    Connection(String),
}

impl Failure {
    /// Whether the same message may be taken a moment later.
    pub(super) fn may_pass(&self) -> bool {
        let passes = |status: &StatusCode| {
            status.is_server_error() || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(status)
        };
        match self {
            Self::Answer { status, refused, .. } => *refused || passes(status),
            Self::Identity { status, .. } => passes(status),
            Self::Connection(_) => true,
        }
    }
}

/// Why a message was not sent. The queue is named by the error around it, except where the fix needs it.
///
/// The log shows the errors of functions as `Debug` writes them, so `Debug` says what `Display` says, with the cause.
pub(crate) enum SendError {
    /// `PIKKU_RESOURCES` is no JSON object.
    Resources,
    /// `PIKKU_RESOURCES` has no such queue.
    UnknownQueue(String),
    /// The address of a queue, or of an endpoint, is none that requests can go to.
    Address {
        /// Where it was read.
        variable: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The app has neither an identity nor a connection string for the queue.
    NoIdentity,
    /// The random source of the operating system failed.
    Random,
    /// The client could not be set up.
    Setup(SetupError),
    /// The message asks for what the queue cannot do, or is too large for it.
    Unsupported(String),
    /// The request could not be written or signed.
    Request(BoxError),
    /// The endpoint of the identity answered what is no token.
    Token(&'static str),
    /// The service answered, and did not take the message.
    Refused {
        /// Who.
        service: &'static str,
        /// How often it was tried.
        attempts: u32,
        /// The last answer.
        status: StatusCode,
        /// The service's own name of it.
        code: String,
    },
    /// The service did not answer.
    Unreachable {
        /// Who.
        service: &'static str,
        /// How often it was tried.
        attempts: u32,
        /// What the last attempt came to.
        reason: String,
    },
}

impl SendError {
    pub(super) fn address(variable: impl Into<String>, reason: &'static str) -> Self {
        Self::Address { variable: variable.into(), reason }
    }

    pub(super) fn request(error: impl Into<BoxError>) -> Self {
        Self::Request(error.into())
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tries = |attempts: &u32| if *attempts == 1 { String::new() } else { format!(", {attempts} times") };
        match self {
            Self::Resources => {
                formatter.write_str("the variable PIKKU_RESOURCES is not a JSON object from names to addresses")
            }
            Self::UnknownQueue(queue) => write!(
                formatter,
                "the variable PIKKU_RESOURCES has no address for the queue `{queue}`; declare \
                 `needs = [Need::SendToQueue({queue:?})]` on the service that sends and deploy what `cargo pikku package` \
                 writes, or set PIKKU_RESOURCES to {{\"queue:{queue}\":\"<address of the queue>\"}} where you start the \
                 bundle by hand"
            ),
            Self::Address { variable, reason } => write!(formatter, "the address in {variable} {reason}"),
            Self::NoIdentity => formatter.write_str(
                "the app has no managed identity (IDENTITY_ENDPOINT and IDENTITY_HEADER are not set), and neither \
                 AzureWebJobsStorage nor AzureWebJobsServiceBus is a connection string of the queue's address",
            ),
            Self::Random => formatter.write_str("the operating system gives no random bytes"),
            Self::Setup(error) => error.fmt(formatter),
            Self::Unsupported(reason) => formatter.write_str(reason),
            Self::Request(_) => formatter.write_str("the request could not be made"),
            Self::Token(reason) => write!(formatter, "the endpoint of the managed identity gave no token: {reason}"),
            Self::Refused { service, attempts, status, code } => {
                write!(formatter, "{service} answered{} {}", tries(attempts), status.as_u16())?;
                if code.is_empty() { Ok(()) } else { write!(formatter, " {code}") }
            }
            Self::Unreachable { service, attempts, reason } => {
                write!(formatter, "{service} could not be reached{}: {reason}", tries(attempts))
            }
        }
    }
}

impl fmt::Debug for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)?;
        match std::error::Error::source(self) {
            Some(cause) => write!(formatter, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Setup(error) => error.source(),
            Self::Request(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<SetupError> for SendError {
    fn from(error: SetupError) -> Self {
        Self::Setup(error)
    }
}
