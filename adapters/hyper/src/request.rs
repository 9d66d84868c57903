//! From a request of the `http` crate to that of the runtime.

use crate::Room;
use http::{
    HeaderMap, HeaderValue, header,
    request::Parts,
    uri::{Authority, PathAndQuery},
};
use pikku::{
    Bytes,
    http::{Headers, HttpRequest, RequestPath, parse_query},
};
use std::net::{IpAddr, SocketAddr};

/// A request for the runtime, with those headers that `keep` lets through, and room for the headers of its answer. Routes are
/// matched on the path as it is, so on what a router has left of it. The body comes later, and so does what is known apart from
/// the request: its id, its client's address.
pub fn request(parts: Parts, keep: impl FnMut(&str, &HeaderValue) -> bool) -> (HttpRequest, Room) {
    let Parts { method, uri, mut headers, .. } = parts;
    let uri = uri.into_parts();
    if let Some(authority) = &uri.authority {
        host(&mut headers, authority);
    }
    let target = uri.path_and_query;
    let query = target.as_ref().and_then(PathAndQuery::query);
    let query = query.map(|query| parse_query(query.as_bytes())).unwrap_or_default();
    let mut room = headers;
    let headers = Headers::of(&mut room, keep);
    let request = HttpRequest {
        method,
        path: target.map_or_else(|| RequestPath::encoded(""), RequestPath::of),
        route_path: None,
        query,
        cookies: headers.cookies(),
        body: Bytes::new(),
        client_ip: None,
        request_id: None,
        stage: None,
        resource: None,
        headers,
    };
    (request, Room::of(room))
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

/// The client that the outermost of so many proxies saw, by the values of `X-Forwarded-For`. Each proxy adds an address at the
/// end; what stands before them anybody can have written.
pub fn forwarded<'a>(values: impl DoubleEndedIterator<Item = &'a [u8]>, proxies: usize) -> Option<SocketAddr> {
    let nearest = proxies.checked_sub(1)?;
    let values = values.rev().filter_map(|value| str::from_utf8(value).ok());
    let address = values.flat_map(|value| value.rsplit(',')).nth(nearest)?.trim();
    let address =
        address.parse().or_else(|_| address.trim_matches(['[', ']']).parse().map(|ip: IpAddr| SocketAddr::new(ip, 0)));
    address.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read() {
        let asked = http::Request::put("http://user@shop.example:81/a%2Fb/c?q=x+y&q=%C3%A9&flag")
            .header("host", "elsewhere")
            .header("cookie", "a=1; b=2")
            .header("x-hidden", "1")
            .header("cookie", "c=3");
        let (read, _) = request(asked.body(()).unwrap().into_parts().0, |name, _| name != "x-hidden");
        assert_eq!((read.method.as_str(), read.header("host")), ("PUT", Some("shop.example:81")));
        assert_eq!(read.path.segments().collect::<Vec<_>>(), ["a/b", "c"]);
        assert_eq!(read.query, [("q", "x y"), ("q", "é"), ("flag", "")].map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert_eq!((read.cookies.len(), read.header("x-hidden")), (3, None));
    }

    #[test]
    fn of_several_values_of_a_name_each_is_kept_or_not() {
        let asked = ["1", "hidden", "2", "3", "hidden"]
            .into_iter()
            .fold(http::Request::get("/"), |asked, value| asked.header("x-mine", value).header("accept", value));
        let mut seen = 0;
        let (read, _) = request(asked.header("x-other", "4").body(()).unwrap().into_parts().0, |_, value| {
            seen += 1;
            value != "hidden"
        });
        let values = |name| read.headers.get_all(name).map(|value| str::from_utf8(value).unwrap()).collect::<String>();
        assert_eq!([values("x-mine"), values("accept"), values("x-other")], ["123", "123", "4"]);
        assert_eq!((seen, read.headers.iter().count()), (11, 7));
    }

    #[test]
    fn a_target_may_have_no_path() {
        let path = |target: &str| {
            let asked = http::Request::options(target).body(()).unwrap();
            request(asked.into_parts().0, |_, _| true).0.path.raw().to_owned()
        };
        assert_eq!([path("*"), path("shop.example:81"), path("/a?b")], ["*", "", "/a"]);
    }

    #[test]
    fn proxies_tell_the_client_and_nobody_else() {
        let values = ["spoofed, [2001:db8::1]", "[2001:db8::7]:4711,198.51.100.9"].map(str::as_bytes);
        let seen = |proxies| forwarded(values.into_iter(), proxies).map(|address| address.ip().to_string());
        assert_eq!(seen(0), None);
        assert_eq!(seen(1).as_deref(), Some("198.51.100.9"));
        assert_eq!(seen(2).as_deref(), Some("2001:db8::7"));
        assert_eq!(seen(3).as_deref(), Some("2001:db8::1"));
        assert_eq!((seen(4), seen(9)), (None, None));
    }
}
