//! A message is sent to another store when its transaction in PostgreSQL is committed, and only then.

use crate::server::Postgres;
use pikku_engines::{
    Answer, Delivery, EngineError, ErrorKind, NewMessage, OutboxRelay, OutboxRow, OutboxStore, PostgresOutbox,
    PostgresSettings, QueueEngine, QueueSpec, Settlement, SqliteEngine, SystemClock,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// Queues in a file, and the app's database.
struct Place {
    _dir: TempDir,
    app: Client,
    engine: Arc<SqliteEngine>,
    outbox: PostgresOutbox,
}

impl Place {
    async fn new(server: &Postgres) -> Self {
        let dir = TempDir::new().expect("a folder");
        let engine = Arc::new(SqliteEngine::open(dir.path().join("queues.db")).expect("an engine"));
        engine.declare(&[QueueSpec { fifo: true, ..QueueSpec::new("orders") }]).await.expect("a queue");
        let settings = PostgresSettings { patience: Duration::from_millis(300), ..PostgresSettings::default() };
        let outbox = PostgresOutbox::open_with(&server.url(), settings).await.expect("an outbox");
        let mut app = connect(server).await;
        app.batch_execute("CREATE TABLE IF NOT EXISTS orders (id bigint)").await.expect("a table");
        PostgresOutbox::create(&mut app).await.expect("the table is there already");
        Self { _dir: dir, app, engine, outbox }
    }

    fn relay(&self, store: Arc<dyn OutboxStore>) -> OutboxRelay {
        OutboxRelay::new(store, self.engine.clone(), Arc::new(SystemClock))
    }

    fn own_relay(&self) -> OutboxRelay {
        self.relay(Arc::new(self.outbox.clone()))
    }

    /// Writes an order with its message in one transaction.
    async fn order(&mut self, id: i64, commit: bool) {
        let transaction = self.app.transaction().await.expect("a transaction");
        transaction.execute("INSERT INTO orders VALUES ($1)", &[&id]).await.expect("a row");
        let message = NewMessage::new("orders", id.to_string()).attribute("a", "b").group("g").priority(-3);
        PostgresOutbox::add(&transaction, &message).await.expect("a message");
        let ended = if commit { transaction.commit().await } else { transaction.rollback().await };
        ended.expect("it ends");
    }

    /// All that is delivered, one after the other.
    async fn delivered(&self) -> Vec<Delivery> {
        let mut all = Vec::new();
        loop {
            let mut deliveries = self.engine.receive("orders", 1, Duration::ZERO).await.expect("deliveries");
            let Some(delivery) = deliveries.pop() else { return all };
            self.engine.settle("orders", &[Settlement::done(&delivery.receipt)]).await.expect("it is settled");
            all.push(delivery);
        }
    }

    async fn bodies(&self) -> Vec<String> {
        let text = |delivery: Delivery| String::from_utf8_lossy(delivery.body.as_bytes()).into_owned();
        self.delivered().await.into_iter().map(text).collect()
    }
}

async fn connect(server: &Postgres) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

/// An outbox whose rows cannot be deleted.
#[derive(Debug)]
struct Stuck {
    outbox: PostgresOutbox,
    stuck: AtomicBool,
}

impl OutboxStore for Stuck {
    fn pending(&self, max: usize) -> Answer<'_, Vec<OutboxRow>> {
        self.outbox.pending(max)
    }

    fn sent<'a>(&'a self, ids: &'a [i64]) -> Answer<'a, ()> {
        if self.stuck.load(Ordering::Relaxed) {
            return Box::pin(async { Err(EngineError::new(ErrorKind::Unavailable, "outbox", "it is away")) });
        }
        self.outbox.sent(ids)
    }

    fn refuse<'a>(&'a self, id: i64, reason: &'a str) -> Answer<'a, ()> {
        self.outbox.refuse(id, reason)
    }
}

/// In one server: starting one takes a second.
#[tokio::test]
async fn what_is_committed_is_sent_once_and_in_order() {
    let Some(mut server) = Postgres::start() else { return };
    let mut place = Place::new(&server).await;
    what_is_rolled_back_is_not_sent(&mut place).await;
    a_relay_that_ends_between_the_two_steps_sends_nothing_twice(&mut place).await;
    two_relays_at_a_time_send_once(&mut place).await;
    what_the_engine_never_takes_is_set_aside(&mut place).await;
    a_delay_counts_from_when_it_was_added(&mut place).await;
    the_table_is_made_by_several_at_a_time(&server, &place).await;
    a_database_that_goes_away_and_comes_back_has_lost_nothing(&mut server, &mut place).await;
}

async fn what_is_rolled_back_is_not_sent(place: &mut Place) {
    for (id, commit) in [(1, true), (2, false), (3, true)] {
        place.order(id, commit).await;
    }
    let relay = place.own_relay();
    let transaction = place.app.transaction().await.expect("a transaction");
    PostgresOutbox::add(&transaction, &NewMessage::new("orders", "open")).await.expect("a message");
    assert_eq!(relay.step().await.expect("a step").sent, 2, "what is not committed waits");
    transaction.rollback().await.expect("it is rolled back");
    assert_eq!(relay.step().await.expect("a step").sent, 0);
    let delivered = place.delivered().await;
    assert_eq!(delivered.iter().map(|delivery| delivery.body.as_bytes()).collect::<Vec<_>>(), [b"1", b"3"]);
    assert_eq!((delivered[0].attributes["a"].as_str(), delivered[0].group.as_deref()), ("b", Some("g")));
}

async fn a_relay_that_ends_between_the_two_steps_sends_nothing_twice(place: &mut Place) {
    let stuck = Arc::new(Stuck { outbox: place.outbox.clone(), stuck: AtomicBool::new(true) });
    let relay = place.relay(stuck.clone());
    place.order(4, true).await;
    relay.step().await.expect_err("it stands still");
    assert_eq!(place.bodies().await, ["4"]);
    relay.step().await.expect_err("it stands still");
    stuck.stuck.store(false, Ordering::Relaxed);
    place.order(5, true).await;
    assert_eq!(relay.step().await.expect("a step").sent, 2);
    assert_eq!(place.bodies().await, ["5"]);
}

async fn two_relays_at_a_time_send_once(place: &mut Place) {
    for id in 0..20 {
        place.order(id, true).await;
    }
    let (one, two) = (place.own_relay(), place.own_relay());
    let (first, second) = tokio::join!(one.step(), two.step());
    assert!(first.expect("a step").sent + second.expect("a step").sent >= 20);
    assert_eq!(place.bodies().await, (0..20).map(|id| id.to_string()).collect::<Vec<_>>());
}

async fn what_the_engine_never_takes_is_set_aside(place: &mut Place) {
    place.order(1, true).await;
    let transaction = place.app.transaction().await.expect("a transaction");
    PostgresOutbox::add(&transaction, &NewMessage::new("unheard-of", vec![0, 255])).await.expect("a message");
    let large = NewMessage::new("orders", "x".repeat(2_000_000));
    let error = PostgresOutbox::add(&transaction, &large).await.expect_err("no engine takes it");
    assert_eq!(error.kind(), ErrorKind::Limit);
    transaction.commit().await.expect("the database was not asked");
    let moved = place.own_relay().step().await.expect("a step");
    assert_eq!((moved.sent, moved.refused.len()), (1, 1));
    assert_eq!(moved.refused[0].reason, "queue `unheard-of`: no queue of that name is declared (PK8107)");
    assert_eq!(place.bodies().await, ["1"]);
    assert_eq!(place.own_relay().step().await.expect("a step").sent, 0);
    place.engine.declare(&[QueueSpec::new("unheard-of")]).await.expect("a queue");
    assert_eq!(place.outbox.retry_refused().await.expect("it is pending"), 1);
    assert_eq!(place.own_relay().step().await.expect("a step").sent, 1);
    let received = place.engine.receive("unheard-of", 1, Duration::ZERO).await.expect("a delivery");
    assert_eq!(received[0].body.as_bytes(), [0, 255]);
}

async fn a_delay_counts_from_when_it_was_added(place: &mut Place) {
    let transaction = place.app.transaction().await.expect("a transaction");
    let message = NewMessage::new("orders", "late").delay(Duration::from_secs(600));
    PostgresOutbox::add(&transaction, &message).await.expect("a message");
    transaction.commit().await.expect("it is committed");
    let sql = "UPDATE pikku_outbox SET added = added - interval '601 seconds'";
    place.app.execute(sql, &[]).await.expect("it was added earlier");
    assert_eq!(place.own_relay().step().await.expect("a step").sent, 1);
    assert_eq!(place.bodies().await, ["late"]);
}

async fn the_table_is_made_by_several_at_a_time(server: &Postgres, place: &Place) {
    place.app.batch_execute("DROP TABLE pikku_outbox").await.expect("it is gone");
    let url = server.url();
    let (one, two, three) =
        tokio::join!(PostgresOutbox::open(&url), PostgresOutbox::open(&url), PostgresOutbox::open(&url));
    for opened in [one, two, three] {
        assert!(opened.expect("each opens, and one makes the table").pending(1).await.expect("it is there").is_empty());
    }
}

async fn a_database_that_goes_away_and_comes_back_has_lost_nothing(server: &mut Postgres, place: &mut Place) {
    place.order(6, true).await;
    server.crash();
    let error = place.own_relay().step().await.expect_err("it is away");
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true), "{error:?}");
    server.go_on();
    assert_eq!(place.own_relay().step().await.expect("it is back").sent, 1);
    place.app = connect(server).await;
    place.order(7, true).await;
    assert_eq!(place.own_relay().step().await.expect("a step").sent, 1);
    assert_eq!(place.bodies().await, ["6", "7"]);
}
