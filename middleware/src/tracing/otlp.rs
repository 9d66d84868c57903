//! What a collector is sent: OTLP 1.x in its JSON form ("OTLP/HTTP", JSON Protobuf Encoding: ids are hexadecimal, 64-bit numbers texts).

use super::span::{Kind, SpanContext};
use serde::{Deserialize, Serialize};

/// Something that is said of a span or a service.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Attribute {
    key: &'static str,
    value: Value,
}

impl Attribute {
    pub(super) fn new(key: &'static str, value: Value) -> Self {
        Self { key, value }
    }

    pub(super) fn text(key: &'static str, text: &str) -> Self {
        Self::new(key, Value::String(text.to_owned()))
    }
}

#[derive(Clone, Debug, Serialize)]
pub(super) enum Value {
    #[serde(rename = "stringValue")]
    String(String),
    #[serde(rename = "intValue", serialize_with = "text")]
    Int(i64),
}

fn text<S: serde::Serializer>(number: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// A span.
#[derive(Debug)]
pub(super) struct Record {
    context: SpanContext,
    state: String,
    name: String,
    kind: Kind,
    begin_ms: u64,
    pub(super) end_ms: u64,
    pub(super) attributes: Vec<Attribute>,
    failed: bool,
}

impl Record {
    pub(super) fn new(
        context: SpanContext,
        state: String,
        name: String,
        kind: Kind,
        begin_ms: u64,
        attributes: Vec<Attribute>,
    ) -> Self {
        Self { context, state, name, kind, begin_ms, end_ms: begin_ms, attributes, failed: false }
    }

    /// Says that it has failed, and with what.
    pub(super) fn fail(&mut self, error: String) {
        self.attributes.push(Attribute::new("error.type", Value::String(error)));
        self.failed = true;
    }

    pub(super) fn to_json(&self) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Json<'a> {
            trace_id: String,
            span_id: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            parent_span_id: Option<String>,
            #[serde(skip_serializing_if = "str::is_empty")]
            trace_state: &'a str,
            flags: u8,
            name: &'a str,
            kind: u8,
            start_time_unix_nano: String,
            end_time_unix_nano: String,
            attributes: &'a [Attribute],
            #[serde(skip_serializing_if = "Option::is_none")]
            status: Option<Status>,
        }
        #[derive(Serialize)]
        struct Status {
            code: u8,
        }
        let nanoseconds = |ms: u64| format!("{ms}000000");
        let SpanContext { trace, span, parent, flags } = self.context;
        serde_json::to_string(&Json {
            trace_id: format!("{trace:032x}"),
            span_id: format!("{span:016x}"),
            parent_span_id: parent.map(|parent| format!("{parent:016x}")),
            trace_state: &self.state,
            flags,
            name: &self.name,
            kind: self.kind as u8,
            start_time_unix_nano: nanoseconds(self.begin_ms),
            end_time_unix_nano: nanoseconds(self.end_ms),
            attributes: &self.attributes,
            // STATUS_CODE_ERROR.
            status: self.failed.then_some(Status { code: 2 }),
        })
    }
}

/// What stands before and after the spans of a service.
#[derive(Debug)]
pub(super) struct Envelope {
    before: String,
}

const AFTER: &str = "]}]}]}";

impl Envelope {
    /// Of a service of which that is said.
    pub(super) fn new(said: &[(String, String)]) -> Result<Self, serde_json::Error> {
        #[derive(Serialize)]
        struct Attribute<'a> {
            key: &'a str,
            value: Text<'a>,
        }
        #[derive(Serialize)]
        struct Text<'a> {
            #[serde(rename = "stringValue")]
            text: &'a str,
        }
        let told: Vec<_> = said.iter().map(|(key, text)| Attribute { key, value: Text { text } }).collect();
        let told = serde_json::to_string(&told)?;
        let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        Ok(Self {
            before: format!(
                "{{\"resourceSpans\":[{{\"resource\":{{\"attributes\":{told}}},\"scopeSpans\":[{{\"scope\":\
                 {{\"name\":\"{name}\",\"version\":\"{version}\"}},\"spans\":["
            ),
        })
    }

    /// The body of a request with those spans.
    pub(super) fn around(&self, spans: &[String]) -> String {
        let octets: usize = spans.iter().map(|span| span.len() + 1).sum();
        let mut body = String::with_capacity(self.before.len() + octets + AFTER.len());
        body.push_str(&self.before);
        for (number, span) in spans.iter().enumerate() {
            if number > 0 {
                body.push(',');
            }
            body.push_str(span);
        }
        body.push_str(AFTER);
        body
    }
}

/// What a collector says of spans that it has not all taken (`ExportTracePartialSuccess`).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Taken {
    partial_success: Partial,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Partial {
    rejected_spans: Number,
    error_message: String,
}

/// A 64-bit number, a text or not.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Number {
    Text(String),
    Number(u64),
}

impl Default for Number {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Taken {
    /// How many it has refused, and why.
    pub(super) fn refused(&self) -> (u64, &str) {
        let refused = match &self.partial_success.rejected_spans {
            Number::Text(text) => text.parse().unwrap_or_default(),
            Number::Number(number) => *number,
        };
        (refused, &self.partial_success.error_message)
    }
}
