//! AWS's Runtime Interface Emulator runs the same bundles, and sees what our own local Lambda sees.

use pikku_tests::{
    Answer,
    event::{batch, post_json, request},
    function,
    judge::Rie,
    send, started,
};
use serde_json::{Value, json};
use std::{ffi::OsStr, fs, path::PathBuf};
use tempfile::TempDir;

fn journal() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal");
    (folder, path)
}

#[tokio::test]
async fn both_emulators_get_the_same_answers() {
    let events = [
        post_json("/orders", r#"{"id": 7, "lines": ["a", "ü"]}"#),
        post_json("/orders", r#"{"id": "seven"}"#),
        post_json("/orders", "{"),
        request("GET", "/items/a%20b", ""),
        request("GET", "/find", "tag=a&tag=b"),
        request("HEAD", "/find", ""),
        request("DELETE", "/orders", ""),
        request("GET", "/nowhere", ""),
        json!({"what": "is this"}),
    ];
    let rie = Rie::start("fixture", "shown", 10, &[]);
    let ours = started(function("fixture", "shown"));
    for event in events {
        let theirs = rie.invoke(&event.to_string());
        let theirs = theirs.json();
        let ours = match Answer::of(&send(&ours, event.to_string()).await) {
            Answer::Http { status, body } => {
                let text = theirs["body"].as_str().unwrap_or_default();
                let read: Value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
                assert_eq!(read, body, "{event}");
                json!({"statusCode": status})
            }
            Answer::Error { error_type, message } => json!({"errorType": error_type, "errorMessage": message}),
            other => panic!("{other:?}"),
        };
        for (name, value) in ours.as_object().expect("an object") {
            assert_eq!(theirs[name], *value, "{event}: {theirs}\n{}", rie.said());
        }
    }
}

#[test]
fn the_bad_message_of_a_batch_is_the_one_given_back() {
    let (_folder, journal) = journal();
    let sources = OsStr::new(r#"{"queue:work":"physical-work"}"#);
    let rie = Rie::start("fixture", "work", 10, &[("JOURNAL", journal.as_os_str()), ("PIKKU_SOURCES", sources)]);
    let messages = [("m1", r#"{"id":"a"}"#), ("m2", r#"{"id":"b","fails":true}"#), ("m3", r#"{"id":"c"}"#)];
    let answer = rie.invoke(&batch("physical-work", &messages).to_string());
    assert_eq!(answer.json(), json!({"batchItemFailures": [{"itemIdentifier": "m2"}]}), "{}", rie.said());
    let done = fs::read_to_string(&journal).expect("a journal");
    for line in ["done a", "done c"] {
        assert!(done.lines().any(|known| known == line), "{done}");
    }
    assert!(!done.contains("done b"), "{done}");
}

#[test]
fn a_message_that_the_deadline_cuts_off_is_not_reported_as_done() {
    let (_folder, journal) = journal();
    let rie = Rie::start("fixture", "work", 2, &[("JOURNAL", journal.as_os_str())]);
    let messages = [("m1", r#"{"id":"a"}"#), ("m2", r#"{"id":"b","takes_ms":20000}"#)];
    let answer = rie.invoke(&batch("work", &messages).to_string());
    let cut_off = answer.body.contains("timed out");
    let given_back = answer.body.contains("\"m2\"");
    assert!(cut_off || given_back, "{answer:?}\n{}", rie.said());
    assert!(!fs::read_to_string(&journal).expect("a journal").contains("done b"));
}

#[test]
fn a_failed_start_is_reported() {
    let rie = Rie::start("fixture", "work", 10, &[]);
    let answer = rie.invoke(&batch("work", &[("m1", r#"{"id":"a"}"#)]).to_string());
    let report = answer.json();
    assert!(report["errorType"].is_string(), "{answer:?}\n{}", rie.said());
    assert!(rie.said().contains("JOURNAL"), "the log does not say why:\n{}", rie.said());
}
