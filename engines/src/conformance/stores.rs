//! Leases and marks.

use super::{Bench, Verdict, queues::declare};
use crate::{Fired, Firing, NewMessage, Time};

macro_rules! schedules {
    ($bench:expr) => {
        match $bench.schedules().await {
            Ok(store) => store,
            Err(lacks) => return lacks,
        }
    };
}
pub(super) use schedules;

pub(super) async fn a_lease_has_one_holder(bench: &Bench) -> Verdict {
    let store = schedules!(bench);
    let (name, span) = (bench.name(), bench.unit() * 20);
    let lease = |holder| store.lease(&name, holder, span);
    let first = lease("a").await.expect("it is answered").expect("nobody has it");
    assert_eq!((first.name.as_str(), first.holder.as_str()), (name.as_str(), "a"));
    assert_eq!(lease("b").await.expect("it is answered"), None);
    let longer = lease("a").await.expect("it is answered").expect("it is the holder's own");
    assert_eq!(longer.token, first.token);
    assert!(longer.until >= first.until);
    store.release(&longer).await.expect("it is given back");
    let second = lease("b").await.expect("it is answered").expect("it is free");
    assert!(second.token > first.token, "{second:?} after {first:?}");
    // Who had it before cannot give it back.
    store.release(&longer).await.expect("it is left alone");
    assert_eq!(lease("a").await.expect("it is answered"), None);
    bench.pass(span).await;
    let third = lease("a").await.expect("it is answered").expect("it is over");
    assert!(third.token > second.token, "{third:?} after {second:?}");
    Verdict::Holds
}

pub(super) async fn a_mark_is_moved_once(bench: &Bench) -> Verdict {
    let store = schedules!(bench);
    let (spec, schedule) = (bench.spec(), format!("{} * * * * * Europe/Helsinki", bench.name()));
    declare!(bench, spec, None);
    assert_eq!(store.mark(&schedule).await.expect("it is answered"), None);
    let lease = store.lease(&schedule, "a", bench.unit() * 1000).await.expect("it is answered").expect("it is free");
    let firing = Firing {
        schedule: schedule.clone(),
        lease,
        from: None,
        to: Time::from_millis(60_000),
        runs: vec![NewMessage::new(&spec.name, "1").deduplication_id("1")],
        unless_busy: false,
    };
    assert_eq!(store.fire(&firing).await.expect("it is fired"), Fired::Enqueued);
    assert_eq!(store.mark(&schedule).await.expect("it is answered"), Some(firing.to));
    assert_eq!(store.fire(&firing).await.expect("it is answered"), Fired::Lost);
    let busy = Firing {
        from: Some(firing.to),
        to: Time::from_millis(120_000),
        runs: vec![NewMessage::new(&spec.name, "2").deduplication_id("2")],
        unless_busy: true,
        ..firing.clone()
    };
    assert_eq!(store.fire(&busy).await.expect("it is answered"), Fired::Busy);
    assert_eq!(store.mark(&schedule).await.expect("it is answered"), Some(busy.to));
    assert_eq!(bench.receive_one(&spec.name).await.body, "1".into());
    Verdict::Holds
}

pub(super) async fn a_late_holder_fires_nothing(bench: &Bench) -> Verdict {
    let store = schedules!(bench);
    let (spec, schedule, span) = (bench.spec(), bench.name(), bench.unit() * 5);
    declare!(bench, spec, None);
    let late = store.lease(&schedule, "a", span).await.expect("it is answered").expect("it is free");
    bench.pass(span).await;
    let lease = store.lease(&schedule, "b", bench.unit() * 1000).await.expect("it is answered").expect("it is over");
    let firing = |lease, body: &str| Firing {
        schedule: schedule.clone(),
        lease,
        from: None,
        to: Time::from_millis(1),
        runs: vec![NewMessage::new(&spec.name, body).deduplication_id(body)],
        unless_busy: false,
    };
    assert_eq!(store.fire(&firing(late, "late")).await.expect("it is answered"), Fired::Lost);
    bench.receive_none(&spec.name).await;
    assert_eq!(store.fire(&firing(lease, "now")).await.expect("it is fired"), Fired::Enqueued);
    assert_eq!(bench.receive_one(&spec.name).await.body, "now".into());
    Verdict::Holds
}
