//! The conformance suite on the stores of sessions, and what each does beside it.

#[path = "../../../engines/tests/brokers/server.rs"]
#[allow(dead_code)]
mod server;

use pikku::{BoxFuture, Claims};
use pikku_auth::session::{
    MemorySessions, PostgresSessions, SessionKey, SessionStore, SqliteSessions, StoredSession,
    conformance::{CASES, Subject},
};
use server::Postgres;
use std::{path::PathBuf, sync::Arc, time::Instant};
use tempfile::TempDir;

async fn passes(subject: &dyn Subject) {
    for case in CASES {
        eprintln!("{}", case.name);
        case.run(subject).await;
    }
}

#[derive(Debug, Default)]
struct InMemory(MemorySessions);

impl Subject for InMemory {
    fn open(&self) -> BoxFuture<'_, Arc<dyn SessionStore>> {
        let store: Arc<dyn SessionStore> = Arc::new(self.0.clone());
        Box::pin(std::future::ready(store))
    }
}

#[derive(Debug)]
struct InSqlite(PathBuf);

impl Subject for InSqlite {
    fn open(&self) -> BoxFuture<'_, Arc<dyn SessionStore>> {
        let store: Arc<dyn SessionStore> = Arc::new(SqliteSessions::open(&self.0).expect("the file opens"));
        Box::pin(std::future::ready(store))
    }
}

#[derive(Debug)]
struct InPostgres(String);

impl Subject for InPostgres {
    fn open(&self) -> BoxFuture<'_, Arc<dyn SessionStore>> {
        Box::pin(async {
            let store: Arc<dyn SessionStore> = Arc::new(PostgresSessions::open(&self.0).await.expect("it opens"));
            store
        })
    }
}

const NOW_MS: u64 = 1_790_000_000_000;

fn key(number: u64) -> SessionKey {
    SessionKey::of(&number.to_le_bytes())
}

fn session(user: &str, now_ms: u64) -> StoredSession {
    let claims = Claims::new("secret-of-the-session".into()).with_subject(user);
    StoredSession { claims, created_ms: now_ms, ends_ms: now_ms + 1_000, expires_ms: now_ms + 1_000 }
}

#[tokio::test]
async fn memory() {
    passes(&InMemory::default()).await;
}

#[tokio::test]
async fn sqlite() {
    let dir = TempDir::new().unwrap();
    passes(&InSqlite(dir.path().join("sessions.db"))).await;
}

#[tokio::test]
async fn postgres() {
    let Some(mut server) = Postgres::start() else { return };
    passes(&InPostgres(server.url())).await;
    // A database that crashes has forgotten neither logins nor logouts.
    let store = PostgresSessions::open(&server.url()).await.unwrap();
    for number in 0..2 {
        store.save(&key(number), &session("ada", NOW_MS)).await.unwrap();
    }
    store.remove(&key(0)).await.unwrap();
    server.crash();
    server.go_on();
    assert_eq!(store.load(&key(0), NOW_MS).await.unwrap(), None);
    assert!(store.load(&key(1), NOW_MS).await.unwrap().is_some());
    server.crash();
    let begun = Instant::now();
    store.load(&key(1), NOW_MS).await.unwrap_err();
    assert!(begun.elapsed().as_secs() < 60, "nobody waits for a database for ever");
}

#[tokio::test]
async fn a_full_memory_makes_no_session_until_one_has_ended() {
    let store = MemorySessions::with_capacity(2);
    for number in 0..2 {
        store.save(&key(number), &session("ada", NOW_MS)).await.unwrap();
    }
    let error = store.save(&key(2), &session("ada", NOW_MS + 999)).await.unwrap_err();
    assert_eq!(error.to_string(), "the store holds 2 sessions already");
    store.save(&key(2), &session("ada", NOW_MS + 1_000)).await.unwrap();
    assert_eq!(store.len(), 1, "those that have ended are gone");
}

#[tokio::test]
async fn a_file_holds_neither_ids_nor_names_and_what_has_ended_goes_by_itself() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("sessions.db");
    let store = SqliteSessions::open(&path).unwrap();
    for number in 0..40 {
        store.save(&key(number), &session("ada", NOW_MS)).await.unwrap();
    }
    let count = || -> i64 {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.query_row("SELECT count(*) FROM pikku_entry", (), |row| row.get(0)).unwrap()
    };
    assert_eq!(count(), 40);
    store.save(&key(99), &session("bob", NOW_MS + 5_000)).await.unwrap();
    assert_eq!(count(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(!format!("{store:?} {:?} {:?}", key(1), session("ada", 0)).contains("secret-of-the-session"));
}

#[tokio::test]
async fn a_record_that_is_no_session_is_an_error_that_does_not_print_it() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("sessions.db");
    let store = SqliteSessions::open(&path).unwrap();
    store.save(&key(1), &session("ada", NOW_MS)).await.unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("UPDATE pikku_entry SET value = '{\"v\": \"private\", \"c\": \"x\"}'", ()).unwrap();
    let error = store.load(&key(1), NOW_MS).await.unwrap_err();
    assert_eq!(error.to_string(), "what is kept is no session: Data at 25");
}
