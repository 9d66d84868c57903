//! What the manifest says of middleware: a name for each policy, what it reaches, and whether it looks at the session.

use pikku::{App, Group, Problem, http::get, introspect::manifest_of};
use pikku_middleware::{
    Audit, CircuitBreaker, ConcurrencyLimit, Idempotency, LoadShed, RateLimit, Retry, Timeout, audit, circuit_breaker,
    concurrency_limit, idempotency, load_shed, rate_limit, retry, store::MemoryStore, timeout,
};

struct Shop;

impl audit::Policy for Shop {
    const NAME: &'static str = "shop";
    type Sink = audit::CallLog;
}

impl circuit_breaker::Policy for Shop {
    const NAME: &'static str = "shop";
}

impl concurrency_limit::Policy for Shop {
    const NAME: &'static str = "shop";
    const MOST: u32 = 8;
}

impl idempotency::Policy for Shop {
    const NAME: &'static str = "shop";
    type Store = MemoryStore;
}

impl load_shed::Policy for Shop {
    const NAME: &'static str = "shop";
    const TARGET_MS: u32 = 100;
}

impl rate_limit::Policy for Shop {
    const NAME: &'static str = "shop";
    const QUOTA: rate_limit::Quota = rate_limit::Quota::per_second(1);
    type Store = MemoryStore;
}

struct Addresses;

impl rate_limit::Policy for Addresses {
    const NAME: &'static str = "addresses";
    const QUOTA: rate_limit::Quota = rate_limit::Quota::per_second(1);
    const KEY: rate_limit::Key = rate_limit::Key::Address;
    type Store = MemoryStore;
}

impl retry::Policy for Shop {
    const NAME: &'static str = "shop";
}

impl timeout::Policy for Shop {
    const NAME: &'static str = "shop";
    const LIMIT_MS: u32 = 100;
}

#[pikku::function(public)]
async fn read() -> Result<(), Problem> {
    Ok(())
}

#[derive(Group)]
struct Reads;

fn app<S: pikku::Selection>() -> App<S> {
    App::new()
        .middleware::<Audit<Shop>>()
        .middleware::<RateLimit<Addresses>>()
        .middleware::<LoadShed<Shop>>()
        .middleware::<RateLimit<Shop>>()
        .middleware::<Idempotency<Shop>>()
        .middleware::<Retry<Shop>>()
        .middleware::<Timeout<Shop>>()
        .middleware::<CircuitBreaker<Shop>>()
        .middleware::<ConcurrencyLimit<Shop>>()
        .group::<Reads>(|g| g.http::<read>(get("/read")))
}

#[test]
fn the_manifest_names_each_with_its_services_in_the_order_of_a_call() {
    let manifest = serde_json::to_value(manifest_of(app::<pikku::All>())).unwrap();
    let layers = manifest["groups"][0]["wirings"][0]["layers"].as_array().unwrap();
    let said: Vec<String> = layers
        .iter()
        .map(|layer| format!("{} {} {}", layer["name"], layer["session"], layer["services"]).replace('"', ""))
        .collect();
    assert_eq!(
        said,
        [
            "audit(shop) none [CallLog]",
            "rate_limit(addresses) none [MemoryStore]",
            "load_shed(shop) none [LoadShed(shop)]",
            "retry(shop) none []",
            "timeout(shop) none []",
            "circuit_breaker(shop) none [CircuitBreaker(shop)]",
            "concurrency_limit(shop) none [ConcurrencyLimit(shop)]",
            "rate_limit(shop) optional [MemoryStore]",
            "idempotency(shop) optional [MemoryStore]",
        ]
    );
}

struct Another;

impl rate_limit::Policy for Another {
    const NAME: &'static str = "shop";
    const QUOTA: rate_limit::Quota = rate_limit::Quota::per_second(9);
    type Store = MemoryStore;
}

#[test]
fn two_policies_of_one_name_are_a_fault() {
    let app = App::new()
        .middleware::<RateLimit<Shop>>()
        .routes("/a", |l| l.middleware::<RateLimit<Another>>().middleware::<RateLimit<Shop>>())
        .routes("/b", |l| l.middleware::<RateLimit<Another>>().middleware::<RateLimit<Addresses>>())
        .middleware::<Idempotency<Shop>>()
        .group::<Reads>(|g| g.http::<read>(get("/a")));
    let manifest = manifest_of::<pikku::All>(app);
    let [fault] = manifest.faults.as_slice() else { panic!("{:?}", manifest.faults) };
    assert!(fault.message.contains("Shop>") && fault.message.contains("Another>"), "{}", fault.message);
}
