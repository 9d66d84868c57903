//! Texts that the compiler puts together, so that a call finds them ready.

/// A text of at most `N` octets.
pub(crate) struct Text<const N: usize> {
    octets: [u8; N],
    length: usize,
}

/// The name of a middleware with its policy.
pub(crate) type Name = Text<96>;

/// The name of a middleware: `kind(policy)`, or `kind` alone for a policy without a name.
pub(crate) const fn name(kind: &str, policy: &str) -> Name {
    let name = Text::new().with(kind);
    if policy.is_empty() { name } else { name.with("(").with(policy).with(")") }
}

/// The names of headers as a list of HTTP (RFC 9110, section 5.6.1).
pub(crate) const fn tokens<const N: usize>(names: &[&str]) -> Text<N> {
    let mut list = Text::new();
    let mut at = 0;
    while at < names.len() {
        let name = names[at].as_bytes();
        assert!(!name.is_empty(), "a header has a name");
        let mut octet = 0;
        while octet < name.len() {
            let is_taken = matches!(name[octet], b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
            assert!(is_taken, "the name of a header is written in lower case, each by itself");
            octet += 1;
        }
        if at > 0 {
            list = list.with(", ");
        }
        list = list.with(names[at]);
        at += 1;
    }
    list
}

impl<const N: usize> Text<N> {
    pub(crate) const fn new() -> Self {
        Self { octets: [0; N], length: 0 }
    }

    /// The same with more at its end. What does not fit does not compile.
    pub(crate) const fn with(mut self, more: &str) -> Self {
        let more = more.as_bytes();
        assert!(self.length + more.len() <= N, "the constants of this policy are too long");
        let mut at = 0;
        while at < more.len() {
            self.octets[self.length + at] = more[at];
            at += 1;
        }
        self.length += more.len();
        self
    }

    /// The same with a number at its end, in decimal.
    pub(crate) const fn with_number(self, number: u32) -> Self {
        let text = if number > 9 { self.with_number(number / 10) } else { self };
        let digit = [b'0' + (number % 10) as u8];
        match std::str::from_utf8(&digit) {
            Ok(digit) => text.with(digit),
            Err(_) => panic!("a digit is text"),
        }
    }

    /// The text.
    pub(crate) const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.octets.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => panic!("what is put together of texts is text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_policy_in_it() {
        const SHOP: &Name = &name("cors", "shop");
        assert_eq!(SHOP.as_str(), "cors(shop)");
        assert_eq!(name("security_headers", "").as_str(), "security_headers");
    }

    #[test]
    fn lists_and_numbers_are_put_together() {
        assert_eq!(tokens::<64>(&["x-total", "etag"]).as_str(), "x-total, etag");
        assert_eq!(tokens::<64>(&[]).as_str(), "");
        for refused in ["*", "X-Total", "a,b", ""] {
            assert!(std::panic::catch_unwind(|| tokens::<64>(&[refused]).as_str().len()).is_err(), "{refused}");
        }
        assert_eq!(Text::<16>::new().with("max-age=").with_number(86_400).as_str(), "max-age=86400");
        assert_eq!(Text::<10>::new().with_number(u32::MAX).as_str(), "4294967295");
        assert_eq!(Text::<1>::new().with_number(0).as_str(), "0");
        assert!(std::panic::catch_unwind(|| Text::<3>::new().with("four").as_str().len()).is_err());
    }
}
