//! A bundle that sends to queues: to an SQS that checks each signature, and to none. And one beside it that does not send.

use pikku::{
    Claims,
    call::{CALLER, QueueMessage},
};
use pikku_auth::message::{CallerKeys, Callers};
use pikku_local_lambda::LocalLambda;
use pikku_tests::{Answer, PLANTED, Sqs, ask, bundles, event::post_json, function, no_panic, planted, started};
use serde_json::{Value, json};
use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

async fn pass_on(lambda: &LocalLambda, body: &str) -> Answer {
    ask(lambda, &post_json("/pass-on", body)).await
}

/// What the fixture signs callers with.
const CALLER_KEYS: &str = "the-secret-of-the-fixture-signs-nothing-else";

fn proof(group: &str) -> Value {
    let text = fs::read(bundles("fixture").join(format!("{group}.proof.json"))).expect("a proof");
    serde_json::from_slice(&text).expect("a proof of JSON")
}

#[tokio::test]
async fn a_message_arrives_signed() {
    let sqs = Sqs::start(&["work-1X2Y"]);
    let lambda = started(sqs.hand_to(function("fixture", "sends"), &[("work", "work-1X2Y")]));
    for id in ["first", "zweite · 二 \u{ffff}"] {
        let answer = pass_on(&lambda, &json!({ "id": id }).to_string()).await;
        assert!(matches!(answer, Answer::Http { status: 200, .. }), "{answer:?}: {:?}", lambda.logs());
        assert_eq!(answer.success(), &json!({ "id": id }));
    }
    let mut ids: Vec<String> = Vec::new();
    for message in sqs.receive("work-1X2Y", 2) {
        ids.push(
            serde_json::from_str::<Value>(message["body"].as_str().expect("a body")).expect("JSON")["id"].to_string(),
        );
    }
    ids.sort();
    assert_eq!(ids, [json!("first").to_string(), json!("zweite · 二 \u{ffff}").to_string()]);
    no_panic(&lambda);
}

#[tokio::test]
async fn a_message_carries_who_caused_it() {
    let sqs = Sqs::start(&["work-1X2Y"]);
    let lambda = started(sqs.hand_to(function("fixture", "sends"), &[("work", "work-1X2Y")]));
    let body = json!({ "id": "zweite · 二 \u{ffff}" }).to_string();
    let mut event = post_json("/hand-on", &body);
    assert!(matches!(ask(&lambda, &event).await, Answer::Http { status: 401, .. }));
    event["headers"]["x-user"] = "ada".into();
    let answer = ask(&lambda, &event).await;
    assert!(matches!(answer, Answer::Http { status: 204, .. }), "{answer:?}: {:?}", lambda.logs());
    let messages = sqs.receive("work-1X2Y", 2);
    let [message] = messages.as_slice() else { panic!("{messages:?}") };
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let arrived =
        |queue: &str| QueueMessage { queue: queue.to_owned(), body: text(&message["body"]), ..QueueMessage::default() };
    let callers = Callers::new(CallerKeys::parse(CALLER_KEYS).expect("a key"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_millis() as u64;
    let token = text(&message["said"][CALLER]);
    // It was sent to the queue of this logical name, whatever the name of the one behind it.
    let caller = callers.verify(&token, &arrived("work"), now).expect("it is hers");
    assert!(caller == Claims::new("ada".into()).with_subject("ada"), "{caller:?}");
    assert!(callers.verify(&token, &arrived("in-order"), now).is_err());
}

#[tokio::test]
async fn messages_of_a_fifo_queue_stay_in_order_and_equal_ones_are_two() {
    let sqs = Sqs::start(&["in-order-1X2Y.fifo"]);
    let lambda = started(sqs.hand_to(function("fixture", "sends"), &[("in-order", "in-order-1X2Y.fifo")]));
    for id in ["a", "b", "b", "c"] {
        pass_on(&lambda, &json!({"id": id, "in_order": true}).to_string()).await.success();
    }
    let messages = sqs.receive("in-order-1X2Y.fifo", 4);
    let bodies: Vec<&str> = messages.iter().filter_map(|message| message["body"].as_str()).collect();
    assert_eq!(bodies, [r#"{"id":"a"}"#, r#"{"id":"b"}"#, r#"{"id":"b"}"#, r#"{"id":"c"}"#]);
    assert!(messages.iter().all(|message| message["attributes"]["MessageGroupId"] == "pikku"), "{messages:?}");
}

#[tokio::test]
async fn a_wrong_signature_is_refused_and_told_without_secrets() {
    let sqs = Sqs::start(&["work"]);
    let handed = sqs.hand_to(function("fixture", "sends"), &[("work", "work")]);
    let lambda = started(handed.env("AWS_SECRET_ACCESS_KEY", planted("a-wrong-one")));
    let answer = pass_on(&lambda, r#"{"id":"1"}"#).await;
    assert!(matches!(answer, Answer::Http { status: 503, .. }), "{answer:?}");
    let logs = lambda.logs().join("\n");
    assert!(logs.contains("SQS answered 403"), "{logs}");
    assert!(!logs.contains(PLANTED), "{logs}");
    assert!(sqs.receive("work", 1).is_empty());
}

#[tokio::test]
async fn a_queue_without_a_url_is_named_with_the_fix() {
    let lambda = started(function("fixture", "sends"));
    let answer = pass_on(&lambda, r#"{"id":"1"}"#).await;
    assert!(matches!(answer, Answer::Http { status: 503, .. }), "{answer:?}");
    let logs = lambda.logs().join("\n");
    assert!(logs.contains("no address for the queue `work`") && logs.contains("cargo pikku package"), "{logs}");
}

#[test]
fn only_the_group_that_sends_holds_tls() {
    // They were built at once, so that all of them had the chance.
    let sends = proof("sends")["crates"].clone();
    for name in ["rustls", "ring", "aws_sigv4", "tokio_rustls"] {
        assert!(sends.get(name).is_some(), "{name} is not in {sends}");
        for group in ["text", "work", "shown"] {
            let crates = &proof(group)["crates"];
            assert!(crates.get(name).is_none(), "{name} is in {group}: {crates}");
        }
    }
}
