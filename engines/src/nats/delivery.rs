//! Deliveries and what becomes of them.

use super::{
    envelope::{Envelope, time},
    queue::{self, Queue},
    store::{Store, persist},
};
use crate::{Delivery, EngineError, ErrorKind, Outcome, Receipt, Settled, Settlement, Time, spec::MOST_SPAN};
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt as _;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The longest that the server is asked to wait at once, so that one that was restarted is noticed.
const WAIT: Duration = Duration::from_secs(5);

/// How long what is there already may take to come.
const PROMPT: Duration = Duration::from_millis(500);

const UNSETTLED: &str = "it was not settled before its visibility timeout, and was delivered as often as allowed";

/// What this process was delivered and has not settled, by its receipt, with the time until which it holds.
///
/// The server takes an acknowledgement of any delivery of a message, however old. So who was delivered it, and whether the
/// time is over, is seen to here.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<HashMap<String, Instant>>);

impl Held {
    fn insert(&self, receipt: &str, until: Instant) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= 4096 && held.len().is_power_of_two() {
            let now = Instant::now();
            held.retain(|_, until| *until > now);
        }
        held.insert(receipt.to_owned(), until);
    }

    fn get(&self, receipt: &str) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(receipt).copied()
    }

    fn remove(&self, receipt: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(receipt);
    }
}

/// A receipt, read: `<deadline> <receives> <subject to acknowledge at>`.
struct Ticket<'a> {
    deadline: Time,
    receives: u32,
    subject: &'a str,
    sequence: u64,
}

impl<'a> Ticket<'a> {
    fn read(receipt: &'a Receipt) -> Option<Self> {
        let mut parts = receipt.0.splitn(3, ' ');
        let (deadline, receives) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let subject = parts.next().filter(|subject| subject.starts_with("$JS.ACK."))?;
        // The sequence of the stream is the fifth of the last seven tokens, or of nine with a domain and one more.
        let tokens: Vec<&str> = subject.split('.').collect();
        let sequence = tokens.get(if tokens.len() > 9 { 7 } else { 5 })?.parse().ok()?;
        Some(Self { deadline: Time::from_millis(deadline), receives, subject, sequence })
    }
}

/// Delivers what is ready, and waits for it.
pub(super) async fn receive(
    store: &Store,
    held: &Held,
    queue: &Queue,
    max: usize,
    until: Instant,
    is_wanted: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Delivery>, EngineError> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let messages = persist!(store, pull(store, queue, max, left))?;
        let mut deliveries = Vec::with_capacity(messages.len());
        for message in messages {
            deliveries.extend(sort(store, held, queue, message).await?);
        }
        if !deliveries.is_empty() || until <= Instant::now() || !is_wanted() {
            return Ok(deliveries);
        }
    }
}

/// Asks for one, with patience, and then for what else is there; or for all that is there, without.
async fn pull(store: &Store, queue: &Queue, max: usize, wait: Duration) -> Result<Vec<Message>, EngineError> {
    let mut messages = Vec::new();
    let mut more = max;
    if wait >= Duration::from_millis(50) {
        let wait = wait.min(WAIT);
        let batch = queue.consumer.batch().max_messages(1).expires(wait).messages();
        let mut batch = timely(store, store.settings.attempt(), batch).await?.map_err(|error| absent(store, &error))?;
        let Ok(Some(first)) = tokio::time::timeout(wait + PROMPT, batch.next()).await else { return Ok(messages) };
        let first = first.map_err(|error| absent(store, &*error))?;
        let pending = first.info().map_or(0, |info| info.pending);
        messages.push(first);
        more = (max - 1).min(usize::try_from(pending).unwrap_or(usize::MAX));
    }
    if more == 0 {
        return Ok(messages);
    }
    let batch = queue.consumer.fetch().max_messages(more).messages();
    let mut batch = timely(store, store.settings.attempt(), batch).await?.map_err(|error| absent(store, &error))?;
    // Those that are there come at once. Where as many are in flight as may be, there is no answer.
    while let Ok(Some(message)) = tokio::time::timeout(PROMPT, batch.next()).await {
        match message {
            Ok(message) => messages.push(message),
            // Those that are here count.
            Err(error) if messages.is_empty() => return Err(absent(store, &*error)),
            Err(_) => break,
        }
    }
    Ok(messages)
}

async fn timely<T>(store: &Store, span: Duration, work: impl Future<Output = T>) -> Result<T, EngineError> {
    tokio::time::timeout(span, work).await.map_err(|_| store.silent())
}

fn absent(store: &Store, error: &dyn std::error::Error) -> EngineError {
    EngineError::new(ErrorKind::Unavailable, store.place.clone(), "it cannot be asked for messages")
        .caused_by(error.to_string())
}

/// What a message that came is: a delivery, or one whose time has not come, or one that is dead.
async fn sort(store: &Store, held: &Held, queue: &Queue, message: Message) -> Result<Option<Delivery>, EngineError> {
    let came = Instant::now();
    let Some(subject) = message.reply.as_ref().map(ToString::to_string) else { return Ok(None) };
    let (sequence, delivered, published) = match message.info() {
        Ok(info) => (info.stream_sequence, info.delivered, time(info.published.unix_timestamp_nanos())),
        Err(error) => return Err(absent(store, &*error)),
    };
    let envelope = Envelope::read(message.headers.as_ref())?;
    let mut receives = u32::try_from(delivered).unwrap_or(u32::MAX);
    let now = store.settings.clock.now();
    if envelope.delay > 0 {
        // The first time it comes is no delivery: it is given back until its time has come.
        let left = envelope.delay().saturating_sub(now.since(published)).min(envelope.delay());
        if receives == 1 || !left.is_zero() {
            answer(store, &subject, AckKind::Nak(Some(left))).await?;
            return Ok(None);
        }
        receives -= 1;
    }
    let id = envelope.id.clone().unwrap_or_else(|| queue::id(&queue.name, sequence));
    if receives > queue.declared.max_receives {
        bury(store, queue, &envelope, &message.payload, &id, receives - 1, UNSETTLED, published).await?;
        answer(store, &subject, AckKind::Ack).await?;
        return Ok(None);
    }
    let visible_at = now.after(queue.declared.visibility());
    let receipt = format!("{} {receives} {subject}", visible_at.millis());
    held.insert(&receipt, came + queue.declared.visibility());
    Ok(Some(Delivery {
        id,
        queue: queue.name.clone(),
        receipt: Receipt(receipt),
        body: envelope.body(&message.payload),
        attributes: envelope.attributes,
        group: envelope.group,
        sent_at: envelope.sent.map_or(published, Time::from_millis),
        receives,
        visible_at,
    }))
}

#[expect(clippy::too_many_arguments, reason = "each is a part of a dead letter")]
async fn bury(
    store: &Store,
    queue: &Queue,
    envelope: &Envelope,
    payload: &[u8],
    id: &str,
    receives: u32,
    reason: &str,
    published: Time,
) -> Result<(), EngineError> {
    let envelope = Envelope {
        id: Some(id.to_owned()),
        sent: Some(envelope.sent.unwrap_or(published.millis())),
        receives,
        // A header is small.
        reason: reason.chars().take(1000).collect(),
        ..envelope.clone()
    };
    queue::publish_dead(store, queue, &envelope, payload, id).await
}

/// Tells the server what becomes of a delivery, and waits until it has heard.
async fn answer(store: &Store, subject: &str, kind: AckKind) -> Result<(), EngineError> {
    let told = store.client.request(subject.to_owned(), kind.into()).await;
    told.map(drop).map_err(|error| store.failed(error))
}

/// Whether a receipt still holds.
async fn holds(
    store: &Store,
    held: &Held,
    queue: &Queue,
    receipt: &Receipt,
    ticket: &Ticket<'_>,
) -> Result<bool, EngineError> {
    if let Some(until) = held.get(&receipt.0) {
        return Ok(until > Instant::now());
    }
    // Another process was delivered it, or it is settled.
    if ticket.deadline <= store.settings.clock.now() {
        return Ok(false);
    }
    Ok(stored(store, queue, ticket.sequence).await?.is_some())
}

/// A message of a queue's stream, unless it is gone.
async fn stored(
    store: &Store,
    queue: &Queue,
    sequence: u64,
) -> Result<Option<async_nats::jetstream::message::StreamMessage>, EngineError> {
    use async_nats::jetstream::stream::LastRawMessageErrorKind as Kind;
    match queue.stream.get_raw_message(sequence).await {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == Kind::NoMessageFound => Ok(None),
        Err(error) => Err(store.failed(error)),
    }
}

pub(super) async fn settle(
    store: &Store,
    held: &Held,
    queue: &Queue,
    settlements: &[Settlement],
) -> Result<Vec<Settled>, EngineError> {
    let each =
        settlements.iter().map(|settlement| async { persist!(store, settle_one(store, held, queue, settlement)) });
    futures_util::future::join_all(each).await.into_iter().collect()
}

/// Has the server deliver it again, after a while.
fn again(delay: Duration) -> AckKind {
    AckKind::Nak(Some(delay).filter(|delay| !delay.is_zero()))
}

async fn settle_one(
    store: &Store,
    held: &Held,
    queue: &Queue,
    settlement: &Settlement,
) -> Result<Settled, EngineError> {
    let Some(ticket) = Ticket::read(&settlement.receipt) else { return Ok(Settled::Stale) };
    if !holds(store, held, queue, &settlement.receipt, &ticket).await? {
        held.remove(&settlement.receipt.0);
        return Ok(Settled::Stale);
    }
    let settled = match &settlement.outcome {
        Outcome::Done => {
            answer(store, ticket.subject, AckKind::Ack).await?;
            Settled::Done
        }
        Outcome::Retry { delay, .. } if ticket.receives < queue.declared.max_receives => {
            let delay = delay.unwrap_or_else(|| queue.declared.backoff().delay(ticket.receives, fastrand::f64()));
            let delay = delay.min(MOST_SPAN);
            answer(store, ticket.subject, again(delay)).await?;
            Settled::Retrying(delay)
        }
        Outcome::Retry { reason, .. } | Outcome::Dead { reason } => {
            let Some(message) = stored(store, queue, ticket.sequence).await? else { return Ok(Settled::Stale) };
            let envelope = Envelope::read(Some(&message.headers))?;
            let id = envelope.id.clone().unwrap_or_else(|| queue::id(&queue.name, ticket.sequence));
            let published = time(message.time.unix_timestamp_nanos());
            let (payload, receives) = (&message.payload, ticket.receives);
            bury(store, queue, &envelope, payload, &id, receives, reason, published).await?;
            answer(store, ticket.subject, AckKind::Ack).await?;
            Settled::Dead
        }
        Outcome::Release { delay } => {
            answer(store, ticket.subject, again((*delay).min(MOST_SPAN))).await?;
            Settled::Released
        }
    };
    held.remove(&settlement.receipt.0);
    Ok(settled)
}

/// Begins the visibility timeout anew: the server knows no other length than the queue's.
pub(super) async fn extend(
    store: &Store,
    held: &Held,
    queue: &Queue,
    receipt: &Receipt,
) -> Result<Option<Time>, EngineError> {
    let Some(ticket) = Ticket::read(receipt) else { return Ok(None) };
    if !holds(store, held, queue, receipt, &ticket).await? {
        return Ok(None);
    }
    let visibility = queue.declared.visibility();
    // Before it is asked, so that the server's is not earlier.
    let (now, time) = (Instant::now(), store.settings.clock.now());
    answer(store, ticket.subject, AckKind::Progress).await?;
    held.insert(&receipt.0, now + visibility);
    Ok(Some(time.after(visibility)))
}
