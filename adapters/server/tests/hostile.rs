//! Clients that mean no good, or no longer can.

mod common;

use common::{app, body, code, header, noted, rest, started, status, until_noted};
use http_body_util::{Empty, Full};
use pikku::{All, Bytes};
use pikku_server::{Limits, Server};
use std::{
    error::Error,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn what_is_no_http_is_refused_and_the_next_is_answered() {
    let server = started(Limits { head_time: SHORT, idle_time: SHORT, ..Limits::default() }).await;
    for octets in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nhost: t\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: t\r\n folded: x\r\n\r\n",
        b"POST /show/1 HTTP/1.1\r\nhost: t\r\ncontent-length: -1\r\n\r\n",
        b"POST /show/1 HTTP/1.1\r\nhost: t\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"POST /show/1 HTTP/1.1\r\nhost: t\r\ntransfer-encoding: identity\r\ncontent-length: 5\r\n\r\nWorld",
        b"GET / HTTP/1.1\r\nx: \0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\xff\0\0\0\0\0",
    ] {
        let answer = server.raw(octets).await;
        assert!(!answer.contains(" 200 "), "{answer:?} to {}", octets.escape_ascii());
        if answer.starts_with("HTTP/1.1") {
            assert_eq!(status(&answer), 400, "{}", octets.escape_ascii());
        }
    }
    assert_eq!(server.get("/show/1").await.0, 200);
}

#[tokio::test]
async fn a_chunk_that_is_none_is_a_400() {
    let server = started(Limits::default()).await;
    let answer = server.raw("POST /show/1 HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n").await;
    assert_eq!((status(&answer), code(body(&answer)).as_str()), (400, "malformed_input"));
}

#[tokio::test]
async fn floods_of_headers_are_refused() {
    let server = started(Limits { head: 16 << 10, headers: 20, ..Limits::default() }).await;
    let many: String = (0..30).map(|n| format!("x-{n}: 1\r\n")).collect();
    let long = format!("x: {}\r\n", "a".repeat(20 << 10));
    for flood in [many, long] {
        let answer = server.raw(format!("GET /show/1 HTTP/1.1\r\nhost: t\r\n{flood}\r\n")).await;
        assert_eq!(status(&answer), 431);
    }
    let few: String = (0..15).map(|n| format!("x-{n}: {}\r\n", "a".repeat(500))).collect();
    let answer = server.raw(format!("GET /show/1 HTTP/1.1\r\nhost: t\r\n{few}connection: close\r\n\r\n")).await;
    assert_eq!(status(&answer), 200);
}

#[tokio::test]
async fn heads_that_never_end_are_given_up() {
    let server = started(Limits { head_time: SHORT, idle_time: SHORT, ..Limits::default() }).await;
    // Nothing at all, the beginning of either version, a head that grows for ever, and a connection that was used.
    for begin in ["", "G", "PRI * HT", "GET / HTTP/1.1\r\n", "GET /show/1 HTTP/1.1\r\nhost: t\r\n\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(begin.as_bytes()).await.unwrap();
        let begun = Instant::now();
        let (mut reader, mut writer) = stream.split();
        let drip = async {
            while begin.ends_with("1.1\r\n") {
                sleep(Duration::from_millis(20)).await;
                if writer.write_all(b"x: y\r\n").await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let mut octets = Vec::new();
        let closed = async { reader.read_to_end(&mut octets).await };
        tokio::select! {
            closed = timeout(Duration::from_secs(10), closed) => drop(closed.expect("the server closes")),
            () = drip => {}
        }
        assert!(begun.elapsed() >= SHORT.mul_f32(0.9) && begun.elapsed() < Duration::from_secs(3), "{begin:?}");
    }
}

#[tokio::test]
async fn a_slow_call_is_no_idle_connection() {
    let server = started(Limits { head_time: SHORT, idle_time: SHORT, ..Limits::default() }).await;
    assert_eq!(server.get("/wait?word=patient&ms=1000").await, (200, "\"waited\"".to_owned()));
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_before_they_are_held() {
    let server = started(Limits { body: 1000, ..Limits::default() }).await;
    let declared = "POST /show/1 HTTP/1.1\r\nhost: t\r\ncontent-length: 1073741824\r\n\r\n";
    let answer = server.raw(declared).await;
    assert_eq!((status(&answer), code(body(&answer)).as_str()), (413, "content_too_large"));
    assert!(header(&answer, "x-request-id").is_some());
    let chunks = format!("400\r\n{}\r\n", "a".repeat(1024));
    let undeclared = format!("POST /show/1 HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
    let answer = server.raw(undeclared).await;
    assert_eq!((status(&answer), code(body(&answer)).as_str()), (413, "content_too_large"));
    let exact = format!(
        "POST /show/1 HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: 1000\r\n\r\n{}",
        "a".repeat(1000)
    );
    assert_eq!(status(&server.raw(exact).await), 200);
}

#[tokio::test]
async fn who_sends_too_much_gets_the_answer_all_the_same() {
    let server = started(Limits { body: 1 << 20, ..Limits::default() }).await;
    let length = 16 << 20;
    let mut upload = format!("POST /show/1 HTTP/1.1\r\nhost: t\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    upload.resize(upload.len() + length, b'a');
    let mut stream = server.connect().await;
    // All of it is sent before any of the answer is read.
    stream.write_all(&upload).await.expect("the server reads on");
    let mut answer = [0; 1000];
    let length = timeout(Duration::from_secs(10), stream.read(&mut answer)).await.expect("in time").expect("an answer");
    assert_eq!(status(&String::from_utf8_lossy(&answer[..length])), 413);
    // Who waits to be asked is not asked.
    let waits = "POST /show/1 HTTP/1.1\r\nhost: t\r\ncontent-length: 1073741824\r\nexpect: 100-continue\r\n\r\n";
    let begun = Instant::now();
    assert_eq!(status(&server.raw(waits).await), 413);
    assert!(begun.elapsed() < Duration::from_millis(900));
}

#[tokio::test]
async fn a_body_that_drips_is_a_408() {
    let server = started(Limits { request_time: SHORT, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /show/1 HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    let answer = rest(&mut stream).await;
    assert_eq!((status(&answer), code(body(&answer)).as_str()), (408, "request_timeout"));
}

#[tokio::test]
async fn all_bodies_together_have_a_limit() {
    let server = started(Limits { body: 1000, bodies: 1500, ..Limits::default() }).await;
    let mut dripping = server.connect().await;
    let begin = format!(
        "POST /show/1 HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: 1000\r\n\r\n{}",
        "a".repeat(999)
    );
    dripping.write_all(begin.as_bytes()).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    let full = format!(
        "POST /show/1 HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: 1000\r\n\r\n{}",
        "a".repeat(1000)
    );
    let answer = server.raw(&full).await;
    assert_eq!((status(&answer), code(body(&answer)).as_str()), (503, "overloaded"));
    dripping.write_all(b"a").await.unwrap();
    assert_eq!(status(&rest(&mut dripping).await), 200);
    assert_eq!(status(&server.raw(&full).await), 200);
}

#[tokio::test]
async fn all_requests_together_have_a_limit() {
    let server = started(Limits { requests: 1, ..Limits::default() }).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /wait?word=only&ms=500 HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await.unwrap();
    until_noted("only", &["begun"]).await;
    let (status_of_second, problem) = server.get("/show/1").await;
    assert_eq!((status_of_second, code(&problem).as_str()), (503, "overloaded"));
    // That it is alive does not depend on it.
    assert_eq!(server.get("/healthz").await.0, 200);
    assert_eq!(status(&rest(&mut first).await), 200);
    assert_eq!(server.get("/show/1").await.0, 200);
}

#[tokio::test]
async fn floods_of_headers_are_refused_over_http_2() {
    let server = started(Limits { head: 16 << 10, ..Limits::default() }).await;
    let mut client = server.http2().await;
    let mut ask = |length: usize| {
        let request = hyper::Request::get("http://t/show/1").header("x", "a".repeat(length));
        client.send_request(request.body(Empty::<Bytes>::new()).unwrap())
    };
    let (flood, good) = (ask(20 << 10), ask(1 << 10));
    assert_eq!((flood.await.unwrap().status().as_u16(), good.await.unwrap().status().as_u16()), (431, 200));
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_over_http_2() {
    let server = started(Limits { body: 1 << 20, ..Limits::default() }).await;
    let mut client = server.http2().await;
    for (length, expected) in [(64 << 20, 413), (1 << 20, 200)] {
        let request = hyper::Request::post("http://t/show/1").body(Full::new(Bytes::from(vec![b'a'; length]))).unwrap();
        let answer = timeout(Duration::from_secs(10), client.send_request(request)).await.expect("in time");
        assert_eq!(answer.unwrap().status().as_u16(), expected);
    }
}

#[tokio::test]
async fn who_looks_is_refused_while_it_sends() {
    let server = started(Limits { body: 1 << 20, ..Limits::default() }).await;
    let (mut reader, mut writer) = server.connect().await.into_split();
    writer.write_all(b"POST /show/1 HTTP/1.1\r\nhost: t\r\ncontent-length: 1073741824\r\n\r\n").await.unwrap();
    let sends = tokio::spawn(async move {
        let piece = vec![b'a'; 64 << 10];
        let mut sent = 0;
        while writer.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
        sent
    });
    let mut answer = Vec::new();
    // It ends when the server will send no more, while it still reads.
    timeout(Duration::from_secs(10), reader.read_to_end(&mut answer)).await.expect("in time").expect("no reset");
    assert_eq!(status(&String::from_utf8_lossy(&answer)), 413);
    let sent = timeout(Duration::from_secs(10), sends).await.expect("the server closes").unwrap();
    assert!(sent < 64 << 20, "{sent}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let server = started(Limits { head_time: SHORT, idle_time: SHORT, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /stream?word=endless HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    let mut some = [0; 1000];
    stream.read_exact(&mut some).await.unwrap();
    sleep(SHORT * 8).await;
    // What was on its way comes still, and then no more.
    let mut left = Vec::new();
    let read = timeout(Duration::from_secs(10), stream.read_to_end(&mut left)).await.expect("the server closes");
    drop(read);
    assert!(left.len() < 64 << 20, "{}", left.len());
}

#[tokio::test]
async fn half_a_body_is_no_call() {
    let server = started(Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /later?word=half HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    drop(stream);
    sleep(Duration::from_millis(100)).await;
    assert!(noted("half").is_empty());
    assert_eq!(server.get("/show/1").await.0, 200);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = started(Limits::default()).await;
    let requests: String = (0..20).map(|n| format!("GET /show/{n} HTTP/1.1\r\nhost: t\r\n\r\n")).collect();
    let mut stream = server.connect().await;
    stream
        .write_all(format!("{requests}GET /show/last HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let answers = rest(&mut stream).await;
    let paths: Vec<&str> =
        answers.split("\"path\":\"/show/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(paths.len(), 21);
    assert!(paths[..20].iter().enumerate().all(|(n, path)| *path == n.to_string()) && paths[20] == "last", "{paths:?}");
}

#[tokio::test]
async fn a_port_in_use_says_so() {
    let server = started(Limits::default()).await;
    let error = Server::new(app::<All>()).address(server.address).bind().await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("PK8001", 8));
    assert_eq!(error.to_string(), format!("the address {} is in use", server.address));
    assert!(error.source().is_some());
    let nowhere = Server::new(app::<All>()).address("nowhere").bind().await.unwrap_err();
    assert_eq!(nowhere.code(), "PK8002");
}

#[tokio::test]
async fn a_client_that_resets_leaves_nothing_behind() {
    let server = started(Limits::default()).await;
    let stream = server.connect().await;
    stream.set_zero_linger().unwrap();
    let mut stream = stream;
    stream.write_all(b"GET /wait?word=reset-by-peer&ms=60000 HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    until_noted("reset-by-peer", &["begun"]).await;
    drop(stream);
    until_noted("reset-by-peer", &["begun", "dropped"]).await;
}
