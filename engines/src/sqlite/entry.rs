//! Entries.

use super::writer::{Failure, Round};
use crate::{Entry, EntryKey, Time};
use rusqlite::{OptionalExtension as _, params};

/// The most that is dropped when one is saved.
const SWEPT: usize = 64;

pub(super) fn load(round: &Round<'_>, key: &EntryKey, now: Time) -> Result<Option<Entry>, Failure> {
    let sql = "SELECT owner, value, ends, expires FROM pikku_entry WHERE key = ?1 AND ends > ?2";
    let mut statement = round.connection.prepare_cached(sql)?;
    let entry = statement.query_row(params![key, now.millis()], |row| {
        let (ends, expires) = (Time::from_millis(row.get(2)?), Time::from_millis(row.get(3)?));
        Ok(Entry { owner: row.get(0)?, value: row.get(1)?, ends, expires })
    });
    Ok(entry.optional()?)
}

pub(super) fn save(round: &Round<'_>, key: &EntryKey, entry: &Entry, now: Time) -> Result<(), Failure> {
    sweep(round, now)?;
    let sql = "INSERT OR REPLACE INTO pikku_entry (key, owner, value, ends, expires) VALUES (?1, ?2, ?3, ?4, ?5)";
    let Entry { owner, value, ends, expires } = entry;
    round.connection.prepare_cached(sql)?.execute(params![key, owner, value, ends.millis(), expires.millis()])?;
    Ok(())
}

/// All of it is one transaction.
pub(super) fn replace(
    round: &Round<'_>,
    key: &EntryKey,
    expected: Option<&str>,
    entry: &Entry,
    now: Time,
) -> Result<bool, Failure> {
    let sql = "SELECT value FROM pikku_entry WHERE key = ?1 AND ends > ?2";
    let mut statement = round.connection.prepare_cached(sql)?;
    let found: Option<String> = statement.query_row(params![key, now.millis()], |row| row.get(0)).optional()?;
    let is_expected = found.as_deref() == expected;
    if is_expected {
        save(round, key, entry, now)?;
    }
    Ok(is_expected)
}

fn sweep(round: &Round<'_>, now: Time) -> Result<(), Failure> {
    let swept = "DELETE FROM pikku_entry WHERE key IN (SELECT key FROM pikku_entry WHERE ends <= ?1 LIMIT ?2)";
    round.connection.prepare_cached(swept)?.execute(params![now.millis(), SWEPT as i64])?;
    Ok(())
}

pub(super) fn touch(round: &Round<'_>, key: &EntryKey, ends: Time, now: Time) -> Result<(), Failure> {
    let sql = "UPDATE pikku_entry SET ends = min(?2, expires) WHERE key = ?1 AND ends > ?3";
    round.connection.prepare_cached(sql)?.execute(params![key, ends.millis(), now.millis()])?;
    Ok(())
}

pub(super) fn remove(round: &Round<'_>, key: &EntryKey) -> Result<(), Failure> {
    round.connection.prepare_cached("DELETE FROM pikku_entry WHERE key = ?1")?.execute([key])?;
    Ok(())
}

pub(super) fn remove_owner(round: &Round<'_>, owner: &EntryKey) -> Result<u64, Failure> {
    let removed = round.connection.prepare_cached("DELETE FROM pikku_entry WHERE owner = ?1")?.execute([owner])?;
    Ok(removed as u64)
}
