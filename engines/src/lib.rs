//! Durable queues and schedules for the plain server.
//!
//! [`QueueEngine`] is what a store has to do, [`ScheduleStore`] what it has to do for schedules to run once over all
//! instances. [`EntryStore`] keeps values for a while, such as sessions, [`RateStore`] how much was taken lately. This crate
//! knows nothing of apps and their calls: `pikku-server`, `pikku-auth` and `pikku-middleware` map between the two.

mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod engine;
mod entry;
mod error;
mod limits;
mod message;
#[cfg(feature = "nats")]
mod nats;
mod open;
mod outbox;
#[cfg(feature = "postgres")]
mod postgres;
mod rate;
#[cfg(feature = "schedules")]
mod schedule;
mod spec;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqs")]
mod sqs;

pub use clock::{Clock, ManualClock, SystemClock, Time};
pub use engine::{Answer, Fired, Firing, Lease, QueueEngine, ScheduleStore};
pub use entry::{Entry, EntryKey, EntryStore};
pub use error::{EngineError, ErrorKind};
pub use limits::Limits;
pub use message::{
    Attributes, Body, DeadLetter, Delivery, Enqueued, NewMessage, Outcome, QueueStats, Receipt, Settled, Settlement,
    Which,
};
#[cfg(feature = "nats")]
pub use nats::{NatsEngine, NatsSettings};
pub use open::open;
#[cfg(feature = "postgres")]
pub use outbox::PostgresOutbox;
#[cfg(feature = "sqlite")]
pub use outbox::SqliteOutbox;
pub use outbox::{Moved, OutboxRelay, OutboxRow, OutboxStore, Refused};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresEngine, PostgresSettings};
pub use rate::{RateStore, Take, Taken};
#[cfg(feature = "schedules")]
pub use schedule::{Calendar, Due, Misfire, Overlap, ScheduleSpec, ScheduledRun, Scheduler, Tick, Told};
pub use spec::{Backoff, Guarantee, QueueSpec, Shortfall};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteEngine, SqliteSettings};
#[cfg(feature = "sqs")]
pub use sqs::{SqsEngine, SqsSettings};
