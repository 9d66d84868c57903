//! The packaged custom handlers in the local Functions host, with what nobody should send, and with ends that nobody wants.

use pikku_local_azure::{
    Invocation, LocalAzure, Logs, Outcome, RawInvocation, Request, Signal, Trigger,
    events::{End, QueueMessage, ServiceBusMessage},
};
use pikku_tests::{azure, azure_bundles, matrix::variables, packager};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(20);

/// The scenarios' app, whose journal a route shows.
async fn scenarios() -> LocalAzure {
    scenarios_on("").await
}

/// The same on an instance of the platform, which is behind its front end; on none where it has no name.
async fn scenarios_on(instance: &str) -> LocalAzure {
    let host = LocalAzure::bundle(azure("scenarios", "everywhere")).logs(Logs::Captured);
    let host = variables().into_iter().fold(host, |host, (name, value)| host.env(name, value));
    let host = host.env("Queues", "UseDevelopmentStorage=true").env("WEBSITE_INSTANCE_ID", instance);
    // A hundred megabytes take their time.
    let host = host.env("AzureFunctionsJobHost__functionTimeout", "00:02:00");
    host.start().await.expect("a host")
}

async fn journal(host: &LocalAzure) -> Value {
    let response = host.http(Request::new("GET", "/journal")).await.expect("an answer");
    serde_json::from_slice(&response.body).expect("a list")
}

fn reason(invocation: &Invocation) -> (Option<u16>, String) {
    match &invocation.outcome {
        Outcome::Failed { status, .. } => (*status, invocation.view().to_string()),
        other => panic!("it did not fail: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_no_invocation_is_refused_and_the_next_one_works() {
    let host = scenarios().await;
    let deep = "[".repeat(100_000);
    let wrong: [(&str, &[u8]); 12] = [
        ("queue-jobs", b""),
        ("queue-jobs", b"null"),
        ("queue-jobs", b"[1]"),
        ("queue-jobs", b"{\"Data\": {\"message\": \"{}\""),
        ("queue-jobs", b"{\"Metadata\": {}}"),
        ("queue-jobs", b"{\"Data\": {}, \"Metadata\": {}}"),
        ("queue-jobs", b"{\"Data\": 7, \"Metadata\": {}}"),
        ("queue-jobs", b"{\"Data\": {\"message\": \"\xff\xfe\"}, \"Metadata\": {}}"),
        ("queue-jobs", deep.as_bytes()),
        ("cron-nightly", b"{\"Data\": {\"timer\": \"soon\"}, \"Metadata\": {}}"),
        ("nobody", b"{\"Data\": {\"message\": \"{}\"}, \"Metadata\": {\"DequeueCount\": \"1\"}}"),
        ("queue-gone/../jobs", b"{\"Data\": {\"message\": \"{}\"}, \"Metadata\": {\"DequeueCount\": \"1\"}}"),
    ];
    for (function, payload) in wrong {
        let raw = RawInvocation::new(function, payload.to_vec());
        let invocation = host.invoke(raw, Some(&Trigger::Queue)).await.expect("an outcome");
        let (status, told) = reason(&invocation);
        assert!(matches!(status, Some(400 | 404)), "{function} {:?}: {told}", String::from_utf8_lossy(payload));
        assert!(host.logs().iter().any(|line| line.contains(&invocation.id)), "nothing is in the log of {told}");
    }
    let message = QueueMessage::text(r#"{"id":7}"#);
    assert_eq!(host.queue("queue-jobs", message).await.expect("an outcome").end, End::Deleted);
    assert_eq!(journal(&host).await, json!(["job 7 attempt 1: "]));
    assert_eq!(host.starts(), 1);
    assert!(!host.logs().iter().any(|line| line.contains("panicked")), "{:?}", host.logs());
}

/// What a client sends through a route that takes every path is never taken for something that the host sends itself.
#[tokio::test]
async fn a_client_cannot_pretend_to_be_the_host() {
    let host = scenarios().await;
    let payload = json!({"Data": {"message": "{\"id\":7}"}, "Metadata": {"DequeueCount": "1"}}).to_string();
    let forged = Request::new("POST", "/queue-jobs")
        .header("X-Azure-Functions-InvocationId", "3d31a603-a4ff-a765-5726-f76fa8e0e12b")
        .header("User-Agent", "Azure-Functions-Host/4.1040.100.2")
        .header("Content-Type", "application/json")
        .body(payload);
    assert_eq!(host.http(forged).await.expect("an answer").status, 404);
    assert_eq!(journal(&host).await, json!([]));
}

/// The address that the scenarios' app looks out for, where the front end adds it and where the client does.
#[tokio::test]
async fn a_client_is_at_the_address_that_the_front_end_adds() {
    let (added, claimed) = ("198.51.100.1, 203.0.113.66:4711", "203.0.113.66, 198.51.100.1:4711");
    for (instance, clients, is_seen) in [("i1", added, true), ("i1", claimed, false), ("", added, false)] {
        let host = scenarios_on(instance).await;
        let request = Request::new("GET", "/who").header("X-Forwarded-For", clients);
        let response = host.http(request).await.expect("an answer");
        let who: Value = serde_json::from_slice(&response.body).expect("a session and an address");
        assert_eq!(who, json!({"session": null, "is_forged": is_seen}), "{instance}: {clients}");
    }
}

/// The host decodes whatever it can in a string output; what a function answers arrives all the same.
#[tokio::test]
async fn strings_that_are_base64_arrive_unharmed() {
    let host = scenarios().await;
    for text in ["test", "HelloWorld12==", "", "AAAA", "null", "2026-11-26T10:00:00Z", "zwölf 🦀"] {
        let body: Vec<u8> = text.bytes().rev().collect();
        let proxied = host.http(Request::new("POST", "/reversed").body(body.clone())).await.expect("an answer");
        assert_eq!((proxied.status, &proxied.body[..]), (200, text.as_bytes()), "proxied: {text}");
    }
    for text in ["test", "HelloWorld12==", "AAAA"] {
        let body: String = text.chars().rev().collect();
        let request = json!({"Url": "http://localhost/reversed", "Method": "POST", "Query": {}, "Params": {}, "Body": body,
                             "Headers": {"Content-Type": ["text/plain"], "Content-Length": [body.len().to_string()]}});
        let payload = json!({"Data": {"req": request}, "Metadata": {}}).to_string();
        let invocation =
            host.invoke(RawInvocation::new("http", payload), Some(&Trigger::Http)).await.expect("an outcome");
        let response = invocation.response().unwrap_or_else(|| panic!("{:?}", invocation.outcome));
        assert_eq!((response.status, &response.body[..]), (200, text.as_bytes()), "as a payload: {text}");
    }
}

#[tokio::test]
async fn a_hundred_megabytes_are_taken_or_refused_and_the_next_call_works() {
    let host = scenarios().await;
    let request = |octets: usize| Request::new("POST", "/reversed").body(vec![b'a'; octets]);
    let whole = host.http(request(100 << 20)).await.expect("an answer");
    assert_eq!((whole.status, whole.body.len()), (200, 100 << 20));
    let payload = |octets: usize| {
        let text =
            format!("{{\"Data\":{{\"message\":\"{}\"}},\"Metadata\":{{\"DequeueCount\":\"1\"}}}}", "a".repeat(octets));
        RawInvocation::new("queue-jobs", text)
    };
    for octets in [99 << 20, (100 << 20) + 1] {
        let invocation = host.invoke(payload(octets), Some(&Trigger::Queue)).await.expect("an outcome");
        let (status, told) = reason(&invocation);
        // The first is no job; the second is more than the host would send.
        let expected = if octets > 100 << 20 { Some(413) } else { Some(500) };
        assert_eq!(status, expected, "{octets}: {}", told.chars().take(300).collect::<String>());
    }
    assert_eq!(host.http(request(10)).await.expect("an answer").status, 200);
    assert_eq!(host.starts(), 1);
}

/// A worker that keeps a journal of what it has begun and done.
struct Worker {
    host: LocalAzure,
    journal: PathBuf,
    _folder: TempDir,
}

impl Worker {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = folder.path().join("journal");
        let host = LocalAzure::bundle(azure("fixture", "work")).logs(Logs::Captured);
        let host = variables.iter().fold(host, |host, (name, value)| host.env(*name, *value));
        let host = host.env("Queues", "UseDevelopmentStorage=true").env("ServiceBus", "Endpoint=sb://localhost");
        let host = host.env("JOURNAL", journal.display().to_string()).start().await.expect("a host");
        assert_eq!(host.refused(), []);
        Self { host, journal, _folder: folder }
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(&self.journal).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    async fn wait_for(&self, line: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.lines().iter().any(|known| known == line) {
            assert!(Instant::now() < end, "`{line}` was never written: {:?}", self.lines());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|known| *known == line).count()
    }
}

fn task(id: &str, takes_ms: u64, fails: bool) -> String {
    json!({"id": id, "takes_ms": takes_ms, "fails": fails}).to_string()
}

#[tokio::test]
async fn a_message_whose_process_is_killed_is_handed_over_again() {
    let worker = Worker::start().await;
    let (settled, ()) =
        tokio::join!(worker.host.queue("queue-work", QueueMessage::text(task("slow", 1500, false))), async {
            worker.wait_for("begun slow").await;
            worker.host.signal(Signal::Kill);
        });
    let settled = settled.expect("an outcome");
    assert_eq!((settled.end, settled.attempts.len()), (End::Deleted, 2), "{:?}", worker.host.logs());
    assert_eq!((worker.count("begun slow"), worker.count("done slow"), worker.host.starts()), (2, 1, 2));
    let ordered = ServiceBusMessage::new(task("ordered", 1500, false));
    let (settled, ()) = tokio::join!(worker.host.service_bus("queue-in-order", ordered), async {
        worker.wait_for("begun ordered").await;
        worker.host.signal(Signal::Kill);
    });
    assert_eq!(settled.expect("an outcome").end, End::Deleted);
    assert_eq!(worker.count("done ordered"), 1);
}

#[tokio::test]
async fn a_process_that_is_asked_to_end_does_what_it_has_begun() {
    let worker = Worker::start().await;
    let (settled, ()) =
        tokio::join!(worker.host.queue("queue-work", QueueMessage::text(task("slow", 1500, false))), async {
            worker.wait_for("begun slow").await;
            worker.host.signal(Signal::Terminate);
        });
    let settled = settled.expect("an outcome");
    assert_eq!((settled.end, settled.attempts.len()), (End::Deleted, 1), "{:?}", worker.host.logs());
    worker.wait_for("closed").await;
    assert_eq!((worker.count("begun slow"), worker.count("done slow")), (1, 1));
    let next = worker.host.queue("queue-work", QueueMessage::text(task("next", 0, false))).await.expect("an outcome");
    assert_eq!((next.end, worker.count("done next")), (End::Deleted, 1));
}

#[tokio::test]
async fn a_poison_message_is_kept_and_seen() {
    let worker = Worker::start().await;
    let settled = worker.host.queue("queue-work", QueueMessage::text(task("bad", 0, true))).await.expect("an outcome");
    assert_eq!(settled.end, End::Poison("work-poison".to_owned()));
    // As often as the wiring says: three tries more.
    assert_eq!((settled.attempts.len(), worker.count("begun bad")), (4, 4));
    let id = &settled.attempts[0].view();
    assert!(
        worker.host.logs().iter().any(|line| line.contains("poison") || line.contains("last")),
        "{id}: {:?}",
        worker.host.logs()
    );
}

#[tokio::test]
async fn a_start_that_fails_answers_every_call_with_the_reason_in_the_log() {
    let host = LocalAzure::bundle(azure("fixture", "work")).logs(Logs::Captured);
    let host = host.env("Queues", "UseDevelopmentStorage=true").env("ServiceBus", "Endpoint=sb://localhost");
    let host = host.start().await.expect("a host, for the handler listens");
    let settled = host.queue("queue-work", QueueMessage::text(task("any", 0, false))).await.expect("an outcome");
    assert_eq!(settled.end, End::Poison("work-poison".to_owned()));
    assert_eq!(reason(&settled.attempts[0]).0, Some(503));
    assert!(host.logs().iter().any(|line| line.contains("JOURNAL names no file")), "{:?}", host.logs());
    assert_eq!(host.starts(), 1, "it is no crash loop");
}

/// The host asks whether something listens, and is answered although the services take their time; a message waits for them.
#[tokio::test]
async fn a_handler_is_there_before_its_services_are() {
    let worker = Worker::start_with(&[("START_MS", "2000")]).await;
    assert_eq!(worker.lines(), [""; 0], "the host was answered before the services were built");
    let settled = worker.host.queue("queue-work", QueueMessage::text(task("early", 0, false))).await;
    let settled = settled.expect("an outcome");
    assert_eq!((settled.end, settled.attempts.len()), (End::Deleted, 1), "{:?}", worker.host.logs());
    assert_eq!(worker.lines(), ["started", "begun early", "done early"]);
    assert_eq!(worker.host.starts(), 1);
}

/// A handler without a host, which is killed with the test.
struct Handler(Child);

impl Handler {
    fn start(bundle: &Path, port: u16, journal: &Path) -> Self {
        let mut command = Command::new(bundle.join("handler"));
        command.current_dir(bundle).env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()).env("JOURNAL", journal);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        Self(child.unwrap_or_else(|why| panic!("the handler does not start: {why}")))
    }

    fn stop(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.0.id().to_string()]).status().expect("kill");
        assert!(status.success());
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        // It may have ended by itself, which is no news here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_port_that_is_taken_ends_the_handler_with_the_reason() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let mut handler = Handler::start(&azure_bundles("fixture").join("work"), port, Path::new("/dev/null"));
    let status = handler.0.wait().expect("an end");
    let mut said = String::new();
    handler.0.stderr.take().expect("its log").read_to_string(&mut said).expect("text");
    assert!(
        !status.success() && said.contains(&format!("127.0.0.1:{port}")) && said.contains("in use"),
        "{status}: {said}"
    );
}

/// The host asks every 25 ms whether something listens, and others may ask as well; here hundreds ask a handler that does not
/// get to answer for a while.
#[test]
fn a_handler_that_is_slow_at_first_answers_everybody_who_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let port =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a port").port();
    let handler = Handler::start(&azure_bundles("fixture").join("work"), port, &folder.path().join("journal"));
    let begun = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(begun.elapsed() < PATIENCE, "it does not listen");
        thread::sleep(Duration::from_millis(1));
    }
    handler.stop("-STOP");
    let asked: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").expect("a request");
            stream
        })
        .collect();
    thread::sleep(Duration::from_millis(200));
    handler.stop("-CONT");
    for mut stream in asked {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// What zip deploy takes: the host's files at the top, the program that may be run, and nothing of this machine's.
#[test]
fn a_zip_is_what_is_deployed() {
    let output = Command::new("python3")
        .args(["-c", "import sys, zipfile\nfor i in zipfile.ZipFile(sys.argv[1]).infolist(): print(i.filename, oct(i.external_attr >> 16 & 0o777))"])
        .arg(azure("fixture", "work"))
        .output()
        .expect("Python starts");
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        listed.lines().collect::<Vec<_>>(),
        ["handler 0o755", "host.json 0o644", "queue-work/function.json 0o644", "queue-in-order/function.json 0o644",]
    );
    let folder = azure_bundles("fixture");
    let report: Value = serde_json::from_slice(&fs::read(folder.join("report.json")).expect("a report")).expect("JSON");
    assert_eq!(report["groups"][0]["host_functions"], json!(["queue-work", "queue-in-order"]));
    let proof: Value =
        serde_json::from_slice(&fs::read(folder.join("work.proof.json")).expect("a proof")).expect("JSON");
    assert_eq!(proof["functions"]["found"], json!(["work", "work_in_order"]));
}

/// What `cargo pikku invoke` prints, and its exit code.
fn invoke(
    example: &str,
    group: &str,
    arguments: &[&str],
    variables: &[(&str, &Path)],
) -> (Option<i32>, String, String) {
    let output = Command::new(packager())
        .args(["pikku", "invoke", "--target", "azure", "--group", group, "--bundle-dir"])
        .arg(azure_bundles(example))
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .unwrap_or_else(|why| panic!("the packager does not start: {why}"));
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn invoke_speaks_the_hosts_side() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal");
    let work = |arguments: &[&str]| invoke("fixture", "work", arguments, &[("JOURNAL", &journal)]);
    let (code, stdout, stderr) =
        work(&["--queue", "work", "-d", &task("a", 0, false), "-d", &task("b", 0, true), "-d", "no JSON"]);
    let answer: Value = serde_json::from_str(&stdout).unwrap_or_else(|why| panic!("{why}: {stdout}{stderr}"));
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(answer["messages"][0], json!({"outcome": "ok", "attempts": 1}));
    for failed in [1, 2] {
        assert_eq!(answer["messages"][failed]["movedTo"], "work-poison", "{answer}");
        assert_eq!(answer["messages"][failed]["attempts"], 4, "{answer}");
    }
    let (code, stdout, stderr) = work(&["--queue", "in-order", "-d", &task("c", 0, false)]);
    assert_eq!((code, stdout.as_str()), (Some(0), r#"{"messages":[{"attempts":1,"outcome":"ok"}]}"#), "{stderr}");
    let (code, stdout, stderr) = work(&["--queue", "gone", "-d", "{}"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("error[PK7008]") && stderr.contains("in-order, work"), "{stderr}");

    let (code, stdout, stderr) = work(&["--list-examples"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("queue:work ") && stdout.contains("service-bus:in-order "), "{stdout}");
    let (code, example, _) = work(&["--example", "queue:work", "--print"]);
    assert_eq!(code, Some(0));
    let file = folder.path().join("event.json");
    fs::write(&file, &example).expect("a file");
    let file = file.display().to_string();
    // By the name in it, and as it would come for a function of another name.
    for arguments in [&["--event", &file][..], &["--event", &file, "--as", "queue"], &["--example", "queue"]] {
        let (code, stdout, stderr) = work(arguments);
        let answer: Value = serde_json::from_str(&stdout).unwrap_or_else(|why| panic!("{why}: {stdout}{stderr}"));
        assert_eq!((code, &answer["status"]), (Some(0), &json!("Succeeded")), "{stderr}");
    }
    fs::write(&file, example.replace("queue-work", "SomeOtherFunction").replace("message", "item")).expect("a file");
    assert_eq!(work(&["--event", &file, "--as", "queue"]).0, Some(0));
    let (code, _, stderr) = work(&["--event", &file]);
    assert!(code == Some(2) && stderr.contains("no function `SomeOtherFunction`"), "{stderr}");
    let (code, _, stderr) = work(&["--event", &file, "--as", "timer"]);
    assert!(code == Some(2) && stderr.contains("has no function with a timerTrigger"), "{stderr}");
    fs::write(&file, b"\xff{").expect("a file");
    let (code, stdout, stderr) = work(&["--event", &file, "--as", "queue"]);
    assert!(code == Some(1) && stdout.contains("\"errorType\"") && stdout.contains("400"), "{stdout}{stderr}");

    let told = variables();
    let told: Vec<_> = told.iter().map(|(name, value)| (*name, Path::new(value))).collect();
    let everywhere = |arguments: &[&str]| invoke("scenarios", "everywhere", arguments, &told);
    let (code, stdout, stderr) =
        everywhere(&["-X", "POST", "-H", "content-type: text/plain", "-d", "tset", "/reversed"]);
    let answer: Value = serde_json::from_str(&stdout).unwrap_or_else(|why| panic!("{why}: {stdout}{stderr}"));
    assert_eq!((code, &answer["statusCode"], &answer["body"]), (Some(0), &json!(200), &json!("test")), "{stderr}");
    assert_eq!(answer["isBase64Encoded"], false);
    let (code, stdout, stderr) = everywhere(&["--cron", "0 3 * * *"]);
    assert!(code == Some(0) && stdout.contains("\"attempts\":1"), "{stdout}{stderr}");
    // The host itself tries a run that fails twice more.
    let (code, stdout, stderr) = everywhere(&["--cron", "15 4 1 * *"]);
    assert!(code == Some(1) && stdout.contains("\"attempts\":3"), "{stdout}{stderr}");
    let (code, _, stderr) = everywhere(&["--cron", "1 1 1 1 *"]);
    assert!(code == Some(2) && stderr.contains("no timer fires at `0 1 1 1 1 *`"), "{stderr}");
}

/// A copy of a bundle that is broken says so, and with which code.
#[test]
fn a_bundle_that_is_not_whole_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = folder.path().join("work");
    fs::create_dir_all(&bundle).expect("a folder");
    fs::write(bundle.join("host.json"), "{}").expect("a file");
    let output = Command::new(packager())
        .args(["pikku", "invoke", "--target", "azure", "--group", "work", "/", "--bundle-dir"])
        .arg(folder.path())
        .output()
        .expect("the packager starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(7) && said.contains("error[PK7013]") && said.contains("version"), "{said}");
}
