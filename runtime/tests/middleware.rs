//! What stands around calls: in which order, and what it sees; how long calls may take, and what becomes of dropped ones.

use pikku::{
    App, AuthError, BoxError, BoxFuture, Call, Claims, Engine, Group, Next, Outcome, Platform, Problem, Session,
    StatusCode,
    access::Not,
    call::{Context, QueueMessage, ScheduledRun},
    dispatch::Arrival,
    http::{HttpRequest, Method, get},
    platform::{LogLine, OutgoingMessage},
    testing::TestApp,
    wiring::{Cron, Queue, Topic, WebSocket},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What was met, in order.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<String>>>);

#[pikku::service]
fn journal() -> Journal {
    Journal::default()
}

impl Journal {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[derive(Deserialize, Serialize)]
struct User {
    name: String,
}

#[pikku::authenticator]
async fn header(journal: &Journal, call: &Call) -> Result<Option<Claims>, AuthError> {
    journal.note("source");
    let name = call.headers().and_then(|headers| headers.get("x-user"));
    Ok(name.map(|name| Claims::new(json!({ "name": name }))))
}

#[pikku::permission]
async fn anyone(journal: &Journal) -> bool {
    journal.note("permission");
    true
}

/// Middleware that notes itself before and after.
macro_rules! noting {
    ($($name:ident)*) => {$(
        #[pikku::middleware]
        async fn $name(journal: &Journal, next: Next<'_>) -> Outcome {
            journal.note(stringify!($name));
            let outcome = next.run().await;
            journal.note(concat!("/", stringify!($name)));
            outcome
        }
    )*};
}

noting!(of_app of_app_too of_group of_tag of_routes of_function);

#[pikku::middleware]
async fn with_session(journal: &Journal, user: Option<Session<User>>, next: Next<'_>) -> Outcome {
    journal.note(format!("session of {}", user.map_or_else(|| "nobody".to_owned(), |user| user.0.name)));
    next.run().await
}

#[pikku::middleware]
async fn outcome_noted(journal: &Journal, call: &Call, next: Next<'_>) -> Outcome {
    call.add_response_header("x-seen", "yes").map_err(|error| Problem::internal(error.to_string()))?;
    let outcome = next.run().await;
    journal.note(match &outcome {
        Ok(_) => "ok".to_owned(),
        Err(problem) => problem.code().to_owned(),
    });
    outcome
}

#[pikku::middleware]
async fn closed(_journal: &Journal, _next: Next<'_>) -> Outcome {
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "closed", "closed for today"))
}

#[pikku::function(permission = anyone, tags = ["noted"], middleware = [of_function, with_session])]
async fn noted(journal: &Journal) -> Result<(), Infallible> {
    journal.note("function");
    Ok(())
}

#[pikku::function(public)]
async fn plain(journal: &Journal) -> Result<(), Infallible> {
    journal.note("function");
    Ok(())
}

#[pikku::function(public)]
async fn panics() -> Result<(), Infallible> {
    panic!("the private reason")
}

#[derive(Group)]
struct Noted;

#[derive(Group)]
struct Other;

fn app() -> App<pikku::All> {
    App::new()
        .tag("noted", |l| l.middleware::<of_tag>())
        .routes("/noted/{*rest}", |l| l.middleware::<of_routes>())
        .group::<Noted>(|g| {
            g.http::<noted>(get("/noted/{id}"))
                .queue::<noted>("noted", Queue::default())
                .event::<noted>(Topic::new("noted"))
                .cron::<noted>(Cron::new("* * * * *"))
                .websocket::<noted>(WebSocket::new("noted"))
                .middleware::<of_group>()
        })
        .group::<Other>(|g| g.http::<plain>(get("/plain")))
        .middleware::<of_app>()
        .authenticate::<header>()
        .middleware::<of_app_too>()
}

#[tokio::test]
async fn the_order_is_that_of_the_places() {
    let journal = Journal::default();
    let app = TestApp::prepare(app()).with(journal.clone()).start().await;
    assert_eq!(app.get("/noted/1").header("x-user", "ada").send().await.status(), 204);
    let of_tag_on = |route: &[&str]| {
        let before = ["of_app", "of_app_too", "of_group", "of_tag"];
        let inside = ["of_function", "source"];
        let after = ["/of_tag", "/of_group", "/of_app_too", "/of_app"];
        let back: Vec<String> = route.iter().map(|one| format!("/{one}")).collect();
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        (owned(&[&before, route, &inside].concat()), [vec!["/of_function".to_owned()], back, owned(&after)].concat())
    };
    let (before, after) = of_tag_on(&["of_routes"]);
    let inner = |user: &str| vec![format!("session of {user}"), "permission".to_owned(), "function".to_owned()];
    assert_eq!(journal.take(), [before, inner("ada"), after].concat());

    // The same on every other transport, where there is no route and nobody is known.
    let (before, after) = of_tag_on(&[]);
    let expected = [before, inner("nobody"), after].concat();
    app.queue("noted", &json!({})).await.unwrap();
    assert_eq!(journal.take(), expected);
    app.topic("noted", &json!({})).await.unwrap();
    assert_eq!(journal.take(), expected);
    app.cron("noted").await.unwrap();
    assert_eq!(journal.take(), expected);
    app.socket::<Value>("noted", &json!({})).await.unwrap();
    assert_eq!(journal.take(), expected);
    app.call::<Value>("noted", &json!(null)).await.unwrap();
    assert_eq!(journal.take(), expected);

    assert_eq!(app.get("/plain").send().await.status(), 204);
    assert_eq!(journal.take(), ["of_app", "of_app_too", "function", "/of_app_too", "/of_app"]);
}

#[test]
fn the_manifest_tells_the_same_order() {
    let manifest = pikku::introspect::manifest_of(app());
    let layers = &manifest.groups[0].wirings[0].layers;
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    let expected = ["of_app", "of_app_too", "of_group", "of_tag", "of_routes", "of_function", "header", "with_session"];
    assert_eq!(names, [&expected[..], &["anyone"]].concat());
    assert!(layers.iter().all(|layer| layer.services == ["Journal"]));
}

#[tokio::test]
async fn what_panics_comes_back_through_middleware() {
    let journal = Journal::default();
    let wired = App::new().middleware::<outcome_noted>().group::<Other>(|g| g.http::<panics>(get("/panics")));
    let app = TestApp::prepare(wired).with(journal.clone()).start().await;
    let answer = app.get("/panics").send().await;
    assert_eq!((answer.status(), answer.header("x-seen")), (500, Some("yes")));
    assert!(!answer.text().contains("private"));
    assert_eq!(journal.take(), ["internal"]);
}

#[tokio::test]
async fn middleware_may_answer_instead() {
    let journal = Journal::default();
    let wired = App::new().group::<Other>(|g| g.http::<plain>(get("/plain")).middleware::<closed>());
    let app = TestApp::prepare(wired).with(journal.clone()).start().await;
    assert_eq!(app.get("/plain").send().await.status(), 503);
    assert!(journal.take().is_empty());
}

/// A service of one call, which tells when it is gone.
struct Held;

static HELD: AtomicUsize = AtomicUsize::new(0);

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

#[pikku::function(public)]
async fn slow(_held: &Held) -> Result<(), Infallible> {
    std::future::pending::<()>().await;
    Ok(())
}

#[pikku::function(public, timeout_ms = 20)]
async fn slow_by_itself(_held: &Held) -> Result<(), Infallible> {
    std::future::pending::<()>().await;
    Ok(())
}

#[pikku::permission(timeout_ms = 20)]
async fn slow_to_decide() -> bool {
    std::future::pending::<()>().await;
    true
}

#[pikku::function(permission = slow_to_decide)]
async fn behind_slow() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(permission = Not::<slow_to_decide>)]
async fn behind_not_slow() -> Result<(), Infallible> {
    Ok(())
}

/// A platform with a clock that runs.
#[derive(Debug, Default)]
struct Real(Mutex<Vec<String>>);

impl Platform for Real {
    fn now_ms(&self) -> u64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn send<'a>(&'a self, _: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(std::future::ready(Err("there are no queues".into())))
    }

    fn log(&self, line: &LogLine<'_>) {
        self.0.lock().unwrap().push(line.detail.unwrap_or(line.message).to_owned());
    }
}

async fn started(app: App<pikku::All>) -> (Engine, Arc<Real>) {
    let platform = Arc::new(Real::default());
    (Engine::start(app, Arc::clone(&platform) as Arc<dyn Platform>).await.unwrap(), platform)
}

fn slow_app(app: App<pikku::All>) -> App<pikku::All> {
    app.group::<Other>(|g| {
        g.http::<slow>(get("/slow"))
            .http::<slow>(get("/slow-route").timeout_ms(20))
            .http::<slow_by_itself>(get("/slow-by-itself"))
            .http::<behind_slow>(get("/behind-slow"))
            .queue::<slow>("slow", Queue::default().timeout_ms(20))
            .cron::<slow>(Cron::new("* * * * *").named("slow").timeout_ms(20))
    })
}

/// Attack: a permission is kept busy until it is late. It denies, and what negates it does not allow.
#[tokio::test]
async fn a_permission_that_times_out_denies() {
    let app = slow_app(App::new()).group::<Noted>(|g| g.http::<behind_not_slow>(get("/behind-not-slow")));
    let (engine, platform) = started(app).await;
    for path in ["/behind-slow", "/behind-not-slow"] {
        let answer = engine.http(HttpRequest::new(Method::GET, path), Context::default()).await;
        assert_eq!(answer.status, 403, "{path}");
    }
    let logged = platform.0.lock().unwrap();
    let late = logged.iter().filter(|line| *line == "permission `slow_to_decide`: it took longer than 20 ms");
    assert_eq!(late.count(), 2, "{logged:?}");
}

/// One test, for the calls share a count.
#[tokio::test]
async fn calls_end_in_time_and_release_their_services() {
    for app in [slow_app(App::new()), slow_app(App::new().middleware::<of_app>())] {
        let (engine, platform) = started(app).await;
        let call = async |path: &str, context: Context| engine.http(HttpRequest::new(Method::GET, path), context).await;

        // By the route, by the function, by the platform.
        for path in ["/slow-route", "/slow-by-itself"] {
            let context = Context::default();
            let after = context.after.clone();
            assert_eq!(call(path, context).await.status, 504, "{path}");
            assert!(after.is_cancelled());
            assert_eq!(HELD.load(Ordering::SeqCst), 0, "{path}");
        }
        // By the queue or the schedule.
        for (arrival, trigger) in [
            (Arrival::Queue("slow"), QueueMessage::default().into()),
            (Arrival::Schedule("slow"), ScheduledRun::default().into()),
        ] {
            let context = Context::default();
            let after = context.after.clone();
            let target = engine.target(&arrival).unwrap();
            let problem = engine.deliver(target, trigger, context).await.unwrap_err();
            assert_eq!((problem.code(), after.is_cancelled()), ("deadline_exceeded", true), "{arrival:?}");
            assert_eq!(HELD.load(Ordering::SeqCst), 0, "{arrival:?}");
        }
        // One of several calls that is late is not the others' affair; what all wait for is everybody's.
        let context = Context::default();
        let (late, other) = (context.of_one(), context.of_one());
        let (late_after, other_after) = (late.after.clone(), other.after.clone());
        assert_eq!(call("/slow-route", late).await.status, 504);
        assert!(late_after.is_cancelled() && !other_after.is_cancelled() && !context.after.is_cancelled());
        other.after.cancel();
        assert!(other_after.is_cancelled() && !context.after.is_cancelled());
        let third = context.of_one();
        context.after.cancel();
        assert!(third.after.is_cancelled());
        let context = Context { deadline_ms: Some(platform.now_ms() + 20), ..Context::default() };
        assert_eq!(call("/slow", context).await.status, 504);
        assert_eq!(HELD.load(Ordering::SeqCst), 0);
        // The first to end it does, whichever that is.
        let context = Context { deadline_ms: Some(platform.now_ms() + 3_600_000), ..Context::default() };
        assert_eq!(call("/slow-route", context).await.status, 504);

        // A client that goes away: the adapter drops the call.
        let gone = tokio::time::timeout(Duration::from_millis(20), async {
            tokio::join!(call("/slow", Context::default()), async {
                tokio::task::yield_now().await;
                assert_eq!(HELD.load(Ordering::SeqCst), 1);
            })
        });
        assert!(gone.await.is_err());
        assert_eq!(HELD.load(Ordering::SeqCst), 0);
    }

    // What is late comes back through the middleware around it.
    let (engine, _) = started(slow_app(App::new().middleware::<outcome_noted>())).await;
    let answer = engine.http(HttpRequest::new(Method::GET, "/slow-route"), Context::default()).await;
    assert_eq!((answer.status.as_u16(), answer.headers.get("x-seen")), (504, Some("yes")));
}
