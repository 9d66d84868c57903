//! `cargo xtask demo`: the main job on real input.
//!
//! Packages examples/shop for Lambda and tells a short story with it: each event is sent to the bundle of its group, which
//! is started from its zip against the local Runtime API, and what came back is printed for people to read. What the shop
//! sends to its queue comes back to it as a batch, with a broken message beside it, and the cookie of its customer with the
//! requests after the one that set it.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::places::Places;
use crate::process::Program;
use crate::queue::Queue;
use crate::steps::Steps;
use crate::test::{SHOP, build_packager, invocation, package};

/// The story: a group, the event sent to it, and what that shows.
const STORY: [(&str, &str, &str); 12] = [
    ("catalog", "api-put-product.json", "staff put a product into the catalog, with a token that names their role"),
    ("warehouse", "s3-delivery.json", "a file in a bucket adds to its stock"),
    ("catalog", "api-list-products.json", "the catalog is listed; the query is decoded by the input's schema"),
    ("orders", "api-place-order.json", "nobody has logged in, so no order is placed"),
    ("orders", "api-sign-up.json", "a customer opens an account, and from here on sends the cookie that comes back"),
    ("orders", "api-place-wrong-order.json", "a wrong order is refused, with every mistake in it"),
    ("orders", "api-place-order.json", "an order is placed and sent to a queue"),
    ("orders", BATCH, "the queue hands it back beside a broken message, which alone stays"),
    ("orders", "api-get-order.json", "the stock is reserved"),
    ("reports", "scheduler-nightly-report.json", "the nightly report is written"),
    ("warehouse", "eventbridge-parcel-shipped.json", "the warehouse says that the parcel left"),
    ("orders", "api-get-order.json", "the order knows"),
];

/// The batch from the queue, which is written when the message is known.
const BATCH: &str = "sqs-orders-placed.json";

pub(crate) fn run(places: &Places, steps: &mut Steps) -> Result<(), Failure> {
    build_packager(places, steps, &["--package", "cargo-pikku"])?;
    package(places, steps, SHOP)?;
    let stage = Stage::set_up(places)?;
    steps.run("events", || STORY.iter().try_for_each(|(group, event, shows)| stage.send(group, event, shows)))?;
    println!("\nbundles, template and reports: {}", stage.bundles.display());
    Ok(())
}

/// Where the story plays.
struct Stage {
    packager: PathBuf,
    bundles: PathBuf,
    events: PathBuf,
    /// What is written on the way, empty at the start.
    folder: PathBuf,
    queue: Queue,
    /// What the shop takes on this machine, of its settings.
    variables: Vec<(String, String)>,
    /// The customer's cookie, once there is one.
    cookie: RefCell<Option<String>>,
}

impl Stage {
    fn set_up(places: &Places) -> Result<Self, Failure> {
        let folder = places.target.join("demo");
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Failure::file("remove", &folder))?;
        }
        fs::create_dir_all(&folder).map_err(Failure::file("create", &folder))?;
        Ok(Self {
            packager: places.packager(),
            bundles: places.bundles.join(SHOP.0),
            events: places.root.join(SHOP.1).join("events"),
            folder,
            queue: Queue::start().map_err(|source| Failure::Start { command: "the demo's queue".into(), source })?,
            variables: variables(places)?,
            cookie: RefCell::default(),
        })
    }

    fn send(&self, group: &str, name: &str, shows: &str) -> Result<(), Failure> {
        let path = if name == BATCH { self.batch()? } else { self.with_cookie(name)? };
        let resources =
            json!({ "queue:orders-placed": format!("{}/123456789012/orders-placed", self.queue.endpoint()) });
        let program = Program::new(&self.packager);
        let program = self.variables.iter().fold(program, |program, (name, value)| program.env(name, value));
        let program = program
            .args(invocation("lambda", &self.bundles, group))
            .arg("--quiet")
            .arg("--event")
            .arg(&path)
            .env("SHOP_STORE", self.folder.join("shop.sqlite"))
            .env("PIKKU_RESOURCES", resources.to_string())
            .env("AWS_ENDPOINT_URL_SQS", self.queue.endpoint())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "demo")
            .env("AWS_SECRET_ACCESS_KEY", "demo")
            .limit(60);
        let command = program.line();
        let captured = program.capture()?;
        println!("\n{group} <- {name}: {shows}");
        for line in describe(&read(&path)?) {
            println!("  sent      {line}");
        }
        for line in String::from_utf8_lossy(&captured.stderr).lines() {
            println!("  log       {line}");
        }
        if !captured.status.success() {
            print!("{}", String::from_utf8_lossy(&captured.stdout));
            return Err(Failure::Exit { command, status: captured.status });
        }
        let answer: Value =
            serde_json::from_slice(&captured.stdout).map_err(|e| Failure::Output { command, reason: e.to_string() })?;
        for line in answered(&answer) {
            println!("  answered  {line}");
        }
        if let Some(set) = answer["cookies"][0].as_str() {
            self.cookie.replace(set.split(';').next().map(str::to_owned));
        }
        Ok(())
    }

    /// The event; where it is a request of a customer who has logged in, with the cookie.
    fn with_cookie(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.events.join(name);
        let cookie = self.cookie.borrow();
        let mut event = read(&path)?;
        let (Some(cookie), Some(headers)) = (&*cookie, event["headers"].as_object()) else { return Ok(path) };
        if headers.contains_key("authorization") {
            return Ok(path);
        }
        event["cookies"] = json!([cookie]);
        let path = self.folder.join(name);
        fs::write(&path, event.to_string()).map_err(Failure::file("write", &path))?;
        Ok(path)
    }

    /// The example's batch with what the shop has sent as its first message; the second one is broken.
    fn batch(&self) -> Result<PathBuf, Failure> {
        let mut event = read(&self.events.join(BATCH))?;
        let sent = self.queue.take();
        let [message] = sent.as_slice() else {
            let reason = format!("it sent {} messages to its queue instead of one", sent.len());
            return Err(Failure::Output { command: "the shop".into(), reason });
        };
        event["Records"][0]["body"] = message.as_str().into();
        let path = self.folder.join(BATCH);
        fs::write(&path, event.to_string()).map_err(Failure::file("write", &path))?;
        Ok(path)
    }
}

/// The variables that the shop's settings have for this machine, as `cargo pikku dev` takes them.
fn variables(places: &Places) -> Result<Vec<(String, String)>, Failure> {
    let manifest = places.root.join(SHOP.1).join("Cargo.toml");
    let program = Program::cargo()
        .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(&manifest)
        .limit(60);
    let command = program.line();
    let failed = |reason: String| Failure::Output { command: command.clone(), reason };
    let metadata: Value = serde_json::from_str(&program.read()?).map_err(|e| failed(e.to_string()))?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let shop = packages.find(|package| package["name"] == SHOP.0);
    let variables = shop.and_then(|shop| shop.pointer("/metadata/pikku/dev/vars")?.as_object());
    let variables = variables.ok_or_else(|| failed("the shop has no settings for this machine".into()))?;
    Ok(variables.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect())
}

/// An event in a line or a few: what a person wants to know of it.
fn describe(event: &Value) -> Vec<String> {
    if let Some(http) = event.pointer("/requestContext/http") {
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        let query =
            if text("rawQueryString").is_empty() { String::new() } else { format!("?{}", text("rawQueryString")) };
        let request = format!("{} {}{query} {}", http["method"].as_str().unwrap_or("?"), text("rawPath"), text("body"));
        return vec![request.trim_end().to_owned()];
    }
    if let Some(records) = event["Records"].as_array() {
        return records
            .iter()
            .map(|record| match record["body"].as_str() {
                Some(body) => format!("message {}: {body}", record["messageId"].as_str().unwrap_or("?")),
                None => match record.pointer("/s3/object/key").and_then(Value::as_str) {
                    Some(key) => format!("object {key}"),
                    None => record.to_string(),
                },
            })
            .collect();
    }
    match event["detail-type"].as_str() {
        Some(kind) => vec![format!("{kind} from {}: {}", event["source"].as_str().unwrap_or("?"), event["detail"])],
        None => vec![event.to_string()],
    }
}

/// An answer in a few lines: an HTTP response as status and body, anything else as it is.
fn answered(answer: &Value) -> Vec<String> {
    let Some(status) = answer["statusCode"].as_u64() else { return vec![answer.to_string()] };
    let body = answer["body"].as_str().unwrap_or_default();
    let readable = serde_json::from_str::<Value>(body)
        .and_then(|body| serde_json::to_string_pretty(&body))
        .unwrap_or_else(|_| body.to_owned());
    std::iter::once(status.to_string()).chain(readable.lines().map(str::to_owned)).collect()
}

fn read(event: &Path) -> Result<Value, Failure> {
    let text = fs::read_to_string(event).map_err(Failure::file("read", event))?;
    serde_json::from_str(&text).map_err(|e| Failure::File { doing: "read", path: event.into(), source: e.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_shown_as_status_and_readable_body() {
        let lines = answered(&json!({"statusCode": 201, "body": "{\"id\":7}"}));
        assert_eq!(lines, ["201", "{", "  \"id\": 7", "}"]);
        assert_eq!(answered(&json!({"statusCode": 204})), ["204"]);
        assert_eq!(answered(&json!({"batchItemFailures": []})), ["{\"batchItemFailures\":[]}"]);
    }

    #[test]
    fn an_event_is_described_by_its_kind() {
        let http = json!({"rawPath": "/a", "rawQueryString": "b=1", "requestContext": {"http": {"method": "GET"}}});
        assert_eq!(describe(&http), ["GET /a?b=1"]);
        let queue = json!({"Records": [{"messageId": "m", "body": "{}"}]});
        assert_eq!(describe(&queue), ["message m: {}"]);
        let cron = json!({"detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": {}});
        assert_eq!(describe(&cron), ["Scheduled Event from aws.scheduler: {}"]);
    }
}
