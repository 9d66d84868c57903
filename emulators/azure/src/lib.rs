//! A local Azure Functions host.
//!
//! [`LocalAzure`] starts the handler of a bundle as the [Functions host] does and speaks the custom handler protocol to it:
//! what it reads of `host.json` and `function.json`, what it refuses in them, how it asks whether the handler is there, what
//! it sends, what it makes of the answers and when it gives up are the host's. It is strict: what the real host refuses or
//! garbles, it refuses or garbles too. `cargo pikku invoke --target azure` and the tests of bundles stand on it.
//! [`events`] is what the services send.
//!
//! Each rule names its source: a class of the host's repository, or the title of a document.
//!
//! What is kept to:
//! - Functions are read one by one; one that is refused does not stop the others. [`LocalAzure::refused`] says why.
//! - Requests of clients are routed by `function.json` and proxied, forwarded or sent as payloads, by `host.json`.
//! - Strings in outputs that are valid base64 are decoded, dates within JSON are written anew, outputs without a binding
//!   are dropped, and an empty answer is never an end.
//! - A handler that ends is started again, up to three times in half an hour; after exit code 0 it is not, after 200 it is
//!   without being counted.
//! - A function timeout ends the handler, with SIGKILL.
//! - Messages are handed over again until they are poison. Nothing waits in between.
//!
//! What is not:
//! - Extensions: nothing is fetched from or written to a real service. Output bindings show what they would have got.
//! - Redirects of a handler are not followed.
//! - Timers do not fire by themselves; [`LocalAzure::timer`] fires one.
//! - Keys are those that [`Builder::function_key`] names.
//!
//! [Functions host]: https://github.com/Azure/azure-functions-host

mod answer;
mod builder;
mod bundle;
mod client;
mod config;
mod error;
pub mod events;
mod function;
mod host;
mod logs;
mod outcome;
mod payload;
mod request;
mod route;
mod streamed;
mod worker;

pub use builder::Builder;
pub use error::{InvokeError, StartError};
pub use function::{Function, Trigger};
pub use host::{LocalAzure, Opened};
pub use logs::Logs;
pub use outcome::{Invocation, Outcome, Outputs, Response};
pub use request::{RawInvocation, Request};
pub use streamed::Streamed;
pub use worker::Signal;
