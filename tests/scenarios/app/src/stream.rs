//! Answers that are made while they are sent.

use futures_core::Stream;
use pikku::{
    Body, BoxError, Bytes, Problem, Response,
    http::{HeaderValue, StatusCode, header},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// Chunks that are ready one after the other; each time but the last it is asked once in vain.
struct Chunks {
    left: usize,
    waited: bool,
    make: fn(usize) -> Bytes,
}

impl Stream for Chunks {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
        if !self.waited {
            self.waited = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.waited = false;
        self.left = left;
        Poll::Ready(Some(Ok((self.make)(left))))
    }
}

/// Which stream, and how many chunks of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Wanted {
    kind: Kind,
    #[schemars(range(max = 1000))]
    #[serde(default = "three")]
    chunks: usize,
}

fn three() -> usize {
    3
}

/// What the chunks are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Lines of text, whose characters chunks do not break.
    Lines,
    /// The octets of one character, a chunk each.
    Broken,
    /// Octets that are no text.
    Octets,
    /// Many octets a chunk.
    Large,
}

/// Answers in chunks.
#[pikku::function(public)]
pub async fn streamed(wanted: Wanted) -> Result<Response, Problem> {
    let (content_type, make): (_, fn(usize) -> Bytes) = match wanted.kind {
        Kind::Lines => ("text/plain; charset=utf-8", |left| format!("größer {left}\n").into()),
        Kind::Broken => {
            ("text/plain; charset=utf-8", |left| Bytes::copy_from_slice(&"\u{1f980}".as_bytes()[3 - left..4 - left]))
        }
        Kind::Octets => ("application/octet-stream", |left| Bytes::from(vec![0xff, 0x00, left as u8])),
        Kind::Large => ("text/plain", |_| Bytes::from(vec![b'y'; 10_000])),
    };
    let chunks = match wanted.kind {
        Kind::Broken => 4,
        _ => wanted.chunks,
    };
    let body = Body::stream(Chunks { left: chunks, waited: false, make });
    let response =
        Response::new(StatusCode::OK).with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response.with_body(content_type, body))
}
