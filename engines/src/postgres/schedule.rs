//! Leases and the marks of schedules.

use super::{
    queue,
    store::{Failure, Session, time},
};
use crate::{Fired, Firing, Lease, Time, clock::millis};
use std::time::Duration;

pub(super) async fn lease(
    session: Session<'_>,
    name: &str,
    holder: &str,
    length: Duration,
) -> Result<Option<Lease>, Failure> {
    let row = session
        .query_opt(
            "INSERT INTO pikku_lease AS l (name, holder, token, until, span) VALUES ($1, $2, 1, pikku_now($4) + $3, $3) ON \
             CONFLICT (name) DO UPDATE SET holder = $2, token = CASE WHEN l.until > pikku_now($4) THEN l.token ELSE \
             l.token + 1 END, until = pikku_now($4) + $3, span = $3 WHERE l.until <= pikku_now($4) OR l.holder = $2 \
             RETURNING token, until",
            &[&name, &holder, &millis(length), &session.now],
        )
        .await?;
    row.map(|row| {
        let token: i64 = row.try_get(0)?;
        let until = time(&row, 1)?;
        Ok(Lease { name: name.to_owned(), holder: holder.to_owned(), token: token.unsigned_abs(), until })
    })
    .transpose()
}

/// The row stays, for its token.
pub(super) async fn release(session: Session<'_>, lease: &Lease) -> Result<(), Failure> {
    session
        .execute("UPDATE pikku_lease SET until = 0 WHERE name = $1 AND token = $2", &[&lease.name, &token(lease)])
        .await
}

pub(super) async fn mark(session: Session<'_>, schedule: &str) -> Result<Option<Time>, Failure> {
    let row = session.query_opt("SELECT mark FROM pikku_schedule WHERE name = $1", &[&schedule]).await?;
    row.map(|row| time(&row, 0)).transpose()
}

/// Moves a mark and enqueues runs, within a transaction.
pub(super) async fn fire(session: Session<'_>, firing: &Firing) -> Result<Fired, Failure> {
    // Nobody takes the lease before the transaction ends.
    let held = session
        .query_opt(
            "SELECT 1 FROM pikku_lease WHERE name = $1 AND token = $2 AND until > pikku_now($3) FOR UPDATE",
            &[&firing.lease.name, &token(&firing.lease), &session.now],
        )
        .await?;
    if held.is_none() || mark(session, &firing.schedule).await? != firing.from {
        return Ok(Fired::Lost);
    }
    let mut busy = false;
    if let (true, Some(run)) = (firing.unless_busy, firing.runs.first()) {
        let queue = queue::find(session, &run.queue).await?;
        busy = session.query_opt("SELECT 1 FROM pikku_message WHERE queue = $1 LIMIT 1", &[&queue.id]).await?.is_some();
    }
    if !busy {
        queue::enqueue(session, &firing.runs).await?;
    }
    session
        .execute(
            "INSERT INTO pikku_schedule (name, mark) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET mark = $2",
            &[&firing.schedule, &firing.to.millis()],
        )
        .await?;
    Ok(if busy { Fired::Busy } else { Fired::Enqueued })
}

fn token(lease: &Lease) -> i64 {
    i64::try_from(lease.token).unwrap_or(i64::MAX)
}
