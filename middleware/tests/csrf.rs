//! No requests of other sites.

use pikku::{
    App, Call, Group,
    call::{SocketEvent, SocketPhase},
    http::{Headers, Method, any, get, post},
    testing::{TestApp, TestRequest},
    wiring::{Queue, WebSocket},
};
use pikku_middleware::csrf::{Csrf, Policy};
use serde_json::json;
use std::convert::Infallible;

struct Trusting;

impl Policy for Trusting {
    const NAME: &'static str = "trusting";
    const TRUSTED: &'static [&'static str] = &["https://app.example"];
    const PROGRAMS_WITH_COOKIES: bool = true;
}

#[pikku::function(public)]
async fn changed(call: &Call) -> Result<String, Infallible> {
    Ok(call.http().map(|request| request.method.to_string()).unwrap_or_default())
}

#[derive(Group)]
struct Shop;

fn app() -> App<pikku::All> {
    App::new().middleware::<Csrf>().group::<Shop>(|g| {
        g.http::<changed>(any("/change"))
            .http::<changed>(post("/change"))
            .http::<changed>(get("/read"))
            .queue::<changed>("changes", Queue::default())
            .websocket::<changed>(WebSocket::new("changes"))
    })
}

fn with<'a>(request: TestRequest<'a>, headers: &[(&str, &str)]) -> TestRequest<'a> {
    headers.iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// What pages of other sites have browsers send.
const FOREIGN: &[&[(&str, &str)]] = &[
    &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("cookie", "session=1")],
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
    &[("sec-fetch-site", "same-site"), ("origin", "https://blog.shop.example"), ("host", "shop.example")],
    &[("sec-fetch-site", "cross-site"), ("origin", "null"), ("host", "shop.example")],
    // Browsers that do not send where from.
    &[("origin", "https://evil.example"), ("host", "shop.example"), ("cookie", "session=1")],
    &[("origin", "https://shop.example.evil.example"), ("host", "shop.example")],
    &[("origin", "https://shop.example:8443"), ("host", "shop.example")],
    &[("origin", "null"), ("host", "shop.example")],
    // Neither, and a cookie.
    &[("cookie", "session=1"), ("host", "shop.example")],
    &[("cookie", "session=1"), ("referer", "https://shop.example/")],
    // What scripts can set says nothing.
    &[("cookie", "session=1"), ("x-requested-with", "XMLHttpRequest")],
    &[("sec-fetch-site", "cross-site"), ("x-forwarded-host", "evil.example"), ("origin", "https://evil.example")],
];

/// What pages of the app, its user by hand and programs send.
const OWN: &[&[(&str, &str)]] = &[
    &[("sec-fetch-site", "same-origin"), ("origin", "https://shop.example"), ("cookie", "session=1")],
    &[("sec-fetch-site", "none"), ("cookie", "session=1")],
    &[("origin", "https://shop.example"), ("host", "shop.example"), ("cookie", "session=1")],
    // Programs, which carry no cookie that their user does not know of.
    &[],
    &[("authorization", "Bearer token"), ("host", "shop.example")],
];

/// Attack: what a form of another site, or a script that needs no preflight, has a browser send.
#[tokio::test]
async fn csrf_through_simple_requests_is_refused() {
    let app = TestApp::start(app()).await;
    let content_types = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"];
    for headers in FOREIGN {
        for content_type in content_types {
            let answer = with(app.post("/change").body(content_type, ""), headers).send().await;
            assert_eq!(answer.status(), 403, "{headers:?}");
            assert_eq!(answer.json::<serde_json::Value>()["code"], "cross_site_request");
        }
        for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
            assert_eq!(with(app.request(method, "/change"), headers).send().await.status(), 403, "{headers:?}");
        }
        // What changes nothing is taken: links and images of other sites are.
        for (method, path) in [(Method::GET, "/read"), (Method::HEAD, "/read"), (Method::OPTIONS, "/change")] {
            assert_eq!(with(app.request(method, path), headers).send().await.status(), 200, "{headers:?}");
        }
    }
}

#[tokio::test]
async fn what_the_app_itself_makes_is_taken() {
    let app = TestApp::start(app()).await;
    for headers in OWN {
        assert_eq!(with(app.post("/change"), headers).send().await.status(), 200, "{headers:?}");
    }
    app.queue("changes", &json!({})).await.unwrap();
}

/// Attack: a page of another site opens a WebSocket, with the visitor's cookies, and writes what it likes after that.
#[tokio::test]
async fn csrf_by_the_opening_of_a_websocket_is_refused() {
    let app = TestApp::start(app()).await;
    let connect = async |pairs: &[(&str, &str)]| {
        let mut headers = Headers::default();
        pairs.iter().for_each(|(name, value)| headers.append(name, value.as_bytes()).unwrap());
        let event = SocketEvent { phase: SocketPhase::Connect, headers, ..SocketEvent::default() };
        app.socket_event::<String>("changes", event).await.map_err(|problem| problem.code().to_owned())
    };
    for headers in FOREIGN {
        assert_eq!(connect(headers).await, Err("cross_site_request".to_owned()), "{headers:?}");
    }
    for headers in OWN {
        assert_eq!(connect(headers).await, Ok(String::new()), "{headers:?}");
    }
    // Whoever opened it is the app's own, so its messages are.
    app.socket::<String>("changes", &json!({})).await.unwrap();
}

#[tokio::test]
async fn a_policy_trusts_other_origins() {
    let wired = App::new().group::<Shop>(|g| g.http::<changed>(post("/change")).middleware::<Csrf<Trusting>>());
    let app = TestApp::start(wired).await;
    for (headers, status) in [
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://app.example")][..], 200),
        (&[("origin", "https://app.example"), ("host", "api.example")], 200),
        (&[("cookie", "session=1")], 200),
        (&[("origin", "https://APP.example"), ("host", "api.example")], 403),
        (&[("origin", "https://app.example:444"), ("host", "api.example")], 403),
        (&[("origin", "https://app.example"), ("origin", "https://evil.example")], 200),
        (&[("origin", "https://evil.example"), ("origin", "https://app.example")], 403),
    ] {
        assert_eq!(with(app.post("/change"), headers).send().await.status(), status, "{headers:?}");
    }
}
