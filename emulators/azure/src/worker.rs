//! The handler's process: started, asked whether it is there, and started again when it ends.
//!
//! Rules: the host's `HttpFunctionInvocationDispatcher` (restarts), `HttpWorkerChannel` and `DefaultHttpWorkerService`
//! (readiness), `WorkerProcess` (exit codes) and `HttpWorkerProcess` (environment).

use crate::{
    client,
    logs::{self, Captured},
};
use rustix::process::{Pid, Signal as Kind, kill_process, kill_process_group};
use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    process::{Child, Command},
    sync::{Notify, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

/// `WorkerReadyCheckPollingIntervalMilliseconds`.
const POLL: Duration = Duration::from_millis(25);

/// `ErrorEventsThreshold`, and `WorkerRestartErrorIntervalThresholdInMinutes`.
pub(crate) const ERRORS: u32 = 3;
const ERRORS_WITHIN: Duration = Duration::from_secs(30 * 60);

/// `SuccessExitCode` and `IntentionalRestartExitCode`.
const SUCCESS: i32 = 0;
const START_AGAIN: i32 = 200;

/// How long a process that was sent SIGKILL may take to go.
const REAP_LIMIT: Duration = Duration::from_secs(5);

/// How long output may still come once the process is gone.
const DRAIN_LIMIT: Duration = Duration::from_millis(250);

/// How often a program that is still held open for writing is tried again.
const BUSY_TRIES: u32 = 100;

/// A signal for the handler's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// Whether the handler takes invocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Starting,
    Ready,
    /// It has ended with exit code 0, after which the host neither starts it again nor notices.
    Gone,
    /// The host has given up.
    Stopped(String),
}

/// How a handler is started.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) working_directory: PathBuf,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) port: u16,
    pub(crate) init_timeout: Duration,
}

/// The handler, looked after by a task that ends with this.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) port: u16,
    phase: watch::Receiver<Phase>,
    shared: Arc<Shared>,
    supervisor: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The running process, or 0.
    pid: AtomicU32,
    starts: AtomicU32,
    restart: Notify,
    end: Notify,
}

impl Worker {
    pub(crate) fn start(plan: Plan, captured: Captured) -> Self {
        let (sender, phase) = watch::channel(Phase::Starting);
        let shared = Arc::new(Shared::default());
        let mut supervisor = JoinSet::new();
        let port = plan.port;
        supervisor.spawn(supervise(plan, captured, sender, Arc::clone(&shared)));
        Self { port, phase, shared, supervisor }
    }

    /// Waits until the handler is ready, gone or given up, for as long as the host does: four times the time of a start
    /// (`DelayUntilFunctionDispatcherInitializedOrShutdown` of the host's `WorkerFunctionInvoker`).
    pub(crate) async fn settled(&self, init_timeout: Duration) -> Option<Phase> {
        let mut phase = self.phase.clone();
        let settled = phase.wait_for(|phase| *phase != Phase::Starting);
        timeout(init_timeout * (ERRORS + 1), settled).await.ok()?.ok().map(|phase| phase.clone())
    }

    /// Ends the process and starts it again, which is no error of its (`RestartWorkerWithInvocationIdAsync`).
    pub(crate) fn restart(&self) {
        self.shared.restart.notify_one();
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        Some(self.shared.pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0)
    }

    /// How often the process has been started.
    pub(crate) fn starts(&self) -> u32 {
        self.shared.starts.load(Ordering::Relaxed)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let signal = if signal == Signal::Terminate { Kind::TERM } else { Kind::KILL };
        if let Some(pid) = self.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) {
            // One that is gone already needs none.
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends the process as the host does when it is disposed of: with SIGKILL.
    pub(crate) async fn shutdown(mut self) {
        self.shared.end.notify_one();
        let _ = timeout(REAP_LIMIT * 2, self.supervisor.join_next()).await;
    }
}

/// What made a process end.
enum End {
    Exit(Option<ExitStatus>),
    Restart,
    Shutdown,
}

async fn supervise(plan: Plan, captured: Captured, phase: watch::Sender<Phase>, shared: Arc<Shared>) {
    let (mut errors, mut last) = (0, None::<Instant>);
    let mut failed = |reason: &str| {
        // Errors that are long ago are forgotten (`AddOrUpdateErrorBucket`).
        if last.is_some_and(|last| last.elapsed() > ERRORS_WITHIN) {
            errors = 0;
        }
        last = Some(Instant::now());
        errors += 1;
        (errors >= ERRORS).then(|| format!("{reason}; exceeded http worker restart retry count"))
    };
    loop {
        phase.send_replace(Phase::Starting);
        shared.starts.fetch_add(1, Ordering::Relaxed);
        let mut process = match Process::start(&plan, &captured).await {
            Ok(process) => process,
            Err(error) => {
                let program = plan.program.display();
                phase.send_replace(Phase::Stopped(format!("{program} could not be started: {error}")));
                return;
            }
        };
        shared.pid.store(process.id(), Ordering::Relaxed);
        let end = tokio::select! {
            status = process.ended() => End::Exit(status),
            () = shared.end.notified() => End::Shutdown,
            ready = timeout(plan.init_timeout, ready(plan.port)) => {
                if ready.is_ok() {
                    phase.send_replace(Phase::Ready);
                    tokio::select! {
                        status = process.ended() => End::Exit(status),
                        () = shared.restart.notified() => End::Restart,
                        () = shared.end.notified() => End::Shutdown,
                    }
                } else if let Some(reason) = failed("Initializing HttpWorker timed out.") {
                    process.kill().await;
                    shared.pid.store(0, Ordering::Relaxed);
                    phase.send_replace(Phase::Stopped(reason));
                    return;
                } else {
                    End::Restart
                }
            }
        };
        if !matches!(end, End::Exit(_)) {
            process.kill().await;
        }
        shared.pid.store(0, Ordering::Relaxed);
        match end {
            End::Shutdown => return,
            End::Restart => {}
            End::Exit(status) => match status.and_then(|status| status.code()) {
                Some(START_AGAIN) => {}
                Some(SUCCESS) => {
                    phase.send_replace(Phase::Gone);
                    return;
                }
                _ => {
                    let status = status.map_or("unknown".to_owned(), |status| status.to_string());
                    if let Some(reason) = failed(&format!("the handler ended: {status}")) {
                        phase.send_replace(Phase::Stopped(reason));
                        return;
                    }
                }
            },
        }
    }
}

/// Asks until there is an answer, whatever it is (`IsWorkerReady`).
async fn ready(port: u16) {
    while !client::answers(port).await {
        sleep(POLL).await;
    }
}

/// A running handler. It leads a process group, all of which goes when this is dropped.
#[derive(Debug)]
struct Process {
    child: Child,
    pid: Pid,
    readers: JoinSet<()>,
    gone: bool,
}

impl Process {
    async fn start(plan: &Plan, captured: &Captured) -> io::Result<Self> {
        let mut command = Command::new(&plan.program);
        command
            .args(&plan.arguments)
            .current_dir(&plan.working_directory)
            .env_clear()
            .envs(&plan.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = spawn(&mut command).await?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the process was gone at once"))?;
        let readers = logs::capture(&mut child, captured);
        Ok(Self { child, pid, readers, gone: false })
    }

    fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits for the process to end by itself. May be dropped and called again.
    async fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.wait().await.ok();
        self.clear().await;
        status
    }

    /// Ends it at once.
    async fn kill(&mut self) {
        // A process that is gone already is what is wanted.
        let _ = kill_process_group(self.pid, Kind::KILL);
        let _ = timeout(REAP_LIMIT, self.child.wait()).await;
        self.clear().await;
    }

    /// Ends what the process left behind and reads what it wrote last.
    async fn clear(&mut self) {
        if !self.gone {
            self.gone = true;
            let _ = kill_process_group(self.pid, Kind::KILL);
            let readers = &mut self.readers;
            let _ = timeout(DRAIN_LIMIT, async { while readers.join_next().await.is_some() {} }).await;
        }
    }
}

/// Starts a command. A process that another thread has just forked holds every file open that was open then, until it runs
/// its own program: for that moment, a program that was being unpacked is "busy".
async fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        match command.spawn() {
            Err(why) if why.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES => tries += 1,
            done => return done,
        }
        sleep(Duration::from_millis(10)).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.gone {
            let _ = kill_process_group(self.pid, Kind::KILL);
        }
    }
}
