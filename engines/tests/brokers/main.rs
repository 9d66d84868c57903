//! The engines for many machines, against real servers that the tests start and stop.

mod postgres;
mod server;
