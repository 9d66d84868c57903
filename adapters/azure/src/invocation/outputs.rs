//! What an invocation is answered with: `HttpScriptInvocationResult` of the host.

use super::members::is_date;
use crate::platform::log_of;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use pikku::{Problem, Response, StatusCode, http::Headers, platform::Level};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// The most octets of an answer in one piece: as many as the host takes of a request.
const LIMIT: usize = 100 << 20;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    outputs: Outputs<'a>,
    logs: [&'static str; 0],
    return_value: Option<String>,
}

#[derive(Serialize, Default)]
struct Outputs<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    res: Option<HttpOutput<'a>>,
}

/// `HttpOutputBindingResponse` of the host: the status is a string, and a name has one value.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpOutput<'a> {
    status_code: String,
    headers: Single<'a>,
    body: &'a str,
}

/// The answer to an invocation that succeeded. What the function returned is written so that the host's decoding of base64
/// gives it back: an output binding `$return` gets its exact octets.
pub(super) fn value(json: Option<&[u8]>) -> Vec<u8> {
    written(&Answer { outputs: Outputs::default(), logs: [], return_value: json.map(|json| STANDARD.encode(json)) })
}

/// The answer to an invocation of an HTTP function. The output of that binding is not decoded.
pub(super) async fn response(response: Response, id: &str, function: &str) -> Vec<u8> {
    let Response { status, headers, body } = response;
    let cookies = headers.get_all("set-cookie").count();
    if cookies > 1 {
        let message = "only the last cookie of a response is set, for the output of an invocation has room for one; have \
                       the host proxy requests (`customHandler.enableProxyingHttpRequest`)";
        log_of(Level::Warn, id, function, message, Some(&format!("the response sets {cookies} cookies")));
    }
    let refused = match body.collect(LIMIT).await {
        Ok(octets) => match std::str::from_utf8(&octets) {
            Ok(text)
                if !is_date(text)
                    && !headers.iter().any(|(_, value)| std::str::from_utf8(value).is_ok_and(is_date)) =>
            {
                return output(status.as_u16(), &headers, text);
            }
            Ok(_) => "the body or a header is a date as .NET reads one, which the host would write in another form",
            Err(_) => "the body is no text",
        }
        .to_owned(),
        Err(error) => error.to_string(),
    };
    let message = "a response cannot be the output of an invocation; have the host proxy requests \
                   (`customHandler.enableProxyingHttpRequest`)";
    log_of(Level::Error, id, function, message, Some(&refused));
    let problem = Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "response_not_text",
        "the response cannot be sent in the form that the platform asks for",
    );
    let Response { status, headers, body } = Response::from(&problem.with_retry(false));
    let text = body.whole().and_then(|octets| std::str::from_utf8(octets).ok()).unwrap_or_default();
    output(status.as_u16(), &headers, text)
}

fn output(status: u16, headers: &Headers, body: &str) -> Vec<u8> {
    let res = HttpOutput { status_code: status.to_string(), headers: Single(headers), body };
    written(&Answer { outputs: Outputs { res: Some(res) }, logs: [], return_value: None })
}

fn written(answer: &Answer<'_>) -> Vec<u8> {
    // Strings in objects: writing them cannot fail.
    serde_json::to_vec(answer).unwrap_or_default()
}

/// Headers with one value each: values of one name are joined by commas (RFC 9110, section 5.3). Cookies cannot be joined,
/// and the host has no other place for them; the last one counts, and the log says so.
struct Single<'a>(&'a Headers);

impl Serialize for Single<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in self.0.names() {
            let mut values = self.0.get_all(name).map(String::from_utf8_lossy);
            let value = if name == "set-cookie" {
                values.next_back().unwrap_or_default().into_owned()
            } else {
                values.collect::<Vec<_>>().join(", ")
            };
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}
