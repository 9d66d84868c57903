//! What is attached to functions from outside: sources of sessions, permissions, middleware.
//!
//! Each is attached to a place: the app, a group, a tag, the routes of a pattern, or a function. When the app starts, the
//! chain of every wiring is put together from the places that it belongs to, in that order. Nothing is looked up by name
//! while a call runs.

use super::{App, Registry, Selection, selection::selected};
use crate::{
    Authenticator, BoxFuture, Middleware, Permission, Problem,
    access::{AuthError, Claims, Decision, SessionChange},
    dispatch::{self, StartError},
    function::Reply,
    middleware::Next,
    service::{Plan, Scope},
    session::SessionMode,
};
use serde_json::Value;
use std::fmt;

/// Something attached to a place.
#[derive(Clone, Copy)]
pub(crate) struct Layer {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    #[cfg(feature = "introspect")]
    pub(crate) note: crate::introspect::LayerNote,
}

/// Where something is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    App,
    /// The group of that number, in the order of the app.
    Group(usize),
    Tag(&'static str),
    /// The routes that could answer a path of this pattern.
    Routes(&'static str),
    Function(&'static str),
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Source(Source),
    Middleware(Around),
    Permission(Check),
}

/// A source of sessions, erased.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    pub(crate) challenge: &'static str,
    pub(crate) authenticate: Authenticate,
    pub(crate) settle: Option<Settle>,
}

type Authenticate = for<'a> fn(&'a Scope<'a>) -> BoxFuture<'a, Result<Option<Claims>, AuthError>>;
type Settle = for<'a> fn(&'a Scope<'a>, &'a SessionChange) -> BoxFuture<'a, Result<(), Problem>>;

/// A middleware, erased.
#[derive(Clone, Copy)]
pub(crate) struct Around {
    pub(crate) session: SessionMode,
    pub(crate) handle: Handle,
    /// How preflights come to those that answer them. Only such a one names it, so that others do not link it.
    pub(crate) preflights: Option<Extend>,
    /// How requests that no route takes come to those that stand around them. Only such a one names it.
    #[cfg(feature = "unrouted")]
    pub(crate) unrouted: Option<Extend>,
}

/// Wires what an app answers without being wired to it.
pub(crate) type Extend = fn(&mut Registry, &mut Vec<dispatch::Chain>);

pub(crate) type Handle = for<'a> fn(&'a Scope<'a>, Next<'a>) -> BoxFuture<'a, Result<Reply, Problem>>;

/// A permission, erased.
#[derive(Clone, Copy)]
pub(crate) struct Check {
    pub(crate) session: SessionMode,
    pub(crate) describe: fn(&mut String),
    pub(crate) decide: for<'a> fn(&'a Scope<'a>, &'a Value) -> BoxFuture<'a, Decision>,
}

/// How calls of an app with layers are run. Only such an app names it, so that others do not link it.
#[derive(Clone, Copy)]
pub(crate) struct Guard {
    pub(crate) chains: fn(&mut Registry) -> Result<Vec<dispatch::Chain>, StartError>,
    pub(crate) run: dispatch::GuardedRun,
}

impl Kind {
    pub(crate) fn source<A: Authenticator>() -> Self {
        let settle = if const { A::KEEPS } { Some(A::settle as Settle) } else { None };
        Self::Source(Source { challenge: A::CHALLENGE, authenticate: A::authenticate, settle })
    }

    /// A middleware whose services look at the session as they say.
    pub(crate) fn middleware<M: Middleware>(services: SessionMode) -> Self {
        let preflights = if const { M::PREFLIGHT } { Some(dispatch::add_preflights as Extend) } else { None };
        const {
            assert!(
                !M::UNROUTED || cfg!(feature = "unrouted"),
                "the crate of this middleware asks for `pikku/unrouted`"
            )
        };
        Self::Middleware(Around {
            session: M::SESSION.and(services),
            handle: M::handle,
            preflights,
            #[cfg(feature = "unrouted")]
            unrouted: if const { M::UNROUTED } { Some(dispatch::add_unrouted as Extend) } else { None },
        })
    }

    fn permission<P: Permission>(services: SessionMode) -> Self {
        Self::Permission(Check { session: P::SESSION.and(services), describe: P::describe, decide: P::decide })
    }
}

impl Registry {
    pub(crate) fn attach(&mut self, layer: Layer) {
        self.guard = Some(Guard { chains: dispatch::chains, run: dispatch::guarded });
        self.layers.push(layer);
    }
}

/// What a function attaches to itself.
#[derive(Debug)]
pub struct OwnLayers<'a> {
    registry: &'a mut Registry,
    plan: &'a mut Plan,
    function: &'static str,
}

impl<'a> OwnLayers<'a> {
    pub(super) fn new(registry: &'a mut Registry, plan: &'a mut Plan, function: &'static str) -> Self {
        Self { registry, plan, function }
    }

    /// Only calls that it allows.
    pub fn permission<P: Permission>(&mut self) {
        P::plan(self.plan);
        self.registry.attach(Layer {
            place: Place::Function(self.function),
            kind: Kind::permission::<P>(self.plan.session()),
            #[cfg(feature = "introspect")]
            note: crate::introspect::LayerNote::permission::<P>(),
        });
    }

    /// It relies on a permission that is attached to the app, its group, a tag or its route: without one on each of its
    /// wirings that are reached from outside, the app does not start.
    pub fn guarded(&mut self) {
        self.registry.guard = Some(Guard { chains: dispatch::chains, run: dispatch::guarded });
        self.registry.relying.push(self.function);
    }

    /// Around its calls.
    pub fn middleware<M: Middleware>(&mut self) {
        M::plan(self.plan);
        self.registry.attach(Layer {
            place: Place::Function(self.function),
            kind: Kind::middleware::<M>(self.plan.session()),
            #[cfg(feature = "introspect")]
            note: crate::introspect::LayerNote::middleware::<M>(),
        });
    }
}

/// What is attached to the functions of a tag, or to the routes of a pattern.
#[must_use]
pub struct Layers<'a, S> {
    app: &'a mut App<S>,
    place: Place,
}

impl<S> fmt::Debug for Layers<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Layers").field("place", &self.place).finish_non_exhaustive()
    }
}

impl<'a, S: Selection> Layers<'a, S> {
    pub(super) fn new(app: &'a mut App<S>, place: Place) -> Self {
        Self { app, place }
    }

    /// Only calls that it allows: whatever else says who may call a function, this narrows it.
    pub fn permission<P: Permission>(self) -> Self {
        self.app.attach_permission::<P>(self.place);
        self
    }

    /// Around every call.
    pub fn middleware<M: Middleware>(self) -> Self {
        self.app.attach_middleware::<M>(self.place);
        self
    }
}

impl<S: Selection> App<S> {
    pub(crate) fn attach_source<A: Authenticator>(&mut self, place: Place) {
        // Without it there is no session: nobody is let in by its absence.
        if const { selected(S::LAYERS, A::NAME) } {
            A::plan(&mut self.plan);
            self.plan.source::<A>();
            self.registry.attach(Layer {
                place,
                kind: Kind::source::<A>(),
                #[cfg(feature = "introspect")]
                note: crate::introspect::LayerNote::source::<A>(),
            });
        }
    }

    pub(super) fn attach_permission<P: Permission>(&mut self, place: Place) {
        if const { selected(S::LAYERS, P::NAME) } {
            P::plan(&mut self.plan);
            self.registry.attach(Layer {
                place,
                kind: Kind::permission::<P>(self.plan.session()),
                #[cfg(feature = "introspect")]
                note: crate::introspect::LayerNote::permission::<P>(),
            });
        } else {
            self.leave_out(place);
        }
    }

    pub(super) fn attach_middleware<M: Middleware>(&mut self, place: Place) {
        if const { selected(S::LAYERS, M::NAME) } {
            M::plan(&mut self.plan);
            self.registry.attach(Layer {
                place,
                kind: Kind::middleware::<M>(self.plan.session()),
                #[cfg(feature = "introspect")]
                note: crate::introspect::LayerNote::middleware::<M>(),
            });
        } else {
            self.leave_out(place);
        }
    }

    /// A permission or a middleware of this place is not in the bundle, which was said to reach none: then it does not start
    /// if it does. A bundle around whose calls nothing stands pays no more than this for what stands around others.
    fn leave_out(&mut self, place: Place) {
        if self.registry.left_out.is_empty() {
            self.plan.checks.push(dispatch::check_left_out);
        }
        self.registry.left_out.push(place);
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Source(_) => "source",
            Kind::Middleware(_) => "middleware",
            Kind::Permission(_) => "permission",
        };
        write!(formatter, "{kind} of {:?}", self.place)
    }
}
