//! What stands around the calls of each wiring, put together when the app starts.

use super::{StartError, preflight::Preflights};
use crate::{
    app::{Around, Check, Handle, Layer, LayerKind, Place, Registry, SessionSource, SourceKind},
    session::SessionMode,
};

/// What stands around the calls of a wiring, in the order in which they meet it.
#[derive(Default)]
pub(crate) struct Chain {
    /// Middleware that does not look at the session, outermost first.
    pub(super) outer: Vec<Handle>,
    /// Which of these answers preflights.
    pub(super) preflights: Preflights,
    /// The sources of the session.
    pub(super) sources: Vec<SessionSource>,
    /// Whether anything looks at the session.
    pub(super) asks: bool,
    /// Middleware that looks at the session, outermost first.
    pub(super) inner: Vec<Around>,
    /// The permissions, every one of which must allow the call.
    pub(super) permissions: Vec<Check>,
}

/// The chains of the routes, then of the other sources, then of the functions themselves, by their numbers.
///
/// A function that is called directly belongs to every group that wires it.
pub(crate) fn chains(registry: &mut Registry) -> Result<Vec<Chain>, StartError> {
    let mut chains = Vec::with_capacity(registry.routes.len() + registry.sources.len() + registry.endpoints.len());
    for wiring in &registry.routes {
        let groups = [wiring.group];
        let chain = chain(registry, wiring.endpoint, &groups, Some(wiring.route.path));
        check_guarded(registry, wiring.endpoint, &chain)?;
        chains.push(chain);
    }
    let middleware = |layer: &Layer| if let LayerKind::Middleware(around) = layer.kind { Some(around) } else { None };
    if let Some(add) = registry.layers.iter().find_map(|layer| middleware(layer)?.preflights) {
        add(registry, &mut chains);
    }
    for wiring in &registry.sources {
        let chain = chain(registry, wiring.endpoint, &[wiring.group], None);
        if let SourceKind::WebSocket(_) = wiring.kind {
            check_guarded(registry, wiring.endpoint, &chain)?;
        }
        chains.push(chain);
    }
    for endpoint in 0..registry.endpoints.len() {
        let routes = registry.routes.iter().map(|wiring| (wiring.endpoint, wiring.group));
        let wirings = routes.chain(registry.sources.iter().map(|wiring| (wiring.endpoint, wiring.group)));
        let groups: Vec<usize> = wirings.filter(|(of, _)| *of == endpoint).map(|(_, group)| group).collect();
        chains.push(chain(registry, endpoint, &groups, None));
    }
    #[cfg(feature = "unrouted")]
    if let Some(add) =
        registry.layers.iter().filter(|layer| layer.place == Place::App).find_map(|layer| middleware(layer)?.unrouted)
    {
        add(registry, &mut chains);
    }
    Ok(chains)
}

/// What the bundle was made without stands around none of its calls.
pub(crate) fn check_left_out(registry: &Registry) -> Result<(), StartError> {
    let routes = registry.routes.iter().map(|wiring| (wiring.endpoint, wiring.group, Some(wiring.route.path)));
    let sources = registry.sources.iter().map(|wiring| (wiring.endpoint, wiring.group, None));
    for (endpoint, group, path) in routes.chain(sources) {
        let endpoint = &registry.endpoints[endpoint];
        if registry.left_out.iter().any(|place| belongs(*place, endpoint.name, endpoint.tags, &[group], path)) {
            return Err(StartError::LeftOut { function: endpoint.name });
        }
    }
    Ok(())
}

/// A function that relies on a permission from outside has one.
fn check_guarded(registry: &Registry, endpoint: usize, chain: &Chain) -> Result<(), StartError> {
    let name = registry.endpoints[endpoint].name;
    if registry.relying.contains(&name) && chain.permissions.is_empty() {
        return Err(StartError::Unguarded { function: name });
    }
    Ok(())
}

fn chain(registry: &Registry, endpoint: usize, groups: &[usize], path: Option<&str>) -> Chain {
    let endpoint = &registry.endpoints[endpoint];
    let mut chain = Chain { asks: endpoint.session != SessionMode::None, ..Chain::default() };
    for layer in in_order(registry, |place| belongs(place, endpoint.name, endpoint.tags, groups, path)) {
        match layer {
            LayerKind::Source(source) => chain.sources.push(source),
            LayerKind::Middleware(around) if around.session == SessionMode::None => {
                if around.preflights.is_some() {
                    // What is nearer to the function goes before what is further out.
                    if let Some(further_out) = chain.preflights.of_route() {
                        chain.outer.remove(further_out);
                    }
                    chain.preflights = Preflights::all(chain.outer.len());
                }
                chain.outer.push(around.handle);
            }
            LayerKind::Middleware(around) => {
                chain.asks = true;
                chain.inner.push(around);
            }
            LayerKind::Permission(check) => {
                chain.asks |= check.session != SessionMode::None;
                chain.permissions.push(check);
            }
        }
    }
    chain
}

/// The layers of the places that a wiring belongs to: the app's, its group's, its tags', its route's, its function's; of
/// one kind of place, in the order in which they were attached.
fn in_order(registry: &Registry, belongs: impl Fn(Place) -> bool) -> Vec<LayerKind> {
    let mut ordered = Vec::new();
    for level in 0..=4 {
        let of_level = registry.layers.iter().filter(|layer| layer.place.level() == level);
        ordered.extend(of_level.filter(|layer| belongs(layer.place)).map(|layer| layer.kind));
    }
    ordered
}

/// Whether a wiring belongs to a place.
pub(crate) fn belongs(place: Place, function: &str, tags: &[&str], groups: &[usize], path: Option<&str>) -> bool {
    match place {
        Place::App => true,
        Place::Group(group) => groups.contains(&group),
        Place::Tag(tag) => tags.contains(&tag),
        Place::Routes(pattern) => path.is_some_and(|path| overlap(pattern, path)),
        Place::Function(name) => name == function,
    }
}

/// Whether some path is of both patterns.
///
/// What is attached to `/admin/{*rest}` thus stands around `/admin/users`, and around `/{section}/users` too, which
/// answers that path as well.
fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(segment), Some(_)) | (Some(_), Some(segment)) if segment.starts_with("{*") => return true,
            (Some(left), Some(right)) => {
                let open = |segment: &str| segment.contains('{') && !segment.starts_with("{{");
                if !open(left) && !open(right) && left != right {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::overlap;

    #[test]
    fn patterns_overlap_where_a_path_is_of_both() {
        for (one, other) in [
            ("/admin", "/admin"),
            ("/admin/{*rest}", "/admin/users"),
            ("/admin/{*rest}", "/admin/users/{id}"),
            ("/admin/{*rest}", "/{section}/users"),
            ("/admin/{*rest}", "/{*path}"),
            ("/admin/{id}", "/{section}/users"),
            ("/{*all}", "/"),
            ("/files/v{version}", "/files/v1"),
        ] {
            assert!(overlap(one, other) && overlap(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("/admin/{*rest}", "/admin"),
            ("/admin/{*rest}", "/administrators/1"),
            ("/admin", "/Admin"),
            ("/admin", "/admin/"),
            ("/a/{id}", "/a/b/c"),
            ("/a/{id}/x", "/a/{id}/y"),
        ] {
            assert!(!overlap(one, other) && !overlap(other, one), "{one} {other}");
        }
    }
}
