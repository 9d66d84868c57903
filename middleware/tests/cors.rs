//! Which other origins' pages may call.

use pikku::{
    App, AuthError, Call, Claims, Group, Need, Session, StatusCode,
    http::{Method, any, delete, get, options, post},
    service::Env,
    testing::{TestApp, TestRequest, TestResponse},
    wiring::Queue,
};
use pikku_middleware::{
    Csrf, InvalidOrigin, KnownOrigins, OriginList,
    cors::{Cors, Origins, Policy},
    csrf::SameOrigin,
};
use serde::Deserialize;
use serde_json::json;
use std::convert::Infallible;

const SHOP: &str = "https://shop.example";

struct ShopCors;

impl Policy for ShopCors {
    const NAME: &'static str = "shop";
    const ORIGINS: Origins = Origins::Only(&[SHOP, "http://localhost:3000"]);
    const CREDENTIALS: bool = true;
    const HEADERS: &'static [&'static str] = &["authorization", "content-type"];
    const EXPOSED: &'static [&'static str] = &["x-total", "etag"];
    const MAX_AGE_S: u32 = 7_200;
}

struct AnyCors;

impl Policy for AnyCors {
    const NAME: &'static str = "any";
    const ORIGINS: Origins = Origins::Any;
}

struct AdminCors;

impl Policy for AdminCors {
    const NAME: &'static str = "admin";
    const ORIGINS: Origins = Origins::Only(&["https://admin.example"]);
}

#[derive(Deserialize)]
struct User {
    name: String,
}

#[pikku::authenticator]
async fn header(call: &Call) -> Result<Option<Claims>, AuthError> {
    let name = call.headers().and_then(|headers| headers.get("authorization"));
    Ok(name.map(|name| Claims::new(json!({ "name": name }))))
}

#[pikku::function]
async fn order(user: Session<User>) -> Result<String, Infallible> {
    Ok(user.name.clone())
}

#[pikku::function(public)]
async fn catalogue() -> Result<String, Infallible> {
    Ok("everything".to_owned())
}

#[pikku::function(public)]
async fn method(call: &Call) -> Result<String, Infallible> {
    Ok(call.http().map(|request| request.method.to_string()).unwrap_or_default())
}

#[pikku::function(public)]
async fn missing() -> Result<(), pikku::Problem> {
    Err(pikku::Problem::new(StatusCode::NOT_FOUND, "no_such_order", "there is no such order"))
}

#[pikku::function(public)]
async fn panics() -> Result<(), Infallible> {
    panic!("it panics")
}

#[derive(Group)]
struct Shop;

/// CORS on the routes below `/orders`, and nowhere else.
fn app() -> App<pikku::All> {
    App::new()
        .authenticate::<header>()
        .routes("/orders", |l| l.middleware::<Cors<ShopCors>>())
        .routes("/orders/{*rest}", |l| l.middleware::<Cors<ShopCors>>())
        .group::<Shop>(|g| {
            g.http::<order>(post("/orders"))
                .http::<catalogue>(get("/orders"))
                .http::<missing>(get("/orders/{id}"))
                .http::<panics>(delete("/orders/{id}"))
                .http::<catalogue>(get("/catalogue"))
                .queue::<catalogue>("catalogue", Queue::default())
        })
}

fn preflight<'a>(app: &'a TestApp, path: &str, origin: &str, method: &str) -> TestRequest<'a> {
    let request = app.request(Method::OPTIONS, path).header("origin", origin);
    request.header("access-control-request-method", method).header("access-control-request-headers", "content-type")
}

/// What an answer says of CORS.
fn told(answer: &TestResponse) -> Vec<(String, String)> {
    let headers = answer.headers().iter().filter(|(name, _)| name.starts_with("access-control-"));
    headers.map(|(name, value)| (name.to_owned(), String::from_utf8(value.to_vec()).unwrap())).collect()
}

fn varies(answer: &TestResponse) -> Vec<String> {
    answer.headers().get_all("vary").map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

#[tokio::test]
async fn a_preflight_is_answered_before_the_session_is_looked_for() {
    let app = TestApp::start(app()).await;
    let answer = preflight(&app, "/orders", SHOP, "POST").send().await;
    assert_eq!((answer.status(), answer.body().len()), (204, 0));
    let expected = pairs([
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "authorization, content-type"),
        ("access-control-max-age", "7200"),
        ("access-control-allow-origin", SHOP),
        ("access-control-allow-credentials", "true"),
    ]);
    assert_eq!(told(&answer), expected);
    assert_eq!(varies(&answer), ["origin", "access-control-request-method, access-control-request-headers"]);

    // Every origin of the list, every method that is wired, paths with parameters.
    for (path, origin, method) in [
        ("/orders", "http://localhost:3000", "POST"),
        ("/orders", SHOP, "GET"),
        ("/orders", SHOP, "HEAD"),
        ("/orders/7", SHOP, "DELETE"),
        ("/orders/a%2Fb", SHOP, "GET"),
    ] {
        let answer = preflight(&app, path, origin, method).send().await;
        assert_eq!(answer.status(), 204, "{method} {path}");
        assert_eq!(answer.header("access-control-allow-methods"), Some(method));
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    }
}

#[tokio::test]
async fn other_requests_for_options_are_answered_as_without_it() {
    let app = TestApp::start(app()).await;
    let plain = [
        app.request(Method::OPTIONS, "/orders"),
        app.request(Method::OPTIONS, "/orders").header("origin", SHOP),
        app.request(Method::OPTIONS, "/orders").header("access-control-request-method", "POST"),
        // Methods that the path does not take.
        preflight(&app, "/orders", SHOP, "DELETE"),
        preflight(&app, "/orders", SHOP, "post"),
        preflight(&app, "/orders", SHOP, "OPTIONS"),
        preflight(&app, "/orders", SHOP, "GET, POST"),
    ];
    for request in plain {
        let answer = request.send().await;
        assert_eq!((answer.status(), answer.header("allow")), (405, Some("GET, HEAD, POST")));
        assert_eq!(told(&answer), []);
    }
    // A path without CORS, and none.
    let answer = preflight(&app, "/catalogue", SHOP, "GET").send().await;
    assert_eq!((answer.status(), answer.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(told(&answer), []);
    assert_eq!(preflight(&app, "/nowhere", SHOP, "GET").send().await.status(), 404);
}

#[tokio::test]
async fn answers_and_failures_carry_the_headers() {
    let app = TestApp::start(app()).await;
    let expected = pairs([
        ("access-control-allow-origin", SHOP),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "x-total, etag"),
    ]);
    for (request, status) in [
        (app.get("/orders"), 200),
        (app.post("/orders").header("authorization", "ada"), 200),
        (app.post("/orders"), 401),
        (app.get("/orders/7"), 404),
        (app.delete("/orders/7"), 500),
    ] {
        let answer = request.header("origin", SHOP).send().await;
        assert_eq!((answer.status(), told(&answer)), (status, expected.clone()));
        assert_eq!(varies(&answer), ["origin"]);
    }
    // Whoever sends no origin may be answered from the same cache.
    let answer = app.get("/orders").send().await;
    assert_eq!((told(&answer), varies(&answer)), (vec![], vec!["origin".to_owned()]));
    let answer = app.get("/catalogue").header("origin", SHOP).send().await;
    assert_eq!((answer.status(), told(&answer), varies(&answer)), (200, vec![], vec![]));
}

/// Attack: `null` is what every sandboxed frame and local file sends.
#[tokio::test]
async fn cors_with_null_as_origin_is_refused() {
    refused(&["null", "Null", ""]).await;
}

/// Attack: origins that a careless comparison takes for the shop's.
#[tokio::test]
async fn cors_with_look_alike_origins_is_refused() {
    refused(&[
        "https://shop.example.evil.org",
        "https://evilshop.example",
        "https://evil.org/https://shop.example",
        "https://shop.example@evil.org",
        "https://shop.example:443",
        "https://shop.example:8443",
        "https://shop.example.",
        "https://shop.example/",
        "http://shop.example",
        "HTTPS://SHOP.EXAMPLE",
        "https://Shop.example",
        "https://sh\u{f6}p.example",
        "https://shop.example https://evil.org",
        "https://shop.example, https://evil.org",
        " https://shop.example",
        "shop.example",
        "*",
        "https://*.example",
        "http://localhost:3001",
        "http://localhost",
    ])
    .await;
}

async fn refused(origins: &[&str]) {
    let app = TestApp::start(app()).await;
    for origin in origins {
        let answer = preflight(&app, "/orders", origin, "POST").send().await;
        assert_eq!((answer.status(), told(&answer)), (403, vec![]), "{origin}");
        assert_eq!(answer.json::<serde_json::Value>()["code"], "origin_not_allowed");
        assert!(varies(&answer).contains(&"origin".to_owned()));
        assert!(!answer.text().contains("evil"));
        let answer = app.get("/orders").header("origin", origin).send().await;
        assert_eq!((answer.status(), told(&answer)), (200, vec![]), "{origin}");
        assert_eq!(varies(&answer), ["origin"]);
    }
}

/// Attack: two origins, of which one is allowed.
#[tokio::test]
async fn cors_with_two_origins_is_refused() {
    let app = TestApp::start(app()).await;
    for origins in [[SHOP, "https://evil.org"], ["https://evil.org", SHOP]] {
        let request = preflight(&app, "/orders", origins[0], "POST").header("origin", origins[1]);
        let answer = request.send().await;
        assert_eq!((answer.status(), told(&answer)), (403, vec![]));
    }
}

#[tokio::test]
async fn any_origin_may_read_what_anyone_may() {
    let wired = App::new().group::<Shop>(|g| g.http::<catalogue>(get("/catalogue")).middleware::<Cors<AnyCors>>());
    let app = TestApp::start(wired).await;
    for origin in ["null", "https://anywhere.example"] {
        let answer = app.get("/catalogue").header("origin", origin).send().await;
        assert_eq!((told(&answer), varies(&answer)), (pairs([("access-control-allow-origin", "*")]), vec![]));
        let answer = preflight(&app, "/catalogue", origin, "GET").send().await;
        assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (204, Some("*")));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
    let answer = app.get("/catalogue").send().await;
    assert_eq!(told(&answer), []);
}

/// Of the app, of routes, of one function's route; on one path by method.
#[tokio::test]
async fn the_innermost_policy_stands_alone() {
    let manifest = pikku::introspect::manifest_of(with_three_policies());
    let of = |wiring: usize| {
        let layers = &manifest.groups[0].wirings[wiring].layers;
        layers.iter().map(|layer| layer.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (of(0), of(1), of(2)),
        (vec!["cors(shop)".into()], vec!["cors(any)".into()], vec!["cors(admin)".into()])
    );

    let app = TestApp::start(with_three_policies()).await;
    for (path, origin, allowed) in [
        ("/shop", SHOP, Some(SHOP)),
        ("/shop", "https://admin.example", None),
        ("/open/catalogue", SHOP, Some("*")),
        ("/open/catalogue", "null", Some("*")),
        ("/admin/catalogue", "https://admin.example", Some("https://admin.example")),
        // The app's policy opens nothing that the route's own does not.
        ("/admin/catalogue", SHOP, None),
    ] {
        let answer = app.get(path).header("origin", origin).send().await;
        let of = answer.headers().get_all("access-control-allow-origin").collect::<Vec<_>>();
        assert_eq!(of, allowed.map(str::as_bytes).into_iter().collect::<Vec<_>>(), "{path} {origin}");
        assert_eq!(answer.header("access-control-allow-credentials").is_some(), path == "/shop" && allowed.is_some());
        let answer = preflight(&app, path, origin, "GET").send().await;
        assert_eq!(answer.status(), if allowed.is_some() { 204 } else { 403 }, "{path} {origin}");
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
    }
}

fn with_three_policies() -> App<pikku::All> {
    App::new()
        .middleware::<Cors<ShopCors>>()
        .routes("/open/{*rest}", |l| l.middleware::<Cors<AnyCors>>())
        .routes("/admin/{*rest}", |l| l.middleware::<Cors<AdminCors>>())
        .group::<Shop>(|g| {
            g.http::<catalogue>(get("/shop"))
                .http::<catalogue>(get("/open/catalogue"))
                .http::<catalogue>(get("/admin/catalogue"))
        })
}

#[pikku::function(public, middleware = [Cors::<AnyCors>])]
async fn open_to_all() -> Result<String, Infallible> {
    Ok("open".to_owned())
}

#[tokio::test]
async fn each_method_of_a_path_has_its_own_policy() {
    let wired = App::new().group::<Shop>(|g| {
        g.http::<open_to_all>(get("/things")).http::<catalogue>(post("/things")).http::<catalogue>(delete("/things"))
    });
    let app = TestApp::start(wired).await;
    assert_eq!(preflight(&app, "/things", "https://any.example", "GET").send().await.status(), 204);
    let answer = preflight(&app, "/things", "https://any.example", "POST").send().await;
    assert_eq!((answer.status(), answer.header("allow")), (405, Some("DELETE, GET, HEAD, POST")));
}

/// A path that is wired to `OPTIONS` itself, or to every method, answers by its own chain.
#[tokio::test]
async fn a_wired_options_route_decides() {
    let wired = App::new().middleware::<Cors<ShopCors>>().group::<Shop>(|g| {
        g.http::<method>(any("/any")).http::<method>(options("/options")).http::<method>(get("/options"))
    });
    let app = TestApp::start(wired).await;
    for (path, asked) in [("/any", "PATCH"), ("/options", "GET")] {
        let answer = preflight(&app, path, SHOP, asked).send().await;
        assert_eq!((answer.status(), answer.header("access-control-allow-methods")), (204, Some(asked)), "{path}");
        // What is no preflight reaches the function.
        let answer = app.request(Method::OPTIONS, path).header("origin", SHOP).send().await;
        assert_eq!((answer.status(), answer.json::<String>()), (200, "OPTIONS".to_owned()));
    }
    let answer = preflight(&app, "/any", SHOP, "NOT A METHOD").send().await;
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn of_the_app_it_stands_around_what_no_route_takes() {
    let wired = App::new().middleware::<Cors<ShopCors>>().group::<Shop>(|g| g.http::<catalogue>(get("/catalogue")));
    let app = TestApp::start(wired).await;
    for (request, status) in [(app.get("/nowhere"), 404), (app.delete("/catalogue"), 405)] {
        let answer = request.header("origin", SHOP).send().await;
        assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (status, Some(SHOP)));
    }
    let answer = app.get("/nowhere").header("origin", "https://evil.org").send().await;
    assert_eq!((answer.status(), told(&answer)), (404, vec![]));
    assert_eq!(preflight(&app, "/nowhere", SHOP, "GET").send().await.status(), 404);
}

/// Where the front ends of a deployment are.
struct FrontEnds(OriginList);

#[pikku::service(needs = [Need::OptionalVariable("FRONT_ENDS")])]
fn front_ends(env: &Env) -> Result<FrontEnds, InvalidOrigin> {
    Ok(FrontEnds(OriginList::parse(&env.get("FRONT_ENDS").unwrap_or_default())?))
}

impl KnownOrigins for FrontEnds {
    fn has(&self, origin: &str) -> bool {
        self.0.has(origin)
    }
}

#[tokio::test]
async fn a_deployment_has_origins_of_its_own() {
    let wired = || {
        App::new()
            .authenticate::<header>()
            .middleware::<Cors<ShopCors, FrontEnds>>()
            .group::<Shop>(|g| g.http::<order>(post("/orders")).middleware::<Csrf<SameOrigin, FrontEnds>>())
    };
    let staging = "https://staging.shop.example:8443";
    let app = TestApp::prepare(wired()).variable("FRONT_ENDS", staging).start().await;
    for (origin, allowed) in [(staging, true), (SHOP, true), ("https://staging.shop.example", false), ("null", false)] {
        let answer = preflight(&app, "/orders", origin, "POST").send().await;
        assert_eq!(answer.status(), if allowed { 204 } else { 403 }, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), allowed.then_some(origin));
        assert_eq!(varies(&answer)[0], "origin");
    }
    // And what may read may not yet change something.
    for (origin, status) in [(staging, 200), (SHOP, 403)] {
        let request = app.post("/orders").header("authorization", "ada").header("sec-fetch-site", "cross-site");
        let answer = request.header("origin", origin).send().await;
        assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (status, Some(origin)));
    }
    let manifest = pikku::introspect::manifest_of(wired());
    assert!(
        manifest.groups[0].wirings[0]
            .layers
            .iter()
            .all(|layer| layer.name == "header" || layer.services.contains(&"FrontEnds".to_owned()))
    );

    let error =
        TestApp::prepare(wired()).variable("FRONT_ENDS", "https://shop.example/").try_start().await.unwrap_err();
    assert!(error.to_string().contains("`https://shop.example/` is no origin"), "{error}");
    let app = TestApp::start(wired()).await;
    assert_eq!(preflight(&app, "/orders", staging, "POST").send().await.status(), 403);
}

#[tokio::test]
async fn other_transports_know_nothing_of_it() {
    let app = TestApp::start(app()).await;
    app.queue("catalogue", &json!({})).await.unwrap();
}
