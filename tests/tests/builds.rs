//! What only a build of its own shows: the same bytes twice, a proof that one call flips, other profiles, a static bundle,
//! bundles for the other processor, with C code and without, the quick start of the README.

use object::{
    Architecture, LittleEndian, Object as _, elf,
    read::elf::{ElfFile64, ProgramHeader as _},
};
use pikku_local_lambda::LocalLambda;
use pikku_tests::{
    Answer, event::post_json, package, packager, path_with_zig, path_without_zig, readme, repository, send, target,
};
use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tempfile::TempDir;

fn fixture() -> PathBuf {
    repository().join("tests/app/Cargo.toml")
}

/// Packages the group `text` of the fixture.
fn text(path: &OsStr, target: &Path, out: &Path, more: &[&str]) -> Output {
    package(path, &fixture(), target, out, &[&["--group", "text"], more].concat())
}

/// Packages the group `text` of the fixture without zig and wants success.
fn packaged(target: &Path, out: &Path, more: &[&str]) -> Output {
    let aside = folder();
    let output = text(&path_without_zig(aside.path()), target, out, more);
    succeeded(&output);
    output
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
    assert!(!said(output).contains('\u{1b}'), "a pipe gets plain lines: {}", said(output));
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What the packaged group `text` answers, on this processor or under qemu.
async fn counted(out: &Path) -> Value {
    let lambda = LocalLambda::zip(out.join("text.zip"))
        .timeout(Duration::from_secs(30))
        .init_timeout(Duration::from_secs(30))
        .start()
        .expect("a bundle that starts");
    let event = post_json("/count", r#"{"text":"one two three"}"#);
    Answer::of(&send(&lambda, event.to_string()).await).success().clone()
}

/// The processor that the packaged group `text` is for, and whether it is loaded without any other file.
fn processor(out: &Path) -> (Architecture, bool) {
    let program = fs::read(out.join("text/bootstrap")).expect("the bootstrap");
    let program = ElfFile64::<LittleEndian>::parse(&*program).expect("an ELF program");
    let kinds = program.elf_program_headers().iter().map(|segment| segment.p_type(LittleEndian)).collect::<Vec<_>>();
    assert!(kinds.contains(&elf::PT_LOAD), "{kinds:?}");
    (program.architecture(), !kinds.contains(&elf::PT_INTERP))
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The folder in which builds are kept between runs; one test at a time builds there.
fn shared_target() -> (PathBuf, MutexGuard<'static, ()>) {
    static BUILDS: Mutex<()> = Mutex::new(());
    let guard = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
    (target(), guard)
}

#[test]
fn a_clean_build_elsewhere_gives_the_same_zip() {
    let zip = |target: &Path| {
        let out = folder();
        packaged(target, out.path(), &[]);
        let program = fs::read(out.path().join("text/bootstrap")).expect("the bootstrap");
        for folder in [repository().canonicalize().expect("the repository").as_path(), target] {
            let folder = folder.to_str().expect("a path");
            assert!(!program.windows(folder.len()).any(|part| part == folder.as_bytes()), "{folder} is in it");
        }
        fs::read(out.path().join("text.zip")).expect("the zip")
    };
    let (clean, (kept, _guard)) = (folder(), shared_target());
    let (first, second) = (zip(clean.path()), zip(&kept));
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

/// With rustup's target and Rust's own linker; the profile is neither the default nor what another test builds.
#[tokio::test]
async fn a_static_bundle_of_another_profile_answers() {
    let out = folder();
    let (target, guard) = shared_target();
    let printed = packaged(&target, out.path(), &["--libc", "musl", "--profile", "small", "--lto", "off", "--json"]);
    let workspace = fs::read_to_string(target.join("pikku/build/lambda/Cargo.toml")).expect("the workspace");
    drop(guard);
    assert!(workspace.contains("opt-level = \"z\"\nlto = \"off\"\ncodegen-units = 1\n"), "{workspace}");
    let read = |file: &str| -> Value {
        let text = fs::read_to_string(out.path().join(file)).expect("a file");
        serde_json::from_str(&text).expect("JSON")
    };
    let report = read("report.json");
    assert_eq!((&report["target"], &report["profile"]), (&json!("x86_64-unknown-linux-musl"), &json!("small")));
    assert_eq!(report["lto"], "off");
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout).expect("JSON"), report);
    // The linker alone leaves out what the group does not use.
    let proof = read("text.proof.json");
    assert_eq!(proof["functions"]["found"], json!(["count"]));
    let absent = proof["services"]["absent"].to_string();
    assert!(["Gauge", "Journal", "Works"].iter().all(|service| absent.contains(service)), "{proof}");
    assert_eq!(processor(out.path()), (Architecture::X86_64, true));
    assert_eq!(counted(out.path()).await, json!({"words": 3}));
}

/// With rustup's target and Rust's own linker.
#[tokio::test]
async fn a_bundle_for_arm64_answers_under_qemu() {
    let out = folder();
    let (target, guard) = shared_target();
    packaged(&target, out.path(), &["--arch", "arm64"]);
    drop(guard);
    assert_eq!(processor(out.path()), (Architecture::Aarch64, true));
    assert_eq!(counted(out.path()).await, json!({"words": 3}));
}

/// That zig compiles a dependency's C and assembly for another processor and links them into a static bundle, which runs
/// and computes what it should.
#[tokio::test]
async fn a_bundle_for_arm64_with_c_code_answers_under_qemu() {
    let out = folder();
    let (target, guard) = shared_target();
    let more = ["--arch", "arm64", "--libc", "musl", "--features", "c-code"];
    succeeded(&text(&path_with_zig(), &target, out.path(), &more));
    drop(guard);
    assert_eq!(processor(out.path()), (Architecture::Aarch64, true));
    let sha256 = "6899ee404683a14e8c2a03149860df25d67d34d9cd4dae7350cbe91e4b3976be";
    assert_eq!(counted(out.path()).await, json!({"words": 3, "sha256": sha256}));
}

#[test]
fn c_code_for_arm64_without_zig_is_told_what_is_missing() {
    let (out, aside) = (folder(), folder());
    let (target, _guard) = shared_target();
    let more = ["--arch", "arm64", "--features", "c-code"];
    let output = text(&path_without_zig(aside.path()), &target, out.path(), &more);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let said = said(&output);
    assert!(said.contains("failed to find tool"), "it failed of something else: {said}");
    let end = "error[PK2001]: the bundle `text` did not build\n\nhint: if a dependency compiles C code, install zig and \
               cargo-zigbuild (`pip install ziglang cargo-zigbuild`)\n";
    assert!(said.ends_with(end), "{said}");
}

#[test]
fn the_quick_start_of_the_readme_works_as_it_is_written() {
    let (quick_start, cloudflare) = (readme::blocks("## Quick start"), readme::blocks("## Cloudflare Workers"));
    let (azure, server) = (readme::blocks("## Azure Functions"), readme::blocks("## A plain server"));
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

    let packaged = fs::read_to_string(target.join("pikku/lambda/manifest.json")).expect("the packaged manifest");
    assert_eq!(shell("cargo pikku manifest"), packaged);
    // As a custom handler of Azure Functions, in two.
    let on_azure = azure.first().map(|(_, commands)| commands.as_str()).unwrap_or_default();
    assert_eq!(on_azure.lines().filter(|line| !line.trim().is_empty()).count(), 2, "{on_azure}");
    let answer = shell(on_azure);
    assert!(answer.contains(r#""statusCode":200"#) && answer.contains("hello, Ada"), "{answer}");
    // And as a server, which the section after that has in two.
    let as_server = server.first().map(|(_, commands)| commands.as_str()).unwrap_or_default();
    assert_eq!(as_server.lines().filter(|line| !line.trim().is_empty()).count(), 2, "{as_server}");
    let answer = shell(as_server);
    assert!(answer.contains(r#""statusCode":200"#) && answer.contains("hello, Ada"), "{answer}");
    over_its_budget(&app.join("Cargo.toml"), &target, beside.path());
}

/// Gives an app that has been packaged a budget that it cannot keep to.
fn over_its_budget(manifest: &Path, target: &Path, beside: &Path) {
    let mut text = fs::read_to_string(manifest).expect("the manifest");
    // No program starts within a millisecond.
    let budgets =
        "[package.metadata.pikku.lambda]\ninit_ms = 1\n\n[package.metadata.pikku.lambda.budget]\nhello = \"100 kB\"\n";
    text.push_str(&format!("\n{budgets}"));
    fs::write(manifest, text).expect("the manifest");
    let path = path_without_zig(&beside.join("others"));
    let output = package(&path, manifest, target, &beside.join("out"), &["--locked", "--offline", "--json"]);
    assert_eq!(output.status.code(), Some(6), "{}", said(&output));
    let error: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&error["error"]["code"], &error["error"]["exit"]), (&json!("PK4001"), &json!(6)));
    assert!(said(&output).contains(" of 100.0 kB; the largest parts are "), "{}", said(&output));

    // It was packaged all the same. Starting it takes longer than it may.
    let out = beside.join("out");
    let report: Value = serde_json::from_slice(&fs::read(out.join("report.json")).expect("the report")).expect("JSON");
    assert_eq!(report["groups"][0]["init"]["budget_ms"], 1);
    let mut invoke = Command::new(packager());
    invoke.args(["pikku", "invoke", "--target", "lambda", "--group", "hello", "--example", "apigw-v2", "--bundle-dir"]);
    let output = invoke.arg(&out).output().expect("cargo pikku");
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && answer.contains("Init timed out"), "{answer}{}", said(&output));
}
