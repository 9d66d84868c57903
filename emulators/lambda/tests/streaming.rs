//! Answers that come in pieces.

mod common;

use common::{Bundle, invoke, log_line, run};
use pikku_local_lambda::{Invocation, Outcome, Streamed};
use serde_json::{Value, json};
use std::time::Duration;

const NULS: &str = "\0\0\0\0\0\0\0\0";

#[test]
fn bootstrap() {
    common::misbehave::main();
}

fn streamed(invocation: &Invocation) -> &Streamed {
    match &invocation.outcome {
        Outcome::Streamed(streamed) => streamed,
        other => panic!("no stream: {other:?}"),
    }
}

fn failure(invocation: &Invocation) -> Option<(&str, &str)> {
    streamed(invocation).error.as_ref().map(|error| (error.error_type.as_str(), error.message.as_str()))
}

#[test]
fn the_prelude_may_be_split_anywhere() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().start().expect("started");
        for chunks in [
            json!(["{\"statusCode\":201,\"headers\":{}}", NULS, "one", "two"]),
            json!(["{\"statusCo", "de\":201,\"headers\":{}}\0\0", "\0\0\0\0\0", "\0o", "netwo"]),
            json!([format!("{{\"statusCode\":201,\"headers\":{{}}}}{NULS}onetwo")]),
        ] {
            let invocation = invoke(&lambda, json!({"do": "stream", "chunks": chunks})).await;
            let streamed = streamed(&invocation);
            assert_eq!(streamed.prelude, Some(json!({"statusCode": 201, "headers": {}})));
            assert_eq!(streamed.body, "onetwo");
            assert_eq!(streamed.error, None);
        }
    });
}

#[test]
fn a_stream_of_another_type_has_no_prelude() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().start().expect("started");
        let event = json!({"do": "stream", "type": "text/plain", "chunks": ["a", "b"]});
        let invocation = invoke(&lambda, event).await;
        assert_eq!(streamed(&invocation).content_type.as_deref(), Some("text/plain"));
        assert_eq!((&streamed(&invocation).prelude, &streamed(&invocation).body[..]), (&None, &b"ab"[..]));
    });
}

#[test]
fn a_stream_can_fail_in_the_middle() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().timeout(Duration::from_millis(1_500)).start().expect("started");
        let event = |end: &str| {
            let chunks: Value = json!([format!("{{\"statusCode\":200}}{NULS}"), "half"]);
            json!({"do": "stream", "chunks": chunks, "end": end})
        };
        let told = invoke(&lambda, event("error")).await;
        assert_eq!(failure(&told), Some(("App.Broken", "oh")));
        assert_eq!(log_line(&lambda, "stream ").await, "202");
        let broken = invoke(&lambda, event("break")).await;
        assert_eq!(failure(&broken), Some(("Runtime.TruncatedResponse", "the stream broke off before its end")));
        let late = invoke(&lambda, event("hang")).await;
        assert_eq!(failure(&late).map(|(kind, _)| kind), Some("Sandbox.Timedout"));
        let crashed = invoke(&lambda, event("exit")).await;
        assert!(
            matches!(failure(&crashed), Some(("Runtime.ExitError" | "Runtime.TruncatedResponse", _))),
            "{:?}",
            crashed.outcome
        );
        for invocation in [told, broken, late, crashed] {
            assert_eq!(streamed(&invocation).prelude, Some(json!({"statusCode": 200})));
            assert_eq!(streamed(&invocation).body, "half", "what came is kept");
        }
    });
}
