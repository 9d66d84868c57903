//! NATS JetStream, for many machines.
//!
//! # What is where
//! A queue is a stream `pikku-NAME` that keeps messages until they are acknowledged, with one durable consumer, and a stream
//! `pikku-dead-NAME` of dead letters. Schedules are in the bucket `pikku-schedules`. A dot in a name is a plus sign there.
//! How a queue behaves is in the description of its stream, for processes that did not declare it.
//!
//! # Durability
//! What is answered is stored by the server, on as many of them as `replicas` says. How soon a server flushes to its disk is
//! a setting of the server (`sync_interval`): without replicas, a loss of power may take back what came last.
//!
//! # Whose clock
//! Visibility, delays and deduplication windows are the server's. Leases of schedules are of the instances' clocks, which have
//! to agree to within a few seconds; the marks are moved by who is first, whatever the clocks say.
//!
//! # What it cannot
//! It says so when queues are declared: no priorities, batches that may be taken in part, deliveries that count although they
//! were released, groups of FIFO queues that wait for each other, kept-back messages that count as in flight where that is
//! limited, and figures that do not tell those apart.

mod dead;
mod delivery;
mod envelope;
mod queue;
mod schedule;
mod store;

use crate::{
    Answer, Clock, DeadLetter, Delivery, EngineError, Enqueued, ErrorKind, Fired, Firing, Guarantee, Lease, Limits,
    NewMessage, QueueEngine, QueueSpec, QueueStats, Receipt, ScheduleStore, Settled, Settlement, Shortfall,
    SystemClock, Time, Which,
};
use async_nats::jetstream::kv;
use delivery::Held;
use queue::Queues;
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use store::{Store, persist};
use tokio::sync::oneshot;

/// What an engine on NATS may be told.
#[derive(Clone, Debug)]
pub struct NatsSettings {
    /// The time of day, for leases and for what deliveries say.
    pub clock: Arc<dyn Clock>,
    /// How long a server that is away is waited for. 5 s where nothing is said.
    pub patience: Duration,
    /// The most that it takes. A message cannot be larger than the server's `max_payload` without 8 KiB.
    pub limits: Limits,
    /// On how many servers of a cluster each message is kept. 1 where nothing is said; `?replicas=3` in a URL.
    pub replicas: usize,
    /// The file of credentials, where the server asks for them; `?credentials=FILE` in a URL.
    pub credentials: Option<PathBuf>,
}

impl Default for NatsSettings {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            patience: Duration::from_secs(5),
            limits: Limits::default(),
            replicas: 1,
            credentials: None,
        }
    }
}

impl NatsSettings {
    /// How long one request may take.
    fn attempt(&self) -> Duration {
        self.patience.clamp(Duration::from_millis(200), Duration::from_secs(2))
    }
}

/// Durable queues and schedules in NATS JetStream. Clones are the same engine.
#[derive(Clone, Debug)]
pub struct NatsEngine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    queues: Queues,
    held: Held,
    bucket: kv::Store,
}

impl NatsEngine {
    /// Connects to a server, `nats://user:password@host:port`, or to a cluster, whose servers are separated by commas. It is
    /// done within a runtime of tokio, in which it goes on.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where the URL is none, [`ErrorKind::Unavailable`] where no server can be reached or JetStream is
    /// off, and [`ErrorKind::Store`] where it refuses otherwise.
    pub async fn open(url: &str) -> Result<Self, EngineError> {
        Self::open_with(url, NatsSettings::default()).await
    }

    /// The same with other settings, which the URL may change.
    ///
    /// # Errors
    /// The same.
    pub async fn open_with(url: &str, settings: NatsSettings) -> Result<Self, EngineError> {
        let store = Store::connect(url, settings).await?;
        let bucket = persist!(store, schedule::bucket(&store))?;
        Ok(Self { inner: Arc::new(Inner { store, queues: Queues::default(), held: Held::default(), bucket }) })
    }
}

fn shortfalls(spec: &QueueSpec) -> Vec<Shortfall> {
    let lacks = |guarantee, instead: &str| Shortfall {
        guarantee,
        asked_by: Some(spec.name.clone()),
        instead: instead.to_owned(),
    };
    let mut shortfalls = Vec::new();
    if spec.fifo {
        let instead = "NATS delivers the queue's messages in order and one at a time, whatever their group";
        shortfalls.push(lacks(Guarantee::Fifo, instead));
    }
    if spec.max_in_flight.is_some() {
        let instead = "messages that are kept back, by a delay or a retry, count as in flight";
        shortfalls.push(lacks(Guarantee::MaxInFlight, instead));
    }
    shortfalls
}

fn general() -> Vec<Shortfall> {
    let lacks = |guarantee, instead: &str| Shortfall { guarantee, asked_by: None, instead: instead.to_owned() };
    vec![
        lacks(Guarantee::Priority, "NATS delivers messages in the order they were sent, whatever their priority"),
        lacks(Guarantee::AtomicBatches, "after an error some messages of a call may be taken and others not"),
        lacks(Guarantee::Release, "a delivery that was not begun counts as one of those that are allowed"),
        lacks(Guarantee::Stats, "messages that are kept back after their first delivery count as in flight"),
    ]
}

impl QueueEngine for NatsEngine {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn limits(&self) -> Limits {
        self.inner.store.limits()
    }

    fn declare<'a>(&'a self, queues: &'a [QueueSpec]) -> Answer<'a, Vec<Shortfall>> {
        let inner = &self.inner;
        Box::pin(async move {
            queues.iter().try_for_each(QueueSpec::check)?;
            let mut lacks = general();
            for spec in queues {
                persist!(inner.store, inner.queues.declare(&inner.store, spec))?;
                lacks.extend(shortfalls(spec));
            }
            Ok(lacks)
        })
    }

    fn enqueue<'a>(&'a self, messages: &'a [NewMessage]) -> Answer<'a, Vec<Enqueued>> {
        let inner = &self.inner;
        Box::pin(async move {
            inner.store.limits().check(messages)?;
            queue::enqueue(&inner.store, &inner.queues, messages).await
        })
    }

    fn receive<'a>(&'a self, queue: &'a str, max: usize, wait: Duration) -> Answer<'a, Vec<Delivery>> {
        let (inner, name, until) = (Arc::clone(&self.inner), queue.to_owned(), Instant::now() + wait);
        let (reply, answer) = oneshot::channel::<Result<Vec<Delivery>, EngineError>>();
        let max = max.clamp(1, inner.store.settings.limits.batch);
        Box::pin(async move {
            // A task of its own, so that what nobody takes any more is given back.
            tokio::spawn(async move {
                let (store, held) = (&inner.store, &inner.held);
                let received = async {
                    let queue = persist!(store, inner.queues.find(store, &name))?;
                    delivery::receive(store, held, &queue, max, until, &|| !reply.is_closed()).await
                };
                let received = received.await;
                if let Err(Ok(untaken)) = reply.send(received)
                    && let Ok(queue) = inner.queues.find(store, &name).await
                {
                    let settlements: Vec<Settlement> =
                        untaken.iter().map(|delivery| Settlement::release(&delivery.receipt)).collect();
                    // Where it fails they come again after the visibility timeout.
                    let _ = delivery::settle(store, held, &queue, &settlements).await;
                }
            });
            let stopped = || EngineError::new(ErrorKind::Closed, "the engine on NATS", "the runtime has stopped");
            answer.await.map_err(|_| stopped())?
        })
    }

    fn settle<'a>(&'a self, queue: &'a str, settlements: &'a [Settlement]) -> Answer<'a, Vec<Settled>> {
        let Inner { store, queues, held, .. } = &*self.inner;
        Box::pin(async move {
            let queue = persist!(store, queues.find(store, queue))?;
            delivery::settle(store, held, &queue, settlements).await
        })
    }

    /// The server knows one visibility timeout, the queue's, which begins anew.
    fn extend<'a>(&'a self, queue: &'a str, receipt: &'a Receipt, _visibility: Duration) -> Answer<'a, Option<Time>> {
        let Inner { store, queues, held, .. } = &*self.inner;
        Box::pin(async move {
            let queue = persist!(store, queues.find(store, queue))?;
            persist!(store, delivery::extend(store, held, &queue, receipt))
        })
    }

    fn dead_letters<'a>(&'a self, queue: &'a str, after: Option<&'a str>, max: usize) -> Answer<'a, Vec<DeadLetter>> {
        let Inner { store, queues, .. } = &*self.inner;
        Box::pin(async move {
            let queue = persist!(store, queues.find(store, queue))?;
            persist!(store, dead::list(store, &queue, after, max))
        })
    }

    fn redrive<'a>(&'a self, queue: &'a str, which: Which) -> Answer<'a, u64> {
        let Inner { store, queues, .. } = &*self.inner;
        Box::pin(async move {
            let queue = persist!(store, queues.find(store, queue))?;
            dead::redrive(store, &queue, &which).await
        })
    }

    fn purge<'a>(&'a self, queue: &'a str, which: Which) -> Answer<'a, u64> {
        let Inner { store, queues, .. } = &*self.inner;
        Box::pin(async move {
            let queue = persist!(store, queues.find(store, queue))?;
            dead::purge(store, &queue, &which).await
        })
    }

    fn stats<'a>(&'a self, queue: &'a str) -> Answer<'a, QueueStats> {
        let Inner { store, queues, .. } = &*self.inner;
        Box::pin(async move {
            let queue = persist!(store, queues.find(store, queue))?;
            let failed = |error| store.failed(error);
            persist!(store, async {
                let stream = queue.stream.get_info().await.map_err(failed)?;
                let dead = queue.dead.get_info().await.map_err(failed)?;
                let consumer = queue.consumer.get_info().await.map_err(|_| store.silent())?;
                let in_flight = consumer.num_ack_pending as u64;
                let ready = stream.state.messages.saturating_sub(in_flight);
                Ok::<_, EngineError>(QueueStats { ready, waiting: 0, in_flight, dead: dead.state.messages })
            })
        })
    }

    fn health(&self) -> Answer<'_, ()> {
        let store = &self.inner.store;
        Box::pin(async move {
            if !store.is_connected() {
                return Err(store.silent());
            }
            schedule::health(store).await
        })
    }

    fn schedules(&self) -> Option<&dyn ScheduleStore> {
        Some(self)
    }
}

impl ScheduleStore for NatsEngine {
    fn lease<'a>(&'a self, name: &'a str, holder: &'a str, span: Duration) -> Answer<'a, Option<Lease>> {
        let Inner { store, bucket, .. } = &*self.inner;
        Box::pin(async move { persist!(store, schedule::lease(store, bucket, name, holder, span)) })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> Answer<'a, ()> {
        let Inner { store, bucket, .. } = &*self.inner;
        Box::pin(async move { persist!(store, schedule::release(store, bucket, lease)) })
    }

    fn mark<'a>(&'a self, schedule: &'a str) -> Answer<'a, Option<Time>> {
        let Inner { store, bucket, .. } = &*self.inner;
        Box::pin(async move { persist!(store, schedule::mark(store, bucket, schedule)) })
    }

    fn fire<'a>(&'a self, firing: &'a Firing) -> Answer<'a, Fired> {
        let Inner { store, bucket, queues, .. } = &*self.inner;
        Box::pin(async move {
            store.limits().check(&firing.runs)?;
            schedule::fire(store, bucket, queues, firing).await
        })
    }
}
