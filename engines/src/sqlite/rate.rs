//! Rates.

use super::writer::{Failure, Round};
use crate::{EntryKey, Take, Taken, Time, rate::micros};
use rusqlite::{OptionalExtension as _, params};

/// The most marks that are dropped at once, and in how many takes that is done once.
const SWEPT: i64 = 128;
const SWEEPS: u8 = 32;

/// All of it is one transaction.
pub(super) fn take(round: &Round<'_>, key: &EntryKey, take: Take, now: Time) -> Result<Taken, Failure> {
    let now_us = micros(now);
    if fastrand::u8(..SWEEPS) == 0 {
        let sql = "DELETE FROM pikku_rate WHERE key IN (SELECT key FROM pikku_rate WHERE mark <= ?1 LIMIT ?2)";
        round.connection.prepare_cached(sql)?.execute(params![now_us, SWEPT])?;
    }
    let mut statement = round.connection.prepare_cached("SELECT mark FROM pikku_rate WHERE key = ?1")?;
    let found: Option<i64> = statement.query_row([key], |row| row.get(0)).optional()?;
    let (mark_us, taken) = take.of(found.unwrap_or(0), now_us);
    if taken.is_taken {
        let sql = "INSERT OR REPLACE INTO pikku_rate (key, mark) VALUES (?1, ?2)";
        round.connection.prepare_cached(sql)?.execute(params![key, mark_us])?;
    }
    Ok(taken)
}
