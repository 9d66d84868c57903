//! The plain server over a real socket, and layers of tower around it.

use http::{HeaderValue, Request, StatusCode, header::SERVER};
use pikku::{All, App, AuthError, Bytes, Call, Claims, Group, Session, http::post};
use pikku_middleware::{
    Compression, SecurityHeaders,
    cors::{Cors, Origins, Policy},
};
use pikku_server::{AppService, Limits, Server};
use serde_json::json;
use std::{convert::Infallible, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::set_header::SetResponseHeaderLayer;

struct ShopCors;

impl Policy for ShopCors {
    const NAME: &'static str = "shop";
    const ORIGINS: Origins = Origins::Only(&["https://shop.example"]);
    const HEADERS: &'static [&'static str] = &["authorization", "content-type"];
}

#[pikku::authenticator]
async fn token(call: &Call) -> Result<Option<Claims>, AuthError> {
    let token = call.headers().and_then(|headers| headers.get("authorization"));
    Ok(token.map(|name| Claims::new(json!(name))))
}

#[pikku::function]
async fn order(user: Session<String>) -> Result<Vec<String>, Infallible> {
    Ok(vec![user.0; 500])
}

#[derive(Group)]
struct Shop;

fn app() -> App<All> {
    App::new()
        .authenticate::<token>()
        .middleware::<SecurityHeaders>()
        .middleware::<Cors<ShopCors>>()
        .middleware::<Compression>()
        .group::<Shop>(|g| g.http::<order>(post("/orders")))
}

/// One request on a connection of its own, and what comes back.
async fn exchange(address: std::net::SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = request.replace('\n', "\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_preflight_and_what_follows_it() {
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::new(app()).address("127.0.0.1:0").until(async { _ = stopped.await }).bind().await.unwrap();
    let address = server.address();
    let serving = tokio::spawn(server.serve());

    let answer = exchange(
        address,
        "OPTIONS /orders HTTP/1.1\nhost: api.example\nconnection: close\norigin: https://shop.example\n\
         access-control-request-method: POST\naccess-control-request-headers: authorization,content-type\n\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    for header in [
        "access-control-allow-origin: https://shop.example",
        "access-control-allow-methods: POST",
        "access-control-allow-headers: authorization, content-type",
        "access-control-max-age: 600",
        "vary: origin",
    ] {
        assert!(answer.contains(&format!("\r\n{header}\r\n")), "{header}: {answer}");
    }

    let post = |headers: &str| {
        format!("POST /orders HTTP/1.1\nhost: api.example\nconnection: close\n{headers}content-length: 0\n\n")
    };
    let answer = exchange(address, &post("origin: https://shop.example\nauthorization: ada\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("\r\naccess-control-allow-origin: https://shop.example\r\n"), "{answer}");
    let answer =
        exchange(address, &post("origin: https://shop.example\nauthorization: ada\naccept-encoding: gzip\n")).await;
    assert!(answer.contains("\r\ncontent-encoding: gzip\r\n"), "{answer}");

    let answer = exchange(address, &post("origin: https://shop.example\n")).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("\r\naccess-control-allow-origin: https://shop.example\r\n"), "{answer}");
    assert!(answer.contains("\r\nx-content-type-options: nosniff\r\n"), "{answer}");

    let answer = exchange(address, &post("origin: https://shop.example.evil.org\nauthorization: ada\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("access-control-"), "{answer}");
    let answer = exchange(address, "OPTIONS /orders HTTP/1.1\nhost: api.example\nconnection: close\n\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("\r\nallow: POST\r\n"), "{answer}");

    stop.send(()).unwrap();
    serving.await.unwrap();
}

/// What the server refuses before there is a call has what stands on every answer of the app.
#[tokio::test]
async fn what_the_server_refuses_has_the_headers_of_the_app() {
    let limits = Limits { body: 8, request_time: Duration::from_millis(300), ..Limits::default() };
    let none = Limits { requests: 0, ..Limits::default() };
    for (limits, length, body, status) in
        [(limits.clone(), 2000, "", "413 "), (limits, 5, "four", "408 "), (none, 0, "", "503 ")]
    {
        let (stop, stopped) = oneshot::channel::<()>();
        let server = Server::new(app()).address("127.0.0.1:0").limits(limits);
        let server = server.until(async { _ = stopped.await }).bind().await.unwrap();
        let address = server.address();
        let serving = tokio::spawn(server.serve());
        let request = format!(
            "POST /orders HTTP/1.1\nhost: api.example\nconnection: close\norigin: https://shop.example\n\
             content-length: {length}\n\n{body}"
        );
        let answer = exchange(address, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
        for header in [
            "access-control-allow-origin: https://shop.example",
            "x-content-type-options: nosniff",
            "content-type: application/problem+json",
        ] {
            assert!(answer.contains(&format!("\r\n{header}\r\n")), "{status}: {header}: {answer}");
        }
        stop.send(()).unwrap();
        serving.await.unwrap();
    }
}

/// Any layer of tower goes around the app as the server has it.
#[tokio::test]
async fn layers_of_tower_go_around_the_app() {
    let service = AppService::start(app(), Limits::default()).await.unwrap();
    let layered = ServiceBuilder::new()
        .layer(SetResponseHeaderLayer::overriding(SERVER, HeaderValue::from_static("shop")))
        .layer(tower_http::limit::RequestBodyLimitLayer::new(8))
        .service(service.clone());
    let request = |body: &'static str| {
        let request = Request::post("/orders").header("authorization", "ada").header("content-length", body.len());
        request.body(http_body_util::Full::new(Bytes::from(body))).unwrap()
    };
    let answer = layered.clone().oneshot(request("")).await.unwrap();
    assert_eq!((answer.status(), answer.headers().get(SERVER).unwrap().as_bytes()), (StatusCode::OK, &b"shop"[..]));
    assert!(answer.headers().contains_key("x-content-type-options"));
    // The layer answers, and the app is not asked.
    let answer = layered.oneshot(request("more than eight octets")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(!answer.headers().contains_key("x-content-type-options"));
    service.close().await;
}
