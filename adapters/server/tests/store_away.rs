//! A store that goes away and comes back while a server runs, and one that another program holds when it starts.
#![cfg(feature = "sqlite")]

use pikku::{All, App, Call, Group, Problem, Queue as Wiring};
use pikku_engines::{
    Answer, DeadLetter, Delivery, EngineError, Enqueued, ErrorKind, Limits, NewMessage, QueueEngine, QueueSpec,
    QueueStats, Receipt, ScheduleStore, Settled, Settlement, Shortfall, SqliteEngine, Time, Which,
};
use pikku_server::Server;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    time::{sleep, timeout},
};

static SEEN: Mutex<Vec<(u32, u32)>> = Mutex::new(Vec::new());

#[derive(Debug, Deserialize, JsonSchema)]
struct Job {
    number: u32,
    ms: u64,
}

#[pikku::function]
async fn work(call: &Call, job: Job) -> Result<(), Problem> {
    SEEN.lock().unwrap().push((job.number, call.queue().map_or(0, |message| message.receive_count)));
    sleep(Duration::from_millis(job.ms)).await;
    Ok(())
}

#[derive(Group)]
struct Jobs;

fn app() -> App<All> {
    App::new().group::<Jobs>(|g| g.queue::<work>("jobs", Wiring::batch(10).visibility_timeout_s(20)))
}

/// A database file that cannot be reached while it is said to be away.
#[derive(Debug)]
struct Leaving {
    store: SqliteEngine,
    away: AtomicBool,
}

impl Leaving {
    fn here<'a, T: Send + 'a>(&'a self, answer: impl FnOnce() -> Answer<'a, T>) -> Answer<'a, T> {
        if self.away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(EngineError::new(ErrorKind::Unavailable, "the store", "it is away")) });
        }
        answer()
    }
}

impl QueueEngine for Leaving {
    fn name(&self) -> &'static str {
        "leaving"
    }

    fn limits(&self) -> Limits {
        self.store.limits()
    }

    fn declare<'a>(&'a self, queues: &'a [QueueSpec]) -> Answer<'a, Vec<Shortfall>> {
        self.here(|| self.store.declare(queues))
    }

    fn enqueue<'a>(&'a self, messages: &'a [NewMessage]) -> Answer<'a, Vec<Enqueued>> {
        self.here(|| self.store.enqueue(messages))
    }

    fn receive<'a>(&'a self, queue: &'a str, max: usize, wait: Duration) -> Answer<'a, Vec<Delivery>> {
        self.here(|| self.store.receive(queue, max, wait.min(Duration::from_millis(50))))
    }

    fn settle<'a>(&'a self, queue: &'a str, settlements: &'a [Settlement]) -> Answer<'a, Vec<Settled>> {
        self.here(|| self.store.settle(queue, settlements))
    }

    fn extend<'a>(&'a self, queue: &'a str, receipt: &'a Receipt, visibility: Duration) -> Answer<'a, Option<Time>> {
        self.here(|| self.store.extend(queue, receipt, visibility))
    }

    fn dead_letters<'a>(&'a self, queue: &'a str, after: Option<&'a str>, max: usize) -> Answer<'a, Vec<DeadLetter>> {
        self.here(|| self.store.dead_letters(queue, after, max))
    }

    fn redrive<'a>(&'a self, queue: &'a str, which: Which) -> Answer<'a, u64> {
        self.here(|| self.store.redrive(queue, which))
    }

    fn purge<'a>(&'a self, queue: &'a str, which: Which) -> Answer<'a, u64> {
        self.here(|| self.store.purge(queue, which))
    }

    fn stats<'a>(&'a self, queue: &'a str) -> Answer<'a, QueueStats> {
        self.here(|| self.store.stats(queue))
    }

    fn health(&self) -> Answer<'_, ()> {
        self.here(|| self.store.health())
    }

    fn schedules(&self) -> Option<&dyn ScheduleStore> {
        self.store.schedules()
    }
}

async fn ready(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    format!("{} {body}", head.split(' ').nth(1).unwrap())
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = timeout(Duration::from_secs(20), async {
        while !is_so().await {
            sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waiting.await.is_ok(), "{what}");
}

#[tokio::test]
async fn it_is_waited_for_and_nothing_is_done_twice() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteEngine::open(folder.path().join("pikku.db")).unwrap();
    let leaving = Arc::new(Leaving { store: store.clone(), away: AtomicBool::new(false) });
    let (stop, asked) = oneshot::channel::<()>();
    let engine: Arc<dyn QueueEngine> = Arc::clone(&leaving) as Arc<dyn QueueEngine>;
    let server = Server::new(app()).address("127.0.0.1:0").engine(engine).until(async move { asked.await.unwrap() });
    let bound = server.bind().await.unwrap();
    let address = bound.address();
    let served = tokio::spawn(bound.serve());
    assert_eq!(ready(address).await, r#"200 {"status":"ready"}"#);
    // It goes away while a message is worked on, and is away when its function has returned.
    store.enqueue(&[NewMessage::new("jobs", r#"{"number":1,"ms":300}"#)]).await.unwrap();
    until("it is worked on", async || SEEN.lock().unwrap().len() == 1).await;
    leaving.away.store(true, Ordering::SeqCst);
    until("readiness says so", async || ready(address).await == r#"503 {"status":"queues unavailable"}"#).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(store.stats("jobs").await.unwrap().in_flight, 1, "it is not acknowledged");
    leaving.away.store(false, Ordering::SeqCst);
    until("it is ready", async || ready(address).await == r#"200 {"status":"ready"}"#).await;
    until("it is acknowledged", async || store.stats("jobs").await.unwrap() == QueueStats::default()).await;
    // And what comes then is taken.
    store.enqueue(&[NewMessage::new("jobs", r#"{"number":2,"ms":0}"#)]).await.unwrap();
    until("the next is done", async || store.stats("jobs").await.unwrap() == QueueStats::default()).await;
    stop.send(()).unwrap();
    timeout(Duration::from_secs(10), served).await.unwrap().unwrap();
    assert_eq!(*SEEN.lock().unwrap(), [(1, 1), (2, 1)]);
}

/// Another program has a transaction open for longer than a lock is waited for.
#[tokio::test]
async fn a_locked_file_says_so_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pikku.db");
    let holder = rusqlite::Connection::open(&file).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE; CREATE TABLE held (a)").unwrap();
    let server = Server::new(app()).address("127.0.0.1:0").queues(format!("sqlite:{}", file.display()));
    let error = server.bind().await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("PK8102", 8), "{error:?}");
    assert!(format!("{error:?}").contains("hint: end the process that holds the store"), "{error:?}");
}
