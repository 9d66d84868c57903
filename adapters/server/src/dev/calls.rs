//! One event for every call.
//!
//! What a request was answered with is in the server's own log; which function it reached, a middleware around all others
//! has seen. Calls without a request are the middleware's alone.

use super::channel::{Called, Event, Teller};
use crate::span::SPANS;
use pikku::{Call, Next, Outcome};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Instant,
};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{
    Layer,
    filter::{Filtered, LevelFilter, Targets},
    layer,
    registry::LookupSpan,
};

/// Where the server logs that it has answered.
const TARGET: &str = "pikku_server::service";

/// The most requests whose answers are waited for.
const MOST: usize = 10_000;

/// Watches calls.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    teller: Teller,
    /// By the id of a request: its function and the code of its problem.
    reached: Arc<Mutex<HashMap<String, Reached>>>,
}

#[derive(Debug)]
struct Reached {
    function: &'static str,
    code: Option<String>,
}

impl Calls {
    pub(super) fn new(teller: Teller) -> Self {
        Self { teller, reached: Arc::default() }
    }

    /// What listens to the server's log.
    pub(super) fn layer<S>(&self) -> Filtered<Self, Targets, S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        self.clone()
            .with_filter(Targets::new().with_target(TARGET, LevelFilter::DEBUG).with_target(SPANS, LevelFilter::INFO))
    }

    fn reached(&self) -> MutexGuard<'_, HashMap<String, Reached>> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who watches the calls of this process.
static WATCHING: OnceLock<Calls> = OnceLock::new();

impl Calls {
    /// From now on every call that goes through [`watched`] is told to this.
    pub(super) fn watch(self) {
        let _ = WATCHING.set(self);
    }
}

/// Tells what became of every call.
#[pikku::middleware]
pub(super) async fn watched(call: &Call, next: Next<'_>) -> Outcome {
    let begun = Instant::now();
    let outcome = next.run().await;
    let Some(calls) = WATCHING.get() else { return outcome };
    let problem = outcome.as_ref().err();
    let code = problem.map(|problem| problem.code().to_owned());
    match source(call) {
        None => {
            let mut reached = calls.reached();
            // Requests whose clients went away are never answered.
            if reached.len() >= MOST {
                reached.clear();
            }
            reached.insert(call.id().to_owned(), Reached { function: call.function(), code });
        }
        Some((via, source)) => {
            let status = problem.map_or(200, |problem| problem.status().as_u16());
            let (function, ms) = (Some(call.function()), milliseconds(begun));
            calls.teller.tell(Event::Called(Called { via, source, function, status, code, ms }));
        }
    }
    outcome
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// What brought a call, other than a request.
fn source(call: &Call) -> Option<(&'static str, String)> {
    if call.http().is_some() {
        return None;
    }
    let queue = call.queue().map(|message| ("queue", message.queue.clone()));
    let schedule = || call.schedule().map(|run| ("schedule", run.schedule.clone()));
    Some(queue.or_else(schedule).unwrap_or_else(|| ("event", String::new())))
}

/// The id of a request, kept with its span.
struct Id(String);

/// What the server says of an answer.
#[derive(Debug, Default)]
struct Answered {
    id: String,
    method: String,
    path: String,
    status: u64,
    ms: f64,
    message: String,
}

impl Visit for Answered {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "status" {
            self.status = value;
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "ms" {
            self.ms = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = match field.name() {
            "id" => &mut self.id,
            "method" => &mut self.method,
            "path" => &mut self.path,
            "message" => &mut self.message,
            _ => return,
        };
        *text = format!("{value:?}");
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Calls {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: layer::Context<'_, S>) {
        let mut fields = Answered::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Id(fields.id));
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: layer::Context<'_, S>) {
        let mut answered = Answered::default();
        event.record(&mut answered);
        if answered.message != "answered" {
            return;
        }
        let span = context.event_span(event);
        let reached = span.and_then(|span| span.extensions().get().and_then(|Id(id)| self.reached().remove(id)));
        let (function, code) = reached.map_or((None, None), |reached| (Some(reached.function), reached.code));
        let Answered { method, path, status, ms, .. } = answered;
        let status = u16::try_from(status).unwrap_or_default();
        let source = format!("{method} {path}");
        self.teller.tell(Event::Called(Called { via: "http", source, function, status, code, ms }));
    }
}
