//! From a request of the `http` crate to that of the runtime.

use http::{HeaderMap, HeaderValue, header, request::Parts, uri::Authority};
use pikku::{
    Bytes,
    http::{Headers, HttpRequest, RequestPath, parse_query},
};
use std::net::{IpAddr, SocketAddr};

/// The header of the id of a request.
pub(crate) const REQUEST_ID: http::HeaderName = http::HeaderName::from_static("x-request-id");

/// The addresses of the client and the proxies before the last.
const FORWARDED: &str = "x-forwarded-for";

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

/// A request for the runtime. Routes are matched on the path as it is, so on what a router has left of it.
/// Its body comes later.
pub(crate) fn read(parts: Parts, id: &str, client: Option<&str>) -> HttpRequest {
    let Parts { method, uri, mut headers, .. } = parts;
    if let Some(authority) = uri.authority() {
        host(&mut headers, authority);
    }
    let headers = Headers::from(&headers);
    HttpRequest {
        method,
        path: RequestPath::encoded(uri.path()),
        route_path: None,
        query: uri.query().map(|query| parse_query(query.as_bytes())).unwrap_or_default(),
        cookies: headers.cookies(),
        body: Bytes::new(),
        client_ip: client.map(str::to_owned),
        request_id: Some(id.to_owned()),
        stage: None,
        resource: None,
        headers,
    }
}

/// The client that the outermost of so many proxies saw. Each adds an address at the end; what stands before them anybody can
/// have written.
pub(crate) fn forwarded(headers: &HeaderMap, proxies: usize) -> Option<ClientAddress> {
    let nearest = proxies.checked_sub(1)?;
    let values = headers.get_all(FORWARDED).iter().rev().filter_map(|value| value.to_str().ok());
    let address = values.flat_map(|value| value.rsplit(',')).nth(nearest)?.trim();
    let address =
        address.parse().or_else(|_| address.trim_matches(['[', ']']).parse().map(|ip: IpAddr| SocketAddr::new(ip, 0)));
    address.ok().map(ClientAddress)
}

/// The authority of the request's target goes before `Host` (RFC 9112, section 3.2.2), and is all that HTTP/2 has (RFC
/// 9113, section 8.3.1).
fn host(headers: &mut HeaderMap, authority: &Authority) {
    // User information is no part of `Host`.
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    if let Ok(host) = HeaderValue::from_str(host) {
        headers.insert(header::HOST, host);
    }
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

    fn parts(request: http::request::Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_request_is_read() {
        let address = ClientAddress("[::ffff:192.0.2.7]:4711".parse().unwrap());
        let request = http::Request::put("http://user@shop.example:81/a%2Fb/c?q=x+y&q=%C3%A9&flag")
            .header("host", "elsewhere")
            .header("cookie", "a=1; b=2")
            .header("cookie", "c=3");
        let read = read(parts(request), "req-1", Some(&address.text()));
        assert_eq!((read.method.as_str(), read.header("host")), ("PUT", Some("shop.example:81")));
        assert_eq!(read.path.segments().collect::<Vec<_>>(), ["a/b", "c"]);
        assert_eq!(read.query, [("q", "x y"), ("q", "é"), ("flag", "")].map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert_eq!(read.cookies.len(), 3);
        assert_eq!(read.client_ip.as_deref(), Some("192.0.2.7"));
        assert_eq!(read.request_id.as_deref(), Some("req-1"));
    }

    #[test]
    fn proxies_tell_the_client_and_nobody_else() {
        let name = http::HeaderName::from_static(FORWARDED);
        let mut headers = HeaderMap::new();
        for value in ["spoofed, [2001:db8::1]", "[2001:db8::7]:4711,198.51.100.9"] {
            headers.append(&name, HeaderValue::from_static(value));
        }
        let seen = |proxies| forwarded(&headers, proxies).map(|ClientAddress(address)| address.ip().to_string());
        assert_eq!(seen(0), None);
        assert_eq!(seen(1).as_deref(), Some("198.51.100.9"));
        assert_eq!(seen(2).as_deref(), Some("2001:db8::7"));
        assert_eq!(seen(3).as_deref(), Some("2001:db8::1"));
        assert_eq!((seen(4), seen(9)), (None, None));
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
