//! A message to Service Bus: "Send Message" of its REST API.

use super::{Authorisation, address::Address};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::Full;
use hyper::{
    Request, StatusCode,
    body::Bytes,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
};
use pikku::platform::OutgoingMessage;
use pikku_https::{Answer, SendError};
use ring::hmac;
use serde::Serialize;
use std::{
    borrow::Cow,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How long a signature is good.
const SIGNATURE: Duration = Duration::from_secs(5 * 60);

const CONTENT: &str = "application/json; charset=utf-8";

/// Names that the service reads as headers of its own, so that they cannot be properties of a message.
const RESERVED: [&str; 8] = [
    "authorization",
    "brokerproperties",
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
];

/// A message, ready to be sent.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    body: Bytes,
    id: Cow<'a, str>,
    group: Option<&'a str>,
    delay: Duration,
    properties: Vec<(&'a str, HeaderValue)>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BrokerProperties<'a> {
    message_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_enqueue_time_utc: Option<String>,
}

impl<'a> Draft<'a> {
    /// `id` is that of a message without a deduplication id: attempts at one message have one.
    pub(super) fn new(message: &OutgoingMessage<'a>, id: u128) -> Result<Self, SendError> {
        // Ids of messages and sessions have 128 letters at most ("Service Bus quotas").
        let id = message.deduplication_id.map_or_else(|| Cow::Owned(format!("{id:032x}")), Cow::Borrowed);
        for (what, text) in [("deduplication id", Some(&*id)), ("group", message.group)] {
            if text.is_some_and(|text| text.chars().count() > 128 || text.is_empty()) {
                return Err(SendError::unsupported(format!(
                    "the {what} of a message of Service Bus has 1 to 128 letters"
                )));
            }
        }
        let properties = message.attributes.iter().map(|&(name, value)| property(name, value));
        Ok(Self {
            body: Bytes::copy_from_slice(message.body.as_bytes()),
            id,
            group: message.group,
            delay: message.delay,
            properties: properties.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn request(
        &self,
        address: &Address,
        authorisation: &Authorisation<'_>,
        now: SystemTime,
    ) -> Result<Request<Full<Bytes>>, SendError> {
        // Its times are of whole seconds; rounded up, so that it is not before its time.
        let due =
            (!self.delay.is_zero()).then(|| httpdate::fmt_http_date(now + self.delay + Duration::from_millis(999)));
        let broker = BrokerProperties { message_id: &self.id, session_id: self.group, scheduled_enqueue_time_utc: due };
        let authorisation = match authorisation {
            Authorisation::Token(token) => format!("Bearer {token}"),
            Authorisation::Key(key) => signature(&key.name, &key.secret, address, now),
        };
        let mut request = Request::post(format!("{}/messages", address.path))
            .header(HOST, address.host())
            .header(USER_AGENT, concat!("pikku/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, CONTENT)
            .header("brokerproperties", ascii(&broker)?)
            .header(AUTHORIZATION, authorisation);
        for (name, value) in &self.properties {
            request = request.header(*name, value);
        }
        request.body(Full::new(self.body.clone())).map_err(SendError::request)
    }
}

/// A property of the sender's, which is a header whose value is JSON.
fn property<'a>(name: &'a str, value: &str) -> Result<(&'a str, HeaderValue), SendError> {
    if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        return Err(SendError::unsupported(format!(
            "`{name}` cannot be the name of a property of a message of Service Bus"
        )));
    }
    Ok((name, ascii(&value)?))
}

/// A value as JSON that a header can hold: letters beyond ASCII are spelled out.
fn ascii(value: &impl Serialize) -> Result<HeaderValue, SendError> {
    let json = serde_json::to_string(value).map_err(SendError::request)?;
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if matches!(letter, ' '..='~') {
            text.push(letter);
        } else {
            let mut units = [0; 2];
            letter.encode_utf16(&mut units).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        }
    }
    HeaderValue::from_str(&text).map_err(SendError::request)
}

/// "Service Bus access control with Shared Access Signatures".
fn signature(policy: &str, key: &[u8], address: &Address, now: SystemTime) -> String {
    let resource = escaped(&format!("sb://{}{}", address.host(), address.path).to_ascii_lowercase());
    let ends = now.duration_since(UNIX_EPOCH).map_or(0, |since| (since + SIGNATURE).as_secs());
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let signed = STANDARD.encode(hmac::sign(&key, format!("{resource}\n{ends}").as_bytes()));
    format!("SharedAccessSignature sr={resource}&sig={}&se={ends}&skn={}", escaped(&signed), escaped(policy))
}

/// Text within a signature: all but unreserved letters are escaped.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.~".contains(&octet) {
            escaped.push(octet.into());
        } else {
            escaped.push_str(&format!("%{octet:02x}"));
        }
    }
    escaped
}

/// What the service says of an error, in its `Detail`; nothing where that may repeat what was signed.
pub(super) fn code(answer: &Answer) -> String {
    if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status) {
        return String::new();
    }
    let text = String::from_utf8_lossy(&answer.body);
    let detail = text.split_once("<Detail>").and_then(|(_, rest)| rest.split_once("</Detail>"));
    detail.map_or("", |(detail, _)| detail).chars().take(300).collect()
}
