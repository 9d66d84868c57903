use percent_encoding::percent_decode;

/// The pairs of a query or of a form body, in order (URL Standard, `application/x-www-form-urlencoded` parsing).
///
/// A `+` is a space, an escape that is none stays as it is, octets that are not UTF-8 become U+FFFD.
pub fn parse_query(query: &[u8]) -> Vec<(String, String)> {
    query
        .split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let at = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
            (decode(&pair[..at]), decode(pair.get(at + 1..).unwrap_or_default()))
        })
        .collect()
}

/// One name or value, decoded.
pub(crate) fn decode(text: &[u8]) -> String {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return String::from_utf8_lossy(text).into_owned();
    }
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

/// The pairs of a `Cookie` header (RFC 6265, section 5.4), values as they are. A pair without `=` is not a cookie.
///
/// Only spaces and tabs around a pair are left out. With other white space before it a name is another name: browsers let
/// any site below a domain set it, also where they guard the one that it resembles, such as `__Host-session`.
pub fn parse_cookies(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> Vec<(String, String)> {
        parse_query(query.as_bytes())
    }

    #[test]
    fn pairs_keep_their_order_and_oddities() {
        let expected = [("a", ""), ("b", ""), ("", "c"), ("a", "1;2"), ("a", "x y"), ("bad", "%zz"), ("c", "=d")];
        let expected: Vec<_> = expected.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        assert_eq!(pairs("a&b=&=c&a=1;2&&a=x+y&bad=%zz&c==d"), expected);
    }

    #[test]
    fn utf8_and_plus_are_decoded_once() {
        assert_eq!(pairs("%E3%81%82=%2B1&q=%2525"), [("あ".into(), "+1".into()), ("q".into(), "%25".into())]);
    }

    #[test]
    fn cookies_are_opaque() {
        let cookies: Vec<_> = parse_cookies("tz=Europe%2FParis; four=two+%2B+2;theme=light; flag").collect();
        assert_eq!(cookies, [("tz", "Europe%2FParis"), ("four", "two+%2B+2"), ("theme", "light")]);
    }

    #[test]
    fn a_name_after_other_white_space_is_another_name() {
        for space in ['\u{a0}', '\u{2000}', '\u{3000}', '\u{85}', '\u{b}'] {
            let header = format!("a=1;{space}__Host-session=forged; \t b=2");
            let names: Vec<_> = parse_cookies(&header).map(|(name, _)| name.to_owned()).collect();
            assert_eq!(names, ["a".to_owned(), format!("{space}__Host-session"), "b".to_owned()]);
        }
    }
}
