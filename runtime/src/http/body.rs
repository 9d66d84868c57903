use crate::{BoxError, BoxFuture, Bytes, future::panic_message};
use futures_core::Stream;
use std::{
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>;

/// The body of a response: whole, or made chunk by chunk while it is sent.
///
/// A platform that cannot stream collects the chunks first.
#[derive(Default)]
pub struct Body(Inner);

enum Inner {
    Whole(Bytes),
    Stream(Chunks),
}

impl Default for Inner {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

/// Why a body could not be collected.
#[derive(Debug)]
#[non_exhaustive]
pub enum BodyError {
    /// It has more octets than the platform sends.
    TooLarge {
        /// The most octets.
        limit: usize,
    },
    /// The stream failed.
    Stream(BoxError),
}

impl fmt::Display for BodyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(formatter, "the body has more than {limit} octets"),
            Self::Stream(error) => write!(formatter, "the body could not be made: {error}"),
        }
    }
}

impl std::error::Error for BodyError {}

impl Body {
    /// A body that is made while it is sent. An error cuts it off.
    pub fn stream(chunks: impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static) -> Self {
        Self(Inner::Stream(Box::pin(chunks)))
    }

    /// The octets of a body that is whole; `None` of one that is made while it is sent.
    pub fn whole(&self) -> Option<&Bytes> {
        match &self.0 {
            Inner::Whole(octets) => Some(octets),
            Inner::Stream(_) => None,
        }
    }

    /// The next chunk. A whole body has one, and none when it is empty. One that has failed has no more; a stream that panics
    /// has failed.
    pub fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        match &mut self.0 {
            Inner::Whole(octets) if octets.is_empty() => Poll::Ready(None),
            Inner::Whole(octets) => Poll::Ready(Some(Ok(std::mem::take(octets)))),
            Inner::Stream(chunks) => {
                // A panic here fails this body alone. Where panics abort, this is nothing.
                let polled = catch_unwind(AssertUnwindSafe(|| chunks.as_mut().poll_next(context)));
                let chunk = match polled {
                    Ok(polled) => ready!(polled),
                    Err(panic) => Some(Err(format!("panicked: {}", panic_message(&*panic)).into())),
                };
                if !matches!(chunk, Some(Ok(_))) {
                    self.0 = Inner::default();
                }
                Poll::Ready(chunk)
            }
        }
    }

    /// All of it, up to `limit` octets.
    ///
    /// # Errors
    ///
    /// It is larger, or the stream failed.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, BodyError> {
        if let Inner::Whole(octets) = self.0 {
            return if octets.len() > limit { Err(BodyError::TooLarge { limit }) } else { Ok(octets) };
        }
        // Boxed, so that the callers' futures do not carry its state: most bodies are whole.
        let all: BoxFuture<'_, Result<Bytes, BodyError>> = Box::pin(async move {
            let mut all = Vec::new();
            while let Some(chunk) = poll_fn(|context| self.poll_chunk(context)).await {
                let chunk = chunk.map_err(BodyError::Stream)?;
                if all.len() + chunk.len() > limit {
                    return Err(BodyError::TooLarge { limit });
                }
                all.extend_from_slice(&chunk);
            }
            Ok(Bytes::from(all))
        });
        all.await
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(octets: T) -> Self {
        Self(Inner::Whole(octets.into()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Whole(octets) => write!(formatter, "{} octets", octets.len()),
            Inner::Stream(_) => formatter.write_str("a stream"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    struct Chunked(VecDeque<Result<Bytes, BoxError>>);

    impl Stream for Chunked {
        type Item = Result<Bytes, BoxError>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.pop_front())
        }
    }

    fn chunked(chunks: impl IntoIterator<Item = Result<&'static str, &'static str>>) -> Body {
        let chunks = chunks.into_iter().map(|chunk| chunk.map(Bytes::from).map_err(BoxError::from));
        Body::stream(Chunked(chunks.collect()))
    }

    #[tokio::test]
    async fn a_stream_is_collected_up_to_the_limit() {
        assert_eq!(chunked([Ok("one "), Ok("two")]).collect(7).await.unwrap(), "one two");
        assert!(matches!(chunked([Ok("one "), Ok("two")]).collect(6).await, Err(BodyError::TooLarge { limit: 6 })));
        assert!(matches!(Body::from("seven").collect(4).await, Err(BodyError::TooLarge { limit: 4 })));
        let failed = chunked([Ok("one "), Err("the disk is gone")]).collect(100).await.unwrap_err();
        assert_eq!(failed.to_string(), "the body could not be made: the disk is gone");
    }

    #[tokio::test]
    async fn a_stream_that_panics_has_failed() {
        struct Bursts;
        impl Stream for Bursts {
            type Item = Result<Bytes, BoxError>;

            fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                panic!("it bursts")
            }
        }
        let mut body = Body::stream(Bursts);
        let error = poll_fn(|context| body.poll_chunk(context)).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "panicked: it bursts");
        assert!(poll_fn(|context| body.poll_chunk(context)).await.is_none());
    }
}
