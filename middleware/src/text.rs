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
}
