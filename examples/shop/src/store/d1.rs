//! The D1 database that the Worker has under the name `shop`.

use super::{Param, Statement};
use pikku::{BoxError, service::Env};
use pikku_cloudflare::{
    Bindings as _,
    worker::{D1Database, D1PreparedStatement, Error, wasm_bindgen::JsValue},
};
use serde_json::Value;

/// A handle: the data is elsewhere, and each batch goes there and back once.
#[derive(Debug)]
pub(super) struct Storage(D1Database);

impl Storage {
    pub(super) fn of(env: &Env) -> Result<Self, BoxError> {
        Ok(Self(env.d1("shop")?))
    }

    pub(super) async fn batch(&self, statements: &[Statement]) -> Result<Vec<Vec<Value>>, BoxError> {
        let prepared: Result<Vec<_>, _> = statements.iter().map(|statement| self.prepare(statement)).collect();
        let results = self.0.batch(prepared.map_err(in_words)?).await.map_err(in_words)?;
        results.iter().map(|result| result.results().map_err(in_words)).collect()
    }

    fn prepare(&self, statement: &Statement) -> Result<D1PreparedStatement, Error> {
        let params: Vec<JsValue> = statement.params.iter().map(value).collect();
        self.0.prepare(statement.sql).bind(&params)
    }
}

/// D1 takes numbers as JavaScript has them: whole up to 2^53, and what the shop counts stays below.
fn value(param: &Param) -> JsValue {
    match param {
        Param::Integer(number) => JsValue::from_f64(*number as f64),
        Param::Text(text) => JsValue::from_str(text),
    }
}

/// The error without what belongs to the thread that met it.
fn in_words(error: Error) -> BoxError {
    error.to_string().into()
}
