//! The `fetch` of a Worker, by which it asks others.

use crate::platform::thrown;
use js_sys::{Object, Promise, Reflect, Uint8Array};
use pikku::BoxError;
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
    #[cfg(feature = "keys")]
    #[wasm_bindgen(js_name = URL)]
    type Url;

    #[cfg(feature = "keys")]
    #[wasm_bindgen(constructor, catch, js_class = "URL")]
    fn new(url: &str) -> Result<Url, JsValue>;

    #[cfg(feature = "keys")]
    #[wasm_bindgen(method, getter, js_class = "URL")]
    fn protocol(this: &Url) -> String;

    #[cfg(feature = "keys")]
    #[wasm_bindgen(method, getter, js_class = "URL")]
    fn hostname(this: &Url) -> String;

    type Answer;

    #[wasm_bindgen(method, getter)]
    fn status(this: &Answer) -> f64;

    #[wasm_bindgen(method, getter)]
    fn body(this: &Answer) -> Option<Body>;

    #[cfg(feature = "transport")]
    #[wasm_bindgen(method, getter)]
    fn headers(this: &Answer) -> Fields;

    #[cfg(feature = "transport")]
    type Fields;

    #[cfg(feature = "transport")]
    #[wasm_bindgen(method, catch)]
    fn get(this: &Fields, name: &str) -> Result<Option<String>, JsValue>;

    type Body;

    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn get_reader(this: &Body) -> Result<Reader, JsValue>;

    #[cfg(feature = "keys")]
    #[wasm_bindgen(method, catch)]
    fn cancel(this: &Body) -> Result<Promise, JsValue>;

    type Reader;

    #[wasm_bindgen(method, catch)]
    fn read(this: &Reader) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = cancel)]
    fn give_up(this: &Reader) -> Result<Promise, JsValue>;
}

/// The Worker's own `fetch`. Redirections are not followed.
///
/// It fetches key sets of `pikku-auth` (feature `keys`), over https, or in the clear from this machine, within five seconds and up to
/// 256 KiB; and it makes the requests of remote procedure calls and of traces (feature `transport`), as their `Transport`.
///
/// ```ignore
/// Tokens::of_set(KeySet::new("https://id.example/keys", WorkerFetch), "https://id.example", "shop")
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct WorkerFetch;

#[cfg(feature = "keys")]
mod keys;
#[cfg(feature = "transport")]
mod transport;

/// Asks for an answer by these options, and those that hold for every request.
async fn asked(url: &str, options: &Object, headers: &Object, patience_ms: f64) -> Result<Answer, BoxError> {
    set(options, "redirect", &JsValue::from_str("manual"))?;
    set(options, "signal", &AbortSignal::timeout(patience_ms))?;
    set(options, "headers", headers)?;
    Ok(settled(fetch(url, options)).await?.unchecked_into())
}

/// What is in a body; `None` of one that is too long, which is given up as soon as it is.
async fn read(body: &Body, most: usize) -> Result<Option<Vec<u8>>, BoxError> {
    let reader = body.get_reader().map_err(failed)?;
    let mut document = Vec::new();
    loop {
        let piece = settled(reader.read()).await?;
        let value = Reflect::get(&piece, &JsValue::from_str("value")).map_err(failed)?;
        let Ok(octets) = value.dyn_into::<Uint8Array>() else { return Ok(Some(document)) };
        if document.len() + octets.length() as usize > most {
            let _ = settled(reader.give_up()).await;
            return Ok(None);
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
