//! Local Cloudflare Workers.
//!
//! [`LocalWorkers`] runs bundles as `cargo pikku package --target cloudflare` writes them, one or several, in workerd,
//! the engine that runs them in production. Everything that a bundle is bound to is made from its `wrangler.jsonc`: D1
//! with its migrations, KV, R2, queues with their consumers, and the other Workers of the app. `cargo pikku invoke` and
//! the tests of bundles stand on it.
//!
//! workerd comes with [miniflare], an npm package, which a script of this crate drives in Node. Nothing is installed or
//! downloaded here: where miniflare is not found, the error says the command that installs it.
//!
//! What is kept to:
//! - Requests go over a socket of the Worker itself, byte by byte as they are given; no other Worker rewrites them.
//!   What Cloudflare's edge adds to each request, [`Request::at_the_edge`] adds.
//! - Queues batch, delay, retry and dead-letter as the consumer is configured. [`LocalWorkers::queue`] hands over one
//!   batch past the queue and answers what the handler made of each message.
//! - Nothing waits for ever, and no process outlives this one: Node ends with its standard input, and workerd with Node.
//!
//! What is not:
//! - Neither memory nor processor time is limited.
//! - Schedules do not fire by themselves; [`LocalWorkers::scheduled`] fires one.
//!
//! [miniflare]: https://www.npmjs.com/package/miniflare

mod builder;
mod config;
mod error;
mod http;
mod jsonc;
mod link;
mod logs;
mod messages;
mod process;
mod tools;
mod workers;

pub use builder::{Builder, Storage};
pub use error::{CallError, RequestError, StartError};
pub use http::{Request, Response, Streamed};
pub use logs::{LogLine, Logs};
pub use messages::{Batch, Body, Message, Outgoing, Retried, Scheduled};
pub use tools::MINIFLARE;
pub use workers::LocalWorkers;
