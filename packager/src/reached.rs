//! How functions are reached, and by whom: `cargo pikku routes` and `cargo pikku permissions`.

use crate::{
    check::access::{is_open, is_outside},
    output::table,
};
use pikku_manifest::{Function, Group, Layer, LayerKind, Manifest, Role, SessionMode, Wiring, WiringKind, covers};
use serde::Serialize;

/// Who may call a function by one wiring.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Access {
    group: String,
    wiring: String,
    function: String,
    /// Whether anyone on the network may call it.
    public: bool,
    /// What it demands of the caller.
    session: SessionMode,
    /// The scopes that the caller must have been granted, all of them.
    scopes: Vec<String>,
    /// The roles that grant these, of those that the app says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    /// Whether a read-only session may call it.
    read_only: bool,
    /// The permissions that must allow the call, all of them.
    permissions: Vec<Attached>,
    /// The sources that a session may come from.
    sources: Vec<Attached>,
    #[serde(skip)]
    outside: bool,
}

/// Something that stands around calls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Attached {
    /// Its name, or the rule of a combination.
    name: String,
    /// Where it is attached.
    at: String,
}

/// One way a function is reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Route {
    group: String,
    wiring: String,
    function: String,
    /// What stands around its calls, in the order in which they meet it.
    #[serde(skip_serializing_if = "Option::is_none")]
    around: Option<Vec<Around>>,
}

/// Something that stands around the calls of a wiring.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Around {
    /// What it is: `layer`, `authenticator`, `middleware` or `permission`.
    kind: &'static str,
    #[serde(flatten)]
    attached: Attached,
}

/// Who may call what, in the order of the app.
pub(crate) fn access(manifest: &Manifest) -> Vec<Access> {
    each(manifest)
        .map(|(group, wiring, function)| {
            let of = |kind| wiring.layers.iter().filter(move |layer| layer.kind == kind).map(attached).collect();
            Access {
                group: group.name.clone(),
                wiring: wiring.id.clone(),
                function: function.name.clone(),
                public: is_outside(wiring) && is_open(function, wiring),
                session: function.session,
                scopes: function.access.scopes.clone(),
                roles: roles(manifest, &function.access.scopes),
                read_only: function.access.read_only,
                permissions: of(LayerKind::Permission),
                sources: of(LayerKind::Authenticator),
                outside: is_outside(wiring),
            }
        })
        .collect()
}

/// The roles that grant all of these scopes, where there are any.
fn roles(manifest: &Manifest, scopes: &[String]) -> Vec<String> {
    let all = |role: &&Role| scopes.iter().all(|scope| role.scopes.iter().any(|granted| covers(granted, scope)));
    let roles = manifest.roles.iter().filter(|_| !scopes.is_empty());
    roles.filter(all).map(|role| role.name.clone()).collect()
}

/// The same for a person.
pub(crate) fn access_table(access: &[Access]) -> String {
    let rows: Vec<Vec<String>> =
        access.iter().map(|one| vec![one.group.clone(), one.wiring.clone(), one.function.clone(), one.who()]).collect();
    table(&["group", "wiring", "function", "who may call it"], 4, &rows)
}

impl Access {
    fn who(&self) -> String {
        let mut demands = Vec::new();
        if !self.scopes.is_empty() {
            let roles = if self.roles.is_empty() { String::new() } else { format!(" ({})", self.roles.join(", ")) };
            demands.push(format!("a session with {}{roles}", self.scopes.join(" and ")));
        } else if self.session == SessionMode::Required {
            demands.push("a session".to_owned());
        }
        demands.extend(self.permissions.iter().map(|permission| format!("{} [{}]", permission.name, permission.at)));
        match (demands.is_empty(), self.outside) {
            (true, true) => "anyone".to_owned(),
            (true, false) => "what feeds it".to_owned(),
            _ => demands.join(", "),
        }
    }
}

/// How functions are reached, in the order of the app.
pub(crate) fn routes(manifest: &Manifest, middleware: bool) -> Vec<Route> {
    each(manifest)
        .map(|(group, wiring, function)| {
            // Layers stand around requests before they are calls.
            let outside = manifest.around_http.iter().filter(|_| matches!(wiring.kind, WiringKind::Http(_)));
            let outside = outside.map(|name| Attached { name: name.clone(), at: "app".to_owned() });
            let outside = outside.map(|attached| Around { kind: "layer", attached });
            let around = wiring.layers.iter().map(|layer| Around { kind: kind(layer.kind), attached: attached(layer) });
            Route {
                group: group.name.clone(),
                wiring: wiring.id.clone(),
                function: function.name.clone(),
                around: middleware.then(|| outside.chain(around).collect()),
            }
        })
        .collect()
}

/// The same for a person: what stands around a function below it, outermost first.
pub(crate) fn routes_table(routes: &[Route]) -> String {
    let mut rows = Vec::new();
    for route in routes {
        rows.push(vec![route.group.clone(), route.wiring.clone(), route.function.clone()]);
        for (depth, Around { kind, attached }) in route.around.iter().flatten().enumerate() {
            let line = format!("  {}. {kind} {} [{}]", depth + 1, attached.name, attached.at);
            rows.push(vec![String::new(), line, String::new()]);
        }
    }
    table(&["group", "wiring", "function"], 3, &rows)
}

fn kind(kind: LayerKind) -> &'static str {
    match kind {
        LayerKind::Authenticator => "authenticator",
        LayerKind::Middleware => "middleware",
        LayerKind::Permission => "permission",
    }
}

fn attached(layer: &Layer) -> Attached {
    Attached { name: layer.rule.as_ref().unwrap_or(&layer.name).clone(), at: layer.at.clone() }
}

fn each(manifest: &Manifest) -> impl Iterator<Item = (&Group, &Wiring, &Function)> {
    manifest
        .groups
        .iter()
        .flat_map(|group| group.wirings.iter().map(move |wiring| (group, wiring)))
        .filter_map(|(group, wiring)| Some((group, wiring, manifest.function(&wiring.function)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest() -> Manifest {
        let at = json!({"file": "src/lib.rs", "line": 1});
        let function = |name: &str, session: &str, access: serde_json::Value| {
            json!({"name": name, "module": "shop", "location": at, "errors": [], "services": [], "session": session,
                   "access": access})
        };
        let layer = |kind: &str, name: &str, place: &str| json!({"kind": kind, "name": name, "at": place, "session": "none", "services": []});
        let rule = json!({"kind": "permission", "name": "all", "rule": "all(is_staff, not(is_suspended))",
            "at": "routes /admin/{*rest}", "session": "required", "services": []});
        let wiring = |id: &str, function: &str, layers: Vec<serde_json::Value>| {
            let kind = if id.starts_with("http") {
                json!({"http": {"method": "GET", "path": "/"}})
            } else {
                json!({"cron": {"source": {"named": "nightly"}, "expression": "0 3 * * *", "time_zone": "UTC"}})
            };
            let mut wiring = json!({"id": id, "function": function, "location": at, "layers": layers});
            wiring.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
            wiring
        };
        let (log, token) = (layer("middleware", "log", "app"), layer("authenticator", "token", "app"));
        serde_json::from_value(json!({
            "manifest_version": 1,
            "groups": [{"name": "shop", "wirings": [
                wiring("http:GET /", "home", vec![log.clone(), token.clone()]),
                wiring("http:GET /orders", "orders", vec![log.clone(), token.clone()]),
                wiring("http:GET /admin/users", "users", vec![log.clone(), token, rule]),
                wiring("cron:nightly", "nightly", vec![log]),
            ]}],
            "functions": [
                function("home", "none", json!({"public": true})),
                function("nightly", "none", json!({})),
                function("orders", "required", json!({"scopes": ["orders:read", "stock"], "read_only": true})),
                function("users", "required", json!({})),
            ],
            "services": [],
            "roles": [
                {"name": "chief", "scopes": ["orders", "stock"], "location": at},
                {"name": "clerk", "scopes": ["orders:read"], "location": at},
                {"name": "buyer", "scopes": ["stock", "orders:read"], "location": at},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn who_may_call_what_reads_well() {
        insta::assert_snapshot!(access_table(&access(&manifest())));
        insta::assert_snapshot!(serde_json::to_string_pretty(&access(&manifest())[2]).unwrap());
    }

    #[test]
    fn routes_read_well() {
        insta::assert_snapshot!(routes_table(&routes(&manifest(), false)));
        insta::assert_snapshot!(routes_table(&routes(&manifest(), true)));
        let layered = Manifest { around_http: vec!["tower_http::cors::CorsLayer".to_owned()], ..manifest() };
        let layered = routes(&layered, true);
        insta::assert_snapshot!(routes_table(&[layered[0].clone(), layered[3].clone()]));
    }
}
