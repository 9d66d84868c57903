//! Messages and schedules, which have no answer: what they did is in the journal.

use crate::{failing::Secret, journal::Journal};
use pikku::{Call, Problem};
use schemars::JsonSchema;
use serde::Deserialize;

/// A message with a form.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Job {
    #[schemars(range(min = 1, max = 1000))]
    id: u32,
    #[serde(default)]
    text: String,
    #[serde(default)]
    ends: End,
}

/// How a job ends.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Well.
    #[default]
    Well,
    /// In an error with private detail.
    Failed,
    /// In an error unless it was tried before.
    FailedAtFirst,
    /// In a panic with private detail.
    Panicked,
}

/// Does a job and says how often it was tried.
#[pikku::function(tags = ["traced"])]
pub async fn job(call: &Call, journal: &Journal, secret: &Secret, job: Job) -> Result<(), Problem> {
    let attempt = call.queue().map_or(0, |message| message.receive_count);
    journal.write(format!("job {} attempt {attempt}: {}", job.id, job.text));
    match job.ends {
        End::Failed => Err(Problem::internal(secret.to_string())),
        End::FailedAtFirst if attempt == 1 => Err(Problem::internal(secret.to_string())),
        End::Panicked => panic!("asked to panic: {secret}"),
        End::Well | End::FailedAtFirst => Ok(()),
    }
}

/// Takes a message whatever its form.
#[pikku::function]
pub async fn note(call: &Call, journal: &Journal) -> Result<(), Problem> {
    let message = call.queue().ok_or_else(|| Problem::internal("not a message"))?;
    journal.write(format!("note {}", message.body));
    Ok(())
}

fn run(call: &Call, journal: &Journal) -> Result<(), Problem> {
    let run = call.schedule().ok_or_else(|| Problem::internal("not a schedule"))?;
    let time = run.time_ms.map_or("no time".to_owned(), |time| time.to_string());
    journal.write(format!("{} for {time}", call.function()));
    Ok(())
}

/// Runs each night.
#[pikku::function(tags = ["traced"])]
pub async fn nightly(call: &Call, journal: &Journal) -> Result<(), Problem> {
    run(call, journal)
}

/// Runs each hour.
#[pikku::function]
pub async fn hourly(call: &Call, journal: &Journal) -> Result<(), Problem> {
    run(call, journal)
}

/// Runs and fails.
#[pikku::function]
pub async fn failing_run(call: &Call, journal: &Journal, secret: &Secret) -> Result<(), Problem> {
    run(call, journal)?;
    Err(Problem::internal(secret.to_string()))
}
