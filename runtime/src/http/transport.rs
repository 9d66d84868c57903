//! Requests that go out: to another service, or to a collector of traces.
//!
//! `pikku-https` makes them on every target but Workers (`HttpsTransport`, feature `transport`), there `pikku-cloudflare` does
//! (`WorkerFetch`, feature `transport`).

use super::is_confidential;
use crate::{BoxError, BoxFuture, Bytes, Platform};
use ::http::Uri;
use std::{borrow::Cow, fmt, future::poll_fn, task::Poll, time::Duration};

/// How requests get out.
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
pub struct OutgoingRequest<'a> {
    /// Where it goes, as it is sent.
    pub url: &'a str,
    /// Its headers, besides those of the connection.
    pub headers: &'a [(Cow<'static, str>, String)],
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

/// Posts a request, and gives it up when it takes longer than it may: `None`.
pub async fn post(
    transport: &dyn Transport,
    request: OutgoingRequest<'_>,
    platform: &dyn Platform,
) -> Option<Result<Answer, BoxError>> {
    let mut late = platform.sleep(request.patience);
    let mut posted = transport.post(request);
    poll_fn(|context| match posted.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => late.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// A URL that paths are put behind, as it is written: without a slash at its end.
///
/// # Errors
///
/// It is no URL of http or https with a host, or has more than a path, or what is said there could be read by others, unless it may be
/// `in_the_clear`.
pub fn base_url(url: &str, in_the_clear: bool) -> Result<String, BoxError> {
    let parsed: Uri = url.trim().parse()?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (parsed.scheme_str(), parsed.authority()) else {
        return Err("it is no URL of http or https with a host".into());
    };
    if authority.as_str().contains('@') || parsed.query().is_some() || url.contains('#') {
        return Err("a base URL has no user, no query and no fragment".into());
    }
    if !(in_the_clear || is_confidential(scheme, authority.host())) {
        return Err("in the clear only this machine is called: use https, or say `IN_THE_CLEAR`".into());
    }
    Ok(format!("{scheme}://{authority}{}", parsed.path().trim_end_matches('/')))
}
