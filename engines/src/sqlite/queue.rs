//! Queues: statements within the transaction of a round.
//!
//! SQLite takes a partial index only where a statement repeats its condition word for word, hence `state IN (1, 2)` before
//! `state = 2`.

use super::{
    store::span,
    writer::{Failure, Round},
};
use crate::{
    Attributes, Backoff, Body, Delivery, EngineError, Enqueued, ErrorKind, NewMessage, Outcome, QueueSpec, QueueStats,
    Receipt, Settled, Settlement, Time,
};
use rusqlite::{OptionalExtension as _, Row, params};
use std::{collections::HashMap, time::Duration};

pub(super) const READY: i64 = 0;
pub(super) const KEPT_BACK: i64 = 1;
pub(super) const BEHIND: i64 = 3;

/// The most messages whose time has come that one delivery sees to.
const MOST_DUE: i64 = 1000;

/// A queue as it is in the store.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) id: i64,
    visibility: Duration,
    max_receives: u32,
    backoff: Backoff,
    pub(super) fifo: bool,
    max_in_flight: Option<u32>,
    deduplication: Duration,
}

pub(super) fn find(round: &Round<'_>, name: &str) -> Result<Queue, Failure> {
    let mut statement = round.connection.prepare_cached(
        "SELECT id, visibility, max_receives, backoff_first, backoff_most, backoff_jitter, fifo, max_in_flight, \
         deduplication FROM pikku_queue WHERE name = ?1",
    )?;
    let found = statement
        .query_row([name], |row| {
            let span = |index| row.get::<_, i64>(index).map(|millis| Duration::from_millis(millis.unsigned_abs()));
            Ok(Queue {
                id: row.get(0)?,
                visibility: span(1)?,
                max_receives: row.get(2)?,
                backoff: Backoff { first: span(3)?, most: span(4)?, jitter: row.get(5)? },
                fifo: row.get(6)?,
                max_in_flight: row.get(7)?,
                deduplication: span(8)?,
            })
        })
        .optional()?;
    found.ok_or_else(|| {
        EngineError::new(ErrorKind::UnknownQueue, format!("queue `{name}`"), "no queue of that name is declared").into()
    })
}

pub(super) fn declare(round: &Round<'_>, spec: &QueueSpec) -> Result<(), Failure> {
    let was_fifo: Option<bool> = round
        .connection
        .query_row("SELECT fifo FROM pikku_queue WHERE name = ?1", [&spec.name], |row| row.get(0))
        .optional()?;
    round.connection.execute(
        "INSERT INTO pikku_queue (name, visibility, max_receives, backoff_first, backoff_most, backoff_jitter, fifo, \
         max_in_flight, deduplication) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (name) DO UPDATE SET \
         visibility = ?2, max_receives = ?3, backoff_first = ?4, backoff_most = ?5, backoff_jitter = ?6, fifo = ?7, \
         max_in_flight = ?8, deduplication = ?9",
        params![
            spec.name,
            span(spec.visibility),
            spec.max_receives,
            span(spec.backoff.first),
            span(spec.backoff.most),
            spec.backoff.jitter,
            spec.fifo,
            spec.max_in_flight,
            span(spec.deduplication),
        ],
    )?;
    match was_fifo {
        Some(true) if !spec.fifo => release_behind(round, find(round, &spec.name)?.id),
        Some(false) if spec.fifo => line_up(round, find(round, &spec.name)?.id),
        _ => Ok(()),
    }
}

/// A queue is not FIFO any more: none stands behind others.
fn release_behind(round: &Round<'_>, queue: i64) -> Result<(), Failure> {
    round.connection.execute(
        "UPDATE pikku_message SET state = iif(due > ?2, 1, 0) WHERE queue = ?1 AND state = 3",
        params![queue, round.now.millis()],
    )?;
    Ok(())
}

/// A queue is FIFO from now on: of each group the first stays, and all do that are in flight.
fn line_up(round: &Round<'_>, queue: i64) -> Result<(), Failure> {
    round.connection.execute("UPDATE pikku_message SET grp = '' WHERE queue = ?1 AND grp IS NULL", [queue])?;
    round.connection.execute(
        "UPDATE pikku_message SET state = 3 WHERE queue = ?1 AND state IN (0, 1) AND EXISTS (SELECT 1 FROM pikku_message \
         AS other WHERE other.queue = ?1 AND other.grp = pikku_message.grp AND other.id <> pikku_message.id AND \
         (other.state = 2 OR other.id < pikku_message.id))",
        [queue],
    )?;
    Ok(())
}

pub(super) fn enqueue(round: &Round<'_>, messages: &[NewMessage]) -> Result<Vec<Enqueued>, Failure> {
    // All of them before anything is written.
    let mut queues = HashMap::new();
    for message in messages {
        if !queues.contains_key(message.queue.as_str()) {
            queues.insert(message.queue.as_str(), find(round, &message.queue)?);
        }
    }
    if messages.iter().any(|message| message.deduplication_id.is_some()) {
        let mut statement = round.connection.prepare_cached("DELETE FROM pikku_deduplication WHERE until <= ?1")?;
        statement.execute([round.now.millis()])?;
    }
    messages.iter().map(|message| insert(round, &queues[message.queue.as_str()], message)).collect()
}

fn insert(round: &Round<'_>, queue: &Queue, message: &NewMessage) -> Result<Enqueued, Failure> {
    if let Some(key) = &message.deduplication_id
        && let Some(id) = earlier(round, queue, key)?
    {
        return Ok(Enqueued { id: id.to_string(), duplicate: true });
    }
    let due = round.now.after(message.delay);
    let group = match &message.group {
        None if queue.fifo => Some(""),
        group => group.as_deref(),
    };
    let state = if queue.fifo && has_head(round, queue.id, group)? {
        BEHIND
    } else if due > round.now {
        KEPT_BACK
    } else {
        READY
    };
    let mut statement = round.connection.prepare_cached(
        "INSERT INTO pikku_message (queue, state, rank, due, span, receives, receipt, sent, grp, is_text, body, attributes) \
         VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let id = statement.insert(params![
        queue.id,
        state,
        -i64::from(message.priority),
        due.millis(),
        span(message.delay),
        round.now.millis(),
        group,
        matches!(message.body, Body::Text(_)),
        message.body.as_bytes(),
        write_attributes(&message.attributes),
    ])?;
    if let Some(key) = &message.deduplication_id {
        let mut statement = round.connection.prepare_cached(
            "INSERT OR REPLACE INTO pikku_deduplication (queue, key, message, until, span) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let until = round.now.after(queue.deduplication);
        statement.execute(params![queue.id, key, id, until.millis(), span(queue.deduplication)])?;
    }
    Ok(Enqueued { id: id.to_string(), duplicate: false })
}

fn earlier(round: &Round<'_>, queue: &Queue, key: &str) -> Result<Option<i64>, Failure> {
    let mut statement = round
        .connection
        .prepare_cached("SELECT message FROM pikku_deduplication WHERE queue = ?1 AND key = ?2 AND until > ?3")?;
    Ok(statement.query_row(params![queue.id, key, round.now.millis()], |row| row.get(0)).optional()?)
}

/// Whether a group has one that is not behind. Where it has not, it is empty.
pub(super) fn has_head(round: &Round<'_>, queue: i64, group: Option<&str>) -> Result<bool, Failure> {
    let mut statement = round.connection.prepare_cached(
        "SELECT 1 FROM pikku_message WHERE queue = ?1 AND grp = ?2 AND grp IS NOT NULL AND state <> 3",
    )?;
    Ok(statement.exists(params![queue, group])?)
}

/// One of a group is gone: the next takes its place.
fn advance(round: &Round<'_>, queue: i64, group: &str) -> Result<(), Failure> {
    if has_head(round, queue, Some(group))? {
        return Ok(());
    }
    let mut statement = round.connection.prepare_cached(
        "UPDATE pikku_message SET state = iif(due > ?3, 1, 0) WHERE id = (SELECT id FROM pikku_message WHERE queue = ?1 \
         AND grp = ?2 AND state = 3 ORDER BY id LIMIT 1)",
    )?;
    statement.execute(params![queue, group, round.now.millis()])?;
    Ok(())
}

/// Whether a delivery would find something, as far as can be said without writing.
pub(super) fn has_work(round: &Round<'_>, queue: &str) -> Result<bool, Failure> {
    let queue = find(round, queue)?.id;
    let mut ready =
        round.connection.prepare_cached("SELECT 1 FROM pikku_message WHERE queue = ?1 AND state = 0 LIMIT 1")?;
    Ok(ready.exists([queue])? || is_due(round, queue)?)
}

fn is_due(round: &Round<'_>, queue: i64) -> Result<bool, Failure> {
    let mut due = round
        .connection
        .prepare_cached("SELECT 1 FROM pikku_message WHERE queue = ?1 AND state IN (1, 2) AND due <= ?2 LIMIT 1")?;
    Ok(due.exists(params![queue, round.now.millis()])?)
}

/// When the next message is due that is kept back or in flight.
pub(super) fn next_due(round: &Round<'_>, queue: &str) -> Result<Option<Time>, Failure> {
    let queue = find(round, queue)?.id;
    let mut statement = round.connection.prepare_cached(
        "SELECT min(due) FROM (SELECT min(due) AS due FROM pikku_message WHERE queue = ?1 AND state IN (1, 2) AND state = 1 \
         UNION ALL SELECT min(due) FROM pikku_message WHERE queue = ?1 AND state IN (1, 2) AND state = 2)",
    )?;
    let due: Option<i64> = statement.query_row([queue], |row| row.get(0))?;
    Ok(due.map(Time::from_millis))
}

pub(super) fn receive(round: &Round<'_>, name: &str, max: usize) -> Result<Vec<Delivery>, Failure> {
    let queue = find(round, name)?;
    if is_due(round, queue.id)? {
        see_to_due(round, &queue)?;
    }
    let room = match queue.max_in_flight {
        None => max,
        Some(most) => max.min(most.saturating_sub(in_flight(round, queue.id)?) as usize),
    };
    if room == 0 {
        return Ok(Vec::new());
    }
    let receipt = fastrand::i64(1..);
    let visible_at = round.now.after(queue.visibility);
    let mut statement = round.connection.prepare_cached(
        "UPDATE pikku_message SET state = 2, due = ?3, span = ?4, receives = receives + 1, receipt = ?5 WHERE id IN \
         (SELECT id FROM pikku_message WHERE queue = ?1 AND state = 0 ORDER BY rank, id LIMIT ?2) \
         RETURNING id, rank, receives, sent, grp, is_text, body, attributes",
    )?;
    let room = i64::try_from(room).unwrap_or(i64::MAX);
    let claimed = statement
        .query_map(params![queue.id, room, visible_at.millis(), span(queue.visibility), receipt], |row| {
            let (id, rank): (i64, i64) = (row.get(0)?, row.get(1)?);
            let group: Option<String> = row.get(4)?;
            let delivery = Delivery {
                id: id.to_string(),
                queue: name.to_owned(),
                receipt: Receipt(format!("{id}.{receipt}")),
                body: read_body(row, 5, 6)?,
                attributes: read_attributes(row, 7)?,
                group: group.filter(|group| !group.is_empty()),
                sent_at: Time::from_millis(row.get(3)?),
                receives: row.get(2)?,
                visible_at,
            };
            Ok(((rank, id), delivery))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let mut claimed = claimed;
    // What is returned comes in any order.
    claimed.sort_unstable_by_key(|(place, _)| *place);
    Ok(claimed.into_iter().map(|(_, delivery)| delivery).collect())
}

fn in_flight(round: &Round<'_>, queue: i64) -> Result<u32, Failure> {
    let mut statement = round
        .connection
        .prepare_cached("SELECT count(*) FROM pikku_message WHERE queue = ?1 AND state IN (1, 2) AND state = 2")?;
    Ok(statement.query_row([queue], |row| row.get(0))?)
}

/// Messages whose time has come are ready, or dead where they were in flight for the last time.
fn see_to_due(round: &Round<'_>, queue: &Queue) -> Result<(), Failure> {
    let now = round.now.millis();
    let mut statement = round.connection.prepare_cached(
        "SELECT id FROM pikku_message WHERE queue = ?1 AND state IN (1, 2) AND state = 2 AND due <= ?2 AND receives >= ?3 \
         LIMIT ?4",
    )?;
    let last = statement
        .query_map(params![queue.id, now, queue.max_receives, MOST_DUE], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    for id in last {
        bury(
            round,
            queue,
            id,
            "it was not settled before its visibility timeout, and was delivered as often as allowed",
        )?;
    }
    let mut statement = round.connection.prepare_cached(
        "UPDATE pikku_message SET state = 0 WHERE id IN (SELECT id FROM pikku_message WHERE queue = ?1 AND \
         state IN (1, 2) AND state = 1 AND due <= ?2 ORDER BY due LIMIT ?3)",
    )?;
    statement.execute(params![queue.id, now, MOST_DUE])?;
    let mut statement = round.connection.prepare_cached(
        "UPDATE pikku_message SET state = 0 WHERE id IN (SELECT id FROM pikku_message WHERE queue = ?1 AND \
         state IN (1, 2) AND state = 2 AND due <= ?2 AND receives < ?4 ORDER BY due LIMIT ?3)",
    )?;
    statement.execute(params![queue.id, now, MOST_DUE, queue.max_receives])?;
    Ok(())
}

/// Puts a message among the dead letters.
fn bury(round: &Round<'_>, queue: &Queue, id: i64, reason: &str) -> Result<(), Failure> {
    let mut statement = round.connection.prepare_cached(
        "INSERT INTO pikku_dead (id, queue, rank, receives, sent, died, reason, grp, is_text, body, attributes) \
         SELECT id, queue, rank, receives, sent, ?2, ?3, grp, is_text, body, attributes FROM pikku_message WHERE id = ?1",
    )?;
    statement.execute(params![id, round.now.millis(), reason])?;
    let mut statement = round.connection.prepare_cached("DELETE FROM pikku_message WHERE id = ?1 RETURNING grp")?;
    let group: Option<Option<String>> = statement.query_row([id], |row| row.get(0)).optional()?;
    advance_any(round, queue, group.flatten())
}

fn advance_any(round: &Round<'_>, queue: &Queue, group: Option<String>) -> Result<(), Failure> {
    match group {
        Some(group) if queue.fifo => advance(round, queue.id, &group),
        _ => Ok(()),
    }
}

pub(super) fn settle(round: &Round<'_>, name: &str, settlements: &[Settlement]) -> Result<Vec<Settled>, Failure> {
    let queue = find(round, name)?;
    settlements.iter().map(|settlement| settle_one(round, &queue, settlement)).collect()
}

fn settle_one(round: &Round<'_>, queue: &Queue, settlement: &Settlement) -> Result<Settled, Failure> {
    let Some((id, receipt)) = read_receipt(&settlement.receipt) else { return Ok(Settled::Stale) };
    if settlement.outcome == Outcome::Done {
        let mut statement = round
            .connection
            .prepare_cached("DELETE FROM pikku_message WHERE id = ?1 AND receipt = ?2 AND queue = ?3 RETURNING grp")?;
        let group: Option<Option<String>> =
            statement.query_row([id, receipt, queue.id], |row| row.get(0)).optional()?;
        let Some(group) = group else { return Ok(Settled::Stale) };
        advance_any(round, queue, group)?;
        return Ok(Settled::Done);
    }
    let mut statement = round
        .connection
        .prepare_cached("SELECT receives FROM pikku_message WHERE id = ?1 AND receipt = ?2 AND queue = ?3")?;
    let receives: Option<u32> = statement.query_row([id, receipt, queue.id], |row| row.get(0)).optional()?;
    let Some(receives) = receives else { return Ok(Settled::Stale) };
    match &settlement.outcome {
        Outcome::Retry { delay, .. } if receives < queue.max_receives => {
            let delay = delay.unwrap_or_else(|| queue.backoff.delay(receives, fastrand::f64()));
            keep_back(round, id, receives, delay).map(Settled::Retrying)
        }
        Outcome::Retry { reason, .. } | Outcome::Dead { reason } => {
            bury(round, queue, id, reason)?;
            Ok(Settled::Dead)
        }
        Outcome::Release { delay } => {
            keep_back(round, id, receives.saturating_sub(1), *delay)?;
            Ok(Settled::Released)
        }
        Outcome::Done => Ok(Settled::Stale),
    }
}

/// Has a message come again after a while, counted as delivered so often.
fn keep_back(round: &Round<'_>, id: i64, receives: u32, delay: Duration) -> Result<Duration, Failure> {
    let delay = delay.min(crate::spec::MOST_SPAN);
    let state = if span(delay) > 0 { KEPT_BACK } else { READY };
    let mut statement = round.connection.prepare_cached(
        "UPDATE pikku_message SET state = ?2, due = ?3, span = ?4, receives = ?5, receipt = 0 WHERE id = ?1",
    )?;
    statement.execute(params![id, state, round.now.after(delay).millis(), span(delay), receives])?;
    Ok(delay)
}

pub(super) fn extend(
    round: &Round<'_>,
    name: &str,
    receipt: &Receipt,
    visibility: Duration,
) -> Result<Option<Time>, Failure> {
    let queue = find(round, name)?;
    let Some((id, receipt)) = read_receipt(receipt) else { return Ok(None) };
    let until = round.now.after(visibility);
    let mut statement = round.connection.prepare_cached(
        "UPDATE pikku_message SET state = 2, due = ?4, span = ?5 WHERE id = ?1 AND receipt = ?2 AND queue = ?3",
    )?;
    let changed = statement.execute(params![id, receipt, queue.id, until.millis(), span(visibility)])?;
    Ok((changed == 1).then_some(until))
}

pub(super) fn stats(round: &Round<'_>, name: &str) -> Result<QueueStats, Failure> {
    let queue = find(round, name)?.id;
    let count = |sql: &str| {
        let count: rusqlite::Result<i64> = round.connection.prepare_cached(sql)?.query_row([queue], |row| row.get(0));
        count.map(i64::unsigned_abs)
    };
    let kept_back = count("SELECT count(*) FROM pikku_message WHERE queue = ?1 AND state IN (1, 2) AND state = 1")?;
    let behind = count("SELECT count(*) FROM pikku_message WHERE queue = ?1 AND state = 3")?;
    Ok(QueueStats {
        ready: count("SELECT count(*) FROM pikku_message WHERE queue = ?1 AND state = 0")?,
        waiting: kept_back + behind,
        in_flight: count("SELECT count(*) FROM pikku_message WHERE queue = ?1 AND state IN (1, 2) AND state = 2")?,
        dead: count("SELECT count(*) FROM pikku_dead WHERE queue = ?1")?,
    })
}

/// The clock was set back: what would now wait longer than it was meant to waits its whole time anew.
pub(super) fn mend(round: &Round<'_>) -> Result<(), rusqlite::Error> {
    let now = [round.now.millis()];
    for sql in [
        "UPDATE pikku_message SET due = ?1 + span WHERE state IN (1, 2) AND due > ?1 + span",
        "UPDATE pikku_message SET due = ?1 + span WHERE state = 3 AND due > ?1 + span",
        "UPDATE pikku_deduplication SET until = ?1 + span WHERE until > ?1 + span",
        "UPDATE pikku_lease SET until = ?1 + span WHERE until > ?1 + span",
    ] {
        round.connection.execute(sql, now)?;
    }
    Ok(())
}

fn read_receipt(receipt: &Receipt) -> Option<(i64, i64)> {
    let (id, receipt) = receipt.0.split_once('.')?;
    Some((id.parse().ok()?, receipt.parse().ok().filter(|receipt| *receipt > 0)?))
}

fn write_attributes(attributes: &Attributes) -> Option<String> {
    (!attributes.is_empty()).then(|| serde_json::json!(attributes).to_string())
}

/// A body, whether it is text in the one column, its octets in the other.
pub(super) fn read_body(row: &Row<'_>, is_text: usize, body: usize) -> rusqlite::Result<Body> {
    let octets: Vec<u8> = row.get(body)?;
    if !row.get::<_, bool>(is_text)? {
        return Ok(Body::Bytes(octets));
    }
    String::from_utf8(octets)
        .map(Body::Text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(body, rusqlite::types::Type::Blob, error.into()))
}

pub(super) fn read_attributes(row: &Row<'_>, column: usize) -> rusqlite::Result<Attributes> {
    let Some(text) = row.get::<_, Option<String>>(column)? else { return Ok(Attributes::new()) };
    serde_json::from_str(&text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into()))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    /// What is done once, when a queue changes its kind or the clock was set back.
    const RARE: [&str; 4] = ["SET grp = ''", "SET state = 3", "SET due = ?1 + span", "SET until = ?1 + span"];

    /// A statement that reads all messages would make each delivery slower with each message that waits.
    #[test]
    fn no_statement_reads_a_table_as_a_whole() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("schema/1.sql")).unwrap();
        let mut read = 0;
        for source in [include_str!("queue.rs"), include_str!("dead.rs")] {
            let source = source.split("#[cfg(test)]").next().unwrap();
            for literal in source.split('"').skip(1).step_by(2) {
                let sql: Vec<&str> = literal.lines().map(|line| line.trim().trim_end_matches('\\')).collect();
                let sql = sql.join("");
                let is_statement = ["SELECT", "UPDATE", "DELETE"].iter().any(|verb| sql.starts_with(verb));
                if !is_statement || RARE.iter().any(|rare| sql.contains(rare)) {
                    continue;
                }
                let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
                let mut rows = statement.raw_query();
                while let Some(row) = rows.next().unwrap() {
                    let step: String = row.get(3).unwrap();
                    assert!(!step.starts_with("SCAN") && !step.contains("TEMP B-TREE"), "{step}: {sql}");
                    assert!(!step.ends_with("pikku_message"), "{step}: {sql}");
                }
                read += 1;
            }
        }
        assert!(read > 20, "{read} statements");
    }
}
