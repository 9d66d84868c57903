//! Where lines of the log go, in a program that has not said so itself.

use crate::ServeError;
use std::io::{IsTerminal, stderr};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
};

/// Writes to standard error what is logged: a JSON object a line, or text where a person watches. `RUST_LOG` says how much,
/// as in `info,pikku_server=debug`. Where something listens already, nothing changes.
pub(crate) fn listen() -> Result<(), ServeError> {
    if tracing::dispatcher::has_been_set() {
        return Ok(());
    }
    let wanted = match std::env::var("RUST_LOG") {
        Ok(text) => text.parse().map_err(|error| ServeError::setting("RUST_LOG", &text, format!("{error}")))?,
        Err(_) => Targets::new().with_default(LevelFilter::INFO),
    };
    let lines = fmt::layer().with_writer(stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if stderr().is_terminal() {
        // What writes colours is not in a bundle.
        Box::new(lines.with_ansi(false))
    } else {
        Box::new(lines.json().flatten_event(true).with_span_list(false))
    };
    // Another thread may have been faster; then that one's listener is as good.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(lines.with_filter(wanted)));
    Ok(())
}
