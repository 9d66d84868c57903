//! The Node process, and with it workerd: a process group of their own, which ends as one.

use crate::StartError;
use std::{path::Path, process::Stdio, time::Duration};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The script that Node runs.
const DRIVER: &str = include_str!("driver.mjs");

/// How long the process may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// A running driver. Dropping it kills what it started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Option<rustix::process::Pid>,
    /// The script's folder, which is removed with the process.
    _script: tempfile::TempDir,
}

impl Process {
    pub(crate) fn start(node: &Path) -> Result<(Self, ChildStdin, ChildStdout), StartError> {
        let failed = |source| StartError::Process { program: node.to_owned(), source };
        let folder = tempfile::Builder::new().prefix("pikku-workers-").tempdir().map_err(failed)?;
        let script = folder.path().join("driver.mjs");
        std::fs::write(&script, DRIVER).map_err(failed)?;
        let mut command = Command::new(node);
        command.arg(&script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command.process_group(0).kill_on_drop(true);
        let mut child = command.spawn().map_err(failed)?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok((Self { child, group, _script: folder }, stdin, stdout)),
            _ => Err(failed(std::io::Error::other("it has no standard input and output"))),
        }
    }

    /// The process id of Node, while it runs; workerd is its child.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for the process, which has been asked to end, and kills what is left of it.
    pub(crate) async fn end(mut self) {
        // Whether it ended by itself makes no difference: what is left of the group is killed when `self` is dropped.
        let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // Fails where nothing of the group is left.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
