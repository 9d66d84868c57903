//! A local AWS Lambda.
//!
//! [`LocalLambda`] starts the real bootstrap out of the real zip, as a child process with the platform's environment,
//! and serves the [Runtime API] to it: what it hands out, what it accepts, when it gives up and what it says then are
//! Lambda's. `cargo pikku invoke` and the tests of bundles stand on it. [`events`] writes the events of the services
//! that invoke a function, for the wirings of an app.
//!
//! What is kept to:
//! - The deadline is real. When it passes, the invocation ends as `Sandbox.Timedout` and the process is killed.
//! - A process that ends is a crash (`Runtime.ExitError`) of the invocations it held; the next one gets a new process.
//! - A failed start, be it reported, a crash or longer than ten seconds, is the answer to every invocation waiting for
//!   it.
//! - An answer may have 6 MB; a streamed one is split into prelude and payload at its delimiter, wherever the chunks
//!   end, and may fail in the middle.
//! - One process serves one invocation at a time, unless [`Builder::max_concurrency`] says how many; several processes
//!   run side by side with [`Builder::instances`].
//! - Nothing waits for ever: every wait in here has a limit.
//!
//! What is not:
//! - Memory is neither limited nor tied to a share of the processor. [`Invocation::max_memory`] says what was used.
//! - The sandbox is an ordinary process of this machine: its files, its network and its users are the host's.
//! - A process is not frozen between invocations: what it does after its answer goes on.
//! - A start that failed is not tried a second time, as Lambda does before it answers.
//! - There are no external extensions, no telemetry and no SnapStart. Internal extensions may register, which is how a
//!   process asks for SIGTERM before SIGKILL.
//!
//! [Runtime API]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

mod api;
mod builder;
mod bundle;
mod clock;
mod environment;
mod error;
pub mod events;
mod extension;
mod id;
mod lambda;
mod logs;
mod outcome;
mod process;
mod sandbox;
mod state;
mod stream;

pub use builder::{Builder, Logs};
pub use error::{InvokeError, StartError};
pub use lambda::{LocalLambda, Request};
pub use outcome::{ErrorReport, Invocation, Outcome, SandboxEnd, ShutdownReport, Streamed};
pub use process::Signal;

/// The largest event and the largest buffered answer that Lambda takes, in bytes; it lets an answer have 100 more.
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;
