//! What only a build of its own shows: the same bytes twice, a proof that one call flips, a bundle for the other
//! processor, the quick start of the README.

use pikku_local_lambda::LocalLambda;
use pikku_tests::{Answer, event::post_json, package, packager, repository, send};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
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

/// The blocks of code of the README below a heading: the language of each, and its text.
fn blocks(heading: &str) -> Vec<(String, String)> {
    let readme = fs::read_to_string(repository().join("README.md")).expect("the README");
    let (_, below) = readme.split_once(heading).expect("the heading");
    let section = below.split("\n## ").next().expect("a section");
    let fenced = section.split("```").skip(1).step_by(2);
    fenced.filter_map(|block| block.split_once('\n')).map(|(kind, text)| (kind.to_owned(), text.to_owned())).collect()
}

#[test]
fn the_quick_start_of_the_readme_works_as_it_is_written() {
    let (blocks, cloudflare) = (blocks("## Quick start"), blocks("## Cloudflare Workers"));
    let [(_, set_up), (kind, source), (_, use_it), ..] = blocks.as_slice() else { panic!("three blocks: {blocks:?}") };
    assert_eq!(kind, "rust");

    let beside = folder();
    symlink(repository().canonicalize().expect("the repository"), beside.path().join("pikku")).expect("a link");
    let (target, _guard) = shared_target();
    let programs = packager().parent().expect("its folder").to_owned();
    let path = std::env::join_paths(
        std::iter::once(programs).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let path = path.expect("a search path");
    let shell = |script: &str, folder: &Path| {
        let output = Command::new("sh")
            .args(["-ec", script])
            .current_dir(folder)
            .env("PATH", &path)
            .env("CARGO_TARGET_DIR", &target)
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let app = beside.path().join("hello");
    shell(set_up, beside.path());
    fs::write(app.join("src/lib.rs"), source).expect("the library");
    let answer = shell(use_it, &app);
    assert!(answer.contains(r#""statusCode":200"#) && answer.contains("hello, "), "{answer}");

    // The same app as a Worker, in the three commands that the next section has.
    let on_workers = cloudflare.first().map(|(_, commands)| commands.as_str()).unwrap_or_default();
    assert_eq!(on_workers.lines().filter(|line| !line.trim().is_empty()).count(), 3, "{on_workers}");
    let answer = shell(on_workers, &app);
    assert!(answer.contains(r#""statusCode":200"#) && answer.contains("hello, Ada"), "{answer}");
}
