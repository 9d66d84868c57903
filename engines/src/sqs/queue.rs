//! Queues: where they are, how they are made, and what is sent to them.

use super::{
    call::Service,
    envelope::{self, GROUP, Own},
};
use crate::{Backoff, EngineError, Enqueued, ErrorKind, NewMessage, QueueSpec};
use serde_json::{Map, Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The most messages of one request.
const BATCH: usize = 10;

/// The longest that SQS keeps a message back.
const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);

/// The longest that SQS hides a message.
pub(super) const LONGEST_VISIBILITY: Duration = Duration::from_secs(12 * 3600);

/// A queue as it is on SQS.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) url: String,
    /// Where the dead letters are; none where the queue was given without.
    pub(super) dead: Option<String>,
    pub(super) visibility: Duration,
    pub(super) max_receives: u32,
    pub(super) backoff: Backoff,
    pub(super) fifo: bool,
}

/// The queues that were declared, or looked up.
#[derive(Debug, Default)]
pub(super) struct Queues(Mutex<HashMap<String, Arc<Queue>>>);

impl Queues {
    pub(super) async fn find(&self, service: &Service, name: &str) -> Result<Arc<Queue>, EngineError> {
        if let Some(queue) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(Arc::clone(queue));
        }
        for fifo in [false, true] {
            if let Some(url) = find_url(service, name, fifo).await? {
                return Ok(self.keep(look_at(service, name, url).await?));
            }
        }
        let reason = "no queue of that name is declared";
        Err(EngineError::new(ErrorKind::UnknownQueue, format!("queue `{name}`"), reason))
    }

    /// Makes a queue with its dead-letter queue, or takes the one that was given.
    ///
    /// One that was given in `PIKKU_RESOURCES` is left as it is: whoever made it says how it behaves.
    pub(super) async fn declare(&self, service: &Service, spec: &QueueSpec) -> Result<Arc<Queue>, EngineError> {
        let mut queue = match find_url(service, &spec.name, spec.fifo).await? {
            Some(url) if service.settings.resources.contains_key(&spec.name) => {
                look_at(service, &spec.name, url).await?
            }
            _ => make(service, spec).await?,
        };
        if queue.fifo != spec.fifo {
            let (is, asked) = if queue.fifo { ("FIFO", "not") } else { ("not FIFO", "FIFO") };
            let reason = format!("the queue that PIKKU_RESOURCES gives is {is}, and it is declared as {asked}");
            return Err(EngineError::new(ErrorKind::Spec, format!("queue `{}`", spec.name), reason));
        }
        queue.visibility = spec.visibility.min(LONGEST_VISIBILITY);
        queue.max_receives = spec.max_receives;
        queue.backoff = spec.backoff;
        Ok(self.keep(queue))
    }

    /// One of those that are known.
    pub(super) fn any(&self) -> Option<Arc<Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().next().cloned()
    }

    fn keep(&self, queue: Queue) -> Arc<Queue> {
        let queue = Arc::new(queue);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(queue.name.clone(), Arc::clone(&queue));
        queue
    }
}

/// What a queue is called on SQS, where dots are not.
fn sqs_name(service: &Service, name: &str, dead: bool, fifo: bool) -> Option<String> {
    let prefix = service.settings.prefix.as_ref()?;
    let (dead, fifo) = (if dead { "-dead" } else { "" }, if fifo { ".fifo" } else { "" });
    Some(format!("{prefix}-{}{dead}{fifo}", name.replace('.', "__")))
}

async fn find_url(service: &Service, name: &str, fifo: bool) -> Result<Option<String>, EngineError> {
    if let Some(url) = service.settings.resources.get(name) {
        return Ok(Some(url.clone()));
    }
    let Some(called) = sqs_name(service, name, false, fifo) else { return Ok(None) };
    match service.call("GetQueueUrl", &json!({ "QueueName": called })).await {
        Ok(answer) => Ok(answer["QueueUrl"].as_str().map(str::to_owned)),
        Err(error) if error.kind() == ErrorKind::UnknownQueue => Ok(None),
        Err(error) => Err(error),
    }
}

/// The attributes of a queue, which SQS tells as texts.
pub(super) async fn attributes(service: &Service, url: &str) -> Result<Value, EngineError> {
    let answer = service.call("GetQueueAttributes", &json!({ "QueueUrl": url, "AttributeNames": ["All"] })).await?;
    Ok(answer["Attributes"].clone())
}

async fn look_at(service: &Service, name: &str, url: String) -> Result<Queue, EngineError> {
    let attributes = attributes(service, &url).await?;
    let redrive: Value =
        attributes["RedrivePolicy"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let arn = redrive["deadLetterTargetArn"].as_str();
    let dead = match arn.and_then(|arn| arn.rsplit(':').next()) {
        Some(called) => {
            let answer = service.call("GetQueueUrl", &json!({ "QueueName": called })).await?;
            answer["QueueUrl"].as_str().map(str::to_owned)
        }
        None => None,
    };
    // A text or a number.
    let count = &redrive["maxReceiveCount"];
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok());
    let visibility = attributes["VisibilityTimeout"].as_str().and_then(|text| text.parse().ok()).unwrap_or(30);
    Ok(Queue {
        name: name.to_owned(),
        fifo: url.ends_with(".fifo"),
        url,
        dead,
        visibility: Duration::from_secs(visibility),
        max_receives: count.and_then(|count| u32::try_from(count).ok()).unwrap_or(u32::MAX),
        backoff: Backoff::default(),
    })
}

async fn make(service: &Service, spec: &QueueSpec) -> Result<Queue, EngineError> {
    let called = |dead| {
        sqs_name(service, &spec.name, dead, spec.fifo).ok_or_else(|| {
            let reason =
                "PIKKU_RESOURCES has no URL for it: deploy it, or have queues made by `PIKKU_QUEUES=sqs:PREFIX`";
            EngineError::new(ErrorKind::UnknownQueue, format!("queue `{}`", spec.name), reason)
        })
    };
    let mut kept = Map::new();
    kept.insert("MessageRetentionPeriod".to_owned(), "1209600".into());
    if spec.fifo {
        kept.insert("FifoQueue".to_owned(), "true".into());
    }
    let dead = make_one(service, &called(true)?, &kept).await?;
    let arn = attributes(service, &dead).await?["QueueArn"].as_str().unwrap_or_default().to_owned();
    // SQS looks before a delivery whether it is one too many.
    let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": spec.max_receives.min(1000) });
    let url = make_one(service, &called(false)?, &kept).await?;
    let attributes = json!({
        "QueueUrl": url,
        "Attributes": {
            "VisibilityTimeout": seconds(spec.visibility.min(LONGEST_VISIBILITY)).to_string(),
            "RedrivePolicy": policy.to_string(),
        },
    });
    service.call("SetQueueAttributes", &attributes).await?;
    Ok(Queue {
        name: spec.name.clone(),
        url,
        dead: Some(dead),
        visibility: spec.visibility,
        max_receives: spec.max_receives,
        backoff: spec.backoff,
        fifo: spec.fifo,
    })
}

/// Makes a queue, or finds the one of the same attributes.
async fn make_one(service: &Service, called: &str, attributes: &Map<String, Value>) -> Result<String, EngineError> {
    let answer = service.call("CreateQueue", &json!({ "QueueName": called, "Attributes": attributes })).await?;
    let url = answer["QueueUrl"].as_str().map(str::to_owned);
    url.ok_or_else(|| service.failed(ErrorKind::Store, "it made a queue and does not say where"))
}

/// A span as SQS counts it, rounded up: not before its time.
pub(super) fn seconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// Sends messages, by queue in batches.
pub(super) async fn enqueue(
    service: &Service,
    queues: &Queues,
    messages: &[NewMessage],
) -> Result<Vec<Enqueued>, EngineError> {
    let most = service.settings.limits.size;
    // All of them before anything is sent.
    let mut entries = Vec::with_capacity(messages.len());
    for (place, message) in messages.iter().enumerate() {
        let queue = queues.find(service, &message.queue).await?;
        refuse(&queue, message)?;
        let mut entry = envelope::write(&message.body, &message.attributes, Own::default())?;
        envelope::check(message, &entry, most)?;
        let size = envelope::size(&entry);
        entry.insert("Id".to_owned(), place.to_string().into());
        if !message.delay.is_zero() {
            entry.insert("DelaySeconds".to_owned(), seconds(message.delay).into());
        }
        if queue.fifo {
            let group = message.group.as_deref().unwrap_or(GROUP);
            entry.insert("MessageGroupId".to_owned(), group.into());
            let own = || format!("{:032x}", fastrand::u128(..));
            let id = message.deduplication_id.clone().unwrap_or_else(own);
            entry.insert("MessageDeduplicationId".to_owned(), id.into());
        }
        entries.push((queue, size, Value::Object(entry)));
    }
    let mut ids: Vec<Option<String>> = vec![None; messages.len()];
    let mut rest = entries.as_slice();
    while let [(queue, ..), ..] = rest {
        let mut size = 0;
        let fits = |(other, octets, _): &&(Arc<Queue>, usize, Value)| {
            size += octets;
            other.url == queue.url && size <= most
        };
        // One that is as large as may be goes alone.
        let count = rest.iter().take(BATCH).take_while(fits).count().max(1);
        let (batch, later) = rest.split_at(count);
        rest = later;
        let batch: Vec<&Value> = batch.iter().map(|(_, _, entry)| entry).collect();
        let input = json!({ "QueueUrl": queue.url, "Entries": batch });
        let answer = service.call("SendMessageBatch", &input).await?;
        for sent in answer["Successful"].as_array().into_iter().flatten() {
            let place = sent["Id"].as_str().and_then(|id| id.parse::<usize>().ok());
            if let (Some(place), Some(id)) = (place, sent["MessageId"].as_str())
                && let Some(slot) = ids.get_mut(place)
            {
                *slot = Some(id.to_owned());
            }
        }
        if let Some(failed) = answer["Failed"].as_array().and_then(|failed| failed.first()) {
            let (code, said) = (failed["Code"].as_str().unwrap_or("?"), failed["Message"].as_str().unwrap_or(""));
            let own_fault = failed["SenderFault"].as_bool().unwrap_or(false);
            let kind = if own_fault { ErrorKind::Store } else { ErrorKind::Unavailable };
            return Err(service.failed(kind, &format!("SQS does not take a message: {code} {said}")));
        }
    }
    let taken = ids.into_iter().map(|id| id.map(|id| Enqueued { id, duplicate: false })).collect::<Option<_>>();
    taken.ok_or_else(|| service.failed(ErrorKind::Store, "it does not say that it has taken a message"))
}

/// What SQS cannot do of a message, which would be done otherwise in silence.
fn refuse(queue: &Queue, message: &NewMessage) -> Result<(), EngineError> {
    let reason = if message.delay > LONGEST_DELAY {
        "SQS keeps a message back for 15 minutes at most"
    } else if queue.fifo && !message.delay.is_zero() {
        "SQS keeps no single message of a FIFO queue back"
    } else {
        return Ok(());
    };
    Err(EngineError::new(ErrorKind::Limit, format!("a message to queue `{}`", message.queue), reason))
}
