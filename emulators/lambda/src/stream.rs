//! A streamed answer: a prelude, eight NUL bytes and a payload, in chunks that end anywhere.

use crate::{ErrorReport, Streamed};
use bytes::{Bytes, BytesMut};
use hyper::HeaderMap;
use serde_json::Value;

/// The most that a streamed answer may have: 200 MB.
pub(crate) const STREAM_LIMIT: usize = 200 * 1024 * 1024;

/// The content type that says that a prelude comes first.
const WITH_PRELUDE: &str = "application/vnd.awslambda.http-integration-response";

const DELIMITER: [u8; 8] = [0; 8];

/// What has come of a streamed answer.
#[derive(Debug, Default)]
pub(crate) struct Partial {
    content_type: Option<String>,
    received: BytesMut,
}

impl Partial {
    pub(crate) fn new(content_type: Option<String>) -> Self {
        Self { content_type, received: BytesMut::new() }
    }

    /// Takes a chunk; false when there is no room for it.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> bool {
        let fits = self.received.len() + chunk.len() <= STREAM_LIMIT;
        if fits {
            self.received.extend_from_slice(chunk);
        }
        fits
    }

    /// What came, split where the delimiter is. Without one there is no prelude, which is an error of its own unless
    /// the stream broke off for another.
    pub(crate) fn end(self, error: Option<ErrorReport>) -> Streamed {
        let mut body = self.received.freeze();
        let with_prelude = self.content_type.as_deref().is_some_and(|value| value.starts_with(WITH_PRELUDE));
        if !with_prelude {
            return Streamed { content_type: self.content_type, prelude: None, body, error };
        }
        let found = body.windows(DELIMITER.len()).position(|window| window == DELIMITER);
        let prelude: Result<Value, String> = match found {
            Some(at) => {
                let prelude = body.split_to(at);
                body = body.slice(DELIMITER.len()..);
                serde_json::from_slice(&prelude).map_err(|why| format!("the prelude is no JSON: {why}"))
            }
            None => Err("the stream has no delimiter of eight NUL bytes after the prelude".into()),
        };
        let (prelude, fault) = match prelude {
            Ok(value) => (Some(value), None),
            Err(fault) => (None, Some(ErrorReport::new("Runtime.MalformedPrelude", fault))),
        };
        Streamed { content_type: self.content_type, prelude, body, error: error.or(fault) }
    }
}

/// The error that a stream's trailers tell of.
pub(crate) fn error_in(trailers: &HeaderMap) -> Option<ErrorReport> {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let text = |name: &str| trailers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let error_type = text("lambda-runtime-function-error-type");
    let body = text("lambda-runtime-function-error-body");
    if error_type.is_none() && body.is_none() {
        return None;
    }
    let body = body.map(|encoded| match BASE64_STANDARD.decode(encoded.trim()) {
        Ok(bytes) => Bytes::from(bytes),
        Err(_) => Bytes::from(encoded),
    });
    Some(ErrorReport::posted(error_type.as_deref(), body.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PRELUDE: &[u8] = br#"{"statusCode":201,"headers":{"a":"b"}}"#;

    fn streamed(parts: &[&[u8]]) -> Streamed {
        let mut partial = Partial::new(Some(WITH_PRELUDE.into()));
        assert!(parts.iter().all(|part| partial.push(part)));
        partial.end(None)
    }

    #[test]
    fn the_prelude_ends_at_the_delimiter_wherever_the_chunks_end() {
        let whole = [PRELUDE, &DELIMITER, b"\0\0payload\0\0\0\0\0\0\0\0rest"].concat();
        let expected = streamed(&[&whole]);
        assert_eq!(expected.prelude, Some(json!({"statusCode": 201, "headers": {"a": "b"}})));
        assert_eq!(expected.body, b"\0\0payload\0\0\0\0\0\0\0\0rest".as_slice());
        assert_eq!(expected.error, None);
        for cut in 0..=whole.len() {
            assert_eq!(streamed(&[&whole[..cut], &whole[cut..]]), expected, "cut at {cut}");
        }
        let single: Vec<&[u8]> = whole.chunks(1).collect();
        assert_eq!(streamed(&single), expected);
    }

    #[test]
    fn a_stream_without_its_delimiter_or_with_a_broken_prelude_says_so() {
        let missing = streamed(&[PRELUDE, &[0; 7]]);
        assert_eq!(missing.prelude, None);
        assert_eq!(missing.error.map(|e| e.error_type), Some("Runtime.MalformedPrelude".into()));
        let broken = streamed(&[b"{", &DELIMITER, b"x"]);
        assert_eq!((broken.prelude, broken.body), (None, Bytes::from_static(b"x")));
        assert!(broken.error.is_some_and(|e| e.message.starts_with("the prelude is no JSON")));
    }

    #[test]
    fn without_the_content_type_there_is_no_prelude() {
        let mut partial = Partial::new(Some("text/event-stream".into()));
        partial.push(b"a\0\0\0\0\0\0\0\0b");
        let streamed = partial.end(None);
        assert_eq!((streamed.prelude, streamed.body.len(), streamed.error), (None, 10, None));
    }

    #[test]
    fn trailers_carry_an_error() {
        let mut trailers = HeaderMap::new();
        assert_eq!(error_in(&trailers), None);
        trailers.insert("lambda-runtime-function-error-type", "App.Broken".parse().expect("a value"));
        let encoded = "eyJlcnJvclR5cGUiOiJBcHAuQnJva2VuIiwiZXJyb3JNZXNzYWdlIjoib2gifQ==";
        trailers.insert("lambda-runtime-function-error-body", encoded.parse().expect("a value"));
        let error = error_in(&trailers).expect("an error");
        assert_eq!((error.error_type.as_str(), error.message.as_str()), ("App.Broken", "oh"));
    }
}
