//! The tables, and how those of older versions become today's.

use super::store::{Failure, Place};
use crate::{EngineError, ErrorKind};
use tokio_postgres::{Client, Transaction};

/// Each brings the tables from the version of its place in the list to the next.
const MIGRATIONS: [&str; 3] =
    [include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];

/// What this version makes and understands.
const VERSION: usize = MIGRATIONS.len();

/// What instances lock that start at the same time: any number that nobody else has.
const LOCK: i64 = 0x7069_6b6b_7501;

/// Brings the tables to today's version in one transaction, one instance at a time.
///
/// Where they are of today's version already, nothing but reading is done: a role that may not make tables is enough then.
pub(super) async fn migrate(client: &mut Client, place: &Place) -> Result<(), Failure> {
    let transaction = client.transaction().await?;
    let there: bool = transaction.query_one("SELECT to_regclass('pikku_meta') IS NOT NULL", &[]).await?.try_get(0)?;
    if !there || version(&transaction, place).await? < VERSION {
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
        transaction.batch_execute("CREATE TABLE IF NOT EXISTS pikku_meta (version bigint NOT NULL)").await?;
        // Another may have done it meanwhile.
        let version = version(&transaction, place).await?;
        for step in &MIGRATIONS[version..] {
            transaction.batch_execute(step).await?;
        }
        if version < VERSION {
            transaction.execute("DELETE FROM pikku_meta", &[]).await?;
            transaction.execute("INSERT INTO pikku_meta VALUES ($1)", &[&(VERSION as i64)]).await?;
        }
    }
    transaction.commit().await.map_err(Failure::Commit)
}

async fn version(transaction: &Transaction<'_>, place: &Place) -> Result<usize, Failure> {
    let row = transaction.query_opt("SELECT version FROM pikku_meta", &[]).await?;
    let found: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
    let version = usize::try_from(found.unwrap_or(0)).unwrap_or(usize::MAX);
    if version > VERSION {
        let reason = format!("the tables are of version {version}, and this program knows up to {VERSION}");
        return Err(EngineError::new(ErrorKind::Newer, place.to_string(), reason).into());
    }
    Ok(version)
}
