//! Origins, as policies list them.

/// These, each of which a browser may send as it stands: a scheme, a host and perhaps a port (RFC 6454, section 6.2). One that no
/// browser sends does not compile, for nobody would ever match it.
pub(crate) const fn checked(origins: &'static [&'static str]) -> &'static [&'static str] {
    let mut at = 0;
    while at < origins.len() {
        check(origins[at].as_bytes());
        at += 1;
    }
    origins
}

const fn check(origin: &[u8]) {
    let mut host = 0;
    while host + 2 < origin.len() && !(origin[host] == b':' && origin[host + 1] == b'/' && origin[host + 2] == b'/') {
        host += 1;
    }
    assert!(host > 0 && host + 3 < origin.len(), "an origin is written as `https://shop.example`");
    let mut at = 0;
    while at < origin.len() {
        let octet = origin[at];
        let is_host = octet.is_ascii_lowercase()
            || octet.is_ascii_digit()
            || matches!(octet, b'-' | b'.' | b':' | b'[' | b']' | b'_');
        let is_scheme = octet.is_ascii_lowercase() || octet.is_ascii_digit() || matches!(octet, b'+' | b'-' | b'.');
        let taken = if at < host { is_scheme } else { at < host + 3 || is_host };
        assert!(
            taken,
            "an origin is written in lower case, and has a scheme, a host and perhaps a port, with nothing after it"
        );
        at += 1;
    }
    let last = origin[origin.len() - 1];
    assert!(last != b'.' && last != b':', "an origin ends with its host or its port");
    let is_default = (starts_with(origin, b"https://") && ends_with(origin, b":443"))
        || (starts_with(origin, b"http://") && ends_with(origin, b":80"));
    assert!(!is_default, "browsers leave out the port that a scheme has anyway");
}

const fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.len() >= start.len() && is(text, start, 0)
}

const fn ends_with(text: &[u8], end: &[u8]) -> bool {
    text.len() >= end.len() && is(text, end, text.len() - end.len())
}

const fn is(text: &[u8], part: &[u8], from: usize) -> bool {
    let mut at = 0;
    while at < part.len() {
        if text[from + at] != part[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn what_browsers_send_is_an_origin() {
        const TAKEN: &[&str] = checked(&[
            "https://shop.example",
            "http://localhost:3000",
            "https://shop.example:8443",
            "http://[::1]:8080",
            "https://xn--mnchen-3ya.example",
            "capacitor://localhost",
        ]);
        assert_eq!(TAKEN.len(), 6);
        for refused in [
            "",
            "*",
            "null",
            "shop.example",
            "://shop.example",
            "https://",
            "https://shop.example/",
            "https://shop.example.",
            "https://shop.example:",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://Shop.example",
            "HTTPS://shop.example",
            "https://*.example",
            "https://user@shop.example",
            "https://shop.example, https://other.example",
            "https://münchen.example",
        ] {
            assert!(catch_unwind(|| check(refused.as_bytes())).is_err(), "{refused}");
        }
    }
}
