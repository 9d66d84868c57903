//! Responses on their way out.

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pikku::{BoxError, Response};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// What is kept while an answer is sent, and dropped when it is out or nobody takes it any more.
pub trait Around: Unpin {
    /// Notes why the body could not be made. What went wrong is for the log alone; the client sees a body that is cut off.
    fn body_failed(&self, reason: &str);
}

/// The body of an answer.
#[derive(Debug)]
pub struct Answer<A> {
    body: pikku::Body,
    around: A,
}

impl<A> Answer<A> {
    /// That body.
    pub fn new(body: pikku::Body, around: A) -> Self {
        Self { body, around }
    }
}

/// The map that the headers of a request came in, empty, for those of its answer: hyper keeps it for the next request in turn, so
/// that the requests of a connection share one. A new one for each would be four allocations a request.
#[derive(Debug, Default)]
pub struct Room(HeaderMap);

/// The most headers that a map is kept for: one that many came in is not held for the few of answers.
const ROOM: usize = 48;

impl Room {
    pub(crate) fn of(emptied: HeaderMap) -> Self {
        Self(if emptied.capacity() > ROOM { HeaderMap::new() } else { emptied })
    }
}

/// A response as the `http` crate has it. There is room for one more header.
pub fn response<B>(response: Response, room: Room, body: impl FnOnce(pikku::Body) -> B) -> http::Response<B> {
    let Response { status, headers, body: octets } = response;
    let mut response = http::Response::new(body(octets));
    *response.status_mut() = status;
    let Room(mut map) = room;
    map.reserve(headers.iter().len() + 1);
    headers.add_to(&mut map);
    *response.headers_mut() = map;
    response
}

impl<A: Around> Body for Answer<A> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(match ready!(self.body.poll_chunk(context)) {
            Some(Ok(octets)) => Some(Ok(Frame::data(octets))),
            Some(Err(error)) => {
                self.around.body_failed(&error.to_string());
                Some(Err("the body of the response ended early".into()))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.whole().is_some_and(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.whole().map_or_else(SizeHint::default, |octets| SizeHint::with_exact(octets.len() as u64))
    }
}
