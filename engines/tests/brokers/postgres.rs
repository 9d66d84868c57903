//! PostgreSQL.

use crate::server::Postgres;
use pikku_engines::{
    Answer, ErrorKind, ManualClock, NewMessage, PostgresEngine, PostgresSettings, QueueEngine, QueueSpec,
    ScheduleStore, Settled, Settlement, Time,
    conformance::{QUEUES, SCHEDULES, Subject, Verdict},
};
use std::{
    fs,
    future::Future,
    path::Path,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_postgres::NoTls;

#[derive(Debug)]
struct OnPostgres {
    url: String,
    clock: ManualClock,
}

impl Subject for OnPostgres {
    fn open(&self) -> Answer<'_, Arc<dyn QueueEngine>> {
        let settings = PostgresSettings { clock: Some(Arc::new(self.clock.clone())), ..PostgresSettings::default() };
        Box::pin(async move { Ok(Arc::new(PostgresEngine::open_with(&self.url, settings).await?) as _) })
    }

    fn pass(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.clock.advance(span);
        Box::pin(async {})
    }

    fn unit(&self) -> Duration {
        Duration::from_millis(1)
    }
}

#[tokio::test]
async fn it_does_what_every_engine_has_to_do() {
    let Some(server) = Postgres::start() else { return };
    let clock = ManualClock::at(Time::from_millis(1_790_000_000_000));
    let subject = Arc::new(OnPostgres { url: server.url(), clock });
    for case in QUEUES.iter().chain(SCHEDULES) {
        eprintln!("{}", case.name);
        assert_eq!(case.run(subject.clone()).await, Verdict::Holds, "{}", case.name);
    }
}

/// An engine with a queue `q`.
async fn engine(server: &Postgres, settings: PostgresSettings) -> PostgresEngine {
    let engine = PostgresEngine::open_with(&server.url(), settings).await.expect("the engine opens");
    engine.declare(&[QueueSpec::new("q")]).await.expect("a queue is declared");
    engine
}

async fn send(engine: &PostgresEngine, body: &str) {
    engine.enqueue(&[NewMessage::new("q", body)]).await.expect("a message is taken");
}

async fn take(engine: &PostgresEngine, wait: Duration) -> Vec<pikku_engines::Delivery> {
    engine.receive("q", 10, wait).await.expect("messages are delivered")
}

/// What a database does beside keeping messages, in one server: starting one takes a second.
#[tokio::test]
async fn on_the_database_itself() {
    let Some(server) = Postgres::start() else { return };
    instances_start_together(&server).await;
    who_waits_is_woken(&server).await;
    an_outbox_is_sent_with_its_transaction(&server).await;
    a_delivery_that_nobody_takes_is_given_back(&server).await;
    leases_end_by_the_clock_of_the_database(&server).await;
    a_newer_store_is_refused(&server).await;
}

async fn instances_start_together(server: &Postgres) {
    let url = server.url();
    let (one, two, three) =
        tokio::join!(PostgresEngine::open(&url), PostgresEngine::open(&url), PostgresEngine::open(&url));
    for opened in [one, two, three] {
        opened.expect("each opens, and one makes the tables").health().await.expect("it is healthy");
    }
}

async fn who_waits_is_woken(server: &Postgres) {
    let settings = || PostgresSettings { look: Duration::from_secs(600), ..PostgresSettings::default() };
    let (here, there) = (engine(server, settings()).await, engine(server, settings()).await);
    // Until it listens it looks by itself, so the second time counts.
    for number in ["1", "2"] {
        let begun = Instant::now();
        let (received, ()) = tokio::join!(take(&here, Duration::from_secs(60)), async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            send(&there, number).await;
        });
        assert_eq!(received.len(), 1);
        assert!(begun.elapsed() < Duration::from_secs(50), "by a notification, not by looking at the end");
        here.settle("q", &[Settlement::done(&received[0].receipt)]).await.expect("it is settled");
    }
}

async fn an_outbox_is_sent_with_its_transaction(server: &Postgres) {
    let engine = engine(server, PostgresSettings::default()).await;
    let (mut client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client.batch_execute("CREATE TABLE orders (id int)").await.expect("a table");
    for commits in [false, true] {
        let transaction = client.transaction().await.expect("a transaction");
        transaction.execute("INSERT INTO orders VALUES (1)", &[]).await.expect("a row");
        let message = NewMessage::new("q", "placed").deduplication_id("order-1");
        let taken = engine.enqueue_in(&transaction, &[message]).await.expect("a message is taken");
        assert!(!taken[0].duplicate, "what was rolled back was never sent");
        assert!(take(&engine, Duration::ZERO).await.is_empty(), "it is not committed");
        if commits {
            transaction.commit().await.expect("it is committed");
            let received = take(&engine, Duration::from_secs(20)).await;
            assert_eq!((received.len(), &received[0].id), (1, &taken[0].id));
            engine.settle("q", &[Settlement::done(&received[0].receipt)]).await.expect("it is settled");
        } else {
            transaction.rollback().await.expect("it is rolled back");
            assert!(take(&engine, Duration::ZERO).await.is_empty(), "it was rolled back");
        }
    }
    let transaction = client.transaction().await.expect("a transaction");
    let unknown = engine.enqueue_in(&transaction, &[NewMessage::new("elsewhere", "x")]).await;
    assert_eq!(unknown.expect_err("there is no such queue").kind(), ErrorKind::UnknownQueue);
}

async fn a_delivery_that_nobody_takes_is_given_back(server: &Postgres) {
    let engine = engine(server, PostgresSettings::default()).await;
    for _ in 0..20 {
        send(&engine, "x").await;
        // Dropped at some moment of its work.
        let pause = Duration::from_micros(fastrand::u64(0..5000));
        let taken = tokio::time::timeout(pause, engine.receive("q", 10, Duration::from_secs(20))).await;
        let again = match taken {
            Ok(received) => received.expect("messages are delivered"),
            Err(_) => take(&engine, Duration::from_secs(20)).await,
        };
        assert_eq!((again.len(), again[0].receives), (1, 1));
        engine.settle("q", &[Settlement::done(&again[0].receipt)]).await.expect("it is settled");
    }
}

async fn leases_end_by_the_clock_of_the_database(server: &Postgres) {
    let (one, two) =
        (engine(server, PostgresSettings::default()).await, engine(server, PostgresSettings::default()).await);
    let lease = |engine: &PostgresEngine, holder: &'static str, span| {
        let engine = engine.clone();
        async move { ScheduleStore::lease(&engine, "nightly", holder, span).await.expect("it is answered") }
    };
    let first = lease(&one, "one", Duration::from_millis(1500)).await.expect("nobody has it");
    assert_eq!(lease(&two, "two", Duration::from_secs(9)).await, None);
    tokio::time::sleep(Duration::from_millis(1600)).await;
    let second = lease(&two, "two", Duration::from_secs(9)).await.expect("it is over");
    assert!(second.token > first.token);
}

async fn a_newer_store_is_refused(server: &Postgres) {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client.execute("UPDATE pikku_meta SET version = 99", &[]).await.expect("it is newer");
    let error = PostgresEngine::open(&server.url()).await.expect_err("it is newer");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Newer, "PK8105"), "{error:?}");
}

#[tokio::test]
async fn a_database_that_goes_away_and_comes_back_has_lost_nothing() {
    let Some(mut server) = Postgres::start() else { return };
    let settings = PostgresSettings { patience: Duration::from_secs(30), ..PostgresSettings::default() };
    let engine = engine(&server, settings).await;
    let mut sent = 0;
    let mut handled = std::collections::BTreeSet::new();
    for _ in 0..3 {
        for _ in 0..5 {
            sent += 1;
            send(&engine, &sent.to_string()).await;
        }
        let held = engine.receive("q", 1, Duration::from_secs(5)).await.expect("one is delivered");
        server.crash();
        // What is asked while it is away is answered when it is there again.
        let (waiting, ()) = tokio::join!(engine.receive("q", 10, Duration::from_secs(60)), async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.go_on();
        });
        let received = waiting.expect("messages are delivered");
        assert!(!received.is_empty());
        for delivery in held.iter().chain(&received) {
            let settled = engine.settle("q", &[Settlement::done(&delivery.receipt)]).await.expect("it is settled");
            // A delivery that the crash took back is settled by whoever has it now.
            if settled == [Settled::Done] {
                let pikku_engines::Body::Text(text) = &delivery.body else { panic!("a text was sent") };
                assert!(handled.insert(text.parse::<u32>().expect("a number")), "{text} was settled twice");
            }
        }
    }
    while let Some(delivery) = take(&engine, Duration::from_millis(200)).await.pop() {
        engine.settle("q", &[Settlement::done(&delivery.receipt)]).await.expect("it is settled");
        let pikku_engines::Body::Text(text) = &delivery.body else { panic!("a text was sent") };
        handled.insert(text.parse().expect("a number"));
    }
    assert_eq!(engine.stats("q").await.expect("it is counted").ready, 0);
    drop(engine);
    server.crash();
    let settings = PostgresSettings { patience: Duration::from_millis(300), ..PostgresSettings::default() };
    let error = PostgresEngine::open_with(&server.url(), settings).await.expect_err("it is away");
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true), "{error:?}");
}

#[tokio::test]
async fn a_url_that_cannot_be_meant_is_refused_without_its_password() {
    for (url, said) in [
        ("postgres://u:plantedsecret7Qx@h:nonsense/db", "it is no URL of a PostgreSQL database"),
        ("postgres:///db", "names no host"),
    ] {
        let error = PostgresEngine::open(url).await.expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::Spec, "{error:?}");
        let text = format!("{error:?}");
        assert!(text.contains(said) && !text.contains("plantedsecret7Qx"), "{text}");
    }
}

#[tokio::test]
async fn a_database_elsewhere_is_spoken_to_over_tls_and_has_to_be_trusted() {
    let Some((server, roots)) = Postgres::start_with_tls() else { return };
    let settings = |roots: &Path| PostgresSettings {
        patience: Duration::from_millis(500),
        root_certificates: Some(roots.to_owned()),
        ..PostgresSettings::default()
    };
    let over_tls = format!("{}?sslmode=require", server.url());
    let engine = PostgresEngine::open_with(&over_tls, settings(&roots)).await.expect("it is trusted");
    engine.declare(&[QueueSpec::new("q")]).await.expect("a queue");
    let taken = tokio::join!(take(&engine, Duration::from_secs(10)), send(&engine, "sealed")).0;
    assert_eq!(taken.len(), 1, "what listens does so over TLS too");

    let stranger = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let other = roots.with_file_name("others.pem");
    fs::write(&other, stranger.cert.pem()).expect("a file");
    let error = PostgresEngine::open_with(&over_tls, settings(&other)).await.expect_err("nobody knows it");
    assert!(format!("{error:?}").contains("certificate"), "{error:?}");
    let error = PostgresEngine::open_with(&over_tls, settings(Path::new("/absent.pem"))).await.expect_err("no roots");
    assert!(error.kind() == ErrorKind::Spec && format!("{error:?}").contains("PGSSLROOTCERT"), "{error:?}");
}

#[tokio::test]
async fn a_database_that_speaks_no_tls_is_not_spoken_to_where_it_has_to() {
    let Some(server) = Postgres::start() else { return };
    let settings = PostgresSettings { patience: Duration::from_millis(500), ..PostgresSettings::default() };
    let url = format!("{}?sslmode=require", server.url());
    let error = PostgresEngine::open_with(&url, settings).await.expect_err("it speaks none");
    assert!(format!("{error:?}").contains("does not support TLS"), "{error:?}");
}
