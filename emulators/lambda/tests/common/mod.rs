//! Bundles for the tests. Their bootstrap is a script that starts the test's own program again, at the test named
//! `bootstrap`, which does nothing unless a platform started it.
#![allow(dead_code, reason = "each test file takes what it needs")]

pub(crate) mod misbehave;

use pikku_local_lambda::{Builder, Invocation, LocalLambda, Logs, Outcome};
use serde_json::{Value, json};
use std::{
    fs::File,
    future::Future,
    io::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

/// No test takes longer than this.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A zip with that bootstrap in it, and one more file.
pub(crate) struct Bundle {
    folder: TempDir,
}

impl Bundle {
    /// The test program itself.
    pub(crate) fn of_this_test() -> Self {
        let program = std::env::current_exe().expect("the test's own path");
        let command = format!("exec '{}' bootstrap --exact --nocapture --test-threads=1", program.display());
        Self::of_script(&format!("#!/bin/sh\n{command}\n"), 0o755)
    }

    pub(crate) fn of_script(script: &str, mode: u32) -> Self {
        let bundle = Self { folder: tempfile::tempdir().expect("a folder") };
        let mut zip = ZipWriter::new(File::create(bundle.path()).expect("the zip"));
        let options = SimpleFileOptions::default();
        zip.start_file("bootstrap", options.unix_permissions(mode)).expect("an entry");
        zip.write_all(script.as_bytes()).expect("the script");
        zip.start_file("data/words.txt", options.unix_permissions(0o644)).expect("an entry");
        zip.write_all(b"words").expect("the words");
        zip.finish().expect("the zip's end");
        bundle
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("bundle.zip")
    }

    /// A builder with limits that fit tests and logs that can be looked at.
    pub(crate) fn lambda(&self) -> Builder {
        LocalLambda::zip(self.path())
            .function_name("tested")
            .region("eu-central-1")
            .timeout(Duration::from_secs(10))
            .logs(Logs::Captured)
    }
}

/// Runs a test to its end, or to the limit.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(LIMIT, test).await.expect("the test hangs") })
}

pub(crate) async fn invoke(lambda: &LocalLambda, event: Value) -> Invocation {
    lambda.invoke(event.to_string()).await.expect("the event is taken")
}

/// The answer, as JSON.
pub(crate) fn answer(invocation: &Invocation) -> Value {
    match &invocation.outcome {
        Outcome::Response(body) => serde_json::from_slice(body).expect("JSON"),
        other => panic!("no answer: {other:?}"),
    }
}

/// The error's type and message, without the request id.
pub(crate) fn error(invocation: &Invocation) -> (String, String) {
    let report = invocation.error().expect("an error");
    let prefix = format!("RequestId: {} Error: ", invocation.request_id);
    let payload: Value = serde_json::from_slice(&report.payload).expect("JSON");
    assert_eq!(payload["errorType"], json!(report.error_type));
    assert_eq!(payload["errorMessage"], json!(report.message));
    (report.error_type, report.message.trim_start_matches(&prefix).to_owned())
}

/// Waits until a line of the log begins so, and returns the rest of it.
pub(crate) async fn log_line(lambda: &LocalLambda, start: &str) -> String {
    let begun = Instant::now();
    loop {
        if let Some(rest) = lambda.logs().iter().find_map(|line| line.strip_prefix(start).map(str::to_owned)) {
            return rest;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "no line `{start}…` in {:?}", lambda.logs());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process of that id is there and has not ended.
pub(crate) fn runs(pid: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
