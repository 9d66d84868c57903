//! Small Workers of plain JavaScript in the real workerd.

use bytes::Bytes;
use pikku_local_workers::{
    Body, Builder, CallError, LocalWorkers, Message, Outgoing, Request, RequestError, Retried, StartError, Storage,
};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};
use tempfile::TempDir;

const WORKER: &str = r#"
import { greeting } from "./words.mjs";

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/bindings":
        return Response.json({ word: env.WORD, greeting, keys: Object.keys(env).sort() });
      case "/stream": {
        const { readable, writable } = new TransformStream();
        const writer = writable.getWriter();
        ctx.waitUntil((async () => {
          for (const part of ["one", "two"]) {
            await writer.write(new TextEncoder().encode(part));
            await scheduler.wait(30);
          }
          await writer.close();
        })());
        return new Response(readable);
      }
      case "/refuse":
        return new Response("too large", { status: 413 });
      case "/send":
        await env.QUEUE_PLACED.send(await request.text(), { contentType: "text" });
        return new Response(null, { status: 202 });
      case "/group":
        return env.GROUP_OTHER.fetch("http://other/from-the-group");
      case "/boom":
        throw new Error("boom");
      default: {
        const body = [...new Uint8Array(await request.arrayBuffer())];
        return Response.json({ method: request.method, url: request.url, headers: [...request.headers], body });
      }
    }
  },
  async queue(batch, env) {
    for (const message of batch.messages) {
      const { body, attempts } = message;
      const kind = Object.prototype.toString.call(body).slice(8, -1);
      console.log(`${batch.queue} ${message.id} ${attempts} ${kind}`);
      if (body === "poison") message.retry({ delaySeconds: 0 });
      else if (body === "later") message.retry({ delaySeconds: 7 });
      else if (body === "boom") throw new Error("boom");
      else message.ack();
    }
  },
  async scheduled(event, env) {
    console.warn(`${event.cron} at ${event.scheduledTime}`);
    if (event.cron !== "0 3 * * *") throw new Error("no such schedule");
  },
};
"#;

const CONFIGURATION: &str = r#"// A comment.
{
  "name": "shop-orders",
  "main": "worker.mjs",
  "compatibility_date": "2026-04-01",
  "no_bundle": true,
  "rules": [{ "type": "ESModule", "globs": ["**/*.mjs"] }],
  "vars": { "WORD": "hello" },
  "d1_databases": [{ "binding": "SHOP", "database_name": "shop-shop", "migrations_dir": "../migrations" }],
  "kv_namespaces": [{ "binding": "SESSIONS" }],
  "r2_buckets": [{ "binding": "FILES", "bucket_name": "shop-files" }],
  "queues": {
    "producers": [{ "binding": "QUEUE_PLACED", "queue": "shop-placed" }],
    "consumers": [{ "queue": "shop-placed", "max_batch_size": 5, "max_batch_timeout": 0, "max_retries": 2,
                    "dead_letter_queue": "shop-placed-dead-letters" }],
  },
  "services": [{ "binding": "GROUP_OTHER", "service": "shop-other" }],
}
"#;

/// The bundle of a group in its folder, and the migrations beside it.
fn bundle(folder: &Path) -> PathBuf {
    let dir = folder.join("orders");
    fs::create_dir_all(&dir).expect("a folder");
    fs::create_dir_all(folder.join("migrations")).expect("a folder");
    let migration =
        "CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT);\nINSERT INTO products VALUES (1, 'a;b');";
    fs::write(folder.join("migrations/0001_products.sql"), migration).expect("a file");
    fs::write(dir.join("worker.mjs"), WORKER).expect("a file");
    fs::write(dir.join("words.mjs"), "export const greeting = \"good day\";\n").expect("a file");
    fs::write(dir.join("wrangler.jsonc"), CONFIGURATION).expect("a file");
    dir
}

/// A bundle in memory; miniflare is that of the tools.
fn workers(folder: &TempDir) -> Builder {
    LocalWorkers::bundle(bundle(folder.path())).app(tools())
}

/// The folder above the `node_modules` that has miniflare.
fn tools() -> PathBuf {
    std::env::var_os("PIKKU_TOOLS").map_or_else(|| PathBuf::from("."), |tools| PathBuf::from(tools).join("npm"))
}

async fn start(folder: &TempDir) -> LocalWorkers {
    workers(folder).start().await.expect("miniflare, which `cargo xtask tools` installs")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn text(text: &str) -> Body {
    Body::Text { text: text.to_owned() }
}

const ORDERS: &str = "shop-orders";

async fn json_of(workers: &LocalWorkers, request: Request) -> Value {
    let response = workers.fetch(ORDERS, request).await.expect("a response");
    assert_eq!(response.status, 200, "{response:?}");
    serde_json::from_slice(&response.body).expect("JSON")
}

#[tokio::test]
async fn requests_arrive_as_they_were_sent() {
    let folder = folder();
    let workers = start(&folder).await;
    let request = Request::new("PUT", "/bad/%zz/100%?p=%&q=%C3%28&a=b|c")
        .header("Host", "example.com:8443")
        .header("Accept", "a")
        .header("Accept", "b")
        .body(vec![0_u8, 255, 10])
        .at_the_edge();
    let seen = json_of(&workers, request).await;
    assert_eq!(seen["url"], "http://example.com:8443/bad/%zz/100%?p=%&q=%C3%28&a=b|c");
    assert_eq!((&seen["method"], &seen["body"]), (&json!("PUT"), &json!([0, 255, 10])));
    let header = |name: &str| {
        let headers = seen["headers"].as_array().expect("headers").iter();
        headers.filter(|pair| pair[0] == name).map(|pair| pair[1].clone()).collect::<Vec<_>>()
    };
    assert_eq!(header("accept"), ["a, b"]);
    assert_eq!(header("cf-connecting-ip"), ["127.0.0.1"]);
    assert_eq!(header("cf-ray").len(), 1);
    assert_eq!(header("content-length"), ["3"]);
    workers.shutdown().await;
}

#[tokio::test]
async fn what_the_configuration_binds_is_there() {
    let folder = folder();
    let workers = workers(&folder).variable("KEY", "secret").start().await.expect("miniflare");
    let seen = json_of(&workers, Request::new("GET", "/bindings")).await;
    let keys = ["FILES", "GROUP_OTHER", "KEY", "QUEUE_PLACED", "SESSIONS", "SHOP", "WORD"];
    assert_eq!(seen, json!({"word": "hello", "greeting": "good day", "keys": keys}));
    let rows = workers.sql(ORDERS, "SHOP", "SELECT name FROM products WHERE id = ?", &[json!(1)]).await;
    assert_eq!(rows.expect("rows"), [json!({"name": "a;b"})]);
    workers.kv_put(ORDERS, "SESSIONS", "k", "v").await.expect("put");
    assert_eq!(workers.kv_get(ORDERS, "SESSIONS", "k").await.expect("a value").as_deref(), Some("v"));
    assert_eq!(workers.kv_get(ORDERS, "SESSIONS", "other").await.expect("none"), None);
    workers.r2_put(ORDERS, "FILES", "k", &[0, 255]).await.expect("put");
    assert_eq!(workers.r2_get(ORDERS, "FILES", "k").await.expect("an object"), Some(Bytes::from_static(&[0, 255])));
    // The other Worker of the app is not running: that is said, not hidden.
    let absent = workers.fetch(ORDERS, Request::new("GET", "/group")).await.expect("a response");
    assert_eq!((absent.status, &absent.body[..]), (503, &b"the Worker shop-other is not running here"[..]));
    let unknown = workers.kv_get(ORDERS, "NONE", "k").await;
    assert!(matches!(unknown, Err(CallError::Refused { .. })), "{unknown:?}");
    let unknown = workers.fetch("shop-none", Request::new("GET", "/")).await;
    assert!(matches!(unknown, Err(RequestError::NoWorker { .. })), "{unknown:?}");
    workers.shutdown().await;
}

#[tokio::test]
async fn bound_bundles_run_beside_the_first() {
    let folder = folder();
    let other = folder.path().join("other");
    fs::create_dir_all(&other).expect("a folder");
    let worker = "export default { fetch(request) { return new Response(new URL(request.url).pathname); } };";
    fs::write(other.join("worker.mjs"), worker).expect("a file");
    let configuration = r#"{"name": "shop-other", "main": "worker.mjs", "compatibility_date": "2026-04-01"}"#;
    fs::write(other.join("wrangler.jsonc"), configuration).expect("a file");
    let workers = workers(&folder).with_bound().expect("bundles").start().await.expect("miniflare");
    assert_eq!((workers.names(), workers.first()), (vec!["shop-orders", "shop-other"], ORDERS));
    let response = workers.fetch(ORDERS, Request::new("GET", "/group")).await.expect("a response");
    assert_eq!((response.status, &response.body[..]), (200, &b"/from-the-group"[..]));
    workers.shutdown().await;
}

#[tokio::test]
async fn bodies_stream_and_refusals_come_before_the_whole_request() {
    let folder = folder();
    let workers = start(&folder).await;
    let mut streamed = workers.open(ORDERS, Request::new("GET", "/stream")).await.expect("a response");
    let mut parts = Vec::new();
    while let Some(part) = streamed.next_chunk().await.expect("a part") {
        parts.push(part);
    }
    assert_eq!(parts, ["one", "two"]);
    let large = Request::new("POST", "/refuse").body(vec![b'x'; 50_000_000]);
    let refused = workers.fetch(ORDERS, large).await.expect("a response");
    assert_eq!(refused.status, 413);
    let failed = workers.fetch(ORDERS, Request::new("GET", "/boom")).await.expect("a response");
    assert_eq!(failed.status, 500);
    let logged = |workers: &LocalWorkers| workers.logs().iter().any(|line| line.message.contains("boom"));
    assert!(workers.wait(Duration::from_secs(5), logged).await, "{:?}", workers.logs());
    workers.shutdown().await;
}

#[tokio::test]
async fn a_batch_comes_back_with_what_was_made_of_each_message() {
    let folder = folder();
    let workers = start(&folder).await;
    let bytes = Body::Bytes { bytes: Bytes::from_static(&[0, 255]) };
    let bodies = [text("later"), Body::Json { json: json!({"a": null}) }, bytes, text("")];
    let messages: Vec<Message> =
        bodies.into_iter().zip(1_u32..).map(|(body, id)| Message::new(id.to_string(), body)).collect();
    let messages: Vec<Message> = messages.into_iter().map(|message| Message { attempts: 2, ..message }).collect();
    let batch = workers.queue(ORDERS, "any-queue", &messages).await.expect("an outcome");
    assert_eq!(batch.outcome, "ok");
    assert_eq!(batch.retried, [Retried { id: "1".to_owned(), delay_s: Some(7) }]);
    assert_eq!(batch.acknowledged, ["2", "3", "4"]);
    assert!(batch.is_retried("1") && !batch.is_retried("2"));
    let seen: Vec<String> = workers.logs().into_iter().map(|line| line.message).collect();
    let expected = ["1 2 String", "2 2 Object", "3 2 ArrayBuffer", "4 2 String"];
    assert_eq!(seen, expected.map(|line| format!("any-queue {line}")));
    let failed = workers.queue(ORDERS, "any-queue", &[Message::new("5", text("boom"))]).await.expect("an outcome");
    assert_eq!(failed.outcome, "exception");
    assert!(failed.is_retried("5"));
    workers.shutdown().await;
}

#[tokio::test]
async fn poison_reaches_the_dead_letter_queue() {
    let folder = folder();
    let workers = start(&folder).await;
    let messages: Vec<Outgoing> = [text("fine"), text("poison")].into_iter().map(Outgoing::from).collect();
    workers.send("shop-placed", &messages).await.expect("sent");
    let dead = |workers: &LocalWorkers| workers.collected("shop-placed-dead-letters").len() == 1;
    assert!(workers.wait(Duration::from_secs(20), dead).await, "{:?}", workers.logs());
    assert_eq!(workers.collected("shop-placed-dead-letters")[0].body, text("poison"));
    // Once, and twice again.
    let deliveries =
        workers.logs().iter().filter(|line| line.from_worker && line.message.contains("shop-placed ")).count();
    assert_eq!(deliveries, 1 + 3, "{:?}", workers.logs());
    let sent = workers.fetch(ORDERS, Request::new("POST", "/send").body("by the Worker")).await.expect("a response");
    assert_eq!(sent.status, 202);
    let five = |workers: &LocalWorkers| {
        workers.logs().iter().filter(|line| line.message.contains("shop-placed ")).count() >= 5
    };
    assert!(workers.wait(Duration::from_secs(20), five).await, "{:?}", workers.logs());
    workers.shutdown().await;
}

#[tokio::test]
async fn schedules_fire_when_they_are_told_to() {
    let folder = folder();
    let workers = start(&folder).await;
    let time = UNIX_EPOCH + Duration::from_millis(1_700_000_040_000);
    let fired = workers.scheduled(ORDERS, "0 3 * * *", time).await.expect("an outcome");
    assert_eq!(fired.outcome, "ok");
    assert_eq!(workers.logs()[0].message, "0 3 * * * at 1700000040000");
    assert_eq!(workers.scheduled(ORDERS, "1 3 * * *", time).await.expect("an outcome").outcome, "exception");
    workers.shutdown().await;
}

#[tokio::test]
async fn a_folder_keeps_what_was_stored() {
    let (folder, state) = (folder(), folder());
    for round in 0..2_u32 {
        let builder = workers(&folder).storage(Storage::Folder(state.path().join("state")));
        let workers = builder.start().await.expect("miniflare");
        let found = workers.kv_get(ORDERS, "SESSIONS", "k").await.expect("a value");
        assert_eq!(found.is_some(), round == 1);
        workers.kv_put(ORDERS, "SESSIONS", "k", "v").await.expect("put");
        let rows = workers.sql(ORDERS, "SHOP", "SELECT id FROM products", &[]).await.expect("rows");
        assert_eq!(rows.len(), 1, "the migration is applied once");
        workers.shutdown().await;
    }
}

/// Whether a process is there.
fn runs(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The children of a process.
fn children(id: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("processes").filter_map(Result::ok);
    let ids = all.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let parent = |child: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    ids.filter(|child| parent(*child) == Some(id)).collect()
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let folder = folder();
    for dropped in [false, true] {
        let workers = start(&folder).await;
        let node = workers.process_id().expect("it runs");
        let all: Vec<u32> = children(node).into_iter().chain([node]).collect();
        assert!(all.len() >= 2, "Node and workerd: {all:?}");
        if dropped {
            drop(workers)
        } else {
            workers.shutdown().await
        }
        let gone = async {
            while all.iter().any(|id| runs(*id)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(10), gone).await.is_ok(), "{all:?} still run");
    }
}

/// The other side of the next test: it starts Workers, says their processes' ids and is killed.
#[tokio::test]
async fn victim() {
    let Some(out) = std::env::var_os("PIKKU_TEST_VICTIM") else { return };
    let folder = folder();
    let workers = start(&folder).await;
    let node = workers.process_id().expect("it runs");
    let all: Vec<String> = children(node).into_iter().chain([node]).map(|id| id.to_string()).collect();
    fs::write(out, all.join(" ") + "\n").expect("written");
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test]
async fn who_is_killed_leaves_nothing_behind() {
    let folder = folder();
    let out = folder.path().join("processes");
    let mut victim = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "victim"])
        .env("PIKKU_TEST_VICTIM", &out)
        .spawn()
        .expect("this program");
    let ids = async {
        loop {
            let said = fs::read_to_string(&out).unwrap_or_default();
            if said.ends_with('\n') {
                break said.split_whitespace().map(|id| id.parse().expect("an id")).collect::<Vec<u32>>();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ids = tokio::time::timeout(Duration::from_secs(30), ids).await.expect("the victim starts");
    assert!(ids.len() >= 2 && ids.iter().all(|id| runs(*id)), "{ids:?}");
    victim.kill().expect("killed");
    victim.wait().expect("ended");
    let gone = async {
        while ids.iter().any(|id| runs(*id)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(15), gone).await.is_ok(), "{ids:?} still run");
}

#[tokio::test]
async fn bundles_that_workerd_refuses_are_refused() {
    let folder = folder();
    let builder = workers(&folder);
    fs::write(folder.path().join("orders/words.mjs"), "export const greeting = ;").expect("a file");
    let refused = builder.start().await;
    assert!(matches!(refused, Err(StartError::Refused { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_broken_migration_is_named() {
    let folder = folder();
    let builder = workers(&folder);
    fs::write(folder.path().join("migrations/0002_broken.sql"), "CREATE TABLE;").expect("a file");
    let Err(StartError::Refused { reason }) = builder.start().await else { panic!("it starts") };
    assert!(reason.contains("the migration 0002_broken.sql of the database SHOP failed"), "{reason}");
}
