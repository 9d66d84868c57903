//! Who may call what, on every transport, by calling.

use pikku::{
    App, AuthError, Call, Claims, Group, Problem, Scopes, Selection, Session, SessionChange, SessionControl,
    access::{All, Any, Not, Role, Scope},
    call::{Context, PlatformIdentity, SocketEvent, SocketPhase},
    dispatch::Arrival,
    http::{Headers, get, post},
    testing::{TestApp, TestResponse},
    wiring::{Cron, Queue, Stream, Topic, WebSocket},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::convert::Infallible;

#[derive(Deserialize, Serialize)]
struct User {
    name: String,
}

/// A token says who calls: `name`, `name/scope scope`, or what is wrong with it.
#[pikku::authenticator(challenge = "Bearer realm=\"test\"", keep = keep)]
async fn token(call: &Call) -> Result<Option<Claims>, AuthError> {
    let Some(token) = call.headers().and_then(|headers| headers.get("authorization")) else { return Ok(None) };
    let Some(token) = token.strip_prefix("Bearer ") else { return Ok(None) };
    match token {
        "expired" => return Err(AuthError::rejected("the private reason")),
        "two of them" => return Err(AuthError::malformed("the private reason")),
        "nobody knows" => return Err(AuthError::unavailable("the private reason")),
        "panics" => panic!("the private reason"),
        _ => {}
    }
    let (name, scopes) = token.split_once('/').unwrap_or((token, ""));
    let claims = Claims::new(json!({ "name": name })).with_scopes(Scopes::parse(scopes));
    Ok(Some(if name == "reader" { claims.read_only() } else { claims }))
}

async fn keep(call: &Call, change: &SessionChange) -> Result<(), Problem> {
    let value = match change {
        SessionChange::Set(claims) => format!("sid={}", claims.value()["name"].as_str().unwrap_or_default()),
        SessionChange::Clear => "sid=; Max-Age=0".to_owned(),
    };
    call.add_response_header("set-cookie", &value).map_err(|error| Problem::internal(error.to_string()))
}

#[pikku::authenticator(challenge = "Key")]
async fn key(call: &Call) -> Result<Option<Claims>, AuthError> {
    let key = call.headers().and_then(|headers| headers.get("x-key"));
    Ok(key.map(|name| Claims::new(json!({ "name": name }))))
}

#[pikku::permission]
async fn is_ada(user: Session<User>) -> bool {
    user.name == "ada"
}

#[derive(Deserialize, JsonSchema)]
struct OrderId {
    order: u32,
}

#[pikku::permission]
async fn even_orders(input: OrderId) -> Result<bool, std::io::Error> {
    match input.order {
        13 => Err(std::io::Error::other("the private reason")),
        17 => panic!("the private reason"),
        order => Ok(order % 2 == 0),
    }
}

#[pikku::permission]
async fn weekday() -> bool {
    true
}

#[pikku::permission]
async fn never() -> bool {
    false
}

#[pikku::permission]
async fn broken() -> Result<bool, std::io::Error> {
    Err(std::io::Error::other("the private reason"))
}

#[pikku::function(public)]
async fn open() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(public)]
async fn maybe(user: Option<Session<User>>) -> Result<Option<String>, Infallible> {
    Ok(user.map(|user| user.0.name))
}

#[pikku::function]
async fn mine(user: Session<User>) -> Result<String, Infallible> {
    Ok(user.0.name)
}

#[pikku::function(session)]
async fn known() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(scopes = ["orders:read"], read_only)]
async fn orders() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(scopes = ["orders:read", "orders:write"])]
async fn change_orders() -> Result<(), Infallible> {
    Ok(())
}

#[derive(Deserialize, JsonSchema)]
struct Order {
    order: u32,
    #[serde(default)]
    #[allow(dead_code)]
    note: String,
}

#[pikku::function(permission = even_orders)]
async fn order(order: Order) -> Result<u32, Infallible> {
    Ok(order.order)
}

#[pikku::function(permission = All::<(is_ada, even_orders)>)]
async fn adas_order(order: Order) -> Result<u32, Infallible> {
    Ok(order.order)
}

#[pikku::function(permission = Any::<(is_ada, never, weekday)>)]
async fn any_of() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(permission = Not::<broken>)]
async fn not_broken() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(permission = Not::<is_ada>)]
async fn not_ada() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(permission = even_orders)]
async fn wants_more(note: Note) -> Result<String, Infallible> {
    Ok(note.note)
}

#[derive(Deserialize, JsonSchema)]
struct Note {
    note: String,
}

#[pikku::function(public, tags = ["staff"])]
async fn tagged() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(guarded)]
async fn relies() -> Result<(), Infallible> {
    Ok(())
}

#[derive(Deserialize, JsonSchema)]
struct LogIn {
    name: String,
}

#[pikku::function(public)]
async fn log_in(sessions: &SessionControl, input: LogIn) -> Result<(), Problem> {
    sessions.set(Claims::new(json!({ "name": &input.name })));
    if input.name == "mallory" { Err(Problem::malformed("not you")) } else { Ok(()) }
}

#[pikku::function(public)]
async fn log_out(sessions: &SessionControl) -> Result<(), Infallible> {
    sessions.clear();
    Ok(())
}

#[derive(Group)]
struct Everything;

#[derive(Group)]
struct Closed;

fn app<S: Selection>() -> App<S> {
    App::new()
        .authenticate::<token>()
        .group::<Everything>(|g| {
            g.http::<open>(get("/open"))
                .http::<maybe>(get("/maybe"))
                .http::<mine>(get("/mine"))
                .http::<known>(get("/known"))
                .http::<orders>(get("/orders"))
                .http::<change_orders>(post("/orders"))
                .http::<order>(post("/order"))
                .http::<adas_order>(post("/adas-order"))
                .http::<any_of>(get("/any-of"))
                .http::<not_broken>(get("/not-broken"))
                .http::<not_ada>(get("/not-ada"))
                .http::<wants_more>(post("/wants-more"))
                .http::<tagged>(get("/tagged"))
                .http::<open>(get("/admin/open"))
                .http::<relies>(get("/admin/relies"))
                .http::<log_in>(post("/session"))
                .http::<log_out>(post("/no-session"))
                .authenticate::<key>()
                .queue::<mine>("mine", Queue::default())
                .queue::<order>("order", Queue::default())
                .event::<mine>(Topic::new("mine"))
                .event::<order>(Topic::new("order"))
                .event::<order>(Stream::new("order"))
                .cron::<mine>(Cron::new("* * * * *"))
                .websocket::<mine>(WebSocket::new("mine"))
                .websocket::<orders>(WebSocket::new("orders"))
                .websocket::<change_orders>(WebSocket::new("change-orders"))
                .websocket::<order>(WebSocket::new("order"))
                .websocket::<tagged>(WebSocket::new("tagged"))
        })
        .group::<Closed>(|g| {
            g.http::<open>(get("/closed/open"))
                .permission::<never>()
                .queue::<open>("closed", Queue::default())
                .event::<open>(Topic::new("closed"))
                .cron::<open>(Cron::new("* * * * *").named("closed"))
                .websocket::<open>(WebSocket::new("closed"))
        })
        .tag("staff", |l| l.permission::<is_ada>())
        .routes("/admin/{*rest}", |l| l.permission::<is_ada>())
}

async fn running() -> TestApp {
    TestApp::start(app()).await
}

async fn get_as(app: &TestApp, token: Option<&str>, path: &str) -> TestResponse {
    let request = app.get(path);
    match token {
        Some(token) => request.header("authorization", &format!("Bearer {token}")).send().await,
        None => request.send().await,
    }
}

fn code(answer: &TestResponse) -> (u16, String) {
    (answer.status(), answer.json::<Value>()["code"].as_str().unwrap_or_default().to_owned())
}

fn challenges(answer: &TestResponse) -> Vec<String> {
    answer.headers().get_all("www-authenticate").map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

#[tokio::test]
async fn without_credentials_each_source_says_what_it_wants() {
    let app = running().await;
    let answer = get_as(&app, None, "/mine").await;
    assert_eq!(code(&answer), (401, "unauthenticated".into()));
    assert_eq!(challenges(&answer), ["Bearer realm=\"test\"", "Key"]);
    assert_eq!(code(&get_as(&app, None, "/known").await).0, 401);
    assert_eq!(get_as(&app, None, "/maybe").await.json::<Value>(), Value::Null);
}

#[tokio::test]
async fn credentials_are_read_by_the_first_source_that_knows_them() {
    let app = running().await;
    assert_eq!(get_as(&app, Some("grace"), "/mine").await.json::<Value>(), "grace");
    let answer = app.get("/mine").header("x-key", "partner").send().await;
    assert_eq!(answer.json::<Value>(), "partner");
    let both = app.get("/mine").header("x-key", "partner").header("authorization", "Bearer ada").send().await;
    assert_eq!(both.json::<Value>(), "ada");
}

#[tokio::test]
async fn bad_credentials_are_refused_even_where_none_would_do() {
    let app = running().await;
    for path in ["/mine", "/maybe", "/known"] {
        let answer = get_as(&app, Some("expired"), path).await;
        assert_eq!(code(&answer), (401, "invalid_credentials".into()), "{path}");
        assert_eq!(challenges(&answer), ["Bearer realm=\"test\", error=\"invalid_token\""]);
        assert!(!answer.text().contains("private"));
    }
    let malformed = get_as(&app, Some("two of them"), "/mine").await;
    assert_eq!(code(&malformed), (400, "malformed_credentials".into()));
    assert_eq!(challenges(&malformed), ["Bearer realm=\"test\", error=\"invalid_request\""]);
    let unavailable = get_as(&app, Some("nobody knows"), "/mine").await;
    assert_eq!(code(&unavailable), (503, "authentication_unavailable".into()));
    assert_eq!(code(&get_as(&app, Some("panics"), "/mine").await), (500, "internal".into()));
    // A second source does not help a call whose credentials the first one refuses.
    let both = app.get("/mine").header("x-key", "partner").header("authorization", "Bearer expired").send().await;
    assert_eq!(both.status(), 401);
}

#[tokio::test]
async fn what_does_not_look_at_the_session_does_not_ask_for_it() {
    let app = running().await;
    assert_eq!(get_as(&app, Some("expired"), "/open").await.status(), 204);
    assert_eq!(get_as(&app, Some("panics"), "/open").await.status(), 204);
}

#[tokio::test]
async fn scopes_are_required_all_of_them() {
    let app = running().await;
    for (token, status) in [
        ("ada", 403),
        ("ada/orders:read", 204),
        ("ada/orders", 204),
        ("ada/orders:write", 403),
        ("ada/orders:*", 403),
        ("ada/*", 403),
        ("ada/orders:reader", 403),
        ("ada/orders:read:own", 403),
    ] {
        assert_eq!(get_as(&app, Some(token), "/orders").await.status(), status, "{token}");
    }
    let answer = app.post("/orders").header("authorization", "Bearer ada/orders:read").send().await;
    assert_eq!(code(&answer), (403, "insufficient_scope".into()));
    let challenge = "Bearer realm=\"test\", error=\"insufficient_scope\", scope=\"orders:read orders:write\"";
    assert_eq!(challenges(&answer), [challenge]);
    // A source that is no bearer's has no such challenge.
    let answer = app.get("/orders").header("x-key", "partner").send().await;
    assert_eq!((answer.status(), challenges(&answer).len()), (403, 0));
}

#[tokio::test]
async fn a_read_only_session_calls_what_is_read_only() {
    let app = running().await;
    assert_eq!(get_as(&app, Some("reader/orders"), "/orders").await.status(), 204);
    let refused = app.post("/orders").header("authorization", "Bearer reader/orders").send().await;
    assert_eq!(code(&refused), (403, "read_only_session".into()));
    assert_eq!(get_as(&app, Some("reader"), "/mine").await.status(), 403);
    assert_eq!(get_as(&app, Some("reader"), "/maybe").await.status(), 403);
}

#[tokio::test]
async fn a_permission_reads_what_it_wants_of_the_input() {
    let app = running().await;
    let order = async |order: u32| app.post("/order").json(&json!({ "order": order, "note": "x" })).send().await;
    assert_eq!(order(2).await.json::<u32>(), 2);
    assert_eq!(code(&order(3).await), (403, "forbidden".into()));
    // What is not valid is said before anything is decided about it.
    assert_eq!(app.post("/order").json(&json!({ "order": "x" })).send().await.status(), 422);
}

#[tokio::test]
async fn a_permission_that_fails_or_panics_denies() {
    let app = running().await;
    for order in [13, 17] {
        let answer = app.post("/order").json(&json!({ "order": order })).send().await;
        assert_eq!(code(&answer), (403, "forbidden".into()));
        assert!(!answer.text().contains("private"));
    }
    let logged = app.logged();
    let failed = logged.iter().filter(|line| line.message.contains("could not be decided"));
    let details: Vec<&str> = failed.filter_map(|line| line.detail.as_deref()).collect();
    assert_eq!(details.len(), 2);
    assert!(details.iter().all(|detail| detail.contains("even_orders") && detail.contains("the private reason")));
}

#[tokio::test]
async fn a_permission_whose_input_the_function_does_not_take_denies() {
    let app = running().await;
    assert_eq!(app.post("/wants-more").json(&json!({ "note": "x" })).send().await.status(), 403);
    assert_eq!(app.post("/wants-more").json(&json!({ "note": "x", "order": 2 })).send().await.status(), 200);
}

#[tokio::test]
async fn permissions_combine() {
    let app = running().await;
    let adas = async |token: Option<&str>, order: u32| {
        let request = app.post("/adas-order").json(&json!({ "order": order }));
        let answer = match token {
            Some(token) => request.header("authorization", &format!("Bearer {token}")).send().await,
            None => request.send().await,
        };
        answer.status()
    };
    assert_eq!(adas(Some("ada"), 2).await, 200);
    assert_eq!(adas(Some("ada"), 3).await, 403);
    assert_eq!(adas(Some("grace"), 2).await, 403);
    // Who is not known may become known.
    assert_eq!(adas(None, 2).await, 401);
    assert_eq!(get_as(&app, None, "/any-of").await.status(), 204);
}

#[tokio::test]
async fn what_could_not_be_decided_is_not_turned_round() {
    let app = running().await;
    assert_eq!(get_as(&app, None, "/not-broken").await.status(), 403);
    assert_eq!(get_as(&app, Some("grace"), "/not-ada").await.status(), 204);
    assert_eq!(get_as(&app, Some("ada"), "/not-ada").await.status(), 403);
    assert_eq!(get_as(&app, None, "/not-ada").await.status(), 401);
}

#[tokio::test]
async fn what_is_attached_outside_narrows_and_never_widens() {
    let app = running().await;
    for path in ["/tagged", "/admin/open", "/admin/relies"] {
        assert_eq!(get_as(&app, None, path).await.status(), 401, "{path}");
        assert_eq!(get_as(&app, Some("grace"), path).await.status(), 403, "{path}");
        assert_eq!(get_as(&app, Some("ada"), path).await.status(), 204, "{path}");
    }
    // The same function by another route of another group.
    assert_eq!(get_as(&app, None, "/open").await.status(), 204);
    assert_eq!(get_as(&app, Some("ada"), "/closed/open").await.status(), 403);
}

#[tokio::test]
async fn other_transports_decide_alike() {
    let app = running().await;
    let order = |order: u32| json!({ "order": order });
    let unknown = [
        app.queue("mine", &json!({})).await,
        app.topic("mine", &json!({})).await,
        app.cron("mine").await,
        app.socket::<Value>("mine", &json!({})).await.map(drop),
    ];
    for outcome in unknown {
        let problem = outcome.unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.code(), problem.retry()), (401, "unauthenticated", false));
    }
    let forbidden = [
        app.queue("order", &order(3)).await,
        app.topic("order", &order(3)).await,
        app.stream("order", order(3).to_string()).await,
        app.socket::<Value>("order", &order(3)).await.map(drop),
        app.queue("closed", &json!({})).await,
        app.topic("closed", &json!({})).await,
        app.cron("closed").await,
        app.socket::<Value>("closed", &json!({})).await.map(drop),
        // A function that is called by its name belongs to every group that wires it.
        app.call::<Value>("open", &json!(null)).await.map(drop),
    ];
    for outcome in forbidden {
        let problem = outcome.unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.code(), problem.retry()), (403, "forbidden", false));
    }
    app.queue("order", &order(2)).await.unwrap();
    app.topic("order", &order(2)).await.unwrap();
    app.stream("order", order(2).to_string()).await.unwrap();
    assert_eq!(app.socket::<u32>("order", &order(2)).await.unwrap(), 2);
}

/// A connection that is being made by whom this token names.
fn connecting(token: &str) -> SocketEvent {
    let mut headers = Headers::default();
    headers.append("authorization", format!("Bearer {token}").as_bytes()).unwrap();
    SocketEvent { phase: SocketPhase::Connect, headers, ..SocketEvent::default() }
}

#[tokio::test]
async fn the_opening_of_a_websocket_is_decided_by_its_headers() {
    let app = running().await;
    let connect = async |api: &str, token: &str| match app.socket_event::<Value>(api, connecting(token)).await {
        Ok(_) => (200, String::new()),
        Err(problem) => (problem.status().as_u16(), problem.code().to_owned()),
    };
    for (api, token, status, code) in [
        ("mine", "ada", 200, ""),
        ("mine", "expired", 401, "invalid_credentials"),
        ("mine", "two of them", 400, "malformed_credentials"),
        ("mine", "nobody knows", 503, "authentication_unavailable"),
        ("mine", "panics", 500, "internal"),
        ("orders", "ada", 403, "insufficient_scope"),
        ("orders", "ada/orders:write", 403, "insufficient_scope"),
        ("orders", "ada/orders", 200, ""),
        ("orders", "reader/orders", 200, ""),
        ("change-orders", "reader/orders", 403, "read_only_session"),
        ("change-orders", "ada/orders", 200, ""),
        ("tagged", "ada", 200, ""),
        ("tagged", "grace", 403, "forbidden"),
        ("closed", "ada/orders", 403, "forbidden"),
    ] {
        assert_eq!(connect(api, token).await, (status, code.to_owned()), "{api} {token}");
    }
    // Messages have no headers: who was known when the connection was made is not by that known after it.
    let message = SocketEvent { phase: SocketPhase::Message, body: "{}".into(), ..SocketEvent::default() };
    assert_eq!(app.socket_event::<Value>("mine", message).await.unwrap_err().code(), "unauthenticated");
}

#[tokio::test]
async fn a_function_changes_the_session_when_it_succeeds() {
    let app = running().await;
    let log_in = async |name: &str| app.post("/session").json(&json!({ "name": name })).send().await;
    let answer = log_in("ada").await;
    assert_eq!((answer.status(), answer.header("set-cookie")), (204, Some("sid=ada")));
    let refused = log_in("mallory").await;
    assert_eq!((refused.status(), refused.header("set-cookie")), (400, None));
    let cleared = app.post("/no-session").send().await;
    assert_eq!(cleared.header("set-cookie"), Some("sid=; Max-Age=0"));
}

#[tokio::test]
async fn a_function_that_changes_sessions_needs_a_source_that_keeps_them() {
    let app = App::new().group::<Everything>(|g| g.http::<log_out>(post("/no-session")));
    let error = TestApp::prepare(app).try_start().await.unwrap_err();
    assert_eq!(error.to_string(), "a function takes `&SessionControl`, and no authenticator of the app keeps sessions");
}

#[tokio::test]
async fn a_function_that_relies_on_a_guard_needs_one() {
    let app = App::new().group::<Everything>(|g| g.http::<relies>(get("/relies")));
    let error = TestApp::prepare(app).try_start().await.unwrap_err();
    assert!(error.to_string().starts_with("`relies` says `guarded`, and nothing guards it"), "{error}");
    let app = App::new().group::<Closed>(|g| g.http::<relies>(get("/relies")).permission::<weekday>());
    assert_eq!(TestApp::start(app).await.get("/relies").send().await.status(), 204);
}

#[tokio::test]
async fn without_a_source_nobody_has_a_session() {
    let app = App::new().group::<Everything>(|g| g.http::<mine>(get("/mine")).http::<orders>(get("/orders")));
    let app = TestApp::start(app).await;
    for path in ["/mine", "/orders"] {
        let answer = app.get(path).header("authorization", "Bearer ada").send().await;
        assert_eq!((answer.status(), challenges(&answer)), (401, vec!["Bearer".to_owned()]));
    }
}

/// The platform's own word is taken where the app says so, and only from the adapter.
#[pikku::authenticator]
async fn of_the_platform(call: &Call) -> Result<Option<Claims>, AuthError> {
    let identity = call.platform_identity().filter(|identity| identity.issuer == "test-platform");
    Ok(identity.and_then(|identity| identity.claims()).map(Claims::new))
}

#[tokio::test]
async fn the_platforms_own_identity_comes_with_the_context() {
    let app = App::new()
        .authenticate::<of_the_platform>()
        .group::<Everything>(|g| g.http::<mine>(get("/mine")).websocket::<mine>(WebSocket::new("mine")));
    let app = TestApp::start(app).await;
    let request = || pikku::http::HttpRequest::new(pikku::http::Method::GET, "/mine");
    let identity = |issuer| Some(Box::new(PlatformIdentity::new(issuer, r#"{"name":"ada"}"#)));
    let context = |issuer| Context { identity: identity(issuer), ..Context::default() };
    assert_eq!(app.engine().http(request(), context("test-platform")).await.status, 200);
    assert_eq!(app.engine().http(request(), context("another")).await.status, 401);
    assert_eq!(app.get("/mine").header("x-ms-client-principal", "e30=").send().await.status(), 401);
    // An authorizer tells who is behind a connection with each of its messages.
    let target = app.engine().target(&Arrival::WebSocket("mine")).unwrap();
    for phase in [SocketPhase::Connect, SocketPhase::Message, SocketPhase::Disconnect] {
        let event = || SocketEvent { phase, ..SocketEvent::default() }.into();
        assert!(app.engine().deliver(target, event(), context("test-platform")).await.is_ok(), "{phase:?}");
        let problem = app.engine().deliver(target, event(), context("another")).await.unwrap_err();
        assert_eq!(problem.code(), "unauthenticated", "{phase:?}");
    }
}

#[test]
fn the_manifest_says_what_stands_around_each_wiring() {
    let manifest = pikku::introspect::manifest_of(app::<pikku::All>());
    let of = |id: &str| {
        let mut wirings = manifest.groups.iter().flat_map(|group| &group.wirings);
        let wiring = wirings.find(|wiring| wiring.id == id).unwrap();
        let one =
            |layer: &pikku_manifest::Layer| format!("{} at {}", layer.rule.as_ref().unwrap_or(&layer.name), layer.at);
        wiring.layers.iter().map(one).collect::<Vec<_>>()
    };
    let sources = ["token at app", "key at group everything"];
    assert_eq!(of("http:GET /open"), sources);
    assert_eq!(of("http:GET /tagged"), [&sources[..], &["is_ada at tag staff"]].concat());
    assert_eq!(of("http:GET /admin/open"), [&sources[..], &["is_ada at routes /admin/{*rest}"]].concat());
    assert_eq!(of("http:POST /adas-order"), [&sources[..], &["all(is_ada, even_orders) at function"]].concat());
    assert_eq!(of("http:GET /closed/open"), ["token at app", "never at group closed"]);
    let orders = manifest.function("orders").unwrap();
    assert_eq!((&orders.access.scopes[..], orders.access.read_only), (&["orders:read".to_owned()][..], true));
    assert!(manifest.function("open").unwrap().access.public);
}

#[test]
fn the_manifest_has_the_scopes_that_the_app_says() {
    let scopes = |app: App<pikku::All>| pikku::introspect::manifest_of(app).scopes;
    assert_eq!(scopes(app()), None);
    assert_eq!(scopes(app().scopes(&[])), Some(vec![]));
    let (read, write) = (Scope::new("orders:read"), Scope::new("orders:write"));
    assert_eq!(scopes(app().scopes(&[write, read]).scopes(&[read])).unwrap(), ["orders:read", "orders:write"]);
}

#[test]
fn the_manifest_has_the_roles_that_the_app_says() {
    const READ: Scope = Scope::new("orders:read");
    let manifest = |app: App<pikku::All>| pikku::introspect::manifest_of(app);
    assert_eq!(manifest(app()).roles, []);
    let line = line!() + 1;
    let told = manifest(app().roles(&[Role::new("clerk", &[READ]), Role::new("guest", &[])]));
    let of = |role: &pikku_manifest::Role| (role.name.clone(), role.scopes.clone(), role.location.line);
    assert_eq!(
        told.roles.iter().map(of).collect::<Vec<_>>(),
        [("clerk".into(), vec!["orders:read".into()], line), ("guest".into(), vec![], line)]
    );
    assert!(told.faults.is_empty());
    let twice = manifest(app().roles(&[Role::new("clerk", &[READ])]).roles(&[Role::new("clerk", &[])]));
    assert_eq!(twice.faults[0].message, "two roles are named `clerk`, of which only the first would grant anything");
}

#[tokio::test]
async fn grants_that_the_app_does_not_say_are_told_in_tests() {
    let (read, write) = (Scope::new("orders:read"), Scope::new("orders:write"));
    let silent = TestApp::start(app()).await;
    let saying = TestApp::start(app().scopes(&[read, write])).await;
    for app in [&silent, &saying] {
        for scopes in ["orders:read openid", "orders", "orders:raed orders:read:own", ""] {
            app.get("/orders").header("authorization", &format!("Bearer ada/{scopes}")).send().await;
        }
    }
    assert_eq!(saying.undeclared_grants(), ["openid", "orders:raed", "orders:read:own"]);
    assert!(silent.undeclared_grants().is_empty());
}
