use crate::bundle::Bundle;
use pikku_local_azure::{
    Outcome, RawInvocation, Request, Signal,
    events::{End, QueueMessage},
};
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
};

fn post(path: &str, body: &str) -> Request {
    Request::new("POST", path).header("content-type", "application/json").body(body.to_owned())
}

pub(super) async fn the_host_is_answered_while_services_are_built() {
    let begun = Instant::now();
    let started = Bundle::new(true).env("SLOW_MS", "1500").start().await;
    assert!(
        begun.elapsed() < Duration::from_millis(1400),
        "it answers before its services are there: {:?}",
        begun.elapsed()
    );
    // The host asks every 25 ms; here much more often.
    let mut asking = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(("127.0.0.1", started.azure.port())).await.unwrap();
        asking.push(tokio::spawn(async move {
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        }));
    }
    for asked in asking {
        assert!(asked.await.unwrap().starts_with("HTTP/1.1 200 "));
    }
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    // A call waits for them.
    let settled = started.azure.queue("queue-orders", QueueMessage::text(r#"{"id":"early"}"#)).await.unwrap();
    assert_eq!((settled.attempts.len(), settled.end), (1, End::Deleted));
    assert!(begun.elapsed() > Duration::from_millis(1400));
    assert_eq!(started.azure.starts(), 1);
}

async fn fails_every_call(bundle: Bundle, reason: &str) {
    let started = bundle.start().await;
    let response = started.azure.http(Request::new("GET", "/show/x")).await.unwrap();
    let problem: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!((response.status, problem["code"].as_str()), (503, Some("start_failed")));
    assert!(!problem.to_string().contains(reason), "the reason is in the log alone");
    let settled = started.azure.queue("queue-orders", QueueMessage::text(r#"{"id":"1"}"#)).await.unwrap();
    assert_eq!(settled.end, End::Poison("orders-1x-poison".to_owned()));
    let lines = started.azure.logs();
    let told = |line: &&String| line.contains("not called, for the app could not start") && line.contains(reason);
    assert_eq!(lines.iter().filter(told).count(), 1 + 5, "{lines:?}");
    assert_eq!((started.azure.starts(), started.journal().len()), (1, 0));
}

pub(super) async fn a_failed_start_is_the_answer_to_every_call() {
    fails_every_call(Bundle::new(true).env("FAILS", "the database is away"), "the database is away").await;
}

pub(super) async fn a_constructor_that_panics_is_a_failed_start() {
    fails_every_call(Bundle::new(true).env("PANICS", "1"), "a service panicked while it was built").await;
}

pub(super) async fn a_panic_fails_one_call() {
    let started = Bundle::new(true).start().await;
    let pid = started.azure.pid();
    let lingering = started.azure.http(post("/linger", r#"{"ms":300}"#));
    let bursting = async {
        started.until(&json!("begun")).await;
        started.azure.http(Request::new("POST", "/burst")).await.unwrap().status
    };
    let (lingered, burst) = tokio::join!(lingering, bursting);
    assert_eq!((lingered.unwrap().status, burst), (200, 500));
    let settled = started.azure.queue("queue-orders", QueueMessage::text(r#"{"id":"panic"}"#)).await.unwrap();
    assert_eq!(settled.end, End::Poison("orders-1x-poison".to_owned()));
    assert_eq!((started.azure.pid(), started.azure.starts()), (pid, 1));
    assert!(started.logged("panicked: it bursts")["level"] == "ERROR");
}

pub(super) async fn what_is_no_invocation_is_refused() {
    let started = Bundle::new(true).start().await;
    let mut broken = json!({"Data": {"message": "\"x\""}, "Metadata": {}}).to_string().into_bytes();
    for (function, payload, status, reason) in [
        ("queue-orders", b"{\"Data\":{},\"Metadata\":{}}".to_vec(), 400, "no binding in `Data`"),
        ("queue-orders", b"{\"Metadata\":{}}".to_vec(), 400, "missing field `Data`"),
        ("queue-orders", b"{\"Data\":{\"message\":\"{}\"".to_vec(), 400, "ends early"),
        ("queue-orders", Vec::new(), 400, "ends early"),
        ("queue-orders", b"{\"Data\":{\"message\":\"\xff\"},\"Metadata\":{}}".to_vec(), 400, "invalid unicode"),
        ("queue-orders", b"[1]".to_vec(), 400, "cannot be read"),
        ("queue-none", std::mem::take(&mut broken), 404, "nothing is wired for the function `queue-none`"),
        ("cron-nightly", b"{\"Data\":{\"timer\":4},\"Metadata\":{}}".to_vec(), 400, "no object"),
        (
            "stream-clicks",
            b"{\"Data\":{\"e\":\"x\"},\"Metadata\":{\"SequenceNumberArray\":\"[1]\"}}".to_vec(),
            400,
            "no array",
        ),
        (
            "bucket-uploads",
            b"{\"Data\":{\"b\":\"x\"},\"Metadata\":{\"Uri\":\"elsewhere\"}}".to_vec(),
            400,
            "no URL of a blob",
        ),
    ] {
        let raw = RawInvocation::new(function, payload);
        let invocation = started.azure.invoke(raw, Some(&pikku_local_azure::Trigger::Queue)).await.unwrap();
        let Outcome::Failed { status: answered, body, .. } = &invocation.outcome else { panic!("{invocation:?}") };
        let body = String::from_utf8_lossy(body);
        assert_eq!((*answered, body.contains(reason)), (Some(status), true), "{body} does not say {reason}");
        assert_eq!(started.logged(&invocation.id)["level"], "ERROR");
    }
    assert_eq!((started.journal().len(), started.azure.starts()), (0, 1));
    // A client's request that is forwarded, which this adapter does not take: a clear answer.
    let forwards = json!({"customHandler": {"enableForwardingHttpRequest": true}});
    let forwarding = Bundle::with(forwards).start().await;
    let response = forwarding.azure.http(Request::new("GET", "/show/x")).await.unwrap();
    assert!(response.status == 400 && String::from_utf8_lossy(&response.body).contains("enableProxyingHttpRequest"));
}

pub(super) async fn a_client_cannot_forge_an_invocation() {
    let started = Bundle::new(true).start().await;
    let payload = json!({"Data": {"message": "{\"id\":\"forged\"}"}, "Metadata": {"DequeueCount": 1}}).to_string();
    let forged = post("/queue-orders", &payload)
        .header("X-Azure-Functions-InvocationId", "id")
        .header("User-Agent", "Azure-Functions-Host/4.0.0");
    assert_eq!(started.azure.http(forged.clone()).await.unwrap().status, 404);
    assert_eq!(started.azure.http(forged.header("x-ms-invocation-id", "mine")).await.unwrap().status, 404);
    assert_eq!(started.journal(), [] as [Value; 0]);
}

pub(super) async fn a_body_has_a_limit() {
    let started = Bundle::new(true).start().await;
    let limit = 100 << 20;
    // As large as it may be: it is read, and is no order.
    let text = "a".repeat(limit - 100);
    let payload = format!(r#"{{"Data":{{"message":"{text}"}},"Metadata":{{"DequeueCount":"1"}}}}"#);
    let invocation = started.azure.invoke(RawInvocation::new("queue-orders", payload), None).await.unwrap();
    assert!(matches!(invocation.outcome, Outcome::Failed { status: Some(500), .. }), "{:?}", invocation.outcome);
    let too_large = RawInvocation::new("queue-orders", vec![b' '; limit + 1]);
    let invocation = started.azure.invoke(too_large, None).await.unwrap();
    assert!(matches!(invocation.outcome, Outcome::Failed { status: Some(413), .. }), "{:?}", invocation.outcome);
    assert_eq!(started.azure.http(Request::new("GET", "/show/x")).await.unwrap().status, 200);
    assert_eq!(started.azure.starts(), 1);
}

pub(super) async fn nothing_is_lost_at_sigterm() {
    let started = Bundle::new(true).start().await;
    let lingering = started.azure.http(post("/linger", r#"{"ms":500}"#));
    let ending = async {
        started.until(&json!("begun")).await;
        started.azure.signal(Signal::Terminate);
    };
    let (lingered, ()) = tokio::join!(lingering, ending);
    assert_eq!(lingered.unwrap().status, 200, "what was begun is finished");
    started.until(&json!("closed")).await;
    assert_eq!(started.journal(), ["begun", "ended", "after", "closed"].map(Value::from));
    // The host starts it again, and counts no crash.
    let until = Instant::now() + Duration::from_secs(10);
    while started.azure.starts() < 2 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(started.azure.http(Request::new("GET", "/show/x")).await.unwrap().status, 200);
    assert_eq!(started.azure.starts(), 2);
}

pub(super) async fn nothing_is_lost_at_sigkill() {
    let started = Bundle::new(true).start().await;
    let message = QueueMessage::text(r#"{"id":"slow","ms":400}"#);
    let handling = started.azure.queue("queue-orders", message);
    let killing = async {
        let until = Instant::now() + Duration::from_secs(10);
        while started.journal().is_empty() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        started.azure.signal(Signal::Kill);
    };
    let (settled, ()) = tokio::join!(handling, killing);
    let settled = settled.unwrap();
    assert_eq!(settled.end, End::Deleted, "{settled:?}");
    assert_eq!((settled.attempts.len(), started.azure.starts()), (2, 2), "{:?}", settled.attempts);
    assert_eq!(started.journal()[1]["receive_count"], 2);
}

/// Runs the handler by itself, and gives its exit code and what it wrote.
async fn alone(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .env_clear()
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(10), command.output()).await.expect("it ends").unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

pub(super) async fn a_port_that_is_taken_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, log) = alone(&[("FUNCTIONS_CUSTOMHANDLER_PORT", &port)]).await;
    let line: Value = serde_json::from_str(&log).unwrap();
    assert_eq!(code, Some(1));
    assert!(line["message"].as_str().unwrap().contains(&format!("cannot listen at 127.0.0.1:{port}")), "{line}");
    assert!(line["detail"].as_str().unwrap().contains("in use"), "{line}");
}

pub(super) async fn a_handler_without_a_host_says_what_it_is() {
    let (code, log) = alone(&[("PIKKU_RUN_HANDLER", "1")]).await;
    assert!(code == Some(1) && log.contains("started by the Azure Functions host"), "{log}");
    let (code, log) = alone(&[("FUNCTIONS_CUSTOMHANDLER_PORT", "http")]).await;
    assert!(code == Some(1) && log.contains("is no port"), "{log}");
}
