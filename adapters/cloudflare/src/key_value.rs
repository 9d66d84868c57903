use crate::{
    missing::{MissingBinding, workers},
    platform::{binding_name, thrown},
};
use js_sys::{Object, Promise, Reflect};
use pikku::{BoxFuture, service::Env};
use std::{fmt, time::Duration};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[derive(Debug, Clone)]
    type Namespace;

    #[wasm_bindgen(method, catch)]
    fn get(this: &Namespace, key: &str) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn put(this: &Namespace, key: &str, value: &str, options: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn delete(this: &Namespace, key: &str) -> Result<Promise, JsValue>;
}

/// A KV namespace: texts under keys of up to 512 octets.
///
/// What is written is seen at once where it was written, and after up to a minute elsewhere. A service that uses one declares
/// it with `Need::KeyValue`. The `worker` crate has a handle of more abilities, `Bindings::kv`.
///
/// ```ignore
/// #[pikku::service(needs = [Need::KeyValue("flags")])]
/// fn flags(env: &Env) -> Result<Flags, BoxError> {
///     Ok(Flags(KeyValue::of(env, "flags")?))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct KeyValue(Namespace);

#[allow(unsafe_code)]
mod single_thread {
    // SAFETY: without the `atomics` feature, which the runtime refuses, wasm32 has one thread; nothing can be sent to or
    // shared with another.
    unsafe impl Send for super::KeyValue {}
    // SAFETY: as above.
    unsafe impl Sync for super::KeyValue {}
}

/// The shortest time that a value can be kept, in seconds.
const SHORTEST_S: u64 = 60;

impl KeyValue {
    /// The namespace of that logical name.
    ///
    /// # Errors
    ///
    /// The Worker has no such binding.
    pub fn of(env: &Env, name: &str) -> Result<Self, MissingBinding> {
        let name = binding_name("", name);
        let missing = |reason: &str| MissingBinding::new("KV namespace", &name, reason);
        let binding = workers(env)?.binding(&name).ok_or_else(|| missing("it is not set"))?;
        let is_namespace = Reflect::has(&binding, &JsValue::from_str("getWithMetadata")).unwrap_or_default();
        if is_namespace { Ok(Self(binding.unchecked_into())) } else { Err(missing("it is something else")) }
    }

    /// The value of a key; `None` where there is none.
    ///
    /// # Errors
    ///
    /// The key is longer than 512 octets, or the namespace cannot be reached.
    pub fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<String>, KeyValueError>> {
        pikku::edge(async move { done(self.0.get(key)).await.map(|value| value.as_string()) })
    }

    /// Keeps a value under a key, for at least so long where that is said. It may be gone afterwards; what is to be kept for
    /// less than a minute is kept for one.
    ///
    /// # Errors
    ///
    /// The key is longer than 512 octets, the value than 25 MiB, a key is written more often than once a second, or the
    /// namespace cannot be reached.
    pub fn put<'a>(
        &'a self,
        key: &'a str,
        value: &'a str,
        keep: Option<Duration>,
    ) -> BoxFuture<'a, Result<(), KeyValueError>> {
        pikku::edge(async move {
            let options = Object::new();
            if let Some(keep) = keep {
                // Rounded up: not before its time.
                let seconds = (keep.as_millis().div_ceil(1_000) as u64).max(SHORTEST_S);
                let name = JsValue::from_str("expirationTtl");
                Reflect::set(&options, &name, &JsValue::from_f64(seconds as f64)).map_err(failed)?;
            }
            done(self.0.put(key, value, &options)).await.map(drop)
        })
    }

    /// Removes a key, where it is there.
    ///
    /// # Errors
    ///
    /// The key is longer than 512 octets, or the namespace cannot be reached.
    pub fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), KeyValueError>> {
        pikku::edge(async move { done(self.0.delete(key)).await.map(drop) })
    }
}

async fn done(asked: Result<Promise, JsValue>) -> Result<JsValue, KeyValueError> {
    JsFuture::from(asked.map_err(failed)?).await.map_err(failed)
}

fn failed(error: JsValue) -> KeyValueError {
    KeyValueError(thrown(&error))
}

/// A namespace refused something or could not be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValueError(String);

impl fmt::Display for KeyValueError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for KeyValueError {}
