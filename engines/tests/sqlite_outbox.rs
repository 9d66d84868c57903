//! A message is sent when its transaction is committed, and only then. The crash test has programs killed meanwhile.

use pikku_engines::{
    Answer, Delivery, EngineError, ErrorKind, NewMessage, OutboxRelay, OutboxRow, OutboxStore, QueueEngine, QueueSpec,
    Settlement, SqliteEngine, SqliteOutbox, SystemClock,
};
use rusqlite::Connection;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;

struct Place {
    _dir: TempDir,
    app: Connection,
    engine: Arc<SqliteEngine>,
    outbox: Arc<SqliteOutbox>,
}

impl Place {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let app = Connection::open(dir.path().join("app.db")).unwrap();
        app.execute_batch("CREATE TABLE orders (id INTEGER)").unwrap();
        SqliteOutbox::create(&app).unwrap();
        let engine = Arc::new(SqliteEngine::open(dir.path().join("queues.db")).unwrap());
        engine.declare(&[QueueSpec { fifo: true, ..QueueSpec::new("orders") }]).await.unwrap();
        let outbox = Arc::new(SqliteOutbox::open(dir.path().join("app.db")).unwrap());
        Self { _dir: dir, app, engine, outbox }
    }

    fn relay(&self, store: Arc<dyn OutboxStore>) -> OutboxRelay {
        OutboxRelay::new(store, self.engine.clone(), Arc::new(SystemClock))
    }

    /// Writes an order with its message in one transaction.
    fn order(&mut self, id: i64, commit: bool) {
        let transaction = self.app.transaction().unwrap();
        transaction.execute("INSERT INTO orders VALUES (?1)", [id]).unwrap();
        let message = NewMessage::new("orders", id.to_string()).attribute("a", "b").group("g").priority(3);
        SqliteOutbox::add(&transaction, &message).unwrap();
        if commit { transaction.commit().unwrap() } else { transaction.rollback().unwrap() }
    }

    /// All that is delivered, one after the other.
    async fn delivered(&self) -> Vec<Delivery> {
        let mut all = Vec::new();
        loop {
            let mut deliveries = self.engine.receive("orders", 1, Duration::ZERO).await.unwrap();
            let Some(delivery) = deliveries.pop() else { return all };
            self.engine.settle("orders", &[Settlement::done(&delivery.receipt)]).await.unwrap();
            all.push(delivery);
        }
    }

    async fn bodies(&self) -> Vec<String> {
        let text = |delivery: Delivery| String::from_utf8_lossy(delivery.body.as_bytes()).into_owned();
        self.delivered().await.into_iter().map(text).collect()
    }
}

#[tokio::test]
async fn what_is_committed_is_sent_in_order_and_what_is_rolled_back_is_not() {
    let mut place = Place::new().await;
    let relay = place.relay(place.outbox.clone());
    for (id, commit) in [(1, true), (2, false), (3, true)] {
        place.order(id, commit);
    }
    assert_eq!(relay.step().await.unwrap().sent, 2);
    assert_eq!(relay.step().await.unwrap().sent, 0);
    let delivered = place.delivered().await;
    assert_eq!(delivered.iter().map(|delivery| delivery.body.as_bytes()).collect::<Vec<_>>(), [b"1", b"3"]);
    assert_eq!((delivered[0].attributes["a"].as_str(), delivered[0].group.as_deref()), ("b", Some("g")));
}

#[tokio::test]
async fn what_is_not_committed_yet_waits() {
    let mut place = Place::new().await;
    place.app.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    let relay = place.relay(place.outbox.clone());
    let transaction = place.app.transaction().unwrap();
    SqliteOutbox::add(&transaction, &NewMessage::new("orders", "1")).unwrap();
    assert_eq!(relay.step().await.unwrap().sent, 0);
    transaction.commit().unwrap();
    assert_eq!(relay.step().await.unwrap().sent, 1);
}

/// An outbox whose rows cannot be deleted.
#[derive(Debug)]
struct Stuck {
    outbox: Arc<SqliteOutbox>,
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

#[tokio::test]
async fn a_relay_that_ends_between_the_two_steps_sends_nothing_twice() {
    let mut place = Place::new().await;
    let stuck = Arc::new(Stuck { outbox: place.outbox.clone(), stuck: AtomicBool::new(true) });
    let relay = place.relay(stuck.clone());
    place.order(1, true);
    relay.step().await.unwrap_err();
    assert_eq!(place.bodies().await, ["1"]);
    relay.step().await.unwrap_err();
    stuck.stuck.store(false, Ordering::Relaxed);
    place.order(2, true);
    assert_eq!(relay.step().await.unwrap().sent, 2);
    assert_eq!(place.bodies().await, ["2"]);
}

#[tokio::test]
async fn two_relays_at_a_time_send_once() {
    let mut place = Place::new().await;
    for id in 0..50 {
        place.order(id, true);
    }
    let (one, two) = (place.relay(place.outbox.clone()), place.relay(place.outbox.clone()));
    let (first, second) = tokio::join!(one.step(), two.step());
    assert!(first.unwrap().sent + second.unwrap().sent >= 50);
    assert_eq!(place.bodies().await, (0..50).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_row_that_the_engine_never_takes_is_set_aside() {
    let mut place = Place::new().await;
    let relay = place.relay(place.outbox.clone());
    place.order(1, true);
    SqliteOutbox::add(&place.app, &NewMessage::new("unheard-of", "2")).unwrap();
    place.order(3, true);
    let moved = relay.step().await.unwrap();
    assert_eq!(moved.sent, 2);
    assert_eq!(moved.refused.len(), 1);
    assert_eq!(moved.refused[0].reason, "queue `unheard-of`: no queue of that name is declared (PK8107)");
    assert_eq!(place.bodies().await, ["1", "3"]);
    // It is kept until what it lacks is there.
    assert_eq!(relay.step().await.unwrap().sent, 0);
    place.engine.declare(&[QueueSpec::new("unheard-of")]).await.unwrap();
    assert_eq!(place.outbox.retry_refused().await.unwrap(), 1);
    assert_eq!(relay.step().await.unwrap().sent, 1);
}

#[tokio::test]
async fn what_no_engine_takes_fails_in_the_transaction() {
    let place = Place::new().await;
    let error = SqliteOutbox::add(&place.app, &NewMessage::new("orders", "x".repeat(2_000_000))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_not_made() {
    let dir = TempDir::new().unwrap();
    let error = SqliteOutbox::open(dir.path().join("app.db")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(!dir.path().join("app.db").exists());
}
