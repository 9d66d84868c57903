//! Queues and schedules: what is sent goes to a store, and what is in the store comes back as calls.
//!
//! An engine of `pikku-engines` keeps the messages; this module turns deliveries into calls and their outcomes into
//! settlements. It owns how many calls there are at a time, how long each may take, and the end. It decides nothing that
//! the wiring says: retries, order and delays are the engine's business.
//!
//! - **Nothing is acknowledged before its function has returned.** A process that dies leaves its messages to the others,
//!   which get them when the visibility timeout is over. While a function runs, its message is kept hidden.
//! - **A failure** is noted as the problem envelope, without private detail, and the message is tried again after the
//!   wiring's delay; after the last retry it is a dead letter, with that envelope.
//! - **An end** takes no more messages; those that are worked on are finished, and what is left when the time is over goes
//!   back to its queue, uncounted.
//! - **A store that goes away** is waited for, and readiness says so meanwhile.

mod admin;
mod consumer;
mod feeds;
mod outbox;
#[cfg(feature = "schedules")]
mod scheduler;
mod store;

pub(crate) use admin::administer;
pub(crate) use consumer::Work;
pub(crate) use feeds::Feeds;
pub(crate) use outbox::Outbox;
pub(crate) use store::Store;
