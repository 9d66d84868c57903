//! The malformed input of `malformed.rs` once more, through every form in which AWS hands HTTP over, to the example that
//! shows what it saw. Each event is answered in words, and the same process answers the next one.

use pikku_local_lambda::{LocalLambda, PAYLOAD_LIMIT};
use pikku_tests::{
    Answer, ask,
    event::{load_balancer_request, request, rest_request, through_url},
    no_panic, send, start,
};
use serde_json::{Value, json};

/// Every form, as a request to that path.
fn forms(method: &str, path: &str) -> [(&'static str, Value); 4] {
    [
        ("HTTP API", request(method, path, "")),
        ("function URL", through_url(request(method, path, ""))),
        ("REST API", rest_request(method, path)),
        ("load balancer", load_balancer_request(method, path)),
    ]
}

fn with_body(mut event: Value, content_type: &str, body: &Value) -> Value {
    event["headers"]["content-type"] = content_type.into();
    if event["multiValueHeaders"].is_object() {
        event["multiValueHeaders"]["content-type"] = json!([content_type]);
    }
    event["body"] = body.clone();
    event
}

async fn is_well(lambda: &LocalLambda, process: &[u32], after: &str) {
    let answer = ask(lambda, &request("GET", "/still/there", "")).await;
    assert_eq!(answer.success()["path_segments"], json!(["still", "there"]), "after {after}");
    assert_eq!(lambda.pids(), process, "the process was lost after {after}");
    no_panic(lambda);
}

fn clear(answer: &Answer, what: &str) {
    match answer {
        Answer::Http { status: 200..=499, body } => assert!(body.is_object(), "{what}: {body}"),
        Answer::Error { error_type, message } => assert!(!error_type.is_empty() && !message.is_empty(), "{what}"),
        other => panic!("{what}: no clear answer: {other:?}"),
    }
}

#[tokio::test]
async fn bodies_that_are_not_what_they_say_are_answered_in_words() {
    let lambda = start("echo", "echo");
    ask(&lambda, &request("GET", "/", "")).await.success();
    let process = lambda.pids();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let bodies =
        [json!("<xml/>"), json!("{\"a\":1,\"a\":2}"), json!(deep), json!("\u{0}\u{fffd}"), json!(7), json!({"a": 1})];
    for body in &bodies {
        for (form, event) in forms("POST", "/in") {
            let mut event = with_body(event, "application/json", body);
            let what = format!("{form} with body {}", body.to_string().chars().take(40).collect::<String>());
            clear(&ask(&lambda, &event).await, &what);
            event["isBase64Encoded"] = true.into();
            clear(&ask(&lambda, &event).await, &format!("{what}, said to be base64"));
        }
    }
    is_well(&lambda, &process, "bodies").await;
}

#[tokio::test]
async fn events_that_lack_or_bend_members_are_answered_in_words() {
    let lambda = start("echo", "echo");
    ask(&lambda, &request("GET", "/", "")).await.success();
    let process = lambda.pids();
    for (form, whole) in forms("GET", "/in") {
        let members: Vec<String> = whole.as_object().into_iter().flat_map(|members| members.keys().cloned()).collect();
        for member in members {
            for bent in
                [None, Some(json!(null)), Some(json!(7)), Some(json!("text")), Some(json!([null])), Some(json!({}))]
            {
                let mut event = whole.clone();
                let what = format!("{form} with {member} as {bent:?}");
                match (bent, event.as_object_mut()) {
                    (Some(bent), _) => event[&member] = bent,
                    (None, Some(members)) => drop(members.remove(&member)),
                    (None, None) => {}
                }
                clear(&ask(&lambda, &event).await, &what);
            }
        }
    }
    is_well(&lambda, &process, "bent members").await;
}

#[tokio::test]
async fn paths_and_queries_without_measure_are_answered_in_words() {
    let lambda = start("echo", "echo");
    ask(&lambda, &request("GET", "/", "")).await.success();
    let process = lambda.pids();
    let long = format!("/{}", "a/".repeat(20_000));
    for path in ["/..%2f..%2fetc", "/%", "/%ff%fe", "", "no-slash", "//", "/a//b", "/\u{0}", long.as_str()] {
        for (form, event) in forms("GET", path) {
            clear(&ask(&lambda, &event).await, &format!("{form} at {}", path.chars().take(40).collect::<String>()));
        }
    }
    let pairs: Vec<(String, Value)> =
        (0..1000).map(|index| (format!("k{index}"), json!(format!("v{index}")))).collect();
    let raw: Vec<String> = (0..1000).map(|index| format!("k{index}=v{index}")).collect();
    for (form, mut event) in forms("GET", "/in") {
        if event["rawQueryString"].is_string() {
            event["rawQueryString"] = raw.join("&").into();
        } else {
            event["queryStringParameters"] = pairs.iter().cloned().collect::<serde_json::Map<_, _>>().into();
        }
        let answer = ask(&lambda, &event).await;
        assert_eq!(answer.success()["query"].as_array().map(Vec::len), Some(1000), "{form}");
    }
    is_well(&lambda, &process, "paths and queries").await;
}

#[tokio::test]
async fn an_answer_over_the_limit_is_an_error_and_not_a_crash() {
    let lambda = start("echo", "echo");
    ask(&lambda, &request("GET", "/", "")).await.success();
    let process = lambda.pids();
    for (form, event) in forms("PUT", "/in") {
        // The example gives the body back in base64, which takes a third more than Lambda lets through.
        let body = json!("x".repeat(PAYLOAD_LIMIT - 4096));
        let event = with_body(event, "text/plain", &body);
        match Answer::of(&send(&lambda, event.to_string()).await) {
            Answer::Error { error_type, message } => assert!(!error_type.is_empty() && !message.is_empty(), "{form}"),
            Answer::Http { status, body } => {
                assert!(status >= 400 && body["code"].is_string(), "{form}: {status} {body}")
            }
            other => panic!("{form}: {other:?}"),
        }
        is_well(&lambda, &process, form).await;
    }
}
