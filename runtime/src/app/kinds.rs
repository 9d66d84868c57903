/// The kinds of events that a bundle takes. An adapter compiles nothing for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// No kind.
    pub const NONE: Self = Self(0);
    /// HTTP requests.
    pub const HTTP: Self = Self(1);
    /// Messages of queues.
    pub const QUEUE: Self = Self(1 << 1);
    /// Schedules.
    pub const CRON: Self = Self(1 << 2);
    /// Messages of topics.
    pub const TOPIC: Self = Self(1 << 3);
    /// Events of objects in buckets.
    pub const BUCKET: Self = Self(1 << 4);
    /// Changes of tables' items.
    pub const TABLE: Self = Self(1 << 5);
    /// Records of streams.
    pub const STREAM: Self = Self(1 << 6);
    /// Events of event buses.
    pub const EVENT: Self = Self(1 << 7);
    /// WebSockets.
    pub const WEBSOCKET: Self = Self(1 << 8);
    /// Every kind.
    pub const ALL: Self = Self((1 << 9) - 1);

    /// These and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without those.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of those are among these.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether one of those is among these.
    pub const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}
