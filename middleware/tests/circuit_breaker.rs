//! Nothing more for a while where nearly all fails.

use pikku::{App, Group, Problem, StatusCode, http::get, testing::TestApp, wiring::Queue};
use pikku_middleware::circuit_breaker::{CircuitBreaker, Circuits, Policy, State};
use serde_json::json;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

#[derive(Debug)]
struct Warehouse;

impl Policy for Warehouse {
    const NAME: &'static str = "warehouse";
    const LEAST_CALLS: u32 = 4;
    const OPEN_S: u32 = 60;
}

/// What functions need, and how often they were called.
#[derive(Clone, Debug, Default)]
struct Stock(Arc<(AtomicBool, AtomicU32)>);

#[pikku::service]
fn stock() -> Stock {
    Stock::default()
}

impl Stock {
    fn ask(&self) -> Result<(), Problem> {
        self.0.1.fetch_add(1, Ordering::Relaxed);
        if self.0.0.load(Ordering::Relaxed) { Err(Problem::internal("the warehouse is away")) } else { Ok(()) }
    }

    fn is_away(&self, is_away: bool) {
        self.0.0.store(is_away, Ordering::Relaxed);
    }

    fn asked(&self) -> u32 {
        self.0.1.swap(0, Ordering::Relaxed)
    }
}

#[pikku::function(public)]
async fn reserve(stock: &Stock) -> Result<(), Problem> {
    stock.ask()
}

#[pikku::function(public)]
async fn count(stock: &Stock) -> Result<(), Problem> {
    stock.ask()
}

#[pikku::function(public)]
async fn hang() -> Result<(), Problem> {
    std::future::pending().await
}

#[pikku::function(public)]
async fn refuse() -> Result<(), Problem> {
    Err(Problem::new(StatusCode::CONFLICT, "sold_out", "it is sold out"))
}

#[pikku::function(public)]
async fn health(circuits: &Circuits<Warehouse>) -> Result<Vec<(String, String)>, Problem> {
    Ok(circuits.states().into_iter().map(|(name, state)| (name.to_owned(), format!("{state:?}"))).collect())
}

#[derive(Group)]
struct Shop;

#[derive(Group)]
struct Operations;

const NOW_MS: u64 = 1_790_000_000_000;

async fn start() -> (TestApp, Stock) {
    let app = App::new()
        .group::<Shop>(|g| {
            g.http::<reserve>(get("/reserve"))
                .http::<count>(get("/count"))
                .http::<hang>(get("/hang"))
                .http::<refuse>(get("/refuse"))
                .queue::<reserve>("reservations", Queue::default())
                .middleware::<CircuitBreaker<Warehouse>>()
        })
        .group::<Operations>(|g| g.http::<health>(get("/health")));
    let stock = Stock::default();
    (TestApp::prepare(app).with(stock.clone()).now_ms(NOW_MS).start().await, stock)
}

async fn states(app: &TestApp) -> Vec<(String, String)> {
    app.get("/health").send().await.json()
}

#[tokio::test]
async fn a_circuit_opens_is_tried_and_closes() {
    let (app, stock) = start().await;
    stock.is_away(true);
    for _ in 0..4 {
        assert_eq!(app.get("/reserve").send().await.status(), 500);
    }
    assert_eq!(stock.asked(), 4);
    app.set_now_ms(NOW_MS + 1);
    let refused = app.get("/reserve").send().await;
    assert_eq!((refused.status(), refused.header("retry-after")), (503, Some("60")));
    assert_eq!(refused.json::<serde_json::Value>()["code"], "circuit_open");
    let problem = app.queue("reservations", &json!({})).await.unwrap_err();
    assert_eq!((problem.code(), problem.retry()), ("circuit_open", true));
    assert_eq!(stock.asked(), 0, "nothing was tried");
    assert_eq!(
        states(&app).await,
        [("reserve".to_owned(), format!("{:?}", State::Open { until_ms: NOW_MS + 60_000 }))]
    );
    // Other functions have circuits of their own.
    assert_eq!(app.get("/count").send().await.status(), 500);
    assert_eq!(stock.asked(), 1);
    // One is tried when the time is over, and fails.
    app.set_now_ms(NOW_MS + 60_000);
    assert_eq!(app.get("/reserve").send().await.status(), 500);
    assert_eq!(app.get("/reserve").send().await.status(), 503);
    assert_eq!(stock.asked(), 1);
    // The next goes well.
    stock.is_away(false);
    app.set_now_ms(NOW_MS + 120_000);
    app.queue("reservations", &json!({})).await.unwrap();
    assert_eq!(states(&app).await[1], ("reserve".to_owned(), "Closed".to_owned()));
    for _ in 0..10 {
        assert_eq!(app.get("/reserve").send().await.status(), 204);
    }
}

#[tokio::test]
async fn callers_mistakes_open_nothing() {
    let (app, _) = start().await;
    for _ in 0..100 {
        assert_eq!(app.get("/refuse").send().await.status(), 409);
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_says_nothing() {
    let (app, _) = start().await;
    for _ in 0..100 {
        let mut call = Box::pin(app.get("/hang").send());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(states(&app).await, [("hang".to_owned(), "Closed".to_owned())]);
}
