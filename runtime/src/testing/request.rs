use super::app::context;
use crate::{
    Bytes, Engine, Response,
    call::{Context, TRACEPARENT},
    http::{Headers, HttpRequest, Method, StatusCode},
};
use serde::{Serialize, de::DeserializeOwned};

/// A request being prepared.
#[must_use = "a request does nothing until it is sent"]
#[derive(Debug)]
pub struct TestRequest<'a> {
    engine: &'a Engine,
    request: HttpRequest,
}

/// What a request was answered with.
#[derive(Debug)]
pub struct TestResponse {
    status: StatusCode,
    headers: Headers,
    body: Bytes,
}

impl<'a> TestRequest<'a> {
    pub(super) fn new(engine: &'a Engine, method: Method, path: &str) -> Self {
        Self { engine, request: HttpRequest::new(method, path) }
    }

    /// Adds a header.
    ///
    /// # Panics
    ///
    /// If HTTP does not allow the name or the value.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let added = self.request.headers.append(name, value.as_bytes());
        added.unwrap_or_else(|error| panic!("`{name}: {value}`: {error}"));
        self.request.cookies = self.request.headers.cookies();
        self
    }

    /// Adds a cookie.
    ///
    /// # Panics
    ///
    /// If HTTP does not allow the name or the value.
    pub fn cookie(self, name: &str, value: &str) -> Self {
        self.header("cookie", &format!("{name}={value}"))
    }

    /// Gives it a JSON body.
    ///
    /// # Panics
    ///
    /// If the value cannot be written as JSON.
    pub fn json(self, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_else(|error| panic!("the body is no JSON: {error}"));
        self.body("application/json", body)
    }

    /// Gives it a body of that content type.
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.request.body = body.into();
        self.header("content-type", content_type)
    }

    /// Sends it; its `traceparent` is the trace of the call. A streamed body is collected, and the work for after the answer done.
    ///
    /// # Panics
    ///
    /// If the stream of the body fails.
    pub async fn send(self) -> TestResponse {
        let context = Context { trace: self.request.header(TRACEPARENT).map(str::to_owned), ..context() };
        let after = context.after.clone();
        let Response { status, headers, body } = self.engine.http(self.request, context).await;
        let body = body.collect(usize::MAX).await.unwrap_or_else(|error| panic!("{error}"));
        after.run(&**self.engine.platform(), None).await;
        TestResponse { status, headers, body }
    }
}

impl TestResponse {
    /// The status.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The value of a header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as text.
    ///
    /// # Panics
    ///
    /// If it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|error| panic!("the body is no text: {error}"))
    }

    /// The body, read from JSON.
    ///
    /// # Panics
    ///
    /// If it is not a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("the body is not that: {error}; it is {:?}", String::from_utf8_lossy(&self.body))
        })
    }
}
