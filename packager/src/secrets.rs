//! What functions read of their surroundings, and through what: `cargo pikku secrets`.
//!
//! Only names are known here: where the values are kept, and what they are, is the platform's matter.

use crate::output::table;
use pikku_manifest::{Function, Group, Layer, LayerKind, Manifest, Need};
use serde::Serialize;
use std::collections::BTreeMap;

/// Something that a function reads of the surroundings of a group's bundle.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Read {
    group: String,
    function: String,
    kind: Kind,
    name: String,
    /// How it comes to be read.
    through: Vec<Through>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Secret,
    Parameter,
    Variable,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Parameter => "parameter",
            Self::Variable => "variable",
        }
    }
}

/// A service that reads it, reached by the function itself or by something that stands around its calls.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Through {
    service: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    around: Option<Around>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Around {
    /// What stands around the calls: an authenticator, a middleware or a permission.
    #[serde(rename = "by")]
    kind: LayerKind,
    #[serde(rename = "layer")]
    name: String,
    at: String,
}

/// What is read: secrets, and with `variables` parameters and variables too. In the order of the app's groups, by function.
pub(crate) fn reads(manifest: &Manifest, variables: bool) -> Vec<Read> {
    manifest
        .groups
        .iter()
        .flat_map(|group| reads_of(manifest, group))
        .filter(|read| variables || read.kind == Kind::Secret)
        .collect()
}

fn reads_of<'m>(manifest: &'m Manifest, group: &'m Group) -> impl Iterator<Item = Read> + 'm {
    manifest.functions_of(group).into_iter().flat_map(|function| {
        let mut found: BTreeMap<(Kind, &str), Vec<Through>> = BTreeMap::new();
        let mut note = |services: &'m [String], around: Option<&Layer>| {
            for service in manifest.reached(services.iter().map(String::as_str)) {
                let through = Through { service: service.name.clone(), around: around.map(Around::of) };
                for key in service.needs.iter().filter_map(key) {
                    let known = found.entry(key).or_default();
                    if !known.contains(&through) {
                        known.push(through.clone());
                    }
                }
            }
        };
        note(&function.services, None);
        for layer in around(group, function) {
            note(&layer.services, Some(layer));
        }
        let read = |((kind, name), through): ((Kind, &str), Vec<Through>)| Read {
            group: group.name.clone(),
            function: function.name.clone(),
            kind,
            name: name.to_owned(),
            through,
        };
        found.into_iter().map(read).collect::<Vec<_>>()
    })
}

/// What stands around the calls of a function.
fn around<'m>(group: &'m Group, function: &Function) -> impl Iterator<Item = &'m Layer> {
    let name = function.name.clone();
    group.wirings.iter().filter(move |wiring| wiring.function == name).flat_map(|wiring| &wiring.layers)
}

fn key(need: &Need) -> Option<(Kind, &str)> {
    match need {
        Need::ReadSecret(name) => Some((Kind::Secret, name)),
        Need::ReadParameter(name) => Some((Kind::Parameter, name)),
        Need::Variable(name) | Need::OptionalVariable(name) => Some((Kind::Variable, name)),
        _ => None,
    }
}

impl Around {
    fn of(layer: &Layer) -> Self {
        Self { kind: layer.kind, name: layer.rule.as_ref().unwrap_or(&layer.name).clone(), at: layer.at.clone() }
    }
}

/// The same for a person.
pub(crate) fn reads_table(reads: &[Read]) -> String {
    let rows: Vec<Vec<String>> = reads
        .iter()
        .map(|read| {
            let through: Vec<String> = read.through.iter().map(Through::told).collect();
            let what = format!("{} {}", read.kind.name(), read.name);
            vec![read.group.clone(), read.function.clone(), what, through.join(", ")]
        })
        .collect();
    table(&["group", "function", "reads", "through"], 4, &rows)
}

impl Through {
    fn told(&self) -> String {
        let Some(Around { kind, name, at }) = &self.around else { return self.service.clone() };
        let kind = match kind {
            LayerKind::Authenticator => "authenticator",
            LayerKind::Middleware => "middleware",
            LayerKind::Permission => "permission",
        };
        format!("{} of {kind} {name} [{at}]", self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest() -> Manifest {
        let at = json!({"file": "src/lib.rs", "line": 1});
        let function = |name: &str, services: &[&str]| json!({"name": name, "module": "shop", "location": at, "errors": [], "services": services, "session": "none"});
        let service = |name: &str, below: &[&str], needs: serde_json::Value| json!({"name": name, "type_name": name, "lifetime": "singleton", "depends_on": below, "needs": needs, "closes": false});
        let token =
            json!({"kind": "authenticator", "name": "token", "at": "app", "session": "none", "services": ["Keys"]});
        let route = |path: &str, function: &str, layers: serde_json::Value| {
            json!({"id": format!("http:GET {path}"), "function": function, "location": at, "layers": layers,
                   "http": {"method": "GET", "path": path}})
        };
        serde_json::from_value(json!({
            "manifest_version": 1,
            "groups": [
                {"name": "shop", "wirings": [
                    route("/", "home", json!([])),
                    route("/orders", "orders", json!([token])),
                    route("/all", "orders", json!([token])),
                ]},
                {"name": "plain", "wirings": [route("/home", "home", json!([]))]},
            ],
            "functions": [function("home", &["Settings"]), function("orders", &["Orders", "Settings"])],
            "services": [
                service("Db", &["Settings"], json!([])),
                service("Keys", &[], json!([{"action": "read_secret", "name": "session-keys"}])),
                service("Orders", &["Db"], json!([{"action": "read_secret", "name": "payments/key"}])),
                service("Settings", &[], json!([{"action": "read_secret", "name": "database"},
                                                {"action": "optional_variable", "name": "PAGE_SIZE"}])),
            ],
        }))
        .unwrap()
    }

    #[test]
    fn what_is_read_reads_well() {
        insta::assert_snapshot!(reads_table(&reads(&manifest(), false)), @"
        group  function  reads                through
        shop   home      secret database      Settings
        shop   orders    secret database      Settings
        shop   orders    secret payments/key  Orders
        shop   orders    secret session-keys  Keys of authenticator token [app]
        plain  home      secret database      Settings
        ");
        insta::assert_snapshot!(reads_table(&reads(&manifest(), true)[..2]), @"
        group  function  reads               through
        shop   home      secret database     Settings
        shop   home      variable PAGE_SIZE  Settings
        ");
        let json = serde_json::to_value(&reads(&manifest(), false)[3]).unwrap();
        let through = json!({"service": "Keys", "by": "authenticator", "layer": "token", "at": "app"});
        let read = json!({"group": "shop", "function": "orders", "kind": "secret", "name": "session-keys", "through": [through]});
        assert_eq!(json, read);
    }
}
