//! A bundle that sends to queues: to an SQS that checks each signature, and to none. And one beside it that does not send.

use pikku_local_lambda::LocalLambda;
use pikku_tests::{Answer, Sqs, ask, bundles, event::post_json, function, no_panic, started};
use serde_json::{Value, json};
use std::fs;

async fn pass_on(lambda: &LocalLambda, body: &str) -> Answer {
    ask(lambda, &post_json("/pass-on", body)).await
}

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
    let lambda = started(handed.env("AWS_SECRET_ACCESS_KEY", "a-wrong-secret"));
    let answer = pass_on(&lambda, r#"{"id":"1"}"#).await;
    assert!(matches!(answer, Answer::Http { status: 503, .. }), "{answer:?}");
    let logs = lambda.logs().join("\n");
    assert!(logs.contains("SQS answered 403"), "{logs}");
    assert!(!logs.contains("a-wrong-secret"), "{logs}");
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
