//! What an invocation came to, in Lambda's own words.

use bytes::Bytes;
use serde_json::Value;
use std::{process::ExitStatus, time::Duration};

/// An invocation that is over.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Invocation {
    /// The request id it had.
    pub request_id: String,
    /// What it came to.
    pub outcome: Outcome,
    /// From handing out the event to the end of the answer. Zero when the event was never handed out.
    pub duration: Duration,
    /// How long the process took to start, if this is the first invocation it was given.
    pub init_duration: Option<Duration>,
    /// The most memory the process has held so far, in bytes, where it could still be asked.
    pub max_memory: Option<u64>,
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The function's answer, whole.
    Response(Bytes),
    /// The function's answer in pieces, as far as it came.
    Streamed(Streamed),
    /// The function reported an error.
    FunctionError(ErrorReport),
    /// The process did not come up: it reported an error, ended or took too long.
    InitError(ErrorReport),
    /// The deadline passed.
    TimedOut {
        /// The time the invocation had.
        after: Duration,
    },
    /// The process ended while it held the invocation.
    Crashed {
        /// How, such as `exit status: 1`.
        reason: String,
    },
}

/// An answer sent in pieces.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Streamed {
    /// The `Content-Type` the pieces were sent with.
    pub content_type: Option<String>,
    /// The prelude: status, headers and cookies, when the content type says there is one.
    pub prelude: Option<Value>,
    /// The payload after the prelude.
    pub body: Bytes,
    /// What broke the stream off, if something did.
    pub error: Option<ErrorReport>,
}

impl Streamed {
    fn assembled(&self) -> Bytes {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let Some(Value::Object(prelude)) = &self.prelude else { return self.body.clone() };
        let mut answer = prelude.clone();
        answer.entry("statusCode").or_insert_with(|| 200.into());
        let (body, encoded) = match std::str::from_utf8(&self.body) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (BASE64_STANDARD.encode(&self.body), true),
        };
        answer.insert("body".into(), body.into());
        answer.insert("isBase64Encoded".into(), encoded.into());
        Value::Object(answer).to_string().into()
    }
}

/// An error as Lambda reports it to whoever invoked the function.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorReport {
    /// The error's type, such as `Runtime.ExitError`.
    pub error_type: String,
    /// What happened.
    pub message: String,
    /// The JSON object that the invoker receives: the function's own words where it found some.
    pub payload: Bytes,
}

impl ErrorReport {
    /// A report of Lambda's own.
    pub(crate) fn new(error_type: impl Into<String>, message: impl Into<String>) -> Self {
        let (error_type, message) = (error_type.into(), message.into());
        // In the order that Lambda writes the members in, which a map would not keep.
        let text = |value: &str| Value::from(value).to_string();
        let payload = format!(r#"{{"errorType":{},"errorMessage":{}}}"#, text(&error_type), text(&message)).into();
        Self { error_type, message, payload }
    }

    /// A report about one invocation, which names it.
    pub(crate) fn about(request_id: &str, error_type: &str, message: &str) -> Self {
        Self::new(error_type, format!("RequestId: {request_id} Error: {message}"))
    }

    /// The report a function posted. Its body counts; the header says the type where the body does not.
    pub(crate) fn posted(header: Option<&str>, body: Bytes) -> Self {
        let parsed: Option<Value> = serde_json::from_slice(&body).ok();
        let text = |name: &str| parsed.as_ref()?.get(name)?.as_str().map(str::to_owned);
        let error_type = text("errorType").or_else(|| header.map(str::to_owned));
        match (text("errorMessage"), error_type) {
            (Some(message), Some(error_type)) if text("errorType").is_some() => {
                Self { error_type, message, payload: body }
            }
            (message, error_type) => Self::new(
                error_type.unwrap_or_else(|| "Runtime.UnknownReason".into()),
                message.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned()),
            ),
        }
    }
}

impl Invocation {
    /// The error, unless the function answered.
    pub fn error(&self) -> Option<ErrorReport> {
        match &self.outcome {
            Outcome::Response(_) => None,
            Outcome::Streamed(streamed) => streamed.error.clone(),
            Outcome::FunctionError(report) | Outcome::InitError(report) => Some(report.clone()),
            Outcome::TimedOut { after } => Some(timed_out(&self.request_id, *after)),
            Outcome::Crashed { reason } => Some(exited(&self.request_id, reason)),
        }
    }

    /// What the invoker receives: the function's answer, or the report of its error. A streamed answer is put together
    /// as a gateway does, with the payload as the body of the prelude.
    pub fn payload(&self) -> Bytes {
        match (self.error(), &self.outcome) {
            (Some(report), _) => report.payload,
            (None, Outcome::Response(body)) => body.clone(),
            (None, Outcome::Streamed(streamed)) => streamed.assembled(),
            // Every other outcome is an error.
            (None, _) => Bytes::new(),
        }
    }

    /// The function's answer, if it gave one in one piece.
    pub fn response(&self) -> Option<&Bytes> {
        match &self.outcome {
            Outcome::Response(body) => Some(body),
            _ => None,
        }
    }
}

pub(crate) fn timed_out(request_id: &str, after: Duration) -> ErrorReport {
    let message = format!("Task timed out after {:.2} seconds", after.as_secs_f64());
    ErrorReport::about(request_id, "Sandbox.Timedout", &message)
}

pub(crate) fn exited(request_id: &str, reason: &str) -> ErrorReport {
    ErrorReport::about(request_id, "Runtime.ExitError", &format!("Runtime exited with error: {reason}"))
}

/// What shutting down came to.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// How each process that was still there ended.
    pub sandboxes: Vec<SandboxEnd>,
    /// What all processes had written, with [`Logs::Captured`](crate::Logs::Captured).
    pub logs: Vec<String>,
}

/// How a process ended when it was told to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SandboxEnd {
    /// The process.
    pub pid: u32,
    /// Whether it was sent SIGTERM.
    pub terminated: bool,
    /// Whether it was sent SIGKILL.
    pub killed: bool,
    /// How it ended; nothing if the system did not say in time.
    pub status: Option<ExitStatus>,
    /// How long that took.
    pub took: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_posted_error_is_handed_on_as_it_is() {
        let body = r#"{"errorType":"Oops","errorMessage":"no","stackTrace":["a"]}"#;
        let report = ErrorReport::posted(Some("unhandled"), body.into());
        assert_eq!((report.error_type.as_str(), report.message.as_str()), ("Oops", "no"));
        assert_eq!(report.payload, body);
    }

    #[test]
    fn a_posted_error_that_is_none_is_made_one() {
        let report = ErrorReport::posted(Some("Runtime.Broken"), "not json".into());
        assert_eq!((report.error_type.as_str(), report.message.as_str()), ("Runtime.Broken", "not json"));
        assert_eq!(report.payload, r#"{"errorType":"Runtime.Broken","errorMessage":"not json"}"#);
        let report = ErrorReport::posted(None, r#"{"errorMessage":"no type"}"#.into());
        assert_eq!((report.error_type.as_str(), report.message.as_str()), ("Runtime.UnknownReason", "no type"));
    }

    fn streamed(prelude: Option<Value>, body: &'static [u8]) -> Value {
        let streamed = Streamed { prelude, body: Bytes::from_static(body), ..Streamed::default() };
        let invocation = Invocation {
            request_id: "id".into(),
            outcome: Outcome::Streamed(streamed),
            duration: Duration::ZERO,
            init_duration: None,
            max_memory: None,
        };
        serde_json::from_slice(&invocation.payload()).expect("JSON")
    }

    #[test]
    fn a_streamed_answer_is_put_together() {
        let prelude = json!({"statusCode": 201, "headers": {"a": "b"}, "cookies": ["c=d"]});
        assert_eq!(
            streamed(Some(prelude), b"text"),
            json!({"statusCode": 201, "headers": {"a": "b"}, "cookies": ["c=d"], "body": "text",
                   "isBase64Encoded": false})
        );
        assert_eq!(
            streamed(Some(json!({})), b"\xff"),
            json!({"statusCode": 200, "body": "/w==", "isBase64Encoded": true})
        );
        assert_eq!(streamed(None, b"[1]"), json!([1]));
    }

    #[test]
    fn a_timeout_is_reported_with_two_decimals() {
        let report = timed_out("id", Duration::from_millis(1_500));
        assert_eq!(report.error_type, "Sandbox.Timedout");
        assert_eq!(report.message, "RequestId: id Error: Task timed out after 1.50 seconds");
    }
}
