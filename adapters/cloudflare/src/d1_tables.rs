use crate::{Database, DatabaseError};
use serde_json::Value;

/// How SQLite, and D1 around it, tells that a table of ours is not there.
const NO_TABLE: &str = "no such table: pikku_";

/// Runs statements as one transaction, and once more where the tables of the schema had to be made for them.
pub(crate) async fn run<const N: usize>(
    database: &Database,
    schema: &'static str,
    statements: [(&'static str, Vec<Value>); N],
) -> Result<Vec<Vec<Value>>, DatabaseError> {
    match database.batch(statements.clone()).await {
        Err(error) if error.to_string().contains(NO_TABLE) => {}
        done => return done,
    }
    let schema = schema.split(';').map(str::trim).filter(|statement| !statement.is_empty());
    database.batch(schema.map(|statement| (statement, Vec::new()))).await?;
    database.batch(statements).await
}

/// The largest whole number up to which JavaScript's numbers, as which D1 takes and gives them, have all of them.
const MOST: u64 = (1 << 53) - 1;

/// A number as D1 takes it. Times in microseconds fit until the year 2255.
pub(crate) fn whole(number: u64) -> Value {
    number.min(MOST).into()
}
