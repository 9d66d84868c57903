//! What the one pipeline promises, over HTTP and over the transports that have one source.

use pikku::{
    App, Bytes, Call, Cron, EventPattern, Group, Problem, Queue, Response, Selection, StatusCode, Stream, Topic,
    http::{HeaderValue, Method, any, delete, get, header, post, put},
    testing::{TestApp, TestResponse},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Filter {
    id: u32,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    sizes: Vec<u8>,
    exact: Option<bool>,
    #[schemars(length(max = 5))]
    note: Option<String>,
    #[schemars(range(min = 0.0))]
    price: Option<f64>,
    shape: Option<Shape>,
    agent: Option<String>,
    visit: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Shape {
    Circle { radius: u32 },
    Square { side: u32 },
}

/// Gives back its input.
#[pikku::function(public)]
async fn show(input: Filter) -> Result<Filter, Problem> {
    Ok(input)
}

/// Adds up.
#[pikku::function(public)]
async fn total(numbers: Vec<i64>) -> Result<i64, Problem> {
    Ok(numbers.iter().sum())
}

/// Answers with a response of its own.
#[pikku::function(public)]
async fn image(call: &Call) -> Result<Response, Problem> {
    let length = call.http().map_or(0, |request| request.body.len());
    Ok(Response::default()
        .with_body("image/png", Bytes::from_static(&[0x89, 0x50, 0xff]))
        .with_header(header::ETAG, HeaderValue::from(length)))
}

/// Does nothing.
#[pikku::function(public)]
async fn nothing() -> Result<(), Problem> {
    Ok(())
}

/// Fails in the way that the message says.
#[pikku::function(public)]
async fn fails(how: BTreeMap<String, String>) -> Result<(), Problem> {
    match how.get("how").map(String::as_str) {
        Some("panic") => panic!("the private reason"),
        Some("busy") => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "come back later")),
        _ => Err(Problem::internal("the private reason")),
    }
}

#[derive(Group)]
struct Everything;

fn app<S: Selection>() -> App<S> {
    App::new().group::<Everything>(|g| {
        g.http::<show>(get("/things/{id}").header("User-Agent", "agent").cookie("visit", "visit"))
            .http::<show>(post("/things/{id}"))
            .http::<total>(post("/total").status(202))
            .http::<total>(put("/total").status(204))
            .http::<image>(any("/image"))
            .http::<nothing>(delete("/things/{id}"))
            .http::<fails>(post("/fails"))
            .queue::<show>("things", Queue::default())
            .queue::<fails>("failures", Queue::default())
            .event::<total>(Topic::new("numbers"))
            .event::<total>(Stream::new("numbers"))
            .event::<show>(EventPattern::source("test").detail_type("Shown"))
            .cron::<nothing>(Cron::new("* * * * *").named("often"))
    })
}

async fn running() -> TestApp {
    TestApp::start(app()).await
}

fn errors(answer: &TestResponse) -> Vec<String> {
    let problem: Value = answer.json();
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let part = |error: &Value, name: &str| error[name].as_str().unwrap_or("-").to_owned();
    let mut errors: Vec<String> =
        errors.iter().map(|e| format!("{} {} {}", part(e, "source"), part(e, "pointer"), part(e, "rule"))).collect();
    errors.sort();
    errors
}

#[tokio::test]
async fn the_input_is_put_together_from_every_source() {
    let app = running().await;
    let answer = app
        .get("/things/7?tags=a&tags=b&sizes=1&exact=true&price=2.5&unknown=1")
        .header("user-agent", "test")
        .cookie("visit", "first")
        .send()
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let expected = json!({
        "id": 7, "tags": ["a", "b"], "sizes": [1], "exact": true, "note": null, "price": 2.5, "shape": null,
        "agent": "test", "visit": "first",
    });
    assert_eq!(answer.json::<Value>(), expected);
}

#[tokio::test]
async fn a_body_joins_the_path_and_may_repeat_it() {
    let app = running().await;
    let answer = app.post("/things/7").json(&json!({ "id": 7, "note": "x" })).send().await;
    assert_eq!((answer.status(), answer.json::<Value>()["note"].clone()), (200, json!("x")));

    let answer = app.post("/things/7?note=y").json(&json!({ "id": 8, "note": "x" })).send().await;
    assert_eq!(answer.status(), 422);
    assert_eq!(errors(&answer), ["path /id conflict", "query /note conflict"]);
}

#[tokio::test]
async fn a_form_is_decoded_by_the_schema() {
    let app = running().await;
    let form = "tags=a&tags=b+c&exact=false&price=3";
    let answer = app.post("/things/1").body("application/x-www-form-urlencoded; charset=utf-8", form).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json::<Value>()["tags"], json!(["a", "b c"]));
    assert_eq!(answer.json::<Value>()["price"], json!(3.0));
}

#[tokio::test]
async fn every_bad_value_is_named_with_its_source() {
    let app = running().await;
    let answer = app.get("/things/x?exact=maybe&note=too+long&price=-1&sizes=300").send().await;
    assert_eq!(answer.status(), 422);
    let expected = [
        "path /id type",
        "query /exact type",
        "query /note maxLength",
        "query /price minimum",
        "query /sizes/0 maximum",
    ];
    assert_eq!(errors(&answer), expected);
}

#[tokio::test]
async fn a_mistake_in_a_tagged_enum_names_the_field_of_the_variant() {
    let app = running().await;
    let answer = app.post("/things/1").json(&json!({ "shape": { "kind": "circle", "radius": "big" } })).send().await;
    assert_eq!(errors(&answer), ["body /shape/radius type"]);
    let answer = app.post("/things/1").json(&json!({ "shape": { "kind": "blob" } })).send().await;
    assert_eq!(errors(&answer), ["body /shape/kind enum"]);
}

#[tokio::test]
async fn bodies_that_cannot_be_read_say_why() {
    let app = running().await;
    let code = |answer: &TestResponse| (answer.status(), answer.json::<Value>()["code"].as_str().unwrap().to_owned());
    let send =
        async |content_type: &str, body: &'static [u8]| app.post("/things/1").body(content_type, body).send().await;
    let malformed = (400, "malformed_input".to_owned());
    assert_eq!(code(&send("application/json", b"{").await), malformed);
    assert_eq!(code(&send("application/json", b"{\"note\":\"a\",\"note\":\"b\"}").await), malformed);
    assert_eq!(code(&send("application/json", b"\xff").await), malformed);
    assert_eq!(code(&send("application/json", b"[]").await), (422, "invalid_input".into()));
    assert_eq!(code(&send("text/plain", b"hello").await), (415, "unsupported_media_type".into()));
    let deep = format!("{{\"shape\":{}{}}}", "[".repeat(200), "]".repeat(200));
    assert_eq!(code(&app.post("/things/1").body("application/json", deep).send().await), malformed);
    // A suffix is JSON too, and so is a body of no said type.
    assert_eq!(send("application/vnd.test+json", b"{\"note\":\"x\"}").await.status(), 200);
}

#[tokio::test]
async fn routes_answer_as_axum_users_expect() {
    let app = running().await;
    assert_eq!(app.get("/Things/1").send().await.status(), 404);
    assert_eq!(app.get("/things/1/").send().await.status(), 404);
    let answer = app.put("/things/1").send().await;
    assert_eq!((answer.status(), answer.header("allow")), (405, Some("DELETE, GET, HEAD, POST")));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let answer = app.request(Method::HEAD, "/things/1").send().await;
    assert_eq!((answer.status(), answer.body().len()), (200, 0));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(app.delete("/things/1").send().await.status(), 204);
}

#[tokio::test]
async fn a_function_can_answer_with_a_response_of_its_own() {
    let app = running().await;
    let answer = app.put("/image").body("text/plain", "four").send().await;
    assert_eq!(
        (answer.status(), answer.header("content-type"), answer.header("etag")),
        (200, Some("image/png"), Some("4"))
    );
    assert_eq!(answer.body().as_ref(), [0x89, 0x50, 0xff]);
}

#[tokio::test]
async fn an_input_need_not_be_an_object() {
    let app = running().await;
    let answer = app.post("/total").json(&[1, 2, 3]).send().await;
    assert_eq!((answer.status(), answer.json::<i64>()), (202, 6));
    let silent = app.put("/total").json(&[1, 2, 3]).send().await;
    assert_eq!((silent.status(), silent.body().len()), (204, 0));
    app.topic("numbers", &[4, 5]).await.unwrap();
    app.stream("numbers", "[6]").await.unwrap();
}

#[tokio::test]
async fn private_text_goes_to_the_log_alone() {
    let app = running().await;
    for how in ["panic", "error"] {
        let answer = app.post("/fails").json(&json!({ "how": how })).send().await;
        assert_eq!(answer.status(), 500);
        assert!(!answer.text().contains("private"), "{}", answer.text());
    }
    let logged = app.logged();
    assert_eq!(logged.len(), 2);
    assert!(logged.iter().all(|line| line.detail.as_deref().unwrap_or_default().contains("the private reason")));
    assert!(logged.iter().all(|line| line.function.as_deref() == Some("fails")));
}

#[tokio::test]
async fn other_transports_validate_and_fail_alike() {
    let app = running().await;
    app.queue("things", &json!({ "id": 1 })).await.unwrap();
    app.event("test", "Shown", &json!({ "id": 1 })).await.unwrap();
    app.cron("often").await.unwrap();

    let problem = app.queue("things", &json!({ "id": "1" })).await.unwrap_err();
    assert_eq!((problem.status().as_u16(), problem.code(), problem.retry()), (422, "invalid_input", false));
    assert_eq!(problem.errors()[0].pointer, "/id");
    let problem = app.queue("failures", &json!({ "how": "busy" })).await.unwrap_err();
    assert_eq!((problem.code(), problem.retry()), ("busy", true));
    assert_eq!(app.failures().len(), 2);
}

#[tokio::test]
async fn a_call_past_its_deadline_is_ended() {
    let app = running().await;
    let context = pikku::call::Context { deadline_ms: Some(1), ..Default::default() };
    // The work is done before the deadline is looked at: what is ready is not thrown away.
    let reply = app.engine().call("nothing", Value::Null, context).await.unwrap();
    assert!(reply.is_ok());
}

#[tokio::test]
async fn bindings_of_any_source_give_way_to_named_ones() {
    #[derive(Group)]
    struct Both;
    let app = TestApp::start(App::new().group::<Both>(|g| {
        g.queue::<fails>(pikku::wiring::Source::Any, Queue::default()).queue::<show>("named", Queue::default())
    }))
    .await;
    app.queue("named", &json!({ "id": 1 })).await.unwrap();
    assert_eq!(app.queue("other", &json!({ "how": "busy" })).await.unwrap_err().code(), "busy");
}
