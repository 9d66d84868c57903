use crate::error::Finding;
use pikku_manifest::{Function, LayerKind, Manifest, SessionMode, Wiring, WiringKind};

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
