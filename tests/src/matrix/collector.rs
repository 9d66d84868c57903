//! A collector of spans, as OpenTelemetry has them: each request is read by its own types.

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind},
};
use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};

type Collected = Arc<Mutex<Vec<Result<Span, String>>>>;

/// Takes the spans of one app.
#[derive(Debug)]
pub(super) struct Collector {
    address: SocketAddr,
    collected: Collected,
    serving: JoinHandle<()>,
}

impl Collector {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let collected = Collected::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&collected));
        let serving = tokio::spawn(async move {
            // It ends with the collector.
            let _ = axum::serve(listener, router).await;
        });
        Self { address, collected, serving }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has come, once it is so many spans or it has had the time for it.
    pub(super) async fn spans(&self, count: usize, limit: Duration) -> Vec<String> {
        let deadline = Instant::now() + limit;
        while self.collected.lock().expect("no panic").len() < count && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
        }
        let collected = self.collected.lock().expect("no panic");
        let all: Vec<&Span> = collected.iter().flatten().collect();
        let mut told: Vec<String> =
            collected.iter().map(|span| span.as_ref().map_or_else(Clone::clone, |span| told(span, &all))).collect();
        told.sort();
        told
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(collected): State<Collected>, body: Bytes) -> StatusCode {
    let read: Result<ExportTraceServiceRequest, _> = serde_json::from_slice(&body);
    let mut collected = collected.lock().expect("no panic");
    match read {
        Ok(request) => {
            let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            collected.extend(scopes.flat_map(|scope| scope.spans).map(Ok));
            StatusCode::OK
        }
        Err(error) => {
            collected.push(Err(format!("what came is no OTLP: {error}")));
            StatusCode::BAD_REQUEST
        }
    }
}

/// A span in words: its kind, its name, its status, the error, and what it is within.
fn told(span: &Span, all: &[&Span]) -> String {
    let kind = match span.kind() {
        SpanKind::Server => "server",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal => "internal",
        _ => "other",
    };
    let mut text = format!("{kind} {}", span.name);
    for key in ["http.response.status_code", "error.type"] {
        let found = span.attributes.iter().find(|attribute| attribute.key == key);
        match found.and_then(|attribute| attribute.value.as_ref()).and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(value)) => _ = write!(text, " {value}"),
            Some(Value::IntValue(value)) => _ = write!(text, " {value}"),
            _ => {}
        }
    }
    if !span.parent_span_id.is_empty() {
        let id = || span.parent_span_id.iter().fold(String::new(), |text, octet| format!("{text}{octet:02x}"));
        let parent = all.iter().find(|other| other.span_id == span.parent_span_id);
        let _ = write!(text, " below {}", parent.map_or_else(id, |parent| parent.name.clone()));
    }
    text
}
