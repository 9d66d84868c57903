//! Dead letters: a queue beside each, of which SQS shows what it delivers.

use super::{
    call::Service,
    delivery::{delete, hide},
    envelope::{self, GROUP, Own},
    queue::Queue,
};
use crate::{DeadLetter, EngineError, Time, Which};
use serde_json::{Value, json};
use std::time::Duration;

/// The most letters that are looked through.
const MOST: usize = 10_000;

/// How long letters are hidden from others while they are looked through.
const HIDDEN: Duration = Duration::from_secs(60);

/// A letter with what it is settled by.
struct Found {
    letter: DeadLetter,
    handle: String,
}

/// All that SQS shows, in the order of their ids.
async fn collect(service: &Service, queue: &Queue) -> Result<Vec<Found>, EngineError> {
    let Some(dead) = &queue.dead else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    while found.len() < MOST {
        let input = json!({
            "QueueUrl": dead,
            "MaxNumberOfMessages": 10,
            "WaitTimeSeconds": 1,
            "VisibilityTimeout": HIDDEN.as_secs(),
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let answer = service.wait("ReceiveMessage", &input).await?;
        let messages = answer["Messages"].as_array().map_or(&[][..], Vec::as_slice);
        if messages.is_empty() {
            break;
        }
        for message in messages {
            found.push(read(queue, message, service.settings.clock.now())?);
        }
    }
    found.sort_by(|one, other| one.letter.id.cmp(&other.letter.id));
    Ok(found)
}

fn read(queue: &Queue, message: &Value, now: Time) -> Result<Found, EngineError> {
    let (body, attributes, own) = envelope::read(message)?;
    let system = |name: &str| message["Attributes"][name].as_str();
    let sent = system("SentTimestamp").and_then(|millis| millis.parse().ok()).map_or(now, Time::from_millis);
    let id = message["MessageId"].as_str().unwrap_or_default().to_owned();
    let (id, sent_at) = own.was.map_or((id, sent), |(id, sent)| (id, Time::from_millis(sent)));
    let unsettled = || "it was delivered as often as the queue allows".to_owned();
    let letter = DeadLetter {
        id,
        queue: queue.name.clone(),
        body,
        attributes,
        group: system("MessageGroupId").filter(|group| *group != GROUP).map(str::to_owned),
        sent_at,
        died_at: sent,
        receives: own.receives.unwrap_or(queue.max_receives),
        reason: own.reason.unwrap_or_else(unsettled),
    };
    Ok(Found { letter, handle: message["ReceiptHandle"].as_str().unwrap_or_default().to_owned() })
}

/// Shows letters to others again.
async fn show(service: &Service, queue: &Queue, letters: &[Found]) -> Result<(), EngineError> {
    let Some(dead) = &queue.dead else { return Ok(()) };
    for found in letters {
        hide(service, dead, &found.handle, Duration::ZERO).await?;
    }
    Ok(())
}

pub(super) async fn list(
    service: &Service,
    queue: &Queue,
    after: Option<&str>,
    max: usize,
) -> Result<Vec<DeadLetter>, EngineError> {
    let found = collect(service, queue).await?;
    show(service, queue, &found).await?;
    let later = found.into_iter().map(|found| found.letter).filter(|letter| after.is_none_or(|id| *letter.id > *id));
    Ok(later.take(max).collect())
}

/// Puts letters back or deletes them; the others are shown again.
pub(super) async fn settle(service: &Service, queue: &Queue, which: &Which, back: bool) -> Result<u64, EngineError> {
    let Some(dead) = &queue.dead else { return Ok(0) };
    let mut found = collect(service, queue).await?;
    if let Which::Oldest(_) = which {
        found.sort_by_key(|found| found.letter.died_at);
    }
    let (chosen, others): (Vec<Found>, Vec<Found>) = match which {
        Which::All => (found, Vec::new()),
        Which::Oldest(most) => {
            let others = found.split_off(found.len().min(*most as usize));
            (found, others)
        }
        Which::One(id) => found.into_iter().partition(|found| found.letter.id == *id),
    };
    show(service, queue, &others).await?;
    for found in &chosen {
        if back {
            put_back(service, queue, &found.letter).await?;
        }
        delete(service, dead, &found.handle).await?;
    }
    Ok(chosen.len() as u64)
}

async fn put_back(service: &Service, queue: &Queue, letter: &DeadLetter) -> Result<(), EngineError> {
    let mut input = envelope::write(&letter.body, &letter.attributes, Own::default())?;
    if queue.fifo {
        input.insert("MessageGroupId".to_owned(), letter.group.as_deref().unwrap_or(GROUP).into());
        let id = format!("redrive-{}-{}", letter.died_at.millis(), letter.id);
        input.insert("MessageDeduplicationId".to_owned(), id.chars().take(128).collect::<String>().into());
    }
    input.insert("QueueUrl".to_owned(), queue.url.as_str().into());
    service.call("SendMessage", &Value::Object(input)).await.map(drop)
}
