//! What can happen to a SQLite file and to the clock: clear errors, and nothing is lost.

use pikku_engines::{
    Delivery, EngineError, ErrorKind, ManualClock, NewMessage, QueueEngine, QueueSpec, QueueStats, ScheduleStore,
    Settled, Settlement, SqliteEngine, SqliteSettings, Time,
};
use rusqlite::Connection;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

const NOW: Time = Time::from_millis(1_790_000_000_000);

/// A folder with a store, whose clock is set.
struct Place {
    dir: TempDir,
    clock: ManualClock,
}

impl Place {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), clock: ManualClock::at(NOW) }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("queues.db")
    }

    fn settings(&self) -> SqliteSettings {
        SqliteSettings {
            clock: Arc::new(self.clock.clone()),
            patience: Duration::from_millis(100),
            ..SqliteSettings::default()
        }
    }

    fn open(&self) -> Result<SqliteEngine, EngineError> {
        SqliteEngine::open_with(self.file(), self.settings())
    }

    /// With a queue `q`.
    async fn engine(&self) -> SqliteEngine {
        let engine = self.open().unwrap();
        engine.declare(&[QueueSpec::new("q")]).await.unwrap();
        engine
    }
}

async fn send(engine: &SqliteEngine, body: &str) -> Result<String, EngineError> {
    engine.enqueue(&[NewMessage::new("q", body)]).await.map(|taken| taken[0].id.clone())
}

async fn receive(engine: &SqliteEngine) -> Vec<Delivery> {
    engine.receive("q", 10, Duration::ZERO).await.unwrap()
}

async fn stats(engine: &SqliteEngine) -> QueueStats {
    engine.stats("q").await.unwrap()
}

/// What a person reads, with the folder left out.
fn read(error: &EngineError, place: &Place) -> String {
    format!("{error:?}").replace(&place.dir.path().display().to_string(), "DIR")
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let place = Place::new();
    let content = "not a database, but long enough to be taken for one. ".repeat(40);
    fs::write(place.file(), &content).unwrap();
    let error = place.open().unwrap_err();
    assert_eq!(
        read(&error, &place),
        "DIR/queues.db: it is no SQLite file (PK8104)\n  caused by: file is not a database\n  caused by: Error \
         code 26: file is not a database\n\nhint: set the file aside and restore a backup, or try `sqlite3 FILE .recover`"
    );
    assert_eq!(fs::read_to_string(place.file()).unwrap(), content);
}

#[tokio::test]
async fn a_file_that_is_damaged_meanwhile_says_so() {
    let place = Place::new();
    let engine = place.engine().await;
    for _ in 0..200 {
        send(&engine, &"x".repeat(1000)).await.unwrap();
    }
    // The log goes into the file, and the pages of the file are overwritten from the second on.
    Connection::open(place.file()).unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).unwrap();
    let mut content = fs::read(place.file()).unwrap();
    content[4096..].fill(0xa5);
    fs::write(place.file(), content).unwrap();
    drop(engine);
    let error = match place.open() {
        Err(error) => error,
        Ok(engine) => send(&engine, "x").await.unwrap_err(),
    };
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_file_that_another_process_holds_is_waited_for_and_then_refused() {
    let place = Place::new();
    let engine = place.engine().await;
    let other = Connection::open(place.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = send(&engine, "x").await.unwrap_err();
    assert_eq!(
        read(&error, &place),
        "DIR/queues.db: another process has held it for more than 100ms (PK8102)\n  caused by: database is \
         locked\n\nhint: end the process that holds the store, such as a shell with an open transaction"
    );
    assert!(error.is_retryable());
    other.execute_batch("COMMIT").unwrap();
    send(&engine, "y").await.unwrap();
    assert_eq!(receive(&engine).await[0].body, "y".into());
}

#[tokio::test]
async fn where_there_is_no_room_messages_are_refused_and_what_is_there_stays() {
    let place = Place::new();
    let open = |most_pages| {
        let settings = SqliteSettings { most_pages, ..place.settings() };
        SqliteEngine::open_with(place.file(), settings).unwrap()
    };
    let engine = open(Some(60));
    engine.declare(&[QueueSpec::new("q")]).await.unwrap();
    send(&engine, "in flight").await.unwrap();
    let in_flight = receive(&engine).await.remove(0);
    let mut taken = Vec::new();
    let large = "x".repeat(10_000);
    let error = loop {
        match send(&engine, &large).await {
            Ok(id) => taken.push(id),
            Err(error) => break error,
        }
        assert!(taken.len() < 100, "it is full at some time");
    };
    assert_eq!(
        read(&error, &place),
        "DIR/queues.db: there is no room left (PK8103)\n  caused by: database or disk is full\n\nhint: make room; nothing \
         that was taken is lost, and it goes on by itself"
    );
    assert!(error.is_retryable());
    assert!(taken.len() > 5, "{taken:?}");
    // Asked for at the same time, what fits is done although what does not fit fails.
    let done = [Settlement::done(&in_flight.receipt)];
    let (refused, settled) = tokio::join!(send(&engine, &large), engine.settle("q", &done));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(settled.unwrap(), [Settled::Done]);
    drop(engine);
    // Somebody makes room.
    let engine = open(None);
    taken.push(send(&engine, &large).await.unwrap());
    let delivered = engine.receive("q", 100, Duration::ZERO).await.unwrap();
    assert_eq!(delivered.iter().map(|delivery| &delivery.id).collect::<Vec<_>>(), taken.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_store_that_goes_away_is_noticed_and_comes_back() {
    let place = Place::new();
    let engine = place.engine().await;
    let before = send(&engine, "before").await.unwrap();
    let away = place.dir.path().join("away");
    fs::create_dir(&away).unwrap();
    let files = ["queues.db", "queues.db-wal", "queues.db-shm"];
    let carry = |from: &Path, to: &Path| files.map(|file| fs::rename(from.join(file), to.join(file)).unwrap());
    carry(place.dir.path(), &away);
    for _ in 0..2 {
        let error = send(&engine, "meanwhile").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.is_retryable());
        let error = engine.receive("q", 1, Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert_eq!(engine.health().await.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert!(!place.file().exists(), "an empty store in its place would hide what is lost");
    carry(&away, place.dir.path());
    engine.health().await.unwrap();
    let after = send(&engine, "after").await.unwrap();
    let ids: Vec<String> = receive(&engine).await.into_iter().map(|delivery| delivery.id).collect();
    assert_eq!(ids, [before, after]);
}

#[tokio::test]
async fn another_file_in_its_place_is_not_harmed() {
    let place = Place::new();
    let engine = place.engine().await;
    send(&engine, "old").await.unwrap();
    for file in ["queues.db", "queues.db-wal", "queues.db-shm"] {
        fs::remove_file(place.dir.path().join(file)).unwrap();
    }
    let other = place.engine().await;
    let id = send(&other, "new").await.unwrap();
    // The first call notices; what is asked then goes to the store that is there.
    assert_eq!(send(&engine, "lost otherwise").await.unwrap_err().kind(), ErrorKind::Unavailable);
    let delivered = receive(&engine).await;
    assert_eq!((delivered[0].id.as_str(), &delivered[0].body), (id.as_str(), &"new".into()));
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_named() {
    let place = Place::new();
    let error = SqliteEngine::open(place.dir.path().join("missing/queues.db")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        read(&error, &place).starts_with("DIR/missing/queues.db: the file cannot be opened or made (PK8101)"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let place = Place::new();
    drop(place.engine().await);
    let other = Connection::open(place.file()).unwrap();
    other.execute("UPDATE pikku_meta SET version = 99", ()).unwrap();
    let error = place.open().unwrap_err();
    assert_eq!(
        read(&error, &place),
        "DIR/queues.db: the store is of version 99, and this program knows up to 3 (PK8105)\n\nhint: run the version that \
         made the store, or a newer one, or give this one a store of its own"
    );
    let version: i64 = other.query_row("SELECT version FROM pikku_meta", (), |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[tokio::test]
async fn a_store_may_be_a_database_of_the_app() {
    let place = Place::new();
    let app = Connection::open(place.file()).unwrap();
    app.execute_batch("CREATE TABLE message (id INTEGER); PRAGMA user_version = 7").unwrap();
    let engine = place.engine().await;
    send(&engine, "x").await.unwrap();
    let version: i64 = app.query_row("PRAGMA user_version", (), |row| row.get(0)).unwrap();
    assert_eq!(version, 7);
}

#[tokio::test]
async fn messages_outlive_the_engine_and_are_delivered_as_they_were_sent() {
    let place = Place::new();
    let body = "{\"written by\":\"an older version\", \"unknown\" : [1,2 ]}";
    send(&place.engine().await, body).await.unwrap();
    let delivered = receive(&place.engine().await).await;
    assert_eq!(delivered[0].body, body.into());
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    send(&place.engine().await, "x").await.unwrap();
    for file in ["queues.db", "queues.db-wal"] {
        let mode = fs::metadata(place.dir.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_delivery_that_nobody_takes_is_ready_for_others() {
    let place = Place::new();
    let engine = place.engine().await;
    let waiting = engine.receive("q", 10, Duration::from_secs(20));
    // It waits in the engine, and its future is dropped.
    assert!(tokio::time::timeout(Duration::from_millis(20), waiting).await.is_err());
    let id = send(&engine, "x").await.unwrap();
    let delivered = receive(&engine).await;
    assert_eq!((delivered[0].id.as_str(), delivered[0].receives), (id.as_str(), 1));
}

#[tokio::test]
async fn a_clock_that_jumps_forward_delivers_again_and_loses_nothing() {
    let place = Place::new();
    let engine = place.engine().await;
    send(&engine, "x").await.unwrap();
    let first = receive(&engine).await.remove(0);
    place.clock.advance(Duration::from_secs(365 * 24 * 3600));
    let second = receive(&engine).await.remove(0);
    assert_eq!(second.receives, 2);
    let settled = engine.settle("q", &[Settlement::done(&first.receipt), Settlement::done(&second.receipt)]).await;
    assert_eq!(settled.unwrap(), [Settled::Stale, Settled::Done]);
}

#[tokio::test]
async fn a_clock_that_jumps_back_keeps_nothing_longer_than_its_time_anew() {
    let place = Place::new();
    let engine = place.engine().await;
    let second = Duration::from_secs(1);
    let year = second * 365 * 24 * 3600;
    engine
        .enqueue(&[
            NewMessage::new("q", "ready"),
            NewMessage::new("q", "delayed").delay(second * 60),
            NewMessage::new("q", "once").deduplication_id("once"),
        ])
        .await
        .unwrap();
    let in_flight = receive(&engine).await;
    assert_eq!(in_flight.len(), 2);
    send(&engine, "also ready").await.unwrap();
    let lease = engine.lease("l", "a", second * 60).await.unwrap();
    assert!(lease.is_some());
    place.clock.set(NOW.before(year));
    // What is ready stays so, at whatever time it was sent.
    assert_eq!(receive(&engine).await[0].body, "also ready".into());
    assert_eq!(stats(&engine).await, QueueStats { ready: 0, waiting: 1, in_flight: 3, dead: 0 });
    place.clock.advance(second * 31);
    assert_eq!(receive(&engine).await.len(), 3, "the visibility timeout of 30 s is over");
    place.clock.advance(second * 30);
    assert_eq!(engine.receive("q", 10, Duration::ZERO).await.unwrap().len(), 4, "and the delay of 60 s");
    assert!(engine.lease("l", "b", second).await.unwrap().is_some(), "and the lease");
    place.clock.advance(second * 300);
    let taken = engine.enqueue(&[NewMessage::new("q", "once").deduplication_id("once")]).await.unwrap();
    assert!(!taken[0].duplicate, "and the deduplication window");
}

#[tokio::test]
async fn a_queue_may_become_fifo_and_cease_to_be() {
    let place = Place::new();
    let engine = place.engine().await;
    let of = |group: &str, body: &str| NewMessage::new("q", body).group(group);
    engine.enqueue(&[of("a", "a1"), of("a", "a2"), of("b", "b1"), of("a", "a3")]).await.unwrap();
    let bodies = |deliveries: &[Delivery]| {
        deliveries
            .iter()
            .map(|delivery| String::from_utf8_lossy(delivery.body.as_bytes()).into_owned())
            .collect::<Vec<_>>()
    };
    let first = engine.receive("q", 2, Duration::ZERO).await.unwrap();
    assert_eq!(bodies(&first), ["a1", "a2"]);
    engine.declare(&[QueueSpec { fifo: true, ..QueueSpec::new("q") }]).await.unwrap();
    assert_eq!(bodies(&receive(&engine).await), ["b1"]);
    engine.settle("q", &[Settlement::done(&first[0].receipt)]).await.unwrap();
    assert!(receive(&engine).await.is_empty(), "a2 is in flight still");
    engine.settle("q", &[Settlement::done(&first[1].receipt)]).await.unwrap();
    assert_eq!(bodies(&receive(&engine).await), ["a3"]);
    engine.enqueue(&[of("a", "a4")]).await.unwrap();
    assert!(receive(&engine).await.is_empty());
    engine.declare(&[QueueSpec::new("q")]).await.unwrap();
    assert_eq!(bodies(&receive(&engine).await), ["a4"]);
}
