//! Deliveries and what becomes of them.

use super::{
    call::{LONGEST_WAIT, Service},
    envelope::{self, GROUP, Own},
    queue::{LONGEST_VISIBILITY, Queue, attributes, seconds},
};
use crate::{Delivery, EngineError, Outcome, QueueStats, Receipt, Settled, Settlement, Time};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often is looked where the wait is less than SQS knows.
const LOOK: Duration = Duration::from_millis(200);

/// What this process was delivered, by its receipt.
///
/// SQS takes an old receipt of a standard queue for a good one now and then, and tells of no message how often it came. So
/// whether a receipt holds is seen to here. A dead letter needs the message, which is kept for it.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<HashMap<String, Holding>>);

#[derive(Clone, Debug)]
struct Holding {
    until: Instant,
    /// Nothing where it is settled.
    message: Option<std::sync::Arc<Delivery>>,
}

impl Held {
    fn insert(&self, delivery: &Delivery, until: Instant) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= 1024 && held.len().is_power_of_two() {
            let now = Instant::now();
            held.retain(|_, holding| holding.until > now);
        }
        let message = Some(std::sync::Arc::new(delivery.clone()));
        held.insert(delivery.receipt.0.clone(), Holding { until, message });
    }

    fn get(&self, receipt: &str) -> Option<Holding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(receipt).cloned()
    }

    fn settled(&self, receipt: &str) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holding) = held.get_mut(receipt) {
            holding.message = None;
        }
    }

    fn extended(&self, receipt: &str, until: Instant) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holding) = held.get_mut(receipt) {
            holding.until = until;
        }
    }
}

/// A receipt, read: `<deadline> <receives> <receipt handle>`.
struct Ticket<'a> {
    deadline: Time,
    receives: u32,
    handle: &'a str,
}

impl<'a> Ticket<'a> {
    fn read(receipt: &'a Receipt) -> Option<Self> {
        let mut parts = receipt.0.splitn(3, ' ');
        let (deadline, receives) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { deadline: Time::from_millis(deadline), receives, handle: parts.next()? })
    }
}

/// Asks for messages until there are some, or the time is over.
pub(super) async fn receive(
    service: &Service,
    held: &Held,
    queue: &Queue,
    max: usize,
    until: Instant,
    is_wanted: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Delivery>, EngineError> {
    let mut deliveries = Vec::new();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let wait = if deliveries.is_empty() { left.min(LONGEST_WAIT).as_secs() } else { 0 };
        // Of a FIFO queue SQS would deliver several of a group at once.
        let asked = if queue.fifo { 1 } else { (max - deliveries.len()).min(10) };
        let input = json!({
            "QueueUrl": queue.url,
            "MaxNumberOfMessages": asked,
            "WaitTimeSeconds": wait,
            "VisibilityTimeout": seconds(queue.visibility),
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let (came, now) = (Instant::now(), service.settings.clock.now());
        let answer = if wait > 0 {
            service.wait("ReceiveMessage", &input).await
        } else {
            service.call("ReceiveMessage", &input).await
        };
        let answer = match answer {
            // Those that are here count.
            Err(_) if !deliveries.is_empty() => return Ok(deliveries),
            answer => answer?,
        };
        let messages = answer["Messages"].as_array().map_or(&[][..], Vec::as_slice);
        // SQS hides them from when it delivers, which is later than the question where it waited.
        let waited = if wait > 0 { came.elapsed() } else { Duration::ZERO };
        for message in messages {
            let delivery = read(queue, message, now.after(waited))?;
            held.insert(&delivery, came + waited + queue.visibility);
            deliveries.push(delivery);
        }
        let full = messages.len() == asked && deliveries.len() < max;
        if !deliveries.is_empty() && !full {
            return Ok(deliveries);
        }
        if deliveries.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !is_wanted() {
                return Ok(deliveries);
            }
            if wait == 0 {
                tokio::time::sleep(LOOK.min(left)).await;
            }
        }
    }
}

fn read(queue: &Queue, message: &Value, now: Time) -> Result<Delivery, EngineError> {
    let (body, attributes, _) = envelope::read(message)?;
    let system = |name: &str| message["Attributes"][name].as_str();
    let receives = system("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1);
    let sent_at = system("SentTimestamp").and_then(|millis| millis.parse().ok()).map_or(now, Time::from_millis);
    let visible_at = now.after(queue.visibility);
    let handle = message["ReceiptHandle"].as_str().unwrap_or_default();
    Ok(Delivery {
        id: message["MessageId"].as_str().unwrap_or_default().to_owned(),
        queue: queue.name.clone(),
        receipt: Receipt(format!("{} {receives} {handle}", visible_at.millis())),
        body,
        attributes,
        group: system("MessageGroupId").filter(|group| *group != GROUP).map(str::to_owned),
        sent_at,
        receives,
        visible_at,
    })
}

pub(super) async fn settle(
    service: &Service,
    held: &Held,
    queue: &Queue,
    settlements: &[Settlement],
) -> Result<Vec<Settled>, EngineError> {
    let mut settled = Vec::with_capacity(settlements.len());
    for settlement in settlements {
        settled.push(settle_one(service, held, queue, settlement).await?);
    }
    Ok(settled)
}

/// Whether a receipt holds, and the message where it is here.
fn holding(
    service: &Service,
    held: &Held,
    receipt: &Receipt,
    ticket: &Ticket<'_>,
) -> Option<Option<std::sync::Arc<Delivery>>> {
    match held.get(&receipt.0) {
        Some(Holding { until, message: Some(message) }) => (until > Instant::now()).then_some(Some(message)),
        Some(Holding { message: None, .. }) => None,
        // Another process was delivered it.
        None => (ticket.deadline > service.settings.clock.now()).then_some(None),
    }
}

async fn settle_one(
    service: &Service,
    held: &Held,
    queue: &Queue,
    settlement: &Settlement,
) -> Result<Settled, EngineError> {
    let Some(ticket) = Ticket::read(&settlement.receipt) else { return Ok(Settled::Stale) };
    let Some(message) = holding(service, held, &settlement.receipt, &ticket) else { return Ok(Settled::Stale) };
    let settled = match &settlement.outcome {
        Outcome::Done => {
            delete(service, &queue.url, ticket.handle).await?;
            Settled::Done
        }
        Outcome::Retry { delay, .. } if ticket.receives < queue.max_receives => {
            let delay = delay.unwrap_or_else(|| queue.backoff.delay(ticket.receives, fastrand::f64()));
            let delay = delay.min(longest_delay(queue));
            hide(service, &queue.url, ticket.handle, delay).await?;
            Settled::Retrying(delay)
        }
        Outcome::Retry { reason, .. } | Outcome::Dead { reason } => {
            match (message, &queue.dead) {
                (Some(message), Some(dead)) => {
                    bury(service, dead, queue.fifo, &message, ticket.receives, reason).await?;
                    delete(service, &queue.url, ticket.handle).await?;
                }
                // SQS buries it by itself when it was delivered too often, without the reason.
                _ => hide(service, &queue.url, ticket.handle, Duration::ZERO).await?,
            }
            Settled::Dead
        }
        Outcome::Release { delay } => {
            hide(service, &queue.url, ticket.handle, (*delay).min(longest_delay(queue))).await?;
            Settled::Released
        }
    };
    held.settled(&settlement.receipt.0);
    Ok(settled)
}

/// The longest that a message is kept back: of the 12 hours, some are over.
fn longest_delay(queue: &Queue) -> Duration {
    LONGEST_VISIBILITY - queue.visibility.min(LONGEST_VISIBILITY / 2)
}

/// Puts a message among the dead letters with the reason.
async fn bury(
    service: &Service,
    dead: &str,
    fifo: bool,
    message: &Delivery,
    receives: u32,
    reason: &str,
) -> Result<(), EngineError> {
    let own = Own {
        reason: Some(reason.chars().take(1000).collect()),
        receives: Some(receives),
        was: Some((message.id.clone(), message.sent_at.millis())),
        ..Own::default()
    };
    let mut input = envelope::write(&message.body, &message.attributes, own)?;
    if fifo {
        input.insert("MessageGroupId".to_owned(), message.group.as_deref().unwrap_or(GROUP).into());
        // Who does it again after a crash does it once.
        input.insert("MessageDeduplicationId".to_owned(), message.id.as_str().into());
    }
    input.insert("QueueUrl".to_owned(), dead.into());
    service.call("SendMessage", &Value::Object(input)).await.map(drop)
}

pub(super) async fn delete(service: &Service, url: &str, handle: &str) -> Result<(), EngineError> {
    service.call("DeleteMessage", &json!({ "QueueUrl": url, "ReceiptHandle": handle })).await.map(drop)
}

pub(super) async fn hide(service: &Service, url: &str, handle: &str, span: Duration) -> Result<(), EngineError> {
    let input = json!({ "QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": seconds(span) });
    service.call("ChangeMessageVisibility", &input).await.map(drop)
}

pub(super) async fn extend(
    service: &Service,
    held: &Held,
    queue: &Queue,
    receipt: &Receipt,
    visibility: Duration,
) -> Result<Option<Time>, EngineError> {
    let Some(ticket) = Ticket::read(receipt) else { return Ok(None) };
    if holding(service, held, receipt, &ticket).is_none() {
        return Ok(None);
    }
    let visibility = visibility.min(LONGEST_VISIBILITY);
    let (now, time) = (Instant::now(), service.settings.clock.now());
    hide(service, &queue.url, ticket.handle, visibility).await?;
    held.extended(&receipt.0, now + visibility);
    Ok(Some(time.after(visibility)))
}

pub(super) async fn stats(service: &Service, queue: &Queue) -> Result<QueueStats, EngineError> {
    let count = |of: &Value, name: &str| of[name].as_str().and_then(|count| count.parse().ok()).unwrap_or(0);
    let here = attributes(service, &queue.url).await?;
    let dead = match &queue.dead {
        Some(dead) => count(&attributes(service, dead).await?, "ApproximateNumberOfMessages"),
        None => 0,
    };
    Ok(QueueStats {
        ready: count(&here, "ApproximateNumberOfMessages"),
        waiting: count(&here, "ApproximateNumberOfMessagesDelayed"),
        in_flight: count(&here, "ApproximateNumberOfMessagesNotVisible"),
        dead,
    })
}
