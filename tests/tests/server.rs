//! The packaged server as a process: raw octets over a socket, its log, how it begins and how it ends.

use pikku_local_server::{LocalServer, Request, Response, StartError};
use pikku_tests::{matrix, repository, server};
use serde_json::{Value, json};
use std::{fs, net::TcpListener, path::PathBuf, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);

async fn started(example: &str, variables: &[(&str, &str)]) -> LocalServer {
    let builder = LocalServer::program(server(example));
    let builder = matrix::variables().into_iter().fold(builder, |builder, (name, value)| builder.variable(name, value));
    let builder = variables.iter().fold(builder, |builder, (name, value)| builder.variable(name, value));
    builder.start().await.unwrap_or_else(|why| panic!("the server does not start: {why}"))
}

fn json_of(octets: &[u8]) -> Value {
    serde_json::from_slice(octets).unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(octets)))
}

/// That a server is a static program where it can be, and linked to a C library where that is asked for.
#[test]
fn a_server_is_static_unless_it_is_told_otherwise() {
    for (example, target, is_static) in
        [("shop", "x86_64-unknown-linux-musl", true), ("echo", "x86_64-unknown-linux-gnu", false)]
    {
        let program = server(example);
        let report = program.with_file_name("report.json");
        let report = json_of(&fs::read(&report).unwrap_or_else(|why| panic!("{}: {why}", report.display())));
        assert_eq!(report["target"], target, "{example}");
        // The system's loader, which a program that is linked to libraries names.
        let octets = fs::read(&program).expect("the program");
        let loader: &[u8] = b"ld-linux";
        assert_eq!(octets.windows(loader.len()).any(|window| window == loader), !is_static, "{example}");
    }
}

/// The events of the corpus that are octets for a socket, each with what is to come of it; none where there is no corpus.
fn corpus() -> Vec<(String, Vec<u8>, Value)> {
    let folder = repository().join("../shared/corpus");
    if !folder.is_dir() {
        eprintln!("skipped: there is no ../shared/corpus beside the repository");
        return Vec::new();
    }
    let read = |path: PathBuf| json_of(&fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display())));
    let manifest = read(folder.join("manifest.json"));
    let entries = manifest["entries"].as_array().expect("entries").iter();
    let chosen: Vec<_> = entries
        .filter(|entry| entry["kind"] == "http1-bytes")
        .map(|entry| {
            let file = entry["file"].as_str().expect("a file");
            let event = read(folder.join(file));
            // One character an octet.
            let octets = event["request_latin1"].as_str().expect("octets").chars();
            let octets = octets.map(|c| u8::try_from(u32::from(c)).expect("an octet")).collect();
            (file.to_owned(), octets, entry["expect"].clone())
        })
        .collect();
    assert!(!chosen.is_empty(), "the corpus has no octets for a socket");
    chosen
}

/// What differs between what a function saw and what it should have.
fn differences(expected: &Value, seen: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, wanted: &Value, seen: Value| {
        if !wanted.is_null() && *wanted != seen {
            found.push(format!("{what}: {wanted} was sent, {seen} was seen"));
        }
    };
    let segments = seen["path_segments"].as_array().expect("segments").iter().filter_map(Value::as_str);
    compare("method", &expected["method"], seen["method"].clone());
    compare("path", &expected["path"], format!("/{}", segments.collect::<Vec<_>>().join("/")).into());
    compare("path_segments", &expected["path_segments"], seen["path_segments"].clone());
    compare("query", &expected["query"], seen["query"].clone());
    compare("body", &expected["body_utf8"], seen["body"]["utf8"].clone());
    compare("cookies", &expected["cookies"], seen["cookies"].clone());
    for (name, values) in expected["headers"].as_object().into_iter().flatten() {
        compare(name, values, seen["headers"][name].clone());
    }
    for member in ["length", "sha256"] {
        compare(member, &expected["body"][member], seen["body"][member].clone());
    }
    found
}

#[tokio::test]
async fn octets_of_the_corpus_are_answered_or_refused() {
    let events = corpus();
    if events.is_empty() {
        return;
    }
    let echo = started("echo", &[]).await;
    for (file, octets, expected) in events {
        let answer = echo.raw(octets.clone(), LIMIT).await.unwrap_or_else(|why| panic!("{file}: {why}"));
        match expected["outcome"].as_str() {
            Some("accepted") => {
                let answer = answer.unwrap_or_else(|| panic!("{file}: no answer"));
                assert_eq!(answer.status, 200, "{file}");
                let found = differences(&expected, &json_of(&answer.body));
                assert!(found.is_empty(), "{file}: {found:#?}");
            }
            Some("rejected") => {
                // Whatever follows the refusal, no function has run: neither for this nor for what stands behind it.
                assert!(answer.is_none_or(|answer| (400..=501).contains(&answer.status)), "{file}");
                let all = String::from_utf8_lossy(&echo.exchange(&octets, LIMIT).await.expect("an end")).into_owned();
                assert!(all.matches("HTTP/1.1 ").count() <= 1 && !all.contains(" 200 "), "{file}: {all}");
            }
            other => panic!("{file}: the outcome {other:?} is not known"),
        }
    }
}

#[tokio::test]
async fn the_end_comes_after_the_answers() {
    let mut server = started("scenarios", &[("PIKKU_REQUEST_TIME", "2")]).await;
    let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
    stream.write_all(b"GET /never HTTP/1.1\r\nhost: t\r\n\r\n").await.expect("sent");
    sleep(Duration::from_millis(300)).await;
    let address = server.address();
    server.terminate().expect("it runs");
    let mut answer = String::new();
    timeout(LIMIT, stream.read_to_string(&mut answer)).await.expect("in time").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.contains("deadline_exceeded"), "{answer}");
    assert!(TcpStream::connect(address).await.is_err(), "it takes connections still");
    assert_eq!(server.ended().await.expect("an end").code(), Some(0));
    let said: Vec<Value> = server.logs().iter().map(|line| json_of(line.as_bytes())["message"].clone()).collect();
    assert!(
        said.ends_with(&[json!("stopping, SIGTERM"), json!("this took longer than it may"), json!("stopped")]),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_second_signal_is_insistence() {
    let mut server = started("scenarios", &[("PIKKU_REQUEST_TIME", "60")]).await;
    let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
    stream.write_all(b"GET /never HTTP/1.1\r\nhost: t\r\n\r\n").await.expect("sent");
    sleep(Duration::from_millis(200)).await;
    server.terminate().expect("it runs");
    sleep(Duration::from_millis(200)).await;
    server.terminate().expect("it runs still");
    let ended = timeout(Duration::from_secs(5), server.ended()).await.expect("in time").expect("an end");
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test]
async fn lines_of_the_log_are_json_with_id_and_trace() {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let server = started("scenarios", &[("PIKKU_PROXIES", "1")]).await;
    let request =
        Request::new("GET", "/failures?how=problem").header("x-request-id", "req-9").header("traceparent", trace);
    let Response { status, headers, .. } = server.send(request).await.expect("an answer");
    assert!(status == 451 && headers.contains(&("x-request-id".to_owned(), "req-9".to_owned())), "{headers:?}");
    // The log comes by another way than the answer.
    let line = async {
        loop {
            let lines = server.logs();
            let mut lines = lines.iter().map(|line| json_of(line.as_bytes()));
            match lines.find(|line| line["code"] == "not_here") {
                Some(line) => return line,
                None => sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let line = timeout(LIMIT, line).await.unwrap_or_else(|_| panic!("{:?}", server.logs()));
    assert_eq!((&line["call_id"], &line["trace"], &line["status"]), (&json!("req-9"), &json!(trace), &json!(451)));
    assert_eq!(
        (&line["level"], &line["call"]["id"], &line["function"]),
        (&json!("INFO"), &json!("req-9"), &json!("fail_in_the_query"))
    );
}

#[tokio::test]
async fn a_start_that_fails_says_why() {
    let start = async |name: &str, value: &str| match LocalServer::program(server("echo"))
        .variable(name, value)
        .start()
        .await
    {
        Err(StartError::Ended { code, log }) => {
            let last = json_of(log.last().expect("a line").as_bytes());
            assert!(last["hint"].is_string() && last["level"] == "ERROR", "{last}");
            (code, last["code"].clone(), last["message"].as_str().unwrap_or_default().to_owned())
        }
        other => panic!("it came to {other:?}"),
    };
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    assert_eq!(
        start("PIKKU_ADDRESS", &address).await,
        (Some(8), json!("PK8001"), format!("the address {address} is in use"))
    );
    assert_eq!(start("PIKKU_ADDRESS", "192.0.2.1:80").await.1, "PK8002");
    let (code, name, message) = start("PIKKU_BODY_LIMIT", "10MB").await;
    assert_eq!((code, name), (Some(2), json!("PK8003")));
    assert!(message.starts_with("PIKKU_BODY_LIMIT is `10MB`: "), "{message}");
}

/// The most memory that a process has had, in bytes.
fn peak(server: &LocalServer) -> u64 {
    let id = server.id().expect("it runs");
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes * 1024
}

/// Sixteen clients that each would send a gigabyte, a chunk after the other, to a server that holds 8 MiB of bodies.
#[tokio::test]
async fn endless_bodies_do_not_fill_the_memory() {
    let limits = [("PIKKU_BODY_LIMIT", "1048576"), ("PIKKU_BODIES_LIMIT", "8388608")];
    let server = started("scenarios", &limits).await;
    let address = server.address();
    let mut clients = JoinSet::new();
    for _ in 0..16 {
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            let head = b"POST /reversed HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head).await.expect("sent");
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
            let mut sent = 0;
            while sent < 1 << 30 && stream.write_all(chunk.as_bytes()).await.is_ok() {
                sent += 0x10000;
            }
            sent
        });
    }
    let sent = timeout(Duration::from_secs(60), clients.join_all()).await.expect("they are refused");
    assert!(sent.iter().all(|sent| *sent < 1 << 30), "{sent:?}");
    assert!(peak(&server) < 48 << 20, "{} bytes", peak(&server));
    let good = server.send(Request::new("GET", "/greeting")).await.expect("an answer");
    assert_eq!(good.status, 200);
}
