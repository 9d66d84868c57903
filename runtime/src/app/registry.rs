use super::{
    Selection,
    layers::{Guard, Layer, Place},
};
use crate::{
    Contract, ContractMissing, Function,
    access::Access,
    function::{Invoke, invoke},
    http::Route,
    session::SessionMode,
    wiring::{Cron, EventSource, Queue, Source, WebSocket},
};
use std::fmt;

/// What the selected wirings register.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) routes: Vec<RouteWiring>,
    pub(crate) sources: Vec<SourceWiring>,
    pub(crate) layers: Vec<Layer>,
    /// The places of what the bundle was made without, as nothing of it stands around its calls.
    pub(crate) left_out: Vec<Place>,
    /// The functions that rely on a permission from outside.
    pub(crate) relying: Vec<&'static str>,
    /// How calls are run where there are layers.
    pub(crate) guard: Option<Guard>,
    /// How many groups were entered; the current one has this number.
    pub(crate) groups: usize,
    /// The endpoint of requests that no route takes, where something stands around them.
    #[cfg(feature = "unrouted")]
    pub(crate) unrouted: Option<usize>,
    /// What stands around all of HTTP, from without.
    #[cfg(feature = "around-http")]
    pub(crate) around: Vec<Box<dyn crate::dispatch::PlanAroundHttp>>,
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
    pub(crate) access: Access,
    pub(crate) tags: &'static [&'static str],
    pub(crate) timeout_ms: Option<u32>,
}

/// A route and the endpoint that answers it.
#[derive(Clone, Debug)]
pub(crate) struct RouteWiring {
    pub(crate) route: Route,
    pub(crate) endpoint: usize,
    pub(crate) group: usize,
}

/// A source of events and the endpoint that takes them.
#[derive(Clone, Debug)]
pub(crate) struct SourceWiring {
    pub(crate) kind: SourceKind,
    pub(crate) endpoint: usize,
    pub(crate) group: usize,
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
    /// Adds a wiring of the current group; whether its function is new.
    pub(super) fn add(
        &mut self,
        endpoint: fn() -> Endpoint,
        session: SessionMode,
        name: &'static str,
        wired: Wired,
    ) -> bool {
        let group = self.groups;
        let known = self.endpoints.iter().position(|known| known.name == name);
        let endpoint = known.unwrap_or_else(|| {
            let endpoint = endpoint();
            self.endpoints.push(Endpoint { session: endpoint.session.and(session), ..endpoint });
            self.endpoints.len() - 1
        });
        match wired {
            Wired::Route(route) => self.routes.push(RouteWiring { route, endpoint, group }),
            Wired::Source(kind) => self.sources.push(SourceWiring { kind, endpoint, group }),
        }
        known.is_none()
    }
}

impl Place {
    /// The place in the order of a chain.
    pub(crate) fn level(self) -> u8 {
        match self {
            Self::App => 0,
            Self::Group(_) => 1,
            Self::Tag(_) => 2,
            Self::Routes(_) => 3,
            Self::Function(_) => 4,
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
            access: F::ACCESS,
            tags: F::TAGS,
            timeout_ms: F::TIMEOUT_MS,
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
