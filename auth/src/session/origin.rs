//! Where a request comes from, as browsers tell it.
//!
//! Browsers send cookies also with requests that other sites make. `SameSite` keeps most of those back, but not those of
//! sites that share the domain, nor of browsers that ignore it. So a session of a cookie stands only for requests that change
//! nothing (RFC 9110, section 9.2.1), or that the app's own pages make: by `Sec-Fetch-Site` (W3C Fetch Metadata), which
//! scripts cannot set, and where a browser does not send that, by `Origin` and `Host`. What sends neither is no browser, and
//! carries no cookie that its user does not know of.

use pikku::{
    Call,
    http::{Headers, Method},
};

/// Whether another site may have made the request, without one of the trusted origins.
pub(super) fn is_foreign(call: &Call, trusted: &[String]) -> bool {
    let Some(headers) = call.headers() else { return false };
    // A WebSocket is opened by `GET` and can do anything after it.
    let is_safe =
        call.http().is_some_and(|request| [Method::GET, Method::HEAD, Method::OPTIONS].contains(&request.method));
    !is_safe && foreign(headers, trusted)
}

fn foreign(headers: &Headers, trusted: &[String]) -> bool {
    let origin = headers.get("origin");
    if origin.is_some_and(|origin| trusted.iter().any(|one| one.eq_ignore_ascii_case(origin))) {
        return false;
    }
    // Those that are there but are no text, or are there twice, come from no browser that is to be believed.
    let mut sites = headers.get_all("sec-fetch-site");
    if let Some(site) = sites.next() {
        return sites.next().is_some() || !(site == b"same-origin" || site == b"none");
    }
    if !headers.contains("origin") {
        return false;
    }
    let host = origin.and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    !host.is_some_and(|host| headers.get("host").is_some_and(|own| own.eq_ignore_ascii_case(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_sites_make_is_foreign() {
        let trusted = ["https://app.example".to_owned()];
        let cases: &[(&[(&str, &str)], bool)] = &[
            (&[], false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://shop.example")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-site"), ("origin", "https://blog.shop.example")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "SAME-ORIGIN")], true),
            (&[("sec-fetch-site", "")], true),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://app.example")], false),
            (&[("origin", "https://app.example"), ("host", "api.example")], false),
            (&[("origin", "https://app.example.evil.example"), ("host", "api.example")], true),
            (&[("origin", "http://app.example"), ("host", "api.example")], true),
            (&[("origin", "https://api.example"), ("host", "api.example")], false),
            (&[("origin", "https://api.example:8443"), ("host", "api.example")], true),
            (&[("origin", "https://evilapi.example"), ("host", "api.example")], true),
            (&[("origin", "null"), ("host", "api.example")], true),
            (&[("origin", "https://api.example")], true),
            (&[("origin", "\u{e9}"), ("host", "api.example")], true),
        ];
        for (pairs, is_foreign) in cases {
            let mut headers = Headers::default();
            pairs.iter().for_each(|(name, value)| headers.append(name, value.as_bytes()).unwrap());
            assert_eq!(foreign(&headers, &trusted), *is_foreign, "{pairs:?}");
        }
    }
}
