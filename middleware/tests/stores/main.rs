//! The conformance suite on the stores, and what each does beside it.

#[path = "../../../engines/tests/brokers/server.rs"]
#[allow(dead_code)]
mod server;

use pikku::{BoxError, BoxFuture};
use pikku_middleware::{
    conformance::{RATES, RESULTS, Subject},
    store::{MemoryStore, PostgresStore, RateStore, ResultStore, SqliteStore, StoreKey, Take},
};
use server::Postgres;
use std::{ops::Deref, path::PathBuf, sync::Arc, time::Instant};
use tempfile::TempDir;

async fn passes(subject: &dyn Subject) {
    for case in RATES.iter().chain(RESULTS) {
        eprintln!("{}", case.name);
        case.run(subject).await;
    }
}

#[derive(Debug, Default)]
struct InMemory(MemoryStore);

impl Subject for InMemory {
    fn rates(&self) -> BoxFuture<'_, Arc<dyn RateStore>> {
        let store: Arc<dyn RateStore> = Arc::new(self.0.clone());
        Box::pin(std::future::ready(store))
    }

    fn results(&self) -> BoxFuture<'_, Arc<dyn ResultStore>> {
        let store: Arc<dyn ResultStore> = Arc::new(self.0.clone());
        Box::pin(std::future::ready(store))
    }
}

#[derive(Debug)]
struct InSqlite(PathBuf);

impl Subject for InSqlite {
    fn rates(&self) -> BoxFuture<'_, Arc<dyn RateStore>> {
        let store: Arc<dyn RateStore> = Arc::new(SqliteStore::open(&self.0).expect("the file opens"));
        Box::pin(std::future::ready(store))
    }

    fn results(&self) -> BoxFuture<'_, Arc<dyn ResultStore>> {
        let store: Arc<dyn ResultStore> = Arc::new(SqliteStore::open(&self.0).expect("the file opens"));
        Box::pin(std::future::ready(store))
    }
}

#[derive(Debug)]
struct InPostgres(String);

impl Subject for InPostgres {
    fn rates(&self) -> BoxFuture<'_, Arc<dyn RateStore>> {
        Box::pin(async {
            let store: Arc<dyn RateStore> = Arc::new(PostgresStore::open(&self.0).await.expect("it opens"));
            store
        })
    }

    fn results(&self) -> BoxFuture<'_, Arc<dyn ResultStore>> {
        Box::pin(async {
            let store: Arc<dyn ResultStore> = Arc::new(PostgresStore::open(&self.0).await.expect("it opens"));
            store
        })
    }
}

const NOW_MS: u64 = 1_790_000_000_000;

fn key(number: u64) -> StoreKey {
    StoreKey::of(&[&number.to_le_bytes()])
}

#[tokio::test]
async fn memory() {
    passes(&InMemory::default()).await;
}

#[tokio::test]
async fn sqlite() {
    let dir = TempDir::new().unwrap();
    passes(&InSqlite(dir.path().join("limits.db"))).await;
}

#[tokio::test]
async fn postgres() {
    let Some(mut server) = Postgres::start() else { return };
    passes(&InPostgres(server.url())).await;
    // A database that crashes has forgotten no result.
    let store = PostgresStore::open(&server.url()).await.unwrap();
    assert!(store.replace(&key(0), None, "done", NOW_MS + 1000, NOW_MS).await.unwrap());
    server.crash();
    server.go_on();
    assert_eq!(store.load(&key(0), NOW_MS).await.unwrap().as_deref(), Some("done"));
    server.crash();
    let begun = Instant::now();
    store.load(&key(0), NOW_MS).await.unwrap_err();
    assert!(begun.elapsed().as_secs() < 60, "nobody waits for a database for ever");
}

#[tokio::test]
async fn a_file_holds_no_names_and_what_says_nothing_goes_by_itself() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("limits.db");
    let store = SqliteStore::open(&path).unwrap();
    let second = Take { step_us: 1_000_000, most_us: 1_000_000 };
    for number in 0..300 {
        assert!(store.take(&key(number), second, NOW_MS).await.unwrap().is_taken);
    }
    let count = || -> i64 {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.query_row("SELECT count(*) FROM pikku_rate", (), |row| row.get(0)).unwrap()
    };
    assert_eq!(count(), 300);
    // Now and then some are dropped; it is by chance when.
    for later in 1..2000 {
        store.take(&key(1000), second, NOW_MS + later * 1000).await.unwrap();
        if count() == 1 {
            return;
        }
    }
    panic!("{} marks are there still", count());
}

/// A store of the app's own name is that store.
#[derive(Debug)]
struct Limits(MemoryStore);

#[pikku::service]
fn limits() -> Result<Limits, BoxError> {
    Ok(Limits(MemoryStore::default()))
}

impl Deref for Limits {
    type Target = MemoryStore;

    fn deref(&self) -> &MemoryStore {
        &self.0
    }
}

#[tokio::test]
async fn a_service_around_a_store_is_that_store() {
    let limits = limits().unwrap();
    assert!(limits.replace(&key(0), None, "one", NOW_MS + 1, NOW_MS).await.unwrap());
    assert_eq!(limits.0.load(&key(0), NOW_MS).await.unwrap().as_deref(), Some("one"));
    let take = Take { step_us: 1, most_us: 1 };
    assert!(limits.take(&key(0), take, NOW_MS).await.unwrap().is_taken);
}
