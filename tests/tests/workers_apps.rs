//! The examples as Workers: what the echo sees of a platform's events, and the shop at work.

use pikku_local_workers::{Body, LocalWorkers, Message, Request};
use pikku_tests::{CUSTOMER, cookie, copy_folder, repository, shop_manager, shop_variable, tool, worker};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, UNIX_EPOCH},
};

/// The corpus of platform events beside the repository, where there is one.
fn corpus() -> Option<PathBuf> {
    let folder = repository().join("../shared/corpus");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: there is no ../shared/corpus beside the repository");
    None
}

fn read(path: PathBuf) -> Value {
    let text = fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The events of a kind, each with what is to be seen of it.
fn events(kind: &str) -> Vec<(String, Value, Value)> {
    let Some(corpus) = corpus() else { return Vec::new() };
    let entries = read(corpus.join("manifest.json"))["entries"].take();
    let entries = entries.as_array().expect("entries").clone();
    let chosen = entries.iter().filter(|e| e["platform"] == "cloudflare-workers" && e["kind"] == kind);
    let name = |entry: &Value| entry["file"].as_str().expect("a file").to_owned();
    let events: Vec<_> =
        chosen.map(|entry| (name(entry), read(corpus.join(name(entry))), entry["expect"].clone())).collect();
    assert!(!events.is_empty(), "the corpus has no event of the kind {kind}");
    events
}

/// What the echo showed, in the order of its calls.
async fn shown(workers: &LocalWorkers, count: usize) -> Vec<Value> {
    let lines = |workers: &LocalWorkers| -> Vec<Value> {
        let lines = workers.logs();
        let shown = lines.iter().filter_map(|line| line.message.strip_prefix("ECHO "));
        shown.map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let all = workers.wait(Duration::from_secs(20), |workers| lines(workers).len() >= count).await;
    assert!(all, "the echo did not show {count} calls: {:?}", workers.logs());
    lines(workers)
}

/// Whether every member of what is wanted was seen, with the same value.
fn covers(wanted: &Value, seen: &Value) -> bool {
    match wanted {
        Value::Object(members) => members.iter().all(|(name, value)| covers(value, &seen[name])),
        // Numbers and their texts are one.
        Value::Number(number) => match seen {
            Value::String(text) => *text == number.to_string(),
            other => wanted == other,
        },
        other => other == seen,
    }
}

async fn echo() -> LocalWorkers {
    let echo = LocalWorkers::bundle(worker("echo", "echo")).app(tool("npm"));
    echo.start().await.unwrap_or_else(|why| panic!("the echo does not start: {why}"))
}

#[tokio::test]
async fn the_echo_sees_every_message_of_the_corpus() {
    for (file, event, expected) in events("queue") {
        let workers = echo().await;
        let messages = event["messages"].as_array().expect("messages");
        let batch: Vec<Message> = messages
            .iter()
            .map(|message| {
                let body: Body = serde_json::from_value(message["body"].clone()).expect("a body");
                let time = chrono::DateTime::parse_from_rfc3339(message["timestamp"].as_str().expect("a time"));
                Message {
                    timestamp_ms: time.expect("a time").timestamp_millis() as u64,
                    attempts: message["attempts"].as_u64().expect("attempts") as u32,
                    ..Message::new(message["id"].as_str().expect("an id"), body)
                }
            })
            .collect();
        let queue = event["queue"].as_str().expect("a queue");
        let handled = workers.queue(workers.first(), queue, &batch).await.unwrap_or_else(|why| panic!("{file}: {why}"));
        assert_eq!((handled.outcome.as_str(), handled.retried.len()), ("ok", 0), "{file}");
        let by_id: BTreeMap<String, Value> = shown(&workers, batch.len())
            .await
            .into_iter()
            .map(|seen| (seen["id"].as_str().expect("an id").to_owned(), seen))
            .collect();
        for wanted in expected["messages"].as_array().expect("messages") {
            let seen = &by_id[wanted["id"].as_str().expect("an id")];
            assert!(covers(wanted, seen), "{file}: wanted {wanted}, seen {seen}");
            assert_eq!(seen["queue"], expected["queue"], "{file}");
        }
        workers.shutdown().await;
    }
}

#[tokio::test]
async fn the_echo_sees_every_schedule_of_the_corpus() {
    for (file, event, mut expected) in events("scheduled") {
        let workers = echo().await;
        let time = UNIX_EPOCH + Duration::from_millis(event["scheduledTime"].as_u64().expect("a time"));
        let cron = event["cron"].as_str().expect("an expression");
        let run = workers.scheduled(workers.first(), cron, time).await.unwrap_or_else(|why| panic!("{file}: {why}"));
        assert_eq!(run.outcome, "ok", "{file}");
        let seen = shown(&workers, 1).await.remove(0);
        let class = expected.as_object_mut().and_then(|members| members.remove("class"));
        assert_eq!(class, Some(json!("schedule")), "{file}");
        assert!(covers(&expected, &seen), "{file}: wanted {expected}, seen {seen}");
        workers.shutdown().await;
    }
}

#[tokio::test]
async fn an_order_goes_through_the_shop() {
    let groups = ["catalog", "orders", "reports"].map(|group| worker("shop", group));
    let [catalog, orders, reports] = groups;
    let shop = LocalWorkers::bundle(catalog).bundle(orders).bundle(reports).app(tool("npm"));
    let shop = shop.variable("SESSION_KEYS", shop_variable("SESSION_KEYS"));
    let shop = shop.variable("STAFF_KEY", shop_variable("STAFF_KEY"));
    let shop = shop.start().await.unwrap_or_else(|why| panic!("the shop does not start: {why}"));
    let ask = async |group: &str, request: Request| {
        let response = shop.fetch(&format!("shop-{group}"), request).await.unwrap_or_else(|why| panic!("{why}"));
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        (response.status, body)
    };
    let send = |method: &str, path: &str, body: Value| {
        Request::new(method, path).header("Content-Type", "application/json").body(body.to_string())
    };

    let tea = json!({"sku": "TEA-42", "name": "tea", "price_cents": 450, "stock": 3});
    let put = || send("PUT", "/products/TEA-42", tea.clone());
    assert_eq!(ask("catalog", put()).await.0, 401);
    let (status, _) = ask("catalog", put().header("Authorization", shop_manager())).await;
    assert!((200..300).contains(&status), "{:?}", shop.logs());
    let sign_up = Request::new("POST", "/customers").header("Content-Type", "application/json").body(CUSTOMER);
    let signed_up = shop.fetch("shop-orders", sign_up).await.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(signed_up.status, 201, "{:?}", shop.logs());
    let ada = cookie(signed_up.header("set-cookie").expect("a cookie"));
    let log_in = |password: &str| send("POST", "/login", json!({"name": "ada", "password": password}));
    assert_eq!(ask("orders", log_in("correct horse battery staple")).await.0, 204, "{:?}", shop.logs());
    assert_eq!(ask("orders", log_in("incorrect horse")).await.0, 403);
    let order = json!({"lines": [{"sku": "TEA-42", "quantity": 2}], "email": "a@example.com"});
    let place =
        |key: &str| send("POST", "/orders", order.clone()).header("Idempotency-Key", key).header("Cookie", &ada);
    let (status, placed) = ask("orders", place("the-first-order")).await;
    assert_eq!((status, &placed["total_cents"]), (201, &json!(900)), "{:?}", shop.logs());
    // The same key is the same order.
    assert_eq!(ask("orders", place("the-first-order")).await.1["id"], placed["id"]);

    // The queue brings it to the consumer, which reserves the stock.
    let path = format!("/orders/{}", placed["id"]);
    let mut status = Value::Null;
    for _ in 0..100 {
        status = ask("orders", Request::new("GET", &path).header("Cookie", &ada)).await.1["status"].take();
        if status == "reserved" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(status, "reserved", "{:?}", shop.logs());
    let (_, tea) = ask("catalog", Request::new("GET", "/products/TEA-42")).await;
    assert_eq!(tea["stock"], 1);

    // The carrier tells, with the key that it was given.
    let new = send("POST", "/carrier-keys", json!({"id": "post-1", "carrier": "the post"}));
    let (status, made) = ask("orders", new.header("Authorization", shop_manager())).await;
    assert_eq!(status, 201, "{:?}", shop.logs());
    let tell = |key: &str| send("POST", "/parcels", json!({"order": placed["id"]})).header("X-Api-Key", key);
    assert_eq!(ask("orders", tell("post-1.guessed")).await.0, 401);
    assert_eq!(ask("orders", tell(made["key"].as_str().expect("a key"))).await.0, 204, "{:?}", shop.logs());
    let shown = ask("orders", Request::new("GET", &path).header("Cookie", &ada)).await;
    assert_eq!(shown.1["status"], "shipped");

    let night = UNIX_EPOCH + Duration::from_secs(1_767_236_400);
    let run = shop.scheduled("shop-reports", "0 3 * * *", night).await.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(run.outcome, "ok", "{:?}", shop.logs());
    shop.shutdown().await;
}

#[test]
fn wrangler_takes_every_worker_as_it_is() {
    let apps = [
        ("shop", vec!["catalog", "orders", "reports"]),
        ("echo", vec!["echo"]),
        ("edge", vec!["edge", "bound", "kept"]),
        ("scenarios", vec!["everywhere"]),
    ];
    for (app, groups) in apps {
        // Whole, as migrations lie beside the Workers. wrangler leaves things where it works.
        let folder = tempfile::tempdir().expect("a folder");
        let bundles = worker(app, groups[0]).parent().expect("a folder").to_owned();
        copy_folder(&bundles, folder.path());
        for group in groups {
            let dir = folder.path().join(group);
            let output = Command::new(tool("npm/node_modules/.bin/wrangler"))
                .args(["deploy", "--dry-run"])
                .current_dir(&dir)
                .env("CI", "1")
                .env("WRANGLER_SEND_METRICS", "false")
                .env("HOME", folder.path())
                .output()
                .unwrap_or_else(|why| panic!("wrangler does not start: {why}"));
            let said =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success() && said.contains("bundle.wasm"), "{app}, {group}: {said}");
        }
    }
}
