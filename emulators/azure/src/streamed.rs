use crate::{Response, client::Answering};
use bytes::Bytes;

/// A response whose body is read as it comes. Dropping it breaks the request off, as a client does that goes away.
#[derive(Debug)]
pub struct Streamed {
    /// The status and the headers.
    head: Response,
    answering: Answering,
}

impl Streamed {
    pub(crate) fn new(answering: Answering) -> Self {
        let pair = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers = answering.response.headers().iter().map(pair).collect();
        let head = Response { headers, ..Response::new(answering.response.status().as_u16()) };
        Self { head, answering }
    }

    /// The status and the headers, the body still empty.
    pub fn head(&self) -> &Response {
        &self.head
    }

    /// The next piece of the body.
    ///
    /// # Errors
    /// Why the body was broken off.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, String>> {
        self.answering.chunk().await
    }

    /// The whole response.
    ///
    /// # Errors
    /// Why the body was broken off.
    pub async fn collect(mut self) -> Result<Response, String> {
        let body = self.answering.collect().await?;
        Ok(Response { body, ..self.head })
    }
}
