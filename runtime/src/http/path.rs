#[cfg(feature = "hyper")]
use ::http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The path of a request, each segment decoded once.
///
/// Platforms differ: some deliver the path percent-encoded, some decoded. Both become one form, the *canonical* one:
/// segments split at the raw `/`, each decoded as UTF-8, then only `/` and `%` inside a segment encoded again, so that
/// `/a%2Fb` stays one segment. Routes are matched on it.
#[derive(Clone, Debug)]
pub struct RequestPath {
    raw: Raw,
    canonical: Option<String>,
}

#[derive(Clone, Debug)]
enum Raw {
    Text(String),
    /// As it arrived.
    #[cfg(feature = "hyper")]
    Target(PathAndQuery),
}

impl RequestPath {
    /// A path that arrived percent-encoded. A `%` that begins no escape stays as it is; octets that are not UTF-8
    /// become U+FFFD.
    pub fn encoded(raw: impl Into<String>) -> Self {
        let raw = raw.into();
        if !raw.contains('%') {
            return Self { raw: Raw::Text(raw), canonical: None };
        }
        let segments: Vec<_> =
            raw.split('/').map(|s| escape(&percent_decode_str(s).decode_utf8_lossy()).into_owned()).collect();
        let canonical = Some(segments.join("/"));
        Self { raw: Raw::Text(raw), canonical }
    }

    /// The path of a target as the `http` crate has it, which is not copied.
    #[cfg(feature = "hyper")]
    pub fn of(target: PathAndQuery) -> Self {
        if target.path().contains('%') {
            return Self::encoded(target.path());
        }
        Self { raw: Raw::Target(target), canonical: None }
    }

    /// A path that the platform has decoded already.
    pub fn decoded(raw: impl Into<String>) -> Self {
        let raw = raw.into();
        let canonical = raw.contains('%').then(|| raw.replace('%', "%25"));
        Self { raw: Raw::Text(raw), canonical }
    }

    /// The path as it arrived.
    pub fn raw(&self) -> &str {
        match &self.raw {
            Raw::Text(text) => text,
            #[cfg(feature = "hyper")]
            Raw::Target(target) => target.path(),
        }
    }

    /// The form that routes are matched on.
    pub fn canonical(&self) -> &str {
        self.canonical.as_deref().unwrap_or_else(|| self.raw())
    }

    /// The segments, decoded. `/` has one, which is empty.
    pub fn segments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let path = self.canonical();
        path.strip_prefix('/').unwrap_or(path).split('/').map(unescape)
    }

    /// The path below `prefix`, where it begins with that whole segment sequence.
    pub fn below(&self, prefix: &str) -> Option<Self> {
        let rest = self.canonical().strip_prefix('/')?.strip_prefix(prefix)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let rest = if rest.is_empty() { "/" } else { rest };
        Some(Self { raw: Raw::Text(rest.to_owned()), canonical: None })
    }
}

impl PartialEq for RequestPath {
    fn eq(&self, other: &Self) -> bool {
        (self.raw(), self.canonical()) == (other.raw(), other.canonical())
    }
}

impl Eq for RequestPath {}

fn escape(segment: &str) -> Cow<'_, str> {
    if segment.contains(['/', '%']) {
        Cow::Owned(segment.replace('%', "%25").replace('/', "%2F"))
    } else {
        Cow::Borrowed(segment)
    }
}

/// Undoes the escapes of the canonical form.
pub(crate) fn unescape(segment: &str) -> Cow<'_, str> {
    if segment.contains('%') {
        // The canonical form has no other escapes than these two.
        percent_decode_str(segment).decode_utf8_lossy()
    } else {
        Cow::Borrowed(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(path: &RequestPath) -> Vec<String> {
        path.segments().map(Cow::into_owned).collect()
    }

    #[test]
    fn an_encoded_slash_stays_in_its_segment() {
        let path = RequestPath::encoded("/a/b%2Fc");
        assert_eq!(segments(&path), ["a", "b/c"]);
        assert_eq!(path.canonical(), "/a/b%2Fc");
    }

    #[test]
    fn each_segment_is_decoded_once() {
        assert_eq!(segments(&RequestPath::encoded("/caf%C3%A9/%2525")), ["café", "%25"]);
        assert_eq!(segments(&RequestPath::encoded("/%252F")), ["%2F"]);
        assert_eq!(segments(&RequestPath::decoded("/100%/%2F")), ["100%", "%2F"]);
    }

    #[test]
    fn a_stray_percent_and_bad_utf8_do_not_fail() {
        assert_eq!(segments(&RequestPath::encoded("/%zz/%")), ["%zz", "%"]);
        assert_eq!(segments(&RequestPath::encoded("/%FF")), ["\u{fffd}"]);
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let path = RequestPath::decoded("/Prod/my/path");
        assert_eq!(path.below("Prod").map(|p| p.canonical().to_owned()).as_deref(), Some("/my/path"));
        assert_eq!(path.below("Pro"), None);
        assert_eq!(RequestPath::decoded("/Prod").below("Prod").map(|p| p.raw().to_owned()).as_deref(), Some("/"));
    }
}
