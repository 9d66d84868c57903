//! The host with handlers that misbehave. The program is both: with the variable that the host sets it is such a handler, by
//! what `MODE` says.

use libtest_mimic::{Arguments, Trial};
use pikku_local_azure::{
    InvokeError, LocalAzure, Logs, Outcome, RawInvocation, Request, StartError,
    events::{End, QueueMessage},
};
use serde_json::{Value, json};
use std::{
    fs,
    future::Future,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    pin::Pin,
    process::ExitCode,
    time::Duration,
};
use tempfile::TempDir;

fn main() -> ExitCode {
    if let Ok(port) = std::env::var("FUNCTIONS_CUSTOMHANDLER_PORT") {
        return handler(&std::env::var("MODE").unwrap_or_default(), port.parse().expect("a port"));
    }
    let trials = CASES.iter().map(|(name, case)| {
        Trial::test(*name, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(case());
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// A handler that answers every invocation with what `ANSWER` says.
fn handler(mode: &str, port: u16) -> ExitCode {
    println!("handler in the mode {mode}");
    match mode {
        "crashes" => return ExitCode::from(7),
        "ends" => return ExitCode::SUCCESS,
        "sleeps" => std::thread::sleep(Duration::from_secs(60)),
        _ => {}
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port");
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        let head = head_of(&mut stream);
        if head.starts_with("GET / ") {
            write!(stream, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .expect("an answer");
            continue;
        }
        match mode {
            "dies" => return ExitCode::from(9),
            "leaves" => return ExitCode::SUCCESS,
            _ => {}
        }
        let body =
            if mode == "shows" { Value::from(head).to_string() } else { std::env::var("ANSWER").unwrap_or_default() };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
        .expect("an answer");
    }
    ExitCode::SUCCESS
}

fn head_of(stream: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    let mut octet = [0];
    while !octets.ends_with(b"\r\n\r\n") && stream.read(&mut octet).is_ok_and(|read| read > 0) {
        octets.push(octet[0]);
    }
    let head = String::from_utf8(octets).expect("a head of text");
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).expect("a body");
    head
}

type Case = fn() -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! cases {
    ($($name:ident)*) => {
        const CASES: &[(&str, Case)] = &[$((stringify!($name), || Box::pin($name()))),*];
    };
}

cases! {
    a_handler_that_crashes_is_started_three_times
    a_handler_that_ends_well_is_not_started_again
    a_handler_that_does_not_listen_is_given_up
    a_handler_that_dies_in_a_call_is_started_until_the_host_gives_up
    a_handler_that_leaves_is_missed_by_nobody
    an_answer_that_is_empty_costs_the_handler_its_life
    outputs_of_no_binding_are_dropped_and_others_decoded
    what_is_proxied_is_marked_and_what_is_forwarded_is_not
    a_key_is_asked_for
    functions_that_are_refused_are_left_out
    what_is_no_bundle_is_said
}

/// A bundle of this program.
fn bundle(host: Value, functions: &[(&str, Value)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut json = json!({
        "version": "2.0",
        "extensionBundle": {"id": "x", "version": "[4.*, 5.0.0)"},
        "extensions": {"http": {"routePrefix": ""}},
        "customHandler": {"description": {"defaultExecutablePath": std::env::current_exe().expect("this program")}},
    });
    for (name, value) in host.as_object().expect("an object") {
        match (&mut json[name], value) {
            (Value::Object(known), Value::Object(more)) => known.extend(more.clone()),
            (known, more) => *known = more.clone(),
        }
    }
    fs::write(folder.path().join("host.json"), json.to_string()).expect("host.json");
    for (name, bindings) in functions {
        fs::create_dir(folder.path().join(name)).expect("a folder");
        let json = json!({ "bindings": bindings }).to_string();
        fs::write(folder.path().join(name).join("function.json"), json).expect("function.json");
    }
    folder
}

fn queue() -> (&'static str, Value) {
    (
        "queue-orders",
        json!([
            {"type": "queueTrigger", "direction": "in", "name": "message", "queueName": "orders"},
            {"type": "queue", "direction": "out", "name": "out", "queueName": "taken"},
        ]),
    )
}

fn http(level: &str) -> (&'static str, Value) {
    (
        "http-any",
        json!([
            {"type": "httpTrigger", "direction": "in", "name": "req", "route": "{*path}", "authLevel": level},
            {"type": "http", "direction": "out", "name": "res"},
        ]),
    )
}

fn builder(folder: &TempDir, mode: &str) -> pikku_local_azure::Builder {
    LocalAzure::bundle(folder.path()).env("MODE", mode).logs(Logs::Captured)
}

async fn a_handler_that_crashes_is_started_three_times() {
    let folder = bundle(json!({}), &[queue()]);
    let Err(StartError::Handler { reason, log }) = builder(&folder, "crashes").start().await else {
        panic!("it comes up")
    };
    assert!(reason.contains("exit status: 7") && reason.contains("restart retry count"), "{reason}");
    assert_eq!(log.iter().filter(|line| line.contains("mode crashes")).count(), 3, "{log:?}");
}

async fn a_handler_that_ends_well_is_not_started_again() {
    let folder = bundle(json!({}), &[queue()]);
    let error = builder(&folder, "ends").start().await.expect_err("it does not come up").to_string();
    assert!(error.contains("exit code 0"), "{error}");
}

async fn a_handler_that_does_not_listen_is_given_up() {
    let folder = bundle(json!({}), &[queue()]);
    let start = builder(&folder, "sleeps").init_timeout(Duration::from_millis(200)).start();
    let error = start.await.expect_err("it does not come up").to_string();
    assert!(error.contains("Initializing HttpWorker timed out"), "{error}");
}

async fn a_handler_that_dies_in_a_call_is_started_until_the_host_gives_up() {
    let folder = bundle(json!({}), &[queue()]);
    let azure = builder(&folder, "dies").start().await.expect("it comes up");
    let settled = azure.queue("queue-orders", QueueMessage::text("1")).await.expect("the function");
    assert_eq!((settled.attempts.len(), settled.end, azure.starts()), (3, End::Queued, 3));
    let again = azure.queue("queue-orders", QueueMessage::text("1")).await.expect("the function");
    assert_eq!((again.attempts.len(), again.end), (0, End::Queued));
    let refused = azure.invoke(RawInvocation::new("queue-orders", "{}"), None).await.expect_err("it has stopped");
    assert!(matches!(refused, InvokeError::Stopped { .. }), "{refused}");
}

async fn a_handler_that_leaves_is_missed_by_nobody() {
    let folder = bundle(json!({}), &[queue()]);
    let azure = builder(&folder, "leaves").start().await.expect("it comes up");
    let settled = azure.queue("queue-orders", QueueMessage::text("1")).await.expect("the function");
    assert_eq!((settled.attempts.len(), settled.end, azure.starts()), (5, End::Poison("orders-poison".to_owned()), 1));
}

async fn an_answer_that_is_empty_costs_the_handler_its_life() {
    let folder = bundle(json!({"functionTimeout": "00:00:01"}), &[queue()]);
    for answer in ["", "null"] {
        let azure = builder(&folder, "answers").env("ANSWER", answer).start().await.expect("it comes up");
        let invocation = azure.invoke(RawInvocation::new("queue-orders", "{}"), None).await.expect("the function");
        assert!(matches!(invocation.outcome, Outcome::TimedOut { .. }), "{:?}", invocation.outcome);
        assert_eq!(invocation.view()["errorType"], "FunctionTimeoutException");
        let next = azure.invoke(RawInvocation::new("queue-none", "{}"), None).await.expect_err("no such function");
        assert!(next.to_string().contains("it has queue-orders"), "{next}");
        while azure.starts() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        azure.shutdown().await;
    }
}

async fn outputs_of_no_binding_are_dropped_and_others_decoded() {
    let folder = bundle(json!({}), &[queue()]);
    let answer = json!({"Outputs": {"out": "test", "Out": "x"}, "Logs": ["one", 2], "ReturnValue": "HelloWorld12=="})
        .to_string();
    let azure = builder(&folder, "answers").env("ANSWER", answer).start().await.expect("it comes up");
    let invocation = azure.invoke(RawInvocation::new("queue-orders", "{}"), None).await.expect("the function");
    let Outcome::Completed(outputs) = &invocation.outcome else { panic!("{:?}", invocation.outcome) };
    assert_eq!(outputs.bindings["out"], &[0xb5, 0xeb, 0x2d][..]);
    assert_eq!((&outputs.dropped[..], invocation.logs.join(" ").as_str()), (&["Out".to_owned()][..], "one 2"));
    assert_eq!(outputs.return_value.as_deref(), Some(&b"HelloWorld12=="[..]));
}

async fn what_is_proxied_is_marked_and_what_is_forwarded_is_not() {
    let request = || {
        Request::new("GET", "/a?b=c")
            .header("X-Azure-Functions-InvocationId", "forged")
            .header("Connection", "x-hop")
            .header("X-Kept", "1")
    };
    for (mode, marked) in [("enableProxyingHttpRequest", true), ("enableForwardingHttpRequest", false)] {
        let folder = bundle(json!({"customHandler": {mode: true}}), &[http("anonymous")]);
        let azure = builder(&folder, "shows").start().await.expect("it comes up");
        let response = azure.http(request()).await.expect("a response");
        let head = String::from_utf8_lossy(&response.body).to_lowercase();
        assert!(
            head.contains("get /a?b=c http/1.1") && head.contains("x-kept: 1") && !head.contains("x-hop"),
            "{head}"
        );
        assert_eq!(head.contains("x-ms-invocation-id: "), marked, "{head}");
        assert!(!marked || !head.contains("forged"), "{head}");
    }
    let folder = bundle(json!({}), &[http("anonymous")]);
    let azure = builder(&folder, "shows").start().await.expect("it comes up");
    let response = azure.http(request()).await.expect("a response");
    assert_eq!(response.status, 500, "a payload is answered with an object: {response:?}");
}

async fn a_key_is_asked_for() {
    let folder = bundle(json!({"customHandler": {"enableProxyingHttpRequest": true}}), &[http("function")]);
    let azure = builder(&folder, "shows").function_key("k-1").start().await.expect("it comes up");
    let status = |request: Request| async { azure.http(request).await.expect("a response").status };
    assert_eq!(status(Request::new("GET", "/a")).await, 401);
    assert_eq!(status(Request::new("GET", "/a?code=k-2")).await, 401);
    assert_eq!(status(Request::new("GET", "/a?code=k-1")).await, 200);
    assert_eq!(status(Request::new("GET", "/a").header("x-functions-key", "k-1")).await, 200);
    assert_eq!(status(Request::new("POST", "/a").body(vec![0; (100 << 20) + 1])).await, 413);
}

async fn functions_that_are_refused_are_left_out() {
    let broken =
        ("queue-broken", json!([{"type": "queueTrigger", "direction": "in", "name": "m", "queueName": "%ABSENT%"}]));
    let folder = bundle(json!({}), &[queue(), broken.clone()]);
    let azure = builder(&folder, "shows").start().await.expect("it comes up");
    assert_eq!(azure.functions().iter().map(|function| function.name.as_str()).collect::<Vec<_>>(), ["queue-orders"]);
    let [(name, reason)] = azure.refused() else { panic!("{:?}", azure.refused()) };
    assert!(name == "queue-broken" && reason.contains("'%ABSENT%' does not resolve"), "{reason}");
    let folder = bundle(json!({}), &[broken]);
    let error = builder(&folder, "shows").start().await.expect_err("no function is left").to_string();
    assert!(error.contains("none of the bundle's functions") && error.contains("%ABSENT%"), "{error}");
    fs::remove_dir_all(folder.path().join("queue-broken")).expect("the folder");
    let error = builder(&folder, "shows").start().await.expect_err("there is no function").to_string();
    assert!(error.contains("no folder of it has a `function.json`"), "{error}");
}

async fn what_is_no_bundle_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let error =
        |path: std::path::PathBuf| async { LocalAzure::bundle(path).start().await.expect_err("no bundle").to_string() };
    assert!(error(folder.path().join("absent")).await.contains("cannot read"));
    assert!(error(folder.path().to_owned()).await.contains("host.json"));
    fs::write(folder.path().join("a.zip"), "no zip").expect("a file");
    assert!(error(folder.path().join("a.zip")).await.contains("is not a bundle"));
}
