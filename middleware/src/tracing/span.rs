use super::{
    exporter::Exporter,
    otlp::{Attribute, Record, Value},
};
use pikku::{
    Call, Outcome, Problem,
    function::Reply,
    http::{HttpRequest, standard_method},
};
use std::sync::Arc;

/// The most octets of a text that a client has chosen.
const LONGEST_TEXT: usize = 1_024;

/// The place of a span in its trace (W3C Trace Context, section 3.2).
#[derive(Clone, Debug)]
pub(super) struct SpanContext {
    pub(super) trace: u128,
    pub(super) span: u64,
    /// The span that it is within.
    pub(super) parent: Option<u64>,
    /// The flags: the lowest bit says whether it is told.
    pub(super) flags: u8,
}

impl SpanContext {
    pub(super) fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// As the header of that name.
    pub(super) fn traceparent(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// A span that goes on. Where it is dropped before its end, the call was: it is told so.
#[derive(Debug)]
pub(super) struct Span<'a> {
    call: &'a Call,
    exporter: &'a Arc<Exporter>,
    record: Option<Box<Record>>,
}

impl<'a> Span<'a> {
    pub(super) fn begin(call: &'a Call, context: SpanContext, exporter: &'a Arc<Exporter>) -> Self {
        let (name, kind, mut attributes) = match call.http() {
            Some(request) => of_request(call, request),
            None => of_event(call),
        };
        if !call.function().is_empty() {
            attributes.push(Attribute::text("code.function.name", call.function()));
        }
        let state = call.trace_state().unwrap_or_default();
        let record = Record::new(context, state, name, kind, call.now_ms(), attributes);
        Self { call, exporter, record: Some(Box::new(record)) }
    }

    pub(super) fn end(mut self, outcome: &Outcome) {
        let status = match outcome {
            Ok(Reply::Response(response)) => Some(response.status.as_u16()),
            Ok(_) => None,
            Err(problem) => Some(problem.status().as_u16()),
        };
        // A client's mistake is none of the server's; a message that fails is tried again.
        let is_http = self.call.http().is_some();
        let failed = status.is_some_and(|status| status >= 500 || !is_http && status >= 400);
        let error = match outcome {
            Err(problem) if failed => Some(problem.code().to_owned()),
            _ => status.filter(|_| failed).map(|status| status.to_string()),
        };
        self.finish(status.filter(|_| is_http), error);
    }

    fn finish(&mut self, status: Option<u16>, error: Option<String>) {
        let Some(mut record) = self.record.take() else { return };
        if let Some(status) = status {
            record.attributes.push(Attribute::new("http.response.status_code", Value::Int(i64::from(status))));
        }
        if let Some(error) = error {
            record.fail(error);
        }
        record.end_ms = self.call.now_ms();
        self.exporter.push(&record);
    }
}

impl Drop for Span<'_> {
    fn drop(&mut self) {
        let is_late = self.call.remaining().is_some_and(|left| left.is_zero());
        let why = if is_late { Problem::DEADLINE_EXCEEDED } else { "cancelled" };
        self.finish(None, Some(why.to_owned()));
    }
}

type Begun = (String, Kind, Vec<Attribute>);

/// What a span is of, by its number in OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Internal = 1,
    Server = 2,
    Consumer = 5,
}

fn of_request(call: &Call, request: &HttpRequest) -> Begun {
    let method = standard_method(&request.method);
    // The names of spans are few, so no path is among them.
    let name = method.unwrap_or("HTTP");
    let name = call.wired().map_or_else(|| name.to_owned(), |route| format!("{name} {route}"));
    let mut attributes = vec![
        Attribute::text("faas.trigger", "http"),
        Attribute::text("http.request.method", method.unwrap_or("_OTHER")),
        Attribute::text("url.path", &shortened(request.path.raw())),
    ];
    if method.is_none() {
        attributes.push(Attribute::text("http.request.method_original", &shortened(request.method.as_str())));
    }
    if let Some(route) = call.wired() {
        attributes.push(Attribute::text("http.route", route));
    }
    if let Some(client) = &request.client_ip {
        attributes.push(Attribute::text("client.address", client));
    }
    if call.is_rpc() {
        attributes.push(Attribute::text("rpc.system.name", "pikku"));
        attributes.push(Attribute::text("rpc.method", call.function()));
    }
    (name, Kind::Server, attributes)
}

fn of_event(call: &Call) -> Begun {
    if let Some(message) = call.queue() {
        let queue = call.wired().unwrap_or(&message.queue);
        let attributes = vec![
            Attribute::text("faas.trigger", "pubsub"),
            Attribute::text("messaging.system", "pikku"),
            Attribute::text("messaging.operation.type", "process"),
            Attribute::text("messaging.destination.name", queue),
            Attribute::text("messaging.message.id", &shortened(&message.id)),
        ];
        return (format!("process {queue}"), Kind::Consumer, attributes);
    }
    if call.schedule().is_some() {
        let schedule = call.wired().unwrap_or(call.function());
        let attributes = vec![Attribute::text("faas.trigger", "timer"), Attribute::text("pikku.schedule", schedule)];
        return (format!("run {schedule}"), Kind::Internal, attributes);
    }
    let trigger = if call.object().is_some() || call.table().is_some() { "datasource" } else { "other" };
    (format!("receive {}", call.function()), Kind::Consumer, vec![Attribute::text("faas.trigger", trigger)])
}

/// The beginning of a text that a client has chosen.
fn shortened(text: &str) -> String {
    text.chars()
        .scan(0, |octets, c| {
            *octets += c.len_utf8();
            (*octets <= LONGEST_TEXT).then_some(c)
        })
        .collect()
}
