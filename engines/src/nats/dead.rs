//! Dead letters: a stream beside each queue's, in the order in which they died.

use super::{
    envelope::{Envelope, time},
    queue::{self, Queue, dead_subject},
    store::{Kind, Meaning, Store},
};
use crate::{DeadLetter, EngineError, Time, Which};
use async_nats::jetstream::{message::StreamMessage, stream::LastRawMessageErrorKind};

/// Finds a letter.
async fn one(store: &Store, queue: &Queue, id: &str) -> Result<Option<StreamMessage>, EngineError> {
    // An id is a part of a subject.
    if id.is_empty() || id.contains(|letter: char| letter.is_whitespace() || matches!(letter, '.' | '*' | '>')) {
        return Ok(None);
    }
    found(store, queue.dead.get_last_raw_message_by_subject(&dead_subject(&queue.name, id)).await)
}

/// The next letter from a place on.
async fn next(store: &Store, queue: &Queue, from: u64) -> Result<Option<StreamMessage>, EngineError> {
    found(
        store,
        queue.dead.raw_message_builder().next_by_subject(dead_subject(&queue.name, "*")).sequence(from).send().await,
    )
}

fn found(
    store: &Store,
    answer: Result<StreamMessage, async_nats::error::Error<LastRawMessageErrorKind>>,
) -> Result<Option<StreamMessage>, EngineError> {
    match answer {
        Ok(message) => Ok(Some(message)),
        Err(error) => match error.kind().meaning() {
            _ if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Meaning::Answer(answer) if answer.code() == 404 => Ok(None),
            _ => Err(store.failed(error)),
        },
    }
}

/// Those that are chosen, one after the other.
async fn chosen(
    store: &Store,
    queue: &Queue,
    which: &Which,
    seen: &mut Option<u64>,
    taken: u64,
) -> Result<Option<StreamMessage>, EngineError> {
    match which {
        Which::One(id) if taken == 0 => one(store, queue, id).await,
        Which::One(_) => Ok(None),
        Which::Oldest(most) if taken >= u64::from(*most) => Ok(None),
        Which::Oldest(_) | Which::All => {
            let message = next(store, queue, seen.map_or(1, |seen| seen + 1)).await?;
            *seen = message.as_ref().map(|message| message.sequence).or(*seen);
            Ok(message)
        }
    }
}

pub(super) async fn list(
    store: &Store,
    queue: &Queue,
    after: Option<&str>,
    max: usize,
) -> Result<Vec<DeadLetter>, EngineError> {
    // Where that one is gone, it begins anew.
    let mut from = match after {
        Some(id) => one(store, queue, id).await?.map_or(1, |message| message.sequence + 1),
        None => 1,
    };
    let mut letters = Vec::new();
    while letters.len() < max
        && let Some(message) = next(store, queue, from).await?
    {
        from = message.sequence + 1;
        let envelope = Envelope::read(Some(&message.headers))?;
        let died_at = time(message.time.unix_timestamp_nanos());
        letters.push(DeadLetter {
            id: envelope.id.clone().unwrap_or_default(),
            queue: queue.name.clone(),
            body: envelope.body(&message.payload),
            attributes: envelope.attributes,
            group: envelope.group,
            sent_at: envelope.sent.map_or(died_at, Time::from_millis),
            died_at,
            receives: envelope.receives,
            reason: envelope.reason,
        });
    }
    Ok(letters)
}

/// Puts letters back. Each goes from the dead letters after it is in the queue.
pub(super) async fn redrive(store: &Store, queue: &Queue, which: &Which) -> Result<u64, EngineError> {
    let (mut redriven, mut seen) = (0, None);
    while let Some(message) = chosen(store, queue, which, &mut seen, redriven).await? {
        let letter = Envelope::read(Some(&message.headers))?;
        let envelope = Envelope { delay: 0, receives: 0, reason: String::new(), ..letter };
        // Two who do it at the same time put it back once.
        let id = format!("r:{}:{}", envelope.id.as_deref().unwrap_or_default(), message.sequence);
        queue::publish_again(store, queue, &envelope, &message.payload, &id).await?;
        delete(store, queue, message.sequence).await?;
        redriven += 1;
    }
    Ok(redriven)
}

pub(super) async fn purge(store: &Store, queue: &Queue, which: &Which) -> Result<u64, EngineError> {
    if *which == Which::All {
        let purged = queue.dead.purge().await.map_err(|error| store.failed(error))?;
        return Ok(purged.purged);
    }
    let (mut purged, mut seen) = (0, None);
    while let Some(message) = chosen(store, queue, which, &mut seen, purged).await? {
        delete(store, queue, message.sequence).await?;
        purged += 1;
    }
    Ok(purged)
}

async fn delete(store: &Store, queue: &Queue, sequence: u64) -> Result<(), EngineError> {
    match queue.dead.delete_message(sequence).await {
        Ok(_) => Ok(()),
        Err(error) => match error.kind().meaning() {
            // Somebody else has deleted it.
            Meaning::Answer(answer) if answer.code() == 404 || answer.code() == 400 => Ok(()),
            _ => Err(store.failed(error)),
        },
    }
}
