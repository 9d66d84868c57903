//! Deliveries become calls, and what calls come to becomes settlements.

use super::{Feeds, Outbox, Store, store::Opened};
use crate::{
    AppService, ServeError,
    current::Current,
    settings::QueueSettings,
    span::{self, Begin, CallSpan},
};
use pikku::{
    Bytes, Problem,
    call::{Context, MessageAttribute, QueueMessage, Trigger},
    dispatch::{Arrival, Target},
};
use pikku_engines::{Backoff, Body, Delivery, Outcome, QueueSpec, Settled, Settlement};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument as _, Span};

/// The attribute that carries the trace of who sent a message (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";
/// The one that carries what systems say of that trace.
const TRACESTATE: &str = "tracestate";

/// How long to wait for a message at a time. An end waits no longer for it.
const WAIT: Duration = Duration::from_secs(1);

/// How long to wait before a store is tried again that failed; it doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long an outcome is tried to be noted. After it the message is handed over again, as after a crash.
const PATIENCE: Duration = Duration::from_secs(30);

/// The calls that are made of messages and schedules, until the end.
#[derive(Debug)]
pub(crate) struct Work {
    shared: Arc<Shared>,
    sources: Vec<Arc<Source>>,
    outboxes: Vec<Outbox>,
    #[cfg(feature = "schedules")]
    scheduler: Option<pikku_engines::Scheduler>,
}

#[derive(Debug)]
pub(super) struct Shared {
    service: AppService,
    pub(super) store: Arc<Store>,
    engine: Opened,
    /// How long a call may take.
    limit: Duration,
    tasks: TaskTracker,
    /// No more messages are taken.
    pub(super) stopping: CancellationToken,
    /// What is worked on is given up.
    ended: CancellationToken,
}

/// A queue of the store with the function that takes what is in it.
#[derive(Debug)]
struct Source {
    queue: String,
    kind: Kind,
    target: Target,
    /// The most messages that are taken at once.
    batch: usize,
    visibility: Duration,
    backoff: Backoff,
    calls: Arc<Semaphore>,
}

#[derive(Debug)]
enum Kind {
    Queue {
        fifo: bool,
    },
    #[cfg(feature = "schedules")]
    Schedule,
}

impl Work {
    /// Opens the store and declares what the app consumes. Nothing is taken until [`Work::begin`].
    pub(crate) async fn prepare(
        service: &AppService,
        store: &Arc<Store>,
        feeds: &Feeds,
        settings: &QueueSettings,
        mut outboxes: Vec<Outbox>,
    ) -> Result<Self, ServeError> {
        for address in &settings.outboxes {
            outboxes.push(super::outbox::open(address).await?);
        }
        let engine = Arc::clone(store.engine().await?);
        let specs = feeds.specs();
        let mut sources = Vec::new();
        for ((name, queue), spec) in feeds.queues.iter().zip(&specs) {
            let target = target(service, &Arrival::Queue(name))?;
            let calls = queue.concurrency.map_or(settings.calls, |calls| settings.calls.min(calls as usize));
            sources.push(Source::new(spec, Kind::Queue { fifo: queue.fifo }, target, queue.batch as usize, calls));
        }
        #[cfg(feature = "schedules")]
        let scheduler = super::scheduler::scheduler(&engine, feeds)?;
        #[cfg(feature = "schedules")]
        let mut specs = specs;
        #[cfg(feature = "schedules")]
        for ((name, _), spec) in feeds.schedules.iter().zip(scheduler.iter().flat_map(|known| known.queues())) {
            let target = target(service, &Arrival::Schedule(name))?;
            sources.push(Source::new(&spec, Kind::Schedule, target, 1, settings.calls));
            specs.push(spec);
        }
        for shortfall in engine.declare(&specs).await.map_err(ServeError::Queues)? {
            tracing::warn!("the store of the queues, {}, cannot honour all that is asked: {shortfall}", engine.name());
        }
        let shared = Shared {
            service: service.clone(),
            store: Arc::clone(store),
            engine,
            limit: settings.message_time,
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            ended: CancellationToken::new(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            sources: sources.into_iter().map(Arc::new).collect(),
            outboxes,
            #[cfg(feature = "schedules")]
            scheduler,
        })
    }

    /// Begins to take messages and to run schedules.
    pub(crate) fn begin(&mut self) {
        for source in &self.sources {
            self.shared.tasks.spawn(Arc::clone(&self.shared).consume(Arc::clone(source)));
        }
        #[cfg(feature = "schedules")]
        if let Some(scheduler) = self.scheduler.take() {
            self.shared.tasks.spawn(Arc::clone(&self.shared).schedule(scheduler));
        }
        for outbox in self.outboxes.drain(..) {
            self.shared.tasks.spawn(Arc::clone(&self.shared).relay(outbox, Arc::clone(&self.shared.engine)));
        }
        if self.sources.is_empty() {
            return;
        }
        let queues: Vec<&str> = self.sources.iter().map(|source| source.queue.as_str()).collect();
        tracing::info!("taking what is in the queues {} of {}", queues.join(", "), self.shared.engine.name());
    }

    /// Takes no more messages.
    pub(crate) fn stop(&self) {
        self.shared.stopping.cancel();
        self.shared.tasks.close();
    }

    /// Waits for what is worked on.
    pub(crate) async fn finish(&self) {
        self.shared.tasks.wait().await;
    }

    /// Gives up what is worked on: it goes back to its queue.
    pub(crate) fn end(&self) {
        self.shared.ended.cancel();
    }
}

fn target(service: &AppService, arrival: &Arrival<'_>) -> Result<Target, ServeError> {
    service.engine().target(arrival).ok_or_else(|| {
        // Names of the platform's own are for platforms that give some.
        ServeError::setting(
            "PIKKU_SOURCES",
            "…",
            format!("it leaves nothing wired for {arrival:?}; a server needs no such names"),
        )
    })
}

impl Source {
    fn new(spec: &QueueSpec, kind: Kind, target: Target, batch: usize, calls: usize) -> Self {
        let calls = calls.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            queue: spec.name.clone(),
            kind,
            target,
            batch: batch.max(1),
            visibility: spec.visibility,
            backoff: spec.backoff,
            calls: Arc::new(Semaphore::new(calls)),
        }
    }

    /// Places for calls: at least one, at most as many as a batch has messages.
    async fn places(&self) -> Vec<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        let mut places: Vec<_> = Arc::clone(&self.calls).acquire_owned().await.into_iter().collect();
        while places.len() < self.batch {
            let Ok(place) = Arc::clone(&self.calls).try_acquire_owned() else { break };
            places.push(place);
        }
        places
    }
}

impl Shared {
    /// Takes what is in a queue, until the end.
    async fn consume(self: Arc<Self>, source: Arc<Source>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let mut places = tokio::select! {
                places = source.places() => places,
                () = self.stopping.cancelled() => return,
            };
            // It is not broken off: what it delivers then would stay hidden.
            match self.engine.receive(&source.queue, places.len(), WAIT).await {
                Ok(deliveries) => {
                    self.store.works();
                    pause = FIRST_PAUSE;
                    for delivery in deliveries {
                        let handled = Arc::clone(&self).take(Arc::clone(&source), delivery);
                        let place = places.pop();
                        self.tasks.spawn(async move {
                            handled.await;
                            drop(place);
                        });
                    }
                }
                Err(error) => {
                    self.store.fails(&error);
                    drop(places);
                    self.pause(&mut pause).await;
                }
            }
            if self.stopping.is_cancelled() {
                return;
            }
        }
    }

    /// Waits before another attempt, longer each time.
    pub(super) async fn pause(&self, pause: &mut Duration) {
        let jittered = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        tokio::select! {
            () = sleep(jittered) => {}
            () = self.stopping.cancelled() => {}
        }
        *pause = (*pause * 2).min(LONGEST_PAUSE);
    }

    /// Handles one delivery: its call, and the settlement of what came of it.
    async fn take(self: Arc<Self>, source: Arc<Source>, mut delivery: Delivery) {
        if self.stopping.is_cancelled() {
            self.settle(&source, &delivery, Outcome::Release { delay: Duration::ZERO }).await;
            return;
        }
        let CallSpan { span, trace } = self.span(&source, &delivery);
        if let Some(trace) = &trace {
            // What is sent on belongs below this span, where it is exported. What is said of another trace does not go on.
            let before = delivery.attributes.insert(TRACEPARENT.to_owned(), trace.clone());
            if before.and_then(|before| before.get(3..35).map(|id| trace.get(3..35) == Some(id))) != Some(true) {
                delivery.attributes.remove(TRACESTATE);
            }
        }
        let (id, queue) = (delivery.id.as_str().into(), source.queue.clone());
        let current = Current { id, trace: trace.clone(), source: Some(queue) };
        current.during(self.handle(&source, delivery, trace).instrument(span)).await;
    }

    fn span(&self, source: &Source, delivery: &Delivery) -> CallSpan {
        let kind = match source.kind {
            Kind::Queue { .. } => span::Kind::Message { queue: &source.queue },
            #[cfg(feature = "schedules")]
            Kind::Schedule => span::Kind::Run { schedule: &source.queue },
        };
        let parent = |name: &str| delivery.attributes.get(name).map(String::as_str);
        let begin = Begin { kind, id: &delivery.id, parent: (parent(TRACEPARENT), parent(TRACESTATE)) };
        CallSpan::begin(&begin, || Some((None, self.service.engine().function_of(source.target))))
    }

    async fn handle(&self, source: &Source, delivery: Delivery, trace: Option<String>) {
        let begun = Instant::now();
        let platform = self.service.engine().platform();
        let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
        let context = Context {
            id: delivery.id.as_str().into(),
            deadline_ms: Some(platform.now_ms().saturating_add(limit_ms)),
            trace,
            ..Context::default()
        };
        let (after, deadline_ms) = (context.after.clone(), context.deadline_ms);
        let trigger = match trigger(source, &delivery) {
            Ok(trigger) => trigger,
            Err(reason) => return self.settle(source, &delivery, Outcome::Dead { reason }).await,
        };
        let call = self.service.engine().deliver(source.target, trigger, context);
        let hidden = self.keep_hidden(source, &delivery);
        let outcome = tokio::select! {
            called = call => match called {
                Ok(_) => Outcome::Done,
                Err(problem) => {
                    span::failed(&Span::current(), problem.code());
                    failed(&problem, source.backoff, delivery.receives)
                }
            },
            never = hidden => match never {},
            () = self.ended.cancelled() => Outcome::Release { delay: Duration::ZERO },
        };
        after.cancel();
        if !after.is_empty() {
            after.run(&**platform, deadline_ms).await;
        }
        let said = match &outcome {
            Outcome::Done => "done",
            Outcome::Release { .. } => "put off",
            _ => "failed",
        };
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        tracing::debug!(
            queue = source.queue,
            id = delivery.id,
            receives = delivery.receives,
            outcome = said,
            ms,
            "handled"
        );
        self.settle(source, &delivery, outcome).await;
    }

    /// Hides a message anew for as long as it is worked on, well before it would be seen again.
    async fn keep_hidden(&self, source: &Source, delivery: &Delivery) -> Never {
        loop {
            sleep(source.visibility / 3).await;
            match self.engine.extend(&source.queue, &delivery.receipt, source.visibility).await {
                Ok(Some(_)) => self.store.works(),
                Ok(None) => {
                    // The store was away for too long. Nothing is undone: delivery is at least once.
                    tracing::warn!("a message was handed to another while it was worked on");
                    return std::future::pending().await;
                }
                Err(error) => self.store.fails(&error),
            }
        }
    }

    /// Notes what a delivery came to. Where the store is away it is tried again for a while.
    async fn settle(&self, source: &Source, delivery: &Delivery, outcome: Outcome) {
        let settlement = [Settlement { receipt: delivery.receipt.clone(), outcome }];
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            match self.engine.settle(&source.queue, &settlement).await {
                Ok(settled) => {
                    self.store.works();
                    return say(source, delivery, &settlement[0].outcome, settled.first());
                }
                Err(error) => self.store.fails(&error),
            }
            if begun.elapsed() > PATIENCE || self.ended.is_cancelled() {
                tracing::error!(
                    queue = source.queue,
                    id = delivery.id,
                    "what came of a message could not be noted: it will be handed over again"
                );
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// No value: a message is kept hidden until nobody asks for it any more.
enum Never {}

/// What becomes of a delivery whose call failed so. It does not come again before the problem says.
fn failed(problem: &Problem, backoff: Backoff, receives: u32) -> Outcome {
    let asked = problem.retry_after();
    if problem.deferred() {
        return Outcome::Release { delay: asked.unwrap_or_default() };
    }
    let delay = asked.map(|asked| asked.max(backoff.delay(receives, fastrand::f64())));
    Outcome::Retry { delay, reason: envelope(problem) }
}

/// Says what a person has to know of a settlement.
fn say(source: &Source, delivery: &Delivery, outcome: &Outcome, settled: Option<&Settled>) {
    let (queue, id) = (source.queue.as_str(), delivery.id.as_str());
    match settled {
        Some(Settled::Dead) => {
            let detail = match outcome {
                Outcome::Retry { reason, .. } | Outcome::Dead { reason } => reason.as_str(),
                Outcome::Done | Outcome::Release { .. } => "",
            };
            tracing::warn!(
                queue,
                id,
                detail,
                "a message went to the dead letters after {} deliveries",
                delivery.receives
            );
        }
        Some(Settled::Stale) => {
            tracing::warn!(queue, id, "a message was handed to another meanwhile, and may be handled twice");
        }
        _ => {}
    }
}

/// The failure record: the problem as every transport carries it, without what is private.
fn envelope(problem: &Problem) -> String {
    serde_json::to_string(problem).unwrap_or_else(|_| problem.code().to_owned())
}

fn trigger(source: &Source, delivery: &Delivery) -> Result<Trigger, String> {
    match source.kind {
        Kind::Queue { fifo } => Ok(message(delivery, fifo).into()),
        #[cfg(feature = "schedules")]
        Kind::Schedule => super::scheduler::run(delivery).map(Into::into),
    }
}

fn message(delivery: &Delivery, fifo: bool) -> QueueMessage {
    let attribute = |(name, value): (&String, &String)| {
        (name.clone(), MessageAttribute { data_type: "String".to_owned(), value: value.clone() })
    };
    let (body, octets) = match &delivery.body {
        Body::Text(text) => (text.clone(), None),
        Body::Bytes(bytes) => (String::new(), Some(Bytes::copy_from_slice(bytes))),
    };
    QueueMessage {
        queue: delivery.queue.clone(),
        queue_id: delivery.queue.clone(),
        id: delivery.id.clone(),
        receipt_handle: delivery.receipt.0.clone(),
        body,
        octets,
        receive_count: delivery.receives,
        sent_at_ms: u64::try_from(delivery.sent_at.millis()).ok(),
        fifo,
        group_id: delivery.group.clone(),
        message_attributes: delivery.attributes.iter().map(attribute).collect::<BTreeMap<_, _>>(),
        ..QueueMessage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pikku::{StatusCode, http::Headers};

    #[test]
    fn a_message_comes_again_no_sooner_than_its_problem_asks() {
        let backoff = Backoff { first: Duration::from_secs(5), most: Duration::from_secs(60), jitter: false };
        let busy = |after: &str| {
            let mut headers = Headers::default();
            headers.append("retry-after", after.as_bytes()).unwrap();
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", "busy").with_headers(headers)
        };
        let delay = |problem: &Problem, receives| match failed(problem, backoff, receives) {
            Outcome::Retry { delay, .. } => delay.map(|delay| delay.as_secs()),
            other => panic!("it is one of its tries: {other:?}"),
        };
        assert_eq!(delay(&Problem::internal("x"), 1), None, "as the queue says");
        assert_eq!((delay(&busy("30"), 1), delay(&busy("30"), 4)), (Some(30), Some(40)));
        assert_eq!(delay(&busy("soon"), 1), None);
        let put_off = busy("30").with_deferred(true);
        assert_eq!(failed(&put_off, backoff, 4), Outcome::Release { delay: Duration::from_secs(30) });
    }
}
