//! Calls that take too long, ended at every place.

use pikku::{
    App, BoxError, BoxFuture, Call, Engine, Group, Next, Outcome, Platform, Problem,
    call::{Context, QueueMessage},
    dispatch::Arrival,
    http::{HttpRequest, Method, get, put},
    platform::{LogLine, OutgoingMessage},
    wiring::Queue,
};
use pikku_middleware::{Retry, Timeout, retry, timeout::Policy};
use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

/// A platform whose time goes on when somebody sleeps.
#[derive(Debug, Default)]
struct Stepping(AtomicU64);

impl Platform for Stepping {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.fetch_add(duration.as_millis() as u64, Ordering::Relaxed);
        Box::pin(ready(()))
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn send<'a>(&'a self, _: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(ready(Ok(())))
    }

    fn log(&self, _: &LogLine<'_>) {}
}

struct Short;

impl Policy for Short {
    const NAME: &'static str = "short";
    const LIMIT_MS: u32 = 200;
}

struct Long;

impl Policy for Long {
    const NAME: &'static str = "long";
    const LIMIT_MS: u32 = 5000;
}

struct Thrice;

impl retry::Policy for Thrice {
    const NAME: &'static str = "thrice";
    const FIRST_MS: u32 = 0;
}

static HELD: AtomicU32 = AtomicU32::new(0);
static CALLS: AtomicU32 = AtomicU32::new(0);
/// How many milliseconds were left where somebody looked.
static LEFT: Mutex<Vec<Option<u64>>> = Mutex::new(Vec::new());
/// One test at a time has them.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn look(call: &Call) {
    LEFT.lock().unwrap().push(call.remaining().map(|left| left.as_millis() as u64));
}

/// A service of one call.
struct Held;

#[pikku::service(per_call)]
fn held() -> Held {
    HELD.fetch_add(1, Ordering::SeqCst);
    Held
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(1, Ordering::SeqCst);
    }
}

#[pikku::function(public, tags = ["slow"])]
async fn slow(_: &Held, call: &Call) -> Result<(), Infallible> {
    CALLS.fetch_add(1, Ordering::SeqCst);
    look(call);
    pending().await
}

#[pikku::function(public)]
async fn quick(call: &Call) -> Result<(), Infallible> {
    look(call);
    Ok(())
}

/// Looks before and after.
#[pikku::middleware]
async fn looks(call: &Call, next: Next<'_>) -> Outcome {
    look(call);
    let outcome = next.run().await;
    look(call);
    outcome
}

#[derive(Group)]
struct Shop;

async fn started(app: App<pikku::All>) -> Engine {
    Engine::start(app, Arc::new(Stepping::default())).await.unwrap()
}

async fn ask(engine: &Engine, method: Method, path: &str, deadline_ms: Option<u64>) -> (u16, bool) {
    let context = Context { deadline_ms, ..Context::default() };
    let after = context.after.clone();
    let answer = engine.http(HttpRequest::new(method, path), context).await;
    (answer.status.as_u16(), after.is_cancelled())
}

#[tokio::test]
async fn calls_end_in_time_at_every_place_and_release_their_services() {
    let _turn = TURN.lock().await;
    let app = || App::<pikku::All>::new();
    let wired = |app: App<pikku::All>| {
        app.group::<Shop>(|g| g.http::<slow>(get("/slow")).queue::<slow>("slow", Queue::default()))
    };
    let by_group = app().group::<Shop>(|g| {
        let g = g.http::<slow>(get("/slow")).queue::<slow>("slow", Queue::default());
        g.middleware::<Timeout<Short>>()
    });
    for (place, app, has_queue) in [
        ("app", wired(app().middleware::<Timeout<Short>>()), true),
        ("group", by_group, true),
        ("tag", wired(app()).tag("slow", |l| l.middleware::<Timeout<Short>>()), true),
        ("routes", wired(app()).routes("/slow", |l| l.middleware::<Timeout<Short>>()), false),
    ] {
        let engine = started(app).await;
        LEFT.lock().unwrap().clear();
        assert_eq!(ask(&engine, Method::GET, "/slow", None).await.0, 504, "{place}");
        assert_eq!((HELD.load(Ordering::SeqCst), engine.platform().now_ms()), (0, 200), "{place}");
        if has_queue {
            let target = engine.target(&Arrival::Queue("slow")).unwrap();
            let problem = engine.deliver(target, QueueMessage::default().into(), Context::default()).await.unwrap_err();
            assert_eq!((problem.code(), problem.retry()), ("deadline_exceeded", true), "{place}");
            assert_eq!((HELD.load(Ordering::SeqCst), engine.platform().now_ms()), (0, 400), "{place}");
        }
        assert!(LEFT.lock().unwrap().iter().all(|left| *left == Some(200)), "what is called knows: {place}");
    }
}

#[tokio::test]
async fn the_nearest_limit_counts_and_only_further_in() {
    let _turn = TURN.lock().await;
    let engine = started(
        App::new()
            .middleware::<looks>()
            .middleware::<Timeout<Long>>()
            .group::<Shop>(|g| g.http::<quick>(get("/quick")).http::<slow>(get("/slow")).middleware::<looks>())
            .routes("/slow", |l| l.middleware::<Timeout<Short>>()),
    )
    .await;
    for (path, deadline_ms, left) in [
        ("/quick", None, [None, Some(5000), Some(5000), Some(5000), None]),
        ("/quick", Some(90_000), [Some(90_000), Some(5000), Some(5000), Some(5000), Some(90_000)]),
        ("/quick", Some(3000), [Some(3000); 5]),
        ("/slow", None, [None, Some(5000), Some(200), Some(4800), None]),
    ] {
        LEFT.lock().unwrap().clear();
        let (status, is_cancelled) = ask(&engine, Method::GET, path, deadline_ms).await;
        assert_eq!((status, is_cancelled), (if path == "/slow" { 504 } else { 204 }, false), "{path}");
        assert_eq!(*LEFT.lock().unwrap(), left, "{path} {deadline_ms:?}");
    }
    // A deadline that is nearer than all of them ends the call itself.
    let now_ms = engine.platform().now_ms();
    assert_eq!(ask(&engine, Method::GET, "/slow", Some(now_ms + 100)).await, (504, true));
    assert_eq!(engine.platform().now_ms(), now_ms + 100);
}

#[tokio::test]
async fn each_attempt_has_the_whole_time() {
    let _turn = TURN.lock().await;
    let engine =
        started(App::new().group::<Shop>(|g| {
            g.http::<slow>(put("/slow")).middleware::<Retry<Thrice>>().middleware::<Timeout<Short>>()
        }))
        .await;
    CALLS.store(0, Ordering::SeqCst);
    assert_eq!(ask(&engine, Method::PUT, "/slow", None).await.0, 504);
    assert_eq!((CALLS.load(Ordering::SeqCst), HELD.load(Ordering::SeqCst)), (3, 0));
    assert_eq!(engine.platform().now_ms(), 600);
}

#[pikku::middleware]
async fn answers_instead(next: Next<'_>) -> Outcome {
    match next.within(Duration::from_millis(50)).await {
        Err(problem) if problem.code() == "deadline_exceeded" => {
            Err(Problem::new(pikku::StatusCode::SERVICE_UNAVAILABLE, "busy", "come again"))
        }
        outcome => outcome,
    }
}

#[tokio::test]
async fn who_gives_the_rest_so_long_may_answer_otherwise() {
    let _turn = TURN.lock().await;
    let engine =
        started(App::new().group::<Shop>(|g| g.http::<slow>(get("/slow")).middleware::<answers_instead>())).await;
    assert_eq!(ask(&engine, Method::GET, "/slow", None).await, (503, false));
    assert_eq!(HELD.load(Ordering::SeqCst), 0);
}
