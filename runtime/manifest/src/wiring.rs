use crate::{Layer, Location};
use serde::{Deserialize, Serialize};

/// One way a function is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Wiring {
    /// The wiring's identity, unique within its group: its kind, a colon, and what it is wired to, such as
    /// `http:POST /orders`, `queue:orders-placed` or `cron:nightly`. The physical name of the source it is fed by is
    /// handed to the bundle under this id.
    pub id: String,
    /// The name of the function.
    pub function: String,
    /// What it is wired to.
    #[serde(flatten)]
    pub kind: WiringKind,
    /// Where it is written.
    pub location: Location,
    /// What stands around its calls, in the order in which they meet it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Layer>,
}

/// What a function is wired to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WiringKind {
    /// HTTP requests.
    Http(Http),
    /// Messages of a queue.
    Queue(Queue),
    /// A schedule.
    Cron(Cron),
    /// Messages of a topic.
    Topic(Topic),
    /// Events of the objects in a bucket.
    Bucket(Bucket),
    /// Changes of a table's items.
    Table(Table),
    /// Records of a stream.
    Stream(Stream),
    /// Events of an event bus that match a pattern.
    Event(EventPattern),
    /// Connections and messages of a WebSocket API.
    #[serde(rename = "websocket")]
    WebSocket(WebSocket),
}

impl WiringKind {
    /// The kind's name as it stands in the manifest and before the colon of a wiring's id.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Queue(_) => "queue",
            Self::Cron(_) => "cron",
            Self::Topic(_) => "topic",
            Self::Bucket(_) => "bucket",
            Self::Table(_) => "table",
            Self::Stream(_) => "stream",
            Self::Event(_) => "event",
            Self::WebSocket(_) => "websocket",
        }
    }

    /// What feeds the wiring, in words.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Cron(_) => "schedule",
            Self::Event(_) => "event bus",
            Self::WebSocket(_) => "WebSocket API",
            other => other.name(),
        }
    }

    /// What feeds the wiring; nothing for HTTP, which has no source.
    pub fn source(&self) -> Option<&Source> {
        Some(match self {
            Self::Http(_) => return None,
            Self::Queue(queue) => &queue.source,
            Self::Cron(cron) => &cron.source,
            Self::Topic(topic) => &topic.source,
            Self::Bucket(bucket) => &bucket.source,
            Self::Table(table) => &table.source,
            Self::Stream(stream) => &stream.source,
            Self::Event(event) => &event.source,
            Self::WebSocket(websocket) => &websocket.source,
        })
    }
}

/// The source of a wiring: one by name, or any of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The source of this logical name.
    Named(String),
    /// Any source of the kind, whatever its name. Deployment files cannot create it.
    Any,
}

impl Source {
    /// The logical name, if it has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Any => None,
        }
    }
}

/// A route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The method in capitals; absent for every method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path, with `{name}` for a segment and `{*name}` for the rest.
    pub path: String,
    /// The status of a successful answer; absent for 200, or 204 when there is no output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Fields of the input that come from headers or cookies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<HttpField>,
    /// Whether it is reached by remote procedure calls: then the body alone is the input.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rpc: bool,
}

/// A field of the input that comes from a header or a cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HttpField {
    /// Where it comes from.
    pub from: Binding,
    /// The header's name in lower case, or the cookie's name.
    pub name: String,
    /// The input's field.
    pub field: String,
}

/// Where a bound field comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// A header.
    Header,
    /// A cookie.
    Cookie,
}

/// A queue's consumer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// The queue.
    pub source: Source,
    /// The most messages handed over at once, from 1.
    pub batch: u32,
    /// How long the platform may wait to fill a batch, in seconds.
    pub batch_window_s: u32,
    /// How often a failed message is tried again before it goes to the dead-letter queue.
    pub retries: u32,
    /// How long a message is hidden while it is worked on, in seconds; absent for the platform's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility_timeout_s: Option<u32>,
    /// Whether messages of one group are handled in order.
    pub fifo: bool,
    /// The most batches worked on at the same time; absent for the platform's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How long a failed message waits before it is tried again, in seconds, doubled with each further failure; absent for
    /// the platform's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_delay_s: Option<u32>,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cron {
    /// The schedule's name.
    pub source: Source,
    /// Five fields: minute, hour, day of month, month, day of week (POSIX `crontab`). Empty with [`Source::Any`].
    pub expression: String,
    /// The IANA time zone.
    pub time_zone: String,
    /// What becomes of runs whose time passed while no instance was there; absent for [`Misfire::Once`].
    #[serde(default, skip_serializing_if = "Misfire::is_default")]
    pub misfire: Misfire,
    /// What becomes of a run that is due while an earlier one is not over; absent for [`Overlap::Allow`].
    #[serde(default, skip_serializing_if = "Overlap::is_default")]
    pub overlap: Overlap,
}

/// What becomes of runs of a schedule whose time passed while no instance was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// They are left out.
    Skip,
    /// The last of them is made up for.
    #[default]
    Once,
    /// All are made up for.
    All,
}

impl Misfire {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What becomes of a run of a schedule that is due while an earlier one is not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// They run side by side.
    #[default]
    Allow,
    /// It waits for the earlier one.
    Queue,
    /// It is left out.
    Skip,
}

impl Overlap {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A topic's subscriber.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// The topic.
    pub source: Source,
}

/// A bucket's listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// The bucket.
    pub source: Source,
    /// The events listened to, as S3 names them without `s3:`, such as `ObjectCreated:*`.
    pub events: Vec<String>,
    /// Only keys that begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Only keys that end so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
}

/// A reader of a table's changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The table.
    pub source: Source,
    /// The most changes handed over at once, from 1.
    pub batch: u32,
    /// How often a failed batch is tried again.
    pub retries: u32,
    /// Whether reading begins at the oldest change kept, rather than at the next one.
    pub from_start: bool,
}

/// A stream's reader.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// The stream.
    pub source: Source,
    /// The most records handed over at once, from 1.
    pub batch: u32,
    /// How often a failed batch is tried again.
    pub retries: u32,
    /// Whether reading begins at the oldest record kept, rather than at the next one.
    pub from_start: bool,
}

/// Which events of an event bus are taken. An event matches when its source is one of `sources` and its detail type
/// is one of `detail_types`; an empty list takes every value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EventPattern {
    /// The event bus, or any.
    pub source: Source,
    /// The `source` values taken.
    pub sources: Vec<String>,
    /// The `detail-type` values taken.
    pub detail_types: Vec<String>,
}

/// A WebSocket API's listener: it is called for each connection made, message received and connection ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WebSocket {
    /// The API.
    pub source: Source,
}
