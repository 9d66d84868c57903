//! Dead letters.

use super::{
    queue::{Queue, find, lock, read_attributes, read_body},
    store::{Failure, Session, time},
};
use crate::{DeadLetter, Which};

pub(super) async fn list(
    session: Session<'_>,
    name: &str,
    after: Option<&str>,
    max: usize,
) -> Result<Vec<DeadLetter>, Failure> {
    let queue = find(session, name).await?;
    let after: i64 = after.and_then(|id| id.parse().ok()).unwrap_or(0);
    let rows = session
        .query(
            "SELECT id, receives, sent, died, reason, grp, is_text, body, attributes FROM pikku_dead WHERE queue = $1 AND \
             id > $2 ORDER BY id LIMIT $3",
            &[&queue.id, &after, &i64::try_from(max).unwrap_or(i64::MAX)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let (id, receives): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let group: Option<String> = row.try_get(5)?;
            Ok(DeadLetter {
                id: id.to_string(),
                queue: name.to_owned(),
                body: read_body(row, 6, 7)?,
                attributes: read_attributes(row, 8)?,
                group: group.filter(|group| !group.is_empty()),
                sent_at: time(row, 2)?,
                died_at: time(row, 3)?,
                receives: u32::try_from(receives).unwrap_or(u32::MAX),
                reason: row.try_get(4)?,
            })
        })
        .collect()
}

/// Puts dead letters back, within a transaction.
pub(super) async fn redrive(session: Session<'_>, name: &str, which: &Which) -> Result<u64, Failure> {
    let mut queue = find(session, name).await?;
    if queue.fifo {
        queue = lock(session, &queue).await?;
    }
    let Some((from, to, most)) = bounds(which) else { return Ok(0) };
    let rows = session
        .query(
            "WITH chosen AS MATERIALIZED (SELECT id FROM pikku_dead WHERE queue = $1 AND id BETWEEN $2 AND $3 ORDER BY \
             id LIMIT $4 FOR UPDATE SKIP LOCKED), gone AS (DELETE FROM pikku_dead d USING chosen WHERE d.id = chosen.id \
             RETURNING d.*), placed AS (SELECT *, CASE WHEN $5 THEN coalesce(grp, '') ELSE grp END AS place, \
             row_number() OVER (PARTITION BY coalesce(grp, '') ORDER BY id) AS number FROM gone) INSERT INTO \
             pikku_message (id, queue, state, rank, due, span, receives, receipt, sent, grp, is_text, body, attributes) \
             SELECT id, queue, CASE WHEN $5 AND (number > 1 OR EXISTS (SELECT 1 FROM pikku_message head WHERE head.queue = \
             $1 AND head.grp = place AND head.grp IS NOT NULL AND head.state <> 3)) THEN 3 ELSE 0 END, rank, 0, 0, 0, 0, \
             sent, place, is_text, body, attributes FROM placed RETURNING id",
            &[&queue.id, &from, &to, &most, &queue.fifo],
        )
        .await?;
    Ok(rows.len() as u64)
}

pub(super) async fn purge(session: Session<'_>, name: &str, which: &Which) -> Result<u64, Failure> {
    let Queue { id, .. } = find(session, name).await?;
    let Some((from, to, most)) = bounds(which) else { return Ok(0) };
    let rows = session
        .query(
            "DELETE FROM pikku_dead WHERE id IN (SELECT id FROM pikku_dead WHERE queue = $1 AND id BETWEEN $2 AND $3 \
             ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED) RETURNING id",
            &[&id, &from, &to, &most],
        )
        .await?;
    Ok(rows.len() as u64)
}

fn bounds(which: &Which) -> Option<(i64, i64, i64)> {
    match which {
        Which::All => Some((0, i64::MAX, i64::MAX)),
        Which::Oldest(most) => Some((0, i64::MAX, i64::from(*most))),
        Which::One(id) => id.parse().ok().map(|id| (id, id, 1)),
    }
}
