//! `cargo pikku invoke`, with bundles whose bootstrap is this test's own program.

#[path = "../../emulators/lambda/tests/common/misbehave.rs"]
mod misbehave;

use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

#[test]
fn bootstrap() {
    misbehave::main();
}

/// A folder of bundles, as `package` writes it.
struct Bundles(TempDir);

impl Bundles {
    fn new() -> Self {
        let bundles = Self(tempfile::tempdir().expect("a folder"));
        let program = std::env::current_exe().expect("the test's own path");
        let command = format!("exec '{}' bootstrap --exact --nocapture --test-threads=1", program.display());
        bundles.zip("orders", format!("#!/bin/sh\n{command}\n").as_bytes());
        let place = json!({"file": "src/lib.rs", "line": 1});
        let manifest = json!({
            "manifest_version": pikku_manifest::MANIFEST_VERSION,
            "groups": [{"name": "orders", "wirings": [
                {"id": "http:POST /orders", "function": "place_order", "location": place,
                 "http": {"method": "POST", "path": "/orders"}},
                {"id": "queue:placed", "function": "place_order", "location": place,
                 "queue": {"source": {"named": "placed"}, "batch": 10, "batch_window_s": 0, "retries": 3, "fifo": false}},
            ]}],
            "functions": [{"name": "place_order", "module": "shop", "location": place, "errors": [], "services": [],
                "session": "none", "input": {"type": "object", "required": ["sku"],
                    "properties": {"sku": {"type": "string", "minLength": 1}}}}],
            "services": [],
        });
        fs::write(bundles.path().join("manifest.json"), manifest.to_string()).expect("the manifest");
        bundles
    }

    fn zip(&self, group: &str, bootstrap: &[u8]) {
        let mut zip = ZipWriter::new(File::create(self.path().join(format!("{group}.zip"))).expect("the zip"));
        let options = SimpleFileOptions::default().unix_permissions(0o755);
        zip.start_file("bootstrap", options).expect("an entry");
        zip.write_all(bootstrap).expect("the bootstrap");
        zip.finish().expect("the zip's end");
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, group: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-pikku"));
        command.args(["pikku", "invoke", "--target", "lambda", "--group", group, "--bundle-dir"]);
        command.arg(self.path()).args(args).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    fn invoke(&self, args: &[&str]) -> Output {
        self.command("orders", args).output().expect("started")
    }

    fn send(&self, event: &[u8], args: &[&str]) -> Output {
        let file = self.path().join("event");
        fs::write(&file, event).expect("the event");
        self.invoke(&[&["--event", file.to_str().expect("a path")], args].concat())
    }
}

fn stdout(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output:?}"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_answer_is_printed_as_it_is() {
    let bundles = Bundles::new();
    let answered = bundles.send(br#"{"a":1}"#, &[]);
    assert_eq!((answered.status.code(), &answered.stdout[..]), (Some(0), &br#"{"a":1}"#[..]));
    let talk = stderr(&answered);
    assert!(talk.contains("request ") && talk.contains(", start "), "{talk}");
    assert!(!stderr(&bundles.send(b"{}", &["--quiet"])).contains("request "));
}

#[test]
fn an_event_is_sent_as_it_is() {
    let bundles = Bundles::new();
    let raw = b"{\"a\": \xff truncated";
    let answered = bundles.send(raw, &[]);
    let bytes: Vec<u8> = serde_json::from_value(stdout(&answered)["bytes"].clone()).expect("bytes");
    assert_eq!(bytes, raw);

    let mut child = bundles
        .command("orders", &["--event", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let child = child.as_mut().expect("started");
    child.stdin.take().expect("a pipe").write_all(b"[1,2]").expect("sent");
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().expect("a pipe"), &mut answer).expect("an answer");
    assert!(child.wait().expect("ended").success());
    assert_eq!(answer, "[1,2]");
}

#[test]
fn an_error_report_is_printed_with_exit_code_1() {
    let bundles = Bundles::new();
    for (event, error_type) in [
        (json!({"do": "error"}), "App.OutOfStock"),
        (json!({"do": "exit", "code": 7}), "Runtime.ExitError"),
        (json!({"do": "big", "bytes": 7_000_000}), "Function.ResponseSizeTooLarge"),
        (json!({"x": "x".repeat(6_300_000)}), "RequestTooLargeException"),
    ] {
        let failed = bundles.send(event.to_string().as_bytes(), &[]);
        assert_eq!(failed.status.code(), Some(1), "{failed:?}");
        assert_eq!(stdout(&failed)["errorType"], error_type);
        assert!(stdout(&failed)["errorMessage"].is_string());
    }
    let begun = Instant::now();
    let late = bundles.send(br#"{"do":"sleep","ms":60000}"#, &["--timeout", "0.5"]);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!((late.status.code(), &stdout(&late)["errorType"]), (Some(1), &json!("Sandbox.Timedout")));
}

#[test]
fn a_streamed_answer_is_put_together() {
    let bundles = Bundles::new();
    let chunks = json!(["{\"statusCode\":201}\0\0\0", "\0\0\0\0\0o", "ne"]);
    let answered = bundles.send(json!({"do": "stream", "chunks": chunks}).to_string().as_bytes(), &[]);
    assert_eq!(stdout(&answered), json!({"statusCode": 201, "body": "one", "isBase64Encoded": false}));
}

#[test]
fn the_environment_is_inherited_and_added_to() {
    let bundles = Bundles::new();
    fs::write(bundles.path().join("seen"), r#"{"do":"env"}"#).expect("the event");
    let file = bundles.path().join("seen");
    let output = bundles
        .command("orders", &["--event", file.to_str().expect("a path"), "--env", "TABLE=a=b", "--memory", "512"])
        .env("ECHO_LOG", "/tmp/echo.log")
        .env("AWS_REGION", "eu-west-3")
        .env("AWS_LAMBDA_FUNCTION_NAME", "overridden")
        .output()
        .expect("started");
    let env = stdout(&output);
    assert_eq!(
        [&env["ECHO_LOG"], &env["TABLE"], &env["AWS_REGION"], &env["AWS_LAMBDA_FUNCTION_NAME"]],
        ["/tmp/echo.log", "a=b", "eu-west-3", "orders"]
    );
    assert_eq!((&env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], &env["PIKKU_SOURCES"]), (&json!("512"), &Value::Null));
}

#[test]
fn logs_go_to_stderr() {
    let bundles = Bundles::new();
    let answered = bundles.send(br#"{"do":"sleep","ms":0}"#, &[]);
    assert_eq!(answered.stdout, b"\"slept\"");
    assert!(stderr(&answered).contains("sleeping "), "{}", stderr(&answered));
}

#[test]
fn examples_are_listed_printed_and_sent() {
    let bundles = Bundles::new();
    let list = bundles.invoke(&["--list-examples"]);
    let lines: Vec<String> = String::from_utf8_lossy(&list.stdout).lines().map(str::to_owned).collect();
    assert_eq!(
        lines,
        [
            "apigw-v2:POST /orders      place_order",
            "apigw-v1:POST /orders      place_order",
            "alb:POST /orders           place_order",
            "function-url:POST /orders  place_order",
            "sqs:placed                 place_order",
        ]
    );
    let printed = bundles.invoke(&["--example", "sqs", "--print"]);
    assert_eq!(stdout(&printed)["Records"][0]["body"], r#"{"sku":"a"}"#);
    let sent = bundles.invoke(&["--example", "apigw-v2:POST /orders"]);
    assert_eq!((&stdout(&sent)["rawPath"], sent.status.code()), (&json!("/orders"), Some(0)));
}

#[test]
fn what_is_missing_is_named() {
    let bundles = Bundles::new();
    let unknown = bundles.invoke(&["--example", "sns"]);
    assert_eq!((unknown.status.code(), unknown.stdout.len()), (Some(2), 0));
    assert_eq!(
        stderr(&unknown),
        "error[PK7003]: the group `orders` has no example `sns`\n\n\
         hint: the examples there are:\n  apigw-v2:POST /orders\n  apigw-v1:POST /orders\n  alb:POST /orders\n  \
         function-url:POST /orders\n  sqs:placed\n"
    );

    let group = bundles.command("order", &["--event", "-"]).output().expect("started");
    assert_eq!(group.status.code(), Some(2));
    let text = stderr(&group);
    assert!(text.starts_with("error[PK7002]: there is no bundle of a group `order` at "), "{text}");
    assert!(text.ends_with("\nhint: the groups there are: orders\n"), "{text}");

    let event = bundles.invoke(&["--event", "/nowhere/event.json"]);
    assert_eq!(event.status.code(), Some(8));
    assert!(stderr(&event).starts_with("error[PK7004]: could not read the event from /nowhere/event.json\n"));

    bundles.zip("orders", b"");
    fs::write(bundles.path().join("orders.zip"), "no zip").expect("a file");
    let broken = bundles.send(b"{}", &[]);
    assert_eq!(broken.status.code(), Some(7), "{broken:?}");
    assert!(stderr(&broken).starts_with("error[PK7006]: "), "{}", stderr(&broken));

    let nowhere = Command::new(env!("CARGO_BIN_EXE_cargo-pikku"))
        .args(["invoke", "--target", "lambda", "--group", "orders", "--event", "-", "--bundle-dir", "/nowhere"])
        .output()
        .expect("started");
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(stderr(&nowhere).starts_with("error[PK7001]: there are no bundles at /nowhere\n"));
}

#[test]
fn a_foreign_processor_needs_its_emulator() {
    let bundles = Bundles::new();
    let machine: [u8; 2] = if cfg!(target_arch = "x86_64") { [0xb7, 0] } else { [0x3e, 0] };
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0];
    elf.extend(machine);
    bundles.zip("foreign", &elf);
    let output = bundles.command("foreign", &["--event", "-"]).env("PATH", "/nowhere").output().expect("started");
    assert_eq!(output.status.code(), Some(5));
    let text = stderr(&output);
    assert!(text.starts_with("error[PK7007]: the bundle is for ") && text.contains("`qemu-user`"), "{text}");
}

#[test]
fn the_bundles_of_the_project_are_found() {
    let bundles = Bundles::new();
    let project = tempfile::tempdir().expect("a folder");
    let target = project.path().join("target/pikku");
    fs::create_dir_all(&target).expect("a folder");
    fs::create_dir_all(project.path().join("src/deep")).expect("a folder");
    std::os::unix::fs::symlink(bundles.path(), target.join("lambda")).expect("a link");
    let invoke = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-pikku"));
        command.args(["invoke", "--target", "lambda", "--group", "orders", "--list-examples"]);
        command.env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_TARGET_DIR");
        command
    };
    let below = invoke().current_dir(project.path().join("src/deep")).output().expect("started");
    assert!(below.status.success(), "{below:?}");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let named = invoke().current_dir(elsewhere.path()).env("CARGO_TARGET_DIR", project.path().join("target")).output();
    assert!(named.expect("started").status.success());
    let none = invoke().current_dir(elsewhere.path()).output().expect("started");
    assert_eq!(none.status.code(), Some(2));
    assert!(stderr(&none).starts_with("error[PK7001]: "), "{}", stderr(&none));
}

#[test]
fn an_interrupt_leaves_no_process_behind() {
    let bundles = Bundles::new();
    let file = bundles.path().join("event");
    fs::write(&file, r#"{"do":"sleep","ms":60000}"#).expect("the event");
    let args = ["--event", file.to_str().expect("a path"), "--timeout", "60"];
    let mut child =
        bundles.command("orders", &args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().expect("a pipe")));
    let pid = lines.find_map(|line| line.expect("text").strip_prefix("sleeping ").map(str::to_owned)).expect("a line");
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("started");
    assert!(interrupted.success());
    assert_eq!(child.wait().expect("ended").code(), Some(130));
    let begun = Instant::now();
    while fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(begun.elapsed() < Duration::from_secs(5), "the bootstrap lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
}
