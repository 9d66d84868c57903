//! The byte budgets of groups, from the `budget` table of a target's settings.

use crate::{output::bytes, project::Bytes};
use std::{collections::BTreeMap, fmt};

/// The key that holds for every group without a budget of its own.
const DEFAULT: &str = "default";

/// How many of the largest parts a breach names.
const NAMED_PARTS: usize = 5;

/// A bundle over its budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    /// The group.
    pub(crate) group: String,
    /// The bytes it may have.
    pub(crate) limit: u64,
    /// The bytes it has.
    pub(crate) bytes: u64,
    /// The crates with the most bytes, largest first.
    pub(crate) largest: Vec<(String, u64)>,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} of {}; the largest parts are ", self.group, bytes(self.bytes), bytes(self.limit))?;
        let parts: Vec<String> = self.largest.iter().map(|(name, size)| format!("{name} ({})", bytes(*size))).collect();
        f.write_str(&parts.join(", "))
    }
}

/// The most bytes a group's bundle may have.
pub(crate) fn limit(budget: &BTreeMap<String, Bytes>, group: &str) -> Option<u64> {
    budget.get(group).or_else(|| budget.get(DEFAULT)).map(|bytes| bytes.0)
}

/// Whether a bundle is over its budget; `crates` are sorted by size, largest first.
pub(crate) fn breach(group: &str, limit: Option<u64>, bytes: u64, crates: &[(String, u64)]) -> Option<Breach> {
    let limit = limit.filter(|limit| bytes > *limit)?;
    let largest = crates.iter().take(NAMED_PARTS).cloned().collect();
    Some(Breach { group: group.to_owned(), limit, bytes, largest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_groups_own_budget_goes_before_the_default() {
        let budget = serde_json::from_value(json!({"default": "1 MB", "orders": "2 MB"})).unwrap();
        assert_eq!(limit(&budget, "orders"), Some(2_000_000));
        assert_eq!(limit(&budget, "reports"), Some(1_000_000));
        assert_eq!(limit(&BTreeMap::new(), "orders"), None);
    }

    #[test]
    fn the_budget_itself_may_be_reached() {
        let crates: Vec<(String, u64)> = (0..9).map(|n| (format!("c{n}"), 9 - n)).collect();
        assert_eq!(breach("g", Some(100), 100, &crates), None);
        assert_eq!(breach("g", None, 100, &crates), None);
        let breach = breach("g", Some(99), 100, &crates).unwrap();
        assert_eq!((breach.limit, breach.bytes, breach.largest.len()), (99, 100, 5));
    }
}
