//! Messages that take their time and leave a journal.

use pikku::{BoxError, Need, service::Env};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{fs::OpenOptions, io::Write, path::PathBuf, time::Duration};

/// A message of work.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Task {
    id: String,
    #[serde(default)]
    takes_ms: u64,
    #[serde(default)]
    fails: bool,
}

/// How work fails.
#[derive(Debug, pikku::Error)]
pub enum WorkError {
    /// The task asked for it.
    #[pikku(status = 500)]
    Asked,
    /// The journal could not be written.
    #[pikku(status = 500)]
    Journal,
}

/// A file that outlives the process and says what has been done.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
}

#[pikku::service(close = closed, needs = [Need::Variable("JOURNAL")])]
async fn journal(env: &Env) -> Result<Journal, BoxError> {
    let path = env.get("JOURNAL").ok_or("JOURNAL names no file")?;
    let journal = Journal { path: path.into() };
    // A test may want a slow start.
    if let Some(ms) = env.get("START_MS") {
        tokio::time::sleep(Duration::from_millis(ms.parse()?)).await;
        journal.append("started")?;
    }
    Ok(journal)
}

async fn closed(journal: &Journal) {
    if let Err(why) = journal.append("closed") {
        eprintln!("the journal could not be closed: {why}");
    }
}

impl Journal {
    /// Appends a line in one write, so that a killed process leaves whole lines.
    fn append(&self, line: &str) -> std::io::Result<()> {
        OpenOptions::new().append(true).create(true).open(&self.path)?.write_all(format!("{line}\n").as_bytes())
    }
}

async fn carry_out(journal: &Journal, task: Task) -> Result<(), WorkError> {
    let append = |what: &str| journal.append(&format!("{what} {}", task.id)).map_err(|_| WorkError::Journal);
    append("begun")?;
    tokio::time::sleep(Duration::from_millis(task.takes_ms)).await;
    if task.fails {
        return Err(WorkError::Asked);
    }
    append("done")
}

/// Carries a task out.
#[pikku::function]
pub async fn work(journal: &Journal, task: Task) -> Result<(), WorkError> {
    carry_out(journal, task).await
}

/// Carries a task out, in its order.
#[pikku::function]
pub async fn work_in_order(journal: &Journal, task: Task) -> Result<(), WorkError> {
    carry_out(journal, task).await
}
