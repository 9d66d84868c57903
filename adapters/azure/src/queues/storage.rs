//! A message to a storage queue: "Put Message" of the Queue service's REST API.

use super::{Authorisation, address::Address};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::Full;
use hyper::{
    Request,
    body::Bytes,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT},
};
use pikku::platform::OutgoingMessage;
use pikku_https::{Answer, SendError};
use ring::hmac;
use std::time::{Duration, SystemTime};

/// The version of the API: the first in which a message may never expire is 2017-07-29, and the first that takes tokens
/// 2017-11-09.
const VERSION: &str = "2021-12-02";

/// The longest that a message is kept back: seven days.
const LONGEST_DELAY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The most octets of a message, as it lies in the queue.
const LARGEST: usize = 64 * 1024;

const CONTENT: &str = "application/xml";

/// A message, ready to be sent.
#[derive(Debug)]
pub(super) struct Draft {
    body: Bytes,
    delay_s: u64,
}

impl Draft {
    pub(super) fn new(message: &OutgoingMessage<'_>) -> Result<Self, SendError> {
        let unsupported = |reason: &'static str| Err(SendError::unsupported(reason));
        if message.delay > LONGEST_DELAY {
            return unsupported("a storage queue keeps a message back for seven days at most");
        }
        if message.group.is_some() || message.deduplication_id.is_some() {
            return unsupported(
                "a group or a deduplication id is for a queue of Service Bus: add `.fifo()` to the wiring of the queue and \
                 deploy it, or send without them",
            );
        }
        let text = STANDARD.encode(message.body);
        if text.len() > LARGEST {
            return Err(SendError::unsupported(format!(
                "a message of a storage queue has at most {} octets, for it lies there as base64, and this has {}",
                LARGEST / 4 * 3,
                message.body.len()
            )));
        }
        let body = format!("<QueueMessage><MessageText>{text}</MessageText></QueueMessage>").into();
        // Rounded up: not before its time.
        Ok(Self { body, delay_s: message.delay.as_millis().div_ceil(1000) as u64 })
    }

    pub(super) fn request(
        &self,
        address: &Address,
        authorisation: &Authorisation<'_>,
        now: SystemTime,
    ) -> Result<Request<Full<Bytes>>, SendError> {
        let date = httpdate::fmt_http_date(now);
        let path = format!("{}/messages", address.path);
        // By name, as the signature wants them.
        let query = [("messagettl", "-1".to_owned()), ("visibilitytimeout", self.delay_s.to_string())];
        let authorisation = match authorisation {
            Authorisation::Token(token) => format!("Bearer {token}"),
            Authorisation::Key(key) => {
                let text = to_sign(&key.name, &path, &query, self.body.len(), &date);
                let secret = hmac::Key::new(hmac::HMAC_SHA256, &key.secret);
                format!("SharedKey {}:{}", key.name, STANDARD.encode(hmac::sign(&secret, text.as_bytes())))
            }
        };
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Request::post(format!("{path}?{}", query.join("&")))
            .header(HOST, address.host())
            .header(USER_AGENT, concat!("pikku/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, CONTENT)
            .header("x-ms-date", date)
            .header("x-ms-version", VERSION)
            .header(AUTHORIZATION, authorisation)
            .body(Full::new(self.body.clone()))
            .map_err(SendError::request)
    }
}

/// "Authorize with Shared Key": the verb, standard headers, the headers and the resource in their canonical forms.
fn to_sign(account: &str, path: &str, query: &[(&str, String)], length: usize, date: &str) -> String {
    let resource: String = query.iter().map(|(name, value)| format!("\n{name}:{value}")).collect();
    format!(
        "POST\n\n\n{length}\n\n{CONTENT}\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{VERSION}\n/{account}{path}{resource}"
    )
}

/// The service's own name of an error. Its text is left out: it may repeat a signature.
pub(super) fn code(answer: &Answer) -> String {
    let code = answer.headers.get("x-ms-error-code").and_then(|code| code.to_str().ok());
    code.unwrap_or_default().chars().take(100).collect()
}
