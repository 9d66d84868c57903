//! Rates.

use super::store::{Failure, Session};
use crate::{EntryKey, Take, Taken, Time, rate::micros};

/// The most marks that are dropped at once, and in how many takes that is done once.
const SWEPT: i64 = 128;
const SWEEPS: u8 = 32;

/// One statement takes, so that several do not take the same: the one of a key waits for the other's.
pub(super) async fn take(session: Session<'_>, key: &EntryKey, take: Take, now: Time) -> Result<Taken, Failure> {
    let now_us = micros(now);
    if fastrand::u8(..SWEEPS) == 0 {
        let sql = "DELETE FROM pikku_rate WHERE key IN (SELECT key FROM pikku_rate WHERE mark <= $1 LIMIT $2 FOR UPDATE SKIP \
                   LOCKED)";
        session.execute(sql, &[&now_us, &SWEPT]).await?;
    }
    // What `Take::of` does, with the mark as the table has it then.
    let sql = "INSERT INTO pikku_rate AS kept (key, mark) VALUES ($1, $2::bigint + $3::bigint) ON CONFLICT (key) DO UPDATE SET \
               mark = greatest(least(kept.mark, $2 + $4::bigint), $2) + $3 WHERE greatest(least(kept.mark, $2 + $4), $2) + $3 \
               <= $2 + $4 RETURNING mark";
    let key = &&key[..];
    if let Some(row) = session.query_opt(sql, &[key, &now_us, &take.step_us, &take.most_us]).await? {
        let mark_us: i64 = row.try_get(0)?;
        return Ok(Taken { is_taken: true, ahead_us: mark_us.saturating_sub(now_us) });
    }
    let row = session.query_opt("SELECT mark FROM pikku_rate WHERE key = $1", &[key]).await?;
    let mark_us: i64 = row.map_or(Ok(now_us), |row| row.try_get(0))?;
    Ok(Taken { is_taken: false, ahead_us: mark_us.saturating_sub(now_us).clamp(0, take.most_us) })
}
