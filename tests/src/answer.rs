use base64::{Engine as _, prelude::BASE64_STANDARD};
use pikku_local_lambda::{Invocation, Outcome};
use serde_json::Value;

/// What came back for an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// An HTTP response.
    Http {
        /// Its status.
        status: u64,
        /// Its body as JSON; a string where it is none.
        body: Value,
    },
    /// An answer that is no HTTP response, such as that to a batch.
    Other(Value),
    /// The invocation failed, and the function said why.
    Error {
        /// The error's type.
        error_type: String,
        /// What happened.
        message: String,
    },
    /// The invocation was never answered: the deadline passed or the process ended.
    Lost(String),
}

impl Answer {
    /// Reads what an invocation came to.
    pub fn of(invocation: &Invocation) -> Self {
        match &invocation.outcome {
            Outcome::Response(bytes) => match serde_json::from_slice::<Value>(bytes) {
                Ok(answer) => Self::read(answer),
                Err(why) => Self::Lost(format!("an answer that is no JSON: {why}")),
            },
            Outcome::FunctionError(report) => {
                Self::Error { error_type: report.error_type.clone(), message: report.message.clone() }
            }
            lost => Self::Lost(format!("{lost:?}")),
        }
    }

    fn read(answer: Value) -> Self {
        let Some(status) = answer["statusCode"].as_u64() else { return Self::Other(answer) };
        let text = answer["body"].as_str().unwrap_or_default();
        let bytes = if answer["isBase64Encoded"] == true {
            BASE64_STANDARD.decode(text).unwrap_or_else(|why| panic!("a body that is not base64: {why}"))
        } else {
            text.as_bytes().to_vec()
        };
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into());
        Self::Http { status, body }
    }

    /// The body of a success.
    pub fn success(&self) -> &Value {
        match self {
            Self::Http { status: 200..=299, body } => body,
            other => panic!("not a success: {other:?}"),
        }
    }

    /// The status and code of a client's mistake, which comes in the problem envelope.
    pub fn refusal(&self) -> (u64, &str) {
        match self {
            Self::Http { status: status @ 400..=499, body } => {
                assert_eq!(body["status"].as_u64(), Some(*status), "the envelope has another status: {body}");
                assert!(!body["detail"].as_str().unwrap_or_default().is_empty(), "nothing is explained: {body}");
                let code = body["code"].as_str().unwrap_or_default();
                assert!(!code.is_empty(), "there is no code: {body}");
                (*status, code)
            }
            other => panic!("not a refusal: {other:?}"),
        }
    }

    /// The ids that a batch's answer gives back as failed.
    pub fn failures(&self) -> Vec<&str> {
        let Self::Other(answer) = self else { panic!("not the answer to a batch: {self:?}") };
        let failures = answer["batchItemFailures"].as_array();
        let failures = failures.unwrap_or_else(|| panic!("not the answer to a batch: {answer}"));
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap_or_default()).collect()
    }
}
