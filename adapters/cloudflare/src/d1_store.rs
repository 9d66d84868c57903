use crate::{
    Database, DatabaseError,
    d1_tables::{self, whole},
};
use pikku::{BoxError, BoxFuture};
use pikku_middleware::store::{RateStore, ResultStore, StoreKey, Take, Taken};
use serde_json::Value;

/// Keeps the rates and the results of `pikku-middleware` in a D1 database, in the tables `pikku_rates` and `pikku_results`.
///
/// What is answered holds for every isolate, wherever it runs: D1 answers from the one place where it writes, and each call is one
/// transaction there. It costs the way to that place, and a row written for each call that is counted or kept; D1 takes no text of
/// more than 2 MB. The tables are made when they are not there; who would rather have them in the migrations of the database puts
/// [`SCHEMA`](Self::SCHEMA) there. Rows that say nothing any more are dropped when others are written.
#[derive(Debug, Clone)]
pub struct D1Store(Database);

/// More than a call adds, and not so many that it takes long.
const DROP_RATES: &str =
    "DELETE FROM pikku_rates WHERE key IN (SELECT key FROM pikku_rates WHERE mark_us <= ?1 LIMIT 4)";

const DROP_RESULTS: &str =
    "DELETE FROM pikku_results WHERE key IN (SELECT key FROM pikku_results WHERE ends_ms <= ?1 LIMIT 4)";

/// `Take::of`, where the mark is: ?2 is now, ?3 the step, ?4 how far the mark may lie at most. One that lies further, as after a
/// clock that was wrong, is brought back.
const TAKE: &str = "\
INSERT INTO pikku_rates (key, mark_us) VALUES (?1, ?2 + ?3)
ON CONFLICT (key) DO UPDATE SET mark_us = max(min(mark_us, ?4), ?2) + ?3
WHERE max(min(mark_us, ?4), ?2) + ?3 <= ?4
RETURNING mark_us";

/// Where the mark lies then, moved or not.
const MARK: &str = "SELECT max(min(mark_us, ?3), ?2) AS mark_us FROM pikku_rates WHERE key = ?1";

const LOAD: &str = "SELECT value FROM pikku_results WHERE key = ?1 AND ends_ms > ?2";

/// Where there is none, or one that has ended.
const KEEP: &str = "\
INSERT INTO pikku_results (key, value, ends_ms) VALUES (?1, ?2, ?3)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, ends_ms = excluded.ends_ms
WHERE pikku_results.ends_ms <= ?4
RETURNING key";

const REPLACE: &str = "\
UPDATE pikku_results SET value = ?2, ends_ms = ?3 WHERE key = ?1 AND ends_ms > ?4 AND value = ?5 RETURNING key";

impl D1Store {
    /// The statements that make the tables, where they are not there.
    pub const SCHEMA: &str = "\
CREATE TABLE IF NOT EXISTS pikku_rates (
    key TEXT NOT NULL PRIMARY KEY,
    mark_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pikku_rates_mark ON pikku_rates (mark_us);
CREATE TABLE IF NOT EXISTS pikku_results (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    ends_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS pikku_results_ends ON pikku_results (ends_ms);
";

    /// The rates and results of a database.
    pub fn of(database: Database) -> Self {
        Self(database)
    }

    async fn run<const N: usize>(
        &self,
        statements: [(&'static str, Vec<Value>); N],
    ) -> Result<[Vec<Value>; N], BoxError> {
        let rows: Result<Vec<_>, DatabaseError> = d1_tables::run(&self.0, Self::SCHEMA, statements).await;
        rows?.try_into().map_err(|_| "the database has answered another number of statements".into())
    }
}

impl RateStore for D1Store {
    fn take<'a>(&'a self, key: &'a StoreKey, take: Take, now_ms: u64) -> BoxFuture<'a, Result<Taken, BoxError>> {
        pikku::edge(async move {
            let positive = |us: i64| u64::try_from(us).unwrap_or_default();
            let now_us = now_ms.saturating_mul(1000);
            let (now, most) = (whole(now_us), whole(now_us.saturating_add(positive(take.most_us))));
            let key: Value = key.text().into();
            let take = vec![key.clone(), now.clone(), whole(positive(take.step_us)), most.clone()];
            let mark = vec![key, now.clone(), most];
            let [_, taken, marks] = self.run([(DROP_RATES, vec![now]), (TAKE, take), (MARK, mark)]).await?;
            let mark_us = marks.first().and_then(|row| row["mark_us"].as_u64());
            let mark_us = mark_us.ok_or("what is kept is no mark of a rate")?;
            let ahead_us = i64::try_from(mark_us.saturating_sub(now_us)).unwrap_or(i64::MAX);
            Ok(Taken { is_taken: !taken.is_empty(), ahead_us })
        })
    }
}

impl ResultStore for D1Store {
    fn load<'a>(&'a self, key: &'a StoreKey, now_ms: u64) -> BoxFuture<'a, Result<Option<String>, BoxError>> {
        pikku::edge(async move {
            let [rows] = self.run([(LOAD, vec![key.text().into(), whole(now_ms)])]).await?;
            let text = |row: Value| match row {
                Value::Object(mut row) => match row.remove("value") {
                    Some(Value::String(text)) => Ok(text),
                    _ => Err("what is kept is no text"),
                },
                _ => Err("what is kept is no row"),
            };
            Ok(rows.into_iter().next().map(text).transpose()?)
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<&'a str>,
        text: &'a str,
        ends_ms: u64,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<bool, BoxError>> {
        pikku::edge(async move {
            let (now, ends) = (whole(now_ms), whole(ends_ms));
            let mut row = vec![key.text().into(), text.into(), ends, now.clone()];
            let statement = match expected {
                Some(expected) => {
                    row.push(expected.into());
                    REPLACE
                }
                None => KEEP,
            };
            let [_, kept] = self.run([(DROP_RESULTS, vec![now]), (statement, row)]).await?;
            Ok(!kept.is_empty())
        })
    }
}
