//! Queues and what is sent to them.

use super::store::{Failure, Session, span};
use crate::{Attributes, Backoff, Body, EngineError, Enqueued, ErrorKind, NewMessage, QueueSpec, clock::millis};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};
use tokio_postgres::Row;

/// A queue as it is in the store.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) id: i32,
    pub(super) name: String,
    pub(super) visibility: Duration,
    pub(super) max_receives: i64,
    pub(super) backoff: Backoff,
    pub(super) fifo: bool,
    pub(super) max_in_flight: Option<i64>,
    deduplication: Duration,
}

impl Queue {
    /// Reads the columns that each query for queues begins with.
    pub(super) fn read(row: &Row) -> Result<Self, Failure> {
        Ok(Self {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            visibility: span(row, 2)?,
            max_receives: row.try_get(3)?,
            backoff: Backoff { first: span(row, 4)?, most: span(row, 5)?, jitter: row.try_get(6)? },
            fifo: row.try_get(7)?,
            max_in_flight: row.try_get(8)?,
            deduplication: span(row, 9)?,
        })
    }
}

pub(super) fn unknown(name: &str) -> Failure {
    EngineError::new(ErrorKind::UnknownQueue, format!("queue `{name}`"), "no queue of that name is declared").into()
}

pub(super) async fn find(session: Session<'_>, name: &str) -> Result<Queue, Failure> {
    let row = session
        .query_opt(
            "SELECT id, name, visibility, max_receives, backoff_first, backoff_most, backoff_jitter, fifo, \
             max_in_flight, deduplication FROM pikku_queue WHERE name = $1",
            &[&name],
        )
        .await?;
    row.map_or_else(|| Err(unknown(name)), |row| Queue::read(&row))
}

/// Lets nobody else change the order of a queue before the transaction ends. Answers the queue as it is then.
pub(super) async fn lock(session: Session<'_>, queue: &Queue) -> Result<Queue, Failure> {
    let row = session
        .query_opt(
            "SELECT id, name, visibility, max_receives, backoff_first, backoff_most, backoff_jitter, fifo, \
             max_in_flight, deduplication FROM pikku_queue WHERE id = $1 FOR NO KEY UPDATE",
            &[&queue.id],
        )
        .await?;
    row.map_or_else(|| Err(unknown(&queue.name)), |row| Queue::read(&row))
}

pub(super) async fn declare(session: Session<'_>, specs: &[QueueSpec]) -> Result<(), Failure> {
    let mut specs: Vec<&QueueSpec> = specs.iter().collect();
    // Instances that start together wait for each other in one order.
    specs.sort_by(|one, other| one.name.cmp(&other.name));
    for spec in specs {
        let earlier =
            session.query_opt("SELECT fifo FROM pikku_queue WHERE name = $1 FOR NO KEY UPDATE", &[&spec.name]).await?;
        let was_fifo: Option<bool> = earlier.map(|row| row.try_get(0)).transpose()?;
        let row = session
            .query_opt(
                "INSERT INTO pikku_queue (name, visibility, max_receives, backoff_first, backoff_most, backoff_jitter, \
                 fifo, max_in_flight, deduplication) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (name) DO \
                 UPDATE SET visibility = $2, max_receives = $3, backoff_first = $4, backoff_most = $5, \
                 backoff_jitter = $6, fifo = $7, max_in_flight = $8, deduplication = $9 RETURNING id",
                &[
                    &spec.name,
                    &millis(spec.visibility),
                    &i64::from(spec.max_receives),
                    &millis(spec.backoff.first),
                    &millis(spec.backoff.most),
                    &spec.backoff.jitter,
                    &spec.fifo,
                    &spec.max_in_flight.map(i64::from),
                    &millis(spec.deduplication),
                ],
            )
            .await?;
        let Some(row) = row else { return Err(unknown(&spec.name)) };
        let id: i32 = row.try_get(0)?;
        match was_fifo {
            Some(true) if !spec.fifo => release_behind(session, id).await?,
            Some(false) if spec.fifo => line_up(session, id).await?,
            _ => {}
        }
    }
    Ok(())
}

/// A queue is not FIFO any more: none stands behind others.
async fn release_behind(session: Session<'_>, queue: i32) -> Result<(), Failure> {
    session
        .execute(
            "UPDATE pikku_message SET state = CASE WHEN due > pikku_now($2) THEN 1 ELSE 0 END WHERE queue = $1 AND \
             state = 3",
            &[&queue, &session.now],
        )
        .await
}

/// A queue is FIFO from now on: of each group the first stays, and all do that are in flight.
async fn line_up(session: Session<'_>, queue: i32) -> Result<(), Failure> {
    session.execute("UPDATE pikku_message SET grp = '' WHERE queue = $1 AND grp IS NULL", &[&queue]).await?;
    session
        .execute(
            "UPDATE pikku_message m SET state = 3 WHERE queue = $1 AND state IN (0, 1) AND EXISTS (SELECT 1 FROM \
             pikku_message other WHERE other.queue = $1 AND other.grp = m.grp AND other.id <> m.id AND \
             (other.state = 2 OR other.id < m.id))",
            &[&queue],
        )
        .await
}

/// Takes messages, within a transaction.
pub(super) async fn enqueue(session: Session<'_>, messages: &[NewMessage]) -> Result<Vec<Enqueued>, Failure> {
    refuse_nul(messages)?;
    let queues = find_all(session, messages).await?;
    let ids = next_ids(session, messages.len()).await?;
    let taken = claim(session, &queues, messages, &ids).await?;
    insert(session, &queues, messages, &taken).await?;
    Ok(taken)
}

/// The queues of messages by their names. Those that are FIFO are locked, in one order.
async fn find_all(session: Session<'_>, messages: &[NewMessage]) -> Result<HashMap<String, Queue>, Failure> {
    let names: BTreeSet<&str> = messages.iter().map(|message| message.queue.as_str()).collect();
    let mut queues = HashMap::new();
    for name in names {
        let mut queue = find(session, name).await?;
        if queue.fifo {
            queue = lock(session, &queue).await?;
        }
        queues.insert(name.to_owned(), queue);
    }
    Ok(queues)
}

async fn next_ids(session: Session<'_>, count: usize) -> Result<Vec<i64>, Failure> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rows =
        session.query("SELECT nextval('pikku_message_id') FROM generate_series(1, $1::bigint)", &[&count]).await?;
    let mut ids = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    ids.sort_unstable();
    Ok(ids)
}

/// Says of each message whether it is taken, by its own id, or there already.
async fn claim(
    session: Session<'_>,
    queues: &HashMap<String, Queue>,
    messages: &[NewMessage],
    ids: &[i64],
) -> Result<Vec<Enqueued>, Failure> {
    // The first of each key within this call speaks for it. In one order, so that calls do not wait for each other in a ring.
    let mut first: Vec<(i32, &str, i64, i64)> = Vec::new();
    let mut seen = HashSet::new();
    for (message, id) in messages.iter().zip(ids) {
        if let Some(key) = &message.deduplication_id {
            let queue = &queues[&message.queue];
            if seen.insert((queue.id, key.as_str())) {
                first.push((queue.id, key, *id, millis(queue.deduplication)));
            }
        }
    }
    if first.is_empty() {
        return Ok(ids.iter().map(|id| Enqueued { id: id.to_string(), duplicate: false }).collect());
    }
    first.sort_unstable();
    // Locked ones are seen to by others.
    session
        .execute(
            "DELETE FROM pikku_deduplication WHERE (queue, key) IN (SELECT queue, key FROM pikku_deduplication WHERE \
             until <= pikku_now($1) ORDER BY until LIMIT 1000 FOR UPDATE SKIP LOCKED)",
            &[&session.now],
        )
        .await?;
    let of: Vec<i32> = first.iter().map(|(queue, ..)| *queue).collect();
    let keys: Vec<&str> = first.iter().map(|(_, key, ..)| *key).collect();
    let own: Vec<i64> = first.iter().map(|(_, _, id, _)| *id).collect();
    let spans: Vec<i64> = first.iter().map(|(.., span)| *span).collect();
    session
        .execute(
            "INSERT INTO pikku_deduplication AS d (queue, key, message, until, span) SELECT queue, key, message, \
             pikku_now($5) + span, span FROM unnest($1::integer[], $2::text[], $3::bigint[], $4::bigint[]) \
             WITH ORDINALITY AS s (queue, key, message, span, place) ORDER BY place ON CONFLICT (queue, key) DO UPDATE SET \
             message = excluded.message, until = excluded.until, span = excluded.span WHERE d.until <= pikku_now($5)",
            &[&of, &keys, &own, &spans, &session.now],
        )
        .await?;
    let rows = session
        .query(
            "SELECT d.queue, d.key, d.message FROM pikku_deduplication d JOIN unnest($1::integer[], $2::text[]) AS \
             s (queue, key) ON d.queue = s.queue AND d.key = s.key",
            &[&of, &keys],
        )
        .await?;
    let mut there: HashMap<(i32, String), i64> = HashMap::new();
    for row in rows {
        there.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
    }
    let taken = |(message, id): (&NewMessage, &i64)| {
        let key = message.deduplication_id.as_ref();
        let earlier = key.and_then(|key| there.get(&(queues[&message.queue].id, key.clone()))).unwrap_or(id);
        Enqueued { id: earlier.to_string(), duplicate: earlier != id }
    };
    Ok(messages.iter().zip(ids).map(taken).collect())
}

async fn insert(
    session: Session<'_>,
    queues: &HashMap<String, Queue>,
    messages: &[NewMessage],
    taken: &[Enqueued],
) -> Result<(), Failure> {
    let mut groups = HashSet::new();
    let mut columns = Columns::default();
    for (message, taken) in messages.iter().zip(taken).filter(|(_, taken)| !taken.duplicate) {
        let queue = &queues[&message.queue];
        let group = match &message.group {
            None if queue.fifo => Some(""),
            group => group.as_deref(),
        };
        let Ok(id) = taken.id.parse::<i64>() else { continue };
        columns.ids.push(id);
        columns.queues.push(queue.id);
        columns.fifo.push(queue.fifo);
        columns.follows.push(queue.fifo && !groups.insert((queue.id, group)));
        columns.ranks.push(-i16::from(message.priority));
        columns.delays.push(millis(message.delay));
        columns.groups.push(group);
        columns.is_text.push(matches!(message.body, Body::Text(_)));
        columns.bodies.push(message.body.as_bytes());
        columns.attributes.push(write_attributes(&message.attributes));
    }
    if columns.ids.is_empty() {
        return Ok(());
    }
    // In a FIFO queue one stands behind where the group has one that does not.
    session
        .execute(
            "INSERT INTO pikku_message (id, queue, state, rank, due, span, receives, receipt, sent, grp, is_text, body, \
             attributes) SELECT id, queue, CASE WHEN follows OR (fifo AND EXISTS (SELECT 1 FROM pikku_message head WHERE \
             head.queue = s.queue AND head.grp = s.grp AND head.grp IS NOT NULL AND head.state <> 3)) THEN 3 WHEN \
             delay > 0 THEN 1 ELSE 0 END, rank, pikku_now($11) + delay, delay, 0, 0, pikku_now($11), grp, is_text, body, \
             attributes FROM unnest($1::bigint[], $2::integer[], $3::boolean[], $4::boolean[], $5::smallint[], \
             $6::bigint[], $7::text[], $8::boolean[], $9::bytea[], $10::text[]) AS s (id, queue, fifo, follows, rank, \
             delay, grp, is_text, body, attributes)",
            &[
                &columns.ids,
                &columns.queues,
                &columns.fifo,
                &columns.follows,
                &columns.ranks,
                &columns.delays,
                &columns.groups,
                &columns.is_text,
                &columns.bodies,
                &columns.attributes,
                &session.now,
            ],
        )
        .await
}

/// Messages by column, each as one array.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<i64>,
    queues: Vec<i32>,
    fifo: Vec<bool>,
    follows: Vec<bool>,
    ranks: Vec<i16>,
    delays: Vec<i64>,
    groups: Vec<Option<&'a str>>,
    is_text: Vec<bool>,
    bodies: Vec<&'a [u8]>,
    attributes: Vec<Option<String>>,
}

/// The one character that PostgreSQL's texts cannot hold. In bodies and attributes, which are kept otherwise, it may be.
fn refuse_nul(messages: &[NewMessage]) -> Result<(), EngineError> {
    for message in messages {
        for (what, id) in [("group", &message.group), ("deduplication id", &message.deduplication_id)] {
            if id.as_ref().is_some_and(|id| id.contains('\0')) {
                let place = format!("a message to queue `{}`", message.queue);
                let reason = format!("its {what} has a NUL character, which PostgreSQL does not take");
                return Err(EngineError::new(ErrorKind::Limit, place, reason));
            }
        }
    }
    Ok(())
}

fn write_attributes(attributes: &Attributes) -> Option<String> {
    (!attributes.is_empty()).then(|| serde_json::json!(attributes).to_string())
}

/// A body, whether it is text in the one column, its octets in the other.
pub(crate) fn read_body(row: &Row, is_text: usize, body: usize) -> Result<Body, Failure> {
    let octets: Vec<u8> = row.try_get(body)?;
    if !row.try_get(is_text)? {
        return Ok(Body::Bytes(octets));
    }
    String::from_utf8(octets)
        .map(Body::Text)
        .map_err(|error| damaged("a body is not the text that it should be", error))
}

pub(crate) fn read_attributes(row: &Row, column: usize) -> Result<Attributes, Failure> {
    let Some(text) = row.try_get::<_, Option<&str>>(column)? else { return Ok(Attributes::new()) };
    serde_json::from_str(text).map_err(|error| damaged("attributes are not what was written", error))
}

fn damaged(reason: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Failure {
    EngineError::new(ErrorKind::Corrupt, "a table of Pikku's", reason).caused_by(cause).into()
}
