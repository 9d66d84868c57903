//! Spans for a collector: the exporter of OpenTelemetry, as its environment variables say.
//!
//! Spans wait in a queue of limited length and are sent by a thread of their own. A collector that does not take them costs
//! the spans and a line of the log, never a request.

mod client;

use crate::{
    ServeError,
    error::{Mistakes, WrongSetting},
    span::{Begin, Kind},
};
use client::Collector;
use http::{StatusCode, Uri};
use opentelemetry::{
    Context, SpanId, TraceId,
    propagation::{Extractor, TextMapPropagator},
    trace::{Status, TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use pikku::http::standard_method;
use pikku_https::Client;
use std::{env, time::Duration};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    registry::LookupSpan,
};

const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
/// The file of root certificates: by the variables of OpenTelemetry, and by that of OpenSSL.
const ROOTS: [&str; 3] = ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE", "SSL_CERT_FILE"];
const OWN_CERTIFICATES: [&str; 2] =
    ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"];
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

/// How long one sending may take unless it is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The export of spans; off where no collector is named.
#[derive(Debug, Default)]
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// As the environment says.
    ///
    /// # Errors
    ///
    /// The variables that are not what they should be.
    pub(crate) fn from_environment() -> Result<Self, ServeError> {
        let Some((name, endpoint)) = first(ENDPOINTS) else { return Ok(Self(None)) };
        let is = |name: &str, wanted: &str| env::var(name).is_ok_and(|value| value.trim().eq_ignore_ascii_case(wanted));
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(Self(None));
        }
        let mut mistakes = Mistakes::default();
        let address = mistakes.note(address(name, &endpoint));
        mistakes.note(protocol());
        mistakes.note(sampler());
        let timeout = mistakes.note(timeout()).unwrap_or(TIMEOUT);
        if let Some(address) = &address {
            mistakes.note(own_certificate(address));
        }
        let exporter = address.and_then(|address| mistakes.note(exporter((name, &endpoint), &address, timeout)));
        mistakes.none_or_all()?;
        let provider =
            |exporter| SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        Ok(Self(exporter.map(provider)))
    }

    /// What takes spans from `tracing` to the exporter: those of calls and of the app's own code, with the lines that are
    /// logged in them.
    pub(crate) fn layer<S>(&self) -> Option<Box<dyn Layer<S> + Send + Sync>>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let layer = OpenTelemetryLayer::new(self.0.as_ref()?.tracer("pikku"));
        // Who wrote a span is known by its name; on which thread it ran says nothing.
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
        Some(layer.with_filter(Targets::new().with_default(LevelFilter::INFO)).boxed())
    }

    /// Sends what is left, for at most five seconds.
    pub(crate) async fn finish(self) {
        let Some(provider) = self.0 else { return };
        // It waits for its thread, which needs this one's executor.
        match tokio::task::spawn_blocking(move || provider.shutdown()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the last spans were not sent: {error}"),
            Err(error) => tracing::warn!("the last spans were not sent: {error}"),
        }
    }
}

/// The first of these variables that is set, with its name.
fn first<const N: usize>(names: [&'static str; N]) -> Option<(&'static str, String)> {
    names.into_iter().find_map(|name| Some((name, env::var(name).ok().filter(|value| !value.is_empty())?)))
}

fn address(name: &'static str, endpoint: &str) -> Result<Uri, WrongSetting> {
    let is_known = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    let wrong = || WrongSetting::new(name, endpoint, "it is no address such as http://localhost:4318");
    endpoint.parse().ok().filter(is_known).ok_or_else(wrong)
}

/// A collector that wants to know by a certificate who sends would refuse each sending.
fn own_certificate(address: &Uri) -> Result<(), WrongSetting> {
    match first(OWN_CERTIFICATES).filter(|_| address.scheme_str() == Some("https")) {
        Some((name, file)) => Err(WrongSetting::new(name, &file, "spans are sent without a certificate of one's own")),
        None => Ok(()),
    }
}

/// What sends to the collector at that address, which a variable names.
fn exporter(named: (&'static str, &str), address: &Uri, timeout: Duration) -> Result<SpanExporter, WrongSetting> {
    let roots = first(ROOTS);
    let client = Client::new(address, timeout, roots.as_ref().map_or(ROOTS[1], |(name, _)| *name));
    let client = client.map_err(|error| {
        let (name, value) = roots.as_ref().map_or(named, |(name, file)| (*name, &**file));
        WrongSetting::new(name, value, error.to_string())
    })?;
    let exporter = SpanExporter::builder().with_http().with_http_client(Collector::new(client)).build();
    exporter.map_err(|error| WrongSetting::new(named.0, named.1, error.to_string()))
}

fn protocol() -> Result<(), WrongSetting> {
    match first(PROTOCOLS).filter(|(_, protocol)| protocol != "http/protobuf") {
        Some((name, protocol)) => Err(WrongSetting::new(name, &protocol, "spans are sent as http/protobuf")),
        None => Ok(()),
    }
}

fn timeout() -> Result<Duration, WrongSetting> {
    let Some((name, text)) = first(TIMEOUTS) else { return Ok(TIMEOUT) };
    match text.parse() {
        Ok(ms) if ms > 0 => Ok(Duration::from_millis(ms)),
        _ => Err(WrongSetting::new(name, &text, "it is no number of milliseconds above 0")),
    }
}

/// The library takes its default for a sampler that it does not know; a typing error would send everything, or nothing.
fn sampler() -> Result<(), WrongSetting> {
    const KNOWN: [&str; 6] = [
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    ];
    let Ok(sampler) = env::var(SAMPLER) else { return Ok(()) };
    if !KNOWN.contains(&sampler.as_str()) {
        return Err(WrongSetting::new(SAMPLER, &sampler, format!("it is none of {}", KNOWN.join(", "))));
    }
    let argument = env::var(SAMPLER_ARGUMENT).unwrap_or_default();
    let is_ratio = argument.parse().is_ok_and(|ratio: f64| (0.0..=1.0).contains(&ratio));
    if sampler.ends_with("traceidratio") && !is_ratio {
        return Err(WrongSetting::new(SAMPLER_ARGUMENT, &argument, "it is no number from 0 to 1"));
    }
    Ok(())
}

/// What spans say of the program: `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, or else the program's own name.
fn resource() -> Resource {
    let named = env::var_os("OTEL_SERVICE_NAME").is_some()
        || env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|all| all.contains("service.name="));
    let program = env::current_exe().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    match program.filter(|_| !named) {
        Some(program) => Resource::builder().with_service_name(program).build(),
        None => Resource::builder().build(),
    }
}

/// Makes a span of `tracing` the one of a call; the `traceparent` that the call passes on, where the span is exported.
pub(crate) fn begin(
    span: &Span,
    call: &Begin<'_>,
    route: Option<(Option<&'static str>, &'static str)>,
) -> Option<String> {
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Given(call.parent));
    // Refused where nobody exports; then there is nothing to be told either.
    span.set_parent(parent).ok()?;
    let set = |name: &'static str, value: &str| span.set_attribute(name, value.to_owned());
    let (route, function) = route.unzip();
    let route = route.flatten();
    if let Some(function) = function {
        set("code.function.name", function);
    }
    // The names of spans are few, so no path is among them.
    match call.kind {
        Kind::Request { method, path, client } => {
            span.record("otel.kind", "server");
            let known = standard_method(method);
            let name = known.unwrap_or("HTTP");
            span.record("otel.name", route.map_or_else(|| name.to_owned(), |route| format!("{name} {route}")));
            set("faas.trigger", "http");
            set("http.request.method", known.unwrap_or("_OTHER"));
            if known.is_none() {
                set("http.request.method_original", method.as_str());
            }
            set("url.path", path);
            set("url.scheme", "http");
            if let Some(route) = route {
                set("http.route", route);
            }
            if let Some(client) = client {
                set("client.address", client);
            }
        }
        Kind::Message { queue } => {
            span.record("otel.kind", "consumer");
            span.record("otel.name", format!("process {queue}"));
            set("faas.trigger", "pubsub");
            set("messaging.system", "pikku");
            set("messaging.operation.type", "process");
            set("messaging.destination.name", queue);
            set("messaging.message.id", call.id);
        }
        Kind::Run { schedule } => {
            span.record("otel.kind", "internal");
            span.record("otel.name", format!("run {schedule}"));
            set("faas.trigger", "timer");
            set("pikku.schedule", schedule);
        }
    }
    let context = span.context();
    let own = context.span().span_context().clone();
    let (trace, id): (TraceId, SpanId) = (own.trace_id(), own.span_id());
    own.is_valid().then(|| format!("00-{trace:032x}-{id:016x}-{:02x}", own.trace_flags()))
}

/// What W3C Trace Context has given.
struct Given<'a>((Option<&'a str>, Option<&'a str>));

impl Extractor for Given<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => self.0.0,
            "tracestate" => self.0.1,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

pub(crate) fn answered(span: &Span, status: StatusCode) {
    span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
    // A client's mistake is none of the server's.
    if status.is_server_error() {
        failed(span, status.as_str());
    }
}

pub(crate) fn failed(span: &Span, code: &str) {
    span.set_attribute("error.type", code.to_owned());
    span.set_status(Status::error(""));
}
