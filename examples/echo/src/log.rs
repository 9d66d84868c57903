//! The log that calls are shown in: a file natively, the console on Cloudflare Workers, where there are no files.

#[cfg(target_family = "wasm")]
mod console;
#[cfg(not(target_family = "wasm"))]
mod file;

#[cfg(target_family = "wasm")]
use console::Sink;
#[cfg(not(target_family = "wasm"))]
use file::Sink;

use pikku::{Problem, service::Env};
use serde::Serialize;

/// Where calls are shown.
#[derive(Debug)]
pub struct EchoLog(Sink);

#[pikku::service(needs = [pikku::Need::Variable("ECHO_LOG")])]
fn echo_log(env: &Env) -> EchoLog {
    EchoLog(Sink::of(env))
}

impl EchoLog {
    /// Appends what a call saw, one line.
    pub(crate) fn show(&self, seen: &impl Serialize) -> Result<(), Problem> {
        let line = serde_json::to_string(seen).map_err(|error| Problem::internal(error.to_string()))?;
        self.0.append(&line)
    }
}

/// The call was not set off by what its wiring says: the adapter is wrong.
pub(crate) fn unexpected(call: &pikku::Call) -> Problem {
    Problem::internal(format!("`{}` was set off by {:?}", call.function(), call.trigger()))
}

/// The service that an ARN belongs to, such as `sqs`.
pub(crate) fn service_of(arn: &str) -> &str {
    arn.split(':').nth(2).unwrap_or_default()
}
