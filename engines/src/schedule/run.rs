//! A run of a schedule as a message.

use crate::{Attributes, Delivery, NewMessage, Time};

/// What the queue of a schedule is called: this, and the schedule's name.
const QUEUE: &str = "schedule.";
const DUE: &str = "pikku-due";
const BY_HAND: &str = "pikku-by-hand";

/// A run of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledRun {
    /// The schedule.
    pub schedule: String,
    /// The time that it runs for.
    pub due: Time,
    /// Whether somebody asked for it, rather than its time having come.
    pub by_hand: bool,
}

impl ScheduledRun {
    /// What a delivery of a schedule's queue is about; nothing where it is of another queue.
    pub fn read(delivery: &Delivery) -> Option<Self> {
        let schedule = delivery.queue.strip_prefix(QUEUE)?.to_owned();
        let due = Time::from_millis(delivery.attributes.get(DUE)?.parse().ok()?);
        Some(Self { schedule, due, by_hand: delivery.attributes.contains_key(BY_HAND) })
    }

    pub(super) fn message(&self) -> NewMessage {
        let mut attributes = Attributes::from([(DUE.to_owned(), self.due.millis().to_string())]);
        if self.by_hand {
            attributes.insert(BY_HAND.to_owned(), "true".to_owned());
        }
        // Some stores take no empty text.
        let message = NewMessage { attributes, ..NewMessage::new(queue(&self.schedule), "{}") };
        if self.by_hand { message } else { message.deduplication_id(self.due.millis().to_string()) }
    }
}

/// The queue of a schedule.
pub(super) fn queue(schedule: &str) -> String {
    format!("{QUEUE}{schedule}")
}
