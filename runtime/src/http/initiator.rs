//! Who made a request, as browsers tell it.

use super::{Headers, Method};
use crate::Call;

/// Who made a request that may change something.
///
/// Browsers send cookies also with requests that other sites make. `SameSite` keeps most of those back, but not those of
/// sites that share the domain, nor of browsers that ignore it. They tell who made a request by `Sec-Fetch-Site` (W3C Fetch
/// Metadata), which scripts cannot set, and where a browser does not send that, by `Origin` and `Host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// A page of the app, or of an origin that it trusts, or the user by hand.
    Own,
    /// A page of another site.
    Foreign,
    /// Nobody says: a program that is no browser, or a browser older than 2020.
    Unsaid,
}

impl Initiator {
    /// Who made the request of a call that may change something: over HTTP by a method that is not safe (RFC 9110,
    /// section 9.2.1), or the opening of a WebSocket, which can do anything after it. `None` of any other call.
    pub fn of(call: &Call, is_trusted: impl Fn(&str) -> bool) -> Option<Self> {
        let headers = call.headers()?;
        let is_safe =
            call.http().is_some_and(|request| [Method::GET, Method::HEAD, Method::OPTIONS].contains(&request.method));
        (!is_safe).then(|| Self::told(headers, is_trusted))
    }

    fn told(headers: &Headers, is_trusted: impl Fn(&str) -> bool) -> Self {
        let origin = headers.get("origin");
        if origin.is_some_and(is_trusted) {
            return Self::Own;
        }
        // Those that are there but are no text, or are there twice, come from no browser that is to be believed.
        let mut sites = headers.get_all("sec-fetch-site");
        let is_own = if let Some(site) = sites.next() {
            sites.next().is_none() && (site == b"same-origin" || site == b"none")
        } else if headers.contains("origin") {
            let host = origin.and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
            host.is_some_and(|host| headers.get("host").is_some_and(|own| own.eq_ignore_ascii_case(host)))
        } else {
            return Self::Unsaid;
        };
        if is_own { Self::Own } else { Self::Foreign }
    }
}

#[cfg(test)]
mod tests {
    use super::{Initiator::*, *};

    #[test]
    fn what_other_sites_make_is_foreign() {
        let cases: &[(&[(&str, &str)], Initiator)] = &[
            (&[], Unsaid),
            (&[("host", "api.example"), ("cookie", "session=1")], Unsaid),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://shop.example")], Own),
            (&[("sec-fetch-site", "none")], Own),
            (&[("sec-fetch-site", "same-site"), ("origin", "https://blog.shop.example")], Foreign),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], Foreign),
            (&[("sec-fetch-site", "cross-site")], Foreign),
            (&[("sec-fetch-site", "SAME-ORIGIN")], Foreign),
            (&[("sec-fetch-site", "")], Foreign),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], Foreign),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://app.example")], Own),
            (&[("origin", "https://app.example"), ("host", "api.example")], Own),
            (&[("origin", "https://app.example.evil.example"), ("host", "api.example")], Foreign),
            (&[("origin", "http://app.example"), ("host", "api.example")], Foreign),
            (&[("origin", "https://api.example"), ("host", "api.example")], Own),
            (&[("origin", "https://api.example:8443"), ("host", "api.example")], Foreign),
            (&[("origin", "https://evilapi.example"), ("host", "api.example")], Foreign),
            (&[("origin", "null"), ("host", "api.example")], Foreign),
            (&[("origin", "https://api.example")], Foreign),
            (&[("origin", "\u{e9}"), ("host", "api.example")], Foreign),
        ];
        for (pairs, initiator) in cases {
            let mut headers = Headers::default();
            pairs.iter().for_each(|(name, value)| headers.append(name, value.as_bytes()).unwrap());
            let told = Initiator::told(&headers, |origin| origin == "https://app.example");
            assert_eq!(told, *initiator, "{pairs:?}");
        }
    }
}
