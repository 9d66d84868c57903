use crate::{
    missing::{MissingBinding, workers},
    platform::{binding_name, thrown},
};
use js_sys::{Array, JSON, Promise, Reflect};
use pikku::{BoxFuture, json, service::Env};
use serde_json::Value;
use std::fmt;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[derive(Debug, Clone)]
    type D1;

    #[wasm_bindgen(method, catch)]
    fn prepare(this: &D1, sql: &str) -> Result<Prepared, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn batch(this: &D1, statements: &Array) -> Result<Promise, JsValue>;

    type Prepared;

    #[wasm_bindgen(method, catch, variadic)]
    fn bind(this: &Prepared, params: &Array) -> Result<Prepared, JsValue>;
}

/// A D1 database: SQL in, rows out.
///
/// A service that uses one declares it with `Need::Database`. The `worker` crate has a handle of more abilities,
/// `Bindings::d1`; this one takes and gives JSON. The example shop's Workers became 22 kB smaller
/// by it, as they are sent.
///
/// ```ignore
/// #[pikku::service(needs = [Need::Database("shop")])]
/// fn store(env: &Env) -> Result<Store, BoxError> {
///     Ok(Store(Database::of(env, "shop")?))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Database(D1);

#[allow(unsafe_code)]
mod single_thread {
    // SAFETY: without the `atomics` feature, which the runtime refuses, wasm32 has one thread; nothing can be sent to or
    // shared with another.
    unsafe impl Send for super::Database {}
    // SAFETY: as above.
    unsafe impl Sync for super::Database {}
}

impl Database {
    /// The database of that logical name.
    ///
    /// # Errors
    ///
    /// The Worker has no such binding.
    pub fn of(env: &Env, name: &str) -> Result<Self, MissingBinding> {
        let name = binding_name("", name);
        let missing = |reason: &str| MissingBinding::new("D1 database", &name, reason);
        let binding = workers(env)?.binding(&name).ok_or_else(|| missing("it is not set"))?;
        let is_database = Reflect::has(&binding, &JsValue::from_str("batch")).unwrap_or_default();
        if is_database { Ok(Self(binding.unchecked_into())) } else { Err(missing("it is something else")) }
    }

    /// Runs statements one after the other, as one transaction, and gives the rows of each: objects by the names of their
    /// columns. A parameter is null, a boolean, a number or a string.
    ///
    /// # Errors
    ///
    /// A parameter is of another kind, or a whole number that JavaScript would round; the database refuses a statement or
    /// cannot be reached, and then none of them has an effect.
    pub fn batch<'a>(
        &'a self,
        statements: impl IntoIterator<Item = (&'a str, Vec<Value>)> + 'a,
    ) -> BoxFuture<'a, Result<Vec<Vec<Value>>, DatabaseError>> {
        pikku::edge(async move {
            let prepared = Array::new();
            for (sql, params) in statements {
                let params = params.iter().map(param).collect::<Result<Array, _>>()?;
                let statement = self.0.prepare(sql).and_then(|statement| statement.bind(&params));
                prepared.push(statement.map_err(failed)?.as_ref());
            }
            let results = JsFuture::from(self.0.batch(&prepared).map_err(failed)?).await.map_err(failed)?;
            Array::from(&results).iter().map(|result| rows(&result)).collect()
        })
    }
}

/// The largest whole number up to which JavaScript's numbers have all of them: 2^53.
const LARGEST: f64 = 9_007_199_254_740_992.0;

fn param(value: &Value) -> Result<JsValue, DatabaseError> {
    match value {
        Value::Null => Ok(JsValue::NULL),
        Value::Bool(value) => Ok(JsValue::from_bool(*value)),
        Value::String(value) => Ok(JsValue::from_str(value)),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() || float.abs() < LARGEST => Ok(JsValue::from_f64(float)),
            _ => Err(DatabaseError("a parameter is a whole number of more than 53 bits".to_owned())),
        },
        Value::Array(_) | Value::Object(_) => Err(DatabaseError("a parameter is a list or an object".to_owned())),
    }
}

/// The rows of one statement's result. They come as a text, which crosses the border much cheaper than their objects.
fn rows(result: &JsValue) -> Result<Vec<Value>, DatabaseError> {
    let rows = Reflect::get(result, &JsValue::from_str("results")).map_err(failed)?;
    if rows.is_undefined() {
        return Ok(Vec::new());
    }
    let text = String::from(JSON::stringify(&rows).map_err(failed)?);
    json::from_slice(text.as_bytes()).map_err(|error| DatabaseError(error.to_string()))
}

fn failed(error: JsValue) -> DatabaseError {
    DatabaseError(thrown(&error))
}

/// A database refused a statement or could not be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseError(String);

impl fmt::Display for DatabaseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for DatabaseError {}
