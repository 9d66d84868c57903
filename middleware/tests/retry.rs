//! What failed, tried again.

use pikku::{
    All, App, AuthError, BoxError, BoxFuture, Call, Claims, Engine, Group, Platform, Problem, Response, SessionChange,
    SessionControl, StatusCode,
    call::{Context, QueueMessage},
    dispatch::Arrival,
    http::{Headers, HttpRequest, Method, any},
    platform::{LogLine, OutgoingMessage},
    wiring::Queue,
};
use pikku_middleware::retry::{Policy, Retry};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::{
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

/// A platform whose time goes on when somebody sleeps.
#[derive(Debug, Default)]
struct Stepping {
    now_ms: AtomicU64,
    slept: Mutex<Vec<u64>>,
    logged: Mutex<Vec<String>>,
}

impl Platform for Stepping {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let ms = duration.as_millis() as u64;
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
        self.slept.lock().unwrap().push(ms);
        Box::pin(ready(()))
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn send<'a>(&'a self, _: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(ready(Ok(())))
    }

    fn log(&self, line: &LogLine<'_>) {
        self.logged.lock().unwrap().push(line.message.to_owned());
    }
}

macro_rules! policies {
    ($($name:ident $text:literal $(, $constant:ident: $type:ty = $value:expr)*;)*) => {$(
        #[derive(Debug)]
        struct $name;

        impl Policy for $name {
            const NAME: &'static str = $text;
            $(const $constant: $type = $value;)*
        }
    )*};
}

policies! {
    Three "three";
    Ten "ten", ATTEMPTS: u32 = 10, MOST_MS: u32 = 5000;
    Any "any", IDEMPOTENT: bool = true;
    Never "never", ATTEMPTS: u32 = 0;
}

/// Counts what is called and built.
#[derive(Debug)]
struct Work {
    calls: AtomicU32,
    built: AtomicU32,
}

#[pikku::service]
fn work() -> Work {
    Work { calls: AtomicU32::new(0), built: AtomicU32::new(0) }
}

/// One per call: the number of the attempt that it is of.
#[derive(Debug)]
struct Attempt(u32);

#[pikku::service(per_call)]
fn attempt(work: &Work) -> Attempt {
    Attempt(work.built.fetch_add(1, Ordering::Relaxed) + 1)
}

/// The first so many fail so.
#[derive(Deserialize, JsonSchema)]
struct Plan {
    fails: u32,
    kind: Kind,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Internal,
    Panic,
    SoldOut,
    Busy,
    Soon,
    Late,
}

impl Work {
    fn act(&self, plan: &Plan) -> Result<u32, Problem> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let asking = |seconds: &str| {
            let mut headers = Headers::default();
            headers.append("retry-after", seconds.as_bytes()).unwrap();
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "come again").with_headers(headers)
        };
        if call > plan.fails {
            return Ok(call);
        }
        Err(match plan.kind {
            Kind::Internal => Problem::internal("the database is away"),
            Kind::Panic => panic!("it bursts"),
            Kind::SoldOut => Problem::new(StatusCode::CONFLICT, "sold_out", "it is sold out"),
            Kind::Busy => Problem::new(StatusCode::CONFLICT, "busy", "come again").with_retry(true),
            Kind::Soon => asking("1"),
            Kind::Late => asking("6"),
        })
    }
}

#[pikku::function(public)]
async fn act(work: &Work, plan: Plan) -> Result<u32, Problem> {
    work.act(&plan)
}

#[pikku::function(public, timeout_ms = 2500)]
async fn hurried(work: &Work, plan: Plan) -> Result<u32, Problem> {
    work.act(&plan)
}

/// Leaves something of each attempt.
#[pikku::function(public)]
async fn leave(
    work: &Work,
    attempt: &Attempt,
    call: &Call,
    sessions: &SessionControl,
    plan: Plan,
) -> Result<u32, Problem> {
    call.add_response_header("server-timing", &format!("attempt;dur={}", attempt.0)).unwrap();
    work.act(&plan).inspect_err(|_| sessions.set(Claims::new(json!("of a failed attempt"))))?;
    Ok(attempt.0)
}

#[pikku::function(public)]
async fn calls(work: &Work) -> Result<u32, Problem> {
    Ok(work.calls.load(Ordering::Relaxed))
}

#[pikku::authenticator(keep = keep)]
async fn nobody() -> Result<Option<Claims>, AuthError> {
    Ok(None)
}

async fn keep(_: &SessionChange) -> Result<(), Problem> {
    Err(Problem::internal("the change of a failed attempt was kept"))
}

#[derive(Group)]
struct Shop;

#[derive(Group)]
struct Outside;

struct Bench {
    engine: Engine,
    platform: Arc<Stepping>,
}

impl Bench {
    async fn start<P: Policy>() -> Self {
        let app: App<All> = App::new()
            .authenticate::<nobody>()
            .group::<Shop>(|g| {
                g.http::<act>(any("/act"))
                    .http::<hurried>(any("/hurried"))
                    .http::<leave>(any("/leave"))
                    .queue::<act>("acts", Queue::default())
                    .middleware::<Retry<P>>()
            })
            .group::<Outside>(|g| g.http::<calls>(any("/calls")));
        let platform = Arc::new(Stepping::default());
        let engine = Engine::start(app, Arc::clone(&platform) as Arc<dyn Platform>).await.unwrap();
        Self { engine, platform }
    }

    async fn ask(&self, method: Method, path: &str) -> (u16, String, Response) {
        let mut response = self.engine.http(HttpRequest::new(method, path), Context::default()).await;
        let body = std::mem::take(&mut response.body).collect(10_000).await.unwrap();
        (response.status.as_u16(), String::from_utf8_lossy(&body).into_owned(), response)
    }

    /// The status, and how often the function was called.
    async fn get(&self, path: &str) -> (u16, u32) {
        let before = self.calls().await;
        (self.ask(Method::GET, path).await.0, self.calls().await - before)
    }

    async fn calls(&self) -> u32 {
        self.ask(Method::GET, "/calls").await.1.parse().unwrap()
    }

    fn slept(&self) -> Vec<u64> {
        std::mem::take(&mut *self.platform.slept.lock().unwrap())
    }
}

#[tokio::test]
async fn what_a_retry_may_mend_is_tried_again() {
    for kind in ["internal", "panic", "busy"] {
        let bench = Bench::start::<Three>().await;
        assert_eq!(bench.get(&format!("/act?fails=2&kind={kind}")).await, (200, 3), "{kind}");
        let slept = bench.slept();
        assert!(slept.len() == 2 && slept[0] <= 50 && slept[1] <= 100, "{slept:?}");
        let logged = bench.platform.logged.lock().unwrap().clone();
        assert_eq!(logged, ["a call failed and is tried again", "a call failed and is tried again"]);
    }
    let bench = Bench::start::<Three>().await;
    assert_eq!(bench.get("/act?fails=3&kind=internal").await, (500, 3), "not more often than the policy says");
    let bench = Bench::start::<Three>().await;
    assert_eq!(bench.get("/act?fails=2&kind=sold_out").await, (409, 1), "nothing mends it");
    let bench = Bench::start::<Never>().await;
    assert_eq!(bench.get("/act?fails=2&kind=internal").await, (500, 1));
}

#[tokio::test]
async fn only_what_may_be_done_twice_is_tried_again() {
    let bench = Bench::start::<Three>().await;
    for method in [Method::POST, Method::PATCH] {
        assert_eq!(bench.ask(method, "/act?fails=99&kind=internal").await.0, 500);
    }
    assert_eq!(bench.calls().await, 2);
    assert!(
        bench
            .engine
            .call("act", json!({ "fails": 99, "kind": "internal" }), Context::default())
            .await
            .unwrap()
            .is_err()
    );
    assert_eq!(bench.calls().await, 3);
    for (tries, method) in [Method::PUT, Method::DELETE].into_iter().enumerate() {
        assert_eq!(bench.ask(method, "/act?fails=99&kind=internal").await.0, 500);
        assert_eq!(bench.calls().await, 3 + 3 * (tries as u32 + 1));
    }
    // A queue delivers messages twice at times, so what it calls bears it.
    let target = bench.engine.target(&Arrival::Queue("acts")).unwrap();
    let message = QueueMessage { body: json!({ "fails": 10, "kind": "busy" }).to_string(), ..QueueMessage::default() };
    assert!(bench.engine.deliver(target, message.into(), Context::default()).await.is_ok());
    assert_eq!(bench.calls().await, 11);
    let bench = Bench::start::<Any>().await;
    assert_eq!(bench.ask(Method::POST, "/act?fails=2&kind=internal").await.0, 200);
}

#[tokio::test]
async fn a_problem_says_how_long_to_wait_and_the_deadline_ends_it() {
    let bench = Bench::start::<Ten>().await;
    assert_eq!(bench.get("/act?fails=2&kind=soon").await, (200, 3));
    let slept = bench.slept();
    assert!(slept.len() == 2 && slept.iter().all(|slept| (1000..=5000).contains(slept)), "{slept:?}");
    // It asks for more than the policy waits.
    let bench = Bench::start::<Ten>().await;
    assert_eq!(bench.get("/act?fails=2&kind=late").await, (503, 1));
    // Each waits a second; after two and a half seconds the call is over.
    let bench = Bench::start::<Ten>().await;
    assert_eq!(bench.get("/hurried?fails=99&kind=soon").await, (503, 3));
    assert_eq!(bench.slept(), [1000, 1000]);
}

#[tokio::test]
async fn what_a_failed_attempt_has_left_is_taken_back() {
    let bench = Bench::start::<Three>().await;
    let (status, body, response) = bench.ask(Method::GET, "/leave?fails=2&kind=internal").await;
    assert_eq!((status, body.as_str()), (200, "3"), "each attempt has services of its own");
    let timings: Vec<&[u8]> = response.headers.get_all("server-timing").collect();
    assert_eq!(timings, [b"attempt;dur=3"], "and headers");
}
