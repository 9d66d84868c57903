//! NATS JetStream. Time passes by itself there, so the cases run beside each other.

use crate::server::Nats;
use pikku_engines::{
    Answer, Backoff, Body, Delivery, ErrorKind, Guarantee, NatsEngine, NatsSettings, NewMessage, QueueEngine,
    QueueSpec, Settled, Settlement,
    conformance::{QUEUES, SCHEDULES, Subject, Verdict},
};
use std::{
    collections::BTreeSet,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

#[derive(Debug)]
struct OnNats {
    url: String,
}

impl Subject for OnNats {
    fn open(&self) -> Answer<'_, Arc<dyn QueueEngine>> {
        Box::pin(async move {
            // Both cores may be busy with other tests.
            let settings = NatsSettings { patience: Duration::from_secs(20), ..NatsSettings::default() };
            Ok(Arc::new(NatsEngine::open_with(&self.url, settings).await?) as _)
        })
    }

    fn pass(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(span + Duration::from_millis(250)))
    }

    fn unit(&self) -> Duration {
        Duration::from_millis(750)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_what_every_engine_has_to_do_or_says_what_it_lacks() {
    let Some(server) = Nats::start() else { return };
    let subject = Arc::new(OnNats { url: server.url() });
    let mut running = JoinSet::new();
    for case in QUEUES.iter().chain(SCHEDULES) {
        let subject = subject.clone();
        running.spawn(async move { (case.name, case.run(subject).await) });
    }
    let mut lacks = BTreeSet::new();
    while let Some(ended) = running.join_next().await {
        let (name, verdict) = ended.expect("the case holds");
        if let Verdict::Lacks(guarantee) = verdict {
            eprintln!("{name}: lacks {}", guarantee.code());
            lacks.insert(guarantee);
        }
    }
    let known = [Guarantee::Priority, Guarantee::Fifo, Guarantee::MaxInFlight, Guarantee::Release, Guarantee::Stats];
    assert_eq!(lacks, BTreeSet::from(known));
}

async fn engine(server: &Nats, spec: QueueSpec) -> NatsEngine {
    let settings = NatsSettings { patience: Duration::from_secs(30), ..NatsSettings::default() };
    let engine = NatsEngine::open_with(&server.url(), settings).await.expect("the engine opens");
    engine.declare(&[spec]).await.expect("a queue is declared");
    engine
}

async fn take(engine: &NatsEngine, wait: Duration) -> Vec<Delivery> {
    engine.receive("q", 10, wait).await.expect("messages are delivered")
}

fn text(delivery: &Delivery) -> &str {
    let Body::Text(text) = &delivery.body else { panic!("a text was sent") };
    text
}

async fn settle(engine: &NatsEngine, settlement: Settlement) -> Settled {
    engine.settle("q", &[settlement]).await.expect("it is settled")[0]
}

/// What it does where it says that it lacks something.
#[tokio::test]
async fn what_it_lacks_it_lacks_as_it_says() {
    let Some(server) = Nats::start() else { return };
    // Groups wait for each other, and are in order, through retries and deaths.
    let spec = QueueSpec {
        fifo: true,
        backoff: Backoff::constant(Duration::from_millis(100)),
        max_receives: 2,
        ..QueueSpec::new("q")
    };
    let fifo = engine(&server, spec).await;
    let messages = ["a1", "b1", "a2", "b2"].map(|body| NewMessage::new("q", body).group(&body[..1]));
    fifo.enqueue(&messages).await.expect("messages are taken");
    for (body, receives, ends) in
        [("a1", 1, false), ("a1", 2, false), ("b1", 1, true), ("a2", 1, true), ("b2", 1, true)]
    {
        let deliveries = take(&fifo, Duration::from_secs(20)).await;
        assert_eq!((deliveries.len(), text(&deliveries[0]), deliveries[0].receives), (1, body, receives));
        assert!(take(&fifo, Duration::from_millis(50)).await.is_empty(), "one at a time");
        let receipt = &deliveries[0].receipt;
        settle(&fifo, if ends { Settlement::done(receipt) } else { Settlement::retry(receipt, "no") }).await;
    }
    // At most so many are in flight over all instances.
    let limited = QueueSpec { max_in_flight: Some(2), ..QueueSpec::new("q") };
    let (one, two) = (engine(&server, limited.clone()).await, engine(&server, limited).await);
    one.enqueue(&vec![NewMessage::new("q", "x"); 5]).await.expect("messages are taken");
    let first = one.receive("q", 1, Duration::from_secs(5)).await.expect("one is delivered");
    let second = take(&two, Duration::from_secs(5)).await;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert!(take(&one, Duration::from_millis(100)).await.is_empty());
    assert_eq!(settle(&one, Settlement::done(&second[0].receipt)).await, Settled::Done);
    assert_eq!(take(&one, Duration::from_secs(5)).await.len(), 1);
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_has_lost_nothing() {
    let Some(mut server) = Nats::start() else { return };
    let spec = QueueSpec { visibility: Duration::from_secs(2), max_receives: 100, ..QueueSpec::new("q") };
    let engine = engine(&server, spec).await;
    let mut sent = BTreeSet::new();
    let mut handled = BTreeSet::new();
    for round in 0..3 {
        let names: Vec<String> = (0..5).map(|number| format!("{round}-{number}")).collect();
        let messages: Vec<NewMessage> = names.iter().map(|name| NewMessage::new("q", name.as_str())).collect();
        engine.enqueue(&messages).await.expect("messages are taken");
        sent.extend(names);
        let held = engine.receive("q", 2, Duration::from_secs(5)).await.expect("some are delivered");
        server.crash();
        // What is asked while it is away is answered when it is there again.
        let (settled, ()) = tokio::join!(
            async {
                for delivery in &held {
                    if settle(&engine, Settlement::done(&delivery.receipt)).await == Settled::Done {
                        handled.insert(text(delivery).to_owned());
                    }
                }
            },
            async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                server.go_on();
            }
        );
        settled
    }
    let begun = Instant::now();
    while handled.len() < sent.len() && begun.elapsed() < Duration::from_secs(60) {
        for delivery in take(&engine, Duration::from_secs(1)).await {
            settle(&engine, Settlement::done(&delivery.receipt)).await;
            handled.insert(text(&delivery).to_owned());
        }
    }
    assert_eq!(handled, sent);
    drop(engine);
    server.crash();
    let settings = NatsSettings { patience: Duration::from_millis(300), ..NatsSettings::default() };
    let error = NatsEngine::open_with(&server.url(), settings).await.expect_err("it is away");
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true), "{error:?}");
}

#[tokio::test]
async fn a_url_that_cannot_be_meant_is_refused_without_its_password() {
    for (url, said) in [
        ("nats://u:plantedsecret7Qx@h:nonsense", "it is no URL of a NATS server"),
        ("nats://u:plantedsecret7Qx@h?replicas=9", "it may be 1 to 5"),
        ("nats://u:plantedsecret7Qx@h?password=plantedsecret7Qx", "the URL of NATS has `password`"),
    ] {
        let error = NatsEngine::open(url).await.expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::Spec, "{error:?}");
        let text = format!("{error:?}");
        assert!(text.contains(said) && !text.contains("plantedsecret7Qx"), "{text}");
    }
}
