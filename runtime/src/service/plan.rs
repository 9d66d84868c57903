use super::{
    Construct, Service, build, close,
    container::{Built, Value},
};
use crate::{BoxError, app::LayerKind, dispatch::StartError, future::BoxFuture, session::SessionMode};
use std::any::TypeId;

/// The singletons that the selected functions reach, each with those it needs.
#[derive(Debug, Default)]
pub struct Plan {
    nodes: Vec<Node>,
    /// The nodes being planned, outermost first: the next one found is needed by the last of them.
    path: Vec<usize>,
    /// The nodes that functions and per-call services ask for themselves.
    roots: Vec<usize>,
    /// Values given for per-call services.
    per_call: Vec<Provided>,
    /// What must hold of the app before it starts.
    pub(crate) checks: Vec<Check>,
    /// Whether what was planned last signs who calls.
    #[cfg(feature = "callers")]
    signs_callers: bool,
    #[cfg(feature = "introspect")]
    pub(crate) described: Vec<crate::introspect::ServiceNote>,
}

/// What must hold of an app before it starts. Only a plan that needs it names it, so that others do not link it.
pub(crate) type Check = fn(&crate::app::Registry) -> Result<(), crate::dispatch::StartError>;

/// A value given for a per-call service.
pub(super) type Provided = (TypeId, std::sync::Arc<Value>);

type Build = for<'a> fn(&'a super::Container) -> BoxFuture<'a, Result<Box<Value>, BoxError>>;
type Close = fn(&Value) -> Option<BoxFuture<'_, ()>>;

#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: TypeId,
    pub(super) name: &'static str,
    pub(super) needs: Vec<usize>,
    pub(super) build: Option<Build>,
    pub(super) close: Option<Close>,
    pub(super) value: Built,
}

impl Plan {
    /// Plans a singleton and, through `below`, what its constructor asks for.
    pub fn singleton<T: Construct>(&mut self, below: impl FnOnce(&mut Self)) {
        #[cfg(feature = "introspect")]
        self.describe::<T>();
        if let Some(known) = self.find(TypeId::of::<T>()) {
            return self.needed(known);
        }
        let index = self.add(Node {
            id: TypeId::of::<T>(),
            name: T::NAME,
            needs: Vec::new(),
            build: Some(build::<T>),
            close: if T::CLOSES { Some(close::<T>) } else { None },
            value: Built::default(),
        });
        self.path.push(index);
        below(self);
        self.path.pop();
    }

    /// Plans what the constructor of a per-call service asks for.
    #[cfg_attr(not(feature = "introspect"), allow(clippy::extra_unused_type_parameters))]
    pub fn per_call<T: Service>(&mut self, below: impl FnOnce(&mut Self)) {
        #[cfg(feature = "introspect")]
        self.describe::<T>();
        below(self);
    }

    /// Plans that a function changes sessions: some source must keep them.
    pub(crate) fn changes_sessions(&mut self) {
        let check: Check = |registry| {
            let keeps = |kind: &LayerKind| matches!(kind, LayerKind::Source(source) if source.settle.is_some());
            if registry.layers.iter().any(|layer| keeps(&layer.kind)) {
                Ok(())
            } else {
                Err(StartError::NothingKeepsSessions)
            }
        };
        self.checks.push(check);
    }

    /// Plans that who calls is signed, for which the call has to be asked who that is.
    #[cfg(feature = "callers")]
    pub(super) fn signs_callers(&mut self) {
        self.signs_callers = true;
    }

    /// What a call has to be asked for what was planned since this was asked last.
    pub(crate) fn session(&mut self) -> SessionMode {
        #[cfg(feature = "callers")]
        if std::mem::take(&mut self.signs_callers) {
            return SessionMode::Optional;
        }
        SessionMode::None
    }

    /// A source of sessions was planned: it cannot sign who calls, for that is not known yet.
    pub(crate) fn source<A: crate::Authenticator>(&mut self) {
        #[cfg(feature = "callers")]
        if self.session() != SessionMode::None {
            self.checks.push(|_| Err(StartError::SignsTooEarly { source: A::NAME }));
        }
    }

    /// Takes a value for a service instead of building it. What only its constructor would need is not built either.
    #[cfg(feature = "testing")]
    pub(crate) fn provide<T: Service>(&mut self, value: T) {
        match self.find(TypeId::of::<T>()) {
            Some(index) => {
                let node = &mut self.nodes[index];
                node.needs.clear();
                node.build = None;
                node.value = Built::from(Box::new(value) as Box<Value>);
            }
            None => self.per_call.push((TypeId::of::<T>(), std::sync::Arc::new(value))),
        }
    }

    /// The singletons to build, with the places of those each needs, and the values given for per-call services.
    pub(super) fn finish(mut self) -> (Vec<Node>, Vec<Provided>) {
        let mut reached = vec![false; self.nodes.len()];
        let mut open = self.roots.clone();
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut reached[index], true) {
                open.extend(&self.nodes[index].needs);
            }
        }
        for (node, reached) in self.nodes.iter_mut().zip(reached) {
            if !reached {
                node.build = None;
            }
        }
        (self.nodes, self.per_call)
    }

    fn find(&self, id: TypeId) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == id)
    }

    fn add(&mut self, node: Node) -> usize {
        let index = self.nodes.len();
        self.nodes.push(node);
        self.needed(index);
        index
    }

    fn needed(&mut self, index: usize) {
        let needs = match self.path.last() {
            Some(&above) => &mut self.nodes[above].needs,
            None => &mut self.roots,
        };
        if !needs.contains(&index) {
            needs.push(index);
        }
    }

    /// Notes the service for the manifest.
    #[cfg(feature = "introspect")]
    fn describe<T: Service>(&mut self) {
        let note = crate::introspect::ServiceNote::of::<T>();
        if !self.described.contains(&note) {
            self.described.push(note);
        }
    }
}
