//! Where lines of the log go, in a program that has not said so itself.

use crate::{ServeError, current::Current, span::SPANS};
use std::{
    fmt,
    io::{IsTerminal, stderr},
};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt::{
        FmtContext, FormatEvent, FormatFields, Layer as Lines,
        format::{Format, Writer},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
};

/// What is to be done when a program ends that listens to itself.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    #[cfg(feature = "otlp")]
    telemetry: crate::otlp::Telemetry,
}

impl Listening {
    /// Sends what has not been sent yet.
    #[cfg_attr(not(feature = "otlp"), expect(clippy::unused_async, reason = "only spans are sent"))]
    pub(crate) async fn finish(self) {
        #[cfg(feature = "otlp")]
        self.telemetry.finish().await;
    }
}

/// Writes to standard error what is logged: a JSON object a line, or text where a person watches. `RUST_LOG` says how much,
/// as in `info,pikku_server=debug`. With the feature `otlp` spans go to a collector, where one is named. Where something
/// listens already, nothing changes.
pub(crate) fn listen() -> Result<Listening, ServeError> {
    if tracing::dispatcher::has_been_set() {
        return Ok(Listening::default());
    }
    let wanted = wanted();
    #[cfg(feature = "otlp")]
    let (wanted, telemetry) = both(wanted, crate::otlp::Telemetry::from_environment())?;
    #[cfg(not(feature = "otlp"))]
    let wanted = wanted?;
    // Lines know their calls without a span.
    let wanted = wanted.with_target(SPANS, LevelFilter::OFF);
    let lines = Lines::default().with_writer(stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if stderr().is_terminal() {
        // What writes colours is not in a bundle.
        Box::new(lines.with_ansi(false).map_event_format(OfCalls::Text))
    } else {
        let lines = lines.json().flatten_event(true).with_span_list(false);
        Box::new(lines.map_event_format(OfCalls::Json))
    };
    let lines = lines.with_filter(wanted);
    #[cfg(feature = "otlp")]
    {
        // Another thread may have been faster; then that one's listener is as good.
        let _ = match telemetry.layer() {
            Some(spans) => {
                let all: Vec<Box<dyn Layer<Registry> + Send + Sync>> = vec![lines.boxed(), spans];
                tracing::subscriber::set_global_default(Registry::default().with(all))
            }
            None => tracing::subscriber::set_global_default(Registry::default().with(lines)),
        };
        Ok(Listening { telemetry })
    }
    #[cfg(not(feature = "otlp"))]
    {
        // As above.
        let _ = tracing::subscriber::set_global_default(Registry::default().with(lines));
        Ok(Listening::default())
    }
}

/// What is to be logged.
fn wanted() -> Result<Targets, ServeError> {
    match std::env::var("RUST_LOG") {
        Ok(text) => text.parse().map_err(|error| ServeError::setting("RUST_LOG", &text, format!("{error}"))),
        Err(_) => Ok(Targets::new().with_default(LevelFilter::INFO)),
    }
}

/// Both, or all that is wrong with either.
#[cfg(feature = "otlp")]
fn both<A, B>(one: Result<A, ServeError>, two: Result<B, ServeError>) -> Result<(A, B), ServeError> {
    match (one, two) {
        (Ok(one), Ok(two)) => Ok((one, two)),
        (Err(one), Err(two)) => Err(one.beside(two)),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// Lines that name the call they are about.
enum OfCalls<F> {
    Json(F),
    Text(F),
}

impl<S, N, L, T> FormatEvent<S, N> for OfCalls<Format<L, T>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    Format<L, T>: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let told = Current::told();
        match (self, told) {
            (Self::Json(lines) | Self::Text(lines), None) => lines.format_event(context, writer, event),
            (Self::Text(lines), Some(Current { id, trace, .. })) => {
                let trace = trace.map(|trace| format!(" {trace}")).unwrap_or_default();
                write!(writer, "{id}{trace} ")?;
                lines.format_event(context, writer, event)
            }
            (Self::Json(lines), Some(told)) => {
                let mut line = String::new();
                lines.format_event(context, Writer::new(&mut line), event)?;
                let line = line.trim_end();
                let call = serde_json::to_string(&told).map_err(|_| fmt::Error)?;
                writeln!(writer, "{},\"call\":{call}}}", line.strip_suffix('}').unwrap_or(line))
            }
        }
    }
}
