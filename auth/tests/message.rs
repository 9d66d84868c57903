//! Attacks on the signed callers of messages, each named after what is tried, against an app that sends to itself.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use pikku::{
    All, App, AuthError, BoxError, BoxFuture, Call, Claims, Engine, Group, Need, Platform, Problem, Queue as Wiring,
    Scopes, Session,
    call::{CALLER, Context, MessageAttribute, QueueMessage},
    dispatch::{Arrival, StartError},
    http::{Method, post},
    platform::{LogLine, OutgoingMessage},
    service::{Env, Queue, Queues, SendError},
    testing::TestApp,
};
use pikku_auth::message::{CallerKeyError, CallerKeys, Callers};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    future::{pending, ready},
    sync::{Arc, Mutex},
    time::Duration,
};

const NOW_MS: u64 = 1_767_225_600_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const OLD: &str = "plantedsecret7Qx-old-one-of-more-than-thirty-two-octets";
const NEW: &str = "plantedsecret7Qx-new-one-of-more-than-thirty-two-octets";

#[derive(Clone, pikku::CallerSigner)]
struct AppCallers(Callers);

#[pikku::service(needs = [Need::Variable("CALLER_KEYS")])]
fn app_callers(env: &Env) -> Result<AppCallers, BoxError> {
    let callers = Callers::new(CallerKeys::parse(&env.get("CALLER_KEYS").unwrap_or_default())?);
    Ok(AppCallers(if env.get("REQUIRED").is_some() { callers.required() } else { callers }))
}

#[pikku::authenticator(challenge = "")]
async fn caller(callers: &AppCallers, call: &Call) -> Result<Option<Claims>, AuthError> {
    callers.0.authenticate(call)
}

/// Whoever a header names.
#[pikku::authenticator]
async fn user(call: &Call) -> Result<Option<Claims>, AuthError> {
    let header = |name| call.headers().and_then(|headers| headers.get(name));
    let Some(name) = header("x-user") else { return Ok(None) };
    let claims = Claims::new(json!({ "name": name })).with_subject(name);
    let claims = claims.with_scopes(Scopes::parse(header("x-scopes").unwrap_or_default()));
    Ok(Some(if header("x-read-only").is_some() { claims.read_only() } else { claims }))
}

#[derive(Debug, Deserialize, JsonSchema)]
struct User {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, pikku::Message)]
#[pikku(queue = "shipments", signed_by = AppCallers)]
struct Ship {
    id: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, pikku::Message)]
#[pikku(queue = "notes", signed_by = AppCallers)]
struct Note {
    id: u64,
}

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[derive(Debug, pikku::Error)]
enum OrderError {
    /// It could not be handed on.
    #[pikku(status = 503, detail = "{0}")]
    NotHandedOn(SendError),
}

#[pikku::function(session)]
async fn place(shipments: &Queue<Ship>, order: Ship) -> Result<(), OrderError> {
    shipments.send(&order).await.map_err(OrderError::NotHandedOn)
}

#[pikku::function(session)]
async fn place_in_order(shipments: &Queue<Ship>, order: Ship) -> Result<(), OrderError> {
    let other = Ship { id: order.id + 1 };
    let drafts = [
        shipments.message(&order).group("g").deduplication_id("d1").delay(Duration::from_secs(60)),
        shipments.message(&other).group("g").deduplication_id("d2"),
    ];
    shipments.send_drafts(drafts).await.map_err(OrderError::NotHandedOn)
}

/// Nothing but its queue looks at the session.
#[pikku::function(public)]
async fn note_it(notes: &Queue<Note>, note: Note) -> Result<(), OrderError> {
    notes.send(&note).await.map_err(OrderError::NotHandedOn)
}

struct ByName(Queues);

#[pikku::service(needs = [Need::SendToQueue("shipments")])]
fn by_name(queues: &Queues) -> ByName {
    ByName(queues.clone())
}

#[pikku::function(session)]
async fn place_by_name(by: &ByName, callers: &AppCallers, call: &Call, order: Ship) -> Result<(), OrderError> {
    by.0.send_as(callers, call.claims(), "shipments", &order).await.map_err(OrderError::NotHandedOn)
}

/// The same over HTTP and behind a queue.
#[pikku::function(scopes = ["orders:ship"])]
async fn ship(call: &Call, user: Session<User>, order: Ship) -> Result<(), Problem> {
    let claims = call.claims().unwrap();
    let scopes: Vec<&str> = claims.scopes().iter().collect();
    SEEN.lock().unwrap().push(format!("{} ships {} {:?} {scopes:?}", user.name, order.id, claims.subject()));
    Ok(())
}

#[pikku::function]
async fn take_note(user: Option<Session<User>>, note: Note) -> Result<(), Problem> {
    let name = user.map_or("nobody".to_owned(), |user| user.0.name);
    SEEN.lock().unwrap().push(format!("{name} notes {}", note.id));
    Ok(())
}

#[derive(Group)]
struct Orders;

fn app() -> App<All> {
    App::new().authenticate::<user>().authenticate::<caller>().group::<Orders>(|g| {
        g.http::<place>(post("/orders"))
            .http::<place_in_order>(post("/ordered"))
            .http::<place_by_name>(post("/by-name"))
            .http::<note_it>(post("/notes"))
            .http::<ship>(post("/ship"))
            .queue::<ship>("shipments", Wiring::batch(10))
            .queue::<take_note>("notes", Wiring::batch(10))
    })
}

async fn start(keys: &str) -> TestApp {
    TestApp::prepare(app()).variable("CALLER_KEYS", keys).start().await
}

/// What was done since with a name in it, for tests run side by side.
fn seen(name: &str) -> Vec<String> {
    let mut seen = SEEN.lock().unwrap();
    seen.extract_if(.., |line| line.starts_with(name)).collect()
}

/// The message that such an order sends: its body and what was signed.
async fn sent_by(app: &TestApp, user: &str, scopes: &str, id: u64) -> (String, String) {
    let request = app.post("/orders").header("x-user", user).header("x-scopes", scopes).json(&json!({ "id": id }));
    assert_eq!(request.send().await.status(), 204);
    let sent = app.sent::<Ship>().pop().unwrap();
    (serde_json::to_string(&sent.message).unwrap(), sent.attributes[CALLER].clone())
}

fn message(body: &str, token: &str) -> QueueMessage {
    let attribute = MessageAttribute { data_type: "String".to_owned(), value: token.to_owned() };
    QueueMessage {
        body: body.to_owned(),
        message_attributes: BTreeMap::from([(CALLER.to_owned(), attribute)]),
        ..QueueMessage::default()
    }
}

/// The status that a message of a queue ends in, and what the log says of it.
async fn status(app: &TestApp, queue: &str, message: QueueMessage) -> (u16, String) {
    match app.queue_message(queue, message).await {
        Ok(()) => (200, String::new()),
        Err(problem) => {
            let line = app.logged().pop().unwrap();
            assert_eq!(line.code.as_deref(), Some(problem.code()));
            assert!(!problem.to_string().contains("signed"), "private text leaves: {problem}");
            (problem.status().as_u16(), line.detail.unwrap_or_default())
        }
    }
}

async fn refused(app: &TestApp, queue: &str, message: QueueMessage, why: &str) {
    let (status, detail) = status(app, queue, message).await;
    assert_eq!(status, 401);
    assert!(detail.contains(why), "{detail}");
}

fn base64(text: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(text)
}

#[tokio::test]
async fn the_caller_is_the_session_behind_the_queue() {
    let app = start(NEW).await;
    sent_by(&app, "ivy", "orders reports:read", 1).await;
    assert_eq!(app.deliver_enqueued().await, 1);
    assert!(app.failures().is_empty(), "{:?}", app.failures());
    assert_eq!(seen("ivy"), [r#"ivy ships 1 Some("ivy") ["orders", "reports:read"]"#]);
}

#[tokio::test]
async fn scopes_hold_behind_a_queue_as_over_http() {
    let app = start(NEW).await;
    for (scopes, status) in [("orders", 204), ("orders:ship", 204), ("orders:shi", 403), ("reports", 403), ("", 403)] {
        let request = app.post("/ship").header("x-user", "ben").header("x-scopes", scopes).json(&json!({"id": 2}));
        assert_eq!(request.send().await.status(), status, "{scopes}");
        let (body, token) = sent_by(&app, "ben", scopes, 2).await;
        let behind = app.queue_message("shipments", message(&body, &token)).await;
        let behind = behind.map_or_else(|problem| problem.status().as_u16(), |()| 204);
        assert_eq!(behind, status, "{scopes}");
    }
    let over_both = seen("ben");
    assert_eq!(over_both.len(), 4);
    assert_eq!((&over_both[0], &over_both[2]), (&over_both[1], &over_both[3]));
}

#[tokio::test]
async fn a_read_only_session_stays_read_only() {
    let app = start(NEW).await;
    let request = app.post("/notes").header("x-user", "cleo").header("x-read-only", "1").json(&json!({"id": 3}));
    // What sends is not marked `read_only`.
    assert_eq!(request.send().await.status(), 403);
    let callers = Callers::new(CallerKeys::parse(NEW).unwrap());
    let claims = Claims::new(json!({"name": "cleo"})).read_only();
    let token = callers.sign(&claims, &OutgoingMessage::new("notes", "{\"id\":3}"), NOW_MS).unwrap();
    let problem = app.queue_message("notes", message("{\"id\":3}", &token)).await.unwrap_err();
    assert_eq!(problem.code(), "read_only_session");
}

#[tokio::test]
async fn a_public_function_that_sends_has_its_caller_looked_for() {
    let app = start(NEW).await;
    app.post("/notes").header("x-user", "dora").json(&json!({"id": 4})).send().await;
    assert!(app.sent::<Note>()[0].attributes.contains_key(CALLER));
    assert_eq!(app.post("/notes").json(&json!({"id": 5})).send().await.status(), 204);
    assert!(app.sent::<Note>()[1].attributes.is_empty());
    app.deliver_enqueued().await;
    assert_eq!(seen("dora"), ["dora notes 4"]);
    assert_eq!(seen("nobody notes 5").len(), 1);
}

#[tokio::test]
async fn messages_in_order_are_bound_to_their_group_and_id() {
    let app = start(NEW).await;
    let request = app.post("/ordered").header("x-user", "eve").header("x-scopes", "orders").json(&json!({"id": 6}));
    assert_eq!(request.send().await.status(), 204);
    let sent = app.sent::<Ship>();
    let as_sent = |index: usize| QueueMessage {
        group_id: Some("g".to_owned()),
        deduplication_id: sent[index].deduplication_id.clone(),
        ..message(&serde_json::to_string(&sent[index].message).unwrap(), &sent[index].attributes[CALLER])
    };
    refused(&app, "shipments", QueueMessage { group_id: Some("h".to_owned()), ..as_sent(0) }, "another group").await;
    refused(&app, "shipments", QueueMessage { group_id: None, ..as_sent(0) }, "another group").await;
    let other_id = QueueMessage { deduplication_id: Some("d2".to_owned()), ..as_sent(0) };
    refused(&app, "shipments", other_id, "another deduplication id").await;
    // A queue that does not tell the id, and what was signed for one of two is not good for the other.
    assert_eq!(status(&app, "shipments", QueueMessage { deduplication_id: None, ..as_sent(0) }).await.0, 200);
    let swapped = QueueMessage { message_attributes: as_sent(1).message_attributes, ..as_sent(0) };
    refused(&app, "shipments", swapped, "another body").await;
    assert_eq!(app.deliver_enqueued().await, 2);
    assert_eq!(app.failures().len(), 4);
    assert_eq!(seen("eve").len(), 3);
}

#[tokio::test]
async fn a_message_moved_to_another_queue_is_refused() {
    let app = start(NEW).await;
    let (body, token) = sent_by(&app, "ada", "orders", 7).await;
    refused(&app, "notes", message(&body, &token), "for another queue than `notes`").await;
}

#[tokio::test]
async fn a_changed_payload_is_refused() {
    let app = start(NEW).await;
    let (body, token) = sent_by(&app, "ada", "orders", 8).await;
    for body in ["{\"id\":9}", "{\"id\": 8}", "{\"id\":8} ", ""] {
        refused(&app, "shipments", message(body, &token), "for another body").await;
    }
    let octets = QueueMessage { octets: Some("{\"id\":9}".into()), ..message(&body, &token) };
    refused(&app, "shipments", octets, "for another body").await;
}

#[tokio::test]
async fn what_the_sender_of_sqs_spells_out_is_the_same_payload() {
    let callers = Callers::new(CallerKeys::parse(NEW).unwrap());
    let claims = Claims::new(json!({"name": "ada"}));
    let sent = "\"\u{ffff} \u{fffe} \u{fffd}\u{1f980}\"";
    let token = callers.sign(&claims, &OutgoingMessage::new("q", sent), NOW_MS).unwrap();
    let arrived = "\"\\uffff \\ufffe \u{fffd}\u{1f980}\"";
    for body in [sent, arrived] {
        let message = QueueMessage { queue: "q".to_owned(), body: body.to_owned(), ..QueueMessage::default() };
        callers.verify(&token, &message, NOW_MS).unwrap();
    }
    let message = QueueMessage { queue: "q".to_owned(), body: "\"\\uffff\"".to_owned(), ..QueueMessage::default() };
    callers.verify(&token, &message, NOW_MS).unwrap_err();
}

#[tokio::test]
async fn a_replay_to_an_app_with_another_key_is_refused() {
    let (body, token) = sent_by(&start(OLD).await, "ada", "orders", 10).await;
    refused(&start(NEW).await, "shipments", message(&body, &token), "by no key that is known").await;
    // Nor does the same secret sign as it is: the key is derived for this purpose.
    let claims = json!({"aud": "shipments", "exp": NOW_MS / 1_000 + 60, "iat": 0, "body": "", "session": {}});
    let header = Header { typ: Some("pikku-caller+jwt".to_owned()), ..Header::new(Algorithm::HS256) };
    let token = encode(&header, &claims, &EncodingKey::from_secret(NEW.as_bytes())).unwrap();
    refused(&start(NEW).await, "shipments", message(&body, &token), "by no key that is known").await;
}

#[tokio::test]
async fn a_token_of_no_algorithm_or_another_is_refused() {
    let app = start(NEW).await;
    let (body, token) = sent_by(&app, "ada", "orders", 11).await;
    let [_, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    for header in [
        r#"{"alg":"none","typ":"pikku-caller+jwt"}"#,
        r#"{"alg":"None","typ":"pikku-caller+jwt"}"#,
        r#"{"alg":"HS512","typ":"pikku-caller+jwt"}"#,
        r#"{"alg":"RS256","typ":"pikku-caller+jwt"}"#,
        r#"{"typ":"pikku-caller+jwt"}"#,
        r#"{"alg":"HS256","typ":"pikku-caller+jwt","crit":["x"]}"#,
        "",
    ] {
        for signature in [signature, ""] {
            let forged = format!("{}.{claims}.{signature}", base64(header));
            refused(&app, "shipments", message(&body, &forged), "the signed caller ").await;
        }
    }
    for forged in [String::new(), ".".to_owned(), "..".to_owned(), format!("{token}."), token.replace('.', "")] {
        refused(&app, "shipments", message(&body, &forged), "the signed caller ").await;
    }
    assert_eq!(status(&app, "shipments", message(&body, &token)).await.0, 200);
}

#[tokio::test]
async fn a_token_of_another_type_is_refused() {
    // Signed by the very key, which only a change of this app could do.
    let callers = Callers::new(CallerKeys::parse(NEW).unwrap());
    let token = callers.sign(&Claims::default(), &OutgoingMessage::new("q", ""), NOW_MS).unwrap();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::HS256, Some("pikku-caller+jwt")));
    let bearer = pikku_auth::jwt::Tokens::of(pikku_auth::jwt::Key::hmac(NEW.as_bytes()).unwrap(), "i", "q");
    assert!(bearer.verify(&token, NOW_MS).await.is_err(), "nor is it a bearer token");
}

#[tokio::test]
async fn what_is_signed_is_a_json_web_token_as_others_read_it() {
    let claims = Claims::new(json!({"name": "ada"})).with_subject("u1").with_scopes(Scopes::parse("a b:c")).read_only();
    let callers = Callers::new(CallerKeys::new(NEW.as_bytes()).unwrap());
    let mut message = OutgoingMessage::new("q", "{}");
    (message.group, message.deduplication_id) = (Some("g"), Some("d"));
    let token = callers.sign(&claims, &message, NOW_MS).unwrap();
    let mut key = [0; 32];
    hkdf::Hkdf::<sha2::Sha256>::new(None, NEW.as_bytes()).expand(b"pikku message callers 1", &mut key).unwrap();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&["q"]);
    validation.validate_exp = false;
    let decoded = decode::<Value>(&token, &DecodingKey::from_secret(&key), &validation).unwrap();
    let now = NOW_MS / 1_000;
    let said = json!({
        "aud": "q", "iat": now, "exp": now + 14 * 86_400, "body": "RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o",
        "group": "g", "dedup": "d", "sub": "u1", "scope": "a b:c", "read_only": true, "session": {"name": "ada"},
    });
    assert_eq!(decoded.claims, said);
    // And what another has signed with the key is read.
    let header = Header { typ: Some("pikku-caller+jwt".to_owned()), ..Header::new(Algorithm::HS256) };
    let token = encode(&header, &said, &EncodingKey::from_secret(&key)).unwrap();
    let arrived = QueueMessage {
        queue: "q".to_owned(),
        body: "{}".to_owned(),
        group_id: Some("g".to_owned()),
        ..QueueMessage::default()
    };
    assert!(callers.verify(&token, &arrived, NOW_MS).unwrap() == claims);
}

#[tokio::test]
async fn what_has_expired_is_refused_and_retries_are_outlived() {
    let app = start(NEW).await;
    let (body, token) = sent_by(&app, "ada", "orders", 12).await;
    app.set_now_ms(NOW_MS + 14 * DAY_MS);
    assert_eq!(status(&app, "shipments", message(&body, &token)).await.0, 200);
    app.set_now_ms(NOW_MS + 14 * DAY_MS + 30_000);
    refused(&app, "shipments", message(&body, &token), "has expired").await;
    app.set_now_ms(NOW_MS - 60_000);
    refused(&app, "shipments", message(&body, &token), "in the future").await;

    let callers = Callers::new(CallerKeys::parse(NEW).unwrap()).lifetime(Duration::from_secs(60));
    let late = |delay| {
        let mut message = OutgoingMessage::new("q", "");
        message.delay = Duration::from_secs(delay);
        message
    };
    let arrived = QueueMessage { queue: "q".to_owned(), ..QueueMessage::default() };
    let token = callers.sign(&Claims::default(), &late(0), NOW_MS).unwrap();
    assert!(callers.verify(&token, &arrived, NOW_MS + 89_000).is_ok());
    assert!(callers.verify(&token, &arrived, NOW_MS + 90_000).is_err());
    let token = callers.sign(&Claims::default(), &late(3_600), NOW_MS).unwrap();
    assert!(callers.verify(&token, &arrived, NOW_MS + 3_689_000).is_ok());
}

#[tokio::test]
async fn a_rotated_key_verifies_until_it_is_taken_away() {
    let (body, by_old) = sent_by(&start(OLD).await, "ada", "orders", 13).await;
    let rotating = start(&format!("{NEW},{OLD}")).await;
    assert_eq!(status(&rotating, "shipments", message(&body, &by_old)).await.0, 200);
    let (_, by_new) = sent_by(&rotating, "ada", "orders", 13).await;
    assert_eq!(status(&start(NEW).await, "shipments", message(&body, &by_new)).await.0, 200);
    refused(&start(OLD).await, "shipments", message(&body, &by_new), "by no key").await;
    refused(&start(NEW).await, "shipments", message(&body, &by_old), "by no key").await;
    assert_eq!(CallerKeys::parse(" ,").unwrap_err(), CallerKeyError::None);
    assert_eq!(CallerKeys::new(&[7; 31]).unwrap_err(), CallerKeyError::TooShort);
    assert_eq!(CallerKeys::parse(&[NEW; 9].join(" ")).unwrap_err(), CallerKeyError::TooMany);
    assert_eq!(format!("{:?}", CallerKeys::parse(OLD).unwrap()), "CallerKeys(1 keys)");
}

#[tokio::test]
async fn an_oversized_session_is_not_sent_and_an_oversized_token_not_read() {
    let callers = Callers::new(CallerKeys::parse(NEW).unwrap());
    let claims = |octets| Claims::new(Value::String("x".repeat(octets)));
    let message_of = OutgoingMessage::new("shipments", "{\"id\":1}");
    assert!(callers.sign(&claims(2_600), &message_of, NOW_MS).unwrap().len() <= 4_096);
    let error = callers.sign(&claims(3_000), &message_of, NOW_MS).unwrap_err().to_string();
    assert!(error.contains("keep what is large in a store"), "{error}");

    let app = start(NEW).await;
    let request = app.post("/orders").header("x-user", &"x".repeat(3_000)).json(&json!({"id": 1}));
    assert_eq!(request.send().await.status(), 503);
    assert!(app.sent::<Ship>().is_empty(), "it is not sent without its caller");
    let token = "x".repeat(4_097);
    refused(&app, "shipments", message("{\"id\":1}", &token), "is too long").await;
}

#[tokio::test]
async fn a_stripped_caller_is_no_session_and_refused_where_one_is_required() {
    let app = start(NEW).await;
    let (body, _) = sent_by(&app, "ada", "orders", 14).await;
    let bare = || QueueMessage { body: body.clone(), ..QueueMessage::default() };
    let problem = app.queue_message("shipments", bare()).await.unwrap_err();
    assert_eq!((problem.status().as_u16(), problem.code()), (401, "unauthenticated"));
    // A function that would do without a session.
    assert_eq!(status(&app, "notes", bare()).await.0, 200);
    assert_eq!(seen("nobody notes 14").len(), 1);
    let app = TestApp::prepare(self::app()).variable("CALLER_KEYS", NEW).variable("REQUIRED", "1").start().await;
    refused(&app, "notes", bare(), "is not there").await;
    assert_eq!(seen("nobody notes 14").len(), 0);
}

#[tokio::test]
async fn a_request_cannot_smuggle_a_caller() {
    let app = start(NEW).await;
    let (body, token) = sent_by(&app, "ada", "orders", 15).await;
    for (name, value) in [
        (CALLER, token.clone()),
        ("x-pikku-caller", token.clone()),
        ("authorization", format!("Bearer {token}")),
        ("cookie", format!("{CALLER}={token}")),
    ] {
        let request = app.request(Method::POST, "/ship").header(name, &value).body("application/json", body.clone());
        let answer = request.send().await;
        assert_eq!(answer.status(), 401, "{name}");
        // Only what a client can send is asked for.
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test]
async fn a_singleton_says_whose_message_it_is() {
    let app = start(NEW).await;
    let request = app.post("/by-name").header("x-user", "flo").header("x-scopes", "orders").json(&json!({"id": 16}));
    assert_eq!(request.send().await.status(), 204);
    assert_eq!(app.deliver_enqueued().await, 1);
    assert_eq!(seen("flo"), [r#"flo ships 16 Some("flo") ["orders"]"#]);
}

#[tokio::test]
async fn a_direct_call_has_no_caller_but_who_calls_it() {
    let app = start(NEW).await;
    let problem = app.call::<Value>("ship", &json!({"id": 17})).await.unwrap_err();
    assert_eq!(problem.status().as_u16(), 401);
    let claims = Claims::new(json!({"name": "gus"})).with_scopes(Scopes::parse("orders"));
    let app = TestApp::prepare(self::app()).variable("CALLER_KEYS", NEW).claims(claims).start().await;
    app.call::<Value>("ship", &json!({"id": 17})).await.unwrap();
    app.call::<Value>("place", &json!({"id": 18})).await.unwrap();
    assert!(app.sent::<Ship>()[0].attributes.contains_key(CALLER));
    assert_eq!(seen("gus").len(), 1);
}

#[pikku::authenticator]
async fn telling(notes: &Queue<Note>) -> Result<Option<Claims>, AuthError> {
    notes.send(&Note { id: 0 }).await.map_err(|error| AuthError::unavailable(error.to_string()))?;
    Ok(None)
}

#[tokio::test]
async fn an_authenticator_cannot_send_as_a_caller_that_it_has_yet_to_find() {
    let app = app().authenticate::<telling>();
    let error = TestApp::prepare(app).variable("CALLER_KEYS", NEW).try_start().await.unwrap_err();
    assert!(matches!(error, StartError::SignsTooEarly { source: "telling" }), "{error}");
}

/// A platform whose queues have no attributes.
#[derive(Debug, Default)]
struct Bare(Mutex<Vec<String>>);

impl Platform for Bare {
    fn now_ms(&self) -> u64 {
        NOW_MS
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(pending())
    }

    fn env(&self, name: &str) -> Option<String> {
        (name == "CALLER_KEYS").then(|| NEW.to_owned())
    }

    fn send<'a>(&'a self, message: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        assert!(message.attributes.iter().all(|(name, _)| *name != CALLER));
        self.0.lock().unwrap().push(message.body.to_owned());
        Box::pin(ready(Ok(())))
    }

    fn has_attributes(&self, _: &str) -> bool {
        false
    }

    fn log(&self, _: &LogLine<'_>) {}
}

#[tokio::test]
async fn where_messages_have_no_attributes_the_caller_stands_above_the_body() {
    let platform = Arc::new(Bare::default());
    let engine = Engine::start(app(), Arc::clone(&platform) as Arc<dyn Platform>).await.unwrap();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let placed = |user: Option<&str>, path: &str, body: &'static str| {
        let mut request = pikku::http::HttpRequest::new(Method::POST, path);
        for (name, value) in [
            ("x-user", user),
            ("x-scopes", Some("orders")),
            ("content-type", Some("application/json")),
            ("traceparent", Some(trace)),
            ("tracestate", Some("a=1")),
        ] {
            if let Some(value) = value {
                request.headers.append(name, value.as_bytes()).unwrap();
            }
        }
        request.body = pikku::Bytes::from(body);
        let context = Context { trace: Some(trace.to_owned()), ..Context::default() };
        engine.http(request, context)
    };
    assert_eq!(placed(Some("hal"), "/orders", "{\"id\":19}").await.status.as_u16(), 204);
    assert_eq!(placed(Some("hal"), "/ordered", "{\"id\":20}").await.status.as_u16(), 204);
    assert_eq!(placed(None, "/notes", "{\"id\":22}").await.status.as_u16(), 204);
    let sent = std::mem::take(&mut *platform.0.lock().unwrap());
    assert!(sent[0].starts_with("pikku-message: 1\npikku-caller: eyJ"), "{}", sent[0]);
    assert!(sent[0].ends_with(&format!("\ntraceparent: {trace}\ntracestate: a=1\n\n{{\"id\":19}}")), "{}", sent[0]);
    assert_eq!(sent[3], "{\"id\":22}", "without a caller it is as it is");

    let deliver = |queue: &'static str, body: String, group: Option<&str>| {
        let group_id = group.map(str::to_owned);
        let message = QueueMessage { queue: queue.to_owned(), body, group_id, ..QueueMessage::default() };
        let target = engine.target(&Arrival::Queue(queue)).unwrap();
        engine.deliver(target, message.into(), Context::default())
    };
    deliver("shipments", sent[0].clone(), None).await.unwrap();
    deliver("shipments", sent[1].clone(), Some("g")).await.unwrap();
    deliver("shipments", sent[2].clone(), Some("g")).await.unwrap();
    assert_eq!(seen("hal").len(), 3);
    // What is below it is what was signed.
    let changed = sent[0].replace("19}", "99}");
    assert_eq!(deliver("shipments", changed, None).await.unwrap_err().status().as_u16(), 401);
    let stripped = sent[0].split_once("\n\n").unwrap().1.to_owned();
    assert_eq!(deliver("shipments", stripped, None).await.unwrap_err().code(), "unauthenticated");
    assert_eq!(deliver("notes", sent[0].clone(), None).await.unwrap_err().status().as_u16(), 401);
}
