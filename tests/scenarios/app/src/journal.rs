//! What calls without an answer did.

use pikku::{Call, Problem, edge};
use std::sync::{Arc, Mutex, PoisonError};

/// The lines that calls have written, kept in memory for as long as the process lives.
#[derive(Debug, Default, Clone)]
pub struct Journal(Arc<Mutex<Vec<String>>>);

#[pikku::service]
fn journal() -> Journal {
    Journal::default()
}

impl Journal {
    pub(crate) fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Shows the lines.
#[pikku::function(public)]
pub async fn show_everywhere(journal: &Journal) -> Result<Vec<String>, Problem> {
    Ok(journal.lines())
}

/// Shows the lines.
#[pikku::function(public)]
pub async fn show_elsewhere(journal: &Journal) -> Result<Vec<String>, Problem> {
    Ok(journal.lines())
}

/// Answers, and writes a line after that.
#[pikku::function(public)]
pub async fn write_after(call: &Call, journal: &Journal) -> Result<String, Problem> {
    let (journal, before) = (journal.clone(), journal.lines().len());
    call.after_answer(edge(async move { journal.write(format!("after the answer: {before} before")) }));
    Ok(format!("{before} lines"))
}
