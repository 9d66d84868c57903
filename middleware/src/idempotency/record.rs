//! What is kept of a call, as text.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use pikku::{
    BoxError, Outcome, Problem, Response, StatusCode, Violation,
    function::Reply,
    http::{self, Headers},
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What is known of a key.
#[derive(Deserialize, Serialize)]
pub(super) struct Record<'a> {
    #[serde(rename = "f")]
    fingerprint: Cow<'a, str>,
    #[serde(rename = "s")]
    state: State<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum State<'a> {
    /// Its call goes on, up to that time at most, in milliseconds since the Unix epoch. No two have the same token.
    Pending {
        token: Cow<'a, str>,
        ends_ms: u64,
    },
    Empty,
    Json(Text<'a>),
    Response {
        status: u16,
        headers: Vec<(Cow<'a, str>, Text<'a>)>,
        body: Text<'a>,
    },
    Problem {
        status: u16,
        code: Cow<'a, str>,
        detail: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        errors: Vec<Violation>,
        headers: Vec<(Cow<'a, str>, Text<'a>)>,
    },
    /// It was done, and what it was answered cannot be told again.
    Gone,
}

/// Octets: as text where they are, which they mostly are.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Text<'a> {
    Text(Cow<'a, str>),
    Octets { base64: String },
}

impl<'a> Text<'a> {
    fn of(octets: &'a [u8]) -> Self {
        match std::str::from_utf8(octets) {
            Ok(text) => Self::Text(text.into()),
            Err(_) => Self::Octets { base64: STANDARD_NO_PAD.encode(octets) },
        }
    }

    fn into_octets(self) -> Result<Vec<u8>, BoxError> {
        match self {
            Self::Text(text) => Ok(text.into_owned().into_bytes()),
            Self::Octets { base64 } => Ok(STANDARD_NO_PAD.decode(base64).map_err(|error| error.to_string())?),
        }
    }
}

/// Headers, without those that are secrets or of one answer alone.
fn kept(headers: &Headers) -> Vec<(Cow<'_, str>, Text<'_>)> {
    let is_kept = |name: &str| !["set-cookie", "date"].contains(&name);
    let headers = headers.iter().filter(|(name, _)| is_kept(name));
    headers.map(|(name, value)| (name.into(), Text::of(value))).collect()
}

fn read_headers(kept: Vec<(Cow<'_, str>, Text<'_>)>) -> Result<Headers, BoxError> {
    let mut headers = Headers::with_capacity(kept.len());
    for (name, value) in kept {
        headers.append(&name, &value.into_octets()?)?;
    }
    Ok(headers)
}

/// The problems that say nothing of the call itself: of who calls, of how much, or of the key.
fn is_of_this_time(problem: &Problem) -> bool {
    let by_status =
        problem.status().is_server_error() || matches!(problem.status().as_u16(), 401 | 403 | 408 | 425 | 429);
    problem.retry() || by_status || problem.code() == "invalid_input"
}

impl<'a> Record<'a> {
    /// Of a call that begins.
    pub(super) fn pending(fingerprint: &str, token: &str, ends_ms: u64) -> Result<String, BoxError> {
        Self::text(fingerprint, State::Pending { token: token.into(), ends_ms })
    }

    /// Of a call that has ended so; `None` where it may be done again.
    pub(super) fn ended(fingerprint: &str, outcome: &Outcome, most: usize) -> Result<Option<String>, BoxError> {
        let state = match outcome {
            Err(problem) if is_of_this_time(problem) => return Ok(None),
            Err(problem) => State::Problem {
                status: problem.status().as_u16(),
                code: problem.code().into(),
                detail: problem.detail().into(),
                errors: problem.errors().to_vec(),
                headers: kept(problem.headers()),
            },
            Ok(Reply::Empty) => State::Empty,
            Ok(Reply::Json(text)) => State::Json(Text::of(text)),
            Ok(Reply::Response(response)) if response.status.as_u16() >= 500 => return Ok(None),
            Ok(Reply::Response(response)) => match response.body.whole() {
                Some(body) => State::Response {
                    status: response.status.as_u16(),
                    headers: kept(&response.headers),
                    body: Text::of(body),
                },
                None => State::Gone,
            },
        };
        let text = Record::text(fingerprint, state)?;
        Ok(Some(if text.len() <= most { text } else { Record::text(fingerprint, State::Gone)? }))
    }

    fn text(fingerprint: &str, state: State<'_>) -> Result<String, BoxError> {
        Ok(serde_json::to_string(&Record { fingerprint: fingerprint.into(), state })?)
    }

    /// What stands in a store.
    pub(super) fn read(text: &'a str) -> Result<Self, BoxError> {
        // Where it is wrong, but not what stands there.
        let what = |error: serde_json::Error| {
            format!("what is kept is no result: {:?} at {}", error.classify(), error.column())
        };
        Ok(serde_json::from_str(text).map_err(what)?)
    }

    /// What the input was.
    pub(super) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What the call ended in, or else when it lets its key go at the latest, in milliseconds since the Unix epoch.
    pub(super) fn into_outcome(self) -> Result<Outcome, u64> {
        if let State::Pending { ends_ms, .. } = self.state {
            return Err(ends_ms);
        }
        let read = self.state.into_outcome();
        Ok(read.unwrap_or_else(|error| Err(Problem::internal(format!("what is kept is no result: {error}")))))
    }
}

impl State<'_> {
    fn into_outcome(self) -> Result<Outcome, BoxError> {
        Ok(match self {
            Self::Pending { .. } => return Err("it goes on still".into()),
            Self::Empty => Ok(Reply::Empty),
            Self::Json(text) => Ok(Reply::Json(text.into_octets()?)),
            Self::Response { status, headers, body } => {
                let mut response = Response::new(http::StatusCode::from_u16(status)?);
                response.headers = read_headers(headers)?;
                response.body = body.into_octets()?.into();
                Ok(response.into())
            }
            Self::Problem { status, code, detail, errors, headers } => {
                if !(400..=599).contains(&status) {
                    return Err("a problem of that status is none".into());
                }
                let problem = Problem::new(StatusCode::new(status), code.into_owned(), detail.into_owned());
                Err(problem.with_retry(false).with_errors(errors).with_headers(read_headers(headers)?))
            }
            Self::Gone => {
                let detail = "this was done, and what it was answered cannot be told again";
                Err(Problem::new(StatusCode::CONFLICT, "idempotency_result_gone", detail))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pikku::{Body, ViolationSource};

    fn again(outcome: &Outcome) -> Outcome {
        let text = Record::ended("f", outcome, 10_000).unwrap().unwrap();
        let record = Record::read(&text).unwrap();
        assert_eq!(record.fingerprint(), "f");
        record.into_outcome().unwrap()
    }

    #[test]
    fn what_is_kept_comes_back_whole() {
        assert!(matches!(again(&Ok(Reply::Empty)), Ok(Reply::Empty)));
        assert!(matches!(again(&Ok(Reply::Json(b"[1]".to_vec()))), Ok(Reply::Json(text)) if text == b"[1]"));
        for body in [&b""[..], b"{\"a\": \"\xc3\xa9\\u0000\"}", b"\xff\x00\xfe"] {
            let mut response = Response::new(http::StatusCode::CREATED);
            response.body = Body::from(body);
            for (name, value) in [("location", &b"/orders/1"[..]), ("x-octets", b"\xff"), ("set-cookie", b"session=1")]
            {
                response.headers.append(name, value).unwrap();
            }
            let Ok(Reply::Response(again)) = again(&Ok(response.into())) else { panic!("a response") };
            assert_eq!(
                (again.status, again.body.whole().map(|body| &body[..])),
                (http::StatusCode::CREATED, Some(body))
            );
            let headers: Vec<_> = again.headers.iter().collect();
            assert_eq!(headers, [("location", &b"/orders/1"[..]), ("x-octets", b"\xff")]);
        }
        let violation = Violation::new("/count", "minimum", "is too small").from(ViolationSource::Path);
        let problem = Problem::new(StatusCode::CONFLICT, "sold_out", "it is sold out").with_errors(vec![violation]);
        let Err(kept) = again(&Err(problem.clone().with_private("secret"))) else { panic!("a problem") };
        assert_eq!((kept.to_json(), kept.private()), (problem.to_json(), None));
    }

    #[test]
    fn what_may_change_is_not_kept_and_what_is_too_large_is_gone() {
        for problem in [
            Problem::internal("x"),
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "x", "x"),
            Problem::new(StatusCode::FORBIDDEN, "x", "x"),
            Problem::new(StatusCode::UNAUTHORIZED, "x", "x"),
            Problem::new(StatusCode::CONFLICT, "x", "x").with_retry(true),
            Problem::new(StatusCode::UNPROCESSABLE_CONTENT, "invalid_input", "x"),
        ] {
            assert!(Record::ended("f", &Err(problem.clone()), 1000).unwrap().is_none(), "{problem}");
        }
        let failed = Response::new(http::StatusCode::BAD_GATEWAY);
        assert!(Record::ended("f", &Ok(failed.into()), 1000).unwrap().is_none());
        let large = Ok(Reply::Json(vec![b'1'; 1001]));
        let text = Record::ended("f", &large, 1000).unwrap().unwrap();
        let outcome = Record::read(&text).unwrap().into_outcome().unwrap();
        assert_eq!(outcome.unwrap_err().code(), "idempotency_result_gone");
    }

    #[test]
    fn what_is_no_record_is_not_printed() {
        for text in ["", "secret", r#"{"f": "secret"}"#, r#"{"f": "", "s": {"secret": 1}}"#] {
            let error = Record::read(text).err().unwrap().to_string();
            assert!(error.starts_with("what is kept is no result") && !error.contains("secret"), "{error}");
        }
    }
}
