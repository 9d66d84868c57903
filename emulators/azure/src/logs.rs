//! What the handler writes to stdout and stderr.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Child,
    task::JoinSet,
};

/// The most lines that are kept.
const KEPT: usize = 10_000;

/// Where the handler's own output goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logs {
    /// To this process's stderr, line by line as it comes.
    #[default]
    Stderr,
    /// Into memory alone; see [`LocalAzure::logs`](crate::LocalAzure::logs).
    Captured,
}

/// The last lines, of all processes, in the order they were read.
#[derive(Clone, Debug)]
pub(crate) struct Captured {
    lines: Arc<Mutex<VecDeque<String>>>,
    shows: bool,
}

impl Captured {
    pub(crate) fn new(logs: Logs) -> Self {
        Self { lines: Arc::default(), shows: logs == Logs::Stderr }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The last lines.
    pub(crate) fn last(&self, count: usize) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect()
    }

    fn push(&self, line: String) {
        pikku_local_logs::keep("azure", &line);
        if self.shows {
            eprintln!("{line}");
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Reads what the process writes, until it ends.
pub(crate) fn capture(child: &mut Child, captured: &Captured) -> JoinSet<()> {
    let mut readers = JoinSet::new();
    if let Some(stdout) = child.stdout.take() {
        readers.spawn(read(stdout, captured.clone()));
    }
    if let Some(stderr) = child.stderr.take() {
        readers.spawn(read(stderr, captured.clone()));
    }
    readers
}

async fn read(pipe: impl AsyncRead + Unpin, captured: Captured) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    // A pipe that fails has ended.
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line);
        captured.push(text.trim_end_matches(['\n', '\r']).to_owned());
        line.clear();
    }
}
