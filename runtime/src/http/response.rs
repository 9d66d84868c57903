use super::{Body, HeaderName, HeaderValue, Headers, StatusCode};
use crate::Problem;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeStruct},
};
use std::borrow::Cow;

/// An HTTP response.
///
/// A function that decides its own status, headers or content type returns one; on a transport without them it is
/// written as an object of `status`, `headers` and `body`.
#[derive(Debug, Default)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Body,
}

impl Response {
    /// A response of that status, without headers and body.
    pub fn new(status: StatusCode) -> Self {
        Self { status, ..Self::default() }
    }

    /// The same with a body of that content type.
    #[must_use]
    pub fn with_body(self, content_type: &'static str, body: impl Into<Body>) -> Self {
        let mut response = Self { body: body.into(), ..self };
        response.headers.remove("content-type");
        response.headers.push_own("content-type", content_type);
        response
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push_typed(&name, &value);
        self
    }

    /// The answer to a request that cannot be dispatched: the envelope, without its body where the method is `HEAD`.
    pub fn refusal(problem: &Problem, head: bool) -> Self {
        let response = Self::from(problem);
        if head { Self { body: Body::default(), ..response } } else { response }
    }

    pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Self {
        Self::new(status).with_body("application/json", body)
    }
}

impl From<&Problem> for Response {
    /// The envelope as an HTTP response.
    fn from(problem: &Problem) -> Self {
        // The status of a problem is 400 to 599, which is a status of HTTP.
        let status = StatusCode::from_u16(problem.status().as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Self::new(status).with_body("application/problem+json", problem.to_json());
        response.headers.add(problem.headers());
        // A 401 says how to authenticate (RFC 9110, section 15.5.2).
        if status == StatusCode::UNAUTHORIZED && !response.headers.contains("www-authenticate") {
            response.headers.push_own("www-authenticate", "Bearer");
        }
        response
    }
}

impl Serialize for Response {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let headers = self.headers.iter().map(|(name, value)| (name, String::from_utf8_lossy(value)));
        let headers: Vec<(&str, Cow<'_, str>)> = headers.collect();
        let mut object = serializer.serialize_struct("Response", 3)?;
        object.serialize_field("status", &self.status.as_u16())?;
        object.serialize_field("headers", &headers)?;
        let Some(body) = self.body.whole() else {
            return Err(S::Error::custom("a body that is made while it is sent cannot be written as JSON"));
        };
        object.serialize_field("body", &String::from_utf8_lossy(body))?;
        object.end()
    }
}

impl JsonSchema for Response {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Response")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A response with a status, headers and a body of its own." })
    }
}
