//! Entries.

use super::store::{Failure, Session, time};
use crate::{Entry, EntryKey, Time};

/// The most that is dropped when one is saved.
const SWEPT: i64 = 64;

pub(super) async fn load(session: Session<'_>, key: &EntryKey, now: Time) -> Result<Option<Entry>, Failure> {
    let sql = "SELECT owner, value, ends, expires FROM pikku_entry WHERE key = $1 AND ends > $2";
    let row = session.query_opt(sql, &[&&key[..], &now.millis()]).await?;
    row.map(|row| {
        let mut owner = EntryKey::default();
        // What others have put there belongs to nobody.
        let octets: &[u8] = row.try_get(0)?;
        if let Ok(octets) = octets.try_into() {
            owner = octets;
        }
        Ok(Entry { owner, value: row.try_get(1)?, ends: time(&row, 2)?, expires: time(&row, 3)? })
    })
    .transpose()
}

/// Within a transaction or not: what is dropped has ended either way.
pub(super) async fn save(session: Session<'_>, key: &EntryKey, entry: &Entry, now: Time) -> Result<(), Failure> {
    sweep(session, now).await?;
    let sql = "INSERT INTO pikku_entry (key, owner, value, ends, expires) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key) DO \
               UPDATE SET owner = $2, value = $3, ends = $4, expires = $5";
    let Entry { owner, value, ends, expires } = entry;
    session.execute(sql, &[&&key[..], &&owner[..], value, &ends.millis(), &expires.millis()]).await
}

/// One statement replaces, so that of several one does.
pub(super) async fn replace(
    session: Session<'_>,
    key: &EntryKey,
    expected: Option<&str>,
    entry: &Entry,
    now: Time,
) -> Result<bool, Failure> {
    let Entry { owner, value, ends, expires } = entry;
    let (key, owner, ends, expires, now_ms) = (&&key[..], &&owner[..], ends.millis(), expires.millis(), now.millis());
    let kept = match expected {
        None => {
            sweep(session, now).await?;
            let sql = "INSERT INTO pikku_entry (key, owner, value, ends, expires) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key) \
                       DO UPDATE SET owner = $2, value = $3, ends = $4, expires = $5 WHERE pikku_entry.ends <= $6 RETURNING 1";
            session.query_opt(sql, &[key, owner, value, &ends, &expires, &now_ms]).await?
        }
        Some(expected) => {
            let sql = "UPDATE pikku_entry SET owner = $2, value = $3, ends = $4, expires = $5 WHERE key = $1 AND ends > $6 AND \
                       value = $7 RETURNING 1";
            session.query_opt(sql, &[key, owner, value, &ends, &expires, &now_ms, &expected]).await?
        }
    };
    Ok(kept.is_some())
}

async fn sweep(session: Session<'_>, now: Time) -> Result<(), Failure> {
    // What another drops at the same time is left to it.
    let swept = "DELETE FROM pikku_entry WHERE key IN (SELECT key FROM pikku_entry WHERE ends <= $1 LIMIT $2 FOR UPDATE \
                 SKIP LOCKED)";
    session.execute(swept, &[&now.millis(), &SWEPT]).await
}

pub(super) async fn touch(session: Session<'_>, key: &EntryKey, ends: Time, now: Time) -> Result<(), Failure> {
    let sql = "UPDATE pikku_entry SET ends = least($2, expires) WHERE key = $1 AND ends > $3";
    session.execute(sql, &[&&key[..], &ends.millis(), &now.millis()]).await
}

pub(super) async fn remove(session: Session<'_>, key: &EntryKey) -> Result<(), Failure> {
    session.execute("DELETE FROM pikku_entry WHERE key = $1", &[&&key[..]]).await
}

pub(super) async fn remove_owner(session: Session<'_>, owner: &EntryKey) -> Result<u64, Failure> {
    let sql = "WITH removed AS (DELETE FROM pikku_entry WHERE owner = $1 RETURNING 1) SELECT count(*) FROM removed";
    let row = session.query_opt(sql, &[&&owner[..]]).await?;
    let removed: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
    Ok(removed.unsigned_abs())
}
