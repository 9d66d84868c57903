//! Messages that functions send by type: what is asked for, what arrives, what the manifest says.

use pikku::{
    All, App, Call, Problem, Queue as Wiring,
    call::{MessageAttribute, QueueMessage},
    http::{Method, post},
    introspect::manifest_of,
    service::{Queue, SendError},
    testing::{TestApp, TestQueue},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{sync::Mutex, time::Duration};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// What the request said, before the platform went on with a span of its own.
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, pikku::Message)]
#[pikku(queue = "orders-placed")]
struct OrderPlaced {
    id: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, pikku::Message)]
#[pikku(queue = "ledger")]
enum Entry {
    Booked(i64),
}

#[derive(Debug, pikku::Error)]
enum OrderError {
    /// It could not be handed on.
    #[pikku(status = 503, detail = "{0}")]
    NotHandedOn(SendError),
}

#[pikku::function(public)]
async fn place_order(placed: &Queue<OrderPlaced>, ledger: &Queue<Entry>, order: OrderPlaced) -> Result<(), OrderError> {
    placed.send(&order).await.map_err(OrderError::NotHandedOn)?;
    let booked = Entry::Booked(5);
    let draft = ledger.message(&booked).delay(Duration::from_secs(60)).group("a").deduplication_id("1").priority(9);
    draft.send().await.map_err(OrderError::NotHandedOn)
}

/// The trace of a call, and what systems say of it.
type Trace = Option<(String, Option<String>)>;

static TRACES: Mutex<Vec<Trace>> = Mutex::new(Vec::new());

#[pikku::function]
async fn reserve(call: &Call, order: OrderPlaced) -> Result<(), Problem> {
    assert_eq!(call.queue().unwrap().queue, "orders-placed");
    assert_eq!(order.id, 7);
    TRACES.lock().unwrap().push(call.trace().map(|trace| (trace.to_owned(), call.trace_state())));
    Ok(())
}

#[pikku::function]
async fn book(call: &Call, entry: Entry) -> Result<(), Problem> {
    let message = call.queue().unwrap();
    assert_eq!((message.group_id.as_deref(), message.deduplication_id.as_deref()), (Some("a"), Some("1")));
    assert_eq!(entry, Entry::Booked(5));
    Ok(())
}

#[derive(pikku::Group)]
struct Orders;

fn app() -> App<All> {
    App::new().group::<Orders>(|g| {
        g.http::<place_order>(post("/orders"))
            .queue::<reserve>("orders-placed", Wiring::batch(10))
            .queue::<book>("ledger", Wiring::batch(1).fifo())
    })
}

#[tokio::test]
async fn what_is_asked_for_is_sent_along() {
    let app = TestApp::start(app()).await;
    app.call::<Value>("place_order", &json!({"id": 7})).await.unwrap();
    let placed = app.sent::<OrderPlaced>();
    assert_eq!((placed.len(), &placed[0].message, placed[0].delay), (1, &OrderPlaced { id: 7 }, Duration::ZERO));
    assert!(placed[0].attributes.is_empty());
    let [entry] = &app.sent::<Entry>()[..] else { panic!("one entry") };
    assert_eq!((entry.delay, entry.priority), (Duration::from_secs(60), 9));
    assert_eq!((entry.group.as_deref(), entry.deduplication_id.as_deref()), (Some("a"), Some("1")));
    assert_eq!(app.deliver_enqueued().await, 2);
    assert!(app.failures().is_empty(), "{:?}", app.failures());
}

#[tokio::test]
async fn a_trace_goes_on_through_a_queue() {
    use pikku::{call::Context, http::HttpRequest};
    let app = TestApp::start(app()).await;
    let mut request = HttpRequest::new(Method::POST, "/orders");
    request.headers.append("content-type", b"application/json").unwrap();
    for (name, value) in [("traceparent", PARENT), ("tracestate", "a=1,b=2"), ("tracestate", "c=3")] {
        request.headers.append(name, value.as_bytes()).unwrap();
    }
    request.body = br#"{"id":7}"#.as_slice().into();
    let context = Context { id: "1".into(), trace: Some(TRACE.to_owned()), ..Context::default() };
    assert_eq!(app.engine().http(request, context).await.status.as_u16(), 204);
    let sent = &app.sent::<OrderPlaced>()[0].attributes;
    assert_eq!((sent["traceparent"].as_str(), sent["tracestate"].as_str()), (TRACE, "a=1,b=2,c=3"));
    app.deliver_enqueued().await;
    assert!(TRACES.lock().unwrap().contains(&Some((TRACE.to_owned(), Some("a=1,b=2,c=3".to_owned())))));
    // One that carries none has that of its own invocation, which the test harness has not, whatever is said of it.
    let state = MessageAttribute { data_type: "String".to_owned(), value: "a=1".to_owned() };
    let message_attributes = [("tracestate".to_owned(), state)].into();
    let message = QueueMessage { body: r#"{"id":7}"#.to_owned(), message_attributes, ..QueueMessage::default() };
    app.queue_message("orders-placed", message).await.unwrap();
    assert_eq!(TRACES.lock().unwrap().last(), Some(&None));
}

#[tokio::test]
async fn what_is_said_of_another_trace_does_not_go_on() {
    use pikku::{call::Context, http::HttpRequest};
    let app = TestApp::start(app()).await;
    let xray = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    for (parent, trace) in [(Some(PARENT), xray), (Some("none"), TRACE), (None, TRACE)] {
        let mut request = HttpRequest::new(Method::POST, "/orders");
        for (name, value) in
            [("content-type", Some("application/json")), ("traceparent", parent), ("tracestate", Some("a=1"))]
        {
            request.headers.append(name, value.unwrap_or_default().as_bytes()).unwrap();
        }
        request.body = br#"{"id":8}"#.as_slice().into();
        let context = Context { id: "1".into(), trace: Some(trace.to_owned()), ..Context::default() };
        assert_eq!(app.engine().http(request, context).await.status.as_u16(), 204);
    }
    let sent = app.sent::<OrderPlaced>();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|sent| sent.attributes.len() == 1), "{:?}", sent[0].attributes);
}

#[tokio::test]
async fn a_unit_test_makes_its_own_queue() {
    let (placed, ledger) = (TestQueue::<OrderPlaced>::new(), TestQueue::<Entry>::new());
    place_order(&placed, &ledger, OrderPlaced { id: 1 }).await.unwrap();
    assert_eq!(placed.sent()[0].message, OrderPlaced { id: 1 });
    assert_eq!(ledger.sent()[0].group.as_deref(), Some("a"));
    let more = [OrderPlaced { id: 2 }, OrderPlaced { id: 3 }];
    placed.send_all(&more).await.unwrap();
    placed.send_drafts(more.iter().map(|order| placed.message(order).group("g"))).await.unwrap();
    let sent = placed.sent();
    assert_eq!(sent.iter().map(|sent| sent.message.id).collect::<Vec<_>>(), [1, 2, 3, 2, 3]);
    assert!(sent[3..].iter().all(|sent| sent.group.as_deref() == Some("g")));
}

#[test]
fn asking_for_a_queue_grants_it() {
    let manifest = serde_json::to_value(manifest_of(app())).unwrap();
    let services = manifest["services"].as_array().unwrap();
    let placed = services.iter().find(|service| service["name"] == "Queue<OrderPlaced>").unwrap();
    assert_eq!(placed["lifetime"], "per_call");
    assert_eq!(placed["needs"], json!([{"action": "send_to_queue", "name": "orders-placed"}]));
    assert_eq!(placed["message"]["properties"]["id"]["type"], "integer");
    assert!(placed["type_name"].as_str().unwrap().ends_with("Queue<sending::OrderPlaced>"), "{placed}");
    let function = manifest["functions"].as_array().unwrap().iter().find(|f| f["name"] == "place_order").unwrap();
    assert_eq!(function["services"], json!(["Queue<OrderPlaced>", "Queue<Entry>"]));
}
