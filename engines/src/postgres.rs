//! PostgreSQL, for many machines.
//!
//! # Whose clock
//! The database's, so that instances whose clocks differ agree on what is due and who holds a lease.
//!
//! # Durability
//! What adds messages or marks is committed as the database is set up to, which is flushed to the disk where nobody has
//! changed `synchronous_commit`. What only takes them (deliveries and settlements) does not wait for the flush: a crash of
//! the database takes back the last of it at most, which delivers messages again and loses none.
//!
//! # Order
//! Deliveries take rows with `SKIP LOCKED`, so that instances do not wait for each other. In FIFO queues, and in those that
//! limit what is in flight, they do: one at a time, by a lock of the queue's row.
//!
//! # When the database is away
//! A connection is tried for with growing pauses, until the patience of the settings is at its end; what was not begun or
//! can be done twice is done again. What may have been committed and cannot be asked about is an error, and it is told.
//!
//! # What it needs
//! PostgreSQL 12 or newer, and connections that stay the same between statements (a pooler such as PgBouncer in its mode
//! `session`). The tables begin with `pikku_` and are made where the URL's role may make tables in its first schema; where
//! they are there, the role may do without.

mod dead;
mod delivery;
mod entry;
mod listen;
mod queue;
mod rate;
mod schedule;
mod schema;
mod store;

use crate::{
    Answer, Clock, DeadLetter, Delivery, EngineError, Enqueued, Entry, EntryKey, EntryStore, ErrorKind, Fired, Firing,
    Lease, Limits, NewMessage, QueueEngine, QueueSpec, QueueStats, RateStore, Receipt, ScheduleStore, Settled,
    Settlement, Shortfall, Take, Taken, Time, Which,
};
use listen::Listener;
pub(crate) use queue::{read_attributes, read_body};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use store::Session;
pub(crate) use store::{Commit, Failure, Place, Store, read_error, span};
use tokio::sync::oneshot;

/// A clock that goes back by less is not spoken of.
const STEP_BACK: Duration = Duration::from_millis(500);

/// How often two transactions that are in each other's way are tried again.
const CONFLICTS: u32 = 5;

/// What an engine on PostgreSQL may be told.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// The time of day; that of the database where nothing is said, as it should be but in tests.
    pub clock: Option<Arc<dyn Clock>>,
    /// How long a database that is away, or a lock, is waited for. 5 s where nothing is said.
    pub patience: Duration,
    /// How often a waiting delivery looks for what no notification told of. 1 s where nothing is said.
    pub look: Duration,
    /// The most that it takes.
    pub limits: Limits,
    /// The most connections for what adds, and as many for what takes; one more listens. 4 where nothing is said.
    pub connections: usize,
    /// A file of the root certificates by which databases on other machines are trusted, in PEM. That of the variable
    /// `PGSSLROOTCERT`, or the platform's, where nothing is said.
    pub root_certificates: Option<PathBuf>,
}

impl Default for PostgresSettings {
    fn default() -> Self {
        Self {
            clock: None,
            patience: Duration::from_secs(5),
            look: Duration::from_secs(1),
            limits: Limits::default(),
            connections: 4,
            root_certificates: None,
        }
    }
}

/// Durable queues and schedules in a PostgreSQL database. Clones are the same engine.
#[derive(Clone, Debug)]
pub struct PostgresEngine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<Store>,
    listener: Listener,
    /// The time that was seen last, in milliseconds.
    last: AtomicI64,
}

/// Where deliveries are waited for.
type Reply = oneshot::Sender<Result<Vec<Delivery>, EngineError>>;

/// Does something again as long as that is right. `$wary` says that what may have been done must not be done again.
macro_rules! persist {
    ($inner:expr, $wary:expr, $work:expr) => {{
        let begun = Instant::now();
        let mut conflicts = 0;
        loop {
            let failure = match $work.await {
                Ok(value) => break Ok(value),
                Err(failure) => failure,
            };
            let may_be_done = matches!(failure, Failure::Commit(_));
            if failure.is_conflict() && conflicts < CONFLICTS {
                conflicts += 1;
                tokio::time::sleep(Duration::from_millis(fastrand::u64(1..20))).await;
                continue;
            }
            let error = $inner.store.error(failure);
            let again = error.kind() == ErrorKind::Unavailable && !(may_be_done && $wary);
            if !again || begun.elapsed() > $inner.store.settings.patience {
                break Err(error);
            }
            tokio::time::sleep(Duration::from_millis(fastrand::u64(20..60))).await;
        }
    }};
}

/// Runs something in a transaction: an expression of the session.
macro_rules! transact {
    ($inner:expr, $commit:expr, |$session:ident| $work:expr) => {
        async {
            let mut client = $inner.store.client($commit).await?;
            let transaction = client.transaction().await?;
            let $session = Session::new(transaction.client(), &transaction.statement_cache, $inner.store.now());
            let value = $work.await?;
            transaction.commit().await.map_err(Failure::Commit)?;
            Ok::<_, Failure>(value)
        }
    };
}

/// Runs something by itself.
macro_rules! alone {
    ($inner:expr, $commit:expr, |$session:ident| $work:expr) => {
        async {
            let client = $inner.store.client($commit).await?;
            let $session = Session::alone(&client, $inner.store.now());
            $work.await
        }
    };
}

impl PostgresEngine {
    /// Opens the store in a database, `postgres://user:password@host:port/database`, and makes its tables where there are
    /// none. It is done within a runtime of tokio, in which it goes on.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where the URL is none, [`ErrorKind::Unavailable`] where the database cannot be reached for as
    /// long as the patience lasts, [`ErrorKind::Newer`], and [`ErrorKind::Store`] where it refuses otherwise.
    pub async fn open(url: &str) -> Result<Self, EngineError> {
        Self::open_with(url, PostgresSettings::default()).await
    }

    /// The same with other settings.
    ///
    /// # Errors
    /// The same.
    pub async fn open_with(url: &str, settings: PostgresSettings) -> Result<Self, EngineError> {
        let store = Arc::new(Store::new(url, settings)?);
        store.migrate().await?;
        let listener = Listener::start(Arc::clone(&store));
        Ok(Self { inner: Arc::new(Inner { store, listener, last: AtomicI64::new(i64::MIN) }) })
    }

    /// Takes messages within a transaction of yours on the same database (an outbox): they are delivered once it is
    /// committed, and never where it is not. After an error the transaction has to be given up.
    ///
    /// A FIFO queue takes from nobody else until the transaction ends.
    ///
    /// # Errors
    /// Those of [`enqueue`](QueueEngine::enqueue).
    pub async fn enqueue_in(
        &self,
        transaction: &tokio_postgres::Transaction<'_>,
        messages: &[NewMessage],
    ) -> Result<Vec<Enqueued>, EngineError> {
        let store = &self.inner.store;
        store.settings.limits.check(messages)?;
        let session = Session::foreign(transaction.client(), store.now());
        let taken = async {
            let taken = queue::enqueue(session, messages).await?;
            let mut queues: Vec<&str> = messages.iter().map(|message| message.queue.as_str()).collect();
            queues.sort_unstable();
            queues.dedup();
            // It is told with the commit.
            session
                .execute("SELECT pg_notify($1, name) FROM unnest($2::text[]) AS name", &[&listen::CHANNEL, &queues])
                .await?;
            Ok(taken)
        };
        taken.await.map_err(|failure| store.error(failure))
    }
}

impl Inner {
    /// Tells those who wait that queues may have something.
    fn tell(&self, messages: &[NewMessage]) {
        let mut queues: Vec<&str> = messages.iter().map(|message| message.queue.as_str()).collect();
        queues.sort_unstable();
        queues.dedup();
        queues.into_iter().for_each(|queue| self.listener.tell(queue));
    }

    /// Waits no longer than somebody waits for the answer, and looks to the end whenever it looks, so that nothing is
    /// delivered to nobody.
    async fn receive(
        &self,
        name: &str,
        max: usize,
        until: Instant,
        reply: &mut Reply,
    ) -> Result<Vec<Delivery>, EngineError> {
        let max = i64::try_from(max.clamp(1, self.store.settings.limits.batch)).unwrap_or(i64::MAX);
        let woken = self.listener.on(name);
        loop {
            // What is sent from here on wakes.
            let mut waking = std::pin::pin!(woken.notified());
            waking.as_mut().enable();
            let (deliveries, next) = persist!(self, false, self.look(name, max))?;
            let left = until.saturating_duration_since(Instant::now());
            if !deliveries.is_empty() || left.is_zero() || reply.is_closed() {
                return Ok(deliveries);
            }
            let pause = next.unwrap_or(Duration::MAX).clamp(Duration::from_millis(1), self.store.settings.look);
            tokio::select! {
                () = waking => {}
                () = reply.closed() => {}
                () = tokio::time::sleep(pause.min(left)) => {}
            }
        }
    }

    /// Delivers what is ready. Where there is nothing it says when there may be.
    async fn look(&self, name: &str, max: i64) -> Result<(Vec<Delivery>, Option<Duration>), Failure> {
        let mut client = self.store.client(Commit::Quick).await?;
        let session = Session::alone(&client, self.store.now());
        let mut glance = delivery::glance(session, name).await?;
        if self.went_back(glance.now) {
            delivery::mend(session).await?;
            glance = delivery::glance(session, name).await?;
        }
        let is_due = glance.is_due();
        if !glance.ready && !is_due {
            return Ok((Vec::new(), glance.next_due.map(|due| due.since(glance.now))));
        }
        let queue = glance.queue;
        if !queue.fifo && queue.max_in_flight.is_none() {
            if is_due {
                delivery::see_to_due(session, &queue).await?;
            }
            return Ok((delivery::claim(session, &queue, max).await?, None));
        }
        let transaction = client.transaction().await?;
        let session = Session::new(transaction.client(), &transaction.statement_cache, self.store.now());
        let queue = queue::lock(session, &queue).await?;
        if is_due {
            delivery::see_to_due(session, &queue).await?;
        }
        let deliveries = match delivery::room(session, &queue, max).await? {
            0 => Vec::new(),
            room => delivery::claim(session, &queue, room).await?,
        };
        transaction.commit().await.map_err(Failure::Commit)?;
        Ok((deliveries, None))
    }

    /// Whether the clock was set back since it was last looked at.
    fn went_back(&self, now: Time) -> bool {
        let last = self.last.swap(now.millis(), Ordering::Relaxed);
        now.after(STEP_BACK).millis() < last
    }

    async fn settle(&self, name: &str, settlements: &[Settlement]) -> Result<Vec<Settled>, EngineError> {
        let settled = persist!(self, false, async {
            let mut client = self.store.client(Commit::Quick).await?;
            let session = Session::alone(&client, self.store.now());
            let queue = queue::find(session, name).await?;
            let done = settlements.iter().all(|settlement| settlement.outcome == crate::Outcome::Done);
            if done && !queue.fifo {
                return Ok((delivery::settle(session, &queue, settlements).await?, queue.max_in_flight.is_some()));
            }
            let transaction = client.transaction().await?;
            let session = Session::new(transaction.client(), &transaction.statement_cache, self.store.now());
            let queue = if queue.fifo { queue::lock(session, &queue).await? } else { queue };
            let settled = delivery::settle(session, &queue, settlements).await?;
            transaction.commit().await.map_err(Failure::Commit)?;
            Ok::<_, Failure>((settled, true))
        });
        let (settled, frees) = settled?;
        if frees {
            self.listener.tell(name);
        }
        Ok(settled)
    }
}

impl QueueEngine for PostgresEngine {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn limits(&self) -> Limits {
        self.inner.store.settings.limits
    }

    fn declare<'a>(&'a self, queues: &'a [QueueSpec]) -> Answer<'a, Vec<Shortfall>> {
        Box::pin(async move {
            queues.iter().try_for_each(QueueSpec::check)?;
            let inner = &self.inner;
            persist!(inner, false, transact!(inner, Commit::Durable, |session| queue::declare(session, queues)))?;
            queues.iter().for_each(|queue| inner.listener.tell(&queue.name));
            Ok(Vec::new())
        })
    }

    fn enqueue<'a>(&'a self, messages: &'a [NewMessage]) -> Answer<'a, Vec<Enqueued>> {
        Box::pin(async move {
            let inner = &self.inner;
            inner.store.settings.limits.check(messages)?;
            if messages.is_empty() {
                return Ok(Vec::new());
            }
            let taken =
                persist!(inner, true, transact!(inner, Commit::Durable, |session| queue::enqueue(session, messages)))?;
            inner.tell(messages);
            Ok(taken)
        })
    }

    fn receive<'a>(&'a self, queue: &'a str, max: usize, wait: Duration) -> Answer<'a, Vec<Delivery>> {
        let (engine, name, until) = (self.clone(), queue.to_owned(), Instant::now() + wait);
        let (mut reply, answer) = oneshot::channel();
        Box::pin(async move {
            // A task of its own, so that what nobody takes any more is given back.
            tokio::spawn(async move {
                let received = engine.inner.receive(&name, max, until, &mut reply).await;
                if let Err(Ok(untaken)) = reply.send(received) {
                    let settlements: Vec<Settlement> =
                        untaken.iter().map(|delivery| Settlement::release(&delivery.receipt)).collect();
                    // Where it fails they come again after the visibility timeout.
                    let _ = engine.inner.settle(&name, &settlements).await;
                }
            });
            answer.await.map_err(|_| {
                EngineError::new(ErrorKind::Closed, self.inner.store.place.to_string(), "the runtime has stopped")
            })?
        })
    }

    fn settle<'a>(&'a self, queue: &'a str, settlements: &'a [Settlement]) -> Answer<'a, Vec<Settled>> {
        Box::pin(self.inner.settle(queue, settlements))
    }

    fn extend<'a>(&'a self, queue: &'a str, receipt: &'a Receipt, visibility: Duration) -> Answer<'a, Option<Time>> {
        let inner = &self.inner;
        Box::pin(async move {
            persist!(
                inner,
                false,
                alone!(inner, Commit::Quick, |session| delivery::extend(session, queue, receipt, visibility))
            )
        })
    }

    fn dead_letters<'a>(&'a self, queue: &'a str, after: Option<&'a str>, max: usize) -> Answer<'a, Vec<DeadLetter>> {
        let inner = &self.inner;
        Box::pin(async move {
            persist!(inner, false, alone!(inner, Commit::Quick, |session| dead::list(session, queue, after, max)))
        })
    }

    fn redrive<'a>(&'a self, queue: &'a str, which: Which) -> Answer<'a, u64> {
        let inner = &self.inner;
        Box::pin(async move {
            let redriven = persist!(
                inner,
                true,
                transact!(inner, Commit::Durable, |session| dead::redrive(session, queue, &which))
            )?;
            inner.listener.tell(queue);
            Ok(redriven)
        })
    }

    fn purge<'a>(&'a self, queue: &'a str, which: Which) -> Answer<'a, u64> {
        let inner = &self.inner;
        Box::pin(async move {
            persist!(inner, true, transact!(inner, Commit::Durable, |session| dead::purge(session, queue, &which)))
        })
    }

    fn stats<'a>(&'a self, queue: &'a str) -> Answer<'a, QueueStats> {
        let inner = &self.inner;
        Box::pin(async move {
            persist!(inner, false, alone!(inner, Commit::Quick, |session| delivery::stats(session, queue)))
        })
    }

    fn health(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let store = &self.inner.store;
            let healthy = async {
                let client = store.client(Commit::Durable).await?;
                let session = Session::alone(&client, store.now());
                let row = session
                    .query_opt(
                        "SELECT current_setting('transaction_read_only') = 'on', (SELECT count(*) FROM pikku_meta)",
                        &[],
                    )
                    .await?;
                let read_only: bool = row.map_or(Ok(false), |row| row.try_get(0))?;
                if read_only {
                    let reason = "it may not be written to, as a standby";
                    return Err(EngineError::new(ErrorKind::Unavailable, store.place.to_string(), reason).into());
                }
                Ok::<_, Failure>(())
            };
            healthy.await.map_err(|failure| store.error(failure))
        })
    }

    fn schedules(&self) -> Option<&dyn ScheduleStore> {
        Some(self)
    }
}

impl ScheduleStore for PostgresEngine {
    fn lease<'a>(&'a self, name: &'a str, holder: &'a str, span: Duration) -> Answer<'a, Option<Lease>> {
        let inner = &self.inner;
        Box::pin(async move {
            persist!(
                inner,
                false,
                alone!(inner, Commit::Durable, |session| schedule::lease(session, name, holder, span))
            )
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> Answer<'a, ()> {
        let inner = &self.inner;
        Box::pin(async move {
            persist!(inner, false, alone!(inner, Commit::Durable, |session| schedule::release(session, lease)))
        })
    }

    fn mark<'a>(&'a self, schedule: &'a str) -> Answer<'a, Option<Time>> {
        let inner = &self.inner;
        Box::pin(async move {
            persist!(inner, false, alone!(inner, Commit::Durable, |session| schedule::mark(session, schedule)))
        })
    }

    fn fire<'a>(&'a self, firing: &'a Firing) -> Answer<'a, Fired> {
        let inner = &self.inner;
        Box::pin(async move {
            inner.store.settings.limits.check(&firing.runs)?;
            let fired =
                persist!(inner, true, transact!(inner, Commit::Durable, |session| schedule::fire(session, firing)))?;
            inner.tell(&firing.runs);
            Ok(fired)
        })
    }
}

impl EntryStore for PostgresEngine {
    fn load<'a>(&'a self, key: &'a EntryKey, now: Time) -> Answer<'a, Option<Entry>> {
        let inner = &self.inner;
        Box::pin(async move {
            persist!(inner, false, alone!(inner, Commit::Durable, |session| entry::load(session, key, now)))
        })
    }

    fn save<'a>(&'a self, key: &'a EntryKey, entry: &'a Entry, now: Time) -> Answer<'a, ()> {
        let inner = &self.inner;
        Box::pin(async move {
            persist!(inner, false, alone!(inner, Commit::Durable, |session| entry::save(session, key, entry, now)))
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a EntryKey,
        expected: Option<&'a str>,
        entry: &'a Entry,
        now: Time,
    ) -> Answer<'a, bool> {
        let inner = &self.inner;
        Box::pin(async move {
            let commit = Commit::Durable;
            persist!(inner, false, alone!(inner, commit, |session| entry::replace(session, key, expected, entry, now)))
        })
    }

    fn touch<'a>(&'a self, key: &'a EntryKey, ends: Time, now: Time) -> Answer<'a, ()> {
        let inner = &self.inner;
        Box::pin(async move {
            persist!(inner, false, alone!(inner, Commit::Quick, |session| entry::touch(session, key, ends, now)))
        })
    }

    fn remove<'a>(&'a self, key: &'a EntryKey) -> Answer<'a, ()> {
        let inner = &self.inner;
        Box::pin(async move {
            persist!(inner, false, alone!(inner, Commit::Durable, |session| entry::remove(session, key)))
        })
    }

    fn remove_owner<'a>(&'a self, owner: &'a EntryKey) -> Answer<'a, u64> {
        let inner = &self.inner;
        Box::pin(async move {
            persist!(inner, false, alone!(inner, Commit::Durable, |session| entry::remove_owner(session, owner)))
        })
    }
}

impl RateStore for PostgresEngine {
    fn take<'a>(&'a self, key: &'a EntryKey, take: Take, now: Time) -> Answer<'a, Taken> {
        let inner = &self.inner;
        Box::pin(async move {
            persist!(inner, false, alone!(inner, Commit::Quick, |session| rate::take(session, key, take, now)))
        })
    }
}
