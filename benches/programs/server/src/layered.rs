//! The greeting with all that is checked, and what an axum user puts around it: six layers of `tower` and `tower-http`, as one.

mod checked;
mod work;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header};
use std::io;
use tower::{ServiceBuilder, limit::GlobalConcurrencyLimitLayer};
use tower_http::{
    ServiceBuilderExt as _,
    compression::{CompressionLayer, predicate::SizeAbove},
    cors::CorsLayer,
    request_id::MakeRequestUuid,
    set_header::SetResponseHeaderLayer,
};

/// What OWASP recommends, each as `pikku_middleware::SecurityHeaders` has it.
const SECURITY: [(HeaderName, HeaderValue); 8] = [
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
        ),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), \
             microphone=(), midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), usb=(), \
             xr-spatial-tracking=()",
        ),
    ),
];

/// One function for eight headers, which costs less than a layer for each.
fn secure<B>(mut response: Response<B>) -> Response<B> {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.reserve(SECURITY.len());
    for (name, value) in SECURITY {
        headers.insert(name, value);
    }
    response
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let origins = ["https://greetings.example", "https://www.greetings.example"].map(HeaderValue::from_static);
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE]);
    let keep = HeaderValue::from_static("private, max-age=60");
    let layers = ServiceBuilder::new()
        .set_x_request_id(MakeRequestUuid)
        .propagate_x_request_id()
        .map_response(secure)
        .layer(cors)
        .layer(GlobalConcurrencyLimitLayer::new(256))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, keep))
        // Shorter ones are not worth it: left to itself it compresses what has 32 octets, and takes ten times as long as all the rest.
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(1024)));
    work::serve(checked::router()?.layer(layers)).await
}
