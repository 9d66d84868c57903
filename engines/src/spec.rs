//! What is asked of a queue, and what an engine cannot do of it.

use crate::{EngineError, ErrorKind};
use std::{fmt, time::Duration};

/// How a queue behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// Its logical name: 1 to 80 letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// How long a delivered message is hidden from others. 30 s where nothing is said.
    pub visibility: Duration,
    /// How often a message is delivered before it goes to the dead letters: the retries and one more. 4 where nothing is
    /// said.
    pub max_receives: u32,
    /// How long a failed message waits.
    pub backoff: Backoff,
    /// Messages of one group are in flight one at a time, in the order they were sent, retries included.
    pub fifo: bool,
    /// At most so many messages are in flight at a time, over all instances.
    pub max_in_flight: Option<u32>,
    /// How long a deduplication id is remembered after the message was sent. Five minutes where nothing is said, as SQS
    /// has it.
    pub deduplication: Duration,
}

impl QueueSpec {
    /// A queue that behaves as said at each field.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            visibility: Duration::from_secs(30),
            max_receives: 4,
            backoff: Backoff::default(),
            fifo: false,
            max_in_flight: None,
            deduplication: Duration::from_secs(300),
        }
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] with what is wrong.
    pub fn check(&self) -> Result<(), EngineError> {
        let wrong = |reason: String| Err(EngineError::new(ErrorKind::Spec, format!("queue `{}`", self.name), reason));
        if !is_name(&self.name) {
            return wrong("a name is 1 to 80 letters, digits, `-`, `_` and `.`".to_owned());
        }
        for (what, span, least) in [
            ("visibility timeout", self.visibility, Duration::from_millis(1)),
            ("deduplication window", self.deduplication, Duration::ZERO),
            ("longest delay between tries", self.backoff.most, Duration::ZERO),
        ] {
            if span < least || span > MOST_SPAN {
                return wrong(format!("its {what} is {span:?}, and may be {least:?} to 14 days"));
            }
        }
        if self.max_receives == 0 || self.max_in_flight == Some(0) {
            return wrong("it would never be delivered: its deliveries are limited to 0".to_owned());
        }
        Ok(())
    }
}

/// The longest that any span of a queue may be.
pub(crate) const MOST_SPAN: Duration = Duration::from_secs(14 * 24 * 3600);

/// Whether a queue or a schedule may be called so.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=80).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// How long a failed message waits: a time that doubles with each failure, up to a longest, and of it between the half and
/// the whole, by chance, so that what failed together is not tried again together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// The longest.
    pub most: Duration,
    /// Whether chance takes away up to half.
    pub jitter: bool,
}

impl Default for Backoff {
    /// One second, two, four, up to 15 minutes, with jitter.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), most: Duration::from_secs(900), jitter: true }
    }
}

impl Backoff {
    /// Always the same time.
    pub fn constant(delay: Duration) -> Self {
        Self { first: delay, most: delay, jitter: false }
    }

    /// How long a message waits that has been delivered so often. `chance` is at least 0 and less than 1.
    pub fn delay(self, receives: u32, chance: f64) -> Duration {
        let doublings = receives.saturating_sub(1).min(31);
        let whole = self.first.saturating_mul(1 << doublings).min(self.most);
        if self.jitter { whole.mul_f64(1.0 - chance / 2.0) } else { whole }
    }
}

/// Something that an engine cannot honour. It is said at start, and the rest works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// What it is about.
    pub guarantee: Guarantee,
    /// The queue or the schedule that asks for it; none where it holds for all.
    pub asked_by: Option<String>,
    /// A sentence for people: what happens instead.
    pub instead: String,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.asked_by {
            write!(formatter, "`{name}`: ")?;
        }
        write!(formatter, "{} ({})", self.instead, self.guarantee.code())
    }
}

/// What an engine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Guarantee {
    /// Messages are kept back for the time they say.
    Delay,
    /// Messages of higher priority come first.
    Priority,
    /// Groups are in order.
    Fifo,
    /// A deduplication id is taken once within the queue's window.
    Deduplication,
    /// At most so many are in flight over all instances.
    MaxInFlight,
    /// A failed message waits the time that it is told.
    RetryDelay,
    /// Dead letters can be listed, redriven and purged one by one.
    DeadLetters,
    /// A delivery that was not begun is not counted.
    Release,
    /// Messages of one call are taken all or none.
    AtomicBatches,
    /// What is in a queue is counted exactly.
    Stats,
    /// Schedules run once over all instances.
    Schedules,
}

impl Guarantee {
    /// Its name in logs and documents.
    pub fn code(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Priority => "priority",
            Self::Fifo => "fifo",
            Self::Deduplication => "deduplication",
            Self::MaxInFlight => "max-in-flight",
            Self::RetryDelay => "retry-delay",
            Self::DeadLetters => "dead-letters",
            Self::Release => "release",
            Self::AtomicBatches => "atomic-batches",
            Self::Stats => "stats",
            Self::Schedules => "schedules",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_a_longest() {
        let backoff = Backoff { first: Duration::from_secs(2), most: Duration::from_secs(20), jitter: false };
        let seconds = [0, 1, 2, 3, 4, 5, 40, u32::MAX].map(|receives| backoff.delay(receives, 0.5).as_secs());
        assert_eq!(seconds, [2, 2, 4, 8, 16, 20, 20, 20]);
    }

    #[test]
    fn jitter_takes_away_up_to_half() {
        let backoff = Backoff { jitter: true, ..Backoff::constant(Duration::from_secs(10)) };
        assert_eq!(backoff.delay(1, 0.0), Duration::from_secs(10));
        assert_eq!(backoff.delay(1, 0.5), Duration::from_millis(7500));
        assert!(backoff.delay(1, 0.999_999) > Duration::from_secs(5));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(QueueSpec::new("orders-placed").check().is_ok());
        let wrong = [
            QueueSpec::new(""),
            QueueSpec::new("a b"),
            QueueSpec::new("x".repeat(81)),
            QueueSpec { visibility: Duration::ZERO, ..QueueSpec::new("q") },
            QueueSpec { max_receives: 0, ..QueueSpec::new("q") },
            QueueSpec { max_in_flight: Some(0), ..QueueSpec::new("q") },
            QueueSpec { deduplication: Duration::MAX, ..QueueSpec::new("q") },
        ];
        for spec in wrong {
            assert_eq!(spec.check().unwrap_err().kind(), ErrorKind::Spec, "{spec:?}");
        }
    }
}
