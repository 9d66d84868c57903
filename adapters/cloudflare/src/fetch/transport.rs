use super::{WorkerFetch, asked, read, set};
use js_sys::{Object, Uint8Array};
use pikku::{
    BoxError, BoxFuture,
    http::transport::{Answer, OutgoingRequest, Transport},
};
use wasm_bindgen::JsValue;

/// How long a request goes on when it is late, in milliseconds: a signal of the same time would be taken for a failure.
const AFTER_MS: f64 = 250.0;

impl Transport for WorkerFetch {
    fn post<'a>(&'a self, request: OutgoingRequest<'a>) -> BoxFuture<'a, Result<Answer, BoxError>> {
        pikku::edge(posted(request))
    }
}

async fn posted(request: OutgoingRequest<'_>) -> Result<Answer, BoxError> {
    let (options, headers) = (Object::new(), Object::new());
    set(&options, "method", &JsValue::from_str("POST"))?;
    set(&options, "body", &Uint8Array::from(&request.body[..]))?;
    for (name, value) in request.headers {
        set(&headers, name, &JsValue::from_str(value))?;
    }
    // Who calls gives it up in time; the request itself is, where nobody waits for it any more.
    let patience_ms = request.patience.as_millis() as f64 + AFTER_MS;
    let answer = asked(request.url, &options, &headers, patience_ms).await?;
    let fields = answer.headers();
    let field = |name: &str| fields.get(name).ok().flatten();
    let body = match answer.body() {
        Some(body) => read(&body, request.most).await?.unwrap_or_default(),
        None => Vec::new(),
    };
    Ok(Answer {
        status: answer.status() as u16,
        content_type: field("content-type"),
        retry_after: field("retry-after"),
        body: body.into(),
    })
}
