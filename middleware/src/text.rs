//! Texts that the compiler puts together, so that a call finds them ready.

pub(crate) use pikku::__private::Text;

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
    fn lists_are_put_together() {
        assert_eq!(tokens::<64>(&["x-total", "etag"]).as_str(), "x-total, etag");
        assert_eq!(tokens::<64>(&[]).as_str(), "");
        for refused in ["*", "X-Total", "a,b", ""] {
            assert!(std::panic::catch_unwind(|| tokens::<64>(&[refused]).as_str().len()).is_err(), "{refused}");
        }
    }
}
