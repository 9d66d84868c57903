use pikku::BoxFuture;
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask a process to stop.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on the signals no longer end the process.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// What asks a server to stop.
pub(crate) enum Stop {
    /// Signals; another one ends it at once.
    Signals(Signals),
    /// A future of the user's.
    Given(BoxFuture<'static, ()>),
}

impl std::fmt::Debug for Stop {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Signals(_) => "signals",
            Self::Given(_) => "a future",
        })
    }
}

impl Stop {
    /// Completes when the server is to stop; says why.
    pub(crate) async fn asked(&mut self) -> &'static str {
        match self {
            Self::Signals(signals) => signals.next().await,
            Self::Given(given) => {
                given.await;
                "asked to"
            }
        }
    }

    /// Completes when it is to stop at once.
    pub(crate) async fn insisted(&mut self) {
        match self {
            Self::Signals(signals) => {
                signals.next().await;
            }
            Self::Given(_) => std::future::pending().await,
        }
    }
}
