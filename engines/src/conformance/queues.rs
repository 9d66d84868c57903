//! Sending and delivering.

use super::{Bench, Verdict, text};
use crate::{Backoff, Body, ErrorKind, Guarantee, NewMessage, QueueSpec, Settlement};
use std::time::Duration;

/// Declares a queue, and ends the case where the engine lacks what it is about.
macro_rules! declare {
    ($bench:expr, $spec:expr, $asked:expr) => {
        if let Err(lacks) = $bench.declare(&$spec, $asked).await {
            return lacks;
        }
    };
}
pub(super) use declare;

pub(super) async fn a_message_arrives_as_it_was_sent(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    declare!(bench, spec, None);
    let bodies = [
        Body::from("{\"id\":1,\"name\":\"Räksmörgås \u{1f990}\"}"),
        Body::from("x"),
        Body::from(vec![0, 1, 2, 255, 254, 0]),
    ];
    for body in bodies {
        let sent = NewMessage::new(&spec.name, body).attribute("traceparent", "00-ab").attribute("ä.b", "c\nd");
        let id = bench.send(sent.clone()).await;
        let delivery = bench.receive_one(&spec.name).await;
        assert_eq!(delivery.id, id);
        assert_eq!(delivery.queue, spec.name);
        assert_eq!(delivery.body, sent.body);
        assert_eq!(delivery.attributes, sent.attributes);
        assert_eq!(delivery.receives, 1);
        assert!(delivery.visible_at > delivery.sent_at, "{delivery:?}");
        bench.engine.settle(&spec.name, &[Settlement::done(&delivery.receipt)]).await.expect("it is settled");
    }
    Verdict::Holds
}

pub(super) async fn messages_come_in_the_order_they_were_sent(bench: &Bench) -> Verdict {
    let spec = QueueSpec { fifo: true, ..bench.spec() };
    declare!(bench, spec, Some(Guarantee::Fifo));
    let messages: Vec<NewMessage> = (0..10)
        .map(|number| NewMessage::new(&spec.name, format!("{number}")).group(format!("group-{number}")))
        .collect();
    bench.engine.enqueue(&messages).await.expect("messages are taken");
    let deliveries = bench.receive(&spec.name, 10).await;
    let bodies: Vec<&str> = deliveries.iter().map(text).collect();
    assert_eq!(bodies, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    Verdict::Holds
}

pub(super) async fn a_delayed_message_is_kept_back(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    declare!(bench, spec, Some(Guarantee::Delay));
    let delay = bench.unit() * 4;
    bench.send(NewMessage::new(&spec.name, "late").delay(delay)).await;
    bench.receive_none(&spec.name).await;
    bench.pass(delay).await;
    assert_eq!(text(&bench.receive_one(&spec.name).await), "late");
    Verdict::Holds
}

pub(super) async fn a_higher_priority_comes_first(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    declare!(bench, spec, Some(Guarantee::Priority));
    let of = |body: &str, priority| NewMessage::new(&spec.name, body).priority(priority);
    let messages = [of("c", 0), of("e", -5), of("a", 9), of("d", 0), of("b", 9)];
    bench.engine.enqueue(&messages).await.expect("messages are taken");
    let mut bodies = Vec::new();
    for _ in 0..5 {
        let deliveries = bench.receive(&spec.name, 1).await;
        bodies.extend(deliveries.iter().map(|delivery| text(delivery).to_owned()));
    }
    // Within a priority, only FIFO queues promise an order.
    bodies[..2].sort_unstable();
    bodies[2..4].sort_unstable();
    assert_eq!(bodies, ["a", "b", "c", "d", "e"]);
    Verdict::Holds
}

pub(super) async fn an_unknown_queue_is_refused(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    let known = bench.spec();
    declare!(bench, known, None);
    let messages = [NewMessage::new(&known.name, "x"), NewMessage::new(&spec.name, "x")];
    let error = bench.engine.enqueue(&messages).await.expect_err("the queue is not declared");
    assert_eq!(error.kind(), ErrorKind::UnknownQueue, "{error:?}");
    assert!(error.to_string().contains(&spec.name), "{error}");
    bench.receive_none(&known.name).await;
    let error = bench.engine.receive(&spec.name, 1, Duration::ZERO).await.expect_err("the queue is not declared");
    assert_eq!(error.kind(), ErrorKind::UnknownQueue, "{error:?}");
    Verdict::Holds
}

pub(super) async fn what_is_too_large_is_refused(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    declare!(bench, spec, None);
    let limits = bench.engine.limits();
    let largest = NewMessage::new(&spec.name, "x".repeat(limits.size));
    let mut too_large = largest.clone();
    too_large.attributes.insert("a".to_owned(), String::new());
    let mut too_many = NewMessage::new(&spec.name, "x");
    for number in 0..=limits.attributes {
        too_many.attributes.insert(format!("a{number}"), "b".to_owned());
    }
    let refused = [
        vec![too_large],
        vec![too_many],
        vec![NewMessage::new(&spec.name, "x"); limits.batch + 1],
        vec![NewMessage::new(&spec.name, "x").deduplication_id("x".repeat(limits.id + 1))],
    ];
    for messages in refused {
        let error = bench.engine.enqueue(&messages).await.expect_err("it is over a limit");
        assert_eq!(error.kind(), ErrorKind::Limit, "{error:?}");
    }
    bench.receive_none(&spec.name).await;
    bench.send(largest.clone()).await;
    assert_eq!(bench.receive_one(&spec.name).await.body, largest.body);
    Verdict::Holds
}

pub(super) async fn a_waiting_delivery_gets_what_is_sent_meanwhile(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    declare!(bench, spec, None);
    let other = bench.subject.open().await.expect("a second engine opens");
    for engine in [&bench.engine, &other] {
        let wait = Duration::from_secs(20);
        let (received, sent) = tokio::join!(bench.engine.receive(&spec.name, 10, wait), async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            engine.enqueue(&[NewMessage::new(&spec.name, "x")]).await
        });
        let (received, sent) = (received.expect("messages are delivered"), sent.expect("a message is taken"));
        assert_eq!(received.len(), 1, "{received:?}");
        assert_eq!(received[0].id, sent[0].id);
    }
    Verdict::Holds
}

pub(super) async fn a_delivery_of_nothing_ends_in_time(bench: &Bench) -> Verdict {
    let spec = bench.spec();
    declare!(bench, spec, None);
    for wait in [Duration::ZERO, Duration::from_millis(30)] {
        let received = tokio::time::timeout(Duration::from_secs(30), bench.engine.receive(&spec.name, 10, wait)).await;
        assert!(received.expect("it ends").expect("nothing is delivered").is_empty());
    }
    Verdict::Holds
}

pub(super) async fn at_most_so_many_are_in_flight(bench: &Bench) -> Verdict {
    let spec = QueueSpec { max_in_flight: Some(2), ..bench.spec() };
    declare!(bench, spec, Some(Guarantee::MaxInFlight));
    let other = bench.subject.open().await.expect("a second engine opens");
    let messages = vec![NewMessage::new(&spec.name, "x"); 5];
    bench.engine.enqueue(&messages).await.expect("messages are taken");
    let first = bench.receive(&spec.name, 1).await;
    let second = other.receive(&spec.name, 10, Duration::ZERO).await.expect("messages are delivered");
    assert_eq!((first.len(), second.len()), (1, 1));
    bench.receive_none(&spec.name).await;
    bench.engine.settle(&spec.name, &[Settlement::done(&second[0].receipt)]).await.expect("it is settled");
    assert_eq!(bench.receive(&spec.name, 10).await.len(), 1);
    // Those that are given up make room too.
    bench.pass(spec.visibility).await;
    assert_eq!(bench.receive(&spec.name, 10).await.len(), 2);
    Verdict::Holds
}

/// A FIFO queue whose failed messages wait for no time, or for some.
fn fifo(bench: &Bench, retry: Duration) -> QueueSpec {
    QueueSpec { fifo: true, backoff: Backoff::constant(retry), max_receives: 2, ..bench.spec() }
}

async fn send_groups(bench: &Bench, queue: &str, messages: &[(&str, &str)]) {
    for (group, body) in messages {
        bench.send(NewMessage::new(queue, *body).group(*group)).await;
    }
}

pub(super) async fn a_group_is_in_order_one_at_a_time(bench: &Bench) -> Verdict {
    let spec = fifo(bench, Duration::ZERO);
    declare!(bench, spec, Some(Guarantee::Fifo));
    send_groups(bench, &spec.name, &[("a", "1"), ("a", "2"), ("a", "3")]).await;
    for body in ["1", "2", "3"] {
        let delivery = bench.receive_one(&spec.name).await;
        assert_eq!(text(&delivery), body);
        assert_eq!(delivery.group.as_deref(), Some("a"));
        bench.receive_none(&spec.name).await;
        bench.engine.settle(&spec.name, &[Settlement::done(&delivery.receipt)]).await.expect("it is settled");
    }
    bench.receive_none(&spec.name).await;
    Verdict::Holds
}

pub(super) async fn a_group_keeps_its_order_through_retries(bench: &Bench) -> Verdict {
    let spec = fifo(bench, bench.unit() * 4);
    declare!(bench, spec, Some(Guarantee::Fifo));
    send_groups(bench, &spec.name, &[("a", "1"), ("a", "2")]).await;
    let first = bench.receive_one(&spec.name).await;
    bench.engine.settle(&spec.name, &[Settlement::retry(&first.receipt, "no")]).await.expect("it is settled");
    // While it is kept back, nothing of the group is delivered.
    bench.receive_none(&spec.name).await;
    bench.pass(bench.unit() * 4).await;
    let again = bench.receive_one(&spec.name).await;
    assert_eq!((text(&again), again.receives), ("1", 2));
    bench.engine.settle(&spec.name, &[Settlement::done(&again.receipt)]).await.expect("it is settled");
    assert_eq!(text(&bench.receive_one(&spec.name).await), "2");
    // Given up, and in order nevertheless.
    send_groups(bench, &spec.name, &[("a", "3")]).await;
    bench.pass(spec.visibility).await;
    let again = bench.receive_one(&spec.name).await;
    assert_eq!((text(&again), again.receives), ("2", 2));
    Verdict::Holds
}

pub(super) async fn a_dead_message_lets_its_group_go_on(bench: &Bench) -> Verdict {
    let spec = fifo(bench, Duration::ZERO);
    declare!(bench, spec, Some(Guarantee::Fifo));
    send_groups(bench, &spec.name, &[("a", "1"), ("a", "2")]).await;
    let first = bench.receive_one(&spec.name).await;
    bench.engine.settle(&spec.name, &[Settlement::dead(&first.receipt, "no")]).await.expect("it is settled");
    assert_eq!(text(&bench.receive_one(&spec.name).await), "2");
    Verdict::Holds
}

pub(super) async fn groups_do_not_wait_for_each_other(bench: &Bench) -> Verdict {
    let spec = fifo(bench, Duration::ZERO);
    declare!(bench, spec, Some(Guarantee::Fifo));
    send_groups(bench, &spec.name, &[("a", "a1"), ("b", "b1"), ("a", "a2"), ("b", "b2")]).await;
    let first = bench.receive(&spec.name, 10).await;
    let mut bodies: Vec<&str> = first.iter().map(text).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["a1", "b1"]);
    let b1 = first.iter().find(|delivery| text(delivery) == "b1").expect("it is there");
    bench.engine.settle(&spec.name, &[Settlement::done(&b1.receipt)]).await.expect("it is settled");
    assert_eq!(text(&bench.receive_one(&spec.name).await), "b2");
    Verdict::Holds
}

pub(super) async fn a_deduplication_id_is_taken_once_within_the_window(bench: &Bench) -> Verdict {
    let window = bench.unit() * 10;
    let spec = QueueSpec { deduplication: window, ..bench.spec() };
    declare!(bench, spec, Some(Guarantee::Deduplication));
    let message = NewMessage::new(&spec.name, "x").deduplication_id("order-1");
    let taken = bench.engine.enqueue(&[message.clone(), message.clone()]).await.expect("messages are taken");
    assert_eq!([taken[0].duplicate, taken[1].duplicate], [false, true]);
    let delivery = bench.receive_one(&spec.name).await;
    assert_eq!(delivery.id, taken[0].id);
    bench.engine.settle(&spec.name, &[Settlement::done(&delivery.receipt)]).await.expect("it is settled");
    // Handled, and remembered.
    let taken = bench.engine.enqueue(std::slice::from_ref(&message)).await.expect("a message is taken");
    assert!(taken[0].duplicate);
    bench.receive_none(&spec.name).await;
    // Another queue knows nothing of it.
    let other = QueueSpec { deduplication: window, ..bench.spec() };
    declare!(bench, other, Some(Guarantee::Deduplication));
    bench.send(NewMessage::new(&other.name, "x").deduplication_id("order-1")).await;
    bench.receive_one(&other.name).await;
    bench.pass(window).await;
    let taken = bench.engine.enqueue(&[message]).await.expect("a message is taken");
    assert!(!taken[0].duplicate);
    bench.receive_one(&spec.name).await;
    Verdict::Holds
}
