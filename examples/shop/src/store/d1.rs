//! The D1 database that the Worker has under the name `shop`.

use super::{Param, Statement};
use pikku::{BoxError, service::Env};
use pikku_cloudflare::Database;
use serde_json::Value;

/// A handle: the data is elsewhere, and each batch goes there and back once.
#[derive(Debug)]
pub(super) struct Storage(Database);

impl Storage {
    pub(super) fn of(env: &Env) -> Result<Self, BoxError> {
        Ok(Self(Database::of(env, "shop")?))
    }

    pub(super) async fn batch(&self, statements: &[Statement]) -> Result<Vec<Vec<Value>>, BoxError> {
        let statements =
            statements.iter().map(|statement| (statement.sql, statement.params.iter().map(value).collect()));
        Ok(self.0.batch(statements).await?)
    }
}

/// D1 takes whole numbers as JavaScript has them. No row has one beyond, so the greatest stands for all of those.
const GREATEST: i64 = (1 << 53) - 1;

fn value(param: &Param) -> Value {
    match param {
        Param::Integer(number) => Value::from((*number).clamp(-GREATEST, GREATEST)),
        Param::Text(text) => Value::from(text.as_str()),
    }
}
