//! So many calls at the same time, on every transport.

use pikku::{
    App, Group, Problem,
    http::get,
    testing::TestApp,
    wiring::{Cron, Queue},
};
use pikku_middleware::{
    concurrency_limit::{ConcurrencyLimit, Permits, Policy},
    load_shed::{self, LoadShed},
};
use serde_json::json;
use std::{future::Future, pin::pin, sync::Arc};
use tokio::sync::Semaphore;

#[derive(Debug)]
struct Two;

impl Policy for Two {
    const NAME: &'static str = "two";
    const MOST: u32 = 2;
    const RETRY_AFTER_S: u32 = 7;
}

#[derive(Debug)]
struct Waiting;

impl Policy for Waiting {
    const NAME: &'static str = "waiting";
    const MOST: u32 = 1;
    const WAITING: u32 = 1;
}

#[derive(Debug)]
struct Impatient;

impl Policy for Impatient {
    const NAME: &'static str = "impatient";
    const MOST: u32 = 1;
    const WAITING: u32 = 1;
    const WAIT_MS: u32 = 0;
}

#[derive(Debug)]
struct Shed;

impl load_shed::Policy for Shed {
    const NAME: &'static str = "shed";
    const TARGET_MS: u32 = 100;
    const LEAST: u32 = 1;
    const FIRST: u32 = 1;
}

/// What work waits for, until the test lets it go on.
#[derive(Clone, Debug)]
struct Gate(Arc<Semaphore>);

#[pikku::service]
fn gate() -> Gate {
    Gate(Arc::new(Semaphore::new(0)))
}

#[pikku::function(public)]
async fn work(gate: &Gate) -> Result<(), Problem> {
    gate.0.acquire().await.unwrap().forget();
    Ok(())
}

#[pikku::function(public)]
async fn burst() -> Result<(), Problem> {
    panic!("it bursts")
}

#[pikku::function(public)]
async fn load(permits: &Permits<Two>) -> Result<u32, Problem> {
    Ok(permits.going_on())
}

#[derive(Group)]
struct Shop;

/// Polls once: the call begins and waits.
fn begin(call: std::pin::Pin<&mut impl Future>) {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.poll(&mut context).is_pending());
}

async fn start<M: pikku::Middleware>() -> (TestApp, Gate) {
    let app = App::new().group::<Shop>(|g| {
        g.http::<work>(get("/work"))
            .http::<burst>(get("/burst"))
            .queue::<work>("works", Queue::default())
            .cron::<work>(Cron::new("0 3 * * *"))
            .middleware::<M>()
    });
    // It is asked for from outside of the limit.
    struct Outside;
    impl Group for Outside {
        const NAME: &'static str = "outside";
    }
    let app = app.group::<Outside>(|g| g.http::<load>(get("/load")));
    let gate = Gate(Arc::new(Semaphore::new(0)));
    (TestApp::prepare(app).with(gate.clone()).start().await, gate)
}

#[tokio::test]
async fn one_more_is_refused_on_every_transport() {
    let (app, gate) = start::<ConcurrencyLimit<Two>>().await;
    let (mut one, mut two) = (pin!(app.get("/work").send()), pin!(app.get("/work").send()));
    begin(one.as_mut());
    begin(two.as_mut());
    assert_eq!(app.get("/load").send().await.json::<u32>(), 2);
    let refused = app.get("/work").send().await;
    assert_eq!((refused.status(), refused.header("retry-after")), (503, Some("7")));
    assert_eq!(refused.json::<serde_json::Value>()["code"], "too_busy");
    // A problem that may be retried is a message that is delivered again.
    for refused in [app.queue("works", &json!({})).await, app.cron("work").await] {
        let problem = refused.unwrap_err();
        assert_eq!((problem.code(), problem.retry()), ("too_busy", true));
    }
    gate.0.add_permits(2);
    assert_eq!((one.await.status(), two.await.status()), (204, 204));
    assert_eq!(app.get("/load").send().await.json::<u32>(), 0);
    gate.0.add_permits(1);
    app.queue("works", &json!({})).await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_dropped_or_panics_gives_its_share_back() {
    let (app, gate) = start::<ConcurrencyLimit<Two>>().await;
    for _ in 0..5 {
        let (mut one, mut two) = (Box::pin(app.get("/work").send()), Box::pin(app.get("/work").send()));
        begin(one.as_mut());
        begin(two.as_mut());
        assert_eq!(app.get("/load").send().await.json::<u32>(), 2);
        drop((one, two));
        assert_eq!(app.get("/load").send().await.json::<u32>(), 0);
        assert_eq!(app.get("/burst").send().await.status(), 500);
    }
    gate.0.add_permits(1);
    assert_eq!(app.get("/work").send().await.status(), 204);
}

#[tokio::test]
async fn some_wait_in_order() {
    let (app, gate) = start::<ConcurrencyLimit<Waiting>>().await;
    let (mut one, mut two) = (pin!(app.get("/work").send()), pin!(app.get("/work").send()));
    begin(one.as_mut());
    begin(two.as_mut());
    assert_eq!(app.get("/work").send().await.status(), 503, "nobody else waits");
    gate.0.add_permits(1);
    assert_eq!(one.await.status(), 204);
    begin(two.as_mut());
    gate.0.add_permits(1);
    assert_eq!(two.await.status(), 204);
    // Who goes away while waiting leaves the place to others.
    let mut one = Box::pin(app.get("/work").send());
    begin(one.as_mut());
    for _ in 0..5 {
        let mut two = Box::pin(app.get("/work").send());
        begin(two.as_mut());
    }
    drop(one);
    gate.0.add_permits(1);
    assert_eq!(app.get("/work").send().await.status(), 204);
}

#[tokio::test]
async fn nobody_waits_for_longer_than_the_policy_says() {
    let (app, gate) = start::<ConcurrencyLimit<Impatient>>().await;
    let mut one = pin!(app.get("/work").send());
    begin(one.as_mut());
    assert_eq!(app.get("/work").send().await.status(), 503);
    gate.0.add_permits(1);
    assert_eq!(one.await.status(), 204);
}

#[tokio::test]
async fn load_is_shed_and_taken_again() {
    let (app, gate) = start::<LoadShed<Shed>>().await;
    let mut one = Box::pin(app.get("/work").send());
    begin(one.as_mut());
    let refused = app.get("/work").send().await;
    assert_eq!((refused.status(), refused.header("retry-after")), (503, Some("1")));
    assert_eq!(refused.json::<serde_json::Value>()["code"], "overloaded");
    assert_eq!(app.queue("works", &json!({})).await.unwrap_err().code(), "overloaded");
    drop(one);
    // One in time, with the limit in use, lets one more in.
    gate.0.add_permits(1);
    assert_eq!(app.get("/work").send().await.status(), 204);
    let (mut one, mut two) = (Box::pin(app.get("/work").send()), Box::pin(app.get("/work").send()));
    begin(one.as_mut());
    begin(two.as_mut());
    assert_eq!(app.get("/work").send().await.status(), 503);
    drop((one, two));
    assert_eq!(app.get("/burst").send().await.status(), 500);
    gate.0.add_permits(1);
    assert_eq!(app.get("/work").send().await.status(), 204);
}
