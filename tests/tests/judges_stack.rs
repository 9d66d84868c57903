//! A packaged example as a stack: `sam deploy` brings the generated template, as it is, to an AWS on this machine.

use pikku_tests::{CUSTOMER, bundles, cookie, judge::Stack, shop_manager, shop_variable};
use serde_json::{Value, json};
use std::{
    ffi::{OsStr, OsString},
    fs,
    path::Path,
};

#[test]
fn a_bad_message_alone_stays_in_flight_and_ends_in_the_dead_letter_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal");
    let stack = fixture(&journal);
    let facts = stack.facts();
    let queue = facts["outputs"]["WorkQueueUrl"].as_str().expect("a queue");
    let dead = facts["outputs"]["WorkDeadLetterQueueUrl"].as_str().expect("a dead-letter queue");

    let messages = [r#"{"id":"a"}"#, r#"{"id":"bad","fails":true}"#, r#"{"id":"c"}"#];
    stack.ask(&[&["send", queue], messages.as_slice()].concat());
    let depth = stack.wait_for(&["depth", queue], |depth| {
        let done = fs::read_to_string(&journal).unwrap_or_default();
        depth["waiting"] == 0 && done.contains("done a") && done.contains("done c") && done.contains("begun bad")
    });
    assert_eq!(depth, json!({"waiting": 0, "in_flight": 1}));
    assert_eq!(stack.ask(&["depth", dead]), json!({"waiting": 0, "in_flight": 0}));

    // Another bad message, in a hurry: it comes back as often as the wiring says and then goes to the dead letters.
    stack.ask(&["hide", queue, "0"]);
    stack.ask(&["send", queue, r#"{"id":"worse","fails":true}"#]);
    stack.wait_for(&["depth", dead], |depth| depth["waiting"] == 1);
    assert_eq!(stack.ask(&["receive", dead]), json!([r#"{"id":"worse","fails":true}"#]));
    let retries = fs::read_to_string(&journal).expect("a journal").matches("begun worse").count();
    let allowed: Value =
        serde_json::from_str(facts["queues"]["WorkQueue"]["RedrivePolicy"].as_str().expect("a policy")).expect("JSON");
    assert_eq!(Some(retries.to_string()), number(&allowed["maxReceiveCount"]));
}

/// The fixture, with a journal, and secrets that nothing of the test asks for.
fn fixture(journal: &Path) -> Stack {
    let account = "eu-west-1:123456789012";
    let keys = format!("arn:aws:secretsmanager:{account}:secret:session-keys-AbCdEf");
    let (pin, key) = (format!("arn:aws:ssm:{account}:parameter/shop/pin"), format!("arn:aws:kms:{account}:key/1"));
    let secrets = [("SessionKeysSecretArn", &keys), ("ShopPinSecretArn", &pin), ("ShopPinSecretKeyArn", &key)];
    let mut parameters = vec![("Journal", journal.as_os_str())];
    parameters.extend(secrets.iter().map(|(name, arn)| (*name, OsStr::new(arn.as_str()))));
    Stack::deploy("fixture", &parameters)
}

fn number(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))
}

/// The shop, with a store of its own.
fn shop(store: &Path) -> Stack {
    let stack = Stack::start("shop");
    let keys = stack.secret("session-keys", &shop_variable("SESSION_KEYS"));
    let (keys, staff) = (OsString::from(keys), OsString::from(shop_variable("STAFF_KEY")));
    let parameters = [("ShopStore", store.as_os_str()), ("StaffKey", &staff), ("SessionKeysSecretArn", &keys)];
    stack.deploy_with(&parameters);
    stack
}

#[test]
fn an_order_goes_through_the_shop() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("shop.sqlite");
    let stack = shop(&store);
    let api = stack.open();
    let facts = stack.facts();
    let queue = facts["outputs"]["OrdersPlacedQueueUrl"].as_str().expect("a queue");
    let tea = r#"{"sku":"TEA-42","name":"tea","price_cents":450,"stock":12}"#;
    let put = stack.request_with(&api, "PUT", "/products/TEA-42", &[("Authorization", &shop_manager())], tea);
    assert_eq!(put.status, 200, "{put:?}");

    // The keys that seal her cookie are in Secrets Manager, which the function asks.
    let signed_up = stack.request(&api, "POST", "/customers", CUSTOMER);
    assert_eq!(signed_up.status, 201, "{signed_up:?}");
    let set = signed_up
        .head
        .lines()
        .find_map(|line| line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")));
    let ada = cookie(set.unwrap_or_else(|| panic!("no cookie: {signed_up:?}")).1);
    let order = r#"{"lines":[{"sku":"TEA-42","quantity":2}],"email":"a@example.com"}"#;
    let placing = [("Idempotency-Key", "the-first-order"), ("Cookie", ada.as_str())];
    let placed = stack.request_with(&api, "POST", "/orders", &placing, order);
    assert_eq!((placed.status, &placed.json()["total_cents"]), (201, &json!(900)), "{placed:?}");
    // The function has sent it to the queue by the address that the template gave it, and the queue hands it on.
    stack.wait_for(&["depth", queue], |depth| depth == &json!({"waiting": 0, "in_flight": 0}));
    let id = &placed.json()["id"];
    let known = stack.request_with(&api, "GET", &format!("/orders/{id}"), &[("Cookie", ada.as_str())], "");
    assert_eq!((known.status, &known.json()["status"]), (200, &json!("reserved")), "{known:?}");

    stack.ask(&["send", queue, r#"{"id":4711}"#, &json!({ "id": id }).to_string()]);
    // The order that nobody placed stays in flight; the other one is reserved already, and is not again.
    stack.wait_for(&["depth", queue], |depth| depth == &json!({"waiting": 0, "in_flight": 1}));
    let tea = stack.request(&api, "GET", "/products/TEA-42", "");
    assert_eq!((tea.status, &tea.json()["stock"]), (200, &json!(10)), "{tea:?}");
}

#[test]
fn the_shop_is_deployed_as_it_was_packaged() {
    let stack = shop(Path::new("/tmp/unused.sqlite"));
    let facts = stack.facts();
    assert_eq!(facts["status"], "CREATE_COMPLETE");
    let manifest: Value = serde_json::from_slice(&fs::read(bundles("shop").join("manifest.json")).expect("a manifest"))
        .expect("a manifest of JSON");

    let template = fs::read_to_string(bundles("shop").join("template.yaml")).expect("a template");
    let mut schedules = 0;
    for group in manifest["groups"].as_array().expect("groups") {
        let name = group["name"].as_str().expect("a name");
        let function = deployed(&facts, name);
        assert_eq!(function["runtime"], "provided.al2023");
        assert_eq!(function["log"], format!("/aws/lambda/shop/{name}"));
        for wiring in group["wirings"].as_array().expect("wirings") {
            if let Some(cron) = wiring.get("cron") {
                schedules += 1;
                let schedule =
                    &facts["schedules"][format!("{name}-{}", cron["source"]["named"].as_str().expect("a name"))];
                assert_eq!(schedule["State"], "ENABLED", "{facts}");
                assert!(
                    schedule["ScheduleExpression"].as_str().is_some_and(|text| text.starts_with("cron(")),
                    "{schedule}"
                );
                // ministack forgets the zone of a schedule that a stack makes, so the template is asked.
                let zone = format!("ScheduleExpressionTimezone: {}\n", cron["time_zone"].as_str().expect("a zone"));
                assert!(template.contains(&zone), "{template}");
                assert_eq!(schedule["Target"]["Arn"], function["arn"]);
            }
            if wiring.get("queue").is_some() {
                let mapping = facts["mappings"]
                    .as_array()
                    .and_then(|mappings| mappings.iter().find(|mapping| mapping["FunctionArn"] == function["arn"]));
                let mapping = mapping.unwrap_or_else(|| panic!("no mapping feeds {name}: {facts}"));
                assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
            }
        }
    }
    assert!(schedules > 0, "the shop has a nightly report");
    assert_eq!(facts["schedules"].as_object().map(serde_json::Map::len), Some(schedules));
}

/// The function of a group, by the log that is its own.
fn deployed<'f>(facts: &'f Value, group: &str) -> &'f Value {
    let functions = facts["functions"].as_object().expect("functions");
    functions
        .values()
        .find(|function| function["log"].as_str().is_some_and(|log| log.ends_with(&format!("/{group}"))))
        .unwrap_or_else(|| panic!("there is no function for {group}: {facts}"))
}

#[test]
fn an_http_route_answers_and_the_roles_are_the_generated_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = fixture(&folder.path().join("journal"));
    let api = stack.open();
    let answer = stack.request(&api, "POST", "/count", r#"{"text":"one two three"}"#);
    assert_eq!((answer.status, answer.json()), (200, json!({"words": 3})));
    let answer = stack.request(&api, "POST", "/orders", r#"{"id":"seven"}"#);
    assert_eq!(answer.status, 422, "{answer:?}");
    let answer = stack.request(&api, "GET", "/nowhere", "");
    assert_eq!((answer.status, &answer.json()["status"]), (404, &json!(404)), "{answer:?}");

    let facts = stack.facts();
    for role in facts["roles"].as_object().expect("roles").values() {
        assert_eq!(role["attached"], json!([]), "{role}");
        for policy in role["policies"].as_object().expect("policies").values() {
            for statement in policy["Statement"].as_array().expect("statements") {
                for action in texts(&statement["Action"]) {
                    assert!(!action.contains('*'), "{statement}");
                }
                for resource in texts(&statement["Resource"]) {
                    // CloudWatch Logs gives a log group's own ARN with `:*` for its streams.
                    assert!(!resource.trim_end_matches(":*").contains('*'), "{statement}");
                    assert!(resource.starts_with("arn:aws:"), "{statement}");
                }
            }
        }
    }
    let actions = |role: &str| -> Vec<&str> {
        let statements = facts["roles"][role]["policies"].as_object().into_iter().flat_map(|p| p.values());
        let mut actions: Vec<&str> = statements
            .flat_map(|policy| policy["Statement"].as_array().into_iter().flatten())
            .flat_map(|statement| texts(&statement["Action"]))
            .collect();
        actions.sort_unstable();
        actions.dedup();
        actions
    };
    assert_eq!(actions("TextRole"), ["logs:CreateLogStream", "logs:PutLogEvents"]);
    assert_eq!(
        actions("WorkRole"),
        [
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage"
        ]
    );
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}
