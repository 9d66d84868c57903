use super::{HeaderMap, HeaderName, HeaderValue, parse_cookies};
use std::{borrow::Cow, fmt, str};

/// The headers of a request or a response, in order, names in lower case.
///
/// A list and not a [`HeaderMap`]: few functions look at headers, and that map with its table of known names is 16 kB of
/// every Worker that makes one. [`Headers::to_map`] makes it for those that want it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Cow<'static, str>, Cow<'static, [u8]>)>);

/// A name or a value that HTTP does not allow (RFC 9110, sections 5.1 and 5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidHeader;

impl fmt::Display for InvalidHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a header has a name or a value that HTTP does not allow")
    }
}

impl std::error::Error for InvalidHeader {}

impl Headers {
    /// No headers, with room for so many.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Adds one, beside those of the same name.
    ///
    /// # Errors
    ///
    /// HTTP does not allow the name or the value.
    pub fn append(&mut self, name: &str, value: &[u8]) -> Result<(), InvalidHeader> {
        if name.is_empty() || !name.bytes().all(is_token) || !value.iter().copied().all(is_field_octet) {
            return Err(InvalidHeader);
        }
        self.0.push((name.to_ascii_lowercase().into(), value.to_vec().into()));
        Ok(())
    }

    /// Adds one of the runtime's own.
    pub(crate) fn push(&mut self, name: &'static str, value: impl Into<Cow<'static, [u8]>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Adds one, beside those of the same name.
    pub(crate) fn push_typed(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.0.push((name.as_str().to_owned().into(), value.as_bytes().to_vec().into()));
    }

    /// Adds these. Of those that are not lists, one that is there already stands.
    pub(crate) fn add(&mut self, others: Self) {
        const LISTS: [&str; 5] = ["link", "server-timing", "set-cookie", "vary", "www-authenticate"];
        for (name, value) in others.0 {
            if LISTS.contains(&&*name) || !self.contains(&name) {
                self.0.push((name, value));
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes every one of that name, whatever its case.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// The first value of that name, whatever its case, as text; `None` where it is absent or not ASCII.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.get_all(name).next()?;
        str::from_utf8(value).ok().filter(|value| value.is_ascii())
    }

    /// Every value of that name, whatever its case.
    pub fn get_all(&self, name: &str) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Whether there is one of that name, whatever its case.
    pub fn contains(&self, name: &str) -> bool {
        self.get_all(name).next().is_some()
    }

    /// Every header, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Every name once, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let first = |at: usize, name: &str| self.0[..at].iter().all(|(known, _)| known != name);
        self.0.iter().enumerate().filter(move |(at, (name, _))| first(*at, name)).map(|(_, (name, _))| &**name)
    }

    /// The pairs of every `Cookie` header.
    pub fn cookies(&self) -> Vec<(String, String)> {
        let texts = self.get_all("cookie").filter_map(|value| str::from_utf8(value).ok());
        texts.flat_map(parse_cookies).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The same as the map of the `http` crate.
    pub fn to_map(&self) -> HeaderMap {
        let pair = |(name, value): (&str, &[u8])| {
            // Both have been looked at when they were added.
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?))
        };
        let mut map = HeaderMap::with_capacity(self.0.len());
        for (name, value) in self.iter().filter_map(pair) {
            map.append(name, value);
        }
        map
    }
}

impl From<&HeaderMap> for Headers {
    fn from(map: &HeaderMap) -> Self {
        let mut headers = Self::with_capacity(map.len());
        map.iter().for_each(|(name, value)| headers.push_typed(name, value));
        headers
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

/// RFC 9110, section 5.5: visible, a space, a tab, or beyond ASCII.
fn is_field_octet(octet: u8) -> bool {
    octet == b'\t' || (octet >= b' ' && octet != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_whatever_their_case() {
        let mut headers = Headers::default();
        for (name, value) in
            [("X-Given", "1"), ("cookie", "a=1; b=2"), ("x-given", "2"), ("Cookie", "c=3"), ("odd", "é")]
        {
            headers.append(name, value.as_bytes()).unwrap();
        }
        assert_eq!((headers.get("x-GIVEN"), headers.get("odd"), headers.get("none")), (Some("1"), None, None));
        assert_eq!(headers.get_all("X-given").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(headers.names().collect::<Vec<_>>(), ["x-given", "cookie", "odd"]);
        let cookies = [("a", "1"), ("b", "2"), ("c", "3")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(headers.cookies(), cookies);
        assert_eq!(Headers::from(&headers.to_map()).to_map(), headers.to_map());
        assert_eq!(headers.to_map().get_all("x-given").iter().count(), 2);
        headers.remove("X-GIVEN");
        assert!(!headers.contains("x-given") && headers.contains("odd"));
    }

    #[test]
    fn what_is_allowed_is_what_the_http_crate_allows() {
        for octet in 0..=u8::MAX {
            let mut headers = Headers::default();
            let value = [b'a', octet];
            assert_eq!(headers.append("a", &value).is_ok(), HeaderValue::from_bytes(&value).is_ok(), "{octet}");
            let Some(letter) = char::from_u32(octet.into()).filter(char::is_ascii) else { continue };
            let name = format!("a{letter}");
            assert_eq!(headers.append(&name, b"").is_ok(), HeaderName::from_bytes(name.as_bytes()).is_ok(), "{octet}");
        }
        assert_eq!(Headers::default().append("", b""), Err(InvalidHeader));
        assert_eq!(Headers::default().append("é", b""), Err(InvalidHeader));
    }
}
