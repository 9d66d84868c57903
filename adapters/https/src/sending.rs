//! A message that is sent to a queue, or something else that is asked of a service: how often it is tried, and why nothing came
//! of it.

use crate::SetupError;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use std::{borrow::Cow, error::Error, fmt, time::Duration};

/// How often a message is tried.
const ATTEMPTS: u32 = 3;

/// The longest wait before the second attempt; it doubles with each further one.
const LONGEST_FIRST_WAIT: Duration = Duration::from_millis(100);

/// The variable with the addresses of the resources that services use: a JSON object in which `queue:<name>` is that of a
/// queue.
pub const RESOURCES: &str = "PIKKU_RESOURCES";

/// The address of a queue, as the environment says it.
///
/// # Errors
///
/// It does not.
pub fn address_of(queue: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, SendError> {
    let resources = env(RESOURCES).filter(|text| !text.is_empty()).unwrap_or_else(|| "{}".to_owned());
    let Ok(Value::Object(addresses)) = serde_json::from_str(&resources) else { return Err(SendError::Resources) };
    let address = addresses.get(&format!("queue:{queue}")).and_then(Value::as_str);
    address.map(str::to_owned).ok_or_else(|| SendError::UnknownQueue(queue.to_owned()))
}

/// One attempt that failed.
#[derive(Debug)]
pub struct FailedAttempt {
    /// Who was asked, such as `SQS`.
    pub service: &'static str,
    /// What it answered: the status and what it says; or why there was no answer.
    pub outcome: Result<String, String>,
    /// Whether the same message may be taken a moment later.
    pub may_pass: bool,
}

impl FailedAttempt {
    /// There was no answer.
    pub fn silent(service: &'static str, reason: String) -> Self {
        Self { service, outcome: Err(reason), may_pass: true }
    }
}

/// Sends a message, or asks for something: three attempts, with up to 0.1 s and 0.2 s between them, as long as what failed may
/// pass. The outer error of an attempt is not tried again.
///
/// # Errors
///
/// Why the message was not taken, or nothing was given.
pub async fn send<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, SendError>
where
    F: Future<Output = Result<Result<T, FailedAttempt>, SendError>>,
{
    let mut attempts = 1;
    loop {
        let FailedAttempt { service, outcome, may_pass } = match attempt().await? {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        if attempts == ATTEMPTS || !may_pass {
            return Err(match outcome {
                Ok(answer) => SendError::Refused { service, attempts, answer },
                Err(reason) => SendError::Unreachable { service, attempts, reason },
            });
        }
        tokio::time::sleep(wait(attempts, random()?)).await;
        attempts += 1;
    }
}

/// Half of the longest wait, and a random part of the other half, so that many bundles do not come back at once.
fn wait(attempt: u32, random: u128) -> Duration {
    let half = LONGEST_FIRST_WAIT * 2_u32.pow(attempt - 1) / 2;
    half + half * (random % 1000) as u32 / 1000
}

/// A random number, of the operating system's.
///
/// # Errors
///
/// It gives none.
pub fn random() -> Result<u128, SendError> {
    let mut octets = [0; 16];
    SystemRandom::new().fill(&mut octets).map_err(|_| SendError::Random)?;
    Ok(u128::from_le_bytes(octets))
}

/// Why a message was not sent. The queue is named by the error around it, except where the fix needs it.
///
/// The log shows the errors of functions as `Debug` writes them, so `Debug` says what `Display` says, with the cause.
pub enum SendError {
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
    /// Who sends cannot be told: what is missing.
    NoSender(Cow<'static, str>),
    /// The random source of the operating system failed.
    Random,
    /// The client could not be set up.
    Setup(SetupError),
    /// The message asks for what the queue cannot do, or is too large for it.
    Unsupported(Cow<'static, str>),
    /// The request could not be written or signed.
    Request(Box<dyn Error + Send + Sync>),
    /// The service answered, and did not take the message.
    Refused {
        /// Who.
        service: &'static str,
        /// How often it was tried.
        attempts: u32,
        /// The last answer.
        answer: String,
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
    /// An address that was read in a variable and is none.
    pub fn address(variable: impl Into<String>, reason: &'static str) -> Self {
        Self::Address { variable: variable.into(), reason }
    }

    /// The message asks for what the queue cannot do.
    pub fn unsupported(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Unsupported(reason.into())
    }

    /// The request could not be made.
    pub fn request(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Request(error.into())
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tries = |attempts: &u32| if *attempts == 1 { String::new() } else { format!(", {attempts} times") };
        match self {
            Self::Resources => {
                write!(formatter, "the variable {RESOURCES} is not a JSON object from names to addresses")
            }
            Self::UnknownQueue(queue) => write!(
                formatter,
                "the variable {RESOURCES} has no address for the queue `{queue}`; declare \
                 `needs = [Need::SendToQueue({queue:?})]` on the service that sends and deploy what `cargo pikku package` \
                 writes, or set {RESOURCES} to {{\"queue:{queue}\":\"<address of the queue>\"}} where you start the \
                 bundle by hand"
            ),
            Self::Address { variable, reason } => write!(formatter, "the address in {variable} {reason}"),
            Self::Random => formatter.write_str("the operating system gives no random bytes"),
            Self::Setup(error) => error.fmt(formatter),
            Self::NoSender(reason) | Self::Unsupported(reason) => formatter.write_str(reason),
            Self::Request(_) => formatter.write_str("the request could not be made"),
            Self::Refused { service, attempts, answer } => {
                write!(formatter, "{service} answered{} {answer}", tries(attempts))
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
        match self.source() {
            Some(cause) => write!(formatter, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_differ() {
        assert_eq!(wait(1, 0), Duration::from_millis(50));
        assert_eq!(wait(2, 999), Duration::from_micros(199_900));
        assert_ne!(wait(1, 1), wait(1, 2));
    }
}
