//! The span of each call, whatever set it off: made here alone, for requests, messages and runs of schedules.
//!
//! A span is there where somebody listens: a listener of the program's own, or the exporter of the feature `otlp`. Its names
//! and attributes are those of OpenTelemetry's semantic conventions.

#[cfg(feature = "otlp")]
use crate::otlp;
use http::{Method, StatusCode};
use tracing::{Span, field::Empty};

/// The target of the spans of calls.
pub(crate) const SPANS: &str = "pikku_server::call";

/// A call that begins.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "other listeners take the id and the trace"))]
pub(crate) struct Begin<'a> {
    /// What set it off.
    pub(crate) kind: Kind<'a>,
    /// Its id.
    pub(crate) id: &'a str,
    /// The trace that it belongs to, as W3C Trace Context has it: `traceparent` and `tracestate`.
    pub(crate) parent: (Option<&'a str>, Option<&'a str>),
}

/// What sets calls off.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "each feature has its own")]
pub(crate) enum Kind<'a> {
    /// A request.
    Request {
        /// Its method.
        method: &'a Method,
        /// Its path.
        path: &'a str,
        /// Its client's address.
        client: Option<&'a str>,
    },
    /// A message of this queue.
    Message { queue: &'a str },
    /// A run of this schedule.
    Run { schedule: &'a str },
}

/// The span of a call, and the trace that the call passes on.
#[derive(Clone, Debug)]
pub(crate) struct CallSpan {
    pub(crate) span: Span,
    /// As `traceparent` has it: the span's own where it is exported.
    pub(crate) trace: Option<String>,
}

impl CallSpan {
    /// `route` gives the route of a request (its path, as it is wired) and the name of the function, and is asked where
    /// somebody listens.
    pub(crate) fn begin(
        call: &Begin<'_>,
        route: impl FnOnce() -> Option<(Option<&'static str>, &'static str)>,
    ) -> Self {
        let (id, trace) = (call.id, call.parent.0);
        let span = tracing::info_span!(target: SPANS, "call", id, trace, otel.kind = Empty, otel.name = Empty);
        let trace = trace.map(str::to_owned);
        #[cfg(feature = "otlp")]
        if !span.is_disabled() {
            let own = otlp::begin(&span, call, route());
            return Self { span, trace: own.or(trace) };
        }
        let _ = route;
        Self { span, trace }
    }
}

/// Notes the answer to a request.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    #[cfg(feature = "otlp")]
    if !span.is_disabled() {
        otlp::answered(span, status);
    }
    let _ = (span, status);
}

/// Notes the code of the error that a message or a run has failed with.
#[cfg_attr(not(feature = "engines"), allow(dead_code, reason = "messages and runs end with it"))]
pub(crate) fn failed(span: &Span, code: &str) {
    #[cfg(feature = "otlp")]
    if !span.is_disabled() {
        otlp::failed(span, code);
    }
    let _ = (span, code);
}
