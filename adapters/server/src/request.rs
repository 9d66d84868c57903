//! What of a request is the server's own.

use http::{HeaderMap, HeaderValue, request::Parts};
use pikku::http::HttpRequest;
use std::net::SocketAddr;

/// The header of the id of a request.
pub(crate) const REQUEST_ID: http::HeaderName = http::HeaderName::from_static("x-request-id");

/// The longest id that is taken over.
const LONGEST_ID: usize = 128;

/// The address of the client: an extension of requests, which a layer of your own around an
/// [`AppService`](crate::AppService) may set. [`Server`](crate::Server) knows its clients without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub SocketAddr);

impl ClientAddress {
    /// As calls see it: without the port.
    pub(crate) fn text(self) -> String {
        self.0.ip().to_canonical().to_string()
    }
}

/// A request for the runtime. Its body comes later.
pub(crate) fn read(parts: Parts, id: &str, client: Option<&str>) -> HttpRequest {
    HttpRequest { client_ip: client.map(str::to_owned), ..pikku_hyper::request(parts, id, |_| true) }
}

/// What the headers tell the server itself.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The id that the request has, where it is one: up to 128 visible characters.
    pub(crate) id: Option<HeaderValue>,
    /// The trace that it belongs to, as it arrived.
    pub(crate) trace: Option<HeaderValue>,
    /// What the systems of that trace have added to it.
    pub(crate) state: Option<HeaderValue>,
    /// Whether its body comes only when it is asked for.
    pub(crate) waits: bool,
}

impl Told {
    /// In one pass, which costs less than a look for each.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut told = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                "x-request-id" if told.id.is_none() => told.id = Some(value).filter(|id| is_id(id)).cloned(),
                "traceparent" if told.trace.is_none() => told.trace = Some(value.clone()),
                "tracestate" if told.state.is_none() => told.state = Some(value.clone()),
                "expect" => told.waits = true,
                _ => {}
            }
        }
        told
    }
}

fn is_id(id: &HeaderValue) -> bool {
    (1..=LONGEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_address_without_a_port() {
        let address = ClientAddress("[::ffff:192.0.2.7]:4711".parse().unwrap());
        let (parts, ()) = http::Request::get("/").body(()).unwrap().into_parts();
        let read = read(parts, "req-1", Some(&address.text()));
        assert_eq!((read.client_ip.as_deref(), read.request_id.as_deref()), (Some("192.0.2.7"), Some("req-1")));
    }

    #[test]
    fn only_a_plain_id_is_taken_over() {
        let id = |value: &[u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            Told::of(&HeaderMap::from_iter([(REQUEST_ID, value)])).id.is_some()
        };
        assert!(id(b"req-1") && id(&[b'a'; 128]));
        assert!(!id(b"") && !id(&[b'a'; 129]) && !id(b"a b") && !id(&[0xff]));
    }
}
