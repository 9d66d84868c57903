//! The tables, and how those of older versions become today's.

use crate::{EngineError, ErrorKind};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use std::path::Path;

/// Each brings the tables from the version of its place in the list to the next.
const MIGRATIONS: [&str; 3] =
    [include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];

/// What this version makes and understands.
pub(crate) const VERSION: usize = MIGRATIONS.len();

/// Brings the tables to today's version in one transaction.
///
/// They stand beside any tables of others, so the version is in a table of ours and not in `user_version`.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<Result<(), EngineError>, rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch("CREATE TABLE IF NOT EXISTS pikku_meta (version INTEGER NOT NULL) STRICT")?;
    let found: Option<i64> =
        transaction.query_row("SELECT version FROM pikku_meta", (), |row| row.get(0)).optional()?;
    let version = usize::try_from(found.unwrap_or(0)).unwrap_or(usize::MAX);
    if version > VERSION {
        let reason = format!("the store is of version {version}, and this program knows up to {VERSION}");
        return Ok(Err(EngineError::new(ErrorKind::Newer, path.display().to_string(), reason)));
    }
    if version < VERSION {
        for step in &MIGRATIONS[version..] {
            transaction.execute_batch(step)?;
        }
        transaction.execute("DELETE FROM pikku_meta", ())?;
        transaction.execute("INSERT INTO pikku_meta VALUES (?1)", [VERSION as i64])?;
    }
    transaction.commit()?;
    Ok(Ok(()))
}
