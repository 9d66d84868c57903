//! Schedules over an engine. Their clock is set by the cases; that of the engine goes its way.

use super::{Bench, Verdict, stores::schedules};
use crate::{
    Clock, ManualClock, Misfire, Overlap, QueueEngine, QueueSpec, ScheduleSpec, ScheduledRun, Scheduler, Settlement,
    Tick, Time, Told,
};
use std::{sync::Arc, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// An hour and half a minute: schedules by the hour are due in 59 minutes and a half.
const START: Time = Time::from_millis(1_790_001_030_000 - 1_790_001_030_000 % 3_600_000 + 30_000);

/// A schedule by the hour.
fn hourly(bench: &Bench) -> ScheduleSpec {
    ScheduleSpec::new(bench.name(), "0 * * * *")
}

async fn scheduler(engine: &Arc<dyn QueueEngine>, clock: &ManualClock, spec: &ScheduleSpec) -> Scheduler {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let scheduler = Scheduler::new(engine.clone(), clock, vec![spec.clone()]).expect("the schedule makes sense");
    engine.declare(&scheduler.queues()).await.expect("its queue is declared");
    scheduler
}

async fn tick(scheduler: &Scheduler) -> Tick {
    scheduler.tick().await.expect("it looks at its schedules")
}

/// The times that were enqueued, in hours from the start.
fn hours(tick: &Tick) -> Vec<i64> {
    let run = |told: &Told| match told {
        Told::Enqueued(run) => Some((run.due.millis() - START.millis() + 30_000) / 3_600_000),
        _ => None,
    };
    tick.told.iter().filter_map(run).collect()
}

pub(super) async fn a_run_comes_once_over_all_instances(bench: &Bench) -> Verdict {
    schedules!(bench);
    let (clock, spec) = (ManualClock::at(START), hourly(bench));
    let other = bench.subject.open().await.expect("a second engine opens");
    let (one, two) = (scheduler(&bench.engine, &clock, &spec).await, scheduler(&other, &clock, &spec).await);
    for hour in 0..4 {
        let mut enqueued = Vec::new();
        // Who loses the race for the lease looks again a second later.
        for _ in 0..3 {
            let (first, second) = tokio::join!(tick(&one), tick(&two));
            enqueued.extend(hours(&first).into_iter().chain(hours(&second)));
            clock.advance(Duration::from_secs(1));
        }
        let expected: &[i64] = if hour == 0 { &[] } else { &[hour] };
        assert_eq!(enqueued, expected);
        clock.set(START.after(HOUR * (hour as u32 + 1)));
    }
    let deliveries = bench.receive(&spec.runs.name, 10).await;
    let mut runs: Vec<ScheduledRun> = deliveries.iter().filter_map(ScheduledRun::read).collect();
    runs.sort_unstable_by_key(|run| run.due);
    let due = |hour: u32| START.before(Duration::from_secs(30)).after(HOUR * hour);
    let expected = [1, 2, 3].map(|hour| ScheduledRun { schedule: spec.name.clone(), due: due(hour), by_hand: false });
    assert_eq!(runs, expected);
    Verdict::Holds
}

pub(super) async fn what_was_missed_is_made_up_for_as_the_policy_says(bench: &Bench) -> Verdict {
    schedules!(bench);
    for (misfire, expected) in [(Misfire::Skip, vec![]), (Misfire::Once, vec![3]), (Misfire::All, vec![1, 2, 3])] {
        let (clock, spec) = (ManualClock::at(START), ScheduleSpec { misfire, ..hourly(bench) });
        tick(&scheduler(&bench.engine, &clock, &spec).await).await;
        // Nobody is there for more than three hours.
        clock.advance(HOUR * 3 + MINUTE * 10);
        let late = scheduler(&bench.engine, &clock, &spec).await;
        let told = tick(&late).await;
        assert_eq!(hours(&told), expected, "{misfire:?}");
        let left_out = told.told.contains(&Told::LeftOut { schedule: spec.name.clone() });
        assert_eq!(left_out, misfire != Misfire::All, "{misfire:?}");
        assert_eq!(tick(&late).await.told, [], "{misfire:?}: once is enough");
        clock.advance(MINUTE * 50);
        assert_eq!(hours(&tick(&late).await), [4], "{misfire:?}: it goes on");
    }
    Verdict::Holds
}

pub(super) async fn a_clock_that_goes_back_repeats_nothing(bench: &Bench) -> Verdict {
    schedules!(bench);
    let (clock, spec) = (ManualClock::at(START), hourly(bench));
    let running = scheduler(&bench.engine, &clock, &spec).await;
    tick(&running).await;
    clock.advance(HOUR);
    assert_eq!(hours(&tick(&running).await), [1]);
    clock.set(START.before(HOUR));
    let restarted = scheduler(&bench.engine, &clock, &spec).await;
    for _ in 0..5 {
        clock.advance(MINUTE * 29);
        assert_eq!((tick(&running).await.told, tick(&restarted).await.told), (vec![], vec![]));
    }
    clock.set(START.after(HOUR * 2));
    let (first, second) = (tick(&running).await, tick(&restarted).await);
    assert_eq!([hours(&first), hours(&second)].concat(), [2]);
    Verdict::Holds
}

pub(super) async fn runs_overlap_as_the_policy_says(bench: &Bench) -> Verdict {
    schedules!(bench);
    for (overlap, side_by_side, later) in
        [(Overlap::Allow, 2, vec![2]), (Overlap::Queue, 1, vec![2]), (Overlap::Skip, 1, vec![])]
    {
        let (clock, spec) = (ManualClock::at(START), ScheduleSpec { overlap, ..hourly(bench) });
        let running = scheduler(&bench.engine, &clock, &spec).await;
        let queue = &spec.runs.name;
        tick(&running).await;
        clock.advance(HOUR);
        tick(&running).await;
        let first = bench.receive_one(queue).await;
        // The first takes longer than an hour.
        clock.advance(HOUR);
        let told = tick(&running).await;
        assert_eq!(hours(&told), later, "{overlap:?}");
        let busy = told.told.contains(&Told::Busy { schedule: spec.name.clone() });
        assert_eq!(busy, overlap == Overlap::Skip, "{overlap:?}");
        assert_eq!(1 + bench.receive(queue, 10).await.len(), side_by_side, "{overlap:?}");
        bench.engine.settle(queue, &[Settlement::done(&first.receipt)]).await.expect("it is settled");
        assert_eq!(bench.receive(queue, 10).await.len(), usize::from(overlap == Overlap::Queue), "{overlap:?}");
    }
    Verdict::Holds
}

pub(super) async fn a_run_that_is_not_settled_comes_again(bench: &Bench) -> Verdict {
    schedules!(bench);
    let runs = QueueSpec { visibility: bench.unit() * 4, ..bench.spec() };
    let (clock, spec) = (ManualClock::at(START), ScheduleSpec { runs, ..hourly(bench) });
    let running = scheduler(&bench.engine, &clock, &spec).await;
    let queue = running.queues()[0].name.clone();
    tick(&running).await;
    clock.advance(HOUR);
    tick(&running).await;
    let first = bench.receive_one(&queue).await;
    bench.pass(bench.unit() * 4).await;
    let again = bench.receive_one(&queue).await;
    assert_eq!(ScheduledRun::read(&first), ScheduledRun::read(&again));
    assert_eq!(again.receives, 2);
    Verdict::Holds
}

pub(super) async fn a_run_by_hand_comes_at_once(bench: &Bench) -> Verdict {
    schedules!(bench);
    let (clock, spec) = (ManualClock::at(START), hourly(bench));
    let running = scheduler(&bench.engine, &clock, &spec).await;
    let run = running.run_now(&spec.name).await.expect("it is enqueued");
    assert!(run.by_hand);
    assert_eq!(ScheduledRun::read(&bench.receive_one(&spec.runs.name).await), Some(run));
    running.run_now("unheard-of").await.expect_err("there is no such schedule");
    Verdict::Holds
}
