//! The small HTTPS client by which Pikku's adapters reach the services of a cloud.
//!
//! A service that sends a message is one request, now and then. [`Client`] is what that takes: HTTP/1.1 over hyper, one
//! connection that is kept, a limit on every wait and on every answer. A pooling client, with its layers and boxes, would be
//! 150 kB of each bundle that sends. [`send`] tries a message a few times and says why it was not taken; `AwsAction` (with the
//! feature `aws`) signs what AWS is asked. What else an answer means is the caller's.
//!
//! [`client_config`] is the same TLS for a client that speaks something else over it.
//!
//! With the feature `transport` it makes the requests of remote procedure calls and of traces, by `HttpsTransport`.
//!
//! This crate is a part of the adapters, and promises nothing else to others.

#[cfg(feature = "aws")]
mod aws;
mod client;
mod error;
#[cfg(any(not(feature = "tls12"), test))]
mod p256;
mod sending;
mod tls;
#[cfg(feature = "transport")]
mod transport;

#[cfg(feature = "aws")]
pub use aws::{AwsAction, AwsError};
pub use client::{Answer, Client, is_here};
pub use error::SetupError;
pub use sending::{FailedAttempt, RESOURCES, SendError, address_of, random, send};
pub use tls::client_config;
#[cfg(feature = "transport")]
pub use transport::HttpsTransport;
