use hyper::StatusCode;
use serde_json::Value;
use std::fmt;

/// The most that is told of what SQS says.
const MESSAGE_CHARS: usize = 300;

/// One attempt that failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// SQS answered with an error.
    Answer(Answer),
    /// There was no answer.
    Connection(String),
}

/// An error that SQS answered with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    status: StatusCode,
    /// The kind of error, such as `QueueDoesNotExist`; empty where the answer is not SQS's.
    code: String,
    message: String,
}

impl Failure {
    /// Whether the same request may succeed a moment later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Connection(_) => true,
            Self::Answer(Answer { status, code, .. }) => {
                status.is_server_error()
                    || *status == StatusCode::TOO_MANY_REQUESTS
                    || code.contains("Throttl")
                    || code.contains("TooManyRequests")
            }
        }
    }
}

impl Answer {
    /// Reads an error of AWS's JSON protocol, `{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "…"}`.
    pub(super) fn read(status: StatusCode, body: &[u8]) -> Self {
        // What stands before SQS, such as a proxy, answers in other forms; the status has to do then.
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let code = text("__type").and_then(|kind| kind.rsplit('#').next()).unwrap_or_default();
        let message = text("message").or_else(|| text("Message")).unwrap_or_default();
        Self { status, code: code.chars().take(100).collect(), message: message.to_owned() }
    }

    /// The answer without its text where that repeats a secret: a signature that does not match is explained with the
    /// headers that were signed, and the session token is one of them.
    pub(super) fn without(mut self, secrets: &[&str]) -> Self {
        let signature = self.code.contains("Signature");
        if signature || secrets.iter().any(|secret| !secret.is_empty() && self.message.contains(secret)) {
            self.message.clear();
        }
        if let Some((end, _)) = self.message.char_indices().nth(MESSAGE_CHARS) {
            self.message.truncate(end);
            self.message.push('…');
        }
        self
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.status.as_u16())?;
        if !self.code.is_empty() {
            write!(formatter, " {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(formatter, ": {}", self.message)?;
        }
        Ok(())
    }
}
