//! The log that calls are shown in.

use pikku::{BoxError, Problem, service::Env};
use serde::Serialize;
use std::{fs::OpenOptions, io::Write, path::PathBuf};

/// The file that calls are shown in.
#[derive(Debug)]
pub struct EchoLog {
    path: Option<PathBuf>,
}

#[pikku::service(needs = [pikku::Need::Variable("ECHO_LOG")])]
async fn echo_log(env: &Env) -> Result<EchoLog, BoxError> {
    Ok(EchoLog { path: env.get("ECHO_LOG").map(PathBuf::from) })
}

impl EchoLog {
    /// Appends what a call saw, one line. Without a file it is shown nowhere.
    pub(crate) fn show(&self, seen: &impl Serialize) -> Result<(), Problem> {
        let Some(path) = &self.path else { return Ok(()) };
        let failed = |error: &dyn std::fmt::Display| Problem::internal(format!("{}: {error}", path.display()));
        let mut line = serde_json::to_vec(seen).map_err(|error| failed(&error))?;
        line.push(b'\n');
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(&line)).map_err(|error| failed(&error))
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
