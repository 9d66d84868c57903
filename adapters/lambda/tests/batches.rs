//! Batches and events: each record its own call, each failure its own.

use pikku::{
    App, Bucket, Call, Cron, EventPattern, Group, Problem, Queue, Selection, StatusCode, Stream, Table, Topic,
    testing::TestApp,
};
use serde_json::{Value, json};
use std::sync::Mutex;

/// What was seen.
#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

#[pikku::service]
fn seen() -> Seen {
    Seen::default()
}

/// Notes its input and fails where that says so.
#[pikku::function]
async fn note(seen: &Seen, call: &Call, input: Value) -> Result<(), Problem> {
    seen.0.lock().unwrap().push(format!("{}: {input}", call.id()));
    if input["fail"] == true || input.to_string().contains("fail me") {
        return Err(Problem::new(StatusCode::CONFLICT, "told_to_fail", "it was told to fail"));
    }
    Ok(())
}

/// Shows what was noted.
#[pikku::function]
async fn noted(seen: &Seen) -> Result<Vec<String>, Problem> {
    Ok(std::mem::take(&mut *seen.0.lock().unwrap()))
}

#[derive(Group)]
struct Batches;

fn app<S: Selection>() -> App<S> {
    App::new().group::<Batches>(|g| {
        g.queue::<note>("work", Queue::default())
            .queue::<note>("work.fifo", Queue::default().fifo())
            .event::<note>(Topic::new("news"))
            .event::<note>(Bucket::new("files").created().prefix("in/"))
            .event::<note>(Table::new("orders"))
            .event::<note>(Stream::new("clicks"))
            .event::<note>(EventPattern::source("shop").detail_type("Sold"))
            .cron::<note>(Cron::new("0 3 * * *").named("nightly"))
            .cron::<noted>(Cron::new("0 4 * * *").named("hourly"))
    })
}

struct Running(TestApp);

impl Running {
    async fn start() -> Self {
        // The template hands a bundle the physical names of its sources.
        let names = r#"{"queue:work":"stack-work-1X2Y","cron:nightly":"stack-nightly"}"#;
        Self(TestApp::prepare(app()).variable("PIKKU_SOURCES", names).start().await)
    }

    async fn handle(&self, event: Value) -> Result<Value, String> {
        let context = pikku::call::Context { id: "r1".into(), ..Default::default() };
        let event = serde_json::to_vec(&event).unwrap();
        let answer = pikku_lambda::handle::<pikku::All>(self.0.engine(), &event, context).await;
        answer.map(|answer| serde_json::from_str(&answer).unwrap()).map_err(|error| error.to_string())
    }

    async fn seen(&self) -> Vec<String> {
        self.0.call("noted", &Value::Null).await.unwrap()
    }
}

fn sqs(queue: &str, bodies: &[(&str, &str)]) -> Value {
    let record = |(id, body): &(&str, &str)| {
        json!({
            "messageId": id,
            "body": body,
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:eu-west-1:123456789012:{queue}"),
        })
    };
    json!({ "Records": bodies.iter().map(record).collect::<Vec<_>>() })
}

fn failures(items: &[&str]) -> Value {
    let failure = |item: &&str| json!({ "itemIdentifier": item });
    json!({ "batchItemFailures": items.iter().map(failure).collect::<Vec<_>>() })
}

const FAIL: &str = r#"{"fail":true}"#;

#[tokio::test]
async fn a_failed_message_is_the_only_one_reported() {
    let app = Running::start().await;
    let event = sqs("stack-work-1X2Y", &[("a", "1"), ("b", FAIL), ("c", "no JSON"), ("d", "2")]);
    assert_eq!(app.handle(event).await.unwrap(), failures(&["b", "c"]));
    assert_eq!(app.seen().await, ["r1: 1", "r1: {\"fail\":true}", "r1: 2"]);
    assert_eq!(app.handle(sqs("stack-work-1X2Y", &[("a", "1")])).await.unwrap(), failures(&[]));
}

#[tokio::test]
async fn a_fifo_batch_stops_at_the_first_failure() {
    let app = Running::start().await;
    let event = sqs("work.fifo", &[("a", "1"), ("b", FAIL), ("c", "2"), ("d", "3")]);
    assert_eq!(app.handle(event).await.unwrap(), failures(&["b", "c", "d"]));
    assert_eq!(app.seen().await.len(), 2);
}

#[tokio::test]
async fn a_queue_goes_by_its_physical_name() {
    let app = Running::start().await;
    let error = app.handle(sqs("work", &[("a", "1")])).await.unwrap_err();
    assert!(error.starts_with("Pikku.UnwiredEvent: nothing is wired for the queue `work`"), "{error}");
    assert!(app.seen().await.is_empty());
}

#[tokio::test]
async fn streams_report_by_sequence_number_and_stop() {
    let app = Running::start().await;
    let record = |number: &str, data: &str| {
        json!({
            "eventSource": "aws:kinesis",
            "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks",
            "kinesis": { "sequenceNumber": number, "partitionKey": "p", "data": data },
        })
    };
    // 1, "fail me", 2
    let event = json!({ "Records": [record("1", "MQ=="), record("2", "ImZhaWwgbWUi"), record("3", "Mg==")] });
    assert_eq!(app.handle(event).await.unwrap(), failures(&["2", "3"]));

    let change = json!({
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000",
        "dynamodb": {
            "SequenceNumber": "111",
            "Keys": { "id": { "N": "12345678901234567890123" } },
            "NewImage": { "id": { "N": "1" }, "tags": { "SS": ["a"] }, "gone": { "NULL": true }, "m": { "M": { "x": { "BOOL": true } } } },
        },
    });
    app.seen().await;
    assert_eq!(app.handle(json!({ "Records": [change] })).await.unwrap(), failures(&[]));
    let expected = r#"r1: {"event":"MODIFY","keys":{"id":"12345678901234567890123"},"new":{"gone":null,"id":1,"m":{"x":true},"tags":["a"]}}"#;
    assert_eq!(app.seen().await, [expected]);
}

#[tokio::test]
async fn a_failed_notification_fails_the_invocation() {
    let app = Running::start().await;
    let event = |message: &str| {
        json!({ "Records": [{
            "EventSource": "aws:sns",
            "Sns": { "MessageId": "m", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:news", "Message": message },
        }] })
    };
    assert_eq!(app.handle(event("1")).await.unwrap(), Value::Null);
    assert_eq!(app.handle(event(FAIL)).await.unwrap_err(), "told_to_fail: it was told to fail");
}

#[tokio::test]
async fn an_object_goes_to_the_wiring_whose_filter_takes_it() {
    let app = Running::start().await;
    let event = |name: &str, key: &str| {
        json!({ "Records": [{
            "eventSource": "aws:s3",
            "eventName": name,
            "s3": { "bucket": { "name": "files" }, "object": { "key": key, "size": 1 } },
        }] })
    };
    assert_eq!(app.handle(event("ObjectCreated:Put", "in/a+b%2B.txt")).await.unwrap(), Value::Null);
    assert!(app.seen().await[0].contains(r#""key":"in/a b+.txt""#));
    assert!(
        app.handle(event("ObjectCreated:Put", "out/a")).await.unwrap_err().contains("`out/a` in the bucket `files`")
    );
    assert!(app.handle(event("ObjectRemoved:Delete", "in/a")).await.is_err());
}

#[tokio::test]
async fn a_schedule_runs_its_own_wiring_and_no_other() {
    let app = Running::start().await;
    let event = |source: &str, detail_type: &str, arn: &str| json!({ "id": "e", "source": source, "detail-type": detail_type, "time": "2026-01-01T03:00:00Z", "resources": [arn], "detail": "{}" });
    let scheduler = "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/stack-nightly";
    assert_eq!(app.handle(event("aws.scheduler", "Scheduled Event", scheduler)).await.unwrap(), Value::Null);
    assert_eq!(app.seen().await, ["r1: {}"]);
    let rule = "arn:aws:events:eu-west-1:123456789012:rule/hourly";
    assert_eq!(app.handle(event("aws.events", "Scheduled Event", rule)).await.unwrap(), Value::Null);
    let other = event("aws.events", "Scheduled Event", "arn:aws:events:eu-west-1:123456789012:rule/nightly");
    assert!(app.handle(other).await.unwrap_err().contains("nothing is wired for the schedule `nightly`"));
    // An event of one's own that calls itself scheduled is no schedule.
    assert!(
        app.handle(event("mine", "Scheduled Event", rule))
            .await
            .unwrap_err()
            .contains("the event `Scheduled Event` of `mine`")
    );
}

#[tokio::test]
async fn an_event_goes_to_the_pattern_that_takes_it() {
    let app = Running::start().await;
    let event =
        |source: &str, detail: Value| json!({ "id": "e", "source": source, "detail-type": "Sold", "detail": detail });
    assert_eq!(app.handle(event("shop", json!({ "n": 1 }))).await.unwrap(), Value::Null);
    assert_eq!(app.seen().await, ["r1: {\"n\":1}"]);
    assert_eq!(
        app.handle(event("shop", json!({ "fail": true }))).await.unwrap_err(),
        "told_to_fail: it was told to fail"
    );
    let error = app.handle(event("else", json!({}))).await.unwrap_err();
    assert!(error.contains("nothing is wired for the event `Sold` of `else`"), "{error}");
}

#[tokio::test]
async fn what_was_not_begun_before_the_deadline_is_reported() {
    let app = Running::start().await;
    let context = pikku::call::Context { deadline_ms: Some(1), ..Default::default() };
    let event = serde_json::to_vec(&sqs("stack-work-1X2Y", &[("a", "1"), ("b", "2")])).unwrap();
    let answer = pikku_lambda::handle::<pikku::All>(app.0.engine(), &event, context).await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), failures(&["a", "b"]));
    assert!(app.seen().await.is_empty());
}

#[tokio::test]
async fn records_that_cannot_be_told_apart_fail_as_a_whole() {
    let app = Running::start().await;
    for event in
        [json!({ "Records": [] }), json!({ "Records": [{}] }), json!({ "Records": [{ "eventSource": "aws:new" }] })]
    {
        assert!(app.handle(event).await.is_err());
    }
    let mut event = sqs("stack-work-1X2Y", &[("a", "1")]);
    event["Records"][0].as_object_mut().unwrap().remove("messageId");
    assert!(app.handle(event).await.unwrap_err().contains("missing field `messageId`"));
}
