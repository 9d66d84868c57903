//! The Runtime API, as a real process that keeps to it, or does not, finds it.

mod common;

use common::{Bundle, answer, error, invoke, log_line, run, runs};
use pikku_local_lambda::{InvokeError, LocalLambda, Outcome, PAYLOAD_LIMIT, Request, Signal, StartError};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[test]
fn bootstrap() {
    common::misbehave::main();
}

#[test]
fn an_event_is_handed_over_as_it_is_and_answered() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().start().expect("started");
        let first = lambda.invoke(r#"{"a":1.50}"#).await.expect("taken");
        assert_eq!(answer(&first), json!({"a": 1.5}));
        assert!(first.init_duration.is_some() && first.max_memory.is_some_and(|bytes| bytes > 100_000));
        let second = lambda.invoke(&b"{\xff no JSON"[..]).await.expect("taken");
        let bytes: Vec<u8> = serde_json::from_value(answer(&second)["bytes"].clone()).expect("bytes");
        assert_eq!(bytes, b"{\xff no JSON");
        assert_eq!(second.init_duration, None, "the process was there");
        assert_ne!(first.request_id, second.request_id);
    });
}

#[test]
fn a_process_sees_the_platforms_environment_and_nothing_else() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle
            .lambda()
            .memory_mb(256)
            .env("TABLE", "orders")
            .env("TZ", ":Europe/Madrid")
            .env("AWS_LAMBDA_FUNCTION_NAME", "another")
            .start()
            .expect("started");
        let request = Request::new(r#"{"do":"seen"}"#)
            .client_context(r#"{"client":{}}"#)
            .cognito_identity(r#"{"cognitoIdentityId":"x"}"#)
            .tenant_id("tenant");
        let seen = answer(&lambda.send(request).await.expect("taken"));

        let headers = &seen["headers"];
        assert_eq!(
            headers["lambda-runtime-invoked-function-arn"],
            "arn:aws:lambda:eu-central-1:123456789012:function:tested"
        );
        let left =
            headers["lambda-runtime-deadline-ms"].as_str().expect("a deadline").parse::<u64>().expect("a number")
                - seen["now_ms"].as_u64().expect("a number");
        assert!((9_000..=10_000).contains(&left), "{left} ms are left of 10 s");
        let trace = headers["lambda-runtime-trace-id"].as_str().expect("a trace");
        assert!(trace.starts_with("Root=1-") && trace.ends_with(";Sampled=0"), "{trace}");
        assert_eq!(headers["lambda-runtime-client-context"], r#"{"client":{}}"#);
        assert_eq!(headers["lambda-runtime-cognito-identity"], r#"{"cognitoIdentityId":"x"}"#);
        assert_eq!(headers["lambda-runtime-aws-tenant-id"], "tenant");

        let mut env = seen["env"].as_object().expect("variables").clone();
        for known in ["PWD", "SHLVL", "_", "OLDPWD"] {
            env.remove(known); // the shell that is the bootstrap sets them
        }
        let api = env.remove("AWS_LAMBDA_RUNTIME_API").expect("an address");
        assert!(api.as_str().expect("text").starts_with("127.0.0.1:"));
        let stream = env.remove("AWS_LAMBDA_LOG_STREAM_NAME").expect("a name");
        assert!(stream.as_str().expect("text").contains("/[$LATEST]"));
        let root = seen["cwd"].as_str().expect("a folder");
        assert_eq!(
            Value::Object(env),
            json!({
                "AWS_DEFAULT_REGION": "eu-central-1",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
                "AWS_LAMBDA_FUNCTION_NAME": "tested",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
                "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/tested",
                "AWS_REGION": "eu-central-1",
                "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
                "LAMBDA_RUNTIME_DIR": "/var/runtime",
                "LAMBDA_TASK_ROOT": root,
                "LANG": "en_US.UTF-8",
                "LD_LIBRARY_PATH": format!("{root}:{root}/lib"),
                "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
                "TABLE": "orders",
                "TZ": ":Europe/Madrid",
                "_HANDLER": "bootstrap",
            })
        );
        assert_eq!(seen["words"], "words");
    });
}

#[test]
fn an_error_is_handed_on_and_the_process_stays() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().start().expect("started");
        let before = answer(&invoke(&lambda, json!({"do": "pid"})).await);
        let failed = invoke(&lambda, json!({"do": "error"})).await;
        assert_eq!(error(&failed), ("App.OutOfStock".into(), "none left".into()));
        assert!(matches!(&failed.outcome, Outcome::FunctionError(report)
            if serde_json::from_slice::<Value>(&report.payload).is_ok_and(|body| body["stackTrace"] == json!(["here"]))));
        assert_eq!(answer(&invoke(&lambda, json!({"do": "pid"})).await), before);
    });
}

#[test]
fn a_deadline_ends_the_invocation_and_the_process() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().timeout(Duration::from_millis(1_200)).start().expect("started");
        let late = invoke(&lambda, json!({"do": "sleep", "ms": 20_000})).await;
        assert_eq!(late.outcome, Outcome::TimedOut { after: Duration::from_millis(1_200) });
        assert_eq!(error(&late), ("Sandbox.Timedout".into(), "Task timed out after 1.20 seconds".into()));
        assert!((1_200..9_000).contains(&late.duration.as_millis()), "{:?}", late.duration);
        let pid: u64 = log_line(&lambda, "sleeping ").await.parse().expect("a process id");
        let next = invoke(&lambda, json!({"do": "pid"})).await;
        assert_ne!(answer(&next), json!(pid));
        assert!(next.init_duration.is_some(), "a new process was started");
        assert!(!runs(pid));
    });
}

#[test]
fn a_late_answer_in_a_shared_process_is_refused_and_the_others_go_on() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().max_concurrency(2).timeout(Duration::from_millis(1_200)).start().expect("started");
        let pid = answer(&invoke(&lambda, json!({"do": "pid"})).await);
        let late = invoke(&lambda, json!({"do": "sleep", "ms": 1_800})).await;
        assert!(matches!(late.outcome, Outcome::TimedOut { .. }));
        assert_eq!(answer(&invoke(&lambda, json!({"do": "pid"})).await), pid, "the process goes on");
        assert_eq!(log_line(&lambda, "response ").await, "410");
        assert_eq!(answer(&invoke(&lambda, json!({"do": "pid"})).await), pid);
    });
}

#[test]
fn a_shared_process_in_which_everything_is_late_is_replaced() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().max_concurrency(2).timeout(Duration::from_millis(1_200)).start().expect("started");
        let pid = answer(&invoke(&lambda, json!({"do": "pid"})).await);
        let stuck = json!({"do": "sleep", "ms": 20_000});
        let (one, two) = tokio::join!(invoke(&lambda, stuck.clone()), invoke(&lambda, stuck));
        assert!([one, two].iter().all(|invocation| matches!(invocation.outcome, Outcome::TimedOut { .. })));
        assert_ne!(answer(&invoke(&lambda, json!({"do": "pid"})).await), pid);
    });
}

#[test]
fn a_process_that_stops_asking_for_work_is_replaced() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().timeout(Duration::from_millis(1_200)).start().expect("started");
        assert_eq!(answer(&invoke(&lambda, json!({"do": "stop-polling"})).await), "answered");
        let next = invoke(&lambda, json!({"do": "echo"})).await;
        assert!(next.init_duration.is_some());
    });
}

#[test]
fn a_crash_is_reported_and_the_next_event_gets_a_new_process() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().start().expect("started");
        let first = answer(&invoke(&lambda, json!({"do": "pid"})).await);
        let crashed = invoke(&lambda, json!({"do": "exit", "code": 7})).await;
        assert_eq!(crashed.outcome, Outcome::Crashed { reason: "exit status 7".into() });
        let message = "Runtime exited with error: exit status 7";
        assert_eq!(error(&crashed), ("Runtime.ExitError".into(), message.into()));
        let aborted = invoke(&lambda, json!({"do": "abort"})).await;
        assert_eq!(aborted.outcome, Outcome::Crashed { reason: "signal: aborted".into() });
        assert_ne!(answer(&invoke(&lambda, json!({"do": "pid"})).await), first);

        let (killed, ()) = tokio::join!(invoke(&lambda, json!({"do": "sleep", "ms": 20_000})), async {
            log_line(&lambda, "sleeping ").await;
            lambda.signal(Signal::Kill);
        });
        assert_eq!(killed.outcome, Outcome::Crashed { reason: "signal: killed".into() });
    });
}

#[test]
fn what_a_process_started_goes_with_it() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().start().expect("started");
        invoke(&lambda, json!({"do": "leave-a-child"})).await;
        let child: u64 = log_line(&lambda, "child ").await.parse().expect("a process id");
        let begun = Instant::now();
        while runs(child) {
            assert!(begun.elapsed() < Duration::from_secs(5), "the child lives on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn a_failed_start_answers_all_who_wait_for_it() {
    run(async {
        let bundle = Bundle::of_this_test();
        for (way, error_type, message) in [
            ("error", "App.NoDatabase", "the database is gone"),
            ("error-and-stay", "App.NoDatabase", "the database is gone"),
            ("crash", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
            ("sleep", "Sandbox.Timedout", "Init timed out after 1.00 seconds"),
        ] {
            let lambda = bundle
                .lambda()
                .env("MISBEHAVE", way)
                .init_timeout(Duration::from_secs(1))
                .instances(2)
                .start()
                .expect("started");
            let event = || invoke(&lambda, json!({}));
            let (one, two, three) = tokio::join!(event(), event(), event());
            for invocation in [one, two, three, event().await] {
                assert!(matches!(invocation.outcome, Outcome::InitError(_)), "{way}: {:?}", invocation.outcome);
                assert_eq!(error(&invocation), (error_type.into(), message.into()), "{way}");
            }
        }
    });
}

#[test]
fn what_cannot_be_started_says_why() {
    run(async {
        for (script, mode, why) in [
            ("#!/bin/sh\n", 0o644, "Permission denied (os error 13)"),
            ("\u{1}", 0o755, "Exec format error (os error 8)"),
        ] {
            let bundle = Bundle::of_script(script, mode);
            let lambda = bundle.lambda().start().expect("unpacked");
            let invocation = invoke(&lambda, json!({})).await;
            let message = format!("fork/exec /var/task/bootstrap: {why}");
            assert_eq!(error(&invocation), ("Runtime.InvalidEntrypoint".into(), message));
        }
        let missing = LocalLambda::zip("/nowhere/bundle.zip").start();
        assert!(matches!(missing, Err(StartError::Bundle { .. })), "{missing:?}");
    });
}

#[test]
fn answers_have_a_size_limit() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().start().expect("started");
        let most = invoke(&lambda, json!({"do": "big", "bytes": PAYLOAD_LIMIT + 100})).await;
        assert_eq!(most.response().map(|body| body.len()), Some(PAYLOAD_LIMIT + 100));
        assert_eq!(log_line(&lambda, "response ").await, "202");
        let pid = answer(&invoke(&lambda, json!({"do": "pid"})).await);
        for bytes in [PAYLOAD_LIMIT + 101, 7_000_000] {
            let larger = invoke(&lambda, json!({"do": "big", "bytes": bytes})).await;
            let message = "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
            assert_eq!(error(&larger), ("Function.ResponseSizeTooLarge".into(), message.into()));
        }
        assert_eq!(answer(&invoke(&lambda, json!({"do": "pid"})).await), pid, "the process stays");
        assert_eq!(lambda.logs().iter().filter(|line| *line == "response 413").count(), 2);
    });
}

#[test]
fn events_have_a_size_limit() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().start().expect("started");
        let text = |size: usize| format!("\"{}\"", "x".repeat(size - 2));
        let most = lambda.invoke(text(PAYLOAD_LIMIT)).await.expect("taken");
        assert_eq!(most.response().map(|body| body.len()), Some(PAYLOAD_LIMIT));
        let larger = lambda.invoke(text(PAYLOAD_LIMIT + 1)).await;
        assert_eq!(larger.map(|_| ()), Err(InvokeError::EventTooLarge { size: PAYLOAD_LIMIT + 1 }));
    });
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().start().expect("started");
        let statuses = answer(&invoke(&lambda, json!({"do": "strange"})).await);
        assert_eq!(statuses, json!([400, 400, 403, 403, 404, 202]));
        assert_eq!(answer(&invoke(&lambda, json!({"do": "twice"})).await), 1);
        invoke(&lambda, json!({})).await;
        assert_eq!(log_line(&lambda, "statuses ").await, "202 403");
    });
}

#[test]
fn processes_run_side_by_side() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().instances(3).start().expect("started");
        assert_eq!(lambda.pids(), [0; 0], "nothing runs before it is asked for");
        let event = || invoke(&lambda, json!({"do": "pid", "ms": 1_000}));
        let (a, b, c, d) = tokio::join!(event(), event(), event(), event());
        let mut pids: Vec<u64> = [a, b, c, d].iter().map(|i| answer(i).as_u64().expect("a process id")).collect();
        pids.sort_unstable();
        pids.dedup();
        assert_eq!(pids.len(), 3, "four events, three processes");
        assert_eq!(lambda.pids().len(), 3);
    });
}

#[test]
fn one_process_holds_several_invocations() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().max_concurrency(3).start().expect("started");
        let event = || invoke(&lambda, json!({"do": "meet", "count": 3}));
        let (a, b, c) = tokio::join!(event(), event(), event());
        assert_eq!(answer(&a), answer(&b));
        assert_eq!(answer(&b), answer(&c));
        let seen = answer(&invoke(&lambda, json!({"do": "seen"})).await);
        assert_eq!(seen["env"]["AWS_LAMBDA_MAX_CONCURRENCY"], "3");
        assert_eq!(seen["env"]["AWS_LAMBDA_INITIALIZATION_TYPE"], "lambda-managed-instances");
    });
}

#[test]
fn a_process_is_killed_at_once_or_asked_to_go_first() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().start().expect("started");
        invoke(&lambda, json!({})).await;
        let report = lambda.shutdown().await;
        let [end] = report.sandboxes.as_slice() else { panic!("{report:?}") };
        assert!(!end.terminated && end.killed && !runs(end.pid.into()), "{end:?}");

        let lambda = bundle.lambda().always_terminate(true).start().expect("started");
        invoke(&lambda, json!({})).await;
        let report = lambda.shutdown().await;
        let [end] = report.sandboxes.as_slice() else { panic!("{report:?}") };
        assert!(end.terminated && !end.killed && end.took < Duration::from_secs(1), "{end:?}");
    });
}

#[test]
fn who_ignores_sigterm_is_killed() {
    run(async {
        let bundle = Bundle::of_script("#!/bin/sh\ntrap 'echo ignored' TERM\nwhile :; do sleep 0.05; done\n", 0o755);
        let lambda = bundle.lambda().always_terminate(true).grace(Duration::from_millis(300)).start().expect("started");
        tokio::select! {
            invocation = invoke(&lambda, json!({})) => panic!("answered: {invocation:?}"),
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
        let report = lambda.shutdown().await;
        let [end] = report.sandboxes.as_slice() else { panic!("{report:?}") };
        assert!(end.terminated && end.killed && end.took >= Duration::from_millis(300), "{end:?}");
        assert_eq!(report.logs, ["ignored"]);
    });
}

#[test]
fn dropping_it_ends_its_processes() {
    run(async {
        let bundle = Bundle::of_this_test();
        let lambda = bundle.lambda().start().expect("started");
        let pid = answer(&invoke(&lambda, json!({"do": "pid"})).await).as_u64().expect("a process id");
        drop(lambda);
        let begun = Instant::now();
        while runs(pid) {
            assert!(begun.elapsed() < Duration::from_secs(5), "dropping it leaves its process");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}
