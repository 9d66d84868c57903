//! Leases and the marks of schedules.

use super::{
    queue,
    store::span,
    writer::{Failure, Round},
};
use crate::{Fired, Firing, Lease, QueueStats, Time};
use rusqlite::{OptionalExtension as _, params};
use std::time::Duration;

pub(super) fn lease(round: &Round<'_>, name: &str, holder: &str, length: Duration) -> Result<Option<Lease>, Failure> {
    let held: Option<(String, i64, i64)> = round
        .connection
        .prepare_cached("SELECT holder, token, until FROM pikku_lease WHERE name = ?1")?
        .query_row([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let token = match held {
        None => 1,
        Some((by, token, until)) if by == holder && until > round.now.millis() => token,
        Some((_, token, until)) if until <= round.now.millis() => token + 1,
        Some(_) => return Ok(None),
    };
    let until = round.now.after(length);
    round
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO pikku_lease (name, holder, token, until, span) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![name, holder, token, until.millis(), span(length)])?;
    Ok(Some(Lease { name: name.to_owned(), holder: holder.to_owned(), token: token.unsigned_abs(), until }))
}

/// The row stays, for its token.
pub(super) fn release(round: &Round<'_>, lease: &Lease) -> Result<(), Failure> {
    round
        .connection
        .prepare_cached("UPDATE pikku_lease SET until = 0 WHERE name = ?1 AND token = ?2")?
        .execute(params![lease.name, lease.token as i64])?;
    Ok(())
}

pub(super) fn mark(round: &Round<'_>, schedule: &str) -> Result<Option<Time>, Failure> {
    let mut statement = round.connection.prepare_cached("SELECT mark FROM pikku_schedule WHERE name = ?1")?;
    let mark: Option<i64> = statement.query_row([schedule], |row| row.get(0)).optional()?;
    Ok(mark.map(Time::from_millis))
}

pub(super) fn fire(round: &Round<'_>, firing: &Firing) -> Result<Fired, Failure> {
    if !holds(round, &firing.lease)? || mark(round, &firing.schedule)? != firing.from {
        return Ok(Fired::Lost);
    }
    let mut busy = false;
    if let (true, Some(run)) = (firing.unless_busy, firing.runs.first()) {
        let QueueStats { ready, waiting, in_flight, .. } = queue::stats(round, &run.queue)?;
        busy = ready + waiting + in_flight > 0;
    }
    if !busy {
        queue::enqueue(round, &firing.runs)?;
    }
    round
        .connection
        .prepare_cached("INSERT OR REPLACE INTO pikku_schedule (name, mark) VALUES (?1, ?2)")?
        .execute(params![firing.schedule, firing.to.millis()])?;
    Ok(if busy { Fired::Busy } else { Fired::Enqueued })
}

/// Whether a lease is still its holder's: nobody else has had it since, and it is not over.
fn holds(round: &Round<'_>, lease: &Lease) -> Result<bool, Failure> {
    let mut statement =
        round.connection.prepare_cached("SELECT 1 FROM pikku_lease WHERE name = ?1 AND token = ?2 AND until > ?3")?;
    Ok(statement.exists(params![lease.name, lease.token as i64, round.now.millis()])?)
}
