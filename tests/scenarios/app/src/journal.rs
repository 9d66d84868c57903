//! What calls without an answer did.

use pikku::Problem;
use std::sync::{Mutex, PoisonError};

/// The lines that calls have written, kept in memory for as long as the process lives.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Vec<String>>);

#[pikku::service]
fn journal() -> Journal {
    Journal::default()
}

impl Journal {
    pub(crate) fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Shows the lines.
#[pikku::function]
pub async fn show_everywhere(journal: &Journal) -> Result<Vec<String>, Problem> {
    Ok(journal.lines())
}

/// Shows the lines.
#[pikku::function]
pub async fn show_elsewhere(journal: &Journal) -> Result<Vec<String>, Problem> {
    Ok(journal.lines())
}
