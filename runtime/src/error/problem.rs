use super::{StatusCode, Violation};
use crate::http::Headers;
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{borrow::Cow, fmt, time::Duration};

/// An error as every caller sees it: problem details (RFC 9457) with a stable code.
///
/// Serialised it is `type`, `title`, `status`, `detail`, `code` and `errors`. The type is `about:blank`, for which
/// section 4.2.1 wants the status's own phrase as the title; what went wrong is told by `code` and `detail`.
/// The private text is never serialised; it goes to the log.
#[derive(Clone)]
pub struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
    errors: Vec<Violation>,
    retry: bool,
    deferred: bool,
    private: Option<String>,
    headers: Headers,
}

impl Problem {
    /// A problem of that status, code and public text.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        let retry = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
        Self(Box::new(Inner {
            status,
            code: code.into(),
            detail: detail.into(),
            errors: Vec::new(),
            retry,
            deferred: false,
            private: None,
            headers: Headers::default(),
        }))
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn with_retry(mut self, retry: bool) -> Self {
        self.0.retry = retry;
        self
    }

    /// Whether the call was put off before anything of it was done: where a platform can, it hands a message over again and does not
    /// count this as one of its tries.
    #[must_use]
    pub fn with_deferred(mut self, deferred: bool) -> Self {
        self.0.deferred = deferred;
        self
    }

    /// The text for the log alone.
    #[must_use]
    pub fn with_private(mut self, private: impl Into<String>) -> Self {
        self.0.private = Some(private.into());
        self
    }

    /// The values that are wrong.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<Violation>) -> Self {
        self.0.errors = errors;
        self
    }

    /// The same with a header on the HTTP response that it becomes.
    #[must_use]
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.headers.push(name, value.into().as_bytes());
        self
    }

    /// The same with these headers on the HTTP response that it becomes.
    #[must_use]
    pub fn with_headers(mut self, headers: Headers) -> Self {
        self.0.headers.add(&headers);
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code that clients match on.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The public text.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The values that are wrong.
    pub fn errors(&self) -> &[Violation] {
        &self.0.errors
    }

    /// Whether the same call may succeed later.
    pub fn retry(&self) -> bool {
        self.0.retry
    }

    /// Whether the call was put off before anything of it was done.
    pub fn deferred(&self) -> bool {
        self.0.deferred
    }

    /// How long to wait before the call comes again, where its header `Retry-After` says so in seconds (RFC 9110, section 10.2.3).
    pub fn retry_after(&self) -> Option<Duration> {
        self.headers().get("retry-after").and_then(|value| value.parse().ok()).map(Duration::from_secs)
    }

    /// The text for the log alone.
    pub fn private(&self) -> Option<&str> {
        self.0.private.as_deref()
    }

    /// The headers of the HTTP response that it becomes, besides those that its status and its body give.
    pub fn headers(&self) -> &Headers {
        &self.0.headers
    }

    /// The envelope as JSON text.
    pub fn to_json(&self) -> Vec<u8> {
        // Every member is a string, a number or a list of such: writing it cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The runtime's own problems. Their codes are part of every function's contract.
impl Problem {
    pub(crate) fn no_session() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "this needs a session")
    }

    pub(crate) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
    }

    pub(crate) fn method_not_allowed(allow: String) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take that method")
            .with_header("allow", allow)
    }

    pub(crate) fn invalid_input(errors: Vec<Violation>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_CONTENT, "invalid_input", "the input is not valid").with_errors(errors)
    }

    /// A body that is not what it says it is, such as broken JSON.
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_input", detail)
    }

    pub(crate) fn unsupported_media_type(detail: String) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// An input over a limit.
    pub fn too_large(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONTENT_TOO_LARGE, "content_too_large", detail)
    }

    pub(crate) fn unwritable_output(function: &str, error: &serde_json::Error) -> Self {
        Self::internal(format!("the output of `{function}` cannot be written as JSON: {error}"))
    }

    pub(crate) fn service_failed(service: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::internal(format!("the service `{service}` could not be built: {}", chain(error)))
    }

    /// A fault that is not the caller's; what it was goes to the log alone.
    pub fn internal(private: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong on our side")
            .with_private(private)
    }

    /// The code of a call whose time was over before its function had an outcome; the status is `504`.
    pub const DEADLINE_EXCEEDED: &'static str = "deadline_exceeded";

    pub(crate) fn deadline() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, Self::DEADLINE_EXCEEDED, "this took longer than it may")
    }
}

/// An error and its sources, outermost first.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = &*self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "about:blank")?;
        map.serialize_entry("title", inner.status.phrase())?;
        map.serialize_entry("status", &inner.status.as_u16())?;
        map.serialize_entry("detail", &inner.detail)?;
        map.serialize_entry("code", &inner.code)?;
        if !inner.errors.is_empty() {
            map.serialize_entry("errors", &inner.errors)?;
        }
        map.end()
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: {}", self.0.status, self.0.code, self.0.detail)
    }
}

impl std::error::Error for Problem {}
