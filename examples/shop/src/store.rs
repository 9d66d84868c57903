//! Where the shop keeps its data.
//!
//! Functions hand it SQL, which is the same everywhere, and one of two storages runs it: natively an SQLite file, on
//! Cloudflare Workers a D1 database. Neither keeps a transaction open while a function thinks: D1 has none that wait for
//! an answer, and a file that is locked so long is locked for every other process. What belongs together is therefore
//! one [`batch`](Store::batch).

#[cfg(target_family = "wasm")]
mod d1;
#[cfg(not(target_family = "wasm"))]
mod sqlite;

#[cfg(target_family = "wasm")]
use d1::Storage;
#[cfg(not(target_family = "wasm"))]
use sqlite::Storage;

use pikku::{BoxError, Need, Problem, json, service::Env};
use serde::de::DeserializeOwned;
use std::fmt;

/// Where the shop keeps its data. It is the one service that knows what that is.
#[derive(Debug)]
pub struct Store(Storage);

#[pikku::service(needs = [Need::Variable("SHOP_STORE"), Need::Database("shop")])]
fn store(env: &Env) -> Result<Store, BoxError> {
    Ok(Store(Storage::of(env)?))
}

impl Store {
    /// Opens the store in that SQLite file, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// The file cannot be opened or is no database.
    #[cfg(not(target_family = "wasm"))]
    pub fn open(path: &std::path::Path) -> Result<Self, BoxError> {
        Ok(Self(Storage::open(path)?))
    }

    /// Runs one statement.
    pub(crate) async fn query(&self, statement: Statement) -> Result<Rows, StoreError> {
        let [rows] = self.batch([statement]).await?;
        Ok(rows)
    }

    /// Runs statements one after the other, as one transaction: all of them or, after an error, none.
    pub(crate) async fn batch<const N: usize>(&self, statements: [Statement; N]) -> Result<[Rows; N], StoreError> {
        let rows: Vec<Rows> = self.0.batch(&statements).await.map_err(StoreError)?.into_iter().map(Rows).collect();
        rows.try_into().map_err(|rows: Vec<Rows>| {
            StoreError(format!("{N} statements were answered by {} sets of rows", rows.len()).into())
        })
    }
}

/// SQL with the values of its parameters `?1`, `?2` and so on.
#[derive(Debug)]
pub(crate) struct Statement {
    sql: &'static str,
    params: Vec<Param>,
}

impl Statement {
    pub(crate) fn new<const N: usize>(sql: &'static str, params: [Param; N]) -> Self {
        Self { sql, params: params.into() }
    }
}

/// The value of a parameter.
#[derive(Debug)]
pub(crate) enum Param {
    Integer(i64),
    Text(String),
}

impl From<u64> for Param {
    /// No row has a number beyond what SQLite can hold, so the greatest stands for all of them.
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Param {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Param {
    fn from(is: bool) -> Self {
        Self::Integer(is.into())
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// The rows that a statement came to: none for one that returns nothing.
#[derive(Debug)]
pub(crate) struct Rows(Vec<serde_json::Value>);

impl Rows {
    /// Every row, each read from its columns by name.
    pub(crate) fn all<T: DeserializeOwned>(self) -> Result<Vec<T>, StoreError> {
        self.0.into_iter().map(|row| Ok(json::from_value(row)?)).collect()
    }

    /// The first row.
    pub(crate) fn first<T: DeserializeOwned>(mut self) -> Result<Option<T>, StoreError> {
        self.0.truncate(1);
        Ok(self.all()?.pop())
    }

    /// The first row of those that there always are.
    pub(crate) fn one<T: DeserializeOwned>(self) -> Result<T, StoreError> {
        self.first()?.ok_or_else(|| StoreError("a statement that always finds a row found none".into()))
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The store failed.
#[derive(Debug)]
pub struct StoreError(BoxError);

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the store failed: {}", self.0)
    }
}

impl std::error::Error for StoreError {}

impl From<json::ReadError> for StoreError {
    fn from(error: json::ReadError) -> Self {
        Self(error.into())
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.into())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::internal(error.to_string())
    }
}
