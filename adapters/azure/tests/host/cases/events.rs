use crate::bundle::Bundle;
use pikku_local_azure::{
    RawInvocation,
    events::{BlobEvent, End, HubEvent, TimerRun},
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

fn functions(journal: &[Value]) -> Vec<&str> {
    journal.iter().map(|call| call["call"]["function"].as_str().unwrap()).collect()
}

pub(super) async fn a_timer_calls_its_own_wiring() {
    let started = Bundle::new(true).start().await;
    for timer in ["cron-hourly", "cron-nightly", "cron-hourly"] {
        let runs = started.azure.timer(timer, TimerRun::now()).await.unwrap();
        assert!(runs.len() == 1 && runs[0].succeeded(), "{runs:?}");
    }
    let journal = started.journal();
    assert_eq!(functions(&journal), ["hourly", "nightly", "hourly"]);
    assert_eq!((&journal[0]["schedule"], &journal[0]["origin"]), (&json!("hourly"), &json!("azure-timer")));
    assert_eq!(journal[0]["past_due"], false);
    assert_eq!(journal[0]["time"], journal[0]["next"]);
}

pub(super) async fn a_late_run_is_seen() {
    let started = Bundle::new(true).start().await;
    let due = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let runs = started.azure.timer("cron-nightly", TimerRun::past_due(due)).await.unwrap();
    assert!(runs[0].succeeded());
    let noted = started.noted();
    assert_eq!((&noted["past_due"], &noted["time_ms"]), (&json!(true), &json!(1_700_000_000_000_u64)));
    assert_eq!(noted["last"], "2023-11-14T21:13:20.000000Z");
    assert!(noted["begun"].as_str().unwrap() > "2024", "{noted}");
}

pub(super) async fn events_come_in_both_schemas() {
    let started = Bundle::new(true).start().await;
    let cloud = json!({"specversion": "1.0", "id": "e-1", "source": "shop", "type": "Placed", "subject": "o-1",
        "time": "2023-10-12T20:13:49.640002Z", "data": {"id": 1}});
    assert!(started.azure.event_grid("event-on_event", &cloud).await.unwrap().succeeded());
    let topic = "/subscriptions/123/resourceGroups/g/providers/Microsoft.EventGrid/topics/shop";
    let grid = json!({"id": "e-2", "topic": topic, "subject": "o-2", "eventType": "Placed", "eventTime": "2023-10-12T20:13:49Z",
        "data": {"id": 2}, "dataVersion": "1", "metadataVersion": "1"});
    assert!(started.azure.event_grid("event-on_event", &grid).await.unwrap().succeeded());
    let journal = started.journal();
    let of = |at: usize, names: [&str; 5]| names.map(|name| journal[at][name].as_str().unwrap_or_default().to_owned());
    let names = ["source", "type", "id", "subject", "schema"];
    assert_eq!(of(0, names), ["shop", "Placed", "e-1", "o-1", "cloudevents-1.0"]);
    assert_eq!(of(1, names), [topic, "Placed", "e-2", "o-2", "event-grid"]);
    assert_eq!((&journal[1]["account"], &journal[1]["detail"]), (&json!("123"), &json!({"id": 2})));
    // A function of another name finds its wiring by the pattern, and a text is read as the object that it is.
    let text = Value::String(grid.to_string()).to_string();
    let payload = json!({"Data": {"e": text}, "Metadata": {}});
    let raw = RawInvocation::new("anything", payload.to_string());
    let trigger = pikku_local_azure::Trigger::EventGrid;
    assert!(started.azure.invoke(raw, Some(&trigger)).await.unwrap().succeeded());
    assert_eq!(started.journal()[2]["id"], "e-2");
    let neither = started.azure.event_grid("event-on_event", &json!({"id": "e"})).await.unwrap();
    assert!(!neither.succeeded());
    assert!(started.logged("neither `specversion`")["detail"].is_string());
}

pub(super) async fn a_blob_is_told_by_its_trigger_and_by_event_grid() {
    let started = Bundle::new(true).start().await;
    let blob = BlobEvent::new("uploads", "a b/é+1.png", vec![0xff; 10]);
    let settled = started.azure.blob("bucket-uploads", &blob).await.unwrap();
    assert_eq!((settled.attempts.len(), settled.end), (1, End::Deleted));
    let object = &started.journal()[0]["object"];
    assert_eq!((&object["bucket"], &object["key"]), (&json!("uploads"), &json!("a b/é+1.png")));
    assert_eq!(
        (&object["event"], &object["size"], &object["etag"]),
        (&json!("ObjectCreated:Put"), &json!(10), &json!("0x8DBD5D2F9A1C2B3"))
    );
    let grid = json!({"bindings": [{"type": "eventGridTrigger", "direction": "in", "name": "event"}]});
    let started = Bundle::new(true).function("bucket-uploads", &grid).start().await;
    let event = |kind: &str, api: &str| {
        json!({"specversion": "1.0", "id": "e", "source": "/subscriptions/1/storageAccounts/a", "type": kind,
            "subject": "/blobServices/default/containers/uploads/blobs/x", "time": "2023-10-12T20:13:49Z",
            "data": {"api": api, "eTag": "0x8D", "contentLength": 7, "url": "https://a.blob.core.windows.net/uploads/a%20b/%C3%A9+1.png",
                "sequencer": "00A"}})
    };
    assert!(
        started
            .azure
            .event_grid("bucket-uploads", &event("Microsoft.Storage.BlobCreated", "PutBlob"))
            .await
            .unwrap()
            .succeeded()
    );
    assert!(
        started
            .azure
            .event_grid("bucket-uploads", &event("Microsoft.Storage.BlobDeleted", "DeleteBlob"))
            .await
            .unwrap()
            .succeeded()
    );
    let journal = started.journal();
    assert_eq!(journal[0]["object"]["key"], "a b/é+1.png");
    assert_eq!((&journal[0]["object"]["size"], &journal[0]["object"]["sequencer"]), (&json!(7), &json!("00A")));
    assert_eq!(journal[1]["object"]["event"], "ObjectRemoved:Delete");
}

pub(super) async fn records_come_as_octets_text_and_several() {
    let started = Bundle::new(true).start().await;
    let mut event = HubEvent::new(r#"{"page":"/"}"#);
    event.partition_key = Some("k".to_owned());
    event.sequence_number = 7;
    assert!(started.azure.event_hub("stream-clicks", &event).await.unwrap()[0].succeeded());
    let noted = started.noted();
    assert_eq!((&noted["data"], &noted["stream"]), (&json!({"page": "/"}), &json!("clicks-1x")));
    assert_eq!((&noted["key"], &noted["sequence_number"], &noted["arrived"]), (&json!("k"), &json!("7"), &json!(true)));
    // `cardinality` many, as text.
    let texts = Value::String(json!(["1", "\"two\""]).to_string()).to_string();
    let list = |values: Value| Value::String(values.to_string());
    let metadata = json!({"SequenceNumberArray": list(json!([1, 2])), "PartitionKeyArray": list(json!([null, "k"])),
        "SystemPropertiesArray": list(json!([{}, {}]))});
    let raw = RawInvocation::new("stream-clicks", json!({"Data": {"e": texts}, "Metadata": metadata}).to_string());
    assert!(started.azure.invoke(raw, None).await.unwrap().succeeded());
    let journal = started.journal();
    assert_eq!((&journal[1]["data"], &journal[1]["key"]), (&json!(1), &json!("")));
    assert_eq!(
        (&journal[2]["data"], &journal[2]["sequence_number"], &journal[2]["key"]),
        (&json!("two"), &json!("2"), &json!("k"))
    );
}

pub(super) async fn a_failed_record_is_tried_again() {
    let started = Bundle::new(true).start().await;
    let attempts = started.azure.event_hub("stream-clicks", &HubEvent::new("\"poison\"")).await.unwrap();
    assert_eq!(attempts.iter().map(pikku_local_azure::Invocation::succeeded).collect::<Vec<_>>(), [false; 3]);
    assert_eq!(started.journal().len(), 3);
}
