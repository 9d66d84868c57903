//! What Pikku's adapters that serve HTTP by hyper have in common: the plain server, and the custom handler of Azure Functions.
//!
//! Connections are accepted, a request of the `http` crate becomes that of the runtime, its body is read within limits, and the
//! runtime's response becomes one of the `http` crate. What is around that is the adapters': how connections end, ids, logs,
//! which headers the platform sets. Nothing here needs HTTP/2 or more than one thread.
//!
//! This crate is a part of the adapters and promises nothing to others.

mod accept;
mod answer;
mod intake;
mod request;
mod share;

pub use accept::accept;
pub use answer::{Answer, Around, Room, response};
pub use intake::{Intake, Limits, Taken};
pub use request::{forwarded, request};
pub use share::{Part, Share};
