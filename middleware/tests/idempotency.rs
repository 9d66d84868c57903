//! The same key, once.

use pikku::{
    App, AuthError, BoxError, BoxFuture, Bytes, Call, Claims, Group, Problem, Response, StatusCode,
    call::QueueMessage,
    http::{self, Method, any, post},
    testing::{TestApp, TestResponse},
    wiring::{Cron, Queue, Topic},
};
use pikku_middleware::{
    idempotency::{Idempotency, Policy},
    request_id::RequestId,
    store::{MemoryStore, ResultStore, StoreKey},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

#[derive(Debug)]
struct Orders;

impl Policy for Orders {
    const NAME: &'static str = "orders";
    const LEASE_S: u32 = 30;
    const LIFETIME_S: u32 = 3600;
    const MOST_OCTETS: u32 = 2000;
    type Store = MemoryStore;
}

#[derive(Debug)]
struct Strict;

impl Policy for Strict {
    const NAME: &'static str = "strict";
    const REQUIRED: bool = true;
    const STRANGERS: bool = true;
    type Store = MemoryStore;
}

/// How often something was done, and what it waits for.
#[derive(Clone, Debug)]
struct Work(Arc<(AtomicU32, Semaphore)>);

impl Work {
    fn new() -> Self {
        Self(Arc::new((AtomicU32::new(0), Semaphore::new(0))))
    }

    fn done(&self) -> u32 {
        self.0.0.load(Ordering::Relaxed)
    }

    fn add(&self) -> u32 {
        self.0.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

#[pikku::service]
fn work() -> Work {
    Work::new()
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Order {
    sku: String,
    count: u32,
}

/// Fails as its input says, and counts what it does.
#[pikku::function(public)]
async fn place(work: &Work, call: &Call, order: Order) -> Result<Response, Problem> {
    let number = work.add();
    match order.sku.as_str() {
        "gate" => work.0.1.acquire().await.unwrap().forget(),
        "sold out" => return Err(Problem::new(StatusCode::CONFLICT, "sold_out", format!("order {number}"))),
        "broken" => return Err(Problem::internal("the database is gone")),
        "panics" => panic!("it bursts"),
        "busy" => return Err(Problem::new(StatusCode::CONFLICT, "busy", "come again").with_retry(true)),
        _ => {}
    }
    call.add_response_header("x-number", &number.to_string()).unwrap();
    let body = match order.sku.as_str() {
        "large" => pikku::Body::from("1".repeat(3000)),
        "stream" => pikku::Body::stream(Once(Some(Bytes::from_static(b"1")))),
        _ => pikku::Body::from(format!("order {number} of {}", order.sku)),
    };
    let mut response = Response::new(http::StatusCode::CREATED).with_body("text/plain", body);
    response.headers.append("set-cookie", b"cart=1").unwrap();
    Ok(response)
}

struct Once(Option<Bytes>);

impl futures_core::Stream for Once {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.take().map(Ok))
    }
}

/// Reads the body itself.
#[pikku::function(public)]
async fn raw(work: &Work) -> Result<u32, Problem> {
    Ok(work.add())
}

#[pikku::function(public)]
async fn reserve(work: &Work, order: Order) -> Result<(), Problem> {
    work.add();
    if order.sku == "gate" {
        work.0.1.acquire().await.unwrap().forget();
    }
    if order.sku == "broken" { Err(Problem::internal("the database is gone")) } else { Ok(()) }
}

#[pikku::function(public)]
async fn count(work: &Work) -> Result<(), Problem> {
    work.add();
    Ok(())
}

/// Whoever the header says, for tests alone.
#[pikku::authenticator(challenge = "Test")]
async fn named(call: &Call) -> Result<Option<Claims>, AuthError> {
    let user = call.headers().and_then(|headers| headers.get("x-user"));
    let claims = user.map(|user| Claims::new(json!({ "name": user })));
    Ok(claims
        .map(|claims| if user == Some("nameless") { claims } else { claims.with_subject(user.unwrap_or_default()) }))
}

#[derive(Group)]
struct Shop;

fn app<P: Policy>() -> App<pikku::All> {
    App::new().authenticate::<named>().middleware::<RequestId>().group::<Shop>(|g| {
        g.http::<place>(post("/orders"))
            .http::<raw>(any("/raw"))
            .http::<reserve>(post("/reserve"))
            .queue::<reserve>("stock", Queue::default())
            .event::<reserve>(Topic::new("stock-topic"))
            .cron::<count>(Cron::new("0 3 * * *"))
            .middleware::<Idempotency<P>>()
    })
}

async fn start<P: Policy>() -> (TestApp, Work) {
    let work = Work::new();
    (TestApp::prepare(app::<P>()).with(work.clone()).start().await, work)
}

async fn order(app: &TestApp, user: &str, key: &str, sku: &str) -> TestResponse {
    let request = app.post("/orders").json(&json!({ "sku": sku, "count": 1 }));
    request.header("x-user", user).header("idempotency-key", key).send().await
}

fn code(answer: &TestResponse) -> (u16, String) {
    (answer.status(), answer.json::<Value>()["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_result_is_replayed_with_status_headers_and_body() {
    let (app, work) = start::<Orders>().await;
    let first = order(&app, "ada", "\"k1\"", "lamp").await;
    assert_eq!((first.status(), first.text()), (201, "order 1 of lamp"));
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(first.header("set-cookie"), Some("cart=1"));
    for key in ["\"k1\"", "k1"] {
        let again = order(&app, "ada", key, "lamp").await;
        assert_eq!((again.status(), again.text()), (201, "order 1 of lamp"));
        assert_eq!(again.header("content-type"), Some("text/plain"));
        assert_eq!(again.header("x-number"), Some("1"), "what was added to the answer is of the result");
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.header("set-cookie"), None, "a cookie is for one answer");
        assert_eq!(again.headers().get_all("x-request-id").count(), 1, "what stands outside is not of the result");
    }
    assert_eq!(work.done(), 1);
    assert_eq!(order(&app, "ada", "k2", "lamp").await.text(), "order 2 of lamp");
    // Without a key, or by a method that is safe, each is done.
    for _ in 0..2 {
        app.post("/orders").json(&json!({ "sku": "lamp", "count": 1 })).send().await;
        app.request(Method::GET, "/raw").header("x-user", "ada").header("idempotency-key", "k").send().await;
    }
    assert_eq!(work.done(), 6);
}

/// Attack: another user sends the key, and the input, of somebody whose result would tell what they may not know.
#[tokio::test]
async fn replay_of_an_idempotency_key_by_another_user_sees_nothing() {
    let (app, work) = start::<Orders>().await;
    assert_eq!(order(&app, "ada", "k1", "lamp").await.text(), "order 1 of lamp");
    for (number, user) in ["eve", "Ada", "ada ", "nameless"].into_iter().enumerate() {
        let other = order(&app, user, "k1", "lamp").await;
        assert_eq!(other.header("idempotency-replayed"), None, "{user}");
        assert_eq!(other.text(), format!("order {} of lamp", number + 2), "{user}");
    }
    // Nor does an own key that looks like the parts of another's.
    for key in ["adak1", "\"ada k1\"", "1k"] {
        assert_eq!(order(&app, "eve", key, "lamp").await.header("idempotency-replayed"), None);
    }
    // Who says nothing of themselves shares keys with nobody.
    let nobody = app.post("/orders").json(&json!({ "sku": "lamp", "count": 1 })).header("idempotency-key", "k1");
    assert_eq!(code(&nobody.send().await), (400, "idempotency_key_refused".to_owned()));
    assert_eq!(work.done(), 8);
    assert_eq!(order(&app, "ada", "k1", "lamp").await.text(), "order 1 of lamp");
    assert_eq!(order(&app, "nameless", "k1", "lamp").await.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn a_key_stands_for_one_function_and_one_input() {
    let (app, work) = start::<Orders>().await;
    order(&app, "ada", "k1", "lamp").await;
    assert_eq!(code(&order(&app, "ada", "k1", "desk").await), (422, "idempotency_key_reused".to_owned()));
    let moved = app.post("/orders").body("application/json", r#"{"count": 1, "sku": "lamp" }"#);
    let moved = moved.header("x-user", "ada").header("idempotency-key", "k1").send().await;
    assert_eq!(moved.header("idempotency-replayed"), Some("true"), "it is the same input, written otherwise");
    let other = app.post("/reserve").json(&json!({ "sku": "desk", "count": 1 }));
    let other = other.header("x-user", "ada").header("idempotency-key", "k1").send().await;
    assert_eq!(other.status(), 204, "another function has keys of its own");
    assert_eq!(work.done(), 2);
    // Of a function that reads the request itself the body is the input.
    let raw = |query: &str, body: &str| {
        let request = app.post(&format!("/raw{query}")).body("text/plain", body.to_owned());
        request.header("x-user", "ada").header("idempotency-key", "k1")
    };
    assert_eq!(raw("", "one").send().await.text(), "3");
    assert_eq!(raw("", "one").send().await.text(), "3");
    assert_eq!(raw("", "two").send().await.status(), 422);
    assert_eq!(raw("?a=1", "one").send().await.status(), 422);
}

#[tokio::test]
async fn a_concurrent_duplicate_is_refused_and_not_done() {
    let (app, work) = start::<Orders>().await;
    let mut first = pin!(order(&app, "ada", "k1", "gate"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    let second = order(&app, "ada", "k1", "gate").await;
    assert_eq!(code(&second), (409, "idempotency_key_in_use".to_owned()));
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_eq!(code(&order(&app, "ada", "k1", "lamp").await).0, 422);
    work.0.1.add_permits(1);
    assert_eq!(first.await.text(), "order 1 of gate");
    assert_eq!(order(&app, "ada", "k1", "gate").await.text(), "order 1 of gate");
    assert_eq!(work.done(), 1);
}

#[tokio::test]
async fn a_message_whose_key_is_held_is_put_off_until_it_is_free() {
    let (app, work) = start::<Orders>().await;
    let now_ms = app.engine().platform().now_ms();
    let message = || QueueMessage {
        id: "1".to_owned(),
        body: json!({ "sku": "gate", "count": 1 }).to_string(),
        ..QueueMessage::default()
    };
    let mut first = pin!(app.queue_message("stock", message()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    // It holds its key for thirty seconds.
    for (later_ms, left_s) in [(0, 30), (20_500, 10), (29_999, 1)] {
        app.set_now_ms(now_ms + later_ms);
        let problem = app.queue_message("stock", message()).await.unwrap_err();
        assert_eq!((problem.code(), problem.deferred()), ("idempotency_key_in_use", true));
        assert_eq!(problem.retry_after(), Some(Duration::from_secs(left_s)));
    }
    work.0.1.add_permits(1);
    first.await.unwrap();
    app.queue_message("stock", message()).await.unwrap();
    assert_eq!(work.done(), 1);
}

#[tokio::test]
async fn a_call_that_came_to_no_end_lets_its_key_go_after_a_while() {
    let (app, work) = start::<Orders>().await;
    let now_ms = app.engine().platform().now_ms();
    let mut first = Box::pin(order(&app, "ada", "k1", "gate"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    // The client is gone, or the process.
    drop(first);
    work.0.1.add_permits(1);
    app.set_now_ms(now_ms + 29_999);
    assert_eq!(order(&app, "ada", "k1", "gate").await.status(), 409);
    app.set_now_ms(now_ms + 30_000);
    assert_eq!(order(&app, "ada", "k1", "gate").await.text(), "order 2 of gate");
    // A result is kept for its time.
    app.set_now_ms(now_ms + 30_000 + 3_599_999);
    assert_eq!(order(&app, "ada", "k1", "gate").await.text(), "order 2 of gate");
    work.0.1.add_permits(1);
    app.set_now_ms(now_ms + 30_000 + 3_600_000);
    assert_eq!(order(&app, "ada", "k1", "gate").await.text(), "order 3 of gate");
}

#[tokio::test]
async fn a_call_that_took_too_long_does_not_replace_what_came_after_it() {
    let (app, work) = start::<Orders>().await;
    let now_ms = app.engine().platform().now_ms();
    let mut late = Box::pin(order(&app, "ada", "k1", "gate"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(late.as_mut().poll(&mut context).is_pending());
    app.set_now_ms(now_ms + 30_000);
    let mut next = Box::pin(order(&app, "ada", "k1", "gate"));
    assert!(next.as_mut().poll(&mut context).is_pending());
    work.0.1.add_permits(2);
    assert_eq!((late.await.text(), next.await.text()), ("order 1 of gate", "order 2 of gate"));
    assert_eq!(order(&app, "ada", "k1", "gate").await.text(), "order 2 of gate");
    assert!(app.logged().iter().any(|line| line.message.contains("longer than it holds its key")));
}

#[tokio::test]
async fn problems_that_another_try_may_mend_are_not_kept() {
    let (app, work) = start::<Orders>().await;
    for (sku, status) in [("broken", 500), ("panics", 500), ("busy", 409)] {
        let before = work.done();
        for _ in 0..2 {
            assert_eq!(order(&app, "ada", sku.trim(), sku).await.status(), status, "{sku}");
        }
        assert_eq!(work.done(), before + 2, "{sku}");
    }
    let before = work.done();
    for _ in 0..2 {
        let answer = order(&app, "ada", "k9", "sold out").await;
        assert_eq!(code(&answer), (409, "sold_out".to_owned()));
        assert_eq!(answer.json::<Value>()["detail"], format!("order {}", before + 1));
    }
    assert_eq!(work.done(), before + 1);
    // An input that is not valid holds no key.
    let wrong = app.post("/orders").json(&json!({ "sku": "lamp" })).header("x-user", "ada");
    assert_eq!(wrong.header("idempotency-key", "k8").send().await.status(), 422);
    assert_eq!(order(&app, "ada", "k8", "lamp").await.status(), 201);
}

#[tokio::test]
async fn what_cannot_be_told_again_is_not_done_again() {
    let (app, work) = start::<Orders>().await;
    for (at, sku) in ["large", "stream"].into_iter().enumerate() {
        assert_eq!(order(&app, "ada", sku, sku).await.status(), 201);
        assert_eq!(code(&order(&app, "ada", sku, sku).await), (409, "idempotency_result_gone".to_owned()));
        assert_eq!(work.done() as usize, at + 1);
    }
}

#[tokio::test]
async fn malformed_and_missing_keys_are_refused() {
    let (app, work) = start::<Strict>().await;
    let ask = |keys: &[&str]| {
        let request = app.post("/orders").json(&json!({ "sku": "lamp", "count": 1 }));
        keys.iter().fold(request, |request, key| request.header("idempotency-key", key)).send()
    };
    let longer = "k".repeat(256);
    assert_eq!(code(&ask(&[]).await), (400, "idempotency_key_missing".to_owned()));
    for keys in [&["\"\""][..], &["a b"], &["one", "two"], &[longer.as_str()]] {
        assert_eq!(code(&ask(keys).await), (400, "idempotency_key_malformed".to_owned()), "{keys:?}");
    }
    assert_eq!(work.done(), 0);
    // This policy takes strangers, who share their keys.
    assert_eq!(ask(&["\"k1\""]).await.status(), 201);
    assert_eq!(ask(&["\"k1\""]).await.header("idempotency-replayed"), Some("true"));
    assert_eq!(app.request(Method::GET, "/raw").send().await.status(), 200, "what is safe needs none");
}

#[tokio::test]
async fn messages_and_runs_are_done_once() {
    let (app, work) = start::<Strict>().await;
    let message = |id: &str, deduplication: Option<&str>, sku: &str| QueueMessage {
        id: id.to_owned(),
        deduplication_id: deduplication.map(str::to_owned),
        body: json!({ "sku": sku, "count": 1 }).to_string(),
        ..QueueMessage::default()
    };
    // What is delivered again, and what was sent twice.
    for message in
        [message("1", None, "a"), message("1", None, "a"), message("2", Some("d"), "a"), message("3", Some("d"), "a")]
    {
        app.queue_message("stock", message).await.unwrap();
    }
    assert_eq!(work.done(), 2);
    app.queue_message("stock", message("d", None, "a")).await.unwrap();
    assert_eq!(work.done(), 3, "an id of the queue is not one of the sender");
    for _ in 0..2 {
        app.queue("stock", &json!({ "sku": "a", "count": 1 })).await.unwrap();
    }
    assert_eq!(work.done(), 5, "without an id each is its own");
    // One that failed is tried again.
    for done in [6, 7] {
        app.queue_message("stock", message("9", None, "broken")).await.unwrap_err();
        assert_eq!(work.done(), done);
    }
    for (later_ms, done) in [(0, 8), (0, 8), (86_400_000, 9), (86_400_000, 9)] {
        app.set_now_ms(1_790_000_000_000 + later_ms);
        app.cron("count").await.unwrap();
        assert_eq!(work.done(), done, "a run is of its time");
    }
}

/// A store that is away.
#[derive(Debug)]
struct Away;

#[pikku::service]
fn away() -> Away {
    Away
}

impl ResultStore for Away {
    fn load<'a>(&'a self, _: &'a StoreKey, _: u64) -> BoxFuture<'a, Result<Option<String>, BoxError>> {
        Box::pin(std::future::ready(Err("the password is hunter2".into())))
    }

    fn replace<'a>(
        &'a self,
        _: &'a StoreKey,
        _: Option<&'a str>,
        _: &'a str,
        _: u64,
        _: u64,
    ) -> BoxFuture<'a, Result<bool, BoxError>> {
        Box::pin(std::future::ready(Err("the password is hunter2".into())))
    }
}

struct Unkept;

impl Policy for Unkept {
    const NAME: &'static str = "unkept";
    type Store = Away;
}

#[tokio::test]
async fn nothing_is_done_while_the_store_is_away() {
    let (app, work) = start::<Unkept>().await;
    let answer = order(&app, "ada", "k1", "lamp").await;
    assert_eq!(code(&answer), (503, "store_unavailable".to_owned()));
    assert!(!answer.text().contains("hunter2") && answer.header("retry-after") == Some("1"));
    assert_eq!(work.done(), 0);
}
