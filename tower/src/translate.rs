//! From a request of the runtime to one of the `http` crate and back, and the same for responses.

use crate::LayeredBody;
use bytes::Bytes;
use futures_core::Stream;
use http::{
    Response,
    request::Parts,
    uri::{InvalidUri, PathAndQuery},
};
use http_body::Body as _;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use pikku::{
    Body, BoxError, Problem, StatusCode,
    http::{Headers, HttpRequest, RequestPath, parse_query},
};
use std::{
    borrow::Cow,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// What a path cannot hold as it is (URL Standard, "path percent-encode set"). Of `%` the form that routes are matched on has
/// escapes alone.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'^').add(b'`').add(b'{').add(b'}');

/// What a name or a value of a query cannot.
const QUERY: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'&').add(b'=').add(b'+').add(b'%');

/// The target of a request as layers see it, on every platform: the path that routes are matched on, and the query.
///
/// # Errors
///
/// It is longer than a URI can be, once it is escaped.
pub(crate) fn target(request: &HttpRequest) -> Result<PathAndQuery, Problem> {
    let path: Cow<'_, str> = utf8_percent_encode(request.matched_path().canonical(), PATH).into();
    let mut target = path.into_owned();
    if !target.starts_with('/') && target != "*" {
        target.insert(0, '/');
    }
    for (index, (name, value)) in request.query.iter().enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        target.extend(utf8_percent_encode(name, QUERY));
        target.push('=');
        target.extend(utf8_percent_encode(value, QUERY));
    }
    target.try_into().map_err(|error: InvalidUri| {
        Problem::new(StatusCode::new(414), "uri_too_long", "the target of the request is longer than this takes")
            .with_private(error.to_string())
    })
}

/// A request as it came out of the layers, whose target was this when it went in. What is known apart from its head and its body
/// stays as it is.
pub(crate) fn request(asked: &HttpRequest, target: &PathAndQuery, parts: Parts, body: Bytes) -> HttpRequest {
    let Parts { method, uri, headers, .. } = parts;
    let headers = Headers::from(&headers);
    let mut request = HttpRequest { method, cookies: headers.cookies(), headers, body, ..asked.clone() };
    if uri.path() != target.path() {
        request.route_path = Some(RequestPath::encoded(uri.path()));
    }
    if uri.query() != target.query() {
        request.query = uri.query().map(|query| parse_query(query.as_bytes())).unwrap_or_default();
    }
    request
}

/// A response as it came out of the layers. A body that is whole stays whole, and one that is made while it is sent is not waited
/// for.
pub(crate) async fn response(response: Response<LayeredBody>) -> pikku::Response {
    let (parts, mut body) = response.into_parts();
    let first = match body.size_hint().exact() {
        Some(0) => return answer(parts, Body::default()),
        Some(_) => poll_fn(|context| Poll::Ready(Pin::new(&mut body).poll_frame(context))).await,
        None => Poll::Pending,
    };
    let first = match first {
        Poll::Ready(Some(frame)) => frame.map(|frame| frame.into_data().ok()).transpose(),
        Poll::Ready(None) => return answer(parts, Body::default()),
        Poll::Pending => None,
    };
    match first {
        Some(Ok(octets)) if body.is_end_stream() => answer(parts, Body::from(octets)),
        first => answer(parts, Body::stream(Frames { first, body })),
    }
}

fn answer(parts: http::response::Parts, body: Body) -> pikku::Response {
    let mut response = pikku::Response::new(parts.status);
    response.headers = Headers::from(&parts.headers);
    response.body = body;
    response
}

/// The octets of a body, as they come.
struct Frames {
    first: Option<Result<Bytes, BoxError>>,
    body: LayeredBody,
}

impl Stream for Frames {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(octets) => return Poll::Ready(Some(Ok(octets))),
                    // Trailers, for which answers have no place.
                    Err(_) => continue,
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}
