//! So often, on every transport.

use pikku::{
    App, AuthError, BoxError, BoxFuture, Call, Claims, Engine, Group, Problem,
    call::Context,
    http::{HttpRequest, Method, get},
    testing::{TestApp, TestRequest, TestResponse},
    wiring::{Cron, Queue},
};
use pikku_middleware::{
    rate_limit::{Key, Policy, Quota, RateLimit},
    store::{MemoryStore, RateStore, SqliteStore, StoreKey, Take, Taken},
};
use serde_json::{Value, json};
use std::{ops::Deref, sync::Arc};

macro_rules! policies {
    ($($name:ident $text:literal $quota:expr, $key:expr $(, $constant:ident = $value:expr)*;)*) => {$(
        #[derive(Debug)]
        struct $name;

        impl Policy for $name {
            const NAME: &'static str = $text;
            const QUOTA: Quota = $quota;
            const KEY: Key = $key;
            $(const $constant: bool = $value;)*
            type Store = MemoryStore;
        }
    )*};
}

policies! {
    PerCaller "caller" Quota::per_minute(60).burst(3), Key::Caller;
    PerFunction "function" Quota::per_minute(1), Key::Caller, PER_FUNCTION = true;
    PerAddress "address" Quota::per_hour(2), Key::Address;
    Together "all" Quota::per_second(2), Key::Everyone;
    PerTenant "tenant" Quota::per_hour(1), Key::Of(tenant);
}

fn tenant(call: &Call) -> Option<String> {
    call.headers()?.get("x-tenant").map(str::to_owned)
}

#[pikku::function(public)]
async fn read() -> Result<(), Problem> {
    Ok(())
}

#[pikku::function(session)]
async fn other() -> Result<(), Problem> {
    Ok(())
}

#[pikku::authenticator(challenge = "Test")]
async fn named(call: &Call) -> Result<Option<Claims>, AuthError> {
    let user = call.headers().and_then(|headers| headers.get("x-user"));
    Ok(user.map(|user| Claims::new(json!({ "name": user })).with_subject(user)))
}

#[derive(Group)]
struct Shop;

async fn start<P: Policy>() -> TestApp {
    let app = App::new().authenticate::<named>().middleware::<RateLimit<P>>().group::<Shop>(|g| {
        g.http::<read>(get("/read"))
            .http::<other>(get("/other"))
            .queue::<read>("reads", Queue::default())
            .cron::<read>(Cron::new("0 3 * * *"))
    });
    TestApp::prepare(app).now_ms(1_790_000_000_000).start().await
}

fn of<'a>(app: &'a TestApp, path: &str, user: &str) -> TestRequest<'a> {
    app.get(path).header("x-user", user)
}

fn limits(answer: &TestResponse) -> (u16, Option<&str>, Option<&str>) {
    (answer.status(), answer.header("ratelimit"), answer.header("retry-after"))
}

#[tokio::test]
async fn a_caller_calls_so_often_and_is_told() {
    let app = start::<PerCaller>().await;
    for left in [2, 1, 0] {
        let answer = of(&app, "/read", "ada").send().await;
        assert_eq!(answer.header("ratelimit-policy"), Some("\"caller\";q=60;w=60"));
        assert_eq!(limits(&answer), (204, Some(&*format!("\"caller\";r={left};t={}", 3 - left)), None));
    }
    let refused = of(&app, "/other", "ada").send().await;
    assert_eq!(limits(&refused), (429, Some("\"caller\";r=0;t=3"), Some("1")));
    assert_eq!(refused.json::<Value>()["code"], "rate_limited");
    // Others have quotas of their own.
    assert_eq!(of(&app, "/read", "bob").send().await.status(), 204);
    assert_eq!(app.get("/read").send().await.status(), 204);
    app.set_now_ms(1_790_000_000_999);
    assert_eq!(of(&app, "/read", "ada").send().await.status(), 429);
    app.set_now_ms(1_790_000_001_000);
    assert_eq!(of(&app, "/read", "ada").send().await.status(), 204);
    assert_eq!(of(&app, "/read", "ada").send().await.status(), 429);
    app.set_now_ms(1_790_000_100_000);
    assert_eq!(limits(&of(&app, "/read", "ada").send().await).1, Some("\"caller\";r=2;t=1"), "no more is saved");
}

#[tokio::test]
async fn a_function_may_be_counted_by_itself() {
    let app = start::<PerFunction>().await;
    for path in ["/read", "/other"] {
        assert_eq!(of(&app, path, "ada").send().await.status(), 204, "{path}");
        assert_eq!(limits(&of(&app, path, "ada").send().await).2, Some("60"), "{path}");
    }
}

/// A message that is one too many fails as one that is delivered again, and is taken then.
#[tokio::test]
async fn messages_are_limited_and_not_lost() {
    let app = start::<Together>().await;
    app.queue("reads", &json!({})).await.unwrap();
    app.cron("read").await.unwrap();
    let problem = app.queue("reads", &json!({})).await.unwrap_err();
    assert_eq!((problem.code(), problem.status().as_u16(), problem.retry()), ("rate_limited", 429, true));
    assert_eq!(app.get("/read").send().await.status(), 429);
    app.set_now_ms(1_790_000_000_500);
    app.queue("reads", &json!({})).await.unwrap();
    app.queue("reads", &json!({})).await.unwrap_err();
}

#[tokio::test]
async fn whatever_a_policy_makes_of_a_call_is_counted() {
    let app = start::<PerTenant>().await;
    for tenant in ["one", "two", "o"] {
        assert_eq!(app.get("/read").header("x-tenant", tenant).send().await.status(), 204);
        assert_eq!(app.get("/read").header("x-tenant", tenant).send().await.status(), 429);
    }
    // Those without are one.
    assert_eq!(app.get("/read").send().await.status(), 204);
    assert_eq!(app.get("/read").send().await.status(), 429);
    assert!(app.queue("reads", &json!({})).await.is_err());
}

async fn from(engine: &Engine, path: &str, address: Option<&str>, headers: &[(&str, &str)]) -> u16 {
    let mut request = HttpRequest::new(Method::GET, path);
    request.client_ip = address.map(Arc::from);
    headers.iter().for_each(|(name, value)| request.headers.append(name, value.as_bytes()).unwrap());
    engine.http(request, Context { id: "test".into(), ..Context::default() }).await.status.as_u16()
}

/// Attack: an address that the client writes into a header is not the one that the platform tells.
#[tokio::test]
async fn an_address_is_the_platforms_and_wrong_credentials_and_paths_count() {
    let app = start::<PerAddress>().await;
    let engine = app.engine();
    let forged =
        [("x-forwarded-for", "198.51.100.9"), ("forwarded", "for=198.51.100.9"), ("cf-connecting-ip", "198.51.100.9")];
    assert_eq!(from(engine, "/other", Some("203.0.113.7"), &[]).await, 401);
    assert_eq!(from(engine, "/nowhere", Some("203.0.113.7"), &[]).await, 404);
    for header in forged {
        assert_eq!(from(engine, "/read", Some("203.0.113.7"), &[header]).await, 429, "{header:?}");
    }
    assert_eq!(from(engine, "/read", Some("203.0.113.8"), &[]).await, 204);
    // A customer with a network of IPv6 addresses is one.
    for (address, status) in [("2001:db8:0:1::1", 204), ("2001:db8:0:1::2", 204), ("2001:db8:0:1:ffff::", 429)] {
        assert_eq!(from(engine, "/read", Some(address), &[]).await, status, "{address}");
    }
    // Where the platform tells none all are one, and nobody is let through by that.
    for status in [204, 204, 429] {
        assert_eq!(from(engine, "/read", None, &[("x-user", "ada")]).await, status);
    }
    // Messages come from no address.
    for _ in 0..5 {
        app.queue("reads", &json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn two_limits_are_told_side_by_side() {
    let app = App::new()
        .middleware::<RateLimit<Together>>()
        .group::<Shop>(|g| g.http::<read>(get("/read")).middleware::<RateLimit<PerTenant>>());
    let app = TestApp::start(app).await;
    let answer = app.get("/read").send().await;
    let told = |name| {
        answer.headers().get_all(name).map(|value| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(told("ratelimit-policy"), ["\"all\";q=2;w=1", "\"tenant\";q=1;w=3600"]);
    assert_eq!(told("ratelimit"), ["\"all\";r=1;t=1", "\"tenant\";r=0;t=3600"]);
}

/// A store that is away.
#[derive(Debug)]
struct Away;

#[pikku::service]
fn away() -> Away {
    Away
}

impl RateStore for Away {
    fn take<'a>(&'a self, _: &'a StoreKey, _: Take, _: u64) -> BoxFuture<'a, Result<Taken, BoxError>> {
        Box::pin(std::future::ready(Err("the database is away".into())))
    }
}

struct Shut;

impl Policy for Shut {
    const NAME: &'static str = "shut";
    const QUOTA: Quota = Quota::per_second(1);
    type Store = Away;
}

struct Open;

impl Policy for Open {
    const NAME: &'static str = "open";
    const QUOTA: Quota = Quota::per_second(1);
    const OPEN: bool = true;
    type Store = Away;
}

#[tokio::test]
async fn without_a_store_the_policy_says_what_is_done() {
    let shut = start::<Shut>().await;
    let answer = shut.get("/read").send().await;
    assert_eq!((answer.status(), answer.header("retry-after")), (503, Some("1")));
    let open = start::<Open>().await;
    for _ in 0..3 {
        assert_eq!(open.get("/read").send().await.status(), 204);
    }
    assert!(open.logged().iter().any(|line| line.message == "a call could not be counted"));
}

/// Two instances of an app on one file take together what one would.
#[derive(Debug)]
struct Shared(SqliteStore);

#[pikku::service]
fn shared() -> Result<Shared, BoxError> {
    Err("the test gives it".into())
}

impl Deref for Shared {
    type Target = SqliteStore;

    fn deref(&self) -> &SqliteStore {
        &self.0
    }
}

struct InFile;

impl Policy for InFile {
    const NAME: &'static str = "file";
    const QUOTA: Quota = Quota::per_hour(5);
    const KEY: Key = Key::Everyone;
    type Store = Shared;
}

#[tokio::test]
async fn instances_share_a_store() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut apps = Vec::new();
    for _ in 0..2 {
        let app = App::new().middleware::<RateLimit<InFile>>().group::<Shop>(|g| g.http::<read>(get("/read")));
        let store = SqliteStore::open(dir.path().join("limits.db")).unwrap();
        apps.push(TestApp::prepare(app).with(Shared(store)).start().await);
    }
    let mut taken = 0;
    for call in 0..20 {
        taken += u32::from(apps[call % 2].get("/read").send().await.status() == 204);
    }
    assert_eq!(taken, 5);
}
