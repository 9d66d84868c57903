//! Deliveries and what becomes of them.

use super::{
    queue::{Queue, find, read_attributes, read_body, unknown},
    store::{Failure, Session, time},
};
use crate::{Delivery, Outcome, QueueStats, Receipt, Settled, Settlement, Time, clock::millis, spec::MOST_SPAN};
use std::{collections::HashMap, time::Duration};
use tokio_postgres::Row;

/// The most messages whose time has come that one delivery sees to.
const MOST_DUE: i64 = 1000;

/// What can be seen of a queue without writing.
#[derive(Debug)]
pub(super) struct Glance {
    pub(super) queue: Queue,
    pub(super) now: Time,
    /// Whether a message is ready.
    pub(super) ready: bool,
    /// When the next is due that is kept back or in flight.
    pub(super) next_due: Option<Time>,
}

impl Glance {
    /// Whether messages have to be seen to because their time has come.
    pub(super) fn is_due(&self) -> bool {
        self.next_due.is_some_and(|due| due <= self.now)
    }
}

pub(super) async fn glance(session: Session<'_>, name: &str) -> Result<Glance, Failure> {
    let row = session
        .query_opt(
            "SELECT id, name, visibility, max_receives, backoff_first, backoff_most, backoff_jitter, fifo, \
             max_in_flight, deduplication, pikku_now($2), EXISTS (SELECT 1 FROM pikku_message m WHERE m.queue = q.id AND \
             m.state = 0), least((SELECT min(due) FROM pikku_message m WHERE m.queue = q.id AND m.state = 1), (SELECT \
             min(due) FROM pikku_message m WHERE m.queue = q.id AND m.state = 2)) FROM pikku_queue q WHERE name = $1",
            &[&name, &session.now],
        )
        .await?;
    let Some(row) = row else { return Err(unknown(name)) };
    let next_due: Option<i64> = row.try_get(12)?;
    Ok(Glance {
        queue: Queue::read(&row)?,
        now: time(&row, 10)?,
        ready: row.try_get(11)?,
        next_due: next_due.map(Time::from_millis),
    })
}

/// Messages whose time has come are ready, or dead where they were in flight for the last time.
pub(super) async fn see_to_due(session: Session<'_>, queue: &Queue) -> Result<(), Failure> {
    let rows = session
        .query(
            "WITH due AS MATERIALIZED (SELECT id FROM pikku_message WHERE queue = $1 AND state = 2 AND due <= \
             pikku_now($3) AND receives >= $2 ORDER BY due LIMIT $4 FOR UPDATE SKIP LOCKED), gone AS (DELETE FROM \
             pikku_message m USING due WHERE m.id = due.id RETURNING m.*) INSERT INTO pikku_dead (id, queue, rank, \
             receives, sent, died, reason, grp, is_text, body, attributes) SELECT id, queue, rank, receives, sent, \
             pikku_now($3), 'it was not settled before its visibility timeout, and was delivered as often as allowed', \
             grp, is_text, body, attributes FROM gone RETURNING grp",
            &[&queue.id, &queue.max_receives, &session.now, &MOST_DUE],
        )
        .await?;
    advance(session, queue, &rows, 0).await?;
    session
        .execute(
            "WITH due AS MATERIALIZED (SELECT id FROM pikku_message WHERE queue = $1 AND state IN (1, 2) AND due <= \
             pikku_now($3) AND (state = 1 OR receives < $2) ORDER BY due LIMIT $4 FOR UPDATE SKIP LOCKED) UPDATE \
             pikku_message m SET state = 0 FROM due WHERE m.id = due.id",
            &[&queue.id, &queue.max_receives, &session.now, &MOST_DUE],
        )
        .await
}

/// How many more may be in flight.
pub(super) async fn room(session: Session<'_>, queue: &Queue, max: i64) -> Result<i64, Failure> {
    let Some(most) = queue.max_in_flight else { return Ok(max) };
    let row =
        session.query_opt("SELECT count(*) FROM pikku_message WHERE queue = $1 AND state = 2", &[&queue.id]).await?;
    let in_flight: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
    Ok(max.min(most - in_flight).max(0))
}

/// Takes up to so many messages that are ready.
pub(super) async fn claim(session: Session<'_>, queue: &Queue, max: i64) -> Result<Vec<Delivery>, Failure> {
    let receipt = fastrand::i64(1..);
    let rows = session
        .query(
            "WITH claimed AS MATERIALIZED (SELECT id FROM pikku_message WHERE queue = $1 AND state = 0 ORDER BY rank, id \
             LIMIT $2 FOR UPDATE SKIP LOCKED) UPDATE pikku_message m SET state = 2, due = pikku_now($5) + $4, span = $4, \
             receives = receives + 1, receipt = $3 FROM claimed WHERE m.id = claimed.id RETURNING m.id, m.rank, \
             m.receives, m.sent, m.grp, m.is_text, m.body, m.attributes, m.due",
            &[&queue.id, &max, &receipt, &millis(queue.visibility), &session.now],
        )
        .await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in &rows {
        let (id, rank): (i64, i16) = (row.try_get(0)?, row.try_get(1)?);
        let group: Option<String> = row.try_get(4)?;
        let receives: i64 = row.try_get(2)?;
        let delivery = Delivery {
            id: id.to_string(),
            queue: queue.name.clone(),
            receipt: Receipt(format!("{id}.{receipt}")),
            body: read_body(row, 5, 6)?,
            attributes: read_attributes(row, 7)?,
            group: group.filter(|group| !group.is_empty()),
            sent_at: time(row, 3)?,
            receives: u32::try_from(receives).unwrap_or(u32::MAX),
            visible_at: time(row, 8)?,
        };
        claimed.push(((rank, id), delivery));
    }
    // What is returned comes in any order.
    claimed.sort_unstable_by_key(|(place, _)| *place);
    Ok(claimed.into_iter().map(|(_, delivery)| delivery).collect())
}

/// Those in the column are gone: the next of each group takes their place.
async fn advance(session: Session<'_>, queue: &Queue, gone: &[Row], column: usize) -> Result<(), Failure> {
    if !queue.fifo || gone.is_empty() {
        return Ok(());
    }
    let mut groups = Vec::new();
    for row in gone {
        groups.extend(row.try_get::<_, Option<String>>(column)?);
    }
    groups.sort_unstable();
    groups.dedup();
    session
        .execute(
            "UPDATE pikku_message m SET state = CASE WHEN due > pikku_now($3) THEN 1 ELSE 0 END FROM (SELECT (SELECT id \
             FROM pikku_message WHERE queue = $1 AND grp = g.name AND state = 3 ORDER BY id LIMIT 1) AS id FROM \
             unnest($2::text[]) AS g (name) WHERE NOT EXISTS (SELECT 1 FROM pikku_message head WHERE head.queue = $1 AND \
             head.grp = g.name AND head.grp IS NOT NULL AND head.state <> 3)) AS next WHERE m.id = next.id",
            &[&queue.id, &groups, &session.now],
        )
        .await
}

/// Settles deliveries, within a transaction where one is not done or where the queue is FIFO.
pub(super) async fn settle(
    session: Session<'_>,
    queue: &Queue,
    settlements: &[Settlement],
) -> Result<Vec<Settled>, Failure> {
    let mut settled = vec![Settled::Stale; settlements.len()];
    // Of several settlements of one delivery the first counts.
    let mut places: HashMap<(i64, i64), usize> = HashMap::new();
    for (place, settlement) in settlements.iter().enumerate() {
        if let Some(receipt) = read_receipt(&settlement.receipt) {
            places.entry(receipt).or_insert(place);
        }
    }
    let (done, others): (Vec<_>, Vec<_>) =
        places.into_iter().partition(|(_, place)| settlements[*place].outcome == Outcome::Done);
    if !done.is_empty() {
        let (ids, receipts, by_id) = columns(&done);
        let rows = session
            .query(
                "DELETE FROM pikku_message m USING unnest($2::bigint[], $3::bigint[]) AS s (id, receipt) WHERE \
                 m.queue = $1 AND m.id = s.id AND m.receipt = s.receipt RETURNING m.id, m.grp",
                &[&queue.id, &ids, &receipts],
            )
            .await?;
        for row in &rows {
            if let Some(place) = by_id.get(&row.try_get(0)?) {
                settled[*place] = Settled::Done;
            }
        }
        advance(session, queue, &rows, 1).await?;
    }
    if !others.is_empty() {
        let (ids, receipts, by_id) = columns(&others);
        let rows = session
            .query(
                "SELECT m.id, m.receives FROM pikku_message m JOIN unnest($2::bigint[], $3::bigint[]) AS s (id, receipt) \
                 ON m.id = s.id AND m.receipt = s.receipt WHERE m.queue = $1 ORDER BY m.id FOR UPDATE OF m",
                &[&queue.id, &ids, &receipts],
            )
            .await?;
        let mut parts = Parts::default();
        for row in &rows {
            let (id, receives): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            if let Some(place) = by_id.get(&id) {
                settled[*place] = parts.add(queue, id, receives, &settlements[*place].outcome);
            }
        }
        parts.write(session, queue).await?;
    }
    Ok(settled)
}

type ByReceipt = [((i64, i64), usize)];

fn columns(entries: &ByReceipt) -> (Vec<i64>, Vec<i64>, HashMap<i64, usize>) {
    let ids = entries.iter().map(|((id, _), _)| *id).collect();
    let receipts = entries.iter().map(|((_, receipt), _)| *receipt).collect();
    (ids, receipts, entries.iter().map(|((id, _), place)| (*id, *place)).collect())
}

/// What becomes of messages that are not done.
#[derive(Default)]
struct Parts {
    /// They come again.
    kept_back: Vec<i64>,
    delays: Vec<i64>,
    /// How many deliveries of them are taken back.
    uncounted: Vec<i64>,
    buried: Vec<i64>,
    reasons: Vec<String>,
}

impl Parts {
    fn add(&mut self, queue: &Queue, id: i64, receives: i64, outcome: &Outcome) -> Settled {
        match outcome {
            Outcome::Retry { delay, .. } if receives < queue.max_receives => {
                let receives = u32::try_from(receives).unwrap_or(u32::MAX);
                let delay = delay.unwrap_or_else(|| queue.backoff.delay(receives, fastrand::f64()));
                Settled::Retrying(self.keep_back(id, delay, 0))
            }
            Outcome::Retry { reason, .. } | Outcome::Dead { reason } => {
                self.buried.push(id);
                // The one character that a text cannot hold.
                self.reasons.push(reason.replace('\0', "\u{fffd}"));
                Settled::Dead
            }
            Outcome::Release { delay } => {
                self.keep_back(id, *delay, 1);
                Settled::Released
            }
            Outcome::Done => Settled::Stale,
        }
    }

    fn keep_back(&mut self, id: i64, delay: Duration, uncounted: i64) -> Duration {
        let delay = delay.min(MOST_SPAN);
        self.kept_back.push(id);
        self.delays.push(millis(delay));
        self.uncounted.push(uncounted);
        delay
    }

    async fn write(&self, session: Session<'_>, queue: &Queue) -> Result<(), Failure> {
        if !self.kept_back.is_empty() {
            session
                .execute(
                    "UPDATE pikku_message m SET state = CASE WHEN s.delay > 0 THEN 1 ELSE 0 END, due = pikku_now($4) + \
                     s.delay, span = s.delay, receives = m.receives - s.uncounted, receipt = 0 FROM unnest($1::bigint[], \
                     $2::bigint[], $3::bigint[]) AS s (id, delay, uncounted) WHERE m.id = s.id",
                    &[&self.kept_back, &self.delays, &self.uncounted, &session.now],
                )
                .await?;
        }
        if !self.buried.is_empty() {
            let rows = session
                .query(
                    "WITH s AS (SELECT * FROM unnest($1::bigint[], $2::text[]) AS s (id, reason)), gone AS (DELETE FROM \
                     pikku_message m USING s WHERE m.id = s.id RETURNING m.*) INSERT INTO pikku_dead (id, queue, rank, \
                     receives, sent, died, reason, grp, is_text, body, attributes) SELECT gone.id, queue, rank, receives, \
                     sent, pikku_now($3), s.reason, grp, is_text, body, attributes FROM gone JOIN s ON s.id = gone.id \
                     RETURNING grp",
                    &[&self.buried, &self.reasons, &session.now],
                )
                .await?;
            advance(session, queue, &rows, 0).await?;
        }
        Ok(())
    }
}

pub(super) async fn extend(
    session: Session<'_>,
    name: &str,
    receipt: &Receipt,
    visibility: Duration,
) -> Result<Option<Time>, Failure> {
    let queue = find(session, name).await?;
    let Some((id, receipt)) = read_receipt(receipt) else { return Ok(None) };
    let row = session
        .query_opt(
            "UPDATE pikku_message SET state = 2, due = pikku_now($5) + $4, span = $4 WHERE id = $1 AND receipt = $2 AND \
             queue = $3 RETURNING due",
            &[&id, &receipt, &queue.id, &millis(visibility.min(MOST_SPAN)), &session.now],
        )
        .await?;
    row.map(|row| time(&row, 0)).transpose()
}

pub(super) async fn stats(session: Session<'_>, name: &str) -> Result<QueueStats, Failure> {
    let queue = find(session, name).await?;
    let row = session
        .query_opt(
            "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state IN (1, 3)), count(*) FILTER (WHERE \
             state = 2), (SELECT count(*) FROM pikku_dead WHERE queue = $1) FROM pikku_message WHERE queue = $1",
            &[&queue.id],
        )
        .await?;
    let Some(row) = row else { return Ok(QueueStats::default()) };
    let count = |column| row.try_get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(QueueStats { ready: count(0)?, waiting: count(1)?, in_flight: count(2)?, dead: count(3)? })
}

/// The clock was set back: what would now wait longer than it was meant to waits its whole time anew.
pub(super) async fn mend(session: Session<'_>) -> Result<(), Failure> {
    for sql in [
        "UPDATE pikku_message SET due = pikku_now($1) + span WHERE state IN (1, 2) AND due > pikku_now($1) + span",
        "UPDATE pikku_message SET due = pikku_now($1) + span WHERE state = 3 AND due > pikku_now($1) + span",
        "UPDATE pikku_deduplication SET until = pikku_now($1) + span WHERE until > pikku_now($1) + span",
        "UPDATE pikku_lease SET until = pikku_now($1) + span WHERE until > pikku_now($1) + span",
    ] {
        session.execute(sql, &[&session.now]).await?;
    }
    Ok(())
}

fn read_receipt(receipt: &Receipt) -> Option<(i64, i64)> {
    let (id, receipt) = receipt.0.split_once('.')?;
    Some((id.parse().ok()?, receipt.parse().ok().filter(|receipt| *receipt > 0)?))
}
