//! What becomes of deliveries.

use super::{Bench, Verdict, queues::declare, text};
use crate::{Backoff, Guarantee, NewMessage, Outcome, QueueSpec, QueueStats, Receipt, Settled, Settlement, Which};
use std::time::Duration;

pub(super) async fn what_is_done_is_gone(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    declare!(bench, spec, None);
    bench.send(NewMessage::new(&spec.name, "x")).await;
    let delivery = bench.receive_one(&spec.name).await;
    let settled = bench.engine.settle(&spec.name, &[Settlement::done(&delivery.receipt)]).await;
    assert_eq!(settled.expect("it is settled"), [Settled::Done]);
    bench.pass(spec.visibility).await;
    bench.receive_none(&spec.name).await;
    Verdict::Holds
}

pub(super) async fn an_unsettled_message_comes_again_after_its_visibility_timeout(bench: &Bench) -> Verdict {
    let spec = QueueSpec { visibility: bench.unit() * 4, ..bench.spec() };
    declare!(bench, spec, None);
    let id = bench.send(NewMessage::new(&spec.name, "x")).await;
    let first = bench.receive_one(&spec.name).await;
    bench.receive_none(&spec.name).await;
    bench.pass(spec.visibility).await;
    let again = bench.receive_one(&spec.name).await;
    assert_eq!((again.id.as_str(), again.receives), (id.as_str(), 2));
    assert_ne!(again.receipt, first.receipt);
    assert_eq!(again.sent_at, first.sent_at);
    Verdict::Holds
}

pub(super) async fn an_extended_message_stays_hidden(bench: &Bench) -> Verdict {
    let spec = QueueSpec { visibility: bench.unit() * 6, ..bench.spec() };
    declare!(bench, spec, None);
    bench.send(NewMessage::new(&spec.name, "x")).await;
    let delivery = bench.receive_one(&spec.name).await;
    bench.pass(bench.unit() * 3).await;
    let until = bench.engine.extend(&spec.name, &delivery.receipt, spec.visibility).await.expect("it is extended");
    assert!(until.expect("the receipt holds") > delivery.visible_at);
    bench.pass(bench.unit() * 3).await;
    bench.receive_none(&spec.name).await;
    bench.pass(bench.unit() * 3).await;
    assert_eq!(bench.receive_one(&spec.name).await.receives, 2);
    Verdict::Holds
}

pub(super) async fn a_stale_receipt_changes_nothing(bench: &Bench) -> Verdict {
    let spec = QueueSpec { visibility: bench.unit() * 4, ..bench.spec() };
    declare!(bench, spec, None);
    bench.send(NewMessage::new(&spec.name, "x")).await;
    let first = bench.receive_one(&spec.name).await;
    bench.pass(spec.visibility).await;
    let second = bench.receive_one(&spec.name).await;
    for late in [
        Settlement::done(&first.receipt),
        Settlement::retry(&first.receipt, "no"),
        Settlement::dead(&first.receipt, "no"),
        Settlement::release(&first.receipt),
    ] {
        let settled = bench.engine.settle(&spec.name, &[late]).await.expect("it is answered");
        assert_eq!(settled, [Settled::Stale]);
    }
    let extended = bench.engine.extend(&spec.name, &first.receipt, spec.visibility * 9).await;
    assert_eq!(extended.expect("it is answered"), None);
    let settled = bench.engine.settle(&spec.name, &[Settlement::done(&second.receipt)]).await;
    assert_eq!(settled.expect("it is settled"), [Settled::Done]);
    let settled = bench.engine.settle(&spec.name, &[Settlement::done(&second.receipt)]).await;
    assert_eq!(settled.expect("it is answered"), [Settled::Stale]);
    Verdict::Holds
}

pub(super) async fn a_failed_message_waits_and_comes_again(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    declare!(bench, spec, Some(Guarantee::RetryDelay));
    bench.send(NewMessage::new(&spec.name, "x")).await;
    let delivery = bench.receive_one(&spec.name).await;
    let delay = bench.unit() * 5;
    let outcome = Outcome::Retry { delay: Some(delay), reason: "no".to_owned() };
    let settlement = Settlement { receipt: delivery.receipt, outcome };
    let settled = bench.engine.settle(&spec.name, &[settlement]).await.expect("it is settled");
    assert_eq!(settled, [Settled::Retrying(delay)]);
    bench.receive_none(&spec.name).await;
    bench.pass(delay).await;
    assert_eq!(bench.receive_one(&spec.name).await.receives, 2);
    Verdict::Holds
}

pub(super) async fn the_backoff_doubles(bench: &Bench) -> Verdict {
    let first = bench.unit() * 2;
    let backoff = Backoff { first, most: first * 2, jitter: false };
    let spec = QueueSpec { backoff, max_receives: 10, ..bench.spec() };
    declare!(bench, spec, Some(Guarantee::RetryDelay));
    bench.send(NewMessage::new(&spec.name, "x")).await;
    for delay in [first, first * 2, first * 2] {
        let delivery = bench.receive_one(&spec.name).await;
        let settled = bench.engine.settle(&spec.name, &[Settlement::retry(&delivery.receipt, "no")]).await;
        assert_eq!(settled.expect("it is settled"), [Settled::Retrying(delay)]);
        bench.pass(delay).await;
    }
    Verdict::Holds
}

pub(super) async fn a_message_that_fails_too_often_is_dead(bench: &Bench) -> Verdict {
    let spec = QueueSpec { max_receives: 2, backoff: Backoff::constant(Duration::ZERO), ..bench.spec() };
    declare!(bench, spec, Some(Guarantee::DeadLetters));
    let id = bench.send(NewMessage::new(&spec.name, "x").attribute("a", "b")).await;
    for expected in [Settled::Retrying(Duration::ZERO), Settled::Dead] {
        let delivery = bench.receive_one(&spec.name).await;
        let settled = bench.engine.settle(&spec.name, &[Settlement::retry(&delivery.receipt, "no luck")]).await;
        assert_eq!(settled.expect("it is settled"), [expected]);
    }
    bench.receive_none(&spec.name).await;
    let letters = bench.engine.dead_letters(&spec.name, None, 10).await.expect("dead letters are listed");
    let [letter] = letters.as_slice() else { panic!("one dead letter: {letters:?}") };
    assert_eq!((letter.id.as_str(), letter.receives, letter.reason.as_str()), (id.as_str(), 2, "no luck"));
    assert_eq!(letter.body, "x".into());
    assert_eq!(letter.attributes["a"], "b");
    Verdict::Holds
}

pub(super) async fn a_message_that_is_never_settled_is_dead(bench: &Bench) -> Verdict {
    let spec = QueueSpec { max_receives: 2, visibility: bench.unit() * 3, ..bench.spec() };
    declare!(bench, spec, Some(Guarantee::DeadLetters));
    bench.send(NewMessage::new(&spec.name, "x")).await;
    for receives in [1, 2] {
        assert_eq!(bench.receive_one(&spec.name).await.receives, receives);
        bench.pass(spec.visibility).await;
    }
    bench.receive_none(&spec.name).await;
    let letters = bench.engine.dead_letters(&spec.name, None, 10).await.expect("dead letters are listed");
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(!letters[0].reason.is_empty());
    Verdict::Holds
}

pub(super) async fn dead_letters_are_listed_redriven_and_purged(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    declare!(bench, spec, Some(Guarantee::DeadLetters));
    let engine = &bench.engine;
    let messages: Vec<NewMessage> = (0..6).map(|number| NewMessage::new(&spec.name, format!("{number}"))).collect();
    engine.enqueue(&messages).await.expect("messages are taken");
    let deliveries = bench.receive(&spec.name, 10).await;
    let settlements: Vec<Settlement> =
        deliveries.iter().map(|delivery| Settlement::dead(&delivery.receipt, "no")).collect();
    assert_eq!(engine.settle(&spec.name, &settlements).await.expect("they are settled"), [Settled::Dead; 6]);

    let first = engine.dead_letters(&spec.name, None, 4).await.expect("dead letters are listed");
    let rest = engine.dead_letters(&spec.name, Some(&first[3].id), 4).await.expect("dead letters are listed");
    assert_eq!((first.len(), rest.len()), (4, 2));

    let one = Which::One(rest[0].id.clone());
    assert_eq!(engine.redrive(&spec.name, one.clone()).await.expect("it is redriven"), 1);
    assert_eq!(engine.redrive(&spec.name, one).await.expect("it is answered"), 0);
    let back = bench.receive_one(&spec.name).await;
    assert_eq!((back.id.as_str(), back.receives), (rest[0].id.as_str(), 1));
    assert_eq!(back.body, rest[0].body);

    assert_eq!(engine.purge(&spec.name, Which::One(rest[1].id.clone())).await.expect("it is purged"), 1);
    assert_eq!(engine.redrive(&spec.name, Which::Oldest(3)).await.expect("they are redriven"), 3);
    assert_eq!(bench.receive(&spec.name, 10).await.len(), 3);
    assert_eq!(engine.redrive(&spec.name, Which::All).await.expect("it is redriven"), 1);
    assert_eq!(engine.purge(&spec.name, Which::All).await.expect("it is answered"), 0);
    assert!(engine.dead_letters(&spec.name, None, 10).await.expect("dead letters are listed").is_empty());
    Verdict::Holds
}

pub(super) async fn a_released_message_is_ready_and_not_counted(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    declare!(bench, spec, Some(Guarantee::Release));
    bench.send(NewMessage::new(&spec.name, "x")).await;
    let delivery = bench.receive_one(&spec.name).await;
    let settled = bench.engine.settle(&spec.name, &[Settlement::release(&delivery.receipt)]).await;
    assert_eq!(settled.expect("it is settled"), [Settled::Released]);
    assert_eq!(bench.receive_one(&spec.name).await.receives, 1);
    Verdict::Holds
}

pub(super) async fn a_released_message_is_kept_back_for_the_time_asked(bench: &Bench) -> Verdict {
    let spec = QueueSpec { max_receives: 1, ..bench.spec() };
    declare!(bench, spec, Some(Guarantee::Release));
    bench.send(NewMessage::new(&spec.name, "x")).await;
    let delay = bench.unit() * 2;
    for _ in 0..3 {
        let delivery = bench.receive_one(&spec.name).await;
        assert_eq!(delivery.receives, 1, "it is not one of the deliveries that are allowed");
        keep_back(bench, &spec, delivery.receipt, delay).await;
    }
    let delivery = bench.receive_one(&spec.name).await;
    let settled = bench.engine.settle(&spec.name, &[Settlement::retry(&delivery.receipt, "no")]).await;
    assert_eq!(settled.expect("it is settled"), [Settled::Dead]);
    Verdict::Holds
}

pub(super) async fn a_released_message_is_kept_back_whether_or_not_it_is_counted(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    declare!(bench, spec, None);
    bench.send(NewMessage::new(&spec.name, "x")).await;
    let delay = bench.unit() * 5;
    let delivery = bench.receive_one(&spec.name).await;
    keep_back(bench, &spec, delivery.receipt, delay).await;
    let again = bench.receive_one(&spec.name).await;
    assert_eq!((again.id.as_str(), text(&again)), (delivery.id.as_str(), "x"));
    Verdict::Holds
}

/// Releases a message, which is not there until so long has passed.
async fn keep_back(bench: &Bench, spec: &QueueSpec, receipt: Receipt, delay: Duration) {
    let settlement = Settlement { receipt, outcome: Outcome::Release { delay } };
    let settled = bench.engine.settle(&spec.name, &[settlement]).await;
    assert_eq!(settled.expect("it is settled"), [Settled::Released]);
    bench.receive_none(&spec.name).await;
    bench.pass(delay).await;
}

pub(super) async fn two_engines_share_a_store(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    declare!(bench, spec, None);
    let other = bench.subject.open().await.expect("a second engine opens");
    let messages: Vec<NewMessage> = (0..20).map(|number| NewMessage::new(&spec.name, format!("{number}"))).collect();
    let (ours, theirs) = messages.split_at(10);
    let (one, two) = tokio::join!(bench.engine.enqueue(ours), other.enqueue(theirs));
    one.and(two).expect("messages are taken");
    let mut bodies = Vec::new();
    for engine in [&bench.engine, &other, &bench.engine, &other] {
        let deliveries = engine.receive(&spec.name, 5, Duration::from_secs(2)).await.expect("messages are delivered");
        bodies.extend(deliveries.iter().map(|delivery| text(delivery).to_owned()));
        let settlements: Vec<Settlement> =
            deliveries.iter().map(|delivery| Settlement::done(&delivery.receipt)).collect();
        // The one settles what the other was delivered: a receipt is not bound to a process.
        let settled = bench.engine.settle(&spec.name, &settlements).await.expect("they are settled");
        assert!(settled.iter().all(|settled| *settled == Settled::Done), "{settled:?}");
    }
    bodies.sort_unstable_by_key(|body| body.parse::<u32>().unwrap_or(u32::MAX));
    assert_eq!(bodies, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
    Verdict::Holds
}

pub(super) async fn what_is_in_a_queue_is_counted(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    declare!(bench, spec, Some(Guarantee::Stats));
    let mut messages = vec![NewMessage::new(&spec.name, "x"); 5];
    messages.push(NewMessage::new(&spec.name, "x").delay(Duration::from_secs(600)));
    bench.engine.enqueue(&messages).await.expect("messages are taken");
    let deliveries = bench.receive(&spec.name, 3).await;
    let settlements = [Settlement::done(&deliveries[0].receipt), Settlement::dead(&deliveries[1].receipt, "no")];
    bench.engine.settle(&spec.name, &settlements).await.expect("they are settled");
    let stats = bench.engine.stats(&spec.name).await.expect("it is counted");
    assert_eq!(stats, QueueStats { ready: 2, waiting: 1, in_flight: 1, dead: 1 });
    Verdict::Holds
}
