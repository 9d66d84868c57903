//! The names of things on Cloudflare, made of the app's own.

/// The longest name of a Worker, as it is part of a host name, and of a queue.
const LONGEST: usize = 63;

/// The name under which a binding is found: the logical name in capitals, every other character an underscore.
pub(crate) fn binding(prefix: &str, logical: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    prefix.chars().chain(logical.chars().map(letter)).collect()
}

/// The name of a Worker, a queue, a database or a bucket in the account: the app's, a hyphen, and its own.
pub(crate) fn physical(app: &str, logical: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("{app}-{logical}").chars().map(letter).collect()
}

/// The name of the queue that keeps what failed too often.
pub(crate) fn dead_letters(queue: &str) -> String {
    format!("{queue}-dead-letters")
}

/// Whether Cloudflare takes a name: letters, digits and hyphens, a letter or digit at both ends, at most 63 characters.
pub(crate) fn is_taken(name: &str) -> bool {
    let alphanumeric = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    (3..=LONGEST).contains(&name.len()) && alphanumeric(name.chars().next()) && alphanumeric(name.chars().next_back())
}

/// Whether JavaScript takes a name for a binding without quotes, which wrangler wants.
pub(crate) fn is_binding(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_the_apps_own() {
        assert_eq!(binding("QUEUE_", "orders-placed"), "QUEUE_ORDERS_PLACED");
        assert_eq!(binding("", "shop/db.key"), "SHOP_DB_KEY");
        assert_eq!(physical("my_shop", "ordersPlaced"), "my-shop-ordersplaced");
        assert_eq!(dead_letters("shop-mail"), "shop-mail-dead-letters");
    }

    #[test]
    fn what_cloudflare_takes() {
        assert!(is_taken("shop-orders") && is_taken(&"x".repeat(63)));
        for wrong in ["", "a", "-shop", "shop-", &"x".repeat(64)] {
            assert!(!is_taken(wrong), "{wrong}");
        }
        assert!(is_binding("_A1") && !is_binding("1A") && !is_binding("A-B") && !is_binding(""));
    }
}
