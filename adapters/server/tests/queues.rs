//! Queues and schedules of a server, on a database file: what becomes of messages, whatever happens.
#![cfg(all(feature = "sqlite", feature = "schedules"))]

use pikku::{
    All, App, AuthError, BoxError, Call, Claims, Cron, Group, Problem, Queue as Wiring, Scopes,
    call::CALLER,
    http::post,
    service::{Queue, SendError},
};
use pikku_auth::message::{CallerKeys, Callers};
use pikku_engines::{QueueEngine, SqliteEngine, SqliteSettings, Which};
use pikku_server::{ServeError, Server};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What functions have seen: the word of the test, the number of the message and how often it was delivered.
static SEEN: Mutex<Vec<(String, u32, u32)>> = Mutex::new(Vec::new());
static TRACES: Mutex<Vec<(String, Option<String>)>> = Mutex::new(Vec::new());
static AT_A_TIME: AtomicU32 = AtomicU32::new(0);
static MOST_AT_A_TIME: AtomicU32 = AtomicU32::new(0);

/// A message, and how its function ends.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, pikku::Message)]
#[pikku(queue = "jobs")]
struct Job {
    word: String,
    #[schemars(range(max = 1000))]
    number: u32,
    #[serde(default)]
    ms: u64,
    #[serde(default)]
    fails: u32,
    #[serde(default)]
    panics: bool,
    /// What makes it large.
    #[serde(default)]
    filling: String,
    /// How it is sent.
    #[serde(default)]
    sent: Sent,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Sent {
    #[serde(default)]
    delay_ms: u64,
    #[serde(default)]
    deduplication_id: Option<String>,
    #[serde(default)]
    priority: i8,
}

/// What is sent over HTTP goes to the queue.
#[derive(Debug, pikku::Error)]
enum SendFailed {
    /// The queue did not take it.
    #[pikku(status = 503, detail = "{0}")]
    NotTaken(SendError),
}

#[pikku::function(public)]
async fn send(jobs: &Queue<Job>, job: Job) -> Result<(), SendFailed> {
    let Sent { delay_ms, deduplication_id, priority } = &job.sent;
    let mut draft = jobs.message(&job).delay(Duration::from_millis(*delay_ms)).priority(*priority);
    if let Some(id) = deduplication_id {
        draft = draft.deduplication_id(id);
    }
    draft.send().await.map_err(SendFailed::NotTaken)
}

async fn do_job(call: &Call, job: Job) -> Result<(), Problem> {
    let message = call.queue().expect("a message");
    TRACES.lock().unwrap().extend(call.trace().map(|trace| (trace.to_owned(), call.trace_state())));
    SEEN.lock().unwrap().push((job.word.clone(), job.number, message.receive_count));
    let now = AT_A_TIME.fetch_add(1, Ordering::SeqCst) + 1;
    MOST_AT_A_TIME.fetch_max(now, Ordering::SeqCst);
    sleep(Duration::from_millis(job.ms)).await;
    AT_A_TIME.fetch_sub(1, Ordering::SeqCst);
    assert!(!job.panics, "asked to panic: private");
    if message.receive_count <= job.fails {
        return Err(Problem::internal("the private reason"));
    }
    if job.ms > 0 {
        SEEN.lock().unwrap().push((job.word, job.number, 100));
    }
    Ok(())
}

#[pikku::function]
async fn work(call: &Call, job: Job) -> Result<(), Problem> {
    do_job(call, job).await
}

#[pikku::function]
async fn work_in_order(call: &Call, job: Job) -> Result<(), Problem> {
    do_job(call, job).await
}

#[pikku::function]
async fn each_minute(call: &Call) -> Result<(), Problem> {
    let run = call.schedule().expect("a run");
    SEEN.lock().unwrap().push((run.origin.clone(), 0, 0));
    Ok(())
}

/// Who signs a call's messages, and verifies them.
#[derive(Clone, pikku::CallerSigner)]
struct AppCallers(Callers);

#[pikku::service]
fn app_callers() -> Result<AppCallers, BoxError> {
    Ok(AppCallers(Callers::new(CallerKeys::new(b"the secret of an app that sends to itself")?)))
}

#[pikku::authenticator(challenge = "")]
async fn caller(callers: &AppCallers, call: &Call) -> Result<Option<Claims>, AuthError> {
    callers.0.authenticate(call)
}

#[pikku::authenticator]
async fn scopes_of_header(call: &Call) -> Result<Option<Claims>, AuthError> {
    let scopes = call.headers().and_then(|headers| headers.get("x-scopes"));
    Ok(scopes.map(|scopes| Claims::new(json!({ "scopes": scopes })).with_scopes(Scopes::parse(scopes))))
}

/// A message that carries who caused it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, pikku::Message)]
#[pikku(queue = "signed", signed_by = AppCallers)]
struct Signed {
    word: String,
    number: u32,
}

#[pikku::function(session)]
async fn hand_on(queue: &Queue<Signed>, input: Signed) -> Result<(), SendFailed> {
    queue.send_all([&input, &Signed { number: input.number + 1, ..input.clone() }]).await.map_err(SendFailed::NotTaken)
}

#[pikku::function(scopes = ["orders:write"])]
async fn take_signed(call: &Call, input: Signed) -> Result<(), Problem> {
    let message = call.queue().expect("a message");
    SEEN.lock().unwrap().push((input.word, input.number, message.receive_count));
    Ok(())
}

#[derive(Group)]
struct Jobs;

fn app() -> App<All> {
    App::new().authenticate::<scopes_of_header>().authenticate::<caller>().group::<Jobs>(|g| {
        g.http::<send>(post("/jobs"))
            .http::<hand_on>(post("/signed"))
            .queue::<take_signed>("signed", Wiring::batch(10).retries(1).retry_delay_s(0))
            .queue::<work>("jobs", Wiring::batch(10).retries(2).retry_delay_s(0).visibility_timeout_s(1))
            .queue::<work_in_order>("in-order", Wiring::batch(10).retries(1).retry_delay_s(0).fifo())
            .cron::<each_minute>(Cron::new("* * * * *"))
    })
}

fn seen(word: &str) -> Vec<(u32, u32)> {
    SEEN.lock().unwrap().iter().filter(|(known, ..)| known == word).map(|&(_, number, count)| (number, count)).collect()
}

/// A server on a file, until it is stopped.
struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(file: &Path, settings: impl FnOnce(Server<All>) -> Server<All>) -> Self {
        Self::try_start(file, settings).await.unwrap_or_else(|error| panic!("{error:?}"))
    }

    async fn try_start(file: &Path, settings: impl FnOnce(Server<All>) -> Server<All>) -> Result<Self, ServeError> {
        let (stop, asked) = oneshot::channel();
        let server = Server::new(app()).address("127.0.0.1:0").queues(format!("sqlite:{}", file.display()));
        let until = async move { asked.await.unwrap_or_default() };
        let bound = settings(server).until(until).bind().await?;
        let address = bound.address();
        Ok(Self { address, stop: Some(stop), task: tokio::spawn(bound.serve()) })
    }

    async fn request(&self, request: String) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn post(&self, job: &Value) -> String {
        let body = job.to_string();
        self.request(format!(
            "POST /jobs HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-type: application/json\r\ntraceparent: {TRACE}\r\n\
             tracestate: shop=1\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await
    }

    async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        timeout(Duration::from_secs(30), self.task).await.expect("it ends").unwrap();
    }
}

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pikku.db");
    (folder, file)
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = timeout(Duration::from_secs(20), async {
        while !is_so().await {
            sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waiting.await.is_ok(), "{what}");
}

async fn enqueue(engine: &SqliteEngine, queue: &str, jobs: &[Value]) {
    let messages: Vec<_> = jobs.iter().map(|job| pikku_engines::NewMessage::new(queue, job.to_string())).collect();
    engine.enqueue(&messages).await.unwrap();
}

async fn is_empty(engine: &SqliteEngine, queue: &str) -> bool {
    let stats = engine.stats(queue).await.unwrap();
    (stats.ready, stats.waiting, stats.in_flight) == (0, 0, 0)
}

#[tokio::test]
async fn what_a_request_sends_comes_back_as_a_call() {
    let (_folder, file) = file();
    let server = Running::start(&file, |server| server).await;
    let answer = server.post(&json!({"word": "sent", "number": 1})).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    until("it is delivered", async || seen("sent") == [(1, 1)]).await;
    assert!(TRACES.lock().unwrap().contains(&(TRACE.to_owned(), Some("shop=1".to_owned()))));
    server.stop().await;
}

#[tokio::test]
async fn who_caused_a_message_calls_what_is_behind_the_queue() {
    let (_folder, file) = file();
    let server = Running::start(&file, |server| server).await;
    let engine = SqliteEngine::open(&file).unwrap();
    let hand_on = |scopes: &str, number: u32| {
        let body = json!({"word": "signed", "number": number}).to_string();
        let length = body.len();
        server.request(format!(
            "POST /signed HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-type: application/json\r\n\
             x-scopes: {scopes}\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    };
    assert!(hand_on("orders", 1).await.starts_with("HTTP/1.1 204"));
    assert!(hand_on("reports", 11).await.starts_with("HTTP/1.1 204"));
    // As somebody would who can write to the store, and has no key.
    enqueue(&engine, "signed", &[json!({"word": "signed", "number": 21})]).await;
    until("those that may not are dead", async || engine.stats("signed").await.unwrap().dead == 3).await;
    until("those that may are done", async || seen("signed").len() == 2).await;
    let mut done = seen("signed");
    done.sort_unstable();
    assert_eq!(done, [(1, 1), (2, 1)]);
    let letters = engine.dead_letters("signed", None, 10).await.unwrap();
    let mut codes: Vec<Value> =
        letters.iter().map(|letter| serde_json::from_str::<Value>(&letter.reason).unwrap()["code"].take()).collect();
    codes.sort_by_key(Value::to_string);
    assert_eq!(codes, ["insufficient_scope", "insufficient_scope", "unauthenticated"]);
    let stolen = letters.iter().find_map(|letter| letter.attributes.get(CALLER)).unwrap().clone();
    let forged = json!({"word": "signed", "number": 31}).to_string();
    engine.enqueue(&[pikku_engines::NewMessage::new("signed", forged).attribute(CALLER, stolen)]).await.unwrap();
    until("a forged one is dead too", async || engine.stats("signed").await.unwrap().dead == 4).await;
    assert_eq!(seen("signed").len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn what_a_message_asks_for_is_done() {
    let (_folder, file) = file();
    // Nothing is taken until all is sent.
    let sends = Running::start(&file, |server| server.consumes(false)).await;
    let job = |number: u32, sent: Value| json!({"word": "asks", "number": number, "sent": sent});
    for (number, sent) in [
        (1, json!({"priority": -5})),
        (2, json!({"deduplication_id": "once"})),
        (3, json!({"deduplication_id": "once"})),
        (4, json!({"delay_ms": 700})),
        (5, json!({"priority": 5})),
    ] {
        assert!(sends.post(&job(number, sent)).await.starts_with("HTTP/1.1 204"));
    }
    let engine = SqliteEngine::open(&file).unwrap();
    let declared = engine.stats("jobs").await.unwrap();
    assert_eq!((declared.ready, declared.waiting), (3, 1));
    sends.stop().await;
    let server = Running::start(&file, |server| server.queue_calls(1)).await;
    until("all are done", async || seen("asks").len() == 4).await;
    assert_eq!(seen("asks"), [(5, 1), (2, 1), (1, 1), (4, 1)]);
    server.stop().await;
}

#[tokio::test]
async fn a_failure_is_tried_again_and_then_a_dead_letter_with_its_problem() {
    let (_folder, file) = file();
    let server = Running::start(&file, |server| server).await;
    let engine = SqliteEngine::open(&file).unwrap();
    enqueue(
        &engine,
        "jobs",
        &[
            json!({"word": "retried", "number": 1, "fails": 2}),
            json!({"word": "retried", "number": 2, "fails": 9}),
            json!({"word": "retried", "number": 3, "panics": true}),
            json!({"word": "retried", "number": 4}),
            json!({"word": "retried", "number": 5000}),
            json!({"order": "of an older version"}),
        ],
    )
    .await;
    until("four are dead", async || engine.stats("jobs").await.unwrap().dead == 4 && is_empty(&engine, "jobs").await)
        .await;
    let mut all = seen("retried");
    all.sort_unstable();
    assert_eq!(all, [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (3, 3), (4, 1)]);
    let letters = engine.dead_letters("jobs", None, 10).await.unwrap();
    let problem = |index: usize| serde_json::from_str::<Value>(&letters[index].reason).unwrap();
    assert_eq!((problem(0)["code"].as_str(), problem(0)["status"].as_u64()), (Some("internal"), Some(500)));
    assert_eq!(problem(1)["code"], "internal");
    assert!(letters.iter().all(|letter| letter.receives == 3 && !letter.reason.contains("private")), "{letters:?}");
    // What another version of the app has sent is kept, with what is wrong about it.
    assert_eq!(
        (&problem(2)["code"], &problem(2)["errors"][0]["pointer"]),
        (&json!("invalid_input"), &json!("/number"))
    );
    assert_eq!((problem(3)["code"].as_str(), problem(3)["status"].as_u64()), (Some("invalid_input"), Some(422)));
    assert_eq!(letters[3].body.as_bytes(), br#"{"order":"of an older version"}"#);
    // It is put right, and redriven.
    assert_eq!(engine.redrive("jobs", Which::One(letters[0].id.clone())).await.unwrap(), 1);
    until("it is delivered anew", async || seen("retried").iter().filter(|(number, _)| *number == 2).count() >= 6)
        .await;
    server.stop().await;
}

#[tokio::test]
async fn a_message_stays_hidden_while_its_function_runs() {
    let (_folder, file) = file();
    let server = Running::start(&file, |server| server).await;
    let engine = SqliteEngine::open(&file).unwrap();
    // Twice as long as the visibility timeout.
    enqueue(&engine, "jobs", &[json!({"word": "long", "number": 1, "ms": 2200})]).await;
    until("it is done", async || seen("long").contains(&(1, 100)) && is_empty(&engine, "jobs").await).await;
    assert_eq!(seen("long"), [(1, 1), (1, 100)]);
    server.stop().await;
}

#[tokio::test]
async fn an_end_finishes_what_runs_and_gives_back_the_rest() {
    let (_folder, file) = file();
    let server = Running::start(&file, |server| server).await;
    let engine = SqliteEngine::open(&file).unwrap();
    enqueue(&engine, "jobs", &[json!({"word": "finished", "number": 1, "ms": 600})]).await;
    until("it runs", async || seen("finished") == [(1, 1)]).await;
    server.stop().await;
    assert_eq!(seen("finished"), [(1, 1), (1, 100)]);
    // One that takes longer than an end may is given up, and there again at once, as if it had not been delivered.
    let short = pikku_server::Limits { drain_time: Duration::from_millis(100), ..pikku_server::Limits::default() };
    let server = Running::start(&file, |server| server.limits(short)).await;
    enqueue(&engine, "jobs", &[json!({"word": "given up", "number": 1, "ms": 60_000})]).await;
    until("it runs", async || seen("given up") == [(1, 1)]).await;
    server.stop().await;
    let back = engine.receive("jobs", 1, Duration::ZERO).await.unwrap();
    assert_eq!((back.len(), back[0].receives), (1, 1));
}

#[tokio::test]
async fn a_call_has_a_deadline_of_its_own() {
    let (_folder, file) = file();
    let server = Running::start(&file, |server| server.message_time(Duration::from_millis(100))).await;
    let engine = SqliteEngine::open(&file).unwrap();
    enqueue(&engine, "jobs", &[json!({"word": "late", "number": 1, "ms": 60_000})]).await;
    until("it is dead", async || engine.stats("jobs").await.unwrap().dead == 1).await;
    let letters = engine.dead_letters("jobs", None, 10).await.unwrap();
    assert!(letters[0].reason.contains("deadline_exceeded"), "{letters:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_group_is_handled_in_order_whatever_fails() {
    let (_folder, file) = file();
    let server = Running::start(&file, |server| server).await;
    let engine = SqliteEngine::open(&file).unwrap();
    let job = |number: u32, fails: u32| {
        let body = json!({"word": "ordered", "number": number, "fails": fails}).to_string();
        pikku_engines::NewMessage::new("in-order", body).group("a")
    };
    engine.enqueue(&[job(1, 1), job(2, 0), job(3, 0)]).await.unwrap();
    until("all are done", async || seen("ordered").len() == 4 && is_empty(&engine, "in-order").await).await;
    assert_eq!(seen("ordered"), [(1, 1), (1, 2), (2, 1), (3, 1)]);
    server.stop().await;
}

/// Two instances on one file: without crashes each message is handled once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_share_the_work() {
    let (_folder, file) = file();
    let first = Running::start(&file, |server| server).await;
    let second = Running::start(&file, |server| server).await;
    let engine = SqliteEngine::open(&file).unwrap();
    let jobs: Vec<Value> = (0..200).map(|number| json!({"word": "shared", "number": number})).collect();
    for jobs in jobs.chunks(20) {
        enqueue(&engine, "jobs", jobs).await;
    }
    until("all are done", async || seen("shared").len() >= 200 && is_empty(&engine, "jobs").await).await;
    let mut all = seen("shared");
    all.sort_unstable();
    assert_eq!(all, (0..200).map(|number| (number, 1)).collect::<Vec<_>>());
    first.stop().await;
    second.stop().await;
}

/// What is due was due an hour ago; each minute is made up for once, by whichever instance is first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_runs_once_over_all_instances() {
    let (_folder, file) = file();
    // The schedule has been seen an hour ago.
    let engine: Arc<dyn QueueEngine> = Arc::new(SqliteEngine::open(&file).unwrap());
    let now = std::time::SystemTime::now() - Duration::from_secs(3600);
    let clock = pikku_engines::ManualClock::at(now.into());
    let spec = pikku_engines::ScheduleSpec::new("each_minute", "* * * * *");
    let earlier = pikku_engines::Scheduler::new(Arc::clone(&engine), Arc::new(clock), vec![spec]).unwrap();
    engine.declare(&earlier.queues()).await.unwrap();
    earlier.tick().await.unwrap();
    let first = Running::start(&file, |server| server).await;
    let second = Running::start(&file, |server| server).await;
    until("it ran", async || !seen("pikku").is_empty()).await;
    sleep(Duration::from_millis(300)).await;
    // The one that is made up for, and one more where a minute has just begun.
    assert!(seen("pikku").len() <= 2, "{:?}", seen("pikku"));
    first.stop().await;
    second.stop().await;
}

/// An order and its message are there together or not at all.
#[tokio::test]
async fn what_a_transaction_commits_is_sent_and_nothing_else() {
    use pikku::Message as _;
    use pikku_engines::{NewMessage, SqliteOutbox};
    let (folder, file) = file();
    let database = folder.path().join("app.db");
    let mut connection = rusqlite::Connection::open(&database).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    SqliteOutbox::create(&connection).unwrap();
    let server = Running::start(&file, |server| server.outbox(Arc::new(SqliteOutbox::open(&database).unwrap()))).await;
    let mut place = |number: u32, commits: bool| {
        let transaction = connection.transaction().unwrap();
        let job = Job { word: "outbox".to_owned(), number, ..Job::default() };
        SqliteOutbox::add(&transaction, &NewMessage::new(Job::QUEUE, serde_json::to_string(&job).unwrap())).unwrap();
        if commits { transaction.commit().unwrap() } else { transaction.rollback().unwrap() }
    };
    place(1, true);
    place(2, false);
    place(3, true);
    until("both are delivered", async || seen("outbox").len() == 2).await;
    server.stop().await;
    let mut all = seen("outbox");
    all.sort_unstable();
    assert_eq!(all, [(1, 1), (3, 1)]);
}

#[tokio::test]
async fn an_instance_that_does_not_consume_sends() {
    let (_folder, file) = file();
    let server = Running::start(&file, |server| server.consumes(false)).await;
    let answer = server.post(&json!({"word": "kept", "number": 1})).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    sleep(Duration::from_millis(200)).await;
    let engine = SqliteEngine::open(&file).unwrap();
    assert_eq!((engine.stats("jobs").await.unwrap().ready, seen("kept").len()), (1, 0));
    server.stop().await;
}

/// The disk is full: the sender is told, and what was taken is delivered once there is room.
#[tokio::test]
async fn a_full_disk_refuses_what_is_sent_and_loses_nothing() {
    let (_folder, file) = file();
    let settings = SqliteSettings { most_pages: Some(80), ..SqliteSettings::default() };
    let full = Arc::new(SqliteEngine::open_with(&file, settings).unwrap());
    let sender = Running::start(&file, |server| server.engine(full).consumes(false)).await;
    let large = |number: u32| json!({"word": "full", "number": number, "filling": "x".repeat(8000)});
    let mut taken = 0;
    let refused = loop {
        let answer = sender.post(&large(taken)).await;
        if !answer.starts_with("HTTP/1.1 204") {
            break answer;
        }
        taken += 1;
        assert!(taken < 200, "it is full at some time");
    };
    assert!(taken > 3 && refused.starts_with("HTTP/1.1 503"), "{taken}: {refused}");
    assert!(!refused.contains(&file.display().to_string()), "no path of this machine: {refused}");
    sender.stop().await;
    // Somebody makes room.
    let server = Running::start(&file, |server| server).await;
    until("all that was taken is delivered", async || seen("full").len() == taken as usize).await;
    let answer = server.post(&large(taken)).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    until("it goes on", async || seen("full").iter().any(|&(number, _)| number == taken)).await;
    server.stop().await;
    let all = seen("full");
    assert!((0..=taken).all(|number| all.contains(&(number, 1))), "{all:?}");
}

#[tokio::test]
async fn a_store_that_cannot_be_used_says_so_at_start() {
    let (folder, file) = file();
    std::fs::write(&file, "no database at all, but a text that is long enough to be read as a header of one").unwrap();
    let error = Running::try_start(&file, |server| server).await.err().unwrap();
    assert_eq!((error.code(), error.exit_code()), ("PK8104", 3));
    assert!(error.to_string().contains("pikku.db") && format!("{error:?}").contains("hint: "), "{error:?}");
    let nowhere = folder.path().join("absent").join("pikku.db");
    let error = Running::try_start(&nowhere, |server| server).await.err().unwrap();
    assert_eq!(error.code(), "PK8101", "{error:?}");
    for (address, said) in [
        ("sqlite:", "it names no file"),
        ("redis://user:plantedsecret7Qx@host", "it begins with none of `sqlite:`"),
        ("", "it begins with none of"),
    ] {
        let error = Server::new(app()).address("127.0.0.1:0").queues(address).bind().await.unwrap_err();
        assert_eq!((error.code(), error.exit_code()), ("PK8003", 2));
        assert!(error.to_string().contains(said) && !error.to_string().contains("plantedsecret7Qx"), "{error}");
    }
}
