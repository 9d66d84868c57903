use crate::platform::thrown;
use js_sys::{Object, Promise, Reflect, Uint8Array};
use pikku::{BoxError, BoxFuture};
use pikku_auth::jwt::{Fetch, check_origin};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch)]
    fn fetch(url: &str, options: &JsValue) -> Result<Promise, JsValue>;

    type AbortSignal;

    #[wasm_bindgen(static_method_of = AbortSignal)]
    fn timeout(ms: f64) -> JsValue;

    /// A URL, as `fetch` reads one too.
    #[wasm_bindgen(js_name = URL)]
    type Url;

    #[wasm_bindgen(constructor, catch, js_class = "URL")]
    fn new(url: &str) -> Result<Url, JsValue>;

    #[wasm_bindgen(method, getter, js_class = "URL")]
    fn protocol(this: &Url) -> String;

    #[wasm_bindgen(method, getter, js_class = "URL")]
    fn hostname(this: &Url) -> String;

    type Answer;

    #[wasm_bindgen(method, getter)]
    fn status(this: &Answer) -> f64;

    #[wasm_bindgen(method, getter)]
    fn body(this: &Answer) -> Option<Body>;

    type Body;

    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn get_reader(this: &Body) -> Result<Reader, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn cancel(this: &Body) -> Result<Promise, JsValue>;

    type Reader;

    #[wasm_bindgen(method, catch)]
    fn read(this: &Reader) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = cancel)]
    fn give_up(this: &Reader) -> Result<Promise, JsValue>;
}

/// How long one document may take, the connection included, in milliseconds.
const PATIENCE_MS: f64 = 5_000.0;

/// A key set has at most this.
const MOST: usize = 256 * 1_024;

/// Fetches key sets of `pikku-auth` by the Worker's own `fetch`: over https, or in the clear from this machine; five seconds, 256
/// KiB. Redirections are not followed.
///
/// ```ignore
/// Tokens::of_set(KeySet::new("https://id.example/keys", WorkerFetch), "https://id.example", "shop")
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct WorkerFetch;

impl Fetch for WorkerFetch {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        pikku::edge(get(url))
    }
}

async fn get(url: &str) -> Result<Vec<u8>, BoxError> {
    let parsed = Url::new(url).map_err(|_| "it is no URL with a host")?;
    check_origin(parsed.protocol().trim_end_matches(':'), &parsed.hostname())?;
    let options = Object::new();
    set(&options, "redirect", &JsValue::from_str("manual"))?;
    set(&options, "signal", &AbortSignal::timeout(PATIENCE_MS))?;
    let headers = Object::new();
    set(&headers, "accept", &JsValue::from_str("application/json"))?;
    set(&options, "headers", &headers)?;
    let answer: Answer = settled(fetch(url, &options)).await?.unchecked_into();
    let (status, body) = (answer.status(), answer.body());
    if status != 200.0 {
        if let Some(body) = body {
            // It is not wanted; that it cannot be called off is no news.
            let _ = settled(body.cancel()).await;
        }
        return Err(format!("it answered {status}").into());
    }
    let document = match body {
        Some(body) => read(&body.get_reader().map_err(failed)?).await?,
        None => Vec::new(),
    };
    if document.is_empty() { Err("its answer is empty".into()) } else { Ok(document) }
}

/// What is in a body, which is given up as soon as it is too long.
async fn read(reader: &Reader) -> Result<Vec<u8>, BoxError> {
    let mut document = Vec::new();
    loop {
        let piece = settled(reader.read()).await?;
        let value = Reflect::get(&piece, &JsValue::from_str("value")).map_err(failed)?;
        let Ok(octets) = value.dyn_into::<Uint8Array>() else { return Ok(document) };
        if document.len() + octets.length() as usize > MOST {
            let _ = settled(reader.give_up()).await;
            return Err(format!("its answer has more than {MOST} octets").into());
        }
        document.extend(octets.to_vec());
    }
}

fn set(object: &Object, name: &str, value: &JsValue) -> Result<(), BoxError> {
    Reflect::set(object, &JsValue::from_str(name), value).map(drop).map_err(failed)
}

async fn settled(asked: Result<Promise, JsValue>) -> Result<JsValue, BoxError> {
    JsFuture::from(asked.map_err(failed)?).await.map_err(failed)
}

fn failed(error: JsValue) -> BoxError {
    thrown(&error).into()
}
