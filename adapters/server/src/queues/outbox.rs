//! Outboxes: what a transaction of the app's own database has put there goes to the store, once it is committed.

use super::{consumer::Shared, store::Opened};
use crate::ServeError;
use pikku_engines::{OutboxRelay, OutboxStore, SystemClock};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// How long to wait where an outbox was empty.
const LOOK: Duration = Duration::from_millis(100);

/// How long to wait first where the store or the database failed.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// An outbox that a server is given.
pub(crate) type Outbox = Arc<dyn OutboxStore>;

/// The outbox of that address.
pub(super) async fn open(address: &str) -> Result<Outbox, ServeError> {
    match address.split_once(':') {
        #[cfg(feature = "sqlite")]
        Some(("sqlite", path)) if !path.is_empty() => {
            let path = path.to_owned();
            let opened = tokio::task::spawn_blocking(move || pikku_engines::SqliteOutbox::open(path)).await;
            let opened = opened.map_err(|error| ServeError::process("open an outbox")(error.into()))?;
            Ok(Arc::new(opened.map_err(ServeError::Queues)?))
        }
        #[cfg(feature = "postgres")]
        Some(("postgres" | "postgresql", _)) => {
            Ok(Arc::new(pikku_engines::PostgresOutbox::open(address).await.map_err(ServeError::Queues)?))
        }
        _ => {
            let scheme = address.split(':').next().unwrap_or_default();
            let reason = "it is neither `sqlite:` and the file of the app's database nor, where the program was built with it, `postgres://…`";
            Err(ServeError::setting("PIKKU_OUTBOX", &format!("{scheme}:…"), reason))
        }
    }
}

impl Shared {
    /// Moves what is committed, until the end.
    pub(super) async fn relay(self: Arc<Self>, outbox: Outbox, engine: Opened) {
        let relay = OutboxRelay::new(outbox, engine, Arc::new(SystemClock));
        let mut pause = FIRST_PAUSE;
        while !self.stopping.is_cancelled() {
            match relay.step().await {
                Ok(moved) => {
                    pause = FIRST_PAUSE;
                    for refused in &moved.refused {
                        tracing::error!(
                            queue = refused.queue,
                            row = refused.id,
                            detail = refused.reason,
                            "a message of the outbox cannot be sent, and is set aside there"
                        );
                    }
                    if moved.sent == 0 {
                        tokio::select! {
                            () = sleep(LOOK) => {}
                            () = self.stopping.cancelled() => {}
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(code = error.code(), hint = error.hint(), "the outbox stands still: {error}");
                    self.pause(&mut pause).await;
                }
            }
        }
    }
}
