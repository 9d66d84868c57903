//! A server over real sockets: what calls see, what clients get, how it ends.

mod common;

use common::{app, body, header, noted, rest, started, started_as, status, until_noted};
use http_body_util::{BodyExt, Empty};
use pikku::{All, Bytes};
use pikku_server::{Limits, Server};
use serde_json::Value;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("no JSON: {why}: {text:?}"))
}

#[tokio::test]
async fn a_call_sees_its_request() {
    let server = started_as(Server::new(app()).behind(1)).await;
    let sent = "POST http://shop.example/show/a%20b?q=1 HTTP/1.1\r\nhost: t\r\nx-request-id: req-7\r\nconnection: close\r\n\
                traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ncookie: a=1; b=2\r\n\
                content-length: 4\r\n\r\nbody";
    let answer = server.raw(sent).await;
    assert_eq!((status(&answer), header(&answer, "x-request-id")), (200, Some("req-7")));
    let mut seen = json(body(&answer));
    let left = seen["left_ms"].take().as_u64().unwrap();
    assert!((25_000..=30_000).contains(&left), "{left}");
    assert_eq!(
        seen.to_string(),
        r#"{"client":"127.0.0.1","cookies":[["a","1"],["b","2"]],"host":"shop.example","id":"req-7","left_ms":null,"method":"POST","octets":4,"path":"/show/a%20b","trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}"#
    );
}

#[tokio::test]
async fn an_id_is_taken_of_a_proxy_alone() {
    let ask = |ids: &str| format!("GET /show/1 HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{ids}\r\n");
    let is_made = |answer: &str| header(answer, "x-request-id").is_some_and(|id| id.len() == 32);
    let (open, behind) = (started(Limits::default()).await, started_as(Server::new(app()).behind(1)).await);
    let answer = open.raw(ask("x-request-id: forged\r\n")).await;
    assert!(is_made(&answer), "a client chooses no id: {answer}");
    assert_eq!(header(&behind.raw(ask("x-request-id: of-a.proxy\r\n")).await, "x-request-id"), Some("of-a.proxy"));
    let long = format!("x-request-id: {}\r\n", "a".repeat(129));
    for ids in ["", "x-request-id: a b\r\n", "x-request-id: <b>\r\n", "x-request-id: a\r\nx-request-id: b\r\n", &long] {
        let answer = behind.raw(ask(ids)).await;
        assert!(is_made(&answer), "{ids}: {answer}");
    }
}

#[tokio::test]
async fn header_smuggling_a_client_tells_a_server_no_address_of_its_own() {
    let seen = async |server: &common::Running, headers: &str| {
        let answer = server.raw(format!("GET /show/1 HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{headers}\r\n")).await;
        json(body(&answer))["client"].as_str().map(str::to_owned)
    };
    let (peer, claimed) = (Some("127.0.0.1".to_owned()), |address: &str| Some(address.to_owned()));
    let open = started(Limits::default()).await;
    let one = started_as(Server::new(app()).behind(1)).await;
    let two = started_as(Server::new(app()).behind(2)).await;
    for name in [
        "cf-connecting-ip",
        "client-ip",
        "forwarded",
        "true-client-ip",
        "x-amzn-request-context",
        "x-azure-clientip",
        "x-client-ip",
        "x-real-ip",
    ] {
        let header = format!("{name}: 198.51.100.1\r\n");
        for server in [&open, &one, &two] {
            assert_eq!(seen(server, &header).await, peer, "{name}");
        }
    }
    // A proxy adds what it sees at the end: with none before the server all of it is the client's own, and with some, what stands
    // before what the outermost of them saw.
    let header = "x-forwarded-for: 198.51.100.1, 198.51.100.2\r\nX-Forwarded-For: 203.0.113.7, 10.0.0.1\r\n";
    assert_eq!(seen(&open, header).await, peer);
    assert_eq!(seen(&one, header).await, claimed("10.0.0.1"));
    assert_eq!(seen(&two, header).await, claimed("203.0.113.7"));
    // Who came past a proxy has said less than there are proxies.
    assert_eq!(seen(&two, "x-forwarded-for: 198.51.100.1\r\n").await, peer);
    assert_eq!(seen(&one, "x-forwarded-for: 203.0.113.7, nobody\r\n").await, peer);
}

#[tokio::test]
async fn every_answer_has_an_id() {
    let server = started(Limits::default()).await;
    let mut ids = Vec::new();
    for path in ["/show/1", "/nowhere", "/fail"] {
        let answer = server.raw(format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")).await;
        ids.push(header(&answer, "x-request-id").unwrap().to_owned());
    }
    assert!(ids.iter().all(|id| id.len() == 32), "{ids:?}");
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn health_is_told_beside_the_app() {
    let server = started(Limits::default()).await;
    assert_eq!(server.get("/healthz").await, (200, r#"{"status":"alive"}"#.to_owned()));
    assert_eq!(server.get("/readyz").await, (200, r#"{"status":"ready"}"#.to_owned()));
    let head = server.raw("HEAD /readyz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await;
    assert_eq!((status(&head), body(&head)), (200, ""));
    let post = server.raw("POST /readyz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await;
    assert_eq!((status(&post), header(&post, "allow")), (405, Some("GET, HEAD")));
}

#[tokio::test]
async fn a_route_of_the_app_goes_before_health() {
    let stop = std::future::pending();
    let server =
        Server::new(app::<All>()).address("127.0.0.1:0").alive_at(Some("/show/health")).ready_at(None).until(stop);
    let server = server.bind().await.unwrap();
    let address = server.address();
    tokio::spawn(server.serve());
    let ask = async |path: &str| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(&mut stream).await
    };
    assert_eq!(json(body(&ask("/show/health").await))["path"], "/show/health");
    assert_eq!(status(&ask("/readyz").await), 404);
}

#[tokio::test]
async fn streams_go_out_as_they_are_made() {
    let server = started(Limits::default()).await;
    let answer = server.raw("GET /stream?word=ends HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await;
    assert_eq!(header(&answer, "transfer-encoding"), Some("chunked"));
    assert_eq!(body(&answer), "2\r\n1\n\r\n2\r\n2\n\r\n2\r\n3\n\r\n0\r\n\r\n");
    for end in ["fails", "panics"] {
        let answer = server.raw(format!("GET /stream?word={end} HTTP/1.1\r\nhost: t\r\n\r\n")).await;
        assert!(!answer.ends_with("0\r\n\r\n") && !answer.contains("private"), "{answer}");
    }
}

#[tokio::test]
async fn a_panic_fails_its_call_alone() {
    let server = started(Limits::default()).await;
    let requests = "GET /fail HTTP/1.1\r\nhost: t\r\n\r\nGET /show/1 HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n";
    let answers = server.raw(requests).await;
    let statuses: Vec<&str> = answers.matches("HTTP/1.1 500").chain(answers.matches("HTTP/1.1 200")).collect();
    assert_eq!(statuses, ["HTTP/1.1 500", "HTTP/1.1 200"]);
    assert!(answers.contains(r#""code":"internal""#) && !answers.contains("on purpose"), "{answers}");
}

#[tokio::test]
async fn the_deadline_is_a_504() {
    let server = started(Limits { request_time: Duration::from_millis(200), ..Limits::default() }).await;
    let (status, body) = server.get("/wait?word=deadline&ms=60000").await;
    assert_eq!((status, common::code(&body)), (504, "deadline_exceeded".to_owned()));
    assert_eq!(noted("deadline"), ["begun", "dropped"]);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_call() {
    let server = started(Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /wait?word=gone&ms=60000 HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    until_noted("gone", &["begun"]).await;
    drop(stream);
    until_noted("gone", &["begun", "dropped"]).await;
}

#[tokio::test]
async fn work_after_an_answer_is_not_waited_for() {
    let server = started(Limits::default()).await;
    let answer = server.raw("POST /later?word=after&ms=300 HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), 200);
    assert!(!noted("after").contains(&"work done"));
    until_noted("after", &["work begun", "work done"]).await;
}

/// What makes an answer while it is sent ends with who reads it, whether it has something to send or waits, as events do.
#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_of_an_answer_ends_it() {
    let server = started(Limits::default()).await;
    for word in ["silent-1", "endless-1"] {
        let mut stream = server.connect().await;
        stream.write_all(format!("GET /stream?word={word} HTTP/1.1\r\nhost: t\r\n\r\n").as_bytes()).await.unwrap();
        stream.read_exact(&mut [0; 64]).await.unwrap();
        assert!(noted(word).is_empty(), "it goes on: {word}");
        drop(stream);
        until_noted(word, &["dropped"]).await;
    }
    // A stream that is reset, and beside it one that is read on.
    let mut client = server.http2().await;
    let mut ask = |word: &str| {
        let uri = format!("http://t/stream?word={word}");
        client.send_request(hyper::Request::get(uri).body(Empty::<Bytes>::new()).unwrap())
    };
    let (kept, silent, endless) = (ask("silent-kept"), ask("silent-2"), ask("endless-2"));
    let mut kept = kept.await.unwrap().into_body();
    for (answer, word) in [(silent, "silent-2"), (endless, "endless-2")] {
        let mut body = answer.await.unwrap().into_body();
        assert!(body.frame().await.unwrap().is_ok());
        assert!(noted(word).is_empty(), "it goes on: {word}");
        drop(body);
        until_noted(word, &["dropped"]).await;
    }
    assert!(kept.frame().await.unwrap().is_ok() && noted("silent-kept").is_empty());
}

#[tokio::test]
async fn it_speaks_http_2() {
    let server = started(Limits::default()).await;
    let mut client = server.http2().await;
    let mut ask = |path: &str| {
        let uri = format!("http://shop.example{path}");
        client.send_request(hyper::Request::get(uri).body(Empty::<Bytes>::new()).unwrap())
    };
    let (slow, gone) = (ask("/wait?word=slow&ms=300"), ask("/wait?word=reset&ms=60000"));
    let (panicked, seen) = (ask("/stream?word=panics"), ask("/show/2"));
    let seen = seen.await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(json(&String::from_utf8_lossy(&seen))["host"], "shop.example");
    // A stream that is reset ends its call; a body that panics, its stream; the others go on.
    until_noted("reset", &["begun"]).await;
    drop(gone);
    until_noted("reset", &["begun", "dropped"]).await;
    // The head may be overtaken by the reset.
    let panicked = async { panicked.await?.into_body().collect().await };
    assert!(panicked.await.is_err());
    assert_eq!(slow.await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_was_begun_is_finished_when_it_stops() {
    let mut server = started(Limits::default()).await;
    assert_eq!(server.get("/uses?word=drained").await.0, 200);
    let (mut busy, mut idle) = (server.connect().await, server.connect().await);
    busy.write_all(b"GET /wait?word=drain&ms=500 HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    idle.write_all(b"POST /later?word=drained&ms=700 HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    until_noted("drain", &["begun"]).await;
    until_noted("drained", &["work begun"]).await;
    let address = server.address;
    server.stop();
    assert_eq!(status(&rest(&mut idle).await), 200);
    // Nobody new gets in.
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    let answer = rest(&mut busy).await;
    assert_eq!((status(&answer), body(&answer)), (200, "\"waited\""));
    server.ended().await;
    assert_eq!(noted("drained"), ["work begun", "work done", "closed"]);
}

#[tokio::test]
async fn a_stream_that_is_on_is_finished_when_it_stops() {
    let mut server = started(Limits::default()).await;
    let mut old = server.connect().await;
    old.write_all(b"GET /stream?word=slowly-1 HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    let mut client = server.http2().await;
    let request = hyper::Request::get("http://t/stream?word=slowly-2").body(Empty::<Bytes>::new()).unwrap();
    let new = client.send_request(request).await.unwrap();
    let mut first = [0; 1];
    old.read_exact(&mut first).await.unwrap();
    server.stop();
    let (old, new) = tokio::join!(rest(&mut old), new.into_body().collect());
    assert!(old.ends_with("2\r\n3\n\r\n0\r\n\r\n"), "{old}");
    assert_eq!(new.unwrap().to_bytes(), "1\n2\n3\n");
    server.ended().await;
}

#[tokio::test]
async fn the_end_comes_when_the_time_is_over() {
    let mut server = started(Limits { drain_time: Duration::from_millis(200), ..Limits::default() }).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait?word=cut&ms=60000 HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    until_noted("cut", &["begun"]).await;
    server.stop();
    server.ended().await;
    assert_eq!((rest(&mut busy).await.as_str(), noted("cut")), ("", vec!["begun", "dropped"]));
}

#[tokio::test]
async fn more_connections_than_the_limit_wait() {
    let server = started(Limits { connections: 1, ..Limits::default() }).await;
    let first = server.connect().await;
    sleep(Duration::from_millis(50)).await;
    let second = server.get("/show/1");
    let ends = async {
        sleep(Duration::from_millis(100)).await;
        drop(first);
    };
    let begun = std::time::Instant::now();
    let ((status, _), ()) = tokio::join!(second, ends);
    assert_eq!(status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(100));
}
