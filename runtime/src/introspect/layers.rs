//! What stands around the calls of each wiring, for the manifest.

use super::describe_session;
use crate::{
    Authenticator, Middleware, Permission,
    app::{Place, Registry},
    dispatch::belongs,
    function::Meta,
    service::Plan,
    session::SessionMode,
};
use pikku_manifest as manifest;

/// What is noted of something attached to a place.
#[derive(Clone, Copy)]
pub(crate) struct LayerNote {
    kind: manifest::LayerKind,
    name: &'static str,
    session: SessionMode,
    describe: Option<fn(&mut String)>,
    meta: Option<Meta>,
    plan: fn(&mut Plan),
    preflight: bool,
    /// Its type, of a middleware.
    type_name: &'static str,
}

impl LayerNote {
    pub(crate) fn source<A: Authenticator>() -> Self {
        let kind = manifest::LayerKind::Authenticator;
        let (session, meta) = (SessionMode::None, Some(A::META));
        Self { kind, name: A::NAME, session, describe: None, meta, plan: A::plan, preflight: false, type_name: "" }
    }

    pub(crate) fn middleware<M: Middleware>() -> Self {
        let kind = manifest::LayerKind::Middleware;
        let (session, meta, preflight) = (M::SESSION, Some(M::META), M::PREFLIGHT);
        let type_name = std::any::type_name::<M>();
        Self { kind, name: M::NAME, session, describe: None, meta, plan: M::plan, preflight, type_name }
    }

    pub(crate) fn permission<P: Permission>() -> Self {
        let kind = manifest::LayerKind::Permission;
        let (session, describe) = (P::SESSION, Some(P::describe as fn(&mut String)));
        Self { kind, name: P::NAME, session, describe, meta: P::META, plan: P::plan, preflight: false, type_name: "" }
    }

    fn to_manifest(self, at: String) -> manifest::Layer {
        let mut plan = Plan::default();
        (self.plan)(&mut plan);
        let mut services: Vec<String> = plan.described.iter().map(|note| note.name().to_owned()).collect();
        services.sort();
        let rule = self.describe.map(|describe| {
            let mut rule = String::new();
            describe(&mut rule);
            rule
        });
        manifest::Layer {
            kind: self.kind,
            name: self.name.to_owned(),
            description: self.meta.map_or("", |meta| meta.description).to_owned(),
            location: self.meta.map(|meta| manifest::Location { file: meta.file.to_owned(), line: meta.line }),
            rule: rule.filter(|rule| rule != self.name),
            at,
            session: describe_session(self.session),
            services,
            // Noted once all services are.
            reads: manifest::Reads::default(),
            preflight: self.preflight,
        }
    }

    /// The place in the order in which a call meets the kinds.
    fn order(self) -> u8 {
        match (self.kind, self.session) {
            (manifest::LayerKind::Middleware, SessionMode::None) => 0,
            (manifest::LayerKind::Authenticator, _) => 1,
            (manifest::LayerKind::Middleware, _) => 2,
            (manifest::LayerKind::Permission, _) => 3,
        }
    }
}

impl Registry {
    /// Two policies of one middleware that have one name: what they count or keep would be counted and kept together.
    pub(super) fn policies_of_one_name(&self) -> Vec<manifest::Fault> {
        let kind = |note: &LayerNote| note.type_name.split('<').next().unwrap_or_default();
        let notes = || self.layers.iter().map(|layer| layer.note);
        let mut told: Vec<(&str, &str)> = Vec::new();
        for note in notes() {
            let first = notes().find(|first| first.name == note.name && kind(first) == kind(&note));
            let first = first.map_or("", |first| first.type_name);
            if first != note.type_name && told.iter().all(|(_, known)| *known != note.type_name) {
                told.push((first, note.type_name));
            }
        }
        let fault = |(one, other): (&str, &str)| manifest::Fault {
            message: format!(
                "two policies of one middleware have the same `NAME`, so that they would count and keep together: `{one}` and \
                 `{other}`; give each its own"
            ),
            location: manifest::Location { file: String::new(), line: 0 },
        };
        told.into_iter().map(fault).collect()
    }

    /// Notes what stands around the calls of each wiring, once everything is attached.
    pub(super) fn describe_layers(&mut self) {
        let names: Vec<String> = self.notes.groups.iter().map(|group| group.name.clone()).collect();
        let mut layers: Vec<_> = self.layers.iter().map(|layer| (layer.place, layer.note)).collect();
        // Both sorts keep the order in which things were attached.
        layers.sort_by_key(|(place, _)| place.level());
        layers.sort_by_key(|(_, note)| note.order());
        for (index, group) in self.notes.groups.iter_mut().enumerate() {
            for wiring in &mut group.wirings {
                let function = self.notes.functions.get(&wiring.function).map(|(_, function)| function);
                let tags: Vec<&str> =
                    function.into_iter().flat_map(|function| &function.access.tags).map(String::as_str).collect();
                let path = match &wiring.kind {
                    manifest::WiringKind::Http(http) => Some(http.path.as_str()),
                    _ => None,
                };
                // The groups are numbered from one.
                let of = |place| belongs(place, &wiring.function, &tags, &[index + 1], path);
                // Of those that answer preflights the innermost stands.
                let innermost = layers.iter().rposition(|(place, note)| note.preflight && of(*place));
                let stands = |at: usize| !layers[at].1.preflight || Some(at) == innermost;
                let around = layers.iter().enumerate().filter(|(at, (place, _))| of(*place) && stands(*at));
                let described = around.map(|(_, (place, note))| {
                    note.to_manifest(match place {
                        Place::App => "app".to_owned(),
                        Place::Group(group) => format!("group {}", names[group - 1]),
                        Place::Tag(tag) => format!("tag {tag}"),
                        Place::Routes(pattern) => format!("routes {pattern}"),
                        Place::Function(_) => "function".to_owned(),
                    })
                });
                wiring.layers = described.collect();
            }
        }
    }
}
