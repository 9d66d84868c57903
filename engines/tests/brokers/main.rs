//! The engines for many machines, against real servers that the tests start and stop.

mod callers;
mod crash;
mod nats;
mod outbox;
mod postgres;
mod server;
mod sqs;
