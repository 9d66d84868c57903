//! What browsers are told of answers.

use pikku::{
    App, Group, Response, StatusCode,
    http::{self, get, post},
    testing::TestApp,
    wiring::Queue,
};
use pikku_middleware::security_headers::{Policy, SecurityHeaders};
use serde_json::json;
use std::convert::Infallible;

#[pikku::function(public)]
async fn shown() -> Result<String, Infallible> {
    Ok("shown".to_owned())
}

/// Says for itself who may frame it.
#[pikku::function(public)]
async fn framed() -> Result<Response, Infallible> {
    let mut response = Response::new(http::StatusCode::OK).with_body("text/html", "<p>framed</p>");
    response.headers.append("x-frame-options", b"SAMEORIGIN").unwrap();
    Ok(response)
}

#[pikku::function(public)]
async fn fails() -> Result<(), pikku::Problem> {
    Err(pikku::Problem::new(StatusCode::CONFLICT, "fails", "it fails"))
}

#[pikku::function(public)]
async fn panics() -> Result<(), Infallible> {
    panic!("it panics")
}

#[pikku::function(session)]
async fn closed() -> Result<(), Infallible> {
    Ok(())
}

#[derive(Group)]
struct Shop;

struct Pages;

impl Policy for Pages {
    const NAME: &'static str = "pages";
    const CONTENT_SECURITY_POLICY: Option<&'static str> = Some("default-src 'self'");
    const CROSS_ORIGIN_RESOURCE_POLICY: Option<&'static str> = Some("cross-origin");
    const PERMISSIONS_POLICY: Option<&'static str> = None;
}

fn app() -> App<pikku::All> {
    App::new()
        .middleware::<SecurityHeaders>()
        .routes("/pages/{*rest}", |l| l.middleware::<SecurityHeaders<Pages>>())
        .group::<Shop>(|g| {
        g.http::<shown>(get("/shown").status(203))
            .http::<shown>(get("/pages/shown"))
            .http::<framed>(get("/pages/framed"))
            .http::<fails>(post("/fails"))
            .http::<panics>(get("/panics"))
            .http::<closed>(get("/closed"))
            .queue::<shown>("shown", Queue::default())
    })
}

#[tokio::test]
async fn every_answer_has_them() {
    let app = TestApp::start(app()).await;
    let answers = [
        (app.get("/shown"), 203),
        (app.request(http::Method::HEAD, "/shown"), 203),
        (app.post("/fails"), 409),
        (app.get("/panics"), 500),
        (app.get("/closed"), 401),
        (app.get("/nowhere"), 404),
        (app.delete("/shown"), 405),
    ];
    for (request, status) in answers {
        let answer = request.send().await;
        assert_eq!(answer.status(), status);
        for (name, value) in [
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            (
                "content-security-policy",
                "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
            ),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{status}");
        }
        assert!(answer.header("permissions-policy").is_some_and(|policy| policy.contains("camera=()")));
    }
    let refused = app.delete("/shown").send().await;
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
    assert_eq!(refused.json::<serde_json::Value>()["code"], "method_not_allowed");
}

#[tokio::test]
async fn what_is_nearer_to_the_function_stands() {
    let app = TestApp::start(app()).await;
    let answer = app.get("/pages/shown").send().await;
    let all = |name: &str| answer.headers().get_all(name).map(|value| value.to_vec()).collect::<Vec<_>>();
    assert_eq!(all("content-security-policy"), [b"default-src 'self'"]);
    assert_eq!(all("cross-origin-resource-policy"), [b"cross-origin"]);
    // What the policy of the route leaves out is the app's to say.
    assert!(answer.header("permissions-policy").is_some());
    let answer = app.get("/pages/framed").send().await;
    assert_eq!(answer.header("x-frame-options"), Some("SAMEORIGIN"));
}

#[tokio::test]
async fn other_transports_know_nothing_of_it() {
    let app = TestApp::start(app()).await;
    app.queue("shown", &json!({})).await.unwrap();
    assert_eq!(app.call::<String>("shown", &json!(null)).await.unwrap(), "shown");
}

#[test]
fn policies_are_told_apart_by_name() {
    let manifest = pikku::introspect::manifest_of(app());
    let layers = &manifest.groups[0].wirings[1].layers;
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["security_headers", "security_headers(pages)"]);
}

/// As without middleware, the log is for calls.
#[tokio::test]
async fn what_no_route_takes_is_not_in_the_log() {
    let app = TestApp::start(app()).await;
    app.get("/nowhere").send().await;
    app.delete("/shown").send().await;
    assert!(app.logged().is_empty(), "{:?}", app.logged());
    app.post("/fails").send().await;
    assert_eq!(app.logged().len(), 1);
}
