//! Attacks on the signed callers of remote procedure calls, each named after what is tried, against the service that is called.

mod common;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use common::{KEY, NOW_MS, OTHER_KEY, prices, prices_and_queue, seen};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use pikku::{
    Claims, Scopes,
    call::{CALLER, MessageAttribute, QueueMessage},
    platform::{OutgoingCall, OutgoingMessage},
    testing::{TestApp, TestRequest, TestResponse},
};
use pikku_auth::message::{CallerKeys, Callers};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

const BODY: &str = r#"{"sku":"tea"}"#;

fn callers() -> Callers {
    Callers::new(CallerKeys::parse(KEY).unwrap())
}

fn claims(name: &str) -> Claims {
    Claims::new(json!({ "name": name })).with_subject(name).with_scopes(Scopes::parse("prices"))
}

fn of<'a>(function: &'a str, body: &'a str) -> OutgoingCall<'a> {
    OutgoingCall::new("prices", function, body.as_bytes())
}

/// A token for the call of `price_of` with that body.
fn token(name: &str) -> String {
    callers().sign_call(&claims(name), &of("price_of", BODY), NOW_MS).unwrap()
}

fn posted<'a>(app: &'a TestApp, path: &str, body: &str, token: &str) -> TestRequest<'a> {
    app.post(path).body("application/json", body.to_owned()).header(CALLER, token)
}

async fn sent(app: &TestApp, body: &str, token: &str) -> TestResponse {
    posted(app, "/rpc/price_of", body, token).send().await
}

/// It is refused, and the log alone says why.
async fn refused(app: &TestApp, request: TestRequest<'_>, why: &str) {
    let answer = request.send().await;
    assert_eq!(answer.status(), 401, "{}", answer.text());
    let problem = answer.json::<Value>();
    assert_eq!(problem["code"], "invalid_credentials");
    assert!(!answer.text().contains("signed"), "private text leaves: {}", answer.text());
    // No client can make one, so none is asked for.
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    let line = app.logged().pop().unwrap();
    assert!(line.detail.as_deref().unwrap_or_default().contains(why), "{why}: {line:?}");
}

#[tokio::test]
async fn the_signed_caller_is_the_session() {
    let app = TestApp::start(prices()).await;
    let answer = sent(&app, BODY, &token("ann")).await;
    assert_eq!((answer.status(), answer.text()), (200, r#"{"cents":100,"for_whom":"ann"}"#));
    assert_eq!(seen("ann").len(), 1);
}

#[tokio::test]
async fn without_a_caller_there_is_no_session() {
    let app = TestApp::start(prices()).await;
    let bare = |path| app.post(path).body("application/json", BODY);
    assert_eq!(bare("/rpc/price_of").send().await.json::<Value>()["code"], "unauthenticated");
    assert_eq!(bare("/rpc/who").send().await.text(), "null");
    let app = TestApp::prepare(prices()).variable("REQUIRED", "1").start().await;
    // A function that would do without one.
    refused(&app, app.post("/rpc/who").body("application/json", BODY), "is not there").await;
    assert_eq!(app.post("/who").send().await.text(), "null", "what is no remote procedure call has none");
}

#[tokio::test]
async fn scopes_and_read_only_sessions_hold() {
    let app = TestApp::start(prices()).await;
    let status = async |function: &str, scopes: &str, read_only: bool| {
        let claims = Claims::new(json!({"name": "bob"})).with_scopes(Scopes::parse(scopes));
        let claims = if read_only { claims.read_only() } else { claims };
        let token = callers().sign_call(&claims, &of(function, BODY), NOW_MS).unwrap();
        let answer = posted(&app, &format!("/rpc/{function}"), BODY, &token).send().await;
        answer.status()
    };
    for (scopes, due) in [("prices", 200), ("prices:read", 200), ("prices:rea", 403), ("orders", 403), ("", 403)] {
        assert_eq!(status("price_of", scopes, false).await, due, "{scopes}");
    }
    assert_eq!(status("price_of", "prices", true).await, 200);
    assert_eq!((status("forget", "", false).await, status("forget", "", true).await), (204, 403));
}

#[tokio::test]
async fn a_token_for_another_function_is_refused() {
    let app = TestApp::start(prices()).await;
    let request = posted(&app, "/rpc/forget", BODY, &token("cay"));
    refused(&app, request, "for another function than `rpc:prices/forget`").await;
    assert!(seen("cay").is_empty());
}

#[tokio::test]
async fn a_token_for_another_service_of_the_same_secret_is_refused() {
    let app = TestApp::prepare(prices()).variable("SERVICE", "stock").start().await;
    let request = posted(&app, "/rpc/price_of", BODY, &token("dan"));
    refused(&app, request, "for another function than `rpc:stock/price_of`").await;
}

#[tokio::test]
async fn a_token_of_a_queue_is_refused_and_the_reverse() {
    let app = TestApp::start(prices_and_queue()).await;
    // Of queues that are called as a function is, as far as a name can be.
    for queue in ["forgotten", "price_of", "rpc:prices/price_of"] {
        let of_queue = callers().sign(&claims("eve"), &OutgoingMessage::new(queue, BODY), NOW_MS).unwrap();
        refused(&app, posted(&app, "/rpc/price_of", BODY, &of_queue), "is not of the form").await;
    }
    let message = |token: String| {
        let value = MessageAttribute { data_type: "String".to_owned(), value: token };
        let message_attributes = BTreeMap::from([(CALLER.to_owned(), value)]);
        QueueMessage { body: BODY.to_owned(), message_attributes, ..QueueMessage::default() }
    };
    for call in [of("forget", BODY), OutgoingCall::new("", "forgotten", BODY.as_bytes())] {
        let of_call = callers().sign_call(&claims("eve"), &call, NOW_MS).unwrap();
        let problem = app.queue_message("forgotten", message(of_call)).await.unwrap_err();
        assert_eq!(problem.code(), "invalid_credentials");
    }
    let of_queue = callers().sign(&claims("eve"), &OutgoingMessage::new("forgotten", BODY), NOW_MS).unwrap();
    app.queue_message("forgotten", message(of_queue)).await.unwrap();
    assert_eq!(seen("eve"), ["eve forgets tea"]);
}

#[tokio::test]
async fn a_changed_body_is_refused() {
    let app = TestApp::start(prices()).await;
    for body in [r#"{"sku":"gold"}"#, r#"{"sku": "tea"}"#, r#"{"sku":"tea"} "#, "", "null"] {
        refused(&app, posted(&app, "/rpc/price_of", body, &token("fay")), "for another body").await;
    }
    // What a body would be read as is signed too: JSON, and nothing beside it.
    let form = app.post("/rpc/price_of").body("application/x-www-form-urlencoded", BODY).header(CALLER, &token("fay"));
    assert_eq!(form.send().await.status(), 415);
    let query = posted(&app, "/rpc/price_of?how=failing", BODY, &token("fay")).send().await;
    assert_eq!((query.status(), query.json::<Value>()["code"].as_str()), (400, Some("malformed_input")));
    assert!(seen("fay").is_empty());
}

#[tokio::test]
async fn a_token_that_has_expired_or_is_of_the_future_is_refused() {
    let app = TestApp::start(prices()).await;
    let token = token("gil");
    app.set_now_ms(NOW_MS + 89_000);
    assert_eq!(sent(&app, BODY, &token).await.status(), 200);
    app.set_now_ms(NOW_MS + 90_000);
    refused(&app, posted(&app, "/rpc/price_of", BODY, &token), "has expired").await;
    app.set_now_ms(NOW_MS - 31_000);
    refused(&app, posted(&app, "/rpc/price_of", BODY, &token), "in the future").await;
    let long = callers().call_lifetime(Duration::from_secs(600));
    let token = long.sign_call(&claims("gil"), &of("price_of", BODY), NOW_MS).unwrap();
    app.set_now_ms(NOW_MS + 600_000);
    assert_eq!(sent(&app, BODY, &token).await.status(), 200);
}

#[tokio::test]
async fn a_token_of_another_key_is_refused() {
    let app = TestApp::prepare(prices()).variable("CALLER_KEYS", OTHER_KEY).start().await;
    refused(&app, posted(&app, "/rpc/price_of", BODY, &token("hal")), "by no key that is known").await;
    // One that is taken out of use goes on until it is taken away.
    let rotating = TestApp::prepare(prices()).variable("CALLER_KEYS", &format!("{OTHER_KEY},{KEY}")).start().await;
    assert_eq!(sent(&rotating, BODY, &token("hal")).await.status(), 200);
}

#[tokio::test]
async fn a_token_of_no_algorithm_or_of_another_form_is_refused() {
    let app = TestApp::start(prices()).await;
    let good = token("ida");
    let [_, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    for header in [
        r#"{"typ":"pikku-rpc+jwt","alg":"none"}"#,
        r#"{"typ":"pikku-rpc+jwt","alg":"HS512"}"#,
        r#"{"alg":"HS256","typ":"pikku-rpc+jwt"}"#,
        r#"{"typ":"pikku-caller+jwt","alg":"HS256"}"#,
        r#"{"typ":"pikku-rpc+jwt"}"#,
        "",
    ] {
        for signature in [signature, ""] {
            let forged = format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(header));
            refused(&app, posted(&app, "/rpc/price_of", BODY, &forged), "the signed caller is not of the form").await;
        }
    }
    for forged in [".", "..", "x", &good.replace('.', ""), &format!("Bearer {good}")] {
        refused(&app, posted(&app, "/rpc/price_of", BODY, forged), "is not of the form").await;
    }
    for changed in
        [format!("{good}."), format!("{good}A"), good[..good.len() - 2].to_owned(), format!("{good}.{signature}")]
    {
        refused(&app, posted(&app, "/rpc/price_of", BODY, &changed), "the signed caller").await;
    }
    refused(&app, posted(&app, "/rpc/price_of", BODY, &"x".repeat(4_097)), "is too long").await;
    let twice = posted(&app, "/rpc/price_of", BODY, &good).header(CALLER, &good);
    refused(&app, twice, "is there twice").await;
    assert_eq!(sent(&app, BODY, &good).await.status(), 200);
}

#[tokio::test]
async fn on_every_other_route_the_header_is_nothing() {
    let app = TestApp::start(prices()).await;
    for token in [token("joe"), "x".to_owned(), "x".repeat(10_000)] {
        let answer = posted(&app, "/prices", BODY, &token).send().await;
        assert_eq!((answer.status(), answer.json::<Value>()["code"].as_str()), (401, Some("unauthenticated")));
        assert_eq!(posted(&app, "/who", BODY, &token).send().await.text(), "null");
    }
    // And there a caller is told by this header alone.
    for (name, value) in [
        ("x-pikku-caller", token("joe")),
        ("authorization", format!("Bearer {}", token("joe"))),
        ("cookie", format!("{CALLER}={}", token("joe"))),
    ] {
        let request = app.post("/rpc/price_of").body("application/json", BODY).header(name, &value);
        assert_eq!(request.send().await.json::<Value>()["code"], "unauthenticated", "{name}");
    }
    assert!(seen("joe").is_empty());
}

#[tokio::test]
async fn a_replay_within_its_life_is_the_same_call_and_done_once_under_a_key() {
    let app = TestApp::start(prices()).await;
    let (body, key) = (r#"{"sku":"kim-tea"}"#, "\"k-1\"");
    let signed =
        |key| callers().sign_call(&claims("kim"), &of("raise", body).with_idempotency_key(key), NOW_MS).unwrap();
    let with_key = |token: &str, key: &str| posted(&app, "/rpc/raise", body, token).header("idempotency-key", key);
    let keyed = signed(Some(key));
    let first = with_key(&keyed, key).send().await;
    let again = with_key(&keyed, key).send().await;
    assert_eq!((first.status(), first.text(), again.text()), (200, "1", "1"));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    // The key is signed: it cannot be taken away, changed or added, by which it would be done again.
    refused(&app, posted(&app, "/rpc/raise", body, &keyed), "with another idempotency key").await;
    refused(&app, with_key(&keyed, "\"k-2\""), "with another idempotency key").await;
    refused(&app, with_key(&signed(None), key), "with another idempotency key").await;
    refused(&app, with_key(&keyed, key).header("idempotency-key", key), "with another idempotency key").await;
    assert_eq!(seen("kim").len(), 1);
}

#[tokio::test]
async fn how_long_the_caller_waits_is_a_number_or_refused() {
    let app = TestApp::start(prices()).await;
    let body = r#"{"sku":"tea","how":"left"}"#;
    let token = callers().sign_call(&claims("lea"), &of("price_of", body), NOW_MS).unwrap();
    let asked = |timeout: &str| posted(&app, "/rpc/price_of", body, &token).header("pikku-timeout-ms", timeout);
    let left = asked("1500").send().await;
    assert_eq!(left.json::<Value>()["cents"], 1500);
    for timeout in ["", "-1", "1.5", "soon", "4294967296", "1,2", "٣"] {
        let answer = asked(timeout).send().await;
        assert_eq!(
            (answer.status(), answer.json::<Value>()["code"].as_str()),
            (400, Some("malformed_input")),
            "{timeout}"
        );
    }
    assert_eq!(asked("5").header("pikku-timeout-ms", "5").send().await.status(), 400);
    // Elsewhere it is a header as any other.
    assert_eq!(app.post("/who").header("pikku-timeout-ms", "soon").send().await.status(), 200);
}

#[tokio::test]
async fn what_is_signed_is_a_json_web_token_as_others_read_it() {
    let claims = claims("moe").read_only();
    let call = of("price_of", BODY).with_idempotency_key(Some("\"k\""));
    let token = callers().sign_call(&claims, &call, NOW_MS).unwrap();
    let mut key = [0; 32];
    hkdf::Hkdf::<sha2::Sha256>::new(None, KEY.as_bytes()).expand(b"pikku message callers 1", &mut key).unwrap();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&["rpc:prices/price_of"]);
    validation.validate_exp = false;
    let decoded = decode::<Value>(&token, &DecodingKey::from_secret(&key), &validation).unwrap();
    let (now, body) = (NOW_MS / 1_000, URL_SAFE_NO_PAD.encode(<sha2::Sha256 as sha2::Digest>::digest(BODY)));
    let said = json!({
        "aud": "rpc:prices/price_of", "iat": now, "exp": now + 60, "body": body, "dedup": "\"k\"",
        "sub": "moe", "scope": "prices", "read_only": true, "session": {"name": "moe"},
    });
    assert_eq!((decoded.claims, decoded.header.typ.as_deref()), (said, Some("pikku-rpc+jwt")));
    // Nor does the secret sign as it is: the key is derived for this purpose.
    let header = Header { typ: Some("pikku-rpc+jwt".to_owned()), ..Header::new(Algorithm::HS256) };
    let forged = encode(&header, &json!({}), &EncodingKey::from_secret(KEY.as_bytes())).unwrap();
    let app = TestApp::start(prices()).await;
    refused(&app, posted(&app, "/rpc/price_of", BODY, &forged), "by no key that is known").await;
    let large = Claims::new(Value::String("x".repeat(3_000)));
    let error = callers().sign_call(&large, &call, NOW_MS).unwrap_err().to_string();
    assert!(error.contains("keep what is large in a store"), "{error}");
}
