//! The app's routes divided among its Workers, where it has a host name of its own.
//!
//! Cloudflare chooses a Worker by patterns of the whole URL, query included: a pattern is a text that may end with `*`,
//! and of several that fit the longest wins. A group's pattern is thus what stands before the first parameter of a route,
//! followed by `*`. That divides an app's routes correctly only if no request for one group's route begins with a longer
//! pattern of another group, and if no two groups have one pattern; both are checked here.
//!
//! Without a host name each Worker has one of its own under `workers.dev`, and there is nothing to divide.

use super::{options::Options, wrangler::Route};
use crate::error::Finding;
use pikku_manifest::{Group, Manifest, Wiring, WiringKind};
use std::collections::{BTreeMap, BTreeSet};

/// A route of a group.
#[derive(Clone, Copy, Debug)]
struct Claim<'m> {
    group: &'m Group,
    wiring: &'m Wiring,
    path: &'m str,
}

impl<'m> Claim<'m> {
    /// What every request for it begins with.
    fn prefix(&self) -> &'m str {
        &self.path[..self.path.find('{').unwrap_or(self.path.len())]
    }
}

/// The routes of each group; none without a host name.
pub(crate) fn divide(
    manifest: &Manifest,
    options: &Options<'_>,
    findings: &mut Vec<Finding>,
) -> BTreeMap<String, Vec<Route>> {
    let Some((host, zone)) = options.host() else { return BTreeMap::new() };
    let mut claims = Vec::new();
    for group in &manifest.groups {
        for wiring in &group.wirings {
            if let WiringKind::Http(http) = &wiring.kind {
                claims.push(Claim { group, wiring, path: &http.path });
            }
        }
    }
    let mut told: BTreeSet<(&str, &str)> = BTreeSet::new();
    for claim in &claims {
        for other in claims.iter().filter(|other| other.group.name != claim.group.name) {
            // Two groups with one pattern are told once.
            let same = other.prefix() == claim.prefix();
            let taken = same || (other.prefix().len() > claim.prefix().len() && reaches(claim.path, other.prefix()));
            let pair =
                if same && other.path < claim.path { (other.path, claim.path) } else { (claim.path, other.path) };
            if taken && told.insert(pair) {
                findings.push(conflict(claim, other, same));
            }
        }
    }
    let mut divided: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for claim in &claims {
        divided.entry(claim.group.name.clone()).or_default().insert(claim.prefix());
    }
    let all: BTreeSet<(&str, &str)> = claims.iter().map(|claim| (claim.prefix(), claim.group.name.as_str())).collect();
    divided
        .into_iter()
        .map(|(group, prefixes)| {
            let needed = prefixes.iter().filter(|prefix| !is_covered(prefix, &group, &all));
            let route = |prefix: &&str| Route { pattern: format!("{host}{prefix}*"), zone_name: zone.to_owned() };
            let routes = needed.map(route).collect();
            (group, routes)
        })
        .collect()
}

/// Whether a shorter pattern of the same group takes the same requests: the longest one before it is the group's own.
fn is_covered(prefix: &str, group: &str, all: &BTreeSet<(&str, &str)>) -> bool {
    let shorter = all.iter().filter(|(other, _)| other.len() < prefix.len() && prefix.starts_with(other));
    shorter.max_by_key(|(other, _)| other.len()).is_some_and(|(_, owner)| *owner == group)
}

/// Whether a request for the route `path` can begin with `prefix`.
fn reaches(path: &str, prefix: &str) -> bool {
    let mut segments = path.split('/');
    let mut wanted = prefix.split('/').peekable();
    while let Some(part) = wanted.next() {
        let last = wanted.peek().is_none();
        match segments.next() {
            None => return false,
            Some(segment) if segment.contains("{*") => return true,
            // A parameter may stand for a part of a segment: what is before it must fit.
            Some(segment) if segment.contains('{') => {
                let before = &segment[..segment.find('{').unwrap_or(0)];
                if !(part.starts_with(before) || (last && before.starts_with(part))) {
                    return false;
                }
            }
            Some(segment) if last => return segment.starts_with(part),
            Some(segment) if segment != part => return false,
            Some(_) => {}
        }
    }
    true
}

fn conflict(claim: &Claim<'_>, other: &Claim<'_>, same: bool) -> Finding {
    let route = |claim: &Claim<'_>| claim.wiring.id.strip_prefix("http:").unwrap_or(&claim.wiring.id).to_owned();
    let reason = if same {
        format!("both begin with `{}`", claim.prefix())
    } else {
        format!("requests for the first can begin with `{}`, which leads to the second", other.prefix())
    };
    Finding::new(
        "PK0408",
        Some(&claim.wiring.location),
        format!(
            "`{}` of group `{}` and `{}` of group `{}` cannot be divided among Workers: {reason}",
            route(claim),
            claim.group.name,
            route(other),
            other.group.name
        ),
        "wire both in one group, or begin the paths of each group with a word of its own, such as `/orders/…`",
    )
}

#[cfg(test)]
mod tests {
    use super::reaches;

    #[test]
    fn what_a_route_can_begin_with() {
        for (path, prefix) in [
            ("/orders/{id}", "/orders/new"),
            ("/orders/{id}/items", "/orders/7/it"),
            ("/{*rest}", "/orders"),
            ("/orders-old", "/orders"),
            ("/v{version}/a", "/v1/"),
            ("/a", "/"),
        ] {
            assert!(reaches(path, prefix), "{path} {prefix}");
        }
        for (path, prefix) in [
            ("/orders", "/orders/"),
            ("/orders/{id}", "/orders/7/items"),
            ("/orders/{id}/items", "/orders/7/parts"),
            ("/products", "/orders"),
            ("/v{version}/a", "/w"),
        ] {
            assert!(!reaches(path, prefix), "{path} {prefix}");
        }
    }
}
