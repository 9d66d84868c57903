//! The names of things on Azure, made of the app's own.

use crate::error::Finding;
use pikku_manifest::{Group, Wiring, WiringKind};
use std::collections::BTreeMap;

/// The function that takes every HTTP request of a group.
pub(crate) const HTTP: &str = "http";

/// The longest name of a storage queue or of a container of blobs.
const LONGEST: usize = 63;

/// What the host adds to a queue's name for the queue of what failed too often.
const POISON: &str = "-poison";

/// The name of a wiring's function, which is that of its folder: its id, whatever a function's name has not replaced by one
/// hyphen. The adapter finds the wiring by the same rule.
pub(crate) fn function(wiring: &Wiring) -> String {
    match &wiring.kind {
        WiringKind::Http(_) => HTTP.to_owned(),
        kind => match kind.source().and_then(|source| source.name()) {
            Some(_) => words(&wiring.id),
            None => format!("{}_any", kind.name()),
        },
    }
}

/// A text as words of letters, digits and underscores with single hyphens between them.
fn words(text: &str) -> String {
    let taken = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !taken(c)).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// Whether the host takes a name for a function (`FunctionNameValidationRegex` of its `Utility`).
pub(crate) fn is_function(name: &str) -> bool {
    name.len() <= 127
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        && name != "host"
}

/// The name of a queue, a container, a topic or a stream in the resource group: lower-case words with hyphens.
pub(crate) fn physical(logical: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    logical.chars().map(letter).collect()
}

/// The storage queue that the host moves what failed too often to.
pub(crate) fn poison(queue: &str) -> String {
    format!("{queue}{POISON}")
}

/// Whether a storage account takes a name for a queue or a container: 3 to 63 lower-case letters, digits and single hyphens,
/// a letter or digit at both ends ("Naming queues and metadata", "Naming and referencing containers").
pub(crate) fn is_stored(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=LONGEST).contains(&name.len())
        && name.chars().all(|c| letter(c) || c == '-')
        && name.split('-').all(|word| !word.is_empty())
}

/// The name of a variable that holds something of that logical name: in capitals, every other character an underscore.
pub(crate) fn variable(logical: &str) -> String {
    crate::cloudflare::binding("", logical)
}

/// A name as Bicep's symbols are written: `ordersPlaced` for `orders-placed`.
pub(crate) fn symbol(name: &str) -> String {
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut symbol = words.next().map(lower_first).unwrap_or_default();
    for word in words {
        let (first, rest) = word.split_at(1);
        symbol.push_str(&first.to_ascii_uppercase());
        symbol.push_str(rest);
    }
    if symbol.starts_with(|c: char| c.is_ascii_digit()) { format!("_{symbol}") } else { symbol }
}

/// A word with its first letter small, or all of one that is in capitals.
fn lower_first(word: &str) -> String {
    if word.bytes().all(|byte| !byte.is_ascii_lowercase()) {
        return word.to_ascii_lowercase();
    }
    let (first, rest) = word.split_at(1);
    first.to_ascii_lowercase() + rest
}

/// The parameter that holds the value of a variable.
pub(crate) fn parameter(variable: &str) -> String {
    format!("{}Value", symbol(variable))
}

/// The same with a capital, for the end of a longer symbol.
pub(crate) fn pascal(name: &str) -> String {
    let symbol = symbol(name);
    let symbol = symbol.trim_start_matches('_');
    let (first, rest) = symbol.split_at(usize::from(!symbol.is_empty()));
    first.to_ascii_uppercase() + rest
}

/// Refuses groups whose names only hyphens tell apart.
pub(crate) fn check_groups(groups: &[&Group], findings: &mut Vec<Finding>) {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for group in groups {
        if let Some(first) = taken.insert(symbol(&group.name).to_ascii_lowercase(), &group.name) {
            let location = group.wirings.first().map(|wiring| &wiring.location);
            let message = format!("the groups `{first}` and `{}` would have one name in the Bicep file", group.name);
            findings.push(Finding::new("PK0507", location, message, "rename one of them"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_the_apps_own() {
        assert_eq!(words("queue:orders_placed.fifo"), "queue-orders_placed-fifo");
        assert_eq!(words("event:default shop.orders/{Placed}"), "event-default-shop-orders-Placed");
        assert_eq!(physical("ordersPlaced.fifo"), "ordersplaced-fifo");
        assert_eq!(poison("mail"), "mail-poison");
        for (name, camel, upper) in [
            ("orders-placed", "ordersPlaced", "OrdersPlaced"),
            ("DATABASE_URL", "databaseURL", "DatabaseURL"),
            ("ordersPlaced", "ordersPlaced", "OrdersPlaced"),
            ("2fa", "_2fa", "2fa"),
            ("a", "a", "A"),
        ] {
            assert_eq!((symbol(name).as_str(), pascal(name).as_str()), (camel, upper), "{name}");
        }
    }

    #[test]
    fn what_azure_takes() {
        assert!(is_stored("abc") && is_stored(&"x".repeat(63)) && is_stored("a-1-b"));
        for wrong in ["", "ab", "-abc", "abc-", "a--b", "Abc", "a_b", &"x".repeat(64)] {
            assert!(!is_stored(wrong), "{wrong}");
        }
        assert!(is_function("queue-orders_placed") && is_function("http"));
        for wrong in ["", "host", "1a", "-a", "a b", &"x".repeat(128)] {
            assert!(!is_function(wrong), "{wrong}");
        }
    }
}
