//! A packaged server as a process of its own, on a free port of this machine.
//!
//! [`LocalServer`] starts the program, learns from its log where it listens, and ends it. Requests go over real sockets:
//! [`LocalServer::send`] writes one as it is given, [`LocalServer::raw`] writes any octets.

mod error;
mod program;

pub use error::StartError;
pub use pikku_local_workers::{Request, RequestError, Response, Streamed};
pub use program::{Builder, Handled, LocalServer};
