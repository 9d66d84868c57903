//! The thread that writes: what is asked at the same time is committed at the same time.

use super::{queue, store::Store};
use crate::{Delivery, EngineError, Receipt, Settlement, Time};
use rusqlite::Connection;
use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// The most that is committed at once.
const MOST_JOBS: usize = 512;
/// A clock that goes back by less is not spoken of.
const STEP_BACK: Duration = Duration::from_millis(500);

/// One transaction.
#[derive(Debug)]
pub(crate) struct Round<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) now: Time,
}

/// Why work was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is refused, and has written nothing.
    Refused(EngineError),
    /// The store failed.
    Store(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Refused(error)
    }
}

/// What the thread is asked.
pub(crate) enum Command {
    Job(Box<dyn Job>),
    Receive(Wanted),
}

/// Work in a transaction, which may be done again where the transaction failed.
pub(crate) trait Job: Send {
    /// Whether its commit has to be flushed.
    fn is_durable(&self) -> bool;
    /// Does it and keeps what came of it.
    fn run(&mut self, round: &Round<'_>) -> Result<(), rusqlite::Error>;
    /// Answers, once it is committed, or failed.
    fn answer(self: Box<Self>, failed: Option<EngineError>);
}

/// Work with the place where its result goes.
pub(crate) struct Work<T, F> {
    durable: bool,
    work: F,
    result: Option<Result<T, EngineError>>,
    reply: oneshot::Sender<Result<T, EngineError>>,
}

impl<T, F> Work<T, F> {
    pub(crate) fn new(durable: bool, work: F, reply: oneshot::Sender<Result<T, EngineError>>) -> Self {
        Self { durable, work, result: None, reply }
    }
}

impl<T, F> Job for Work<T, F>
where
    T: Send,
    F: FnMut(&Round<'_>) -> Result<T, Failure> + Send,
{
    fn is_durable(&self) -> bool {
        self.durable
    }

    fn run(&mut self, round: &Round<'_>) -> Result<(), rusqlite::Error> {
        self.result = Some(match (self.work)(round) {
            Ok(value) => Ok(value),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Store(error)) => return Err(error),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, failed: Option<EngineError>) {
        let answer = match (failed, self.result) {
            (Some(error), _) => Err(error),
            (None, Some(result)) => result,
            // Dropping the sender says that nothing came of it.
            (None, None) => return,
        };
        // Nobody may wait any more.
        let _ = self.reply.send(answer);
    }
}

/// A delivery that is waited for.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) queue: String,
    pub(crate) max: usize,
    pub(crate) until: Instant,
    pub(crate) reply: oneshot::Sender<Result<Vec<Delivery>, EngineError>>,
}

/// Works until nobody can ask any more.
pub(crate) fn run(store: Store, inbox: &Receiver<Command>) {
    let last = store.settings.clock.now();
    let mut writer = Writer { store, waiting: Vec::new(), last, mend: true };
    while let Some((jobs, wanted)) = writer.gather(inbox) {
        writer.round(jobs, wanted);
    }
}

type Jobs = Vec<Box<dyn Job>>;

struct Writer {
    store: Store,
    waiting: Vec<Wanted>,
    /// The time of the last round.
    last: Time,
    /// Whether times in the store have to be seen to, because the clock was set back.
    mend: bool,
}

impl Writer {
    /// Waits for something to do and takes all that is there.
    fn gather(&mut self, inbox: &Receiver<Command>) -> Option<(Jobs, Vec<Wanted>)> {
        let mut jobs = Vec::new();
        let mut wanted = Vec::new();
        let mut sort = |command| match command {
            Command::Job(job) => jobs.push(job),
            Command::Receive(one) => wanted.push(one),
        };
        match inbox.try_recv() {
            Ok(command) => sort(command),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) if self.waiting.is_empty() => sort(inbox.recv().ok()?),
            Err(TryRecvError::Empty) => match inbox.recv_timeout(self.pause()) {
                Ok(command) => sort(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            },
        }
        for command in inbox.try_iter().take(MOST_JOBS) {
            sort(command);
        }
        Some((jobs, wanted))
    }

    /// How long nothing need be looked at.
    fn pause(&mut self) -> Duration {
        let now = Instant::now();
        let mut pause = self.store.settings.look;
        for one in &self.waiting {
            pause = pause.min(one.until.saturating_duration_since(now));
        }
        let time = self.store.settings.clock.now();
        if let Ok(connection) = self.store.connection() {
            let round = Round { connection, now: time };
            for one in &self.waiting {
                // What fails here fails in the round too, which says so.
                if let Ok(Some(due)) = queue::next_due(&round, &one.queue) {
                    pause = pause.min(due.since(time));
                }
            }
        }
        pause.max(Duration::from_millis(1))
    }

    fn round(&mut self, jobs: Jobs, wanted: Vec<Wanted>) {
        let now = self.store.settings.clock.now();
        self.mend |= now.after(STEP_BACK) < self.last;
        self.last = now;
        let mut receives = std::mem::take(&mut self.waiting);
        receives.extend(wanted);
        receives.retain(|one| !one.reply.is_closed());
        let receives = self.with_work(now, receives, jobs.is_empty());
        if jobs.is_empty() && receives.is_empty() && !self.mend {
            return;
        }
        self.commit(now, jobs, receives);
    }

    /// Those that will have something, or that an error has to be told. The others wait on, or are told that there is
    /// nothing.
    fn with_work(&mut self, now: Time, receives: Vec<Wanted>, alone: bool) -> Vec<Wanted> {
        // Beside jobs there is a transaction anyway, and what they send can be delivered in it.
        if !alone || self.mend || receives.is_empty() {
            return receives;
        }
        let Ok(connection) = self.store.connection() else { return receives };
        let round = Round { connection, now };
        let mut with_work = Vec::new();
        for one in receives {
            match queue::has_work(&round, &one.queue) {
                Ok(false) => wait_on(&mut self.waiting, one),
                Ok(true) | Err(_) => with_work.push(one),
            }
        }
        with_work
    }

    /// Does everything in one transaction. Where that fails for another reason than that there is none to be had, each has
    /// one of its own, so that what frees room is done where there is no room, and one that fails takes no other with it.
    fn commit(&mut self, now: Time, mut jobs: Jobs, receives: Vec<Wanted>) {
        let durable = jobs.iter().any(|job| job.is_durable());
        match self.attempt(now, durable, &mut jobs, &receives) {
            Ok(delivered) => self.answer(now, jobs, receives, delivered),
            Err(Failed::Unreachable(error)) => refuse_all(&error, jobs, receives),
            Err(Failed::Work(error)) if jobs.len() + receives.len() <= 1 => refuse_all(&error, jobs, receives),
            Err(Failed::Work(_)) => {
                for mut job in jobs {
                    let failed = self.attempt(now, job.is_durable(), std::slice::from_mut(&mut job), &[]).err();
                    job.answer(failed.map(Failed::into_error));
                }
                for one in receives {
                    match self.attempt(now, false, &mut [], std::slice::from_ref(&one)) {
                        Ok(delivered) => self.answer(now, Vec::new(), vec![one], delivered),
                        Err(failed) => refuse_all(&failed.into_error(), Vec::new(), vec![one]),
                    }
                }
            }
        }
    }

    fn attempt(
        &mut self,
        now: Time,
        durable: bool,
        jobs: &mut [Box<dyn Job>],
        receives: &[Wanted],
    ) -> Result<Vec<Result<Vec<Delivery>, EngineError>>, Failed> {
        self.store.connection().map_err(Failed::Unreachable)?;
        self.store.flush(durable).map_err(|error| Failed::Unreachable(self.store.failed(error)))?;
        let connection = self.store.connection().map_err(Failed::Unreachable)?;
        if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
            return Err(Failed::Unreachable(self.store.failed(error)));
        }
        let done = work(&Round { connection, now }, self.mend, jobs, receives)
            .and_then(|delivered| connection.execute_batch("COMMIT").map(|()| delivered));
        match done {
            Ok(delivered) => {
                self.mend = false;
                // What went into a file that is not there any more is not taken.
                self.store.still_there().map_err(Failed::Unreachable)?;
                Ok(delivered)
            }
            Err(error) => {
                if !connection.is_autocommit() {
                    // Where it fails the connection is made anew, which ends the transaction too.
                    let undone = connection.execute_batch("ROLLBACK");
                    if undone.is_err() {
                        self.store.close();
                    }
                }
                Err(Failed::Work(self.store.failed(error)))
            }
        }
    }

    fn answer(
        &mut self,
        now: Time,
        jobs: Jobs,
        receives: Vec<Wanted>,
        delivered: Vec<Result<Vec<Delivery>, EngineError>>,
    ) {
        for job in jobs {
            job.answer(None);
        }
        for (one, delivered) in receives.into_iter().zip(delivered) {
            match delivered {
                Ok(none) if none.is_empty() => wait_on(&mut self.waiting, one),
                answer => {
                    let queue = one.queue;
                    // Nobody takes them any more: they are ready for others at once.
                    if let Err(Ok(untaken)) = one.reply.send(answer) {
                        self.give_back(now, queue, &untaken);
                    }
                }
            }
        }
    }

    fn give_back(&mut self, now: Time, queue: String, deliveries: &[Delivery]) {
        let receipts: Vec<Receipt> = deliveries.iter().map(|delivery| delivery.receipt.clone()).collect();
        let settlements: Vec<Settlement> = receipts.iter().map(Settlement::release).collect();
        let (reply, _) = oneshot::channel();
        let work = Work::new(false, move |round: &Round<'_>| queue::settle(round, &queue, &settlements), reply);
        // Where it fails they come again after the visibility timeout.
        let _ = self.attempt(now, false, &mut [Box::new(work)], &[]);
    }
}

/// Why a transaction came to nothing.
enum Failed {
    /// There was none to be had: the next will hardly go better.
    Unreachable(EngineError),
    /// What was done in it failed.
    Work(EngineError),
}

impl Failed {
    fn into_error(self) -> EngineError {
        match self {
            Self::Unreachable(error) | Self::Work(error) => error,
        }
    }
}

fn work(
    round: &Round<'_>,
    mend: bool,
    jobs: &mut [Box<dyn Job>],
    receives: &[Wanted],
) -> Result<Vec<Result<Vec<Delivery>, EngineError>>, rusqlite::Error> {
    if mend {
        queue::mend(round)?;
    }
    for job in jobs {
        job.run(round)?;
    }
    receives
        .iter()
        .map(|one| match queue::receive(round, &one.queue, one.max) {
            Ok(deliveries) => Ok(Ok(deliveries)),
            Err(Failure::Refused(error)) => Ok(Err(error)),
            Err(Failure::Store(error)) => Err(error),
        })
        .collect()
}

fn wait_on(waiting: &mut Vec<Wanted>, one: Wanted) {
    if one.until > Instant::now() {
        waiting.push(one);
    } else {
        // Nobody may wait any more.
        let _ = one.reply.send(Ok(Vec::new()));
    }
}

fn refuse_all(error: &EngineError, jobs: Jobs, receives: Vec<Wanted>) {
    for job in jobs {
        job.answer(Some(error.again()));
    }
    for one in receives {
        // Nobody may wait any more.
        let _ = one.reply.send(Err(error.again()));
    }
}
