use bytes::Bytes;
use pikku::{BoxError, BoxFuture};
use std::{fmt, time::Duration};

/// How requests get to another service.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Posts a request once and gives the answer, whatever its status. Redirections are not followed.
    ///
    /// It may be dropped at any time: the request is given up then.
    ///
    /// # Errors
    ///
    /// Why there is no whole answer.
    fn post<'a>(&'a self, request: OutgoingRequest<'a>) -> BoxFuture<'a, Result<Answer, BoxError>>;
}

/// A `POST` that is to be made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OutgoingRequest<'a> {
    /// Where it goes, as it is sent.
    pub url: &'a str,
    /// Its headers, besides those of the connection.
    pub headers: &'a [(&'static str, String)],
    /// Its body.
    pub body: Bytes,
    /// The most octets of the answer's body.
    pub most: usize,
    /// How long it may take. It is dropped then, whether or not it looks at this.
    pub patience: Duration,
}

/// What was answered.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header `Content-Type`, as far as it is text.
    pub content_type: Option<String>,
    /// The header `Retry-After`, as far as it is text.
    pub retry_after: Option<String>,
    /// The body; empty where it is too large or broke off.
    pub body: Bytes,
}
