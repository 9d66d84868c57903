//! Both kinds of handlers behind one router.

use axum::{body::Body, http::Request};
use http_body_util::BodyExt;
use pikku::All;
use pikku_server::{AppService, Limits};
use tower::ServiceExt;

async fn ask(request: Request<Body>) -> (u16, String) {
    let api = AppService::start(mounted::app::<All>(), Limits::default()).await.expect("it starts");
    let response = mounted::router(api).oneshot(request).await.expect("an answer");
    let status = response.status().as_u16();
    let octets = response.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8(octets.to_vec()).expect("text"))
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("a request")
}

fn post(path: &str, body: &'static str) -> Request<Body> {
    Request::post(path).header("content-type", "application/json").body(body.into()).expect("a request")
}

#[tokio::test]
async fn axum_answers_its_own() {
    assert_eq!(ask(get("/")).await, (200, "<h1>Hello</h1>".to_owned()));
    assert_eq!(ask(get("/version")).await, (200, env!("CARGO_PKG_VERSION").to_owned()));
    assert_eq!(ask(get("/nowhere")).await, (404, String::new()));
}

#[tokio::test]
async fn the_app_answers_below_its_prefix() {
    assert_eq!(ask(post("/api/greet", r#"{"name":"Ada"}"#)).await, (200, r#"{"text":"hello, Ada"}"#.to_owned()));
    let (status, problem) = ask(post("/api/greet", r#"{"name":""}"#)).await;
    assert!(status == 422 && problem.contains(r#""code":"invalid_input""#), "{status} {problem}");
    let (status, problem) = ask(get("/api/nowhere")).await;
    assert!(status == 404 && problem.contains(r#""code":"not_found""#), "{status} {problem}");
}
