//! Several invocations at the same time in one process, as on Lambda Managed Instances.

use pikku_local_lambda::Request;
use pikku_tests::{
    Answer, ask,
    event::{post_json, request},
    function, no_panic, started,
};
use serde_json::json;
use std::time::{Duration, Instant};

const AT_ONCE: usize = 8;

#[tokio::test]
async fn one_process_serves_several_invocations_at_once_and_mixes_up_none() {
    let lambda = started(function("fixture", "shown").max_concurrency(AT_ONCE).instances(1));
    let events: Vec<_> = (0..AT_ONCE).map(|id| post_json("/overlap", &format!(r#"{{"id":{id},"ms":1000}}"#))).collect();
    let started = Instant::now();
    let (a, b, c, d, e, f, g, h) = tokio::join!(
        ask(&lambda, &events[0]),
        ask(&lambda, &events[1]),
        ask(&lambda, &events[2]),
        ask(&lambda, &events[3]),
        ask(&lambda, &events[4]),
        ask(&lambda, &events[5]),
        ask(&lambda, &events[6]),
        ask(&lambda, &events[7]),
    );
    assert!(started.elapsed() < Duration::from_secs(5), "one after the other: {:?}", started.elapsed());
    for (id, answer) in [a, b, c, d, e, f, g, h].iter().enumerate() {
        assert_eq!(answer.success(), &json!({"id": id, "most": AT_ONCE}), "{id}");
    }
    assert_eq!(lambda.pids().len(), 1);
    no_panic(&lambda);
}

#[tokio::test]
async fn a_bad_event_among_others_at_once_is_its_own_failure() {
    let lambda = started(function("fixture", "shown").max_concurrency(2).instances(1));
    let (good, bad) = (post_json("/overlap", r#"{"id":1,"ms":500}"#), post_json("/overlap", r#"{"id":"#));
    let (good, bad) = tokio::join!(ask(&lambda, &good), ask(&lambda, &bad));
    assert_eq!(good.success()["id"], 1);
    assert_eq!(bad.refusal(), (400, "malformed_input"));
    no_panic(&lambda);
}

#[tokio::test]
async fn each_call_has_its_own_id_trace_and_deadline() {
    let lambda = started(function("fixture", "shown").max_concurrency(2).instances(1));
    let event = request("GET", "/given", "").to_string();
    let traces = ["Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1", "Root=1-5bef4de7-000000000000000000000002"];
    let [first, second] = traces.map(|trace| lambda.send(Request::new(event.clone()).trace_id(trace)));
    let (first, second) = tokio::join!(first, second);
    for (invocation, trace) in [first, second].into_iter().zip(traces) {
        let invocation = invocation.expect("an answer");
        let answer = Answer::of(&invocation);
        let given = answer.success();
        assert_eq!((&given["id"], &given["trace"]), (&json!(invocation.request_id), &json!(trace)));
        // Of the 20 s that it was given, it has slept for 0.3.
        let remaining_ms = given["remaining_ms"].as_u64().expect("a deadline");
        assert!((10_000..=19_700).contains(&remaining_ms), "{remaining_ms}");
    }
}
