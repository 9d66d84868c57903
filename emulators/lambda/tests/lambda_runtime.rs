//! AWS's own client of the Runtime API, unchanged, finds all it needs.

mod common;

use common::{Bundle, answer, error, invoke, run};
use lambda_runtime::{LambdaEvent, service_fn};
use pikku_local_lambda::{Outcome, Request};
use serde_json::{Value, json};
use std::{
    env, process,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// How many invocations have come to meet others.
static ARRIVED: AtomicU64 = AtomicU64::new(0);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[test]
fn bootstrap() {
    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return;
    }
    println!(); // ends the line that the test harness has begun
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let ended = runtime.block_on(async {
        if env::var_os("GRACEFUL").is_some() {
            lambda_runtime::spawn_graceful_shutdown_handler(|| async { println!("services are closed") }).await;
        }
        match env::var_os("AWS_LAMBDA_MAX_CONCURRENCY") {
            Some(_) => lambda_runtime::run_concurrent(service_fn(handle)).await,
            None => lambda_runtime::run(service_fn(handle)).await,
        }
    });
    println!("ended: {ended:?}");
    process::exit(1);
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, BoxError> {
    let LambdaEvent { payload, context, .. } = event;
    tokio::time::sleep(Duration::from_millis(payload["ms"].as_u64().unwrap_or(0))).await;
    if let Some(count) = payload["meet"].as_u64() {
        // Answers only once as many invocations as it says are here at the same time.
        ARRIVED.fetch_add(1, Ordering::SeqCst);
        while ARRIVED.load(Ordering::SeqCst) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    if payload["fail"] == true {
        return Err("it went wrong".into());
    }
    Ok(json!({
        "request_id": context.request_id,
        "arn": context.invoked_function_arn,
        "deadline": context.deadline,
        "client_context": context.client_context.map(|client| client.environment),
        "pid": process::id(),
    }))
}

#[test]
fn events_are_answered_and_errors_reported() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().start().expect("started");
        let context = r#"{"client":{"installation_id":"","app_title":"","app_version_name":"","app_version_code":"",
            "app_package_name":""},"custom":{},"environment":{"k":"v"}}"#
            .replace('\n', "");
        let answered = lambda.send(Request::new("{}").client_context(context)).await.expect("taken");
        let seen = answer(&answered);
        assert_eq!(seen["request_id"], json!(answered.request_id));
        assert_eq!(seen["arn"], "arn:aws:lambda:eu-central-1:123456789012:function:tested");
        assert_eq!(seen["client_context"], json!({"k": "v"}));
        let failed = invoke(&lambda, json!({"fail": true})).await;
        assert!(matches!(failed.outcome, Outcome::FunctionError(_)));
        assert_eq!(error(&failed).1, "it went wrong");
        let not_json = lambda.invoke("{").await.expect("taken");
        assert!(matches!(not_json.outcome, Outcome::FunctionError(_)), "{:?}", not_json.outcome);
        assert_eq!(answer(&invoke(&lambda, json!({})).await)["pid"], seen["pid"], "the process has stayed");
    });
}

#[test]
fn several_invocations_run_in_one_process() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().max_concurrency(4).start().expect("started");
        let event = || invoke(&lambda, json!({"meet": 4}));
        let (a, b, c, d) = tokio::join!(event(), event(), event(), event());
        for invocation in [a, b, c, d] {
            assert_eq!(answer(&invocation)["request_id"], json!(invocation.request_id));
        }
        assert_eq!(lambda.pids().len(), 1);
    });
}

#[test]
fn a_registered_extension_makes_the_shutdown_graceful() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().env("GRACEFUL", "1").start().expect("started");
        invoke(&lambda, json!({})).await;
        let report = lambda.shutdown().await;
        let [end] = report.sandboxes.as_slice() else { panic!("{report:?}") };
        assert!(end.terminated && !end.killed, "{end:?}");
        assert_eq!(end.status.and_then(|status| status.code()), Some(0));
        assert!(report.logs.iter().any(|line| line == "services are closed"), "{:?}", report.logs);
    });
}

#[test]
fn an_invocation_in_flight_at_shutdown_is_not_reported_as_done() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().env("GRACEFUL", "1").start().expect("started");
        invoke(&lambda, json!({})).await;
        let mut pending = Box::pin(lambda.invoke(r#"{"ms":20000}"#));
        tokio::select! {
            answered = &mut pending => panic!("answered: {answered:?}"),
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
        lambda.signal(pikku_local_lambda::Signal::Terminate);
        let invocation = pending.await.expect("taken");
        assert_eq!(invocation.outcome, Outcome::Crashed { reason: "exit status 0".into() });
    });
}
