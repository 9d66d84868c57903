//! A process that is killed or asked to end in the middle of a batch: no message is reported as done that was not.

use pikku_local_lambda::{LocalLambda, Outcome, Signal};
use pikku_tests::{Answer, event::batch, function, no_panic, send, started};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A function that keeps a journal of what it has begun and done.
struct Worker {
    lambda: LocalLambda,
    journal: PathBuf,
    _folder: TempDir,
}

impl Worker {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(more: impl FnOnce(pikku_local_lambda::Builder) -> pikku_local_lambda::Builder) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = folder.path().join("journal");
        let sources = r#"{"queue:work":"work","queue:in-order":"in-order.fifo"}"#;
        let function = function("fixture", "work").env("JOURNAL", &journal).env("PIKKU_SOURCES", sources);
        let lambda = started(more(function));
        Self { lambda, journal, _folder: folder }
    }

    async fn wait_for(&self, line: &str) {
        let end = Instant::now() + Duration::from_secs(20);
        while !lines(&self.journal).contains(line) {
            assert!(Instant::now() < end, "`{line}` was never written: {:?}", lines(&self.journal));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn done(&self) -> BTreeSet<String> {
        lines(&self.journal).iter().filter_map(|line| line.strip_prefix("done ")).map(str::to_owned).collect()
    }
}

fn lines(journal: &Path) -> BTreeSet<String> {
    fs::read_to_string(journal).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn task(id: &str, takes_ms: u64) -> String {
    format!(r#"{{"id":"{id}","takes_ms":{takes_ms}}}"#)
}

const SLOW_MS: u64 = 6_000;

/// Two quick messages around a slow one.
fn slow_batch(queue: &str) -> Vec<u8> {
    let (first, slow, last) = (task("first", 0), task("slow", SLOW_MS), task("last", 0));
    batch(queue, &[("m-first", &first), ("m-slow", &slow), ("m-last", &last)]).to_string().into_bytes()
}

/// What the platform may take as done: all messages but those given back; nothing where there was no answer.
fn reported_done(outcome: &Outcome, answer: &Answer) -> BTreeSet<String> {
    if !matches!(outcome, Outcome::Response(_)) {
        return BTreeSet::new();
    }
    let failed = answer.failures();
    ["first", "slow", "last"]
        .into_iter()
        .filter(|id| !failed.contains(&format!("m-{id}").as_str()))
        .map(str::to_owned)
        .collect()
}

async fn interrupted_by(signal: Signal, queue: &str) {
    let worker = Worker::new();
    let (invocation, ()) = tokio::join!(send(&worker.lambda, slow_batch(queue)), async {
        worker.wait_for("begun slow").await;
        worker.lambda.signal(signal);
    });
    let answer = Answer::of(&invocation);
    let reported = reported_done(&invocation.outcome, &answer);
    let done = worker.done();
    assert!(reported.is_subset(&done), "reported {reported:?}, done {done:?}: {answer:?}");
    assert!(!done.contains("slow") || signal == Signal::Terminate, "it was not interrupted: {done:?}");

    // The platform hands the batch over again, to a new process, and now all of it gets done.
    let again = batch(queue, &[("m-slow", &task("slow", 0)), ("m-last", &task("last", 0))]);
    let answer = Answer::of(&send(&worker.lambda, again.to_string()).await);
    assert_eq!(answer.failures(), Vec::<&str>::new());
    assert_eq!(worker.done(), BTreeSet::from(["first", "slow", "last"].map(str::to_owned)));
}

#[tokio::test]
async fn kill_in_the_middle_of_a_batch_reports_nothing_as_done() {
    interrupted_by(Signal::Kill, "work").await;
}

#[tokio::test]
async fn kill_in_the_middle_of_a_fifo_batch_reports_nothing_as_done() {
    interrupted_by(Signal::Kill, "in-order.fifo").await;
}

#[tokio::test]
async fn sigterm_in_the_middle_of_a_batch_reports_nothing_as_done_that_was_not() {
    interrupted_by(Signal::Terminate, "work").await;
}

#[tokio::test]
async fn sigterm_in_the_middle_of_a_fifo_batch_reports_nothing_as_done_that_was_not() {
    interrupted_by(Signal::Terminate, "in-order.fifo").await;
}

#[tokio::test]
async fn a_deadline_in_the_middle_of_a_batch_reports_nothing_as_done_that_was_not() {
    for queue in ["work", "in-order.fifo"] {
        let worker = Worker::with(|builder| builder.timeout(Duration::from_secs(2)));
        let invocation = send(&worker.lambda, slow_batch(queue)).await;
        let answer = Answer::of(&invocation);
        let reported = reported_done(&invocation.outcome, &answer);
        assert!(reported.is_subset(&worker.done()), "{queue}: {answer:?}, done {:?}", worker.done());
    }
}

#[tokio::test]
async fn sigterm_closes_the_services() {
    let worker = Worker::with(|builder| builder.always_terminate(true));
    let quick = batch("work", &[("m", &task("quick", 0))]);
    assert_eq!(Answer::of(&send(&worker.lambda, quick.to_string()).await).failures(), Vec::<&str>::new());
    no_panic(&worker.lambda);
    let Worker { lambda, journal, _folder } = worker;
    let report = lambda.shutdown().await;
    assert!(report.sandboxes.iter().all(|end| end.terminated && !end.killed), "{report:?}");
    assert!(lines(&journal).contains("closed"), "{:?}", lines(&journal));
}

#[tokio::test]
async fn a_failed_message_leaves_the_others_done() {
    let worker = Worker::new();
    let bad = r#"{"id":"bad","fails":true}"#;
    let mixed = [("m-1", task("one", 0)), ("m-2", bad.to_owned()), ("m-3", "no task".into()), ("m-4", task("four", 0))];
    let messages = mixed.each_ref().map(|(id, body)| (*id, body.as_str()));

    let answer = Answer::of(&send(&worker.lambda, batch("work", &messages).to_string()).await);
    assert_eq!(answer.failures(), ["m-2", "m-3"]);
    assert_eq!(worker.done(), BTreeSet::from(["one", "four"].map(str::to_owned)));

    // In order, everything after the first failure is given back.
    let worker = Worker::new();
    let answer = Answer::of(&send(&worker.lambda, batch("in-order.fifo", &messages).to_string()).await);
    assert_eq!(answer.failures(), ["m-2", "m-3", "m-4"]);
    assert_eq!(worker.done(), BTreeSet::from(["one".to_owned()]));
}
