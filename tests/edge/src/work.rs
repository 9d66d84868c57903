//! Work without a caller.

use pikku::{
    BoxError, Call, Problem, StatusCode,
    platform::{Level, LogLine},
    service::Env,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Notes down what was done.
#[derive(Debug)]
pub struct Journal(Env);

#[pikku::service]
async fn journal(env: &Env) -> Result<Journal, BoxError> {
    Ok(Journal(env.clone()))
}

impl Journal {
    /// Notes it down in the log.
    pub fn note(&self, text: &str) {
        self.0.platform().log(&LogLine::new(Level::Info, text));
    }
}

/// A box.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Box {
    id: u32,
    #[serde(default)]
    leaks: bool,
}

/// Fills a box, unless it leaks.
#[pikku::function]
pub async fn fill(journal: &Journal, call: &Call, input: Box) -> Result<(), Problem> {
    let tries = call.queue().map(|message| message.receive_count).unwrap_or_default();
    journal.note(&format!("box {} try {tries}", input.id));
    if input.leaks {
        return Err(Problem::new(StatusCode::CONFLICT, "leaks", "the box leaks"));
    }
    Ok(())
}

/// Runs at night.
#[pikku::function]
pub async fn nightly(journal: &Journal, call: &Call) -> Result<(), Problem> {
    journal.note(&format!("nightly {}", call.schedule().map(|run| run.time.clone()).unwrap_or_default()));
    Ok(())
}

/// Runs every hour.
#[pikku::function]
pub async fn hourly(journal: &Journal, call: &Call) -> Result<(), Problem> {
    journal.note(&format!("hourly {}", call.schedule().map(|run| run.time.clone()).unwrap_or_default()));
    let later = Journal(journal.0.clone());
    call.after_answer(pikku::edge(async move { later.note("after the hour") }));
    Ok(())
}
