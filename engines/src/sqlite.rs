//! The embedded engine: one SQLite file, which several processes of one machine may share.
//!
//! # Durability
//! The file is in WAL mode. What adds messages or marks is committed with `synchronous = FULL`: it has been flushed to the
//! disk when it is answered, so it survives a loss of power. What only takes them (deliveries and settlements) is committed
//! with `synchronous = NORMAL`, without a flush of its own: it survives the end of the process by any signal, and a loss of
//! power takes back the last of it at most, which delivers messages again and loses none. WAL allows the mixture: a flush
//! covers whatever was written before it, and recovery keeps a prefix of the commits.
//!
//! # One thread writes
//! SQLite has one writer at a time, so each engine has one thread with one connection, and what is asked at the same time is
//! committed at the same time (group commit): nothing is answered before the commit that holds it.
//!
//! # Where it must not be
//! On network file systems, which lack the shared memory and often the locks that SQLite needs.

mod dead;
mod entry;
mod queue;
mod rate;
mod schedule;
mod schema;
mod store;
mod writer;

use crate::{
    Answer, Clock, DeadLetter, Delivery, EngineError, Enqueued, Entry, EntryKey, EntryStore, ErrorKind, Fired, Firing,
    Lease, Limits, NewMessage, QueueEngine, QueueSpec, QueueStats, RateStore, Receipt, ScheduleStore, Settled,
    Settlement, Shortfall, SystemClock, Take, Taken, Time, Which,
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};
use store::Store;
use tokio::sync::oneshot;
use writer::{Command, Failure, Round, Wanted, Work};

/// What an embedded engine may be told.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// How long a lock that another process holds is waited for. 5 s where nothing is said.
    pub patience: Duration,
    /// How often a waiting delivery looks for what other processes have sent. 50 ms where nothing is said.
    pub look: Duration,
    /// The most that it takes.
    pub limits: Limits,
    /// The most pages of 4 KiB that the file may have; nothing where the disk is the limit.
    pub most_pages: Option<u32>,
}

impl Default for SqliteSettings {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            patience: Duration::from_secs(5),
            look: Duration::from_millis(50),
            limits: Limits::default(),
            most_pages: None,
        }
    }
}

/// Durable queues and schedules in a SQLite file. Clones are the same engine; when the last is dropped it finishes what it
/// was asked and closes the file.
#[derive(Clone, Debug)]
pub struct SqliteEngine {
    commands: mpsc::Sender<Command>,
    limits: Limits,
    path: PathBuf,
}

impl SqliteEngine {
    /// Opens the store in a file, which is made where there is none.
    ///
    /// It blocks for the time that opening a file takes, and as long as another process holds a lock.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where the file cannot be reached, [`ErrorKind::Corrupt`], [`ErrorKind::Newer`],
    /// [`ErrorKind::Locked`], [`ErrorKind::Full`], and [`ErrorKind::Store`] where it refuses otherwise.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EngineError> {
        Self::open_with(path, SqliteSettings::default())
    }

    /// The same with other settings.
    ///
    /// # Errors
    /// The same.
    pub fn open_with(path: impl AsRef<Path>, settings: SqliteSettings) -> Result<Self, EngineError> {
        let path = path.as_ref().to_path_buf();
        let limits = settings.limits;
        let store = Store::open(&path, settings)?;
        let (commands, inbox) = mpsc::channel();
        let place = path.display().to_string();
        thread::Builder::new().name("pikku-sqlite".to_owned()).spawn(move || writer::run(store, &inbox)).map_err(
            |source| EngineError::new(ErrorKind::Store, place, "no thread can be started for it").caused_by(source),
        )?;
        Ok(Self { commands, limits, path })
    }

    fn closed(&self) -> EngineError {
        EngineError::new(ErrorKind::Closed, self.path.display().to_string(), "the engine has stopped")
    }

    /// Has the thread do something in a transaction. Work that refuses must have written nothing.
    fn work<T, F>(&self, durable: bool, work: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnMut(&Round<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(Command::Job(Box::new(Work::new(durable, work, reply))));
        Box::pin(async move {
            sent.map_err(|_| self.closed())?;
            answer.await.map_err(|_| self.closed())?
        })
    }

    fn refuse<T: Send>(error: EngineError) -> Answer<'static, T> {
        Box::pin(async { Err(error) })
    }
}

impl QueueEngine for SqliteEngine {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn declare<'a>(&'a self, queues: &'a [QueueSpec]) -> Answer<'a, Vec<Shortfall>> {
        if let Err(wrong) = queues.iter().try_for_each(QueueSpec::check) {
            return Self::refuse(wrong);
        }
        let queues = queues.to_vec();
        self.work(true, move |round| {
            queues.iter().try_for_each(|spec| queue::declare(round, spec))?;
            Ok(Vec::new())
        })
    }

    fn enqueue<'a>(&'a self, messages: &'a [NewMessage]) -> Answer<'a, Vec<Enqueued>> {
        if let Err(wrong) = self.limits.check(messages) {
            return Self::refuse(wrong);
        }
        let messages = messages.to_vec();
        self.work(true, move |round| queue::enqueue(round, &messages))
    }

    fn receive<'a>(&'a self, queue: &'a str, max: usize, wait: Duration) -> Answer<'a, Vec<Delivery>> {
        let (reply, answer) = oneshot::channel();
        let max = max.clamp(1, self.limits.batch);
        let until = Instant::now() + wait;
        let sent = self.commands.send(Command::Receive(Wanted { queue: queue.to_owned(), max, until, reply }));
        Box::pin(async move {
            sent.map_err(|_| self.closed())?;
            answer.await.map_err(|_| self.closed())?
        })
    }

    fn settle<'a>(&'a self, queue: &'a str, settlements: &'a [Settlement]) -> Answer<'a, Vec<Settled>> {
        let (queue, settlements) = (queue.to_owned(), settlements.to_vec());
        self.work(false, move |round| queue::settle(round, &queue, &settlements))
    }

    fn extend<'a>(&'a self, queue: &'a str, receipt: &'a Receipt, visibility: Duration) -> Answer<'a, Option<Time>> {
        let (queue, receipt) = (queue.to_owned(), receipt.clone());
        self.work(false, move |round| queue::extend(round, &queue, &receipt, visibility))
    }

    fn dead_letters<'a>(&'a self, queue: &'a str, after: Option<&'a str>, max: usize) -> Answer<'a, Vec<DeadLetter>> {
        let (queue, after) = (queue.to_owned(), after.map(str::to_owned));
        self.work(false, move |round| dead::list(round, &queue, after.as_deref(), max))
    }

    fn redrive<'a>(&'a self, queue: &'a str, which: Which) -> Answer<'a, u64> {
        let queue = queue.to_owned();
        self.work(true, move |round| dead::redrive(round, &queue, &which))
    }

    fn purge<'a>(&'a self, queue: &'a str, which: Which) -> Answer<'a, u64> {
        let queue = queue.to_owned();
        self.work(true, move |round| dead::purge(round, &queue, &which))
    }

    fn stats<'a>(&'a self, queue: &'a str) -> Answer<'a, QueueStats> {
        let queue = queue.to_owned();
        self.work(false, move |round| queue::stats(round, &queue))
    }

    fn health(&self) -> Answer<'_, ()> {
        self.work(false, |_| Ok(()))
    }

    fn schedules(&self) -> Option<&dyn ScheduleStore> {
        Some(self)
    }
}

impl ScheduleStore for SqliteEngine {
    fn lease<'a>(&'a self, name: &'a str, holder: &'a str, span: Duration) -> Answer<'a, Option<Lease>> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.work(true, move |round| schedule::lease(round, &name, &holder, span))
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> Answer<'a, ()> {
        let lease = lease.clone();
        self.work(true, move |round| schedule::release(round, &lease))
    }

    fn mark<'a>(&'a self, schedule: &'a str) -> Answer<'a, Option<Time>> {
        let schedule = schedule.to_owned();
        self.work(false, move |round| schedule::mark(round, &schedule))
    }

    fn fire<'a>(&'a self, firing: &'a Firing) -> Answer<'a, Fired> {
        if let Err(wrong) = self.limits.check(&firing.runs) {
            return Self::refuse(wrong);
        }
        let firing = firing.clone();
        self.work(true, move |round| schedule::fire(round, &firing))
    }
}

impl EntryStore for SqliteEngine {
    fn load<'a>(&'a self, key: &'a EntryKey, now: Time) -> Answer<'a, Option<Entry>> {
        let key = *key;
        self.work(false, move |round| entry::load(round, &key, now))
    }

    fn save<'a>(&'a self, key: &'a EntryKey, entry: &'a Entry, now: Time) -> Answer<'a, ()> {
        let (key, entry) = (*key, entry.clone());
        self.work(true, move |round| entry::save(round, &key, &entry, now))
    }

    fn replace<'a>(
        &'a self,
        key: &'a EntryKey,
        expected: Option<&'a str>,
        entry: &'a Entry,
        now: Time,
    ) -> Answer<'a, bool> {
        let (key, expected, entry) = (*key, expected.map(str::to_owned), entry.clone());
        self.work(true, move |round| entry::replace(round, &key, expected.as_deref(), &entry, now))
    }

    fn touch<'a>(&'a self, key: &'a EntryKey, ends: Time, now: Time) -> Answer<'a, ()> {
        let key = *key;
        self.work(false, move |round| entry::touch(round, &key, ends, now))
    }

    fn remove<'a>(&'a self, key: &'a EntryKey) -> Answer<'a, ()> {
        let key = *key;
        self.work(true, move |round| entry::remove(round, &key))
    }

    fn remove_owner<'a>(&'a self, owner: &'a EntryKey) -> Answer<'a, u64> {
        let owner = *owner;
        self.work(true, move |round| entry::remove_owner(round, &owner))
    }
}

impl RateStore for SqliteEngine {
    fn take<'a>(&'a self, key: &'a EntryKey, take: Take, now: Time) -> Answer<'a, Taken> {
        let key = *key;
        self.work(false, move |round| rate::take(round, &key, take, now))
    }
}
