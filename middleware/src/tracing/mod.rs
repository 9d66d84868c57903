//! Spans of calls, for a collector of OpenTelemetry.
//!
//! ```
//! use pikku_https::HttpsTransport;
//! use pikku_middleware::tracing::{Policy, Tracing};
//!
//! /// Whatever the shop does.
//! struct Shop;
//!
//! impl Policy for Shop {
//!     const NAME: &'static str = "shop";
//!     // What the collector wants to know its clients by, such as `api-key=…`: a secret.
//!     const HEADERS: Option<&'static str> = Some("otel-exporter-otlp-headers");
//!     // On Workers it is `WorkerFetch` of `pikku-cloudflare`.
//!     type Transport = HttpsTransport;
//! }
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .middleware::<Tracing<Shop>>()
//! # .middleware::<Tracing<Shop>>()
//! # }
//! ```
//!
//! Each call has a span: what set it off, how long what stands below this middleware took, and what came of it. Its names and
//! attributes are those of OpenTelemetry's semantic conventions. It is a child of the span that the call arrived with (W3C Trace
//! Context, or what AWS X-Ray traces; of what that does not trace it has the trace's id alone), and whatever goes on from the call is a child of it: messages of queues, remote
//! procedure calls and the lines of the log. So a trace leads from a request over its messages to other services.
//!
//! | a call by | is named | its kind |
//! |---|---|---|
//! | a request | `GET /orders/{id}`, by its route; the method alone where no route takes it | server |
//! | a remote procedure call | `POST /rpc/price_of` | server |
//! | a message of a queue | `process orders` | consumer |
//! | a run of a schedule | `run nightly` | internal |
//! | anything else | `receive table_of_orders`, by the function | consumer |
//!
//! Neither inputs nor headers are told, and of a URL its path alone.
//!
//! # To the collector
//!
//! Spans are sent as OTLP over HTTP, in JSON, when the answer is out ([`Call::after_answer`]): nobody waits for it, and Lambda freezes no
//! sandbox and Workers end no event before. While some are on their way those of other calls wait, and go together: one request at a
//! time, whatever the load. What a collector cannot take now is sent with a later call, after five seconds or as long as it says; 2,048
//! spans wait, or a megabyte of them, and what is more is lost. That a collector takes none is one line of the log, that it takes them again
//! another, which says how many were lost. No call fails by it.
//!
//! | variable | |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | the collector, such as `https://otlp.example`: spans are posted to `/v1/traces` there. Where it is not set there are no spans. Of https or of this machine, unless the policy says [`IN_THE_CLEAR`](Policy::IN_THE_CLEAR) |
//! | `OTEL_SERVICE_NAME` | the service; the policy's name where it is not set |
//! | `OTEL_RESOURCE_ATTRIBUTES` | what else is to be said of it: `deployment.environment.name=test,team=shop` |
//! | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | which calls have spans: `parentbased_always_on` unless it is said, `parentbased_traceidratio` with `0.1` for a tenth |
//!
//! All of them are checked before the first call. The policy's secret is read as [`Secrets`](pikku::service::Secrets) reads one: anew
//! after five minutes.
//!
//! It adds 1.0 MB to a bundle of Lambda that makes no HTTPS requests otherwise, most of it TLS, and 84 kB to a Worker, whose `fetch` is the
//! platform's (the report of `tests/policies` with it and without).
//!
//! On the plain server there is another way too, the feature `otlp` of `pikku-server`: it takes the spans and lines of the `tracing`
//! crate along that the app's own code makes, and is of that target alone. One of the two is enough; with both, the spans of this
//! middleware are within those of the server.
//!
//! # On Workers
//!
//! The clock stands still while nothing is waited for: a call that waits for nothing takes no time. And the spans of a
//! call that has panicked there are lost, with its instance.
//!
//! # Why not OpenTelemetry's SDK
//!
//! It does not compile for Workers (that of version 0.33 takes its randomness from a crate which wants a flag of the compiler there, in
//! every app), and it sends from a thread of its own, which Lambda freezes with the sandbox. What is left is the JSON form of one
//! message, which the tests read by OpenTelemetry's own types, `opentelemetry-proto`.

mod exporter;
mod otlp;
mod settings;
mod span;

use crate::text::{self, Name};
pub use exporter::Spans;
use pikku::{
    BoxFuture, Call, Middleware, Next, Outcome,
    function::{Meta, Reply},
    http::transport::Transport,
    service::{Plan, Scope, Service},
};
use span::Span;
use std::marker::PhantomData;

/// Makes a span of each call. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct Tracing<P>(PhantomData<fn() -> P>);

/// Where spans go.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` calls it, and the service where the environment gives it no name; unique among those
    /// of the app.
    const NAME: &'static str;
    /// The variable with the base URL of the collector.
    const ENDPOINT: &'static str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    /// The secret with the headers that the collector wants, as `OTEL_EXPORTER_OTLP_HEADERS` has them: `name=value`, with commas
    /// between, values percent-encoded. None where nothing is said.
    const HEADERS: Option<&'static str> = None;
    /// Whether spans may be sent in the clear over a network, such as one that nobody else is on.
    const IN_THE_CLEAR: bool = false;
    /// How long the collector may take to answer, in milliseconds.
    const TIMEOUT_MS: u32 = 5_000;
    /// How requests get there: `HttpsTransport` of `pikku-https` (feature `transport`) on every target but Workers, there `WorkerFetch`
    /// of `pikku-cloudflare` (feature `transport`).
    type Transport: Transport + Default;
}

impl<P: Policy> Tracing<P> {
    const NAMED: &'static Name = &text::name("tracing", P::NAME);

    async fn traced(scope: &Scope<'_>, next: Next<'_>) -> Outcome {
        let call = scope.call();
        let spans = Spans::<P>::get(scope).await?;
        let Some(exporter) = spans.exporter() else { return next.run().await };
        let Some(context) = exporter.sampler().begin(call) else { return next.run().await };
        let _entered = call.enter_span(&context.traceparent());
        if !context.is_sampled() {
            return next.run().await;
        }
        // Before anything else, so that a call that is dropped has its span sent too.
        call.after_answer(exporter.flush());
        let span = Span::begin(call, context, exporter);
        let outcome = respond(call, next).await;
        span.end(&outcome);
        outcome
    }
}

/// What the call comes to; over HTTP with the status that the client is told.
async fn respond(call: &Call, next: Next<'_>) -> Outcome {
    if call.http().is_none() {
        return next.run().await;
    }
    Ok(Reply::from(next.respond().await?))
}

impl<P: Policy> Middleware for Tracing<P> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Makes a span of each call.", [Spans::<P>::NAME]);
    const UNROUTED: bool = true;

    fn plan(plan: &mut Plan) {
        Spans::<P>::plan(plan);
    }

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(Self::traced(scope, next))
    }
}
