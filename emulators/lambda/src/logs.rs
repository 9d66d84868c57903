//! What a function writes to stdout and stderr.

use crate::Logs;
use std::{
    io,
    os::fd::AsFd,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Child,
    task::JoinSet,
};

/// The lines captured so far, of all processes, in the order they were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<String>>>);

impl Captured {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, line: String) {
        pikku_local_logs::keep("lambda", &line);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// Where a process's stdout and stderr go.
pub(crate) fn outputs(logs: Logs) -> io::Result<(Stdio, Stdio)> {
    Ok(match logs {
        Logs::Stderr => {
            let own = io::stderr().as_fd().try_clone_to_owned()?;
            (own.into(), Stdio::inherit())
        }
        Logs::Captured => (Stdio::piped(), Stdio::piped()),
        Logs::Discarded => (Stdio::null(), Stdio::null()),
    })
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
