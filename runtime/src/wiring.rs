//! How functions are reached, apart from HTTP routes ([`crate::http::Route`]).
//!
//! A wiring names its source logically; the deployment files create it and hand the bundle its physical name. A wiring
//! can also take *any* source of its kind, which no deployment file can create.

use std::time::Duration;

/// The source of a wiring: one by name, or any of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The source of this logical name.
    Named(&'static str),
    /// Any source of the kind.
    Any,
}

impl From<&'static str> for Source {
    fn from(name: &'static str) -> Self {
        Self::Named(name)
    }
}

impl Source {
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Any => None,
        }
    }
}

/// How a queue's messages are handed over. Each message of a batch is a call of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queue {
    /// The most messages that are handed over at once.
    pub batch: u32,
    /// How many seconds the platform may wait to fill a batch.
    pub batch_window_s: u32,
    /// How often a failed message is tried again.
    pub retries: u32,
    /// How many seconds a message is hidden while it is worked on.
    pub visibility_timeout_s: Option<u32>,
    /// Whether messages of one group are handled in order.
    pub fifo: bool,
    /// The most batches that are worked on at the same time.
    pub concurrency: Option<u32>,
    /// How many seconds a message waits after its first failure.
    pub retry_delay_s: Option<u32>,
    /// How many milliseconds the call of a message may take.
    pub timeout_ms: Option<u32>,
}

impl Default for Queue {
    /// Ten messages a batch, three retries.
    fn default() -> Self {
        Self {
            batch: 10,
            batch_window_s: 0,
            retries: 3,
            visibility_timeout_s: None,
            fifo: false,
            concurrency: None,
            retry_delay_s: None,
            timeout_ms: None,
        }
    }
}

impl Queue {
    /// At most `size` messages at once.
    pub fn batch(size: u32) -> Self {
        Self { batch: size, ..Self::default() }
    }

    /// The platform may wait this many seconds to fill a batch.
    #[must_use]
    pub fn batch_window_s(self, seconds: u32) -> Self {
        Self { batch_window_s: seconds, ..self }
    }

    /// A failed message is tried again this often, then goes to the dead-letter queue.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// A failed message waits this many seconds before it is tried again, and twice as long after each further failure.
    ///
    /// SQS has one waiting time for all, the visibility timeout: packaging for Lambda says so.
    #[must_use]
    pub fn retry_delay_s(self, seconds: u32) -> Self {
        Self { retry_delay_s: Some(seconds), ..self }
    }

    /// Ends the call of a message that takes longer than this: it has failed. The platform's own limit and that of the function hold
    /// as well.
    #[must_use]
    pub fn timeout_ms(self, milliseconds: u32) -> Self {
        Self { timeout_ms: Some(milliseconds), ..self }
    }

    /// How long a message waits that has failed as often as that.
    pub(crate) fn delay(self, failures: u32) -> Option<Duration> {
        let doublings = failures.saturating_sub(1).min(31);
        self.retry_delay_s.map(|seconds| Duration::from_secs(u64::from(seconds) << doublings))
    }

    /// A message is hidden this many seconds while it is worked on.
    #[must_use]
    pub fn visibility_timeout_s(self, seconds: u32) -> Self {
        Self { visibility_timeout_s: Some(seconds), ..self }
    }

    /// Messages of one group are handled in order: after a failure the rest of the batch waits.
    #[must_use]
    pub fn fifo(self) -> Self {
        Self { fifo: true, ..self }
    }

    /// At most this many batches are worked on at the same time.
    #[must_use]
    pub fn concurrency(self, batches: u32) -> Self {
        Self { concurrency: Some(batches), ..self }
    }
}

/// What becomes of runs whose time passed while no instance of the app was there to see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Misfire {
    /// They are left out.
    Skip,
    /// The last of them is made up for.
    #[default]
    Once,
    /// All are made up for, the oldest first, up to a hundred.
    All,
}

/// What becomes of a run that is due while an earlier one of the same schedule is not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// They run side by side.
    #[default]
    Allow,
    /// It waits for the earlier one.
    Queue,
    /// It is left out.
    Skip,
}

/// A schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cron {
    /// Five fields (POSIX `crontab`); empty for any schedule.
    pub expression: &'static str,
    pub(crate) name: Option<&'static str>,
    /// The IANA time zone of the expression.
    pub time_zone: &'static str,
    /// What becomes of runs whose time passed while no instance was there.
    pub misfire: Misfire,
    /// What becomes of a run that is due while an earlier one is not over.
    pub overlap: Overlap,
    /// How many milliseconds a run may take.
    pub timeout_ms: Option<u32>,
    pub(crate) any: bool,
}

impl Cron {
    /// Five fields: minute, hour, day of month, month, day of week (POSIX `crontab`). In UTC, named after the function.
    pub fn new(expression: &'static str) -> Self {
        let (misfire, overlap) = (Misfire::default(), Overlap::default());
        Self { expression, name: None, time_zone: "UTC", misfire, overlap, timeout_ms: None, any: false }
    }

    /// Any schedule.
    pub fn any() -> Self {
        Self { any: true, ..Self::new("") }
    }

    /// The schedule's name, where one function has several.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// The IANA time zone of the expression.
    #[must_use]
    pub fn time_zone(self, zone: &'static str) -> Self {
        Self { time_zone: zone, ..self }
    }

    /// What becomes of runs whose time passed while no instance of the app was there: [`Misfire::Once`] unless it is said.
    ///
    /// It is the plain server's to decide. EventBridge runs what it missed within a day, Cloudflare and Azure do as they do.
    #[must_use]
    pub fn misfire(self, misfire: Misfire) -> Self {
        Self { misfire, ..self }
    }

    /// What becomes of a run that is due while an earlier one is not over: [`Overlap::Allow`] unless it is said.
    ///
    /// It is the plain server's to decide; the other platforms let them run side by side.
    #[must_use]
    pub fn overlap(self, overlap: Overlap) -> Self {
        Self { overlap, ..self }
    }

    /// Ends a run that takes longer than this: it has failed. The platform's own limit and that of the function hold as well.
    #[must_use]
    pub fn timeout_ms(self, milliseconds: u32) -> Self {
        Self { timeout_ms: Some(milliseconds), ..self }
    }
}

impl From<&'static str> for Cron {
    fn from(expression: &'static str) -> Self {
        Self::new(expression)
    }
}

/// The source of an event wiring: a [`Topic`], [`Bucket`], [`Table`], [`Stream`] or [`EventPattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventSource {
    /// Messages of a topic.
    Topic(Topic),
    /// Events of a bucket's objects.
    Bucket(Bucket),
    /// Changes of a table's items.
    Table(Table),
    /// Records of a stream.
    Stream(Stream),
    /// Events of an event bus.
    Pattern(EventPattern),
}

macro_rules! sources {
    ($($variant:ident($type:ident)),*) => {$(
        impl From<$type> for EventSource {
            fn from(source: $type) -> Self {
                Self::$variant(source)
            }
        }
    )*};
}

sources!(Topic(Topic), Bucket(Bucket), Table(Table), Stream(Stream), Pattern(EventPattern));

/// A topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    pub(crate) source: Source,
}

impl Topic {
    /// The topic of that name.
    pub fn new(name: &'static str) -> Self {
        Self { source: Source::Named(name) }
    }

    /// Any topic.
    pub fn any() -> Self {
        Self { source: Source::Any }
    }
}

/// The objects of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub(crate) source: Source,
    pub(crate) events: Vec<&'static str>,
    pub(crate) prefix: Option<&'static str>,
    pub(crate) suffix: Option<&'static str>,
}

impl Bucket {
    fn from_source(source: Source) -> Self {
        Self { source, events: Vec::new(), prefix: None, suffix: None }
    }

    /// The bucket of that name; every object created in it unless other events are named.
    pub fn new(name: &'static str) -> Self {
        Self::from_source(Source::Named(name))
    }

    /// Any bucket.
    pub fn any() -> Self {
        Self::from_source(Source::Any)
    }

    /// Objects created.
    #[must_use]
    pub fn created(self) -> Self {
        self.event("ObjectCreated:*")
    }

    /// Objects removed.
    #[must_use]
    pub fn removed(self) -> Self {
        self.event("ObjectRemoved:*")
    }

    /// Events of that name, as S3 names them without `s3:`; `*` at the end takes every name that begins so.
    #[must_use]
    pub fn event(mut self, name: &'static str) -> Self {
        self.events.push(name);
        self
    }

    /// Only keys that begin so.
    #[must_use]
    pub fn prefix(self, prefix: &'static str) -> Self {
        Self { prefix: Some(prefix), ..self }
    }

    /// Only keys that end so.
    #[must_use]
    pub fn suffix(self, suffix: &'static str) -> Self {
        Self { suffix: Some(suffix), ..self }
    }
}

macro_rules! readers {
    ($($(#[$doc:meta])* $type:ident $noun:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $type {
            pub(crate) source: Source,
            pub(crate) batch: u32,
            pub(crate) retries: u32,
            pub(crate) from_start: bool,
        }

        impl $type {
            fn from_source(source: Source) -> Self {
                Self { source, batch: 100, retries: 3, from_start: true }
            }

            #[doc = concat!("The ", $noun, " of that name.")]
            pub fn new(name: &'static str) -> Self {
                Self::from_source(Source::Named(name))
            }

            #[doc = concat!("Any ", $noun, ".")]
            pub fn any() -> Self {
                Self::from_source(Source::Any)
            }

            /// At most this many records at once.
            #[must_use]
            pub fn batch(self, size: u32) -> Self {
                Self { batch: size, ..self }
            }

            /// A failed record is tried again this often.
            #[must_use]
            pub fn retries(self, retries: u32) -> Self {
                Self { retries, ..self }
            }

            /// Begin at the next record instead of the oldest one kept.
            #[must_use]
            pub fn from_now(self) -> Self {
                Self { from_start: false, ..self }
            }
        }
    )*};
}

readers! {
    /// The changes of a table's items, in order.
    Table "table";
    /// The records of a stream, in order.
    Stream "stream";
}

/// Which events of an event bus are taken.
///
/// An event matches when its source is one of those named and its detail type too; where none is named, every one
/// matches. Two patterns of one group that match the same event are refused when packaging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPattern {
    pub(crate) bus: Source,
    pub(crate) sources: Vec<&'static str>,
    pub(crate) detail_types: Vec<&'static str>,
}

impl EventPattern {
    /// Events of that source on the account's own bus.
    pub fn source(source: &'static str) -> Self {
        Self { bus: Source::Named("default"), sources: vec![source], detail_types: Vec::new() }
    }

    /// Any event of any bus.
    pub fn any() -> Self {
        Self { bus: Source::Any, sources: Vec::new(), detail_types: Vec::new() }
    }

    /// Events of that source too.
    #[must_use]
    pub fn or_source(mut self, source: &'static str) -> Self {
        self.sources.push(source);
        self
    }

    /// Only events of that detail type, or of another one named so.
    #[must_use]
    pub fn detail_type(mut self, detail_type: &'static str) -> Self {
        self.detail_types.push(detail_type);
        self
    }

    /// On the event bus of that name.
    #[must_use]
    pub fn bus(self, name: &'static str) -> Self {
        Self { bus: Source::Named(name), ..self }
    }

    pub(crate) fn matches(&self, source: &str, detail_type: &str) -> bool {
        let takes = |values: &[&str], value: &str| values.is_empty() || values.contains(&value);
        takes(&self.sources, source) && takes(&self.detail_types, detail_type)
    }
}

/// The connections and messages of a WebSocket API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebSocket {
    pub(crate) source: Source,
}

impl WebSocket {
    /// The API of that name.
    pub fn new(name: &'static str) -> Self {
        Self { source: Source::Named(name) }
    }

    /// Any API.
    pub fn any() -> Self {
        Self { source: Source::Any }
    }
}
