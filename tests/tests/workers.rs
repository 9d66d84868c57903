//! Bundles for Cloudflare Workers in workerd: what calls that share an isolate do to each other, and what it is bound to.

use pikku_local_workers::{Body, Builder, LocalWorkers, Message, Outgoing, Request, Response};
use pikku_tests::{copy_folder, matrix, tool, worker};
use serde_json::{Value, json};
use std::{
    fs,
    time::{Duration, UNIX_EPOCH},
};

const EDGE: &str = "edge-edge";
const BOUND: &str = "edge-bound";
const PATIENCE: Duration = Duration::from_secs(30);

fn edge() -> Builder {
    LocalWorkers::bundle(worker("edge", "edge")).app(tool("npm"))
}

async fn started(builder: Builder) -> LocalWorkers {
    builder.start().await.unwrap_or_else(|why| panic!("the Workers do not start: {why}"))
}

async fn get(workers: &LocalWorkers, path: &str) -> Response {
    ask(workers, Request::new("GET", path)).await
}

async fn ask(workers: &LocalWorkers, request: Request) -> Response {
    workers.fetch(workers.first(), request).await.unwrap_or_else(|why| panic!("no answer: {why}"))
}

fn json_of(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_else(|why| panic!("no JSON ({why}): {response:?}"))
}

fn logged(workers: &LocalWorkers, text: &str) -> bool {
    workers.logs().iter().any(|line| line.message.contains(text))
}

async fn until_logged(workers: &LocalWorkers, text: &str) {
    let seen = workers.wait(PATIENCE, |workers| logged(workers, text)).await;
    assert!(seen, "`{text}` was not logged: {:?}", workers.logs());
}

#[tokio::test]
async fn a_start_that_is_given_up_does_not_hold_up_the_next() {
    let workers = started(edge()).await;
    let impatient = Request::new("GET", "/wait/1").limit(Duration::from_millis(100));
    // The service takes 300 ms to be built; the client is gone before.
    assert!(workers.fetch(EDGE, impatient).await.is_err());
    let response = get(&workers, "/wait/2").await;
    assert_eq!((response.status, json_of(&response)), (200, json!(2)));
    workers.shutdown().await;
}

#[tokio::test]
async fn a_panic_fails_its_own_call_and_no_other() {
    let workers = started(edge()).await;
    for path in ["/panic", "/panic-late"] {
        let (slow, panicked, also) =
            tokio::join!(get(&workers, "/wait/700"), get(&workers, path), get(&workers, "/wait/3"));
        assert_eq!((slow.status, json_of(&slow)), (200, json!(700)), "{path}");
        assert_eq!((also.status, json_of(&also)), (200, json!(3)), "{path}");
        assert_eq!((panicked.status, &json_of(&panicked)["code"]), (500, &json!("internal")), "{path}");
        assert!(!String::from_utf8_lossy(&panicked.body).contains("private"), "{panicked:?}");
        let next = get(&workers, "/wait/4").await;
        assert_eq!((next.status, json_of(&next)), (200, json!(4)), "{path}");
    }
    assert!(logged(&workers, "a private reason"), "{:?}", workers.logs());
    workers.shutdown().await;
}

#[tokio::test]
async fn a_stack_that_overflows_is_answered_and_the_next_call_works() {
    let workers = started(edge()).await;
    let response = get(&workers, "/overflow").await;
    assert_eq!((response.status, &json_of(&response)["code"]), (500, &json!("internal")));
    let next = get(&workers, "/wait/5").await;
    assert_eq!((next.status, json_of(&next)), (200, json!(5)));
    workers.shutdown().await;
}

#[tokio::test]
async fn what_never_ends_is_answered_at_the_deadline() {
    let workers = started(edge()).await;
    let response = get(&workers, "/wait/600000").await;
    assert_eq!((response.status, &json_of(&response)["code"]), (504, &json!("deadline_exceeded")));
    let next = get(&workers, "/wait/6").await;
    assert_eq!((next.status, json_of(&next)), (200, json!(6)));
    workers.shutdown().await;
}

#[tokio::test]
async fn a_client_that_goes_away_gives_back_what_its_call_held() {
    let workers = started(edge()).await;
    assert_eq!(get(&workers, "/held/1").await.status, 200, "{:?}", workers.logs());
    let before = workers.logs().iter().filter(|line| line.message.contains("is given back")).count();
    for round in 1..=3 {
        let impatient = Request::new("GET", "/held/20000").resets().limit(Duration::from_millis(400));
        assert!(workers.fetch(EDGE, impatient).await.is_err());
        // Long before its deadline. One call at a time is let through: it would be refused while the one before is held.
        let given_back = workers.wait(PATIENCE, |workers| {
            workers.logs().iter().filter(|line| line.message.contains("what the call held is given back")).count()
                >= before + round
        });
        assert!(given_back.await, "{round}: {:?}", workers.logs());
        let next = get(&workers, "/wait/8").await;
        assert_eq!((next.status, json_of(&next)), (200, json!(8)));
    }
    let next = get(&workers, "/held/2").await;
    assert_eq!((next.status, json_of(&next)), (200, json!(2)), "{:?}", workers.logs());
    // What a call wanted done after its answer is done, whether or not somebody has waited for that.
    let done = |workers: &LocalWorkers| {
        workers.logs().iter().filter(|line| line.message.contains("this is done all the same")).count() >= 5
    };
    assert!(workers.wait(PATIENCE, done).await, "{:?}", workers.logs());
    for late in ["was not answered", "took longer than it may", "by the deadline"] {
        assert!(!logged(&workers, late), "{late}: {:?}", workers.logs());
    }
    workers.shutdown().await;
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_of_a_stream_gives_back_what_it_held() {
    let workers = started(edge()).await;
    let request = Request::new("GET", "/held-endlessly").resets();
    let mut streamed = workers.open(EDGE, request).await.unwrap_or_else(|why| panic!("no answer: {why}"));
    let chunk = streamed.next_chunk().await.unwrap_or_else(|why| panic!("no chunk: {why}"));
    assert_eq!(chunk.as_deref(), Some(&b"one\n"[..]));
    assert!(!logged(&workers, "what the stream held"), "{:?}", workers.logs());
    drop(streamed);
    until_logged(&workers, "what the stream held is given back").await;
    let next = get(&workers, "/wait/9").await;
    assert_eq!((next.status, json_of(&next)), (200, json!(9)));
    workers.shutdown().await;
}

#[tokio::test]
async fn an_upload_over_the_limit_is_refused() {
    let workers = started(edge()).await;
    let upload = |octets: usize| Request::new("POST", "/read").body(vec![b'x'; octets]);
    let large = ask(&workers, upload(10 * 1024 * 1024)).await;
    assert_eq!((large.status, json_of(&large)), (200, json!(10 * 1024 * 1024)));
    let refused = ask(&workers, upload(100 * 1024 * 1024)).await;
    assert_eq!((refused.status, &json_of(&refused)["code"]), (413, &json!("content_too_large")));
    // What stands on every answer of the app stands on this one too.
    assert!(refused.header("x-request-id").is_some_and(|id| !id.is_empty()), "{refused:?}");
    // Without a length it is counted while it comes.
    let chunk = format!("{:x}\r\n{}\r\n", 1024 * 1024, "y".repeat(1024 * 1024));
    let chunked = Request::new("POST", "/read").header("Transfer-Encoding", "chunked");
    let refused = ask(&workers, chunked.body(chunk.repeat(100) + "0\r\n\r\n")).await;
    assert_eq!((refused.status, &json_of(&refused)["code"]), (413, &json!("content_too_large")));
    let next = get(&workers, "/wait/7").await;
    assert_eq!((next.status, json_of(&next)), (200, json!(7)));
    workers.shutdown().await;
}

fn text(text: &str) -> Body {
    Body::Text { text: text.to_owned() }
}

#[tokio::test]
async fn a_failed_message_alone_is_tried_again_with_the_wirings_delay() {
    let workers = started(edge()).await;
    let batch = [
        Message::new("good", Body::Json { json: json!({"id": 1}) }),
        Message { attempts: 2, ..Message::new("leaks", text(r#"{"id":2,"leaks":true}"#)) },
        Message::new("no-json", text("{")),
        Message::new("octets", Body::Bytes { bytes: r#"{"id":3}"#.into() }),
        Message::new("no-text", Body::Bytes { bytes: vec![0xff, 0xfe].into() }),
    ];
    let handled = workers.queue(EDGE, "edge-boxes", &batch).await.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!((handled.outcome.as_str(), handled.retry_all, handled.ack_all), ("ok", false, false));
    let retried: Vec<_> = handled.retried.iter().map(|one| (one.id.as_str(), one.delay_s)).collect();
    // A second after the first failure, two after the second.
    assert_eq!(retried, [("leaks", Some(2)), ("no-json", Some(1)), ("no-text", Some(1))]);
    assert_eq!(handled.acknowledged, ["good", "octets"]);
    let unknown = workers.queue(EDGE, "another", &batch[..1]).await.unwrap_or_else(|why| panic!("{why}"));
    assert!(unknown.is_retried("good"), "a message that nobody takes is not lost: {unknown:?}");
    workers.shutdown().await;
}

#[tokio::test]
async fn a_poison_message_ends_among_the_dead_letters() {
    let workers = started(edge()).await;
    let messages = [r#"{"id":1}"#, "this is no JSON", r#"{"id":2}"#].map(|body| Outgoing::from(text(body)));
    workers.send("edge-boxes", &messages).await.unwrap_or_else(|why| panic!("{why}"));
    let dead = "edge-boxes-dead-letters";
    let arrived = workers.wait(PATIENCE, |workers| !workers.collected(dead).is_empty()).await;
    assert!(arrived, "nothing reached the dead letters: {:?}", workers.logs());
    let bodies: Vec<Body> = workers.collected(dead).into_iter().map(|message| message.body).collect();
    assert_eq!(bodies, [text("this is no JSON")]);
    for done in ["box 1 try 1", "box 2 try 1"] {
        until_logged(&workers, done).await;
    }
    let twice = workers.logs().iter().filter(|line| line.message.contains("box 1 try")).count();
    assert_eq!(twice, 1, "{:?}", workers.logs());
    workers.shutdown().await;
}

/// Of three messages two are taken in a day, as the app's rate has it; the third is put off until another is.
#[tokio::test]
async fn a_message_is_kept_back_as_its_failure_asks() {
    let builder = LocalWorkers::bundle(worker("scenarios", "everywhere"));
    let sources = builder.sources().unwrap_or_else(|why| panic!("{why}"));
    let builder = matrix::variables().into_iter().fold(builder, |builder, (name, value)| builder.variable(name, value));
    let workers = started(builder.app(tool("npm"))).await;
    let batch: Vec<Message> = ["1", "2", "3"].map(|id| Message::new(id, text("{}"))).into();
    let handled = workers.queue(workers.first(), &sources["queue:limited"], &batch).await;
    let retried = handled.unwrap_or_else(|why| panic!("{why}")).retried;
    let [message] = &retried[..] else { panic!("{retried:?}") };
    // Half a day, which is also the longest that Cloudflare keeps a message back.
    let half_a_day = 43_190..=43_200;
    assert!(message.id == "3" && message.delay_s.is_some_and(|seconds| half_a_day.contains(&seconds)), "{message:?}");
    workers.shutdown().await;
}

#[tokio::test]
async fn a_schedule_runs_its_own_wiring_and_an_unknown_one_fails() {
    let workers = started(edge()).await;
    let time = UNIX_EPOCH + Duration::from_secs(1_700_000_040);
    let run = workers.scheduled(EDGE, "0 * * * *", time).await.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(run.outcome, "ok");
    until_logged(&workers, "hourly 2023-11-14T22:14:00Z").await;
    until_logged(&workers, "after the hour").await;
    assert!(!logged(&workers, "nightly"), "{:?}", workers.logs());
    let unknown = workers.scheduled(EDGE, "1 2 3 4 *", time).await.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(unknown.outcome, "exception");
    workers.shutdown().await;
}

fn bound() -> Builder {
    let builder = LocalWorkers::bundle(worker("edge", "bound")).bundle(worker("edge", "edge")).app(tool("npm"));
    builder.variable("API_KEY", "a secret of 24 letters..")
}

#[tokio::test]
async fn every_kind_of_binding_is_reached() {
    let workers = started(bound()).await;
    let request = Request::new("POST", "/bindings/blue").header("Content-Type", "application/json");
    let response = ask(&workers, request.body(r#"{"value":"whale"}"#)).await;
    let expected = json!({
        "database": "whale", "key_value": "whale", "bucket": "whale", "secret_length": 24, "variable": "hello", "group": "1",
    });
    assert_eq!((response.status, json_of(&response)), (200, expected), "{:?}", workers.logs());
    // The message it sent is taken by the group that consumes the queue.
    until_logged(&workers, "box 7 try 1").await;
    let stored = workers.kv_get(BOUND, "CACHE", "blue").await.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(stored.as_deref(), Some("whale"));
    workers.shutdown().await;
}

#[tokio::test]
async fn who_caused_a_message_goes_with_it_through_a_queue_without_attributes() {
    let workers = started(bound()).await;
    let parcel = |id: u32, scopes: &str| {
        let request = Request::new("POST", "/parcels").header("Content-Type", "application/json");
        let request = request.header("X-User", "ada").header("X-Scopes", scopes);
        let request = request.header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let request = request.header("tracestate", "shop=1");
        request.body(json!({ "id": id }).to_string())
    };
    assert_eq!(ask(&workers, parcel(1, "letters")).await.status, 204, "{:?}", workers.logs());
    assert_eq!(ask(&workers, parcel(2, "parcels")).await.status, 204, "{:?}", workers.logs());
    until_logged(&workers, "parcel 2 of ada, trace 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 shop=1")
        .await;
    until_logged(&workers, "this needs a session with the scope `parcels`").await;
    assert!(!logged(&workers, "parcel 1"), "{:?}", workers.logs());
    // One that nobody has signed, and the one that was refused, as it lay in the queue, with another body.
    let dead = "edge-parcels-dead-letters";
    assert!(workers.wait(PATIENCE, |workers| !workers.collected(dead).is_empty()).await, "{:?}", workers.logs());
    let letters = workers.collected(dead);
    let Body::Text { text: refused } = &letters[0].body else { panic!("{letters:?}") };
    assert!(refused.starts_with("pikku-message: 1\n") && refused.ends_with("\n\n{\"id\":1}"), "{refused}");
    let forged = [r#"{"id":3}"#.to_owned(), refused.replace("{\"id\":1}", "{\"id\":4}")];
    let forged = forged.map(|body| Outgoing::from(text(&body)));
    workers.send("edge-parcels", &forged).await.unwrap_or_else(|why| panic!("{why}"));
    until_logged(&workers, "was signed for another body").await;
    assert!(workers.wait(PATIENCE, |workers| workers.collected(dead).len() == 3).await, "{:?}", workers.logs());
    assert!(!logged(&workers, "parcel 3") && !logged(&workers, "parcel 4"), "{:?}", workers.logs());
    workers.shutdown().await;
}

#[tokio::test]
async fn a_namespace_and_a_database_keep_sessions_as_every_store_has_to() {
    let workers = started(LocalWorkers::bundle(worker("edge", "kept")).app(tool("npm"))).await;
    let cases: Vec<String> = serde_json::from_slice(&get(&workers, "/cases").await.body).expect("names");
    assert!(cases.len() > 10, "{cases:?}");
    for store in ["kv", "d1"] {
        for case in &cases {
            let response = ask(&workers, Request::new("POST", format!("/cases/{store}/{case}"))).await;
            assert_eq!(response.status, 204, "{store}, {case}: {:?}", workers.logs());
        }
    }
    // The store has made its table, and drops what has ended: a row of long ago is gone after the next save.
    let rows =
        async |sql: &str| workers.sql("edge-kept", "LOGINS", sql, &[]).await.unwrap_or_else(|why| panic!("{why}"));
    let made = rows("SELECT name FROM sqlite_master WHERE name LIKE 'pikku_sessions%' ORDER BY name").await;
    let names = ["pikku_sessions", "pikku_sessions_ends", "pikku_sessions_owner"].map(|name| json!({"name": name}));
    assert_eq!(made, names);
    rows("INSERT INTO pikku_sessions VALUES ('ended', 'nobody', '{}', 1, 1)").await;
    let again = ask(&workers, Request::new("POST", format!("/cases/d1/{}", cases[0]))).await;
    assert_eq!((again.status, rows("SELECT key FROM pikku_sessions WHERE key = 'ended'").await.len()), (204, 0));
    workers.shutdown().await;
}

#[tokio::test]
async fn a_database_keeps_rates_and_results_as_every_store_has_to() {
    let workers = started(LocalWorkers::bundle(worker("edge", "kept")).app(tool("npm"))).await;
    let cases: Vec<String> = serde_json::from_slice(&get(&workers, "/limit-cases").await.body).expect("names");
    assert!(cases.len() > 10, "{cases:?}");
    for case in &cases {
        let response = ask(&workers, Request::new("POST", format!("/limit-cases/{case}"))).await;
        assert_eq!(response.status, 204, "{case}: {:?}", workers.logs());
    }
    let rows =
        async |sql: &str| workers.sql("edge-kept", "LIMITS", sql, &[]).await.unwrap_or_else(|why| panic!("{why}"));
    let made = rows("SELECT name FROM sqlite_master WHERE name LIKE 'pikku_r%' ORDER BY name").await;
    let names = ["pikku_rates", "pikku_rates_mark", "pikku_results", "pikku_results_ends"];
    assert_eq!(made, names.map(|name| json!({"name": name})));
    // What says nothing any more is gone after the next call.
    rows("INSERT INTO pikku_rates VALUES ('ended', 1)").await;
    rows("INSERT INTO pikku_results VALUES ('ended', '', 1)").await;

    // A rate, and a key, hold for an app as a middleware asks for them.
    let statuses = [get(&workers, "/limited").await, get(&workers, "/limited").await, get(&workers, "/limited").await];
    assert_eq!(statuses.map(|response| response.status), [204, 204, 429], "{:?}", workers.logs());
    let pay = |key: &str| Request::new("POST", "/payments").header("X-User", "ada").header("Idempotency-Key", key);
    let (once, again, other) =
        (ask(&workers, pay("one")).await, ask(&workers, pay("one")).await, ask(&workers, pay("two")).await);
    assert_eq!((once.status, json_of(&once)), (200, json!({"number": 1})), "{:?}", workers.logs());
    assert_eq!((again.header("idempotency-replayed"), json_of(&again)), (Some("true"), json!({"number": 1})));
    assert_eq!((other.header("idempotency-replayed"), json_of(&other)), (None, json!({"number": 2})));
    for table in ["pikku_rates", "pikku_results"] {
        let ended = rows(&format!("SELECT key FROM {table} WHERE key = 'ended'")).await;
        assert_eq!(ended.len(), 0, "{table}");
    }
    workers.shutdown().await;
}

#[tokio::test]
async fn a_missing_binding_is_named_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("bound");
    copy_folder(&worker("edge", "bound"), &copy);
    let configuration = copy.join("wrangler.jsonc");
    let text = fs::read_to_string(&configuration).expect("a configuration");
    assert!(text.contains("\"CACHE\""), "{text}");
    fs::write(&configuration, text.replace("\"CACHE\"", "\"ANOTHER\"")).expect("a configuration");
    let builder = LocalWorkers::bundle(&copy).bundle(worker("edge", "edge")).app(tool("npm"));
    let workers = started(builder.variable("API_KEY", "secret")).await;
    let request = Request::new("POST", "/bindings/blue").header("Content-Type", "application/json");
    let response = ask(&workers, request.body(r#"{"value":"whale"}"#)).await;
    assert_eq!((response.status, &json_of(&response)["code"]), (500, &json!("internal")));
    until_logged(&workers, "the Worker has no KV namespace under the binding `CACHE`").await;
    assert!(!String::from_utf8_lossy(&response.body).contains("CACHE"), "{response:?}");
    workers.shutdown().await;
}
