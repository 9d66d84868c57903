//! The traits that every store implements.

use crate::{
    DeadLetter, Delivery, EngineError, Enqueued, Limits, NewMessage, QueueSpec, QueueStats, Receipt, Settled,
    Settlement, Shortfall, Time, Which,
};
use std::{fmt, future::Future, pin::Pin, time::Duration};

/// What a method of an engine answers, later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, EngineError>> + Send + 'a>>;

/// Durable queues in a store.
///
/// Delivery is at least once: a message is gone when it was settled as done, and not before. Whatever is answered with
/// success is in the store, whatever happens to the process afterwards. What an engine cannot honour it says when queues
/// are declared; every other promise of these types is kept, and the conformance suite shows it.
///
/// A future that is dropped may or may not have done its work. Messages whose delivery nobody took come again, at the
/// latest after the visibility timeout.
pub trait QueueEngine: fmt::Debug + Send + Sync {
    /// The kind of store, such as `sqlite`.
    fn name(&self) -> &'static str;

    /// The most that it takes.
    fn limits(&self) -> Limits;

    /// Makes queues, or has those that are there behave so from now on. What is in them stays. Queues that are not named
    /// stay as they are.
    ///
    /// Answers what it cannot honour of what is asked.
    fn declare<'a>(&'a self, queues: &'a [QueueSpec]) -> Answer<'a, Vec<Shortfall>>;

    /// Takes messages, all or none unless it declared [`Guarantee::AtomicBatches`](crate::Guarantee::AtomicBatches) lacking.
    /// They may be of several queues. What is answered is in their order.
    ///
    /// After an error they may have been taken nevertheless: who tries again gives them a deduplication id.
    fn enqueue<'a>(&'a self, messages: &'a [NewMessage]) -> Answer<'a, Vec<Enqueued>>;

    /// Delivers up to `max` messages that are ready. Where there are none it waits until there is one, at most so long.
    fn receive<'a>(&'a self, queue: &'a str, max: usize, wait: Duration) -> Answer<'a, Vec<Delivery>>;

    /// Says what becomes of deliveries of a queue. What is answered is in their order.
    fn settle<'a>(&'a self, queue: &'a str, settlements: &'a [Settlement]) -> Answer<'a, Vec<Settled>>;

    /// Hides a delivered message for so long from now on. Answers the new deadline, or nothing where the receipt holds no
    /// longer.
    fn extend<'a>(&'a self, queue: &'a str, receipt: &'a Receipt, visibility: Duration) -> Answer<'a, Option<Time>>;

    /// Dead letters of a queue in the order of their ids, up to `max`, from the one after that id on.
    fn dead_letters<'a>(&'a self, queue: &'a str, after: Option<&'a str>, max: usize) -> Answer<'a, Vec<DeadLetter>>;

    /// Puts dead letters back into their queue, as if they had never been delivered. Answers how many.
    fn redrive<'a>(&'a self, queue: &'a str, which: Which) -> Answer<'a, u64>;

    /// Deletes dead letters. Answers how many.
    fn purge<'a>(&'a self, queue: &'a str, which: Which) -> Answer<'a, u64>;

    /// What is in a queue.
    fn stats<'a>(&'a self, queue: &'a str) -> Answer<'a, QueueStats>;

    /// Whether the store can be reached and written to.
    fn health(&self) -> Answer<'_, ()>;

    /// Where schedules are kept, unless the store cannot.
    fn schedules(&self) -> Option<&dyn ScheduleStore>;
}

/// Leases and the marks of schedules in a store: what instances agree by.
pub trait ScheduleStore: fmt::Debug + Send + Sync {
    /// Takes a lease that is free, over, or the holder's own already, which is then longer. Answers nothing where another
    /// holds it.
    fn lease<'a>(&'a self, name: &'a str, holder: &'a str, span: Duration) -> Answer<'a, Option<Lease>>;

    /// Gives a lease back. One that holds no longer is left alone.
    fn release<'a>(&'a self, lease: &'a Lease) -> Answer<'a, ()>;

    /// Up to which time a schedule's occurrences have been dealt with; nothing where it never ran.
    fn mark<'a>(&'a self, schedule: &'a str) -> Answer<'a, Option<Time>>;

    /// Moves a schedule's mark and enqueues its runs, both or neither.
    ///
    /// An engine whose store cannot do both at once enqueues first: the runs carry deduplication ids, so that doing it
    /// again after a crash between the two adds none.
    fn fire<'a>(&'a self, firing: &'a Firing) -> Answer<'a, Fired>;
}

/// A lease: for its time, one holder and nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is leased.
    pub name: String,
    /// Who has it.
    pub holder: String,
    /// The fencing token: larger with every change of holder, so that who comes late is told from who holds it now.
    pub token: u64,
    /// When it is over.
    pub until: Time,
}

/// What is due of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// What the schedule's mark is called: any text.
    pub schedule: String,
    /// The lease under which it is fired.
    pub lease: Lease,
    /// The mark that was read; nothing where there was none.
    pub from: Option<Time>,
    /// The mark to set.
    pub to: Time,
    /// The runs, each with a deduplication id, all to one queue.
    pub runs: Vec<NewMessage>,
    /// Add no run while one of that queue is ready, waiting or in flight; the mark is moved nevertheless.
    pub unless_busy: bool,
}

/// What came of a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fired {
    /// The runs are in the queue, and the mark is moved.
    Enqueued,
    /// An earlier run is not over: the mark is moved, and the runs are left out.
    Busy,
    /// Another holds the lease or has moved the mark: nothing was changed.
    Lost,
}
