//! The log of an app under development: text, without times, for the person who has just set something off.

use crate::ServeError;
use std::io::stderr;
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
};

/// The variable that asks for colour, which the program cannot see to be welcome: its output is a pipe.
const COLOR: &str = "PIKKU_DEV_COLOR";

/// Writes what is logged to standard error: all of the app's own from `info`, and of Pikku's what `quiet` lets through;
/// `RUST_LOG` goes before both. `others` is a layer beside it.
pub(super) fn listen<L>(quiet: LevelFilter, others: L) -> Result<(), ServeError>
where
    L: Layer<Registry> + Send + Sync,
{
    let wanted = match std::env::var("RUST_LOG") {
        Ok(text) => text.parse().map_err(|error| ServeError::setting("RUST_LOG", &text, format!("{error}")))?,
        Err(_) => Targets::new()
            .with_default(LevelFilter::INFO)
            .with_targets([("pikku", quiet), ("pikku_server", LevelFilter::WARN)]),
    };
    let color = std::env::var_os(COLOR).is_some();
    let lines = fmt::layer().with_writer(stderr).without_time().with_ansi(color).with_filter(wanted);
    // Whoever listens already is as good.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(others).with(lines));
    Ok(())
}
