//! What of an app the store feeds.

use pikku::{App, Cron, Queue, Selection};
use pikku_engines::{Backoff, QueueSpec};
use std::time::Duration;

/// How long a message is hidden where the wiring does not say: renewed for as long as its function runs, so that it is the
/// time after which the messages of a process that died are taken by another.
const VISIBILITY: Duration = Duration::from_secs(30);

/// The longest that a growing delay becomes.
const LONGEST_DELAY: Duration = Duration::from_secs(12 * 60 * 60);

/// The queues and schedules that an app is wired to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feeds {
    pub(crate) queues: Vec<(String, Queue)>,
    pub(crate) schedules: Vec<(String, Cron)>,
}

impl Feeds {
    pub(crate) fn of<S: Selection>(app: &App<S>) -> Self {
        let owned = |name: &str| name.to_owned();
        Self {
            queues: app.queues().map(|(name, queue)| (owned(name), queue)).collect(),
            schedules: app.schedules().map(|(name, cron)| (owned(name), cron)).collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.schedules.is_empty()
    }

    /// Whether a wiring is among them, by its id.
    pub(crate) fn has(&self, wiring: &str) -> bool {
        match wiring.split_once(':') {
            Some(("queue", name)) => self.queues.iter().any(|(known, _)| known == name),
            Some(("cron", name)) => {
                cfg!(feature = "schedules") && self.schedules.iter().any(|(known, _)| known == name)
            }
            _ => false,
        }
    }

    /// The names of all queues of the store: those that are wired, and those of the schedules' runs.
    pub(super) fn queue_names(&self) -> Vec<String> {
        let names = self.queues.iter().map(|(name, _)| name.clone());
        #[cfg(feature = "schedules")]
        let names = names.chain(
            self.schedules.iter().map(|(name, cron)| pikku_engines::ScheduleSpec::new(name, cron.expression).runs.name),
        );
        names.collect()
    }

    /// How the engine is to treat the queues.
    pub(crate) fn specs(&self) -> Vec<QueueSpec> {
        self.queues.iter().map(|(name, queue)| spec(name, queue)).collect()
    }
}

/// How the engine is to treat a queue.
fn spec(name: &str, queue: &Queue) -> QueueSpec {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let backoff = match queue.retry_delay_s {
        Some(delay) => Backoff { first: seconds(delay), most: LONGEST_DELAY, jitter: false },
        None => Backoff::default(),
    };
    QueueSpec {
        visibility: queue.visibility_timeout_s.map_or(VISIBILITY, seconds),
        max_receives: queue.retries.saturating_add(1),
        backoff,
        fifo: queue.fifo,
        max_in_flight: queue.concurrency,
        ..QueueSpec::new(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wiring_says_how_its_queue_behaves() {
        let spec =
            spec("jobs", &Queue::batch(5).retries(2).retry_delay_s(7).visibility_timeout_s(90).fifo().concurrency(3));
        assert_eq!((spec.visibility, spec.max_receives), (Duration::from_secs(90), 3));
        assert_eq!((spec.fifo, spec.max_in_flight), (true, Some(3)));
        assert_eq!(spec.backoff.delay(2, 0.5), Duration::from_secs(14));
        assert!(spec.check().is_ok());
        let plain = super::spec("jobs", &Queue::default());
        assert_eq!((plain.visibility, plain.max_receives, plain.max_in_flight), (VISIBILITY, 4, None));
    }
}
