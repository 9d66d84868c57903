//! What is in a bundle, as its symbols prove it.
//!
//! The symbols are those of the very program that is packaged, read before they are removed. A function or a service is
//! in the bundle when some symbol names it. Where the compiler folded the same code of several types into one, all their
//! names stand for it, which shows that one of them is used and not which: what the group does not declare counts where code
//! is its own.

use crate::elf::Symbol;
use pikku_manifest::{Group, Manifest};
use serde::Serialize;
use std::collections::BTreeMap;

/// The proof of a bundle: `<group>.proof.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Proof {
    /// The group.
    pub(crate) group: String,
    /// The SHA-256 of the program whose symbols were read, before they were removed.
    pub(crate) unstripped_sha256: String,
    /// The functions.
    pub(crate) functions: Found,
    /// The services.
    pub(crate) services: Found,
    /// The crates with code or data in the program, by name.
    pub(crate) crates: BTreeMap<String, u64>,
}

/// Which of the app's names are in a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    /// The names that the group is declared to reach.
    pub(crate) declared: Vec<String>,
    /// The names that symbols show.
    pub(crate) found: Vec<String>,
    /// The names of the app that no symbol shows.
    pub(crate) absent: Vec<String>,
    /// The names found that the group does not declare: they are called past the wirings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) undeclared: Vec<String>,
}

/// Reads the proof out of a program's symbols.
pub(crate) fn prove(manifest: &Manifest, group: &Group, symbols: &[Symbol], unstripped_sha256: String) -> Proof {
    let codes: Vec<&[Symbol]> = symbols.chunk_by(|one, next| one.at == next.at).collect();
    let functions = found(
        manifest.functions.iter().map(|function| {
            (function.name.clone(), format!("{}::{}", function.module.replace("r#", ""), function.name))
        }),
        manifest.functions_of(group).iter().map(|function| function.name.clone()).collect(),
        &codes,
    );
    let services = found(
        manifest.services.iter().map(|service| (service.name.clone(), service.type_name.clone())),
        manifest.services_of(group).iter().map(|service| service.name.clone()).collect(),
        &codes,
    );
    Proof { group: group.name.clone(), unstripped_sha256, functions, services, crates: crates(symbols) }
}

/// The bytes of each crate.
pub(crate) fn crates(symbols: &[Symbol]) -> BTreeMap<String, u64> {
    let mut crates = BTreeMap::new();
    for symbol in symbols {
        if let Some(krate) = &symbol.krate {
            *crates.entry(krate.clone()).or_insert(0) += symbol.bytes;
        }
    }
    crates
}

fn found(all: impl Iterator<Item = (String, String)>, declared: Vec<String>, codes: &[&[Symbol]]) -> Found {
    let (found, absent): (Vec<_>, Vec<_>) = all.partition(|(name, path)| {
        let mut names = codes.iter().map(|code| code.iter().map(|symbol| mentions(&symbol.name, path)));
        if declared.contains(name) { names.flatten().any(|it| it) } else { names.any(|mut all| all.all(|it| it)) }
    });
    let names = |pairs: Vec<(String, String)>| pairs.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let found = names(found);
    let undeclared = found.iter().filter(|name| !declared.contains(name)).cloned().collect();
    Found { declared, absent: names(absent), undeclared, found }
}

/// Whether a symbol names a path as a whole, not as part of a longer name.
fn mentions(symbol: &str, path: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    symbol.match_indices(path).any(|(start, _)| {
        let before = symbol[..start].chars().next_back();
        let after = symbol[start + path.len()..].chars().next();
        !before.is_some_and(|c| word(c) || c == ':') && !after.is_some_and(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn symbol(name: &str, krate: &str, bytes: u64) -> Symbol {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let at = NEXT.fetch_add(1, Ordering::Relaxed);
        Symbol { name: name.to_owned(), krate: Some(krate.to_owned()), bytes, at }
    }

    fn manifest() -> Manifest {
        let at = json!({"file": "src/lib.rs", "line": 1});
        let function = |name: &str, services: &[&str]| {
            json!({"name": name, "module": "shop::orders", "location": at, "errors": [], "services": services,
                   "session": "none"})
        };
        let service = |name: &str| {
            json!({"name": name, "type_name": format!("shop::{name}"), "lifetime": "singleton", "depends_on": [],
                   "needs": [], "closes": false})
        };
        serde_json::from_value(json!({
            "manifest_version": 1,
            "groups": [{"name": "orders", "wirings": [
                {"id": "http:POST /orders", "function": "place", "location": at,
                 "http": {"method": "POST", "path": "/orders"}}]}],
            "functions": [function("place", &["Db"]), function("place_all", &["Mail"])],
            "services": [service("Db"), service("Mail")],
        }))
        .unwrap()
    }

    #[test]
    fn one_more_call_flips_the_proof() {
        let manifest = manifest();
        let mut symbols = vec![
            symbol("pikku::function::invoke::<shop::orders::place>::{closure#0}", "pikku", 10),
            symbol("<shop::Db>::get", "shop", 5),
            symbol("shop::Database::open", "shop", 1),
        ];
        let before = prove(&manifest, &manifest.groups[0], &symbols, String::new());
        assert_eq!(before.functions.found, ["place"]);
        assert_eq!(before.functions.absent, ["place_all"]);
        assert_eq!(
            (&before.services.found[..], &before.services.absent[..]),
            (&["Db".to_owned()][..], &["Mail".to_owned()][..])
        );
        assert_eq!(before.crates, BTreeMap::from([("pikku".to_owned(), 10), ("shop".to_owned(), 6)]));
        symbols.push(symbol("shop::orders::place_all::{closure#0}", "shop", 7));
        let after = prove(&manifest, &manifest.groups[0], &symbols, String::new());
        assert_eq!(after.functions.found, ["place", "place_all"]);
        assert_eq!(after.functions.undeclared, ["place_all"]);
    }

    #[test]
    fn folded_code_shows_only_what_is_declared() {
        let manifest = manifest();
        let poll =
            |service: &str| symbol(&format!("<Pin<Box<dyn Future<Output = shop::{service}>>>>::poll"), "core", 16);
        let (db, mail) = (poll("Db"), poll("Mail"));
        let folded = [db.clone(), Symbol { at: db.at, bytes: 0, ..mail.clone() }];
        let proof = prove(&manifest, &manifest.groups[0], &folded, String::new());
        assert_eq!(
            (&proof.services.found[..], &proof.services.absent[..]),
            (&["Db".to_owned()][..], &["Mail".to_owned()][..])
        );
        let proof = prove(&manifest, &manifest.groups[0], &[db, mail], String::new());
        assert_eq!(proof.services.undeclared, ["Mail"]);
    }

    #[test]
    fn only_whole_paths_count() {
        assert!(mentions("core::ptr::drop_in_place::<shop::Db>", "shop::Db"));
        assert!(mentions("shop::Db", "shop::Db"));
        assert!(!mentions("shop::Dbs::get", "shop::Db"));
        assert!(!mentions("workshop::Db::get", "shop::Db"));
        assert!(!mentions("other::shop::Db", "shop::Db"));
    }
}
