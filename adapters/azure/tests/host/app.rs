//! An app that shows what it is called with. Calls other than HTTP note a line of JSON in the file that `JOURNAL` names.

use futures_core::Stream as ByteStream;
use pikku::{
    All, App, Body, BoxError, Bucket, Bytes, Call, EventPattern, Need, Problem, Queue, Response, Selection, Stream,
    Topic,
    http::{HeaderName, HeaderValue, StatusCode, any, get, post},
    service::Env,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    io::Write,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::sleep;

/// The file that calls are noted in.
pub(crate) struct Journal(Option<String>);

#[pikku::service(needs = [Need::Variable("JOURNAL")], close = close_journal)]
async fn journal(env: &Env) -> Result<Journal, BoxError> {
    if let Some(ms) = env.get("SLOW_MS").and_then(|ms| ms.parse().ok()) {
        sleep(Duration::from_millis(ms)).await;
    }
    if let Some(reason) = env.get("FAILS") {
        return Err(reason.into());
    }
    assert!(env.get("PANICS").is_none(), "the constructor panics");
    Ok(Journal(env.get("JOURNAL")))
}

async fn close_journal(journal: &Journal) {
    journal.note(&json!("closed"));
}

impl Journal {
    fn note(&self, what: &Value) {
        let Some(path) = &self.0 else { return };
        let mut file = std::fs::File::options().create(true).append(true).open(path).expect("the journal");
        writeln!(file, "{what}").expect("a line of the journal");
    }
}

/// What a call is told beside its input.
fn of_call(call: &Call) -> Value {
    let origin = call.origin().map(|origin| [origin.service, &origin.function, &origin.binding]);
    json!({"function": call.function(), "id": call.id(), "trace": call.trace(), "origin": origin})
}

/// Shows a request.
#[pikku::function(public)]
async fn show(call: &Call, journal: &Journal) -> Result<Value, Problem> {
    let Some(request) = call.http() else { return Err(Problem::malformed("it is no request")) };
    journal.note(&json!("shown"));
    let headers: Vec<(&str, String)> =
        request.headers.iter().map(|(name, value)| (name, String::from_utf8_lossy(value).into_owned())).collect();
    Ok(json!({
        "call": of_call(call),
        "method": request.method.as_str(),
        "segments": request.path.segments().collect::<Vec<_>>(),
        "query": request.query,
        "headers": headers,
        "cookies": request.cookies,
        "client_ip": request.client_ip.as_deref(),
        "identity": call.platform_identity().map(|identity| json!([identity.issuer, identity.claims()])),
        "body": request.body.to_vec(),
        "left_ms": call.remaining().map(|left| left.as_millis() as u64),
    }))
}

/// Sends the body back.
#[pikku::function(public)]
async fn mirror(call: &Call, _journal: &Journal) -> Result<Response, Problem> {
    let body = call.http().map(|request| request.body.clone()).unwrap_or_default();
    let cookie = |value: &'static str| (HeaderName::from_static("set-cookie"), HeaderValue::from_static(value));
    let ((name, one), (_, two)) = (cookie("a=1"), cookie("b=2"));
    Ok(Response::new(StatusCode::ACCEPTED)
        .with_body("text/plain", body)
        .with_header(name.clone(), one)
        .with_header(name, two)
        .with_header(HeaderName::from_static("x-kept"), HeaderValue::from_static("test")))
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Slow {
    ms: u64,
}

/// Answers in pieces, each so long after the one before.
#[pikku::function(public)]
async fn drip(input: Slow, _journal: &Journal) -> Result<Response, Problem> {
    let drops = Drops { left: 3, pause: Duration::from_millis(input.ms), next: None };
    Ok(Response::new(StatusCode::OK).with_body("text/event-stream", Body::stream(drops)))
}

struct Drops {
    left: u32,
    pause: Duration,
    next: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl ByteStream for Drops {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let pause = self.pause;
        let next = self.next.get_or_insert_with(|| Box::pin(sleep(pause)));
        std::task::ready!(next.as_mut().poll(context));
        self.next = None;
        self.left -= 1;
        Poll::Ready(Some(Ok(format!("data: {}\n\n", self.left).into())))
    }
}

/// Takes its time, and notes when it has begun, when it has ended, and when the work after its answer is done.
#[pikku::function(public)]
async fn linger(call: &Call, input: Slow, journal: &Journal) -> Result<String, Problem> {
    journal.note(&json!("begun"));
    sleep(Duration::from_millis(input.ms)).await;
    journal.note(&json!("ended"));
    let path = journal.0.clone();
    call.after_answer(pikku::edge(async move {
        sleep(Duration::from_millis(50)).await;
        Journal(path).note(&json!("after"));
    }));
    Ok("done".to_owned())
}

/// Panics.
#[pikku::function(public)]
async fn burst(_journal: &Journal) -> Result<(), Problem> {
    panic!("it bursts");
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Order {
    id: String,
    #[serde(default)]
    fails: u32,
    #[serde(default)]
    ms: u64,
}

/// Takes an order; one that says so fails the first so many times.
#[pikku::function]
async fn take_order(call: &Call, input: Order, journal: &Journal) -> Result<String, Problem> {
    let Some(message) = call.queue() else { return Err(Problem::malformed("it is no message")) };
    journal.note(&json!({
        "call": of_call(call),
        "order": input.id,
        "queue": message.queue,
        "id": message.id,
        "body": message.body,
        "receive_count": message.receive_count,
        "sent_at_ms": message.sent_at_ms.is_some(),
        "group_id": message.group_id,
        "sequence_number": message.sequence_number,
        "attributes": message.attributes,
        "properties": message.message_attributes.iter().map(|(name, value)| (name, &value.value)).collect::<Vec<_>>(),
    }));
    sleep(Duration::from_millis(input.ms)).await;
    if input.id == "panic" {
        panic!("the order bursts");
    }
    if message.receive_count <= input.fails {
        return Err(Problem::internal("the order cannot be taken"));
    }
    Ok(input.id)
}

/// Shows a message of a topic.
#[pikku::function]
async fn hear(call: &Call, journal: &Journal) -> Result<(), Problem> {
    let Some(message) = call.topic() else { return Err(Problem::malformed("it is no message")) };
    let message =
        json!({"topic": message.topic, "id": message.id, "subject": message.subject, "message": message.message});
    journal.note(&json!({"call": of_call(call), "topic": message}));
    Ok(())
}

fn run_of(call: &Call, journal: &Journal) -> Result<(), Problem> {
    let Some(run) = call.schedule() else { return Err(Problem::malformed("it is no run")) };
    journal.note(&json!({
        "call": of_call(call),
        "schedule": run.schedule,
        "origin": run.origin,
        "past_due": run.past_due,
        "time": run.time,
        "time_ms": run.time_ms,
        "last": run.last,
        "next": run.next,
        "begun": run.begun,
    }));
    Ok(())
}

/// Runs every night.
#[pikku::function]
async fn nightly(call: &Call, journal: &Journal) -> Result<(), Problem> {
    run_of(call, journal)
}

/// Runs every hour.
#[pikku::function]
async fn hourly(call: &Call, journal: &Journal) -> Result<(), Problem> {
    run_of(call, journal)
}

/// Shows an event.
#[pikku::function]
async fn on_event(call: &Call, input: Value, journal: &Journal) -> Result<(), Problem> {
    let Some(event) = call.event() else { return Err(Problem::malformed("it is no event")) };
    journal.note(&json!({
        "call": of_call(call),
        "source": event.source,
        "type": event.detail_type,
        "id": event.id,
        "time": event.time,
        "subject": event.subject,
        "schema": event.schema,
        "resources": event.resources,
        "account": event.account,
        "detail": input,
    }));
    Ok(())
}

/// Shows a record.
#[pikku::function]
async fn on_click(call: &Call, input: Value, journal: &Journal) -> Result<(), Problem> {
    let Some(record) = call.stream() else { return Err(Problem::malformed("it is no record")) };
    journal.note(&json!({
        "call": of_call(call),
        "stream": record.stream,
        "key": record.partition_key,
        "sequence_number": record.sequence_number,
        "id": record.id,
        "arrived": record.arrived_at_s.is_some(),
        "data": input,
    }));
    if input == json!("poison") { Err(Problem::internal("the record cannot be taken")) } else { Ok(()) }
}

/// Shows an object.
#[pikku::function]
async fn on_upload(call: &Call, journal: &Journal) -> Result<(), Problem> {
    let Some(object) = call.object() else { return Err(Problem::malformed("it is no object")) };
    let shown = json!({
        "bucket": object.bucket,
        "key": object.key,
        "key_as_delivered": object.key_as_delivered,
        "event": object.event,
        "size": object.size,
        "etag": object.etag,
        "sequencer": object.sequencer,
    });
    journal.note(&json!({"call": of_call(call), "object": shown}));
    Ok(())
}

#[derive(pikku::Group)]
struct Shop;

/// The app of the tests.
pub(crate) fn app() -> App<All> {
    wired()
}

fn wired<S: Selection>() -> App<S> {
    App::new().group::<Shop>(|g| {
        g.http::<show>(any("/"))
            .http::<show>(any("/show/{*path}"))
            .http::<mirror>(post("/mirror"))
            .http::<drip>(get("/drip"))
            .http::<linger>(post("/linger"))
            .http::<burst>(post("/burst"))
            .queue::<take_order>("orders", Queue::batch(1))
            .event::<hear>(Topic::new("prices"))
            .cron::<nightly>("0 3 * * *")
            .cron::<hourly>("0 * * * *")
            .event::<on_event>(EventPattern::source("shop").detail_type("Placed"))
            .event::<on_click>(Stream::new("clicks"))
            .event::<on_upload>(Bucket::new("uploads"))
    })
}
