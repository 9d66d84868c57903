//! The child process of a sandbox.

use crate::{builder::Settings, bundle::Bundle, environment, logs};
use rustix::process::{Pid, kill_process, kill_process_group};
use std::{io, net::SocketAddr, process::ExitStatus, time::Duration};
use tokio::{
    process::{Child, Command},
    task::JoinSet,
    time::timeout,
};

/// How long a process that was sent SIGKILL may take to go.
const REAP_LIMIT: Duration = Duration::from_secs(5);

/// How long output may still come once the process is gone; a process it started can hold the pipe open.
const DRAIN_LIMIT: Duration = Duration::from_millis(250);

/// How often a program that is still held open for writing is tried again, and how long each time is waited.
const BUSY_TRIES: u32 = 100;
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// A signal for a sandbox's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// A running bootstrap. It leads a process group, all of which goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    readers: JoinSet<()>,
    gone: bool,
}

impl Process {
    pub(crate) async fn start(
        settings: &Settings,
        bundle: &Bundle,
        api: SocketAddr,
        captured: &logs::Captured,
    ) -> io::Result<Self> {
        let (stdout, stderr) = logs::outputs(settings.logs)?;
        let mut command = Command::new(&bundle.program);
        command
            .args(&bundle.arguments)
            .current_dir(&bundle.root)
            .env_clear()
            .envs(environment::variables(settings, &bundle.root, api))
            .stdin(std::process::Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .kill_on_drop(true);
        let mut child = spawn(&mut command).await?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the process was gone at once"))?;
        let readers = logs::capture(&mut child, captured);
        Ok(Self { child, pid, readers, gone: false })
    }

    pub(crate) fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits for the process to end by itself. May be dropped and called again.
    pub(crate) async fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.wait().await.ok();
        self.clear().await;
        status
    }

    /// Waits for the process to end, for that long.
    pub(crate) async fn ends_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let status = timeout(limit, self.child.wait()).await.ok()?.ok();
        self.clear().await;
        status
    }

    /// Ends it at once.
    pub(crate) async fn kill(&mut self) -> Option<ExitStatus> {
        // A process that is gone already is what is wanted.
        let _ = kill_process_group(self.pid, rustix::process::Signal::KILL);
        self.ends_within(REAP_LIMIT).await
    }

    pub(crate) fn terminate(&self) {
        let _ = kill_process(self.pid, rustix::process::Signal::TERM);
    }

    /// Ends what the process left behind and reads what it wrote last.
    async fn clear(&mut self) {
        if !self.gone {
            self.gone = true;
            let _ = kill_process_group(self.pid, rustix::process::Signal::KILL);
            let readers = &mut self.readers;
            let _ = timeout(DRAIN_LIMIT, async { while readers.join_next().await.is_some() {} }).await;
        }
    }
}

/// Starts a command.
///
/// A process that another thread has just forked holds every file open that was open then, until it runs its own program:
/// for that moment, a program that was being unpacked is "busy".
async fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        match command.spawn() {
            Err(why) if why.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES => tries += 1,
            done => return done,
        }
        tokio::time::sleep(BUSY_PAUSE).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.gone {
            let _ = kill_process_group(self.pid, rustix::process::Signal::KILL);
        }
    }
}

/// Sends a signal to a process that a sandbox runs.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let signal = match signal {
        Signal::Terminate => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// The most memory that a process has held, in bytes.
pub(crate) fn max_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// How a process ended, as Go's runtime words it and Lambda therefore does.
pub(crate) fn reason(status: Option<ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt;
    let Some(status) = status else { return "unknown".into() };
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal: {}", signal_name(signal)),
        (None, None) => "unknown".into(),
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        2 => "interrupt",
        4 => "illegal instruction",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::{self, File},
        os::unix::fs::PermissionsExt,
    };

    #[tokio::test]
    async fn a_program_that_is_open_for_writing_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program");
        fs::copy("/bin/true", &program).expect("a program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its mode");
        let open = File::options().append(true).open(&program).expect("the file");
        let mut command = Command::new(&program);
        assert_eq!(command.spawn().expect_err("busy").kind(), io::ErrorKind::ExecutableFileBusy);
        let (child, ()) = tokio::join!(spawn(&mut command), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            drop(open);
        });
        assert!(child.expect("the program").wait().await.expect("its end").success());
    }
}
