use crate::{platform::log, runtime_api::Client};
use pikku::{Engine, platform::Level};
use std::{io, process, sync::Arc, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};

/// Unique within a function, as internal extensions must be.
const EXTENSION: &str = "pikku-shutdown";

/// How long closing may take: Lambda kills the process 500 ms after SIGTERM when there are only internal extensions.
const PATIENCE: Duration = Duration::from_millis(450);

/// Sees to it that SIGTERM and SIGINT close the services and end the process. Returns once that is arranged.
pub(crate) async fn watch(engine: Arc<Engine>, mut client: Client) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let id = client.register_extension(EXTENSION).await?;
    tokio::spawn(async move {
        if let Err(error) = client.extension_ready(&id).await {
            log(Level::Warn, "the extension that SIGTERM needs has ended", Some(&error.to_string()));
        }
    });
    tokio::spawn(async move {
        let mut stop = std::pin::pin!(async {
            let _ = interrupt.recv().await;
        });
        std::future::poll_fn(|context| match terminate.poll_recv(context) {
            std::task::Poll::Ready(_) => std::task::Poll::Ready(()),
            std::task::Poll::Pending => stop.as_mut().poll(context),
        })
        .await;
        if timeout(PATIENCE, engine.close()).await.is_err() {
            log(Level::Warn, "the services took too long to close", None);
        }
        // What was not answered was not done: the platform hands it over again.
        process::exit(0);
    });
    Ok(())
}
