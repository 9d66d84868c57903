//! Layers of tower around the app, each on paths of its own.

use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use pikku::{BoxError, Bytes};
use pikku_tower::{HttpLayer, LayeredBody, LayeredService};
use std::future::pending;
use tower::{layer::layer_fn, service_fn};
use tower_http::set_header::SetRequestHeaderLayer;

/// What answers that a layer has seen have.
const SEEN: HeaderName = HeaderName::from_static("x-layer");

/// A layer of another crate: a header on requests for some paths.
pub fn marks() -> impl HttpLayer {
    let marked = |request: &Request<LayeredBody>| {
        request.uri().path().starts_with("/seen/layered").then(|| HeaderValue::from_static("of a layer"))
    };
    SetRequestHeaderLayer::overriding(HeaderName::from_static("x-given-layer"), marked)
}

/// A layer of the app's own, which does what layers do.
pub fn does_as_asked() -> impl HttpLayer {
    layer_fn(|inner: LayeredService| service_fn(move |request| answer(request, inner.clone())))
}

async fn answer(mut request: Request<LayeredBody>, inner: LayeredService) -> Result<Response<LayeredBody>, BoxError> {
    let path = request.uri().path();
    let Some(asked) = path.strip_prefix("/layered/").or_else(|| path.strip_prefix("/seen/layered/")) else {
        return Ok(inner.answer(request).await);
    };
    match asked {
        "answered" => return answered(StatusCode::IM_A_TEAPOT, "of the layer"),
        "empty" => return answered(StatusCode::NO_CONTENT, "what no answer of this status has"),
        "failing" => return Err("the table of the layer is gone".into()),
        "hanging" => pending().await,
        "panics" => panic!("the layer bursts"),
        "old" => *request.uri_mut() = "/seen/layered/n%C3%A9w%2F?q=a+b&r".parse()?,
        "another-body" => *request.body_mut() = LayeredBody::new(Full::new(Bytes::from_static(b"four"))),
        "streamed" => *request.uri_mut() = "/streamed/lines".parse()?,
        "greeting" => *request.uri_mut() = "/greeting".parse()?,
        _ => {}
    }
    let mut response = inner.answer(request).await;
    response.headers_mut().insert(SEEN, HeaderValue::from_static("seen"));
    Ok(response)
}

fn answered(status: StatusCode, text: &'static str) -> Result<Response<LayeredBody>, BoxError> {
    let body = LayeredBody::new(Full::new(Bytes::from_static(text.as_bytes())));
    Ok(Response::builder().status(status).header(CONTENT_TYPE, "text/plain").header(SEEN, "answered").body(body)?)
}
