use super::{App, Endpoint, OwnLayers, Place, Selection, SourceKind, Wired, selection::selected};
use crate::{
    Authenticator, Function, Middleware, Permission,
    access::Exposed,
    http::Route,
    wiring::{Cron, EventSource, Queue, Source, WebSocket},
};
use std::{fmt, panic::Location};

/// A group of functions: the unit of deployment. Derive it on a unit type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a group",
    note = "derive it on a unit type: `#[derive(pikku::Group)] pub struct {Self};`"
)]
pub trait Group: 'static {
    /// The name, in kebab case; it names the bundle.
    const NAME: &'static str;
}

/// The wirings of a group, as they are added.
#[must_use]
pub struct Groups<'a, S> {
    app: &'a mut App<S>,
}

impl<S> fmt::Debug for Groups<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Groups").finish_non_exhaustive()
    }
}

impl<'a, S: Selection> Groups<'a, S> {
    pub(super) fn new(app: &'a mut App<S>) -> Self {
        Self { app }
    }

    /// Takes sessions from this source, after those of the app.
    pub fn authenticate<A: Authenticator>(self) -> Self {
        let place = self.place();
        self.app.attach_source::<A>(place);
        self
    }

    /// Only calls that it allows, of every wiring of the group, whatever its place in this list.
    pub fn permission<P: Permission>(self) -> Self {
        let place = self.place();
        self.app.attach_permission::<P>(place);
        self
    }

    /// Around every call of the group, whatever its place among the wirings.
    pub fn middleware<M: Middleware>(self) -> Self {
        let place = self.place();
        self.app.attach_middleware::<M>(place);
        self
    }

    fn place(&self) -> Place {
        Place::Group(self.app.registry.groups)
    }

    /// Answers HTTP requests.
    #[track_caller]
    pub fn http<F: Exposed>(self, route: Route) -> Self {
        self.wire::<F>(Wired::Route(route), Location::caller())
    }

    /// Answers remote procedure calls of other services, at `POST /rpc/<name of the function>` (feature `rpc`).
    ///
    /// It is a route as any other to what stands around it, with one input, which is the JSON of the body, and no other: no
    /// query, no form. Who calls is told by the app's sources of sessions, among them the caller that the other service has
    /// signed (`pikku_auth::message`), which is looked at here and nowhere else over HTTP. `pikku-rpc` has the client.
    #[cfg(feature = "rpc")]
    #[track_caller]
    pub fn rpc<F: Exposed>(self) -> Self {
        self.wire::<F>(Wired::Route(Route::rpc::<F>()), Location::caller())
    }

    /// Takes the messages of a queue, each its own call. With [`Source::Any`], of any queue.
    #[track_caller]
    pub fn queue<F: Function>(self, source: impl Into<Source>, queue: Queue) -> Self {
        self.wire::<F>(Wired::Source(SourceKind::Queue(source.into(), queue)), Location::caller())
    }

    /// Runs on a schedule.
    #[track_caller]
    pub fn cron<F: Function>(self, cron: impl Into<Cron>) -> Self {
        let cron = cron.into();
        let source = if cron.any { Source::Any } else { Source::Named(cron.name.unwrap_or(F::NAME)) };
        self.wire::<F>(Wired::Source(SourceKind::Cron(source, cron)), Location::caller())
    }

    /// Takes the events of a topic, bucket, table, stream or event bus, each its own call.
    #[track_caller]
    pub fn event<F: Function>(self, source: impl Into<EventSource>) -> Self {
        self.wire::<F>(Wired::Source(SourceKind::Event(source.into())), Location::caller())
    }

    /// Takes the connections, messages and ends of a WebSocket API.
    #[track_caller]
    pub fn websocket<F: Exposed>(self, socket: WebSocket) -> Self {
        self.wire::<F>(Wired::Source(SourceKind::WebSocket(socket)), Location::caller())
    }

    fn wire<F: Function>(self, wired: Wired, _location: &'static Location<'static>) -> Self {
        if const { selected(S::FUNCTIONS, F::NAME) } {
            #[cfg(feature = "introspect")]
            if S::DESCRIBES {
                self.app.registry.notes.wiring::<F>(&wired, _location);
            }
            F::plan(&mut self.app.plan);
            let session = self.app.plan.session();
            if self.app.registry.add(Endpoint::of::<F, S>, session, F::NAME, wired) {
                F::layers(&mut OwnLayers::new(&mut self.app.registry, &mut self.app.plan, F::NAME));
            }
        }
        self
    }
}
