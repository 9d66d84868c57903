//! Queues as streams, and what is sent to them.

use super::{
    envelope::Envelope,
    store::{Store, persist},
};
use crate::{Backoff, EngineError, Enqueued, ErrorKind, NewMessage, QueueSpec};
use async_nats::jetstream::{
    consumer::{AckPolicy, PullConsumer, pull},
    stream::{Config, DiscardPolicy, RetentionPolicy, Stream},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long what another process declared is believed in.
const BELIEVED: Duration = Duration::from_secs(10);

/// The consumer of a queue's stream.
const CONSUMER: &str = "pikku";

/// A queue as it is in the store.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) declared: Declared,
    pub(super) consumer: PullConsumer,
    pub(super) stream: Stream<()>,
    pub(super) dead: Stream<()>,
}

/// What a declaration leaves in the description of the stream, for those who did not declare the queue.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Declared {
    pub(super) visibility: u64,
    pub(super) max_receives: u32,
    backoff_first: u64,
    backoff_most: u64,
    backoff_jitter: bool,
    pub(super) fifo: bool,
    pub(super) max_in_flight: Option<u32>,
    deduplication: u64,
}

impl Declared {
    fn of(spec: &QueueSpec) -> Self {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self {
            visibility: millis(spec.visibility),
            max_receives: spec.max_receives,
            backoff_first: millis(spec.backoff.first),
            backoff_most: millis(spec.backoff.most),
            backoff_jitter: spec.backoff.jitter,
            fifo: spec.fifo,
            max_in_flight: spec.max_in_flight,
            deduplication: millis(spec.deduplication),
        }
    }

    pub(super) fn visibility(&self) -> Duration {
        Duration::from_millis(self.visibility)
    }

    pub(super) fn backoff(&self) -> Backoff {
        Backoff {
            first: Duration::from_millis(self.backoff_first),
            most: Duration::from_millis(self.backoff_most),
            jitter: self.backoff_jitter,
        }
    }

    /// How many may be unsettled at a time. A FIFO queue has one, whatever its group: the rest waits behind it.
    fn most_pending(&self) -> i64 {
        match (self.fifo, self.max_in_flight) {
            (true, _) => 1,
            (false, Some(most)) => i64::from(most),
            (false, None) => -1,
        }
    }
}

/// The name of a queue as a token of subjects and as a part of stream names, which have no dots.
fn token(name: &str) -> String {
    name.replace('.', "+")
}

fn stream_name(name: &str) -> String {
    format!("pikku-{}", token(name))
}

fn dead_name(name: &str) -> String {
    format!("pikku-dead-{}", token(name))
}

fn subject(name: &str) -> String {
    format!("pikku.queue.{}", token(name))
}

/// What dead letters of a queue are sent under; each has its id as a further token.
pub(super) fn dead_subject(name: &str, id: &str) -> String {
    format!("pikku.dead.{}.{id}", token(name))
}

/// An id: the place in the stream, which is never used again, after the queue.
pub(super) fn id(name: &str, sequence: u64) -> String {
    format!("{}:{sequence}", token(name))
}

/// The queues that were declared, or looked up.
#[derive(Debug, Default)]
pub(super) struct Queues(Mutex<HashMap<String, Known>>);

/// A queue with the time until which it is believed in; those that were declared here have none.
type Known = (Arc<Queue>, Option<Instant>);

impl Queues {
    pub(super) async fn find(&self, store: &Store, name: &str) -> Result<Arc<Queue>, EngineError> {
        if let Some((queue, until)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name)
            && until.is_none_or(|until| until > Instant::now())
        {
            return Ok(Arc::clone(queue));
        }
        let found = look_up(store, name).await.map_err(|error| match error.kind() {
            ErrorKind::UnknownQueue => {
                let reason = "no queue of that name is declared";
                EngineError::new(ErrorKind::UnknownQueue, format!("queue `{name}`"), reason)
            }
            _ => error,
        })?;
        Ok(self.keep(found, Some(Instant::now() + BELIEVED)))
    }

    /// Makes a queue, or has it behave so from now on.
    pub(super) async fn declare(&self, store: &Store, spec: &QueueSpec) -> Result<(), EngineError> {
        let declared = Declared::of(spec);
        let description = serde_json::to_string(&declared).map_err(|error| {
            EngineError::new(ErrorKind::Spec, format!("queue `{}`", spec.name), "it cannot be written").caused_by(error)
        })?;
        let config = Config {
            name: stream_name(&spec.name),
            subjects: vec![subject(&spec.name)],
            retention: RetentionPolicy::WorkQueue,
            // What was taken is never dropped to make room: who sends is told that there is none.
            discard: DiscardPolicy::New,
            num_replicas: store.settings.replicas,
            duplicate_window: spec.deduplication.max(Duration::from_millis(100)),
            description: Some(description),
            ..Config::default()
        };
        make(store, config).await?;
        let dead = Config {
            name: dead_name(&spec.name),
            subjects: vec![dead_subject(&spec.name, "*")],
            max_messages_per_subject: 1,
            num_replicas: store.settings.replicas,
            ..Config::default()
        };
        make(store, dead).await?;
        let consumer = pull::Config {
            durable_name: Some(CONSUMER.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: spec.visibility,
            max_ack_pending: declared.most_pending(),
            // This engine counts itself, so that the last one is kept as a dead letter.
            max_deliver: -1,
            max_waiting: 4096,
            ..pull::Config::default()
        };
        let consumer = store
            .context
            .create_consumer_on_stream(consumer, stream_name(&spec.name))
            .await
            .map_err(|error| store.failed(error))?;
        let queue = assemble(store, &spec.name, declared, consumer).await?;
        self.keep(queue, None);
        Ok(())
    }

    fn keep(&self, queue: Queue, until: Option<Instant>) -> Arc<Queue> {
        let queue = Arc::new(queue);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(queue.name.clone(), (Arc::clone(&queue), until));
        queue
    }
}

async fn make(store: &Store, config: Config) -> Result<(), EngineError> {
    let made = store.context.create_or_update_stream(config).await;
    made.map(drop).map_err(|error| store.failed(error))
}

async fn look_up(store: &Store, name: &str) -> Result<Queue, EngineError> {
    let stream = store.context.get_stream(stream_name(name)).await.map_err(|error| store.failed(error))?;
    let description = stream.cached_info().config.description.as_deref().unwrap_or_default();
    let declared: Declared = serde_json::from_str(description).map_err(|error| {
        let reason = format!("the stream `{}` is none of this engine's", stream_name(name));
        EngineError::new(ErrorKind::Corrupt, store.place.clone(), reason).caused_by(error)
    })?;
    let consumer = stream.get_consumer(CONSUMER).await.map_err(|error| {
        EngineError::new(ErrorKind::UnknownQueue, store.place.clone(), format!("there is no consumer: {error}"))
    })?;
    assemble(store, name, declared, consumer).await
}

async fn assemble(store: &Store, name: &str, declared: Declared, consumer: PullConsumer) -> Result<Queue, EngineError> {
    let handle = async |stream: String| {
        let stream = store.context.get_stream_no_info(stream).await;
        stream.map_err(|error| store.failed(error))
    };
    let (stream, dead) = (handle(stream_name(name)).await?, handle(dead_name(name)).await?);
    Ok(Queue { name: name.to_owned(), declared, consumer, stream, dead })
}

/// Publishes messages, all at once, and waits until each is stored.
pub(super) async fn enqueue(
    store: &Store,
    queues: &Queues,
    messages: &[NewMessage],
) -> Result<Vec<Enqueued>, EngineError> {
    let mut prepared = Vec::with_capacity(messages.len());
    for message in messages {
        let queue = queues.find(store, &message.queue).await?;
        // Each has an id, so that what is not answered can be sent again.
        let (id, own) = match &message.deduplication_id {
            Some(id) if queue.declared.deduplication > 0 => (format!("d:{id}"), false),
            _ => (format!("u:{:032x}", fastrand::u128(..)), true),
        };
        let envelope = Envelope::of(message);
        envelope.publish(message.body.as_bytes(), &escape(&id))?;
        prepared.push((queue, envelope, escape(&id), own));
    }
    persist!(store, async {
        let mut pending = Vec::with_capacity(messages.len());
        for (message, (queue, envelope, id, own)) in messages.iter().zip(&prepared) {
            let outgoing = envelope.publish(message.body.as_bytes(), id)?;
            let sent = store.context.send_publish(subject(&queue.name), outgoing).await;
            pending.push((queue, *own, sent.map_err(|error| store.failed(error))?));
        }
        let mut taken = Vec::with_capacity(messages.len());
        for (queue, own, sent) in pending {
            let stored = sent.await.map_err(|error| store.failed(error))?;
            // An own id that was there before is that of an earlier attempt.
            taken.push(Enqueued { id: id(&queue.name, stored.sequence), duplicate: stored.duplicate && !own });
        }
        Ok::<_, EngineError>(taken)
    })
}

/// A message id as a header holds it.
fn escape(id: &str) -> String {
    if id.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        return id.to_owned();
    }
    let hex: String = id.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("x:{hex}")
}

/// Puts a dead letter back into its stream.
pub(super) async fn publish_again(
    store: &Store,
    queue: &Queue,
    envelope: &Envelope,
    payload: &[u8],
    id: &str,
) -> Result<(), EngineError> {
    let outgoing = envelope.publish(payload, &escape(id))?;
    let sent = store.context.send_publish(subject(&queue.name), outgoing).await;
    let sent = sent.map_err(|error| store.failed(error))?;
    sent.await.map(drop).map_err(|error| store.failed(error))
}

/// Puts a message among the dead letters of its queue. Doing it again replaces the one that is there.
pub(super) async fn publish_dead(
    store: &Store,
    queue: &Queue,
    envelope: &Envelope,
    payload: &[u8],
    id: &str,
) -> Result<(), EngineError> {
    let outgoing = envelope.publish(payload, &format!("u:{:032x}", fastrand::u128(..)))?;
    let sent = store.context.send_publish(dead_subject(&queue.name, id), outgoing).await;
    let sent = sent.map_err(|error| store.failed(error))?;
    sent.await.map(drop).map_err(|error| store.failed(error))
}
