//! One sandbox: a process, the Runtime API that only it is served, and the clock over both.

use crate::{
    SandboxEnd, api,
    lambda::Shared,
    process::{self, Process},
    state::{SandboxId, Tick},
};
use std::{
    io,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, sync::Notify, task::JoinSet, time::sleep_until};

/// How long after a process's end the requests it had sent are still read.
const SETTLE: Duration = Duration::from_millis(10);

/// Runs a sandbox from its start to its end.
pub(crate) async fn run(shared: Arc<Shared>, id: SandboxId, wake: Arc<Notify>) {
    let (mut process, server) = match start(&shared, id).await {
        Ok(started) => started,
        Err(why) => return shared.change(|state| state.not_started(id, &why)),
    };
    shared.change(|state| state.running(id, process.id()));
    let reason = supervise(&shared, id, &wake, &mut process).await;
    tokio::time::sleep(SETTLE).await;
    shared.change(|state| state.gone(id, &reason));
    drop(server);
}

async fn start(shared: &Arc<Shared>, id: SandboxId) -> io::Result<(Process, JoinSet<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let process = Process::start(&shared.settings, &shared.bundle, listener.local_addr()?, &shared.captured).await?;
    let mut server = JoinSet::new();
    server.spawn(api::serve(listener, shared.clone(), id));
    Ok((process, server))
}

/// Waits for the process to end, and ends it when its time has come. Says how it ended.
async fn supervise(shared: &Arc<Shared>, id: SandboxId, wake: &Notify, process: &mut Process) -> String {
    loop {
        match shared.change(|state| state.tick(id)) {
            Tick::Wait(until) => tokio::select! {
                status = process.ended() => return process::reason(status),
                () = wake.notified() => {}
                () = sleep_until(until.into()) => {}
            },
            Tick::Kill => return process::reason(process.kill().await),
            Tick::ShutDown { terminate } => {
                let end = shut_down(process, terminate, shared.settings.grace).await;
                let reason = process::reason(end.status);
                shared.change(|state| state.record_end(end));
                return reason;
            }
        }
    }
}

async fn shut_down(process: &mut Process, terminate: bool, grace: Duration) -> SandboxEnd {
    let begun = Instant::now();
    let mut status = None;
    if terminate {
        process.terminate();
        status = process.ends_within(grace).await;
    }
    let killed = status.is_none();
    if killed {
        status = process.kill().await;
    }
    SandboxEnd { pid: process.id(), terminated: terminate, killed, status, took: begun.elapsed() }
}
