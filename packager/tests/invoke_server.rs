//! `cargo pikku invoke --target server`, with a server that is this test's own program.

use serde_json::{Value, json};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
};
use tempfile::TempDir;

/// The variable that tells this program to be the server, and how.
const ROLE: &str = "PIKKU_TEST_SERVER";

/// No test but the server: it answers each request with what came, or as its role says.
#[test]
fn server() {
    let Ok(role) = std::env::var(ROLE) else { return };
    assert_eq!(std::env::var("PIKKU_ADDRESS").as_deref(), Ok("127.0.0.1:0"));
    if role == "ends" {
        eprintln!("the reason");
        std::process::exit(3);
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    eprintln!("{}", json!({"message": format!("listening on http://{address}")}));
    for (id, outcome) in [("1", "done"), ("2", "failed")] {
        eprintln!("{}", json!({"message": "handled", "queue": "jobs", "id": id, "receives": 1, "outcome": outcome}));
    }
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        let octets = request(&mut stream);
        if role == "closes" {
            continue;
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nset-cookie: a=1\r\n\r\n", octets.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&octets)).expect("an answer");
    }
}

/// A whole request: its head and its body may arrive one after the other.
fn request(stream: &mut TcpStream) -> Vec<u8> {
    let mut octets = Vec::new();
    loop {
        let mut some = [0; 1000];
        let length = stream.read(&mut some).expect("a request");
        octets.extend_from_slice(&some[..length]);
        let text = String::from_utf8_lossy(&octets);
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let size = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            body.len() >= size.map_or(0, |size| size.parse().expect("a length"))
        });
        if whole || length == 0 {
            return octets;
        }
    }
}

/// A folder as `package --target server` writes it.
fn packaged() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let report = json!({"report_version": 1, "groups": [{"group": "shop", "groups": ["orders", "catalog"]}]});
    fs::write(folder.path().join("report.json"), report.to_string()).expect("a report");
    let program = std::env::current_exe().expect("the test's own path");
    // With arguments it looks after its queues.
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = queues ] && echo '{{\"ids\":[\"1\",\"2\"]}}' && exit 0\n\
         [ \"$1\" = schedules ] && echo 'no such schedule' >&2 && exit 3\n\
         exec '{}' server --exact --nocapture --test-threads=1 >/dev/null\n",
        program.display()
    );
    fs::write(folder.path().join("shop"), script).expect("a program");
    fs::set_permissions(folder.path().join("shop"), fs::Permissions::from_mode(0o755)).expect("a mode");
    folder
}

fn invoke(folder: &TempDir, role: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-pikku"));
    command.args(["pikku", "invoke", "--target", "server", "--bundle-dir"]).arg(folder.path()).args(args);
    command.env(ROLE, role).env("NO_COLOR", "1").output().expect("started")
}

fn stdout(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output:?}"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_request_is_sent_as_it_is_written() {
    let folder = packaged();
    let args = ["--group", "catalog", "-X", "PUT", "-H", "x-a: 1", "-d", "body", "/products/7?new"];
    let output = invoke(&folder, "echoes", &args);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let answer = stdout(&output);
    let body = "PUT /products/7?new HTTP/1.1\r\nHost: localhost\r\nx-a: 1\r\nContent-Length: 4\r\n\r\nbody";
    assert_eq!(
        answer,
        json!({"statusCode": 200, "headers": {"content-length": body.len().to_string()}, "body": body,
               "isBase64Encoded": false, "cookies": ["a=1"]})
    );
    assert!(stderr(&output).contains("start ") && stderr(&output).contains("listening on"), "{output:?}");
}

#[test]
fn octets_are_sent_as_they_are() {
    let folder = packaged();
    let event = folder.path().join("event.json");
    fs::write(&event, json!({"request_base64": "R0VUIC8gSFRUUC8wLjkNCg0K"}).to_string()).expect("an event");
    let event = event.to_str().expect("a path");
    let output = invoke(&folder, "echoes", &["--group", "orders", "--quiet", "--event", event]);
    assert_eq!(stdout(&output)["body"], "GET / HTTP/0.9\r\n\r\n");
    let closed = invoke(&folder, "closes", &["--group", "orders", "--event", event]);
    assert_eq!((closed.status.code(), &stdout(&closed)["errorType"]), (Some(1), &json!("ConnectionClosed")));
}

#[test]
fn messages_are_acknowledged_or_to_be_tried_again() {
    let folder = packaged();
    let output = invoke(&folder, "echoes", &["--group", "orders", "--queue", "jobs", "-d", "{}", "-d", "[]"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), json!({"acknowledged": ["1"], "retried": ["2"]})));
    // What is sent is kept beside the bundles.
    assert!(folder.path().join(".state").is_dir());
}

#[test]
fn mistakes_have_a_code() {
    let folder = packaged();
    let of = |role: &str, args: &[&str]| {
        let output = invoke(&folder, role, args);
        assert!(output.stdout.is_empty(), "{output:?}");
        (output.status.code(), stderr(&output))
    };
    let (code, text) = of("ends", &["--group", "orders", "/"]);
    assert!(code == Some(7) && text.contains("error[PK7012]: ") && text.contains("exit code 3"), "{code:?} {text}");
    let (code, text) = of("echoes", &["--group", "shop", "/"]);
    assert!(code == Some(2) && text.contains("error[PK7002]: ") && text.contains("catalog, orders"), "{code:?} {text}");
    let (code, text) = of("echoes", &["--group", "orders", "--memory", "256", "/"]);
    assert!(code == Some(2) && text.contains("error[PK1005]: --memory has no meaning"), "{code:?} {text}");
    let (code, text) = of("echoes", &["--group", "orders", "--cron", "nightly"]);
    assert!(
        code == Some(7) && text.contains("error[PK7012]: ") && text.contains("no such schedule"),
        "{code:?} {text}"
    );
}
