use super::{HeaderMap, HeaderName, HeaderValue, parse_cookies};
use ::http::header::CONTENT_TYPE;
use std::{fmt, str};

/// The headers of a request or a response, in order, names in lower case.
///
/// A list and not a [`HeaderMap`]: few functions look at headers, and that map with its table of known names is 16 kB of
/// every Worker that makes one. [`Headers::to_map`] makes it for those that want it. The octets of all lie one after another,
/// so that a request takes two allocations for them and not two for each.
#[derive(Clone, Default)]
pub struct Headers {
    octets: Vec<u8>,
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
enum Field {
    /// Among the octets: the name up to the middle, then the value.
    Octets { begin: usize, middle: usize, end: usize },
    /// One of the runtime's own.
    Own(&'static str, &'static str),
    /// As it arrived.
    #[cfg(feature = "hyper")]
    Typed(HeaderName, HeaderValue),
}

/// A header that is known when the program is compiled. One that HTTP does not allow is refused then:
///
/// ```
/// use pikku::http::StaticHeader;
///
/// const NOSNIFF: StaticHeader = StaticHeader::new("x-content-type-options", "nosniff");
/// ```
///
/// ```compile_fail
/// # use pikku::http::StaticHeader;
/// const SPLIT: StaticHeader = StaticHeader::new("x-note", "one\r\nset-cookie: two");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticHeader {
    name: &'static str,
    value: &'static str,
}

impl StaticHeader {
    /// A header of that name and value.
    ///
    /// # Panics
    ///
    /// The name has other characters than small letters, digits, `-`, `_` and `.`, or HTTP does not allow the value; in a
    /// constant that is a compile error.
    pub const fn new(name: &'static str, value: &'static str) -> Self {
        let (mut at, octets) = (0, name.as_bytes());
        assert!(!octets.is_empty(), "a header has a name");
        while at < octets.len() {
            // Of the tokens of HTTP those that headers have.
            let is_taken = matches!(octets[at], b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
            assert!(is_taken, "the name of a header has small letters, digits, `-`, `_` and `.`");
            at += 1;
        }
        let (mut at, octets) = (0, value.as_bytes());
        while at < octets.len() {
            assert!(is_field_octet(octets[at]), "HTTP does not allow the value of this header");
            at += 1;
        }
        Self { name, value }
    }
}

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
        Self { octets: Vec::new(), fields: Vec::with_capacity(capacity) }
    }

    /// Those of a map that `keep` lets through, as they are: their octets are not copied. The map is empty afterwards, and has its
    /// room for others.
    #[cfg(feature = "hyper")]
    pub fn of(map: &mut HeaderMap, mut keep: impl FnMut(&str, &HeaderValue) -> bool) -> Self {
        let mut headers = Self::with_capacity(map.len());
        let mut waiting = None;
        for (next, value) in map.drain() {
            // The further values of a name come without it, and it is where the one before them went. To copy it for each would
            // be an allocation for every name that HTTP does not know.
            let before = waiting.take();
            let name = next.or(before).or_else(|| headers.last_name());
            match name {
                Some(name) if keep(name.as_str(), &value) => headers.fields.push(Field::Typed(name, value)),
                name => waiting = name,
            }
        }
        headers
    }

    #[cfg(feature = "hyper")]
    fn last_name(&self) -> Option<HeaderName> {
        match self.fields.last() {
            Some(Field::Typed(name, _)) => Some(name.clone()),
            _ => None,
        }
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
        let begin = self.octets.len();
        self.push(name, value);
        self.octets[begin..begin + name.len()].make_ascii_lowercase();
        Ok(())
    }

    /// Adds one whose name and value HTTP allows, the name in lower case.
    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        let begin = self.octets.len();
        self.octets.reserve(name.len() + value.len());
        self.octets.extend_from_slice(name.as_bytes());
        let middle = self.octets.len();
        self.octets.extend_from_slice(value);
        self.fields.push(Field::Octets { begin, middle, end: self.octets.len() });
    }

    /// Adds one of the runtime's own, in lower case.
    pub(crate) fn push_own(&mut self, name: &'static str, value: &'static str) {
        if self.fields.capacity() == 0 {
            self.fields = Vec::with_capacity(1);
        }
        self.fields.push(Field::Own(name, value));
    }

    /// Adds one, beside those of the same name.
    pub(crate) fn push_typed(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.push(name.as_str(), value.as_bytes());
    }

    /// Adds these. Of those that are not lists, one that is there already stands. What is the program's own is not copied.
    pub(crate) fn add(&mut self, others: &Self) {
        for field in &others.fields {
            let name = field.name(&others.octets);
            if LISTS.contains(&name) || !self.contains(name) {
                match field {
                    Field::Own(name, value) => self.push_own(name, value),
                    _ => self.push(name, field.value(&others.octets)),
                }
            }
        }
    }

    /// Adds one that is known when the program is compiled, beside those of the same name.
    pub fn append_static(&mut self, header: StaticHeader) {
        self.push_own(header.name, header.value);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Takes away those after the first so many.
    pub(crate) fn split_off(&mut self, len: usize) -> Self {
        if len == 0 {
            return std::mem::take(self);
        }
        // The octets stay on both sides until all are dropped.
        let fields = self.fields.split_off(len.min(self.fields.len()));
        Self { octets: if fields.is_empty() { Vec::new() } else { self.octets.clone() }, fields }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Removes every one of that name, whatever its case.
    pub fn remove(&mut self, name: &str) {
        // Its octets stay until all are dropped: headers are seldom removed.
        let octets = &self.octets;
        self.fields.retain(|field| !field.is(name, octets));
    }

    /// The first value of that name, whatever its case, as text; `None` where it is absent or not ASCII.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.get_all(name).next()?;
        str::from_utf8(value).ok().filter(|value| value.is_ascii())
    }

    /// Every value of that name, whatever its case.
    pub fn get_all(&self, name: &str) -> impl DoubleEndedIterator<Item = &[u8]> {
        let fields = self.fields.iter().filter(move |field| field.is(name, &self.octets));
        fields.map(|field| field.value(&self.octets))
    }

    /// Whether there is one of that name, whatever its case.
    pub fn contains(&self, name: &str) -> bool {
        self.get_all(name).next().is_some()
    }

    /// Every header, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &[u8])> + ExactSizeIterator {
        self.fields.iter().map(|field| (field.name(&self.octets), field.value(&self.octets)))
    }

    /// Every name once, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = || self.fields.iter().map(|field| field.name(&self.octets));
        names()
            .enumerate()
            .filter(move |(at, name)| names().take(*at).all(|known| known != *name))
            .map(|(_, name)| name)
    }

    /// The pairs of every `Cookie` header.
    pub fn cookies(&self) -> Vec<(String, String)> {
        let texts = self.get_all("cookie").filter_map(|value| str::from_utf8(value).ok());
        texts.flat_map(parse_cookies).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The same as the map of the `http` crate, with room for one more.
    pub fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.fields.len() + 1);
        self.add_to(&mut map);
        map
    }

    /// Adds them to a map.
    pub fn add_to(&self, map: &mut HeaderMap) {
        for field in &self.fields {
            let name = match field {
                // What every answer has is not looked up.
                Field::Own("content-type", "application/json") => {
                    map.append(CONTENT_TYPE, const { HeaderValue::from_static("application/json") });
                    continue;
                }
                _ => HeaderName::from_bytes(field.name(&self.octets).as_bytes()),
            };
            let value = match field {
                Field::Own(_, value) => Ok(HeaderValue::from_static(value)),
                Field::Octets { .. } => HeaderValue::from_bytes(field.value(&self.octets)),
                #[cfg(feature = "hyper")]
                Field::Typed(_, value) => Ok(value.clone()),
            };
            // Both have been looked at when they were added.
            if let (Ok(name), Ok(value)) = (name, value) {
                map.append(name, value);
            }
        }
    }
}

impl Field {
    fn is(&self, name: &str, octets: &[u8]) -> bool {
        let own = self.name_octets(octets);
        // Whoever asks mostly writes it in lower case too.
        own.len() == name.len() && (own == name.as_bytes() || own.eq_ignore_ascii_case(name.as_bytes()))
    }

    fn name<'o>(&'o self, octets: &'o [u8]) -> &'o str {
        // What is pushed is text.
        str::from_utf8(self.name_octets(octets)).unwrap_or_default()
    }

    fn name_octets<'o>(&'o self, octets: &'o [u8]) -> &'o [u8] {
        match self {
            Self::Octets { begin, middle, .. } => &octets[*begin..*middle],
            Self::Own(name, _) => name.as_bytes(),
            #[cfg(feature = "hyper")]
            Self::Typed(name, _) => name.as_str().as_bytes(),
        }
    }

    fn value<'o>(&'o self, octets: &'o [u8]) -> &'o [u8] {
        match self {
            Self::Octets { middle, end, .. } => &octets[*middle..*end],
            Self::Own(_, value) => value.as_bytes(),
            #[cfg(feature = "hyper")]
            Self::Typed(_, value) => value.as_bytes(),
        }
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_list()
            .entries(self.iter().map(|(name, value)| (name, value.escape_ascii().to_string())))
            .finish()
    }
}

impl From<&HeaderMap> for Headers {
    fn from(map: &HeaderMap) -> Self {
        let mut headers = Self::with_capacity(map.len());
        headers.octets.reserve(map.iter().map(|(name, value)| name.as_str().len() + value.len()).sum());
        map.iter().for_each(|(name, value)| headers.push_typed(name, value));
        headers
    }
}

/// The headers that are added to and not replaced.
const LISTS: [&str; 7] =
    ["link", "ratelimit", "ratelimit-policy", "server-timing", "set-cookie", "vary", "www-authenticate"];

/// RFC 9110, section 5.6.2.
fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

/// RFC 9110, section 5.5: visible, a space, a tab, or beyond ASCII.
const fn is_field_octet(octet: u8) -> bool {
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
