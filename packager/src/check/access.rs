use crate::error::Finding;
use pikku_manifest::{Function, LayerKind, Manifest, SessionMode, Wiring, WiringKind, covers};

/// How alike two names are of which one may be meant for the other.
const NEAR: f64 = 0.8;

/// A function that is reached from outside says who may call it. The compiler asks every function for that; whether a
/// permission stands before one that leaves it to a permission of its app, group, tag or route only the whole app shows.
pub(super) fn check(manifest: &Manifest, findings: &mut Vec<Finding>) {
    for wiring in manifest.groups.iter().flat_map(|group| &group.wirings) {
        let Some(function) = manifest.function(&wiring.function) else { continue };
        if is_outside(wiring) && is_open(function, wiring) && !function.access.public {
            findings.push(Finding::new(
                "PK0215",
                Some(&wiring.location),
                format!("anyone could call `{}` by `{}`: nothing stands before it", function.name, wiring.id),
                "attach a permission to its group, a tag or its route, or write `#[pikku::function(public)]`",
            ));
        }
    }
    if let Some(scopes) = &manifest.scopes {
        undeclared(manifest, scopes, findings);
    }
}

/// A scope that a function requires and that the app does not have: nobody could call it. One that a role grants and that
/// the app does not have: it lets nobody in.
fn undeclared(manifest: &Manifest, scopes: &[String], findings: &mut Vec<Finding>) {
    let is_declared = |required: &str| scopes.iter().any(|scope| covers(required, scope));
    let hint = |undeclared: &str, verb: &str| {
        let similar = scopes.iter().map(|scope| (strsim::jaro_winkler(undeclared, scope), scope));
        match similar.max_by(|one, other| one.0.total_cmp(&other.0)) {
            Some((likeness, scope)) if likeness >= NEAR => format!("did you mean `{scope}`?"),
            _ => format!("add it there, or {verb} one of: {}", scopes.join(", ")),
        }
    };
    for function in &manifest.functions {
        for required in function.access.scopes.iter().filter(|scope| !is_declared(scope)) {
            findings.push(Finding::new(
                "PK0217",
                Some(&function.location),
                format!("`{}` requires the scope `{required}`, which is none of `App::scopes`", function.name),
                hint(required, "require"),
            ));
        }
    }
    for role in &manifest.roles {
        for granted in role.scopes.iter().filter(|scope| !is_declared(scope)) {
            findings.push(Finding::new(
                "PK0218",
                Some(&role.location),
                format!("the role `{}` grants the scope `{granted}`, which is none of `App::scopes`", role.name),
                hint(granted, "grant"),
            ));
        }
    }
}

/// Whether a wiring is reached from outside.
pub(crate) fn is_outside(wiring: &Wiring) -> bool {
    matches!(wiring.kind, WiringKind::Http(_) | WiringKind::WebSocket(_))
}

/// Whether a wiring demands nothing of whoever calls its function.
pub(crate) fn is_open(function: &Function, wiring: &Wiring) -> bool {
    function.session != SessionMode::Required
        && function.access.scopes.is_empty()
        && !wiring.layers.iter().any(|layer| layer.kind == LayerKind::Permission)
}
