//! What only a build of its own shows: the same bytes twice, a proof that one call flips, a bundle for the other
//! processor, the quick start of the README.

use pikku_local_lambda::LocalLambda;
use pikku_tests::{Answer, event::post_json, package, readme, repository, send};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tempfile::TempDir;

fn fixture() -> PathBuf {
    repository().join("tests/app/Cargo.toml")
}

/// Packages the group `text` of the fixture and wants success.
fn packaged(target: &Path, out: &Path, more: &[&str]) {
    let output = package(&fixture(), target, out, &[&["--group", "text"], more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The folder in which builds of these tests are kept between runs; one test at a time builds there.
fn shared_target() -> (PathBuf, MutexGuard<'static, ()>) {
    static BUILDS: Mutex<()> = Mutex::new(());
    let guard = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
    (Path::new(env!("CARGO_TARGET_TMPDIR")).join("builds"), guard)
}

#[test]
fn two_clean_builds_give_the_same_zip() {
    let zip = |folder: &TempDir| {
        packaged(&folder.path().join("target"), &folder.path().join("out"), &[]);
        fs::read(folder.path().join("out/text.zip")).expect("the zip")
    };
    let (first, second) = (folder(), folder());
    let (first, second) = (zip(&first), zip(&second));
    assert!(first.len() > 100_000, "{} bytes are no bundle", first.len());
    assert!(first == second, "two builds of {} and {} bytes differ", first.len(), second.len());
}

#[test]
fn one_more_call_flips_the_proof() {
    let (target, _guard) = shared_target();
    let proof = |more: &[&str]| -> Value {
        let out = folder();
        packaged(&target, out.path(), more);
        let text = fs::read_to_string(out.path().join("text.proof.json")).expect("the proof");
        serde_json::from_str(&text).expect("a proof of JSON")
    };
    let (without, with) = (proof(&[]), proof(&["--features", "one-more-call"]));
    let has_regex = |proof: &Value| proof["crates"].get("regex_lite").is_some();
    assert!(!has_regex(&without) && has_regex(&with), "{without}\n{with}");
    for proof in [&without, &with] {
        assert_eq!(proof["functions"]["found"], json!(["count"]));
        assert_eq!(proof["services"]["found"], json!([]));
        // What the other groups use is looked for and not there.
        let absent = proof["functions"]["absent"].to_string();
        assert!(["work", "overlap", "show"].iter().all(|function| absent.contains(function)), "{absent}");
        assert!(proof["services"]["absent"].to_string().contains("Journal"), "{proof}");
    }
}

#[tokio::test]
async fn a_bundle_for_arm64_answers_under_qemu() {
    let out = folder();
    let (target, guard) = shared_target();
    packaged(&target, out.path(), &["--arch", "arm64"]);
    drop(guard);
    let lambda = LocalLambda::zip(out.path().join("text.zip"))
        .timeout(Duration::from_secs(30))
        .init_timeout(Duration::from_secs(30))
        .start()
        .expect("a bundle that qemu runs");
    let answer = Answer::of(&send(&lambda, post_json("/count", r#"{"text":"one two three"}"#).to_string()).await);
    assert_eq!(answer.success(), &json!({"words": 3}));
}

#[test]
fn the_quick_start_of_the_readme_works_as_it_is_written() {
    let (quick_start, cloudflare) = (readme::blocks("## Quick start"), readme::blocks("## Cloudflare Workers"));
    let server = readme::blocks("## A plain server");
    let [_, _, (_, use_it), ..] = quick_start.as_slice() else { panic!("three blocks: {quick_start:?}") };
    let beside = folder();
    let (target, _guard) = shared_target();
    let app = readme::quick_start(beside.path(), &target);
    let shell = |script: &str| readme::shell(script, &app, &target);
    let answer = shell(use_it);
    assert!(answer.contains(r#""statusCode":200"#) && answer.contains("hello, "), "{answer}");

    // The same app as a Worker, in the three commands that the next section has.
    let on_workers = cloudflare.first().map(|(_, commands)| commands.as_str()).unwrap_or_default();
    assert_eq!(on_workers.lines().filter(|line| !line.trim().is_empty()).count(), 3, "{on_workers}");
    let answer = shell(on_workers);
    assert!(answer.contains(r#""statusCode":200"#) && answer.contains("hello, Ada"), "{answer}");

    // And as a server, which the section after that has in two.
    let as_server = server.first().map(|(_, commands)| commands.as_str()).unwrap_or_default();
    assert_eq!(as_server.lines().filter(|line| !line.trim().is_empty()).count(), 2, "{as_server}");
    let answer = shell(as_server);
    assert!(answer.contains(r#""statusCode":200"#) && answer.contains("hello, Ada"), "{answer}");
}
