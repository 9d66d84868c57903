use crate::{
    error::InvocationError,
    event,
    platform::{Lambda, Sender, Vault, log},
    runtime_api::{Client, is_refusal},
    shutdown,
};
use pikku::{App, BoxFuture, Engine, Selection, call::Context, platform::Level};
use std::{io, process::ExitCode, sync::Arc};

/// Runs the app until the sandbox ends: starts it, then takes events.
///
/// One tokio thread serves all: several cost 0.5 ms more CPU to start and 1 MB more memory. Where the platform sends
/// several events at a time (`AWS_LAMBDA_MAX_CONCURRENCY`, as Lambda Managed Instances do), each is taken over a
/// connection of its own and they are served at the same time on that thread.
///
/// A start that fails is reported to the platform's `/init/error`, and the exit code is a failure.
pub fn run<S: Selection>(app: App<S>) -> ExitCode {
    let Ok(address) = std::env::var("AWS_LAMBDA_RUNTIME_API") else {
        log(
            Level::Error,
            "this program is a Lambda bundle and runs inside Lambda; start it locally with `cargo pikku invoke`",
            Some("the variable AWS_LAMBDA_RUNTIME_API is not set"),
        );
        return ExitCode::FAILURE;
    };
    let executor = match tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build() {
        Ok(executor) => executor,
        Err(error) => {
            log(Level::Error, "the executor could not be started", Some(&error.to_string()));
            return ExitCode::FAILURE;
        }
    };
    executor.block_on(serve(app, Client::new(&address)))
}

async fn serve<S: Selection>(app: App<S>, mut client: Client) -> ExitCode {
    let sender = match sender::<S>() {
        Ok(sender) => sender,
        Err(reason) => return failed_start(&mut client, reason).await,
    };
    let vault = match vault::<S>() {
        Ok(vault) => vault,
        Err(reason) => return failed_start(&mut client, reason).await,
    };
    let engine = match Engine::start(app, Arc::new(Lambda { sender, vault })).await {
        Ok(engine) => Arc::new(engine),
        Err(error) => return failed_start(&mut client, &error.to_string()).await,
    };
    // Boxed, so that a bundle without it holds none of its state and code.
    let watch: Option<BoxFuture<'_, _>> =
        if const { S::CLOSES } { Some(Box::pin(shutdown::watch(Arc::clone(&engine), client.another()))) } else { None };
    if let Some(watch) = watch
        && let Err(error) = watch.await
    {
        // The services are not closed then; serving is still better than not starting.
        log(Level::Error, "SIGTERM will not be seen", Some(&error.to_string()));
    }
    match std::env::var("AWS_LAMBDA_MAX_CONCURRENCY").ok().and_then(|most| most.parse().ok()) {
        Some(most) if most > 1 => take_events_concurrently::<S>(engine, &client, most).await,
        _ => stopped(take_events::<S>(&engine, client).await),
    }
    ExitCode::FAILURE
}

/// Takes events at the same time, each over a connection of its own. Ends when the last of them has stopped.
async fn take_events_concurrently<S: Selection>(engine: Arc<Engine>, client: &Client, most: usize) {
    let workers: Vec<_> = (0..most)
        .map(|_| {
            let (engine, client) = (Arc::clone(&engine), client.another());
            tokio::spawn(async move { stopped(take_events::<S>(&engine, client).await) })
        })
        .collect();
    for worker in workers {
        if let Err(error) = worker.await {
            log(Level::Error, "a worker ended", Some(&error.to_string()));
        }
    }
}

/// Takes one event after the other, until the Runtime API is gone.
async fn take_events<S: Selection>(engine: &Engine, mut client: Client) -> io::Error {
    loop {
        let event = match client.next().await {
            Ok(event) => event,
            Err(error) => return error,
        };
        let guard = event.guard();
        let context = Context {
            id: event.id.as_str().into(),
            deadline_ms: event.deadline_ms,
            trace: event.trace,
            ..Context::default()
        };
        let (after, deadline_ms) = (context.after.clone(), context.deadline_ms);
        let outcome = event::handle::<S>(engine, &event.body, context).await;
        match client.answer(&event.id, guard.as_ref(), outcome).await {
            Ok(()) => {}
            // The platform has given up on this event and goes on with the next.
            Err(error) if is_refusal(&error) => {
                log(Level::Error, "an answer was not taken", Some(&error.to_string()));
            }
            Err(error) => return error,
        }
        // The sandbox is frozen only when the next event is asked for.
        after.run(&**engine.platform(), deadline_ms).await;
    }
}

fn stopped(error: io::Error) {
    log(Level::Error, "the Runtime API is gone", Some(&error.to_string()));
}

async fn failed_start(client: &mut Client, reason: &str) -> ExitCode {
    log(Level::Error, "the app could not start", Some(reason));
    if let Err(error) = client.init_error(&InvocationError::start_failed(reason)).await {
        log(Level::Error, "the failed start could not be reported", Some(&error.to_string()));
    }
    ExitCode::FAILURE
}

/// What sends to queues, in a bundle that does. In any other, the constant keeps it from being compiled.
fn sender<S: Selection>() -> Result<Option<Box<dyn Sender>>, &'static str> {
    if const { S::SENDS } {
        #[cfg(feature = "sqs")]
        return Ok(Some(Box::new(crate::sqs::Sqs::new())));
        #[cfg(not(feature = "sqs"))]
        return Err(
            "the bundle sends to queues, and `pikku-lambda` was built without its feature `sqs`; add the feature, \
                    or set `SENDS` to false in the bundle's `Selection` where no service sends",
        );
    }
    Ok(None)
}

/// What reads secrets, in a bundle that does. In any other, the constant keeps it from being compiled.
fn vault<S: Selection>() -> Result<Option<Box<dyn Vault>>, &'static str> {
    if const { S::READS_SECRETS } {
        #[cfg(feature = "secrets")]
        return Ok(Some(Box::new(crate::secrets::Secrets::new())));
        #[cfg(not(feature = "secrets"))]
        return Err(
            "the bundle reads secrets, and `pikku-lambda` was built without its feature `secrets`; add the feature, or set \
                    `READS_SECRETS` to false in the bundle's `Selection` where no service reads one",
        );
    }
    Ok(None)
}
