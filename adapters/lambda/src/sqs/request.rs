use super::{error::SqsError, settings::Target};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use http_body_util::Full;
use hyper::{
    body::Bytes,
    header::{HeaderValue, USER_AGENT},
    http::uri::Authority,
};
use pikku::BoxError;
use serde::Serialize;
use std::{borrow::Cow, time::SystemTime};

/// The message group of everything an app sends to a FIFO queue.
const GROUP: &str = "pikku";

/// What SQS calls a message; the names are those of its `SendMessage`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage<'a> {
    queue_url: &'a str,
    message_body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_deduplication_id: Option<String>,
}

/// SQS takes the characters of XML alone, which lack two that JSON may hold as they are; JSON can also spell them out.
/// Those below U+0020 are spelled out in any JSON.
fn sendable(body: &str) -> Cow<'_, str> {
    if body.contains(['\u{fffe}', '\u{ffff}']) {
        body.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff").into()
    } else {
        body.into()
    }
}

/// A message as it goes over the wire, to be signed anew for each attempt.
#[derive(Debug)]
pub(super) struct Request<'t> {
    target: &'t Target,
    body: Bytes,
}

impl<'t> Request<'t> {
    /// Writes the request; `id` gives a FIFO queue the message's deduplication id.
    pub(super) fn new(
        target: &'t Target,
        body: &str,
        id: impl FnOnce() -> Result<String, SqsError>,
    ) -> Result<Self, SqsError> {
        let fifo = target.is_fifo();
        let message = SendMessage {
            queue_url: &target.queue_url,
            message_body: &sendable(body),
            message_group_id: fifo.then_some(GROUP),
            message_deduplication_id: if fifo { Some(id()?) } else { None },
        };
        let body = serde_json::to_vec(&message).map_err(failed)?;
        Ok(Self { target, body: body.into() })
    }

    /// The request with a signature of that moment.
    pub(super) fn signed(&self, now: SystemTime) -> Result<hyper::Request<Full<Bytes>>, SqsError> {
        let Target { endpoint, region, credentials, .. } = self.target;
        let identity = credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name("sqs")
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(failed)?
            .into();
        let host = endpoint.authority().map_or("", Authority::as_str);
        let headers =
            [("host", host), ("content-type", "application/x-amz-json-1.0"), ("x-amz-target", "AmazonSQS.SendMessage")];
        let uri = endpoint.to_string();
        let signable = SignableRequest::new("POST", &*uri, headers.into_iter(), SignableBody::Bytes(&self.body));
        let (instructions, _) = sign(signable.map_err(failed)?, &parameters).map_err(failed)?.into_parts();
        let mut request = hyper::Request::post(endpoint.path())
            .header(USER_AGENT, HeaderValue::from_static(concat!("pikku/", env!("CARGO_PKG_VERSION"))));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in instructions.headers() {
            request = request.header(name, value);
        }
        request.body(Full::new(self.body.clone())).map_err(failed)
    }
}

fn failed(error: impl Into<BoxError>) -> SqsError {
    SqsError::Request(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_lacks_is_spelled_out() {
        assert!(matches!(sendable(r#"{"a":"ä"}"#), Cow::Borrowed(_)));
        let text = "\u{ffff} \u{fffe} \u{1f980}";
        let body = serde_json::to_string(text).unwrap();
        let sent = sendable(&body);
        assert_eq!(sent, "\"\\uffff \\ufffe \u{1f980}\"");
        assert_eq!(serde_json::from_str::<String>(&sent).unwrap(), text);
    }
}
