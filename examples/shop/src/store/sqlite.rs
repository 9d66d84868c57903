//! An SQLite file, which several processes may have open: on Lambda each environment of a function is one.

use super::{Param, Statement};
use pikku::{BoxError, service::Env};
use rusqlite::{
    Connection, ToSql, TransactionBehavior, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use serde_json::{Map, Value};
use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long a call waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// What D1 is given by wrangler.
const MIGRATIONS: [&str; 2] =
    [include_str!("../../migrations/0001_shop.sql"), include_str!("../../migrations/0002_people.sql")];

/// One connection: calls take turns, each for the moments that its statements take.
#[derive(Debug)]
pub(super) struct Storage(Mutex<Connection>);

impl Storage {
    pub(super) fn of(env: &Env) -> Result<Self, BoxError> {
        let path = env.get("SHOP_STORE").filter(|path| !path.is_empty());
        Self::open(path.as_deref().unwrap_or("/tmp/shop.sqlite").as_ref())
    }

    /// The journal stays SQLite's own, the one beside the file: a write-ahead log needs memory that all processes share,
    /// which files of a network, such as Lambda's file systems, do not have.
    pub(super) fn open(path: &Path) -> Result<Self, BoxError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrate(&mut connection)?;
        Ok(Self(Mutex::new(connection)))
    }

    /// It is asynchronous as every storage is; this one answers at once.
    #[expect(clippy::unused_async, reason = "D1 answers later, and both storages are used alike")]
    pub(super) async fn batch(&self, statements: &[Statement]) -> Result<Vec<Vec<Value>>, BoxError> {
        // A call that panicked has left no transaction behind: it is rolled back as it is dropped.
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let [statement] = statements {
            return Ok(vec![run(&connection, statement)?]);
        }
        // The lock to write is taken at the start, where it can be waited for.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let rows: Result<Vec<_>, _> = statements.iter().map(|statement| run(&transaction, statement)).collect();
        let rows = rows?;
        transaction.commit()?;
        Ok(rows)
    }
}

/// Applies the migrations that the file lacks. Which it has is told by its `user_version`, the number of the last.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let last = |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0));
    if last(connection)? as usize >= MIGRATIONS.len() {
        return Ok(());
    }
    // Another process may be at it: one waits for the other, and looks again.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let last = last(&transaction)?;
    for (number, migration) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > last) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    transaction.commit()
}

/// A statement's rows, each as an object of its columns.
fn run(connection: &Connection, statement: &Statement) -> Result<Vec<Value>, BoxError> {
    let mut prepared = connection.prepare_cached(statement.sql)?;
    let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let mut found = prepared.query(params_from_iter(&statement.params))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let columns: Result<Map<String, Value>, BoxError> =
            names.iter().enumerate().map(|(at, name)| Ok((name.clone(), value(row.get_ref(at)?)?))).collect();
        rows.push(Value::Object(columns?));
    }
    Ok(rows)
}

fn value(column: ValueRef<'_>) -> Result<Value, BoxError> {
    Ok(match column {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => std::str::from_utf8(text)?.into(),
        ValueRef::Blob(_) => return Err("the shop has no columns of octets".into()),
    })
}

impl ToSql for Param {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Integer(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
        })
    }
}
