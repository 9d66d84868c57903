//! Who caused a message arrives as it was signed, whatever keeps the message.

use crate::server::{Moto, Nats, Postgres};
use pikku::{
    Claims, Scopes,
    call::{CALLER, MessageAttribute, QueueMessage},
    platform::OutgoingMessage,
};
use pikku_auth::message::{CallerKeys, Callers};
use pikku_engines::{
    Body, Delivery, NatsEngine, NatsSettings, NewMessage, OutboxRelay, PostgresEngine, PostgresOutbox,
    PostgresSettings, QueueEngine, QueueSpec, Settlement, SqliteEngine, SqliteOutbox, SqsEngine, SystemClock,
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

const QUEUE: &str = "callers";
const BODY: &str = "{\"id\":7,\"text\":\"zwölf \u{ffff} 🦀\"}";
const PATIENCE: Duration = Duration::from_secs(30);

fn callers() -> Callers {
    Callers::new(CallerKeys::new(b"the secret of an app that sends to itself").expect("a key"))
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_millis() as u64
}

/// A session that fills what a message can carry.
fn caller() -> Claims {
    let claims = Claims::new(serde_json::json!({ "name": "Ada 二".repeat(350) })).with_subject("u1");
    claims.with_scopes(Scopes::parse("orders reports:read"))
}

fn signed() -> NewMessage {
    let token = callers().sign(&caller(), &OutgoingMessage::new(QUEUE, BODY), now_ms()).expect("a signature");
    assert!((3_000..=4_096).contains(&token.len()), "{}", token.len());
    NewMessage::new(QUEUE, BODY).attribute(CALLER, token).attribute("traceparent", "00-1-2-3")
}

/// Whose message a delivery is, as the server's runtime is told of it.
fn verified(delivery: &Delivery) -> Result<Claims, pikku::AuthError> {
    let Body::Text(body) = &delivery.body else { panic!("a text was sent") };
    let attribute = |(name, value): (&String, &String)| {
        (name.clone(), MessageAttribute { data_type: "String".to_owned(), value: value.clone() })
    };
    let message = QueueMessage {
        queue: delivery.queue.clone(),
        body: body.clone(),
        group_id: delivery.group.clone(),
        message_attributes: delivery.attributes.iter().map(attribute).collect(),
        ..QueueMessage::default()
    };
    callers().verify(&message.message_attributes[CALLER].value, &message, now_ms())
}

async fn take(engine: &dyn QueueEngine) -> Delivery {
    let mut deliveries = engine.receive(QUEUE, 1, PATIENCE).await.expect("deliveries");
    let delivery = deliveries.pop().expect("a message");
    engine.settle(QUEUE, &[Settlement::done(&delivery.receipt)]).await.expect("it is settled");
    delivery
}

async fn arrives(engine: &dyn QueueEngine) {
    engine.declare(&[QueueSpec::new(QUEUE)]).await.expect("a queue");
    engine.enqueue(&[signed()]).await.expect("it is taken");
    let delivery = take(engine).await;
    let claims = verified(&delivery).expect("it is whose it was");
    assert!(claims == caller(), "{claims:?}");
    // The same caller on another message.
    let stolen = NewMessage { attributes: signed().attributes, ..NewMessage::new(QUEUE, "{\"id\":8}") };
    engine.enqueue(&[stolen]).await.expect("it is taken");
    let refused = verified(&take(engine).await).expect_err("it is not");
    assert_eq!(refused.into_problem("").status().as_u16(), 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_sqlite_and_its_outbox() {
    let dir = TempDir::new().expect("a folder");
    let engine = Arc::new(SqliteEngine::open(dir.path().join("queues.db")).expect("an engine"));
    arrives(&*engine).await;
    let file = dir.path().join("app.db");
    let mut app = rusqlite::Connection::open(&file).expect("the app's database");
    SqliteOutbox::create(&app).expect("a table");
    let outbox = SqliteOutbox::open(&file).expect("an outbox");
    let transaction = app.transaction().expect("a transaction");
    SqliteOutbox::add(&transaction, &signed()).expect("a message");
    transaction.commit().expect("it is committed");
    let relay = OutboxRelay::new(Arc::new(outbox), engine.clone(), Arc::new(SystemClock));
    assert_eq!(relay.step().await.expect("it is moved").sent, 1);
    assert!(verified(&take(&*engine).await).expect("it is whose it was") == caller());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_postgres_and_its_outbox() {
    let Some(server) = Postgres::start() else { return };
    let settings = || PostgresSettings { patience: PATIENCE, ..PostgresSettings::default() };
    let engine = Arc::new(PostgresEngine::open_with(&server.url(), settings()).await.expect("an engine"));
    arrives(&*engine).await;
    let outbox = PostgresOutbox::open_with(&server.url(), settings()).await.expect("an outbox");
    let (mut app, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.expect("a client");
    tokio::spawn(connection);
    PostgresOutbox::create(&mut app).await.expect("a table");
    let transaction = app.transaction().await.expect("a transaction");
    PostgresOutbox::add(&transaction, &signed()).await.expect("a message");
    transaction.commit().await.expect("it is committed");
    let relay = OutboxRelay::new(Arc::new(outbox), engine.clone(), Arc::new(SystemClock));
    assert_eq!(relay.step().await.expect("it is moved").sent, 1);
    assert!(verified(&take(&*engine).await).expect("it is whose it was") == caller());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_nats() {
    let Some(server) = Nats::start() else { return };
    let settings = NatsSettings { patience: PATIENCE, ..NatsSettings::default() };
    arrives(&NatsEngine::open_with(&server.url(), settings).await.expect("an engine")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_sqs() {
    let Some(server) = Moto::start() else { return };
    arrives(&SqsEngine::new(crate::sqs::settings(&server)).expect("an engine")).await;
}
