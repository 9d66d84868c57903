//! A limit around the messages of a queue of the plain server: those that are one too many are delivered later, and none is lost.

use pikku::{All, App, Call, Group, Problem, wiring::Queue};
use pikku_engines::{NewMessage, QueueEngine, SqliteEngine};
use pikku_middleware::{
    rate_limit::{Key, Policy, Quota, RateLimit},
    store::MemoryStore,
};
use pikku_server::Server;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{sync::Mutex, time::Duration};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

/// The numbers of the messages that were handled, and how often each was delivered.
static HANDLED: Mutex<Vec<(u32, u32)>> = Mutex::new(Vec::new());

struct Slow;

impl Policy for Slow {
    const NAME: &'static str = "slow";
    const QUOTA: Quota = Quota::per_second(2);
    const KEY: Key = Key::Everyone;
    type Store = MemoryStore;
}

#[derive(Deserialize, JsonSchema)]
struct Job {
    number: u32,
}

#[pikku::function]
async fn work(call: &Call, job: Job) -> Result<(), Problem> {
    let deliveries = call.queue().map_or(0, |message| message.receive_count);
    HANDLED.lock().unwrap().push((job.number, deliveries));
    Ok(())
}

#[derive(Group)]
struct Jobs;

fn app() -> App<All> {
    let queue = Queue::batch(10).retries(20).retry_delay_s(1);
    App::new().group::<Jobs>(|g| g.queue::<work>("jobs", queue).middleware::<RateLimit<Slow>>())
}

#[tokio::test]
async fn messages_of_a_limited_queue_are_all_handled_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pikku.db");
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::new(app()).address("127.0.0.1:0").queues(format!("sqlite:{}", file.display()));
    let bound = server.until(async { stopped.await.unwrap_or_default() }).bind().await.unwrap();
    let serving = tokio::spawn(bound.serve());
    let engine = SqliteEngine::open(&file).unwrap();
    let messages: Vec<NewMessage> =
        (0..6).map(|number| NewMessage::new("jobs", format!("{{\"number\":{number}}}"))).collect();
    engine.enqueue(&messages).await.unwrap();
    let all = timeout(Duration::from_secs(60), async {
        while HANDLED.lock().unwrap().len() < 6 {
            sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(all.await.is_ok(), "{:?}", HANDLED.lock().unwrap());
    let mut handled = HANDLED.lock().unwrap().clone();
    handled.sort_unstable();
    let numbers: Vec<u32> = handled.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5], "each once");
    assert!(handled.iter().any(|(_, deliveries)| *deliveries > 1), "some were one too many: {handled:?}");
    let stats = engine.stats("jobs").await.unwrap();
    assert_eq!(stats.dead, 0, "{stats:?}");
    let _ = stop.send(());
    timeout(Duration::from_secs(30), serving).await.expect("it ends").unwrap();
}
