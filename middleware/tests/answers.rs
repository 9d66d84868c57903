//! What becomes of answers: who keeps them, whether they are sent at all, and in how many octets.

use flate2::read::GzDecoder;
use pikku::{
    App, AuthError, BoxError, Bytes, Call, Claims, Group, Response, Session,
    http::{Body, Method, StatusCode, get, head, post},
    testing::{TestApp, TestResponse},
    wiring::Queue,
};
use pikku_middleware::{
    CacheControl, Compression, Etag,
    cache_control::{self, Directives},
    compression, etag,
};
use serde::Deserialize;
use serde_json::json;
use std::{
    convert::Infallible,
    io::Read,
    pin::Pin,
    task::{Context, Poll},
};

#[derive(Deserialize)]
struct User {
    name: String,
}

#[pikku::authenticator]
async fn of_cookie(call: &Call) -> Result<Option<Claims>, AuthError> {
    let cookie = call.headers().and_then(|headers| headers.get("cookie")?.strip_prefix("user="));
    Ok(cookie.map(|name| Claims::new(json!({ "name": name }))))
}

#[pikku::authenticator]
async fn of_token(call: &Call) -> Result<Option<Claims>, AuthError> {
    let token = call.headers().and_then(|headers| headers.get("x-token"));
    Ok(token.map(|name| Claims::new(json!({ "name": name }))))
}

#[pikku::function(public)]
async fn long() -> Result<Vec<&'static str>, Infallible> {
    Ok(vec!["the same again"; 200])
}

#[pikku::function(public)]
async fn short() -> Result<&'static str, Infallible> {
    Ok("short")
}

#[pikku::function]
async fn own(user: Session<User>) -> Result<String, Infallible> {
    Ok(user.name.repeat(1_000))
}

#[pikku::function(public)]
async fn fails() -> Result<(), pikku::Problem> {
    Err(pikku::Problem::new(pikku::StatusCode::NOT_FOUND, "nothing", "a".repeat(2_000)))
}

#[pikku::function(public)]
async fn nothing() -> Result<(), Infallible> {
    Ok(())
}

/// What the path says that the answer has.
#[derive(Deserialize, schemars::JsonSchema)]
struct Wanted {
    name: String,
    value: String,
}

#[pikku::function(public)]
async fn with_header(wanted: Wanted) -> Result<Response, Infallible> {
    let mut response = Response::new(StatusCode::OK).with_body("text/plain", "a".repeat(2_000));
    if wanted.name == "content-type" {
        response.headers.remove("content-type");
    }
    response.headers.append(&wanted.name, wanted.value.as_bytes()).unwrap();
    Ok(response)
}

/// A body of two chunks.
struct Chunks(u8);

impl futures_core::Stream for Chunks {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0 += 1;
        Poll::Ready((self.0 < 3).then(|| Ok("a".repeat(2_000).into())))
    }
}

#[pikku::function(public)]
async fn streamed() -> Result<Response, Infallible> {
    Ok(Response::new(StatusCode::OK).with_body("text/plain", Body::stream(Chunks(0))))
}

#[derive(Group)]
struct Shop;

struct Minutes;

impl cache_control::Policy for Minutes {
    const NAME: &'static str = "minutes";
    const DIRECTIVES: Directives = Directives::public().max_age_s(300);
}

struct Private;

impl cache_control::Policy for Private {
    const NAME: &'static str = "private";
    const DIRECTIVES: Directives = Directives::private().no_cache();
}

struct Everything;

impl compression::Policy for Everything {
    const NAME: &'static str = "everything";
    const MIN_OCTETS: usize = 0;
    const LEVEL: u32 = 9;
    const COOKIE_SESSIONS: bool = true;
}

fn wired(app: App<pikku::All>) -> App<pikku::All> {
    app.authenticate::<of_cookie>().authenticate::<of_token>().group::<Shop>(|g| {
        g.http::<long>(get("/long"))
            .http::<long>(get("/accepted").status(202))
            .http::<long>(post("/long"))
            .http::<long>(head("/head"))
            .http::<short>(get("/short"))
            .http::<own>(get("/own"))
            .http::<fails>(get("/fails"))
            .http::<nothing>(get("/nothing"))
            .http::<streamed>(get("/streamed"))
            .http::<with_header>(get("/with/{name}"))
            .queue::<long>("long", Queue::default())
    })
}

fn unpacked(answer: &TestResponse) -> String {
    let mut text = String::new();
    GzDecoder::new(&answer.body()[..]).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let app = TestApp::start(wired(App::new().middleware::<Etag>())).await;
    let answer = app.get("/long").send().await;
    let tag = answer.header("etag").unwrap().to_owned();
    assert!(answer.status() == 200 && tag.starts_with('"') && tag.len() == 34, "{tag}");
    for held in [tag.as_str(), "*", &format!("W/{tag}"), &format!("\"other\", {tag}")] {
        for method in [Method::GET, Method::HEAD] {
            let answer = app.request(method, "/long").header("if-none-match", held).send().await;
            assert_eq!((answer.status(), answer.body().len()), (304, 0), "{held}");
            assert_eq!((answer.header("etag"), answer.header("content-type")), (Some(tag.as_str()), None));
        }
    }
    let answer = app.get("/long").header("if-none-match", "\"other\"").send().await;
    assert_eq!((answer.status(), answer.header("etag")), (200, Some(tag.as_str())));
    // Only what `GET` finds there as it is.
    for request in
        [app.post("/long"), app.get("/accepted"), app.get("/fails"), app.get("/nothing"), app.get("/streamed")]
    {
        let answer = request.header("if-none-match", "*").send().await;
        assert!(answer.status() != 304 && answer.header("etag").is_none());
    }
    assert_eq!(app.get("/accepted").send().await.status(), 202);
    app.queue("long", &json!({})).await.unwrap();
}

#[tokio::test]
async fn a_functions_own_tag_stands() {
    let app = TestApp::start(wired(App::new().middleware::<Etag<etag::Weak>>())).await;
    let answer = app.get("/with/etag?value=%22v7%22").send().await;
    assert_eq!((answer.status(), answer.header("etag")), (200, Some("\"v7\"")));
    let answer = app.get("/with/etag?value=%22v7%22").header("if-none-match", "W/\"v7\"").send().await;
    assert_eq!((answer.status(), answer.header("etag")), (304, Some("\"v7\"")));
    let answer = app.get("/long").send().await;
    assert!(answer.header("etag").unwrap().starts_with("W/\""));
}

#[tokio::test]
async fn caches_are_told_how_long() {
    let app = TestApp::start(wired(App::new().middleware::<CacheControl<Minutes>>())).await;
    let told = async |path: &str| app.get(path).send().await.header("cache-control").map(str::to_owned);
    assert_eq!(told("/long").await.as_deref(), Some("public, max-age=300"));
    assert_eq!(told("/nothing").await.as_deref(), Some("public, max-age=300"));
    assert_eq!(told("/streamed").await.as_deref(), Some("public, max-age=300"));
    assert_eq!(told("/fails").await.as_deref(), Some("no-store"));
    assert_eq!(told("/own").await.as_deref(), Some("no-store"));
    assert_eq!(told("/with/cache-control?value=max-age%3D1").await.as_deref(), Some("max-age=1"));
    assert_eq!(app.post("/long").send().await.header("cache-control"), None);
    app.queue("long", &json!({})).await.unwrap();
}

/// Attack: one user's answer out of a shared cache.
#[tokio::test]
async fn no_cache_keeps_one_callers_answer_for_others() {
    let app = TestApp::start(wired(App::new().middleware::<CacheControl<Minutes>>())).await;
    for (request, status) in [
        (app.get("/own").cookie("user", "ada"), 200),
        (app.get("/own").header("x-token", "ada"), 200),
        (app.get("/long").header("authorization", "Bearer any"), 200),
        (app.get("/with/set-cookie?value=a%3D1"), 200),
    ] {
        let answer = request.send().await;
        assert_eq!((answer.status(), answer.header("cache-control")), (status, Some("no-store")));
    }
    let app = TestApp::start(wired(App::new().middleware::<CacheControl<Private>>())).await;
    let answer = app.get("/own").cookie("user", "ada").send().await;
    assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
}

#[tokio::test]
async fn a_routes_own_policy_goes_first() {
    let of_app = App::new().middleware::<CacheControl<Private>>();
    let app = wired(of_app.routes("/long", |l| l.middleware::<CacheControl<Minutes>>()));
    let app = TestApp::start(app).await;
    let answer = app.get("/long").send().await;
    let all: Vec<_> = answer.headers().get_all("cache-control").collect();
    assert_eq!(all, [b"public, max-age=300"]);
}

#[tokio::test]
async fn texts_are_sent_in_fewer_octets() {
    let app = TestApp::start(wired(App::new().middleware::<Compression>())).await;
    let plain = app.get("/long").send().await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    for path in ["/long", "/accepted"] {
        let answer = app.get(path).header("accept-encoding", "br, gzip").send().await;
        assert_eq!(answer.status(), if path == "/long" { 200 } else { 202 });
        let told = (answer.header("content-encoding"), answer.header("vary"), answer.header("content-type"));
        assert_eq!(told, (Some("gzip"), Some("accept-encoding"), Some("application/json")));
        assert!(answer.body().len() < plain.body().len() / 10);
        assert_eq!(unpacked(&answer), plain.text());
    }
    let answer = app.post("/long").header("accept-encoding", "gzip").send().await;
    assert_eq!(unpacked(&answer), plain.text());
    let refused = app.get("/long").header("accept-encoding", "gzip;q=0").send().await;
    assert_eq!((refused.header("content-encoding"), refused.body()), (None, plain.body()));
    app.queue("long", &json!({})).await.unwrap();
}

#[tokio::test]
async fn what_gains_nothing_is_sent_as_it_is() {
    let app = TestApp::start(wired(App::new().middleware::<Compression>())).await;
    for path in [
        "/short",
        "/nothing",
        "/fails",
        "/streamed",
        "/with/content-type?value=image/png",
        "/with/content-type?value=text/event-stream",
        "/with/content-encoding?value=br",
        "/with/content-range?value=bytes%200-1/2",
        "/with/cache-control?value=public,%20No-Transform",
        "/with/set-cookie?value=a%3D1",
    ] {
        let answer = app.get(path).header("accept-encoding", "gzip").send().await;
        assert!(answer.header("content-encoding").is_none_or(|coding| coding != "gzip"), "{path}");
        assert_eq!(answer.header("vary"), None, "{path}");
    }
    let answer = app.request(Method::HEAD, "/long").header("accept-encoding", "gzip").send().await;
    assert_eq!((answer.status(), answer.header("vary"), answer.body().len()), (200, Some("accept-encoding"), 0));
}

/// Attack: BREACH, where what a victim's cookie opens is measured by the size of what the attacker had asked for.
#[tokio::test]
async fn what_a_cookie_opens_is_not_compressed() {
    let app = TestApp::start(wired(App::new().middleware::<Compression>())).await;
    let answer = app.get("/own").cookie("user", "ada").header("accept-encoding", "gzip").send().await;
    assert_eq!((answer.status(), answer.header("content-encoding")), (200, None));
    // No other site can have a browser send this.
    let answer = app.get("/own").header("x-token", "ada").header("accept-encoding", "gzip").send().await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    // A cookie that opens nothing.
    let answer = app.get("/long").cookie("theme", "dark").header("accept-encoding", "gzip").send().await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));

    let app = TestApp::start(wired(App::new().middleware::<Compression<Everything>>())).await;
    let answer = app.get("/own").cookie("user", "ada").header("accept-encoding", "gzip").send().await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    // Gzip's own octets are more than these.
    let answer = app.get("/short").header("accept-encoding", "gzip").send().await;
    assert_eq!((answer.header("content-encoding"), answer.text()), (None, "\"short\""));
}

#[tokio::test]
async fn tags_and_compression_go_together() {
    // The tag is of what is sent.
    let app = TestApp::start(wired(App::new().middleware::<Etag>().middleware::<Compression>())).await;
    let tag = async |coding: &str| {
        let answer = app.get("/long").header("accept-encoding", coding).send().await;
        answer.header("etag").unwrap().to_owned()
    };
    let (plain, packed) = (tag("identity").await, tag("gzip").await);
    assert!(plain != packed && packed.starts_with('"'));
    let request = app.get("/long").header("accept-encoding", "gzip").header("if-none-match", &packed);
    let answer = request.send().await;
    assert_eq!((answer.status(), answer.header("content-encoding")), (304, None));
    assert_eq!(answer.header("vary"), Some("accept-encoding"));

    // The tag is of what the function answered, and no longer strong.
    let app = TestApp::start(wired(App::new().middleware::<Compression>().middleware::<Etag>())).await;
    let answer = app.get("/long").header("accept-encoding", "gzip").send().await;
    assert_eq!(answer.header("etag"), Some(format!("W/{plain}").as_str()));
    let answer = app.get("/long").header("if-none-match", answer.header("etag").unwrap()).send().await;
    assert_eq!(answer.status(), 304);
}
