//! Two services in one process: what goes along with a call, and what comes back.

mod common;

use common::{OTHER_KEY, PRIVATE, Price, Prices, prices, seen, shop};
use pikku::{
    All, App, BoxError, BoxFuture, Bytes, Call, Problem,
    http::transport::{Answer, OutgoingRequest, Transport},
    testing::{TestApp, TestResponse},
};
use pikku_rpc::{Endpoint, Failure, Remote, Rpc, RpcError, testing::InProcess};
use serde_json::{Value, json};
use std::{
    future::{pending, ready},
    sync::{Arc, Mutex},
    time::Duration,
};

const URL: &str = "https://prices.example/stage";

/// The shop, and the service of prices that it calls.
async fn both() -> (TestApp, Arc<TestApp>) {
    let prices = Arc::new(TestApp::start(prices()).await);
    (shop_with(InProcess::of(Arc::clone(&prices))).await, prices)
}

async fn shop_with(transport: impl Transport + Clone) -> TestApp {
    let endpoint = Endpoint::<Prices>::new("https://prices.example", transport.clone()).unwrap();
    let other = Endpoint::<common::Anonymous>::new("https://prices.example", transport).unwrap();
    TestApp::prepare(shop()).with(endpoint).with(other).start().await
}

async fn asked(shop: &TestApp, path: &str, user: &str, input: Value) -> TestResponse {
    let request = shop.post(path).header("x-user", user).header("x-scopes", "prices:read other").json(&input);
    request.send().await
}

fn code(answer: &TestResponse) -> (u16, String) {
    (answer.status(), answer.json::<Value>()["code"].as_str().unwrap_or_default().to_owned())
}

/// The private text of what the shop logged last.
fn logged(app: &TestApp) -> String {
    app.logged().pop().unwrap().detail.unwrap_or_default()
}

#[tokio::test]
async fn the_caller_the_trace_and_the_input_go_along() {
    let (shop, _) = both().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let answer = asked(&shop, "/sold", "ann", json!({"sku": "green tea"})).await;
    assert_eq!(answer.json::<Price>(), Price { cents: 100, for_whom: "ann".to_owned() });
    assert_eq!(seen("ann"), ["ann asks for green tea, trace None None"]);
    // A call of its own, for the test's requests have no trace.
    let mut request = pikku::http::HttpRequest::new(pikku::http::Method::POST, "/sold");
    for (name, value) in [
        ("x-user", "abe"),
        ("x-scopes", "prices"),
        ("content-type", "application/json"),
        ("traceparent", trace),
        ("tracestate", "shop=1"),
    ] {
        request.headers.append(name, value.as_bytes()).unwrap();
    }
    request.body = Bytes::from(r#"{"sku":"tea"}"#);
    let sent = Arc::new(Mutex::new(Vec::new()));
    let shop = shop_with(Noting(Arc::clone(&sent))).await;
    let context = pikku::call::Context { trace: Some(trace.to_owned()), ..Default::default() };
    shop.engine().http(request, context).await;
    let sent = sent.lock().unwrap();
    let header = |name: &str| sent.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!((header("traceparent"), header("tracestate")), (Some(trace), Some("shop=1")));
    assert_eq!(header("pikku-timeout-ms"), Some("10000"));
    assert!(header("pikku-caller").is_some_and(|token| token.starts_with("eyJ")));
    assert_eq!(header("x-user"), None, "what the client sent stays here");
}

/// Notes the headers and answers nothing of use.
#[derive(Clone, Debug)]
struct Noting(Arc<Mutex<Vec<(String, String)>>>);

impl Transport for Noting {
    fn post<'a>(&'a self, request: OutgoingRequest<'a>) -> BoxFuture<'a, Result<Answer, BoxError>> {
        self.0.lock().unwrap().extend(request.headers.iter().map(|(name, value)| (name.to_string(), value.clone())));
        Box::pin(ready(Err("it only notes".into())))
    }
}

#[tokio::test]
async fn the_session_of_a_public_function_goes_along_too() {
    let (shop, _) = both().await;
    assert_eq!(asked(&shop, "/me", "bea", Value::Null).await.json::<Value>(), "bea");
    assert_eq!(shop.post("/me").send().await.json::<Value>(), Value::Null);
    // A service that is called without a signer is told of nobody.
    assert_eq!(asked(&shop, "/nobody", "bea", Value::Null).await.json::<Value>(), Value::Null);
    assert_eq!(asked(&shop, "/discarded", "bea", json!({"sku": "x"})).await.status(), 204);
    assert_eq!(seen("bea"), ["bea forgets x"]);
}

#[tokio::test]
async fn what_the_other_function_refuses_is_an_error_of_a_type() {
    let (shop, prices) = both().await;
    let refused = asked(&shop, "/sold", "cyd", json!({"sku": "gold", "how": "unknown"})).await;
    assert_eq!(code(&refused), (502, "remote_refused".to_owned()));
    // What it said is in the log, and what is private there stays there.
    assert!(!refused.text().contains("gold"), "{}", refused.text());
    assert!(logged(&shop).ends_with("was refused: 404 unknown_item: nobody sells gold"), "{}", logged(&shop));
    assert!(logged(&prices).contains(PRIVATE));
    let kindly = asked(&shop, "/sold-kindly", "cyd", json!({"sku": "gold", "how": "unknown"})).await;
    assert_eq!(code(&kindly), (404, "no_such_thing".to_owned()));

    let busy = asked(&shop, "/sold", "cyd", json!({"sku": "tea", "how": "busy"})).await;
    assert_eq!((code(&busy), busy.header("retry-after")), ((503, "remote_unavailable".to_owned()), Some("7")));
    for how in ["failing", "panicking"] {
        let failed = asked(&shop, "/sold", "cyd", json!({"sku": "tea", "how": how})).await;
        assert_eq!(code(&failed), (502, "remote_refused".to_owned()));
        assert!(logged(&shop).contains("500 internal: something went wrong on our side"), "{}", logged(&shop));
        assert!(logged(&prices).contains(PRIVATE));
    }
    let lines = format!("{:?}", shop.logged());
    assert!(!lines.contains(PRIVATE), "{lines}");
}

#[tokio::test]
async fn scopes_and_sessions_are_decided_there() {
    let (shop, _) = both().await;
    let scoped = |scopes: &str| {
        let request = shop.post("/sold-kindly").header("x-user", "dee").header("x-scopes", scopes);
        request.json(&json!({"sku": "tea"}))
    };
    assert_eq!(scoped("prices").send().await.status(), 200);
    assert_eq!(code(&scoped("orders").send().await), (403, "not_for_you".to_owned()));
    let bare = shop.post("/sold-kindly").json(&json!({"sku": "tea"})).send().await;
    assert_eq!(code(&bare), (403, "not_for_you".to_owned()));
    let bare = shop.post("/sold").json(&json!({"sku": "tea"})).send().await;
    assert_eq!(code(&bare), (502, "remote_refused".to_owned()));
    assert!(logged(&shop).contains("401 unauthenticated"), "{}", logged(&shop));
}

#[tokio::test]
async fn services_without_a_secret_in_common_do_not_believe_each_other() {
    let prices = TestApp::prepare(prices()).variable("CALLER_KEYS", OTHER_KEY).start().await;
    let shop = shop_with(InProcess::of(prices)).await;
    let refused = asked(&shop, "/sold", "edd", json!({"sku": "tea"})).await;
    assert_eq!(code(&refused), (502, "remote_refused".to_owned()));
    assert!(logged(&shop).contains("401 invalid_credentials"), "{}", logged(&shop));
    assert!(seen("edd").is_empty());
}

#[tokio::test]
async fn a_call_with_a_key_is_done_once_for_each_caller() {
    let (shop, _) = both().await;
    let demand = async |user: &str, key: &str, sku: &str| {
        let request = shop.post("/demands").header("x-user", user).header("x-key", key).json(&json!({ "sku": sku }));
        request.send().await
    };
    let replayed = |answer: TestResponse| answer.json::<u32>();
    assert_eq!(replayed(demand("fox", "a \"key\" \\", "fox-tea").await), 1);
    assert_eq!(replayed(demand("fox", "a \"key\" \\", "fox-tea").await), 1);
    assert_eq!(replayed(demand("fox", "another", "fox-tea").await), 2);
    // Another caller's key is not his.
    assert_eq!(replayed(demand("gus", "another", "fox-tea").await), 3);
    assert_eq!(seen("fox-tea").len(), 3);
    // Another input under a key that was used.
    assert_eq!(code(&demand("fox", "another", "fox-gold").await), (502, "remote_refused".to_owned()));
    assert!(logged(&shop).contains("422 idempotency_key_reused"), "{}", logged(&shop));
    for key in ["", &"x".repeat(256)] {
        assert_eq!(code(&demand("fox", key, "fox-tea").await), (500, "internal".to_owned()));
        assert!(
            logged(&shop).contains("could not be made: an idempotency key is 1 to 255 octets"),
            "{}",
            logged(&shop)
        );
    }
}

/// Answers so.
#[derive(Clone, Debug)]
struct Says(u16, &'static str, &'static str);

impl Transport for Says {
    fn post<'a>(&'a self, _: OutgoingRequest<'a>) -> BoxFuture<'a, Result<Answer, BoxError>> {
        let Self(status, content_type, body) = *self;
        let content_type = Some(content_type.to_owned());
        Box::pin(ready(Ok(Answer { status, content_type, retry_after: None, body: body.into() })))
    }
}

#[tokio::test]
async fn what_no_function_answers_is_not_understood() {
    let (json, problem, html) = ("application/json", "application/problem+json", "text/html");
    for (status, content_type, body, why) in [
        (200, json, "", "empty, broke off, or has more than 65536 octets"),
        (204, json, "", "not the output of the function"),
        (200, json, "{", "not the output of the function"),
        (
            200,
            json,
            r#"{"cents":"many","for_whom":""}"#,
            "not the output of the function: the value at `/cents` must be u32",
        ),
        (200, html, "<p>welcome", "not the output of the function"),
        (302, html, "", "neither a success nor an error"),
        (100, html, "", "neither a success nor an error"),
        (502, html, "<p>Bad Gateway", "neither a success nor an error"),
        (404, json, r#"{"code":"x"}"#, "neither a success nor an error"),
        (404, problem, "<p>", "expected"),
        (404, problem, "\"x\"", "must be"),
        (999, problem, "{}", "neither a success nor an error"),
    ] {
        let shop = shop_with(Says(status, content_type, body)).await;
        let answer = asked(&shop, "/sold", "hew", json!({"sku": "tea"})).await;
        assert_eq!(code(&answer), (502, "remote_not_understood".to_owned()), "{status} {body}");
        let logged = logged(&shop);
        assert!(logged.contains(&format!("answered by {status}, ")) && logged.contains(why), "{why}: {logged}");
    }
    // The least that is an error, and its details.
    let shop = shop_with(Says(404, "Application/Problem+JSON; charset=utf-8", "{}")).await;
    assert_eq!(code(&asked(&shop, "/sold", "hew", json!({"sku": "tea"})).await), (502, "remote_refused".to_owned()));
}

#[tokio::test]
async fn the_time_is_over_whoever_notices_it_first() {
    let over = r#"{"code":"deadline_exceeded","detail":"this took longer than it may"}"#;
    let shop = shop_with(Says(504, "application/problem+json", over)).await;
    assert_eq!(code(&asked(&shop, "/sold", "hew", json!({"sku": "tea"})).await), (504, "remote_late".to_owned()));
    assert!(logged(&shop).contains("was not answered within"), "{}", logged(&shop));
    // A gateway that waited for something else is what cannot answer right now.
    let shop = shop_with(Says(504, "application/problem+json", r#"{"code":"remote_late"}"#)).await;
    let answer = asked(&shop, "/sold", "hew", json!({"sku": "tea"})).await;
    assert_eq!(code(&answer), (503, "remote_unavailable".to_owned()));
}

/// Never answers.
#[derive(Clone, Debug)]
struct Silent;

impl Transport for Silent {
    fn post<'a>(&'a self, _: OutgoingRequest<'a>) -> BoxFuture<'a, Result<Answer, BoxError>> {
        Box::pin(pending())
    }
}

#[tokio::test]
async fn a_call_that_has_no_time_left_is_not_made() {
    let shop = shop_with(Silent).await;
    // The clock of a test stands still, so that only what has no time left ends.
    let context = pikku::call::Context { deadline_ms: Some(common::NOW_MS), ..Default::default() };
    let mut request = pikku::http::HttpRequest::new(pikku::http::Method::POST, "/sold");
    request.headers.append("content-type", b"application/json").unwrap();
    request.body = Bytes::from(r#"{"sku":"tea"}"#);
    let answer = shop.engine().http(request, context).await;
    assert_eq!(answer.status.as_u16(), 504);
}

#[tokio::test]
async fn an_error_says_what_happened() {
    let shop = shop_with(Noting(Arc::default())).await;
    assert_eq!(
        code(&asked(&shop, "/sold", "ivo", json!({"sku": "tea"})).await),
        (503, "remote_unreachable".to_owned())
    );
    assert_eq!(logged(&shop), "the call of `price_of` of the service `prices` was not answered: it only notes",);
    let large = shop.post("/sold").header("x-user", &"x".repeat(3_000)).json(&json!({"sku": "tea"})).send().await;
    assert_eq!(code(&large), (500, "internal".to_owned()));
    assert!(logged(&shop).contains("could not be made: the session takes"), "{}", logged(&shop));
}

/// Looks at an error itself, as a function may.
#[pikku::function(public)]
async fn look(call: &Call, prices: &Rpc<Prices>) -> Result<(), Problem> {
    let item = common::Item { sku: String::new(), ..Default::default() };
    let error: RpcError =
        prices.request::<common::price_of>(&item).timeout(Duration::from_secs(1)).send().await.unwrap_err();
    let Failure::Refused(refusal) = error.failure() else { panic!("{error:?}") };
    assert_eq!(
        (refusal.status().as_u16(), refusal.code(), refusal.detail()),
        (422, "invalid_input", "the input is not valid")
    );
    assert_eq!((refusal.errors()[0].pointer.as_str(), &*refusal.errors()[0].rule), ("/sku", "minLength"));
    assert!(error.is("invalid_input") && !error.is("internal") && refusal.retry_after().is_none());
    assert!(call.claims().is_some());
    Ok(())
}

#[pikku::authenticator]
async fn somebody(_call: &Call) -> Result<Option<pikku::Claims>, pikku::AuthError> {
    Ok(Some(pikku::Claims::new(json!({"name": "jan"})).with_scopes(pikku::Scopes::parse("prices"))))
}

#[derive(pikku::Group)]
struct Looking;

#[tokio::test]
async fn bad_values_are_told_with_their_places() {
    let app: App<All> =
        App::new().authenticate::<somebody>().group::<Looking>(|g| g.http::<look>(pikku::http::post("/")));
    let transport = InProcess::of(TestApp::start(prices()).await);
    let endpoint = Endpoint::<Prices>::new("https://prices.example", transport).unwrap();
    let app = TestApp::prepare(app).with(endpoint).start().await;
    assert_eq!(app.post("/").send().await.status(), 204, "{:?}", app.logged());
}

#[tokio::test]
async fn an_endpoint_is_a_base_url_that_others_cannot_listen_to() {
    let refused = |url: &str| Endpoint::<Prices>::new(url, Silent).unwrap_err().to_string();
    for url in ["http://prices.example", "http://10.0.0.1:80", "http://localhost.example/", "http://127.0.0.1.example"]
    {
        assert!(refused(url).contains("in the clear"), "{url}");
    }
    for url in ["", "prices.example", "/rpc", "ftp://prices.example", "https://", "ws://localhost", "https:///rpc"] {
        assert!(!refused(url).is_empty(), "{url}");
    }
    for url in ["https://user:secret@prices.example", "https://prices.example?x=1", "https://prices.example/#x"] {
        assert!(refused(url).contains("no user, no query and no fragment"), "{url}");
    }
    for url in [URL, "https://prices.example/", "http://127.0.0.1:8081", "http://[::1]:1", "http://localhost"] {
        assert!(Endpoint::<Prices>::new(url, Silent).is_ok(), "{url}");
    }
    struct Near;
    impl Remote for Near {
        const NAME: &'static str = "near";
        const URL: &'static str = "NEAR_URL";
        const IN_THE_CLEAR: bool = true;
        type Transport = pikku_rpc::HttpsTransport;
        type Signer = pikku::service::Unsigned;
    }
    assert!(Endpoint::<Near>::new("http://prices.internal", Silent).is_ok());
}

#[tokio::test]
async fn a_url_that_is_missing_or_wrong_is_told_at_the_start() {
    let error = TestApp::prepare(shop()).try_start().await.unwrap_err().to_string();
    assert!(error.contains("the variable PRICES_URL is not set"), "{error}");
    let error = TestApp::prepare(shop()).variable("PRICES_URL", "http://prices.example").try_start().await.unwrap_err();
    assert!(error.to_string().contains("the URL in the variable PRICES_URL cannot be called: in the clear"), "{error}");
}

#[test]
fn the_manifest_says_what_is_called_and_what_calls() {
    let manifest = |app| serde_json::to_value(pikku::introspect::manifest_of::<All>(app)).unwrap();
    let called = manifest(prices());
    let wirings = called["groups"][0]["wirings"].as_array().unwrap();
    let wiring = |id: &str| wirings.iter().find(|wiring| wiring["id"] == id).unwrap_or_else(|| panic!("{called:#}"));
    let expected = json!({"method": "POST", "path": "/rpc/price_of", "rpc": true});
    assert_eq!(wiring("http:POST /rpc/price_of")["http"], expected);
    assert_eq!(wiring("http:POST /prices")["http"], json!({"method": "POST", "path": "/prices"}));
    let calls = manifest(shop());
    let services = calls["services"].as_array().unwrap();
    let service =
        |name: &str| services.iter().find(|service| service["name"] == name).unwrap_or_else(|| panic!("{calls:#}"));
    assert_eq!(service("Rpc<prices>")["depends_on"], json!(["Endpoint<prices>", "AppCallers"]));
    assert_eq!(service("Rpc<anonymous>")["depends_on"], json!(["Endpoint<anonymous>"]));
    assert_eq!(service("Endpoint<prices>")["needs"], json!([{"action": "variable", "name": "PRICES_URL"}]));
    // The function that is called is none of this app.
    assert!(!calls.to_string().contains("price_of"));
}
