//! Layers of tower around the app of a server, over real sockets.

mod common;

use axum::{
    middleware::{Next, from_fn},
    response::IntoResponse as _,
};
use common::{Running, app, body, header, noted, started_as, status, until_noted};
use http::{HeaderValue, Request, StatusCode, header::SERVER};
use pikku::All;
use pikku_server::{LayeredBody, Limits, Server};
use pikku_tower::TowerLayers as _;
use serde_json::Value;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tower::{ServiceBuilder, limit::ConcurrencyLimitLayer, timeout::TimeoutLayer, util::MapRequestLayer};
use tower_http::{limit::RequestBodyLimitLayer, set_header::SetResponseHeaderLayer};

/// A layer of a kind that answers by themselves, and without the app.
async fn locked(request: axum::extract::Request, next: Next) -> axum::response::Response {
    match request.headers().contains_key("locked") {
        true => (StatusCode::LOCKED, "locked").into_response(),
        false => next.run(request).await,
    }
}

async fn layered() -> Running {
    let named = |name| SetResponseHeaderLayer::appending(SERVER, HeaderValue::from_static(name));
    let inner = ServiceBuilder::new().layer(ConcurrencyLimitLayer::new(8)).layer(RequestBodyLimitLayer::new(8));
    // What is written for axum takes axum's bodies.
    let to_axum = MapRequestLayer::new(|request: Request<LayeredBody>| request.map(axum::body::Body::new));
    let locks = ServiceBuilder::new().layer(to_axum).layer(from_fn(locked));
    started_as(Server::new(app::<All>()).layer(inner).layer(named("near")).layer(locks).layer(named("far")).behind(1))
        .await
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{headers}\r\n")
}

/// Begins a call of that word, and goes away.
async fn a_client_that_goes_away_ends_its_call(server: &Running, word: &str) {
    let mut stream = server.connect().await;
    stream.write_all(get(&format!("/wait?word={word}&ms=60000"), "").as_bytes()).await.unwrap();
    until_noted(word, &["begun"]).await;
    drop(stream);
    until_noted(word, &["begun", "dropped"]).await;
}

#[tokio::test]
async fn requests_go_through_every_layer_and_later_ones_are_further_out() {
    let mut server = layered().await;
    let answer = server.raw(get("/show/1", "x-request-id: req-7\r\n")).await;
    assert_eq!((status(&answer), header(&answer, "x-request-id")), (200, Some("req-7")));
    let names: Vec<&str> = answer.lines().filter_map(|line| line.strip_prefix("server: ")).collect();
    assert_eq!(names, ["near", "far"]);
    // A call still knows its client.
    let seen: Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(seen["client"], "127.0.0.1");
    // What is answered by a layer no layer within sees, nor the app.
    let answer = server.raw(get("/wait?word=locked&ms=0", "locked: yes\r\n")).await;
    assert_eq!((status(&answer), body(&answer)), (423, "locked"));
    assert_eq!((header(&answer, "server"), noted("locked")), (Some("far"), vec![]));
    // A layer may put another body around that of the request.
    let post = |body: &str| {
        let head = "POST /show/1 HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: ";
        format!("{head}{}\r\n\r\n{body}", body.len())
    };
    assert_eq!(status(&server.raw(post("eight oc")).await), 200);
    assert_eq!(status(&server.raw(post("more than eight")).await), 413);
    // Answers stream through.
    let chunks = "2\r\n1\n\r\n2\r\n2\n\r\n2\r\n3\n\r\n0\r\n\r\n".to_owned();
    assert_eq!(server.get("/stream?word=ends").await, (200, chunks));
    // Health is the server's own.
    let answer = server.raw(get("/healthz", "locked: yes\r\n")).await;
    assert_eq!((status(&answer), header(&answer, "server")), (200, None));
    server.stop();
    server.ended().await;
}

#[tokio::test]
async fn layers_that_the_app_names_stand_within_those_of_the_server() {
    let named = |name| move || SetResponseHeaderLayer::appending(SERVER, HeaderValue::from_static(name));
    let layered = app::<All>().tower(named("of the app")).tower(|| ConcurrencyLimitLayer::new(8));
    let limits = Limits { body: 8, ..Limits::default() };
    let mut server = started_as(Server::new(layered).limits(limits).layer(named("of the server")())).await;
    let names = |answer: &str| -> Vec<String> {
        answer.lines().filter_map(|line| Some(line.strip_prefix("server: ")?.to_owned())).collect()
    };
    let both = ["of the app", "of the server"];
    let answer = server.raw(get("/show/1", "")).await;
    assert_eq!((status(&answer), names(&answer)), (200, both.map(str::to_owned).to_vec()));
    // A whole answer says how long it is.
    assert_eq!(header(&answer, "content-length"), Some(body(&answer).len().to_string().as_str()));
    let seen: Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!((&seen["client"], &seen["host"]), (&"127.0.0.1".into(), &"t".into()));
    // What no route takes, and what the server refuses, passes both.
    let answer = server.raw(get("/nowhere", "")).await;
    assert_eq!((status(&answer), names(&answer)), (404, both.map(str::to_owned).to_vec()));
    let large = "POST /show/1 HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: 15\r\n\r\nmore than eight";
    let answer = server.raw(large.to_owned()).await;
    assert_eq!((status(&answer), names(&answer)), (413, both.map(str::to_owned).to_vec()));
    // Answers stream through, and end with their client.
    let chunks = "2\r\n1\n\r\n2\r\n2\n\r\n2\r\n3\n\r\n0\r\n\r\n".to_owned();
    assert_eq!(server.get("/stream?word=ends").await, (200, chunks));
    a_client_that_goes_away_ends_its_call(&server, "left-by-the-app").await;
    server.stop();
    server.ended().await;
}

#[tokio::test]
async fn a_layer_that_fails_is_an_answer_and_ends_the_call() {
    let layer = ServiceBuilder::new().layer(TimeoutLayer::new(Duration::from_millis(100)));
    let mut server = started_as(Server::new(app::<All>()).layer(layer)).await;
    let answer = server.raw(get("/wait?word=slow&ms=60000", "")).await;
    assert_eq!((status(&answer), header(&answer, "content-type")), (500, Some("application/problem+json")));
    let problem: Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(problem["code"], "internal");
    assert!(!answer.contains("elapsed"), "{answer}");
    until_noted("slow", &["begun", "dropped"]).await;
    // With no proxy before it an id is the client's own, behind layers too.
    let answer = server.raw(get("/wait?word=quick&ms=0", "x-request-id: req-7\r\n")).await;
    assert_eq!(status(&answer), 200);
    assert!(header(&answer, "x-request-id").is_some_and(|id| id != "req-7"), "{answer}");
    server.stop();
    server.ended().await;
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_call_behind_layers() {
    let mut server = layered().await;
    a_client_that_goes_away_ends_its_call(&server, "left").await;
    server.stop();
    server.ended().await;
}
