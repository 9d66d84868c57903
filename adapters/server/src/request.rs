//! What of a request is the server's own.

use http::{HeaderValue, request::Parts};
use pikku::http::HttpRequest;
use pikku_hyper::Room;
use std::{net::SocketAddr, sync::Arc};

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
    pub(crate) fn text(self) -> Arc<str> {
        self.0.ip().to_canonical().to_string().into()
    }
}

/// A request for the runtime, what its headers tell the server itself, and room for those of its answer. Its body comes later.
pub(crate) fn read(parts: Parts) -> (HttpRequest, Told, Room) {
    let mut told = Told::default();
    let (request, room) = pikku_hyper::request(parts, |name, value| {
        told.look_at(name, value);
        true
    });
    (request, told, room)
}

/// What the headers tell the server itself.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The id that the request has, where it is one: up to 128 letters, digits and `-._~+/=:@`. One that is there twice is none.
    pub(crate) id: Option<Arc<str>>,
    has_id: bool,
    /// The trace that it belongs to, as it arrived.
    pub(crate) trace: Option<HeaderValue>,
    /// What the systems of that trace have added to it.
    pub(crate) state: Option<HeaderValue>,
    /// Whether its body comes only when it is asked for.
    pub(crate) waits: bool,
}

impl Told {
    /// All of them in one pass, which costs less than a look for each.
    fn look_at(&mut self, name: &str, value: &HeaderValue) {
        match name {
            "x-request-id" => {
                self.id = if self.has_id { None } else { id(value).map(Arc::from) };
                self.has_id = true;
            }
            "traceparent" if self.trace.is_none() => self.trace = Some(value.clone()),
            "tracestate" if self.state.is_none() => self.state = Some(value.clone()),
            "expect" => self.waits = true,
            _ => {}
        }
    }
}

fn id(value: &HeaderValue) -> Option<&str> {
    let id = value.to_str().ok()?;
    let is_taken = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/=:@".contains(&octet);
    ((1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(is_taken)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_address_without_a_port() {
        let address = ClientAddress("[::ffff:192.0.2.7]:4711".parse().unwrap());
        assert_eq!(&*address.text(), "192.0.2.7");
    }

    #[test]
    fn only_a_plain_id_is_taken_over() {
        let is_id = |value: &[u8]| id(&HeaderValue::from_bytes(value).unwrap()).is_some();
        assert!(is_id(b"req-1") && is_id(&[b'a'; 128]) && is_id(b"Root=1-67891233-abcdef012345678912345678"));
        for none in [&b""[..], &[b'a'; 129], b"a b", b"<script>", b"a\"b", b"a,b", b"{}", b"\xff"] {
            assert!(!is_id(none), "{none:?}");
        }
    }

    #[test]
    fn the_server_is_told_in_the_headers() {
        let asked = http::Request::get("/").header("x-request-id", "req-1").header("host", "t");
        let asked = asked.header("traceparent", "00-1").header("expect", "100-continue").header("tracestate", "a=1");
        let (request, told, _) = read(asked.body(()).unwrap().into_parts().0);
        assert_eq!((told.id.as_deref(), told.waits, request.headers.iter().count()), (Some("req-1"), true, 5));
        assert!(told.trace.is_some_and(|trace| trace == "00-1") && told.state.is_some_and(|state| state == "a=1"));
        let twice = http::Request::get("/").header("x-request-id", "req-1").header("x-request-id", "req-1");
        assert_eq!(read(twice.body(()).unwrap().into_parts().0).1.id, None);
    }
}
