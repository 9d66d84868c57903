use crate::{
    app::{Endpoint, SourceKind, SourceWiring},
    json,
    wiring::{Bucket, EventSource, Queue, Source},
};
use serde_json::{Map, Value};
use std::time::Duration;

/// What arrived, other than an HTTP request: enough to name the wiring it is for. Names are physical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arrival<'a> {
    /// A message of this queue.
    Queue(&'a str),
    /// The run of this schedule.
    Schedule(&'a str),
    /// A message of this topic.
    Topic(&'a str),
    /// An event of an object.
    Object {
        /// The bucket.
        bucket: &'a str,
        /// The event, such as `ObjectCreated:Put`.
        event: &'a str,
        /// The key, decoded.
        key: &'a str,
    },
    /// A change of this table's items.
    Table(&'a str),
    /// A record of this stream.
    Stream(&'a str),
    /// An event of an event bus.
    Event {
        /// Who sent it.
        source: &'a str,
        /// What kind it is.
        detail_type: &'a str,
    },
    /// An event of this WebSocket API.
    WebSocket(&'a str),
}

/// A wiring that takes what arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub(crate) endpoint: usize,
    /// The number of the wiring among the sources.
    pub(crate) wiring: usize,
    queue: Option<Queue>,
    pub(super) timeout_ms: Option<u32>,
    /// The logical name of the source; `None` where the wiring takes any.
    #[cfg(any(feature = "callers", feature = "spans"))]
    pub(super) source: Option<&'static str>,
}

impl Target {
    /// How long a queue's message waits before it is tried again, when it has failed as often as that; `None` for the
    /// platform's choice.
    pub fn retry_delay(&self, failures: u32) -> Option<Duration> {
        self.queue?.delay(failures)
    }
}

/// A wiring, found by its id.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Wired<'a> {
    /// The wiring.
    pub target: Target,
    /// Its kind, as it stands in its id: `queue`, `cron`, `topic`, `bucket`, `table`, `stream`, `event` or `websocket`.
    pub kind: &'static str,
    /// The physical name of its source; `None` where it takes any.
    pub source: Option<&'a str>,
}

/// The sources that somebody is wired for.
#[derive(Debug, Default)]
pub(super) struct Sources(Vec<Feed>);

#[derive(Debug)]
struct Feed {
    id: String,
    physical: Option<String>,
    kind: SourceKind,
    endpoint: usize,
    wiring: usize,
}

impl Sources {
    /// `names` is a JSON object from a wiring's id to the physical name of its source.
    pub(super) fn new(wirings: Vec<SourceWiring>, endpoints: &[Endpoint], names: Option<&str>) -> Result<Self, String> {
        let mut names = match names {
            Some(names) if !wirings.is_empty() => {
                match json::parse(names.as_bytes()).map_err(|error| error.to_string())? {
                    Value::Object(names) => names,
                    _ => return Err("it is not an object".to_owned()),
                }
            }
            _ => Map::new(),
        };
        let wired = wirings.into_iter().enumerate().map(|(wiring, SourceWiring { kind, endpoint, .. })| {
            let id = kind.id(endpoints[endpoint].name);
            let physical = match kind.source() {
                Source::Named(name) => match names.remove(&id) {
                    Some(Value::String(physical)) => Some(physical),
                    Some(_) => return Err(format!("the name of `{id}` is not a string")),
                    None => Some(name.to_owned()),
                },
                Source::Any => None,
            };
            Ok(Feed { id, physical, kind, endpoint, wiring })
        });
        wired.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|wired| wired.id.as_str())
    }

    /// The first wiring whose id fits.
    pub(super) fn wired(&self, fits: impl Fn(&str) -> bool) -> Option<Wired<'_>> {
        let feed = self.0.iter().find(|feed| fits(&feed.id))?;
        Some(Wired { target: feed.target(), kind: feed.kind.name(), source: feed.physical.as_deref() })
    }

    /// The wiring for what arrived: one by that name before one that takes any.
    pub(super) fn find(&self, arrival: &Arrival<'_>) -> Option<Target> {
        let fits =
            |named: bool| self.0.iter().find(move |wired| wired.physical.is_some() == named && wired.takes(arrival));
        fits(true).or_else(|| fits(false)).map(Feed::target)
    }
}

impl Feed {
    fn target(&self) -> Target {
        let (queue, timeout_ms) = match &self.kind {
            SourceKind::Queue(_, queue) => (Some(*queue), queue.timeout_ms),
            SourceKind::Cron(_, cron) => (None, cron.timeout_ms),
            _ => (None, None),
        };
        Target {
            endpoint: self.endpoint,
            wiring: self.wiring,
            queue,
            timeout_ms,
            #[cfg(any(feature = "callers", feature = "spans"))]
            source: self.kind.source().name(),
        }
    }

    fn takes(&self, arrival: &Arrival<'_>) -> bool {
        let named = |name: &str| self.physical.as_deref().is_none_or(|physical| physical == name);
        match (&self.kind, arrival) {
            (SourceKind::Queue(..), Arrival::Queue(name))
            | (SourceKind::Cron(..), Arrival::Schedule(name))
            | (SourceKind::Event(EventSource::Topic(_)), Arrival::Topic(name))
            | (SourceKind::Event(EventSource::Table(_)), Arrival::Table(name))
            | (SourceKind::Event(EventSource::Stream(_)), Arrival::Stream(name))
            | (SourceKind::WebSocket(_), Arrival::WebSocket(name)) => named(name),
            (SourceKind::Event(EventSource::Bucket(wired)), Arrival::Object { bucket, event, key }) => {
                named(bucket) && takes_object(wired, event, key)
            }
            (SourceKind::Event(EventSource::Pattern(pattern)), Arrival::Event { source, detail_type }) => {
                pattern.matches(source, detail_type)
            }
            _ => false,
        }
    }
}

fn takes_object(bucket: &Bucket, event: &str, key: &str) -> bool {
    let takes_event = |name: &&str| match name.strip_suffix('*') {
        Some(begin) => event.starts_with(begin),
        None => event == *name,
    };
    let event_fits = match (bucket.events.is_empty(), bucket.source) {
        (true, Source::Any) => true,
        (true, Source::Named(_)) => event.starts_with("ObjectCreated:"),
        (false, _) => bucket.events.iter().any(takes_event),
    };
    event_fits
        && bucket.prefix.is_none_or(|prefix| key.starts_with(prefix))
        && bucket.suffix.is_none_or(|suffix| key.ends_with(suffix))
}
