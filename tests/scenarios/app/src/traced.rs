//! Spans of calls, which go to a collector where one is named.

use pikku_middleware::tracing::Policy;

/// The variable with the URL of the collector.
pub const TRACES_VARIABLE: &str = Traced::ENDPOINT;

/// What is traced.
#[derive(Debug)]
pub struct Traced;

impl Policy for Traced {
    const NAME: &'static str = "scenarios";
    #[cfg(not(target_family = "wasm"))]
    type Transport = pikku_https::HttpsTransport;
    #[cfg(target_family = "wasm")]
    type Transport = pikku_cloudflare::WorkerFetch;
}
