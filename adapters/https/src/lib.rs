//! The small HTTPS client by which Pikku's adapters reach the services of a cloud.
//!
//! A service that sends a message is one request, now and then. [`Client`] is what that takes: HTTP/1.1 over hyper, one
//! connection that is kept, a limit on every wait and on every answer. A pooling client, with its layers and boxes, would be
//! 150 kB of each bundle that sends. What is tried again, and what an answer means, is the caller's.
//!
//! This crate is a part of the adapters and promises nothing to others.

mod client;
mod error;
mod tls;

pub use client::{Answer, Client};
pub use error::SetupError;
