//! What stands in the place of queues in a server that is built without the feature `engines`: what is sent fails, and
//! nothing is taken.

use crate::{AppService, ServeError, settings::QueueSettings};
use pikku::{App, BoxError, Selection, platform::OutgoingMessage};
use std::{ffi::OsString, process::ExitCode, sync::Arc};

const NO_ENGINE: &str = "this server was built without queues: build `pikku-server` with its feature `sqlite`";

/// No store.
#[derive(Debug)]
pub(crate) struct Store;

impl Store {
    pub(crate) fn at(_address: &str) -> Self {
        Self
    }

    pub(crate) async fn open(&self) -> Result<(), ServeError> {
        Ok(())
    }

    pub(crate) fn is_available(&self) -> bool {
        true
    }

    pub(crate) async fn send(&self, _messages: &[OutgoingMessage<'_>]) -> Result<(), BoxError> {
        Err(NO_ENGINE.into())
    }
}

/// Nothing is fed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feeds {}

impl Feeds {
    pub(crate) fn of<S: Selection>(_app: &App<S>) -> Self {
        Self {}
    }

    pub(crate) fn is_empty(&self) -> bool {
        true
    }

    pub(crate) fn has(&self, _wiring: &str) -> bool {
        false
    }
}

/// No outbox.
pub(crate) type Outbox = std::convert::Infallible;

/// No work.
#[derive(Debug)]
pub(crate) struct Work;

impl Work {
    pub(crate) async fn prepare(
        _service: &AppService,
        _store: &Arc<Store>,
        _feeds: &Feeds,
        _settings: &QueueSettings,
        _outboxes: Vec<Outbox>,
    ) -> Result<Self, ServeError> {
        Ok(Self)
    }

    pub(crate) fn begin(&mut self) {}

    pub(crate) fn stop(&self) {}

    pub(crate) async fn finish(&self) {}

    pub(crate) fn end(&self) {}
}

/// The one command of a program without queues is to serve.
pub(crate) fn administer<S: Selection>(
    _app: &App<S>,
    mut arguments: impl Iterator<Item = OsString>,
) -> Option<ExitCode> {
    let name = crate::run::program();
    match arguments.next()?.to_str() {
        Some("--help" | "-h") => {
            println!(
                "{name} [--config FILE]: serves the app. Its settings are environment variables, which `cargo pikku explain PK8003` \
                 lists; FILE has values for those of the app that are not set."
            );
            Some(ExitCode::SUCCESS)
        }
        _ => {
            eprintln!("error: {name} takes no arguments, as the app has no queues\n\nhint: `{name} --help`");
            Some(ExitCode::from(2))
        }
    }
}
