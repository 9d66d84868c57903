use super::Selection;
use crate::{
    Contract, ContractMissing, Function, Middleware,
    function::{Invoke, invoke},
    http::Route,
    session::SessionMode,
    wiring::{Cron, EventSource, Queue, Source, WebSocket},
};
use std::{fmt, sync::Arc};

/// What the selected wirings register.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) routes: Vec<RouteWiring>,
    pub(crate) sources: Vec<SourceWiring>,
    pub(crate) middleware: Vec<Arc<dyn Middleware>>,
    #[cfg(feature = "introspect")]
    pub(crate) notes: crate::introspect::Notes,
}

/// A selected function, erased.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) name: &'static str,
    pub(crate) invoke: Invoke,
    pub(crate) contract: Result<Contract, ContractMissing>,
    pub(crate) takes_nothing: bool,
    pub(crate) session: SessionMode,
    /// Whether it requires scopes, which no session has yet.
    pub(crate) scoped: bool,
}

/// A route and the endpoint that answers it.
#[derive(Clone, Debug)]
pub(crate) struct RouteWiring {
    pub(crate) route: Route,
    pub(crate) endpoint: usize,
}

/// A source of events and the endpoint that takes them.
#[derive(Clone, Debug)]
pub(crate) struct SourceWiring {
    pub(crate) kind: SourceKind,
    pub(crate) endpoint: usize,
}

/// What a wiring is fed by, other than HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SourceKind {
    Queue(Source, Queue),
    Cron(Source, Cron),
    Event(EventSource),
    WebSocket(WebSocket),
}

/// A wiring being added.
pub(crate) enum Wired {
    Route(Route),
    Source(SourceKind),
}

impl Registry {
    pub(super) fn add(&mut self, endpoint: fn() -> Endpoint, name: &'static str, wired: Wired) {
        let known = self.endpoints.iter().position(|known| known.name == name);
        let endpoint = known.unwrap_or_else(|| {
            self.endpoints.push(endpoint());
            self.endpoints.len() - 1
        });
        match wired {
            Wired::Route(route) => self.routes.push(RouteWiring { route, endpoint }),
            Wired::Source(kind) => self.sources.push(SourceWiring { kind, endpoint }),
        }
    }
}

impl Endpoint {
    pub(super) fn of<F: Function, S: Selection>() -> Self {
        Self {
            name: F::NAME,
            invoke: invoke::<F>,
            contract: S::contract::<F>(),
            takes_nothing: crate::function::takes_nothing::<F>(),
            session: F::SESSION,
            scoped: !F::ACCESS.scopes.is_empty(),
        }
    }
}

impl SourceKind {
    /// The kind's name in a wiring's id.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Queue(..) => "queue",
            Self::Cron(..) => "cron",
            Self::Event(EventSource::Topic(_)) => "topic",
            Self::Event(EventSource::Bucket(_)) => "bucket",
            Self::Event(EventSource::Table(_)) => "table",
            Self::Event(EventSource::Stream(_)) => "stream",
            Self::Event(EventSource::Pattern(_)) => "event",
            Self::WebSocket(_) => "websocket",
        }
    }

    /// Where it is fed from.
    pub(crate) fn source(&self) -> Source {
        match self {
            Self::Queue(source, _) | Self::Cron(source, _) => *source,
            Self::Event(EventSource::Topic(topic)) => topic.source,
            Self::Event(EventSource::Bucket(bucket)) => bucket.source,
            Self::Event(EventSource::Table(table)) => table.source,
            Self::Event(EventSource::Stream(stream)) => stream.source,
            Self::Event(EventSource::Pattern(pattern)) => pattern.bus,
            Self::WebSocket(socket) => socket.source,
        }
    }

    /// The wiring's id, under which its physical name is handed to the bundle.
    pub(crate) fn id(&self, function: &str) -> String {
        let source = match self {
            // One bus feeds many wirings; the function tells them apart.
            Self::Event(EventSource::Pattern(_)) => function,
            _ => self.source().name().unwrap_or("*"),
        };
        format!("{}:{source}", self.name())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Registry")
            .field("endpoints", &self.endpoints)
            .field("routes", &self.routes)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}
