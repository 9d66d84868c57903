use crate::bundle::Bundle;
use pikku_local_azure::{
    Outcome, RawInvocation, Trigger,
    events::{End, QueueMessage, ServiceBusMessage},
};
use serde_json::{Value, json};

fn order(id: &str, fails: u32) -> QueueMessage {
    QueueMessage::text(json!({"id": id, "fails": fails}).to_string())
}

fn counts(journal: &[Value]) -> Vec<u64> {
    journal.iter().map(|call| call["receive_count"].as_u64().unwrap()).collect()
}

pub(super) async fn a_message_is_handled_once() {
    let started = Bundle::new(true).start().await;
    let mut message = QueueMessage::text(r#"{"id":"o-1"}"#);
    message.id = "4e773554".to_owned();
    let settled = started.azure.queue("queue-orders", message).await.unwrap();
    assert_eq!((settled.attempts.len(), settled.end), (1, End::Deleted));
    let noted = started.noted();
    assert_eq!(noted["order"], "o-1");
    assert_eq!(noted["queue"], "orders-1x");
    assert_eq!(noted["body"], r#"{"id":"o-1"}"#);
    assert_eq!((noted["receive_count"].as_u64(), noted["sent_at_ms"].as_bool()), (Some(1), Some(true)));
    assert_eq!(noted["call"]["id"], settled.attempts[0].id);
    assert_eq!(noted["call"]["origin"], json!(["azure-storage-queue", "queue-orders", "message"]));
}

pub(super) async fn a_failed_message_is_tried_again_and_is_seen() {
    let started = Bundle::new(true).start().await;
    let settled = started.azure.queue("queue-orders", order("o-1", 2)).await.unwrap();
    assert_eq!((settled.attempts.len(), settled.end), (3, End::Deleted));
    assert_eq!(counts(&started.journal()), [1, 2, 3]);
    let Outcome::Failed { status, body, .. } = &settled.attempts[0].outcome else {
        panic!("{:?}", settled.attempts[0])
    };
    assert_eq!(*status, Some(500));
    assert!(!String::from_utf8_lossy(body).contains("cannot be taken"), "what is private stays in the log");
    assert_eq!(started.logged("the order cannot be taken")["call_id"], settled.attempts[0].id);
}

pub(super) async fn a_poison_message_is_seen() {
    let started = Bundle::with(json!({"extensions": {"queues": {"maxDequeueCount": 3}}})).start().await;
    let settled = started.azure.queue("queue-orders", order("o-1", 99)).await.unwrap();
    assert_eq!((settled.attempts.len(), settled.end), (3, End::Poison("orders-1x-poison".to_owned())));
    assert_eq!(counts(&started.journal()), [1, 2, 3]);
    let last = started.logged("goes to the poison queue");
    assert_eq!((last["level"].as_str(), last["function"].as_str()), (Some("ERROR"), Some("queue-orders")));
    assert!(last["detail"].as_str().unwrap().contains("3 times"), "{last}");
    // What is no base64 never reaches the handler, and what is no JSON is refused by the function's contract.
    let undecodable = started.azure.queue("queue-orders", QueueMessage::stored("{}")).await.unwrap();
    assert_eq!(undecodable.attempts.len(), 0);
    let broken = started.azure.queue("queue-orders", QueueMessage::text("{ message: 1 }")).await.unwrap();
    assert_eq!(broken.attempts.len(), 3);
    assert_eq!(started.journal().len(), 3);
}

pub(super) async fn what_is_returned_arrives_unharmed() {
    let started = Bundle::new(true).start().await;
    for id in ["test", "HelloWorld12", "HelloWorld12=="] {
        let settled = started.azure.queue("queue-orders", order(id, 0)).await.unwrap();
        let Outcome::Completed(outputs) = &settled.attempts[0].outcome else { panic!("{:?}", settled.attempts) };
        assert_eq!(outputs.bindings["$return"], format!("{id:?}"));
        assert!(outputs.dropped.is_empty());
    }
}

pub(super) async fn a_body_is_not_believed_for_metadata() {
    let started = Bundle::new(true).start().await;
    let body =
        json!({"id": "forged", "DequeueCount": 5, "LockToken": "x", "PopReceipt": [1], "ExpirationTime": "never"});
    let settled = started.azure.queue("queue-orders", QueueMessage::text(body.to_string())).await.unwrap();
    let noted = started.noted();
    assert_eq!(noted["id"], settled.attempts[0].id, "the host's id is hidden by the body's: {noted}");
    assert_eq!(noted["receive_count"], 1);
    assert_eq!(noted["call"]["origin"][0], "azure-storage-queue", "{noted}");
    assert_eq!(noted["attributes"]["DequeueCount"], Value::Null);
    assert!(noted["attributes"]["PopReceipt"].is_string(), "an array replaces nothing: {noted}");
    assert_eq!(started.logged("taken the place of")["level"], "WARN");
}

pub(super) async fn a_message_of_service_bus_has_its_properties() {
    let queue =
        json!({"bindings": [{"type": "serviceBusTrigger", "direction": "in", "name": "m", "queueName": "orders"}]});
    let started = Bundle::new(true).function("queue-orders", &queue).start().await;
    let mut message = ServiceBusMessage::new(r#"{"id":"ö-1","fails":99}"#);
    message.id = "m-4".to_owned();
    message.session_id = Some("s-1".to_owned());
    message.sequence_number = 9_007_199_254_740_993;
    message.properties.insert("tenant".to_owned(), json!("a b"));
    message.properties.insert("retry".to_owned(), json!(3));
    let settled = started.azure.service_bus("queue-orders", message).await.unwrap();
    assert_eq!((settled.attempts.len(), settled.end), (10, End::Poison("$deadletterqueue".to_owned())));
    let first = &started.journal()[0];
    assert_eq!((first["order"].as_str(), first["group_id"].as_str()), (Some("ö-1"), Some("s-1")));
    assert_eq!(first["sequence_number"], "9007199254740993");
    assert_eq!(first["properties"], json!([["retry", "3"], ["tenant", "a b"]]));
    assert_eq!(first["call"]["origin"], json!(["azure-service-bus", "queue-orders", "m"]));
    assert_eq!(started.journal()[9]["receive_count"], 10);
    assert_eq!(started.logged("or dead-lettered")["level"], "WARN");
}

pub(super) async fn a_message_of_a_topic() {
    let started = Bundle::new(true).start().await;
    let settled = started.azure.service_bus("topic-prices", ServiceBusMessage::new("up")).await.unwrap();
    assert_eq!(settled.end, End::Deleted);
    let noted = started.noted();
    assert_eq!((noted["topic"]["topic"].as_str(), noted["topic"]["message"].as_str()), (Some("prices"), Some("up")));
    // As documents show a message: written once, a count that is a number.
    let payload = json!({"Data": {"myQueueItem": "{\"id\":\"docs\"}"}, "Metadata": {"DequeueCount": 1, "Id": "800ae4b3",
        "InsertionTime": "2019-10-09T17:58:31+00:00"}});
    let raw = RawInvocation::new("queue-orders", payload.to_string());
    assert!(started.azure.invoke(raw, Some(&Trigger::Queue)).await.unwrap().succeeded());
    assert_eq!((&started.journal()[1]["order"], &started.journal()[1]["id"]), (&json!("docs"), &json!("800ae4b3")));
}
