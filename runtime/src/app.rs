//! The app: how its functions are reached, in groups.

mod group;
mod kinds;
mod registry;
mod selection;

use crate::{Cron, Middleware, Queue, service::Plan, wiring::Source};
pub use group::{Group, Groups};
pub use kinds::Kinds;
pub(crate) use registry::{Endpoint, Registry, RouteWiring, SourceKind, SourceWiring, Wired};
#[cfg(any(feature = "introspect", feature = "interpret"))]
pub use selection::All;
pub use selection::Selection;
use std::{marker::PhantomData, sync::Arc};

/// An app: groups of functions, each wired to how it is reached.
///
/// What is not selected by `S` is not registered, and in a bundle not even compiled: its functions, services and
/// wirings leave no trace.
#[derive(Debug)]
#[must_use = "an app does nothing until an adapter runs it"]
pub struct App<S> {
    pub(crate) registry: Registry,
    pub(crate) plan: Plan,
    selection: PhantomData<fn() -> S>,
}

impl<S: Selection> Default for App<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Selection> App<S> {
    /// An app without groups.
    pub fn new() -> Self {
        Self { registry: Registry::default(), plan: Plan::default(), selection: PhantomData }
    }

    /// Adds a group: the unit of deployment, one bundle.
    pub fn group<G: Group>(mut self, wire: impl FnOnce(Groups<'_, S>) -> Groups<'_, S>) -> Self {
        if const { selection::selected(S::GROUPS, G::NAME) } {
            #[cfg(feature = "introspect")]
            self.registry.notes.enter(G::NAME);
            let _ = wire(Groups::new(&mut self));
        }
        self
    }

    /// The queues that functions of the selection are wired to, by their logical names. Those that take any queue have none.
    pub fn queues(&self) -> impl Iterator<Item = (&'static str, Queue)> {
        self.registry.sources.iter().filter_map(|wiring| match wiring.kind {
            SourceKind::Queue(Source::Named(name), queue) => Some((name, queue)),
            _ => None,
        })
    }

    /// The schedules that functions of the selection are wired to, by their logical names. Those that take any have none.
    pub fn schedules(&self) -> impl Iterator<Item = (&'static str, Cron)> {
        self.registry.sources.iter().filter_map(|wiring| match wiring.kind {
            SourceKind::Cron(Source::Named(name), cron) => Some((name, cron)),
            _ => None,
        })
    }

    /// Adds a middleware around every call of every transport; the first added is the outermost.
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.registry.middleware.push(Arc::new(middleware));
        self
    }

    /// Adds a middleware around all that were added already: for what watches an app from outside of it.
    #[doc(hidden)]
    pub fn outermost(mut self, middleware: impl Middleware) -> Self {
        self.registry.middleware.insert(0, Arc::new(middleware));
        self
    }
}
