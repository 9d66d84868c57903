//! Schedules: the runs that are due go to queues of their own, once over all instances.

use super::{Feeds, consumer::Shared, store::Opened};
use crate::ServeError;
use pikku::{Misfire, Overlap, call};
use pikku_engines::{
    Backoff, Delivery, EngineError, ErrorKind, QueueSpec, ScheduleSpec, ScheduledRun, Scheduler, SystemClock, Time,
    Told,
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// How long to wait at most until schedules are looked at again: the clock may be set meanwhile.
const LOOK: Duration = Duration::from_secs(10);

/// How long a failed run waits: about a minute, two and four, then it is a dead letter.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(60), most: Duration::from_secs(900), jitter: true };

/// How long a look waits at least after the one before.
const LEAST: Duration = Duration::from_millis(10);

/// The scheduler of an app's schedules, where it has some.
pub(super) fn scheduler(engine: &Opened, feeds: &Feeds) -> Result<Option<Scheduler>, ServeError> {
    if feeds.schedules.is_empty() {
        return Ok(None);
    }
    let specs = feeds.schedules.iter().map(|(name, cron)| ScheduleSpec {
        time_zone: cron.time_zone.to_owned(),
        misfire: match cron.misfire {
            Misfire::Skip => pikku_engines::Misfire::Skip,
            Misfire::Once => pikku_engines::Misfire::Once,
            Misfire::All => pikku_engines::Misfire::All,
        },
        overlap: match cron.overlap {
            Overlap::Allow => pikku_engines::Overlap::Allow,
            Overlap::Queue => pikku_engines::Overlap::Queue,
            Overlap::Skip => pikku_engines::Overlap::Skip,
        },
        runs: QueueSpec { backoff: BACKOFF, ..QueueSpec::new(name) },
        ..ScheduleSpec::new(name, cron.expression)
    });
    let scheduler = Scheduler::new(Arc::clone(engine), Arc::new(SystemClock), specs.collect());
    scheduler.map(Some).map_err(ServeError::Queues)
}

/// The run that a delivery of a schedule's queue is.
pub(super) fn run(delivery: &Delivery) -> Result<call::ScheduledRun, String> {
    let run = ScheduledRun::read(delivery).ok_or("this is no run of a schedule")?;
    Ok(call::ScheduledRun {
        schedule_id: run.schedule.clone(),
        schedule: run.schedule,
        id: delivery.id.clone(),
        origin: if run.by_hand { "by hand" } else { "pikku" }.to_owned(),
        time_ms: u64::try_from(run.due.millis()).ok(),
        ..call::ScheduledRun::default()
    })
}

/// Puts a run of a schedule into its queue now; the run's time.
pub(super) async fn run_now(engine: &Opened, feeds: &Feeds, schedule: &str) -> Result<i64, ServeError> {
    let unknown = || {
        let known: Vec<&str> = feeds.schedules.iter().map(|(name, _)| name.as_str()).collect();
        let reason = format!("the app has no such schedule; it has: {}", known.join(", "));
        ServeError::Queues(EngineError::new(ErrorKind::Spec, format!("schedule `{schedule}`"), reason))
    };
    let scheduler = scheduler(engine, feeds)?.ok_or_else(unknown)?;
    if feeds.schedules.iter().all(|(name, _)| name != schedule) {
        return Err(unknown());
    }
    engine.declare(&scheduler.queues()).await.map_err(ServeError::Queues)?;
    let run = scheduler.run_now(schedule).await.map_err(ServeError::Queues)?;
    Ok(run.due.millis())
}

impl Shared {
    /// Fires what is due, until the end.
    pub(super) async fn schedule(self: Arc<Self>, scheduler: Scheduler) {
        let mut pause = LEAST;
        loop {
            match scheduler.tick().await {
                Ok(tick) => {
                    self.store.works();
                    tick.told.iter().for_each(say);
                    let now = Time::from(std::time::SystemTime::now());
                    let next = tick.next.map_or(LOOK, |next| next.since(now)).clamp(LEAST, LOOK);
                    pause = LEAST;
                    tokio::select! {
                        () = sleep(next) => {}
                        () = self.stopping.cancelled() => return,
                    }
                }
                Err(error) => {
                    self.store.fails(&error);
                    self.pause(&mut pause).await;
                }
            }
            if self.stopping.is_cancelled() {
                return;
            }
        }
    }
}

fn say(told: &Told) {
    match told {
        Told::Enqueued(run) => tracing::debug!(schedule = run.schedule, "a run is due"),
        Told::LeftOut { schedule } => {
            tracing::warn!(schedule, "runs were missed while no instance was there, and are left out");
        }
        Told::Busy { schedule } => {
            tracing::warn!(schedule, "a run is left out, as an earlier one is not over");
        }
    }
}
