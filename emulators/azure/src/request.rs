//! A client's request to the host.

use bytes::Bytes;

/// A request to an HTTP function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, percent-encoded, with a query where there is one.
    pub target: String,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: impl Into<String>, target: impl Into<String>) -> Self {
        Self { method: method.into(), target: target.into(), ..Self::default() }
    }

    /// Adds a header. `Host` is `localhost` where none is given, and the length of a body is added.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// An invocation payload as it goes over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawInvocation {
    /// The path: a slash and the name of the function.
    pub path: String,
    /// Headers beside the host's own; the id of the invocation may be among them.
    pub headers: Vec<(String, String)>,
    /// The payload, which may be anything.
    pub payload: Bytes,
}

impl RawInvocation {
    /// A payload for the function of that name.
    pub fn new(function: &str, payload: impl Into<Bytes>) -> Self {
        Self { path: format!("/{function}"), headers: Vec::new(), payload: payload.into() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}
