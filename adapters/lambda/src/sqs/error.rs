use super::answer::Answer;
use pikku::BoxError;
use pikku_https::SetupError;
use std::fmt;

/// Why a message was not sent. The queue is named by the error around it, except where the fix needs it.
///
/// The log shows the errors of functions as `Debug` writes them, so `Debug` says what `Display` says, with the cause.
pub(crate) enum SqsError {
    /// `PIKKU_RESOURCES` is no JSON object.
    Resources,
    /// `PIKKU_RESOURCES` has no such queue.
    UnknownQueue(String),
    /// The URL of a queue, or of an endpoint, is none that requests can go to.
    Url {
        /// Where the URL was read.
        variable: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A variable that Lambda sets is not there.
    MissingVariable(&'static str),
    /// The random source of the operating system failed.
    Random,
    /// The client could not be set up.
    Setup(SetupError),
    /// The message asks for what the queue cannot do.
    Unsupported(&'static str),
    /// The request could not be written or signed.
    Request(BoxError),
    /// SQS answered, and did not take the message.
    Refused {
        /// How often it was tried.
        attempts: u32,
        /// The last answer.
        answer: Answer,
    },
    /// SQS did not answer.
    Unreachable {
        /// How often it was tried.
        attempts: u32,
        /// What the last attempt came to.
        reason: String,
    },
}

impl fmt::Display for SqsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tries = |attempts: &u32| if *attempts == 1 { String::new() } else { format!(", {attempts} times") };
        match self {
            Self::Resources => {
                formatter.write_str("the variable PIKKU_RESOURCES is not a JSON object from names to addresses")
            }
            Self::UnknownQueue(queue) => write!(
                formatter,
                "the variable PIKKU_RESOURCES has no URL for the queue `{queue}`; declare \
                 `needs = [Need::SendToQueue({queue:?})]` on the service that sends and deploy the template that \
                 `cargo pikku package` writes, or set PIKKU_RESOURCES to {{\"queue:{queue}\":\"<queue URL>\"}} where you \
                 start the bundle by hand"
            ),
            Self::Url { variable, reason } => write!(formatter, "the URL in {variable} {reason}"),
            Self::MissingVariable(name) => {
                write!(formatter, "the variable {name} is not set; Lambda sets it for a function that has a role")
            }
            Self::Random => formatter.write_str("the operating system gives no random bytes"),
            Self::Setup(error) => error.fmt(formatter),
            Self::Unsupported(reason) => formatter.write_str(reason),
            Self::Request(_) => formatter.write_str("the request to SQS could not be made"),
            Self::Refused { attempts, answer } => write!(formatter, "SQS answered{} {answer}", tries(attempts)),
            Self::Unreachable { attempts, reason } => {
                write!(formatter, "SQS could not be reached{}: {reason}", tries(attempts))
            }
        }
    }
}

impl fmt::Debug for SqsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)?;
        match std::error::Error::source(self) {
            Some(cause) => write!(formatter, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SqsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Setup(error) => error.source(),
            Self::Request(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<SetupError> for SqsError {
    fn from(error: SetupError) -> Self {
        Self::Setup(error)
    }
}
