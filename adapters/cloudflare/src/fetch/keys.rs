use super::{Url, WorkerFetch, asked, read, set, settled};
use js_sys::Object;
use pikku::{BoxError, BoxFuture};
use pikku_auth::jwt::{Fetch, check_origin};
use wasm_bindgen::JsValue;

/// How long one document may take, the connection included, in milliseconds.
const PATIENCE_MS: f64 = 5_000.0;

/// A key set has at most this.
const MOST: usize = 256 * 1_024;

impl Fetch for WorkerFetch {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        pikku::edge(get(url))
    }
}

async fn get(url: &str) -> Result<Vec<u8>, BoxError> {
    let parsed = Url::new(url).map_err(|_| "it is no URL with a host")?;
    check_origin(parsed.protocol().trim_end_matches(':'), &parsed.hostname())?;
    let headers = Object::new();
    set(&headers, "accept", &JsValue::from_str("application/json"))?;
    let answer = asked(url, &Object::new(), &headers, PATIENCE_MS).await?;
    let (status, body) = (answer.status(), answer.body());
    if status != 200.0 {
        if let Some(body) = body {
            // It is not wanted; that it cannot be called off is no news.
            let _ = settled(body.cancel()).await;
        }
        return Err(format!("it answered {status}").into());
    }
    let document = match body {
        Some(body) => read(&body, MOST).await?.ok_or_else(|| format!("its answer has more than {MOST} octets"))?,
        None => Vec::new(),
    };
    if document.is_empty() { Err("its answer is empty".into()) } else { Ok(document) }
}
