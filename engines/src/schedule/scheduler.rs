//! Brings the runs of schedules into their queues, once over all instances.
//!
//! Each schedule has a queue of its own, so that a run is handled as a message is: at least once, hidden while it is worked
//! on, tried again after a failure or a crash. What makes it once over all instances is the schedule's mark in the store: a
//! run is enqueued and the mark moved in one step, under a lease, by whoever is first.

use super::{
    calendar::{Calendar, Due, Misfire},
    run::{ScheduledRun, queue},
};
use crate::{Clock, EngineError, ErrorKind, Fired, Firing, Lease, QueueEngine, QueueSpec, ScheduleStore, Time};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What becomes of a run that is due while an earlier one is not over: not begun, worked on, or waiting to be tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// They run side by side, as on EventBridge and Workers.
    #[default]
    Allow,
    /// It waits for the earlier one.
    Queue,
    /// It is left out.
    Skip,
}

/// A schedule.
#[derive(Clone, Debug)]
pub struct ScheduleSpec {
    /// Its name: 1 to 70 letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Five fields (POSIX `crontab`).
    pub expression: String,
    /// The IANA name of its time zone.
    pub time_zone: String,
    /// What becomes of runs whose time passed while no instance was there.
    pub misfire: Misfire,
    /// What becomes of a run that is due while an earlier one is not over.
    pub overlap: Overlap,
    /// How its runs are handled: visibility, retries, backoff. The name and the order are not asked for.
    pub runs: QueueSpec,
}

impl ScheduleSpec {
    /// A schedule in UTC that makes up for what it missed once and whose runs may overlap. A run that fails is tried three
    /// times more.
    pub fn new(name: impl Into<String>, expression: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            runs: QueueSpec::new(queue(&name)),
            name,
            expression: expression.into(),
            time_zone: "UTC".to_owned(),
            misfire: Misfire::default(),
            overlap: Overlap::default(),
        }
    }
}

/// How long a schedule is leased for the moment that firing it takes.
const LEASE: Duration = Duration::from_secs(15);

/// Fires schedules.
#[derive(Debug)]
pub struct Scheduler {
    engine: Arc<dyn QueueEngine>,
    clock: Arc<dyn Clock>,
    holder: String,
    schedules: Vec<Planned>,
}

#[derive(Debug)]
struct Planned {
    spec: ScheduleSpec,
    calendar: Calendar,
    /// What its mark is called. With another expression or time zone it is another schedule, which begins anew.
    key: String,
    /// When it has to be looked at.
    next: Mutex<Time>,
}

/// What a look at the schedules came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// What there is to tell.
    pub told: Vec<Told>,
    /// When the next is due; nothing where there are no schedules. The clock may be set meanwhile, so look a few times a
    /// minute whatever is said here.
    pub next: Option<Time>,
}

/// What there is to tell of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A run is in the queue.
    Enqueued(ScheduledRun),
    /// Runs were missed and are not made up for.
    LeftOut {
        /// The schedule.
        schedule: String,
    },
    /// A run was due while an earlier one is not over, and is left out.
    Busy {
        /// The schedule.
        schedule: String,
    },
}

impl Scheduler {
    /// Reads schedules.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where one makes no sense, or where the engine cannot keep schedules.
    pub fn new(
        engine: Arc<dyn QueueEngine>,
        clock: Arc<dyn Clock>,
        schedules: Vec<ScheduleSpec>,
    ) -> Result<Self, EngineError> {
        let schedules: Vec<Planned> = schedules.into_iter().map(plan).collect::<Result<_, _>>()?;
        let scheduler = Self { engine, clock, holder: format!("{:016x}", fastrand::u64(..)), schedules };
        if !scheduler.schedules.is_empty() {
            scheduler.store()?;
        }
        Ok(scheduler)
    }

    /// The queues that the runs go to: to be declared, and worked on as others are.
    pub fn queues(&self) -> Vec<QueueSpec> {
        self.schedules.iter().map(|planned| planned.spec.runs.clone()).collect()
    }

    /// Enqueues what is due. The queues have to be declared before.
    ///
    /// A schedule that is seen for the first time begins now, and so does one whose expression or time zone is another than
    /// before: nothing earlier is missed.
    ///
    /// # Errors
    /// Those of the store. What was not fired is fired by the next look.
    pub async fn tick(&self) -> Result<Tick, EngineError> {
        let mut tick = Tick::default();
        for planned in &self.schedules {
            let now = self.clock.now();
            let mut next = planned.next();
            // A clock that went back by much may leave the next time far ahead.
            if next <= now || next > now.after(Duration::from_secs(24 * 3600)) {
                next = self.look(planned, now, &mut tick.told).await?;
                planned.set_next(next);
            }
            tick.next = Some(tick.next.map_or(next, |earlier| earlier.min(next)));
        }
        Ok(tick)
    }

    /// Enqueues a run now, whatever the calendar says.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where there is no schedule of that name, and those of the store.
    pub async fn run_now(&self, schedule: &str) -> Result<ScheduledRun, EngineError> {
        if !self.schedules.iter().any(|planned| planned.spec.name == schedule) {
            let place = format!("schedule `{schedule}`");
            return Err(EngineError::new(ErrorKind::Spec, place, "there is no schedule of that name"));
        }
        let run = ScheduledRun { schedule: schedule.to_owned(), due: self.clock.now(), by_hand: true };
        self.engine.enqueue(&[run.message()]).await?;
        Ok(run)
    }

    fn store(&self) -> Result<&dyn ScheduleStore, EngineError> {
        self.engine.schedules().ok_or_else(|| {
            let place = format!("engine `{}`", self.engine.name());
            EngineError::new(ErrorKind::Spec, place, "it cannot keep schedules: run them on another engine")
        })
    }

    /// Fires one schedule where it is due. Answers when to look again.
    async fn look(&self, planned: &Planned, now: Time, told: &mut Vec<Told>) -> Result<Time, EngineError> {
        let store = self.store()?;
        let mark = store.mark(&planned.key).await?;
        let due = match mark {
            None => Due { runs: Vec::new(), left_out: false, mark: now },
            Some(mark) => planned.calendar.due(mark, now, planned.spec.misfire),
        };
        // Without runs the mark stays, unless it is new or was wrong: nothing need be written.
        if mark.is_some_and(|mark| due.runs.is_empty() && !due.left_out && due.mark >= mark) {
            return Ok(planned.next_after(mark.unwrap_or(now).max(now), now));
        }
        let again = now.after(Duration::from_secs(1));
        let Some(lease) = store.lease(&planned.key, &self.holder, LEASE).await? else {
            return Ok(again);
        };
        let fired = self.fire(planned, mark, &due, lease.clone(), store, told).await;
        // Where it cannot be given back it is over soon.
        let released = store.release(&lease).await;
        let fired = fired?;
        released?;
        Ok(if fired == Fired::Lost { again } else { planned.next_after(now, now) })
    }

    async fn fire(
        &self,
        planned: &Planned,
        from: Option<Time>,
        due: &Due,
        lease: Lease,
        store: &dyn ScheduleStore,
        told: &mut Vec<Told>,
    ) -> Result<Fired, EngineError> {
        let schedule = &planned.spec.name;
        let unless_busy = planned.spec.overlap == Overlap::Skip;
        // Of several that are due at once, all but one would overlap.
        let first = if unless_busy { due.runs.len().saturating_sub(1) } else { 0 };
        let run = |time: &Time| ScheduledRun { schedule: schedule.clone(), due: *time, by_hand: false };
        let runs: Vec<ScheduledRun> = due.runs[first..].iter().map(run).collect();
        let messages = runs.iter().map(ScheduledRun::message).collect();
        let firing = Firing { schedule: planned.key.clone(), lease, from, to: due.mark, runs: messages, unless_busy };
        let fired = store.fire(&firing).await?;
        if fired != Fired::Lost && due.left_out {
            told.push(Told::LeftOut { schedule: schedule.clone() });
        }
        match fired {
            Fired::Lost => {}
            Fired::Busy => told.push(Told::Busy { schedule: schedule.clone() }),
            Fired::Enqueued => {
                if first > 0 {
                    told.push(Told::Busy { schedule: schedule.clone() });
                }
                told.extend(runs.into_iter().map(Told::Enqueued));
            }
        }
        Ok(fired)
    }
}

impl Planned {
    fn next(&self) -> Time {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_next(&self, time: Time) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// When to look again: at the next time, which there is of every calendar.
    fn next_after(&self, time: Time, now: Time) -> Time {
        self.calendar.next_after(time).unwrap_or_else(|| now.after(Duration::from_secs(3600)))
    }
}

fn plan(mut spec: ScheduleSpec) -> Result<Planned, EngineError> {
    let calendar = Calendar::parse(&spec.expression, &spec.time_zone)?;
    spec.runs.name = queue(&spec.name);
    spec.runs.fifo = spec.overlap == Overlap::Queue;
    spec.runs.check()?;
    let key = format!("{} {} {}", spec.name, spec.expression, spec.time_zone);
    Ok(Planned { spec, calendar, key, next: Mutex::new(Time::from_millis(i64::MIN)) })
}
