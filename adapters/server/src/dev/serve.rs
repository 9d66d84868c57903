//! The app as a server that another process watches.

use super::{
    calls::{Calls, watched},
    channel::{self, Channel, Command, Event, Teller},
    log, page, refuse,
};
use crate::{AppService, ServeError, Server};
use pikku::{
    App, Selection,
    call::{Context, ScheduledRun},
    dispatch::Arrival,
};
use std::{error::Error as _, process::ExitCode};
use tokio::sync::{mpsc::UnboundedReceiver, oneshot};
use tracing_subscriber::filter::LevelFilter;

/// Serves until the packager says otherwise.
pub(super) fn serve<S: Selection>(app: fn() -> App<S>) -> ExitCode {
    let Channel { listener, commands, teller, told } = match channel::open() {
        Ok(channel) => channel,
        Err(source) => return refuse(&ServeError::process("take over the socket to cargo-pikku")(source)),
    };
    let executor = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(executor) => executor,
        Err(source) => return refuse(&ServeError::process("start threads")(source)),
    };
    let ended = executor.block_on(run(app, listener, commands, teller.clone()));
    let code = match &ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let (code, message, hint) = (error.code(), error.to_string(), error.hint());
            let cause = error.source().map(ToString::to_string);
            teller.tell(Event::Failed { code, message, cause, hint });
            ExitCode::from(error.exit_code())
        }
    };
    // What is left on threads of its own is not waited for; it may hold a teller, so what was told is only given a moment.
    executor.shutdown_background();
    drop(teller);
    for _ in 0..50 {
        if told.is_finished() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    code
}

async fn run<S: Selection>(
    app: fn() -> App<S>,
    listener: std::net::TcpListener,
    commands: UnboundedReceiver<Command>,
    teller: Teller,
) -> Result<(), ServeError> {
    let calls = Calls::new(teller.clone());
    log::listen(LevelFilter::WARN, calls.layer())?;
    let manifest = pikku::introspect::manifest_of(app());
    let manifest = serde_json::to_value(manifest)
        .map_err(|error| ServeError::process("describe the app")(std::io::Error::other(error)))?;
    calls.watch();
    let app = page::beside(app(), &manifest).outermost::<watched>();
    let (drain, drained) = oneshot::channel();
    let draining = teller.clone();
    let bound = Server::new(app).environment()?.listener(listener).until(async move {
        // A sender that is gone asks for the same.
        let _ = drained.await;
        draining.tell(Event::Draining);
    });
    let bound = bound.bind().await?;
    teller.tell(Event::Started);
    let obeying = tokio::spawn(obey(commands, bound.service().clone(), drain));
    teller.tell(Event::Serving);
    bound.serve().await;
    obeying.abort();
    Ok(())
}

/// Does what the packager wants, until it wants an end.
async fn obey(mut commands: UnboundedReceiver<Command>, service: AppService, drain: oneshot::Sender<()>) {
    while let Some(command) = commands.recv().await {
        match command {
            Command::Drain => break,
            Command::Run { schedule, time, time_ms } => {
                tokio::spawn(run_schedule(service.clone(), schedule, time, time_ms));
            }
        }
    }
    let _ = drain.send(());
    // What comes now is too late.
    while commands.recv().await.is_some() {}
}

/// Runs a schedule as if it were time. What comes of it is told as every call is.
async fn run_schedule(service: AppService, schedule: String, time: String, time_ms: u64) {
    let Some(target) = service.engine().target(&Arrival::Schedule(&schedule)) else {
        tracing::error!("the app has no schedule `{schedule}`");
        return;
    };
    let id = format!("{:032x}", fastrand::u128(..));
    let run = ScheduledRun {
        schedule_id: schedule.clone(),
        schedule,
        id: id.clone(),
        origin: "cargo-pikku".to_owned(),
        time,
        time_ms: Some(time_ms),
        ..ScheduledRun::default()
    };
    let context = Context { id: id.into(), ..Context::default() };
    let after = context.after.clone();
    // A problem is in the log, and in what is told of the call.
    let _ = service.engine().deliver(target, run.into(), context).await;
    after.run(&**service.engine().platform(), None).await;
}
