//! Input that no client should send: a clear answer each time, no panic, and the next event works in the same process.

use pikku_local_lambda::{LocalLambda, PAYLOAD_LIMIT};
use pikku_tests::{
    Answer, ask,
    event::{post, post_json, request, rest_request, through_url},
    no_panic, send, start,
};
use serde_json::{Value, json};

/// A function and the process that served its first event, which must be the one that serves its last.
struct Witness {
    lambda: LocalLambda,
    process: Vec<u32>,
}

impl Witness {
    async fn new() -> Self {
        let lambda = start("fixture", "shown");
        works(&lambda).await;
        let process = lambda.pids();
        assert_eq!(process.len(), 1);
        Self { lambda, process }
    }

    async fn ask(&self, event: &Value) -> Answer {
        let answer = ask(&self.lambda, event).await;
        self.is_well().await;
        answer
    }

    async fn send(&self, event: impl Into<Vec<u8>>) -> Answer {
        let answer = Answer::of(&send(&self.lambda, event).await);
        self.is_well().await;
        answer
    }

    /// The next event works, in the same process, and nothing panicked.
    async fn is_well(&self) {
        works(&self.lambda).await;
        assert_eq!(self.lambda.pids(), self.process, "the process was lost");
        no_panic(&self.lambda);
    }
}

async fn works(lambda: &LocalLambda) {
    let answer = ask(lambda, &post_json("/orders", r#"{"id":7,"lines":["a","b"]}"#)).await;
    assert_eq!(answer.success(), &json!({"id": 7, "lines": ["a", "b"], "note": null}));
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[tokio::test]
async fn a_body_of_6_mb_is_taken_or_refused_in_words() {
    let function = Witness::new().await;
    let around = post_json("/orders", "").to_string().len() + 40;
    let note = "x".repeat(PAYLOAD_LIMIT - around - 60);
    let event = post_json("/orders", &format!(r#"{{"id":1,"note":"{note}"}}"#));
    assert!(event.to_string().len() > PAYLOAD_LIMIT - 200, "{}", event.to_string().len());
    // The function gives the order back, and its own answer is over Lambda's limit by the envelope around it.
    match function.ask(&event).await {
        Answer::Http { status: 200, body } => assert_eq!(body["note"].as_str().map(str::len), Some(note.len())),
        Answer::Http { status, body } => {
            assert!((400..600).contains(&status) && body["code"].is_string(), "{status} {body}")
        }
        Answer::Error { error_type, message } => assert!(!error_type.is_empty() && !message.is_empty()),
        lost => panic!("no clear answer: {lost:?}"),
    }
    // The same size where the answer is small.
    let refused = function.ask(&post_json("/orders", &"[".repeat(PAYLOAD_LIMIT - around - 60))).await;
    assert_eq!(refused.refusal(), (400, "malformed_input"));
}

#[tokio::test]
async fn a_body_that_is_not_what_its_content_type_says_is_refused() {
    let function = Witness::new().await;
    for (content_type, body) in [
        ("application/json", "<order><id>7</id></order>"),
        ("application/json", "id=7&lines=a"),
        ("application/json", "{\"id\":7"),
        ("application/json", "{\"id\":7} and more"),
        ("application/json; charset=utf-8", "\u{feff}"),
    ] {
        let answer = function.ask(&post("/orders", content_type, body)).await;
        assert_eq!(answer.refusal(), (400, "malformed_input"), "{content_type}: {body}");
    }
    for content_type in ["application/xml", "text/csv", "application/octet-stream", "no type at all"] {
        let answer = function.ask(&post("/orders", content_type, "{\"id\":7}")).await;
        assert_eq!(answer.refusal(), (415, "unsupported_media_type"), "{content_type}");
    }
    let answer = function.ask(&post("/orders", "application/x-www-form-urlencoded", "{\"id\":7}")).await;
    assert_eq!(answer.refusal(), (422, "invalid_input"));
}

#[tokio::test]
async fn json_200_levels_deep_is_refused_in_the_body_and_in_the_event() {
    let function = Witness::new().await;
    let body = format!(r#"{{"id":1,"note":{}}}"#, nested(200));
    assert_eq!(function.ask(&post_json("/orders", &body)).await.refusal(), (400, "malformed_input"));
    let body = format!(r#"{{"id":1,"note":{}}}"#, nested(100));
    function.ask(&post_json("/orders", &body)).await.success();

    let mut event = post_json("/orders", r#"{"id":1,"lines":[]}"#).to_string();
    event.insert_str(1, &format!(r#""deep":{},"#, nested(200)));
    match function.send(event).await {
        Answer::Http { status, .. } => assert!((200..500).contains(&status)),
        Answer::Error { message, .. } => assert!(!message.is_empty()),
        lost => panic!("no clear answer: {lost:?}"),
    }
    let Answer::Error { message, .. } = function.send(nested(100_000)).await else { panic!("an error is due") };
    assert!(!message.is_empty());
}

#[tokio::test]
async fn invalid_utf_8_is_refused_in_the_body_and_in_the_event() {
    let function = Witness::new().await;
    // {"id":7,"note":"<ff fe>"}
    let mut event = post_json("/orders", "eyJpZCI6Nywibm90ZSI6Iv/+In0=");
    event["isBase64Encoded"] = true.into();
    assert_eq!(function.ask(&event).await.refusal(), (400, "malformed_input"));

    let mut bytes = post_json("/orders", "{\"id\":7,\"note\":\"@\"}").to_string().into_bytes();
    let at = bytes.iter().rposition(|byte| *byte == b'@').expect("the mark");
    bytes[at] = 0xff;
    match function.send(bytes).await {
        Answer::Http { status: 400..=499, .. } => {}
        Answer::Error { message, .. } => assert!(!message.is_empty()),
        other => panic!("no refusal: {other:?}"),
    }
}

#[tokio::test]
async fn a_key_that_stands_twice_in_the_body_is_refused() {
    let function = Witness::new().await;
    for body in [r#"{"id":1,"id":2}"#, r#"{"id":1,"id":1}"#, r#"{"id":1,"note":{"a":1,"a":2}}"#] {
        let answer = function.ask(&post_json("/orders", body)).await;
        assert_eq!(answer.refusal(), (400, "malformed_input"), "{body}");
    }
}

#[tokio::test]
async fn a_number_past_2_to_the_53rd_keeps_its_digits_or_is_refused() {
    let function = Witness::new().await;
    for number in ["9007199254740993", "18446744073709551615"] {
        let body = format!(r#"{{"id":{number},"note":{number}}}"#);
        let answer = function.ask(&post_json("/orders", &body)).await;
        assert_eq!(answer.success()["id"].to_string(), number);
        assert_eq!(answer.success()["note"].to_string(), number);
    }
    for number in ["18446744073709551616", "-1", "1e400", "7.5", "1e999999999"] {
        let answer = function.ask(&post_json("/orders", &format!(r#"{{"id":{number}}}"#))).await;
        assert!(matches!(answer.refusal(), (400, "malformed_input") | (422, "invalid_input")), "{number}: {answer:?}");
    }
}

#[tokio::test]
async fn an_encoded_slash_is_part_of_its_segment() {
    let function = Witness::new().await;
    let paths = [
        ("/items/..%2f..%2fetc%2fpasswd", "../../etc/passwd"),
        ("/items/%2e%2e%2f", "../"),
        ("/items/..%2F", "../"),
        ("/items/100%", "100%"),
    ];
    for (path, id) in paths {
        for event in [through_url(request("GET", path, "")), rest_request("GET", path)] {
            assert_eq!(function.ask(&event).await.success(), &json!({ "id": id }), "{path}");
        }
        // An HTTP API has decoded the path already: what still looks encoded is meant so.
        let decoded = path.trim_start_matches("/items/");
        assert_eq!(function.ask(&request("GET", path, "")).await.success(), &json!({ "id": decoded }), "{path}");
    }
    for path in ["/items/../orders", "/items/", "//items/x", "/items/a/b"] {
        assert_eq!(function.ask(&request("GET", path, "")).await.refusal(), (404, "not_found"), "{path}");
    }
}

#[tokio::test]
async fn a_thousand_query_pairs_all_arrive() {
    let function = Witness::new().await;
    let pairs: Vec<String> = (0..1000).map(|index| format!("tag=t{index}")).collect();
    let answer = function.ask(&request("GET", "/find", &pairs.join("&"))).await;
    assert_eq!(answer.success(), &json!({"tags": 1000, "last": "t999"}));
    let others: Vec<String> = (0..1000).map(|index| format!("k{index}={index}")).collect();
    let answer = function.ask(&request("GET", "/find", &others.join("&"))).await;
    assert_eq!(answer.success(), &json!({"tags": 0, "last": null}));
    let answer = function.ask(&request("GET", "/find", "tag=%ff%fe&tag=%zz&&=&tag")).await;
    assert_eq!(answer.success()["tags"], 3);
}

#[tokio::test]
async fn an_event_that_is_none_is_an_error_that_says_so() {
    let function = Witness::new().await;
    for event in ["", "null", "[]", "{}", "7", "\"text\"", "{\"Records\":[]}", "{\"Records\":[null]}", "{", "\u{0}"] {
        match function.send(event).await {
            Answer::Error { error_type, message } => assert!(!error_type.is_empty() && !message.is_empty(), "{event}"),
            Answer::Http { status: 400..=499, .. } => {}
            other => panic!("no error for {event:?}: {other:?}"),
        }
    }
}
