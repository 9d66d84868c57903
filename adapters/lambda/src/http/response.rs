use super::Format;
use crate::platform::log;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use pikku::{
    Problem, Response, StatusCode,
    http::{self, BodyError, Headers},
    platform::Level,
};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

/// The most octets that an answer may have: Lambda's limit of 6 MB for a buffered response.
const LIMIT: usize = 6 * 1024 * 1024;

const SET_COOKIE: &str = "set-cookie";

/// The answer in the form that the event wants.
///
/// A streamed body is collected: the answer to an event has one part.
pub(super) async fn write(format: Format, response: Response) -> String {
    let Response { status, headers, body } = response;
    let problem = match body.collect(LIMIT).await {
        Ok(octets) => {
            let text = encode(format, status, &headers, &octets);
            if text.len() <= LIMIT {
                return text;
            }
            too_large()
        }
        Err(BodyError::Stream(error)) => {
            log(Level::Error, "the body of a response could not be made", Some(&error.to_string()));
            Problem::internal("the body of a response could not be made")
        }
        Err(_) => too_large(),
    };
    let Response { status, headers, body } = Response::from(&problem);
    encode(format, status, &headers, body.whole().map_or(&[], |octets| octets))
}

/// The platform would refuse it, and the client would learn nothing.
fn too_large() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "response_too_large",
        "the response is larger than the platform sends, which is 6 MB",
    )
    .with_retry(false)
}

fn encode(format: Format, status: http::StatusCode, headers: &Headers, octets: &[u8]) -> String {
    let (body, is_base64_encoded) = match std::str::from_utf8(octets) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (STANDARD.encode(octets), true),
    };
    let version_2 = matches!(format, Format::V2 | Format::FunctionUrl);
    let status_code = status.as_u16();
    let alb = matches!(format, Format::Alb | Format::AlbMultiValue);
    let reason = status.canonical_reason().unwrap_or("Status");
    let answer = Answer {
        status_code,
        status_description: alb.then(|| format!("{status_code} {reason}")),
        headers: (version_2 || format == Format::Alb).then_some(Single { headers, cookies: !version_2 }),
        multi_value_headers: (!version_2 && format != Format::Alb).then_some(Multi(headers)),
        cookies: (version_2 && headers.contains(SET_COOKIE)).then_some(Cookies(headers)),
        body: &body,
        is_base64_encoded,
    };
    // Strings, numbers and lists of them: writing it cannot fail.
    serde_json::to_string(&answer).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Single<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<Multi<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cookies: Option<Cookies<'a>>,
    body: &'a str,
    is_base64_encoded: bool,
}

/// Headers with one value each: values of one name are joined by commas (RFC 9110, section 5.3). Cookies cannot be
/// joined; where they have no place of their own, the last one counts.
struct Single<'a> {
    headers: &'a Headers,
    cookies: bool,
}

impl Serialize for Single<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in self.headers.names() {
            if name == SET_COOKIE {
                if self.cookies
                    && let Some(last) = values(self.headers, name).next_back()
                {
                    map.serialize_entry(name, &last)?;
                }
                continue;
            }
            let values: Vec<_> = values(self.headers, name).collect();
            map.serialize_entry(name, &values.join(", "))?;
        }
        map.end()
    }
}

/// Headers with a list of values each.
struct Multi<'a>(&'a Headers);

impl Serialize for Multi<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in self.0.names() {
            map.serialize_entry(name, &values(self.0, name).collect::<Vec<_>>())?;
        }
        map.end()
    }
}

/// The values of `Set-Cookie`.
struct Cookies<'a>(&'a Headers);

impl Serialize for Cookies<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for value in values(self.0, SET_COOKIE) {
            list.serialize_element(&value)?;
        }
        list.end()
    }
}

fn values<'a>(headers: &'a Headers, name: &str) -> impl DoubleEndedIterator<Item = std::borrow::Cow<'a, str>> {
    headers.get_all(name).map(String::from_utf8_lossy)
}
