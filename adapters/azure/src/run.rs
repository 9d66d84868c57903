use crate::{
    connection::serve,
    handler::{Handler, Started},
    host::Host,
    platform::{Azure, Sender, Vault, log},
    stop::Signals,
};
use pikku::{App, Engine, Selection, platform::Level};
use std::{net::Ipv4Addr, process::ExitCode, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, time::timeout};

/// The variable that the host names the port in.
const PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";

/// How long calls may take to end when the process is asked to stop, and then services to close.
const DRAIN: Duration = Duration::from_secs(25);
const CLOSE: Duration = Duration::from_secs(5);

/// The exit code that makes the host start the bundle again without counting a crash; after 0 it would go on without one
/// (`IntentionalRestartExitCode` of the host's `WorkerConstants`, `OnProcessExited` of its `WorkerProcess`).
const START_AGAIN: u8 = 200;

/// Runs the app as a custom handler, until the host or a signal ends it.
///
/// One tokio thread serves all; the host is the only client, over a few connections of the loopback.
///
/// Where the app cannot start, the process goes on and answers every call with a failure, for a worker that ends is started
/// again and again. Where it cannot listen, the exit code is a failure.
pub fn run<S: Selection>(app: App<S>) -> ExitCode {
    let port = match std::env::var(PORT).map(|port| port.parse::<u16>()) {
        Ok(Ok(port)) => port,
        Ok(Err(_)) => {
            log(Level::Error, "the variable FUNCTIONS_CUSTOMHANDLER_PORT is no port", None);
            return ExitCode::FAILURE;
        }
        Err(_) => {
            log(
                Level::Error,
                "this program is a custom handler and is started by the Azure Functions host; start it locally with \
                 `func start` or `cargo pikku invoke --target azure`",
                Some("the variable FUNCTIONS_CUSTOMHANDLER_PORT is not set"),
            );
            return ExitCode::FAILURE;
        }
    };
    let executor = match tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build() {
        Ok(executor) => executor,
        Err(error) => {
            log(Level::Error, "the executor could not be started", Some(&error.to_string()));
            return ExitCode::FAILURE;
        }
    };
    executor.block_on(listen(app, port))
}

async fn listen<S: Selection>(app: App<S>, port: u16) -> ExitCode {
    // Before the services are built: the host asks every 25 ms whether something listens.
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => listener,
        Err(error) => {
            let message = format!("the handler cannot listen at 127.0.0.1:{port}, the port that the host has chosen");
            log(Level::Error, &message, Some(&error.to_string()));
            return ExitCode::FAILURE;
        }
    };
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            log(Level::Error, "signals cannot be listened to", Some(&error.to_string()));
            return ExitCode::FAILURE;
        }
    };
    let (stop, stopping) = watch::channel(false);
    let started = Arc::new(Started::default());
    let handler = Arc::new(Handler::<S>::new(Host::of_environment(), Arc::clone(&started), stopping));
    let server = tokio::spawn(serve(listener, handler));
    let starting = tokio::spawn(start(app, Arc::clone(&started)));
    signals.next().await;
    log(Level::Info, "stopping, as a signal asks for", None);
    // No more connections; those that there are end after what they have begun.
    server.abort();
    let _ = server.await;
    starting.abort();
    let _ = stop.send(true);
    if timeout(DRAIN, stop.closed()).await.is_err() {
        log(
            Level::Warn,
            "not every call was done when the time to stop was over; the host hands over again what it can",
            None,
        );
    }
    if const { S::CLOSES }
        && let Some(Ok(engine)) = started.now()
        && timeout(CLOSE, engine.close()).await.is_err()
    {
        log(Level::Warn, "the services took too long to close", None);
    }
    ExitCode::from(START_AGAIN)
}

/// Starts the app, and says what came of it.
async fn start<S: Selection>(app: App<S>, started: Arc<Started>) {
    let engine = async {
        let (sender, vault) = (sender::<S>()?, vault::<S>()?);
        Engine::start(app, Arc::new(Azure { sender, vault })).await.map_err(|error| error.to_string())
    };
    // Apart, so that a constructor that panics is a failed start too.
    let outcome =
        tokio::spawn(engine).await.unwrap_or_else(|_| Err("a service panicked while it was built".to_owned()));
    if let Err(reason) = &outcome {
        log(Level::Error, "the app could not start; every call fails until that is mended", Some(reason));
    }
    started.set(outcome.map(Arc::new));
}

/// What sends to queues, in a bundle that does. In any other, the constant keeps it from being compiled.
fn sender<S: Selection>() -> Result<Option<Box<dyn Sender>>, String> {
    if const { S::SENDS } {
        #[cfg(feature = "queues")]
        return Ok(Some(Box::new(crate::queues::Queues::new())));
        #[cfg(not(feature = "queues"))]
        return Err("the bundle sends to queues, and `pikku-azure` was built without its feature `queues`; add the feature, or \
                    set `SENDS` to false in the bundle's `Selection` where no service sends"
            .to_owned());
    }
    Ok(None)
}

/// What asks for secrets, in a bundle that does. In any other, the constant keeps it from being compiled.
fn vault<S: Selection>() -> Result<Option<Box<dyn Vault>>, String> {
    if const { S::READS_SECRETS } {
        #[cfg(feature = "secrets")]
        return Ok(Some(Box::new(crate::vault::KeyVault::new())));
        #[cfg(not(feature = "secrets"))]
        return Err("the bundle asks for secrets, and `pikku-azure` was built without its feature `secrets`; add the feature, or \
                    set `READS_SECRETS` to false in the bundle's `Selection` where no service asks for one while it runs"
            .to_owned());
    }
    Ok(None)
}
