//! Messages of a server's queue that are done once, whatever becomes of who works on them: the queue and the results are each in a
//! file, as they are where a process dies.

use pikku::{All, App, BoxError, Group, Problem, Queue as Wiring};
use pikku_engines::{NewMessage, QueueEngine, QueueStats, SqliteEngine};
use pikku_middleware::{
    idempotency::{Idempotency, Policy},
    store::SqliteStore,
};
use pikku_server::{Limits, Server};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    ops::Deref,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{MutexGuard, Semaphore, oneshot},
    time::{sleep, timeout},
};

/// What the test that runs has given to its services. One runs at a time.
static GIVEN: Mutex<Option<(PathBuf, Work)>> = Mutex::new(None);
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn given() -> (PathBuf, Work) {
    GIVEN.lock().unwrap().clone().expect("a test runs")
}

#[derive(Debug)]
struct Results(SqliteStore);

#[pikku::service]
fn results() -> Result<Results, BoxError> {
    Ok(Results(SqliteStore::open(given().0)?))
}

impl Deref for Results {
    type Target = SqliteStore;

    fn deref(&self) -> &SqliteStore {
        &self.0
    }
}

struct Once;

impl Policy for Once {
    const NAME: &'static str = "once";
    const LEASE_S: u32 = 1;
    type Store = Results;
}

/// How often the function began and ended, and what lets it end.
#[derive(Clone, Debug)]
struct Work(Arc<(AtomicU32, AtomicU32, Semaphore)>);

#[pikku::service]
fn a_work() -> Work {
    given().1
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Job {
    number: u32,
}

#[pikku::function]
async fn work(work: &Work, job: Job) -> Result<u32, Problem> {
    work.0.0.fetch_add(1, Ordering::SeqCst);
    work.0.2.acquire().await.map_err(|error| Problem::internal(error.to_string()))?.forget();
    work.0.1.fetch_add(1, Ordering::SeqCst);
    Ok(job.number)
}

#[derive(Group)]
struct Jobs;

/// A folder with the queue and the results, and the counts of the function.
struct Bench {
    folder: TempDir,
    work: Work,
    _turn: MutexGuard<'static, ()>,
}

impl Bench {
    async fn new() -> Self {
        let turn = TURN.lock().await;
        let folder = tempfile::tempdir().unwrap();
        let work = Work(Arc::new((AtomicU32::new(0), AtomicU32::new(0), Semaphore::new(0))));
        *GIVEN.lock().unwrap() = Some((folder.path().join("results.db"), work.clone()));
        Self { folder, work, _turn: turn }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What may be called a process: what runs in it ends with it, and settles nothing.
    async fn process(&self, wiring: Wiring) -> Process {
        let app = App::new().group::<Jobs>(|g| g.queue::<work>("jobs", wiring).middleware::<Idempotency<Once>>());
        Process::start(app, &self.file("queue.db")).await
    }

    async fn send(&self) -> SqliteEngine {
        let engine = SqliteEngine::open(self.file("queue.db")).unwrap();
        engine.enqueue(&[NewMessage::new("jobs", r#"{"number": 1}"#)]).await.unwrap();
        engine
    }

    fn counts(&self) -> (u32, u32) {
        (self.work.0.0.load(Ordering::SeqCst), self.work.0.1.load(Ordering::SeqCst))
    }
}

struct Process {
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
}

impl Process {
    /// Once it is there.
    async fn start(app: App<All>, queue: &Path) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (stop, asked) = oneshot::channel();
        let limits = Limits { drain_time: Duration::from_millis(50), ..Limits::default() };
        // A call lasts so long at most, and with it what it holds.
        let server = Server::new(app).address("127.0.0.1:0").limits(limits).message_time(Duration::from_secs(2));
        let server = server.queues(format!("sqlite:{}", queue.display()));
        let (started, is_there) = oneshot::channel();
        runtime.spawn(async move {
            let until = async move { asked.await.unwrap_or_default() };
            let bound = server.until(until).bind().await.expect("it starts");
            started.send(()).expect("the test waits for it");
            bound.serve().await;
        });
        is_there.await.expect("it starts");
        Self { runtime: Some(runtime), stop: Some(stop) }
    }

    /// It dies in the middle of its work.
    fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = timeout(Duration::from_secs(20), async {
        while !is_so().await {
            sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waiting.await.is_ok(), "{what}");
}

async fn is_over(engine: &SqliteEngine) -> bool {
    let stats = engine.stats("jobs").await.unwrap();
    assert_eq!(stats.dead, 0, "it is lost");
    stats == QueueStats::default()
}

/// What holds the key is dead, and its claim goes on: the message waits for that, and does not use up its tries.
#[tokio::test]
async fn a_message_is_done_and_not_dead_after_its_process_was_killed() {
    let bench = Bench::new().await;
    let wiring = Wiring::batch(1).retries(1).retry_delay_s(0).visibility_timeout_s(1);
    let first = bench.process(wiring).await;
    let engine = bench.send().await;
    until("it runs", async || bench.counts() == (1, 0)).await;
    first.kill();
    bench.work.0.2.add_permits(1);
    let _second = bench.process(wiring).await;
    until("it is done", async || is_over(&engine).await).await;
    assert_eq!(bench.counts(), (2, 1));
}

#[tokio::test]
async fn a_message_is_done_and_not_dead_after_its_server_had_to_stop() {
    let bench = Bench::new().await;
    // What is given up at an end is no try, so that one has to do.
    let wiring = Wiring::batch(1).retries(0);
    let mut first = bench.process(wiring).await;
    let engine = bench.send().await;
    until("it runs", async || bench.counts() == (1, 0)).await;
    first.stop.take().unwrap().send(()).unwrap();
    until("it is given back", async || engine.stats("jobs").await.unwrap().ready == 1).await;
    bench.work.0.2.add_permits(1);
    let _second = bench.process(wiring).await;
    until("it is done", async || is_over(&engine).await).await;
    assert_eq!(bench.counts(), (2, 1));
}

/// It is handed over anew while it is worked on, as after a store that was away for longer than it is hidden.
#[tokio::test]
async fn a_message_that_comes_twice_at_a_time_is_done_once() {
    let bench = Bench::new().await;
    let _server = bench.process(Wiring::batch(1).retries(0)).await;
    let engine = bench.send().await;
    until("it runs", async || bench.counts() == (1, 0)).await;
    let queue = rusqlite::Connection::open(bench.file("queue.db")).unwrap();
    queue.busy_timeout(Duration::from_secs(5)).unwrap();
    let changed = queue.execute("UPDATE pikku_message SET state = 0, receives = 0, receipt = 0", []).unwrap();
    assert_eq!(changed, 1);
    until("the other is put off", async || engine.stats("jobs").await.unwrap().waiting == 1).await;
    bench.work.0.2.add_permits(1);
    until("both have ended", async || is_over(&engine).await).await;
    assert_eq!(bench.counts(), (1, 1));
}
