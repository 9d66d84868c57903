use pikku::Problem;
use serde::Serialize;
use std::fmt;

/// An invocation that failed as a whole: what the Runtime API's error report says.
///
/// It holds public text only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InvocationError {
    /// The kind of error, such as `Pikku.UnknownEvent`, or the stable code of a function's error.
    pub error_type: String,
    /// What is wrong.
    pub error_message: String,
}

impl InvocationError {
    /// The error as the Runtime API takes it.
    pub(crate) fn report(&self) -> String {
        // Two strings: writing them cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn start_failed(reason: &str) -> Self {
        Self { error_type: "Pikku.StartFailed".into(), error_message: reason.to_owned() }
    }

    pub(crate) fn malformed(message: impl fmt::Display) -> Self {
        Self { error_type: "Pikku.MalformedEvent".into(), error_message: format!("the event is malformed: {message}") }
    }

    pub(crate) fn unknown(message: String) -> Self {
        Self { error_type: "Pikku.UnknownEvent".into(), error_message: message }
    }

    pub(crate) fn unwired<'a>(what: &str, wired: impl Iterator<Item = &'a str>) -> Self {
        let wired: Vec<&str> = wired.collect();
        let wired = if wired.is_empty() { "no source".to_owned() } else { wired.join(", ") };
        Self {
            error_type: "Pikku.UnwiredEvent".into(),
            error_message: format!("nothing is wired for {what}; this bundle is wired for {wired}"),
        }
    }
}

impl From<&Problem> for InvocationError {
    fn from(problem: &Problem) -> Self {
        let mut message = problem.detail().to_owned();
        for violation in problem.errors() {
            message.push_str(&format!("; {} {}", violation.pointer, violation.detail));
        }
        Self { error_type: problem.code().to_owned(), error_message: message }
    }
}

impl fmt::Display for InvocationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.error_type, self.error_message)
    }
}

impl std::error::Error for InvocationError {}
