//! What a person reads on the command line, and the exit code that a script reads.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn cargo_pikku(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cargo-pikku"))
        .args(args)
        .current_dir(dir)
        .env_remove("CARGO_TARGET_DIR")
        .env("COLUMNS", "100")
        .output()
        .expect("the program under test")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// The talk, with the names of folders that differ between runs left out.
fn stderr(output: &Output, dir: &Path) -> String {
    let dir = dir.canonicalize().expect("a folder");
    String::from_utf8(output.stderr.clone()).expect("text").replace(&dir.display().to_string(), "[DIR]")
}

/// A package without dependencies.
fn package(dir: &Path, manifest: &str) {
    fs::create_dir_all(dir.join("src")).expect("a folder");
    fs::write(dir.join("src/lib.rs"), "").expect("a library");
    fs::write(
        dir.join("Cargo.toml"),
        format!("[package]\nname = \"plain\"\nedition = \"2024\"\n{manifest}\n[workspace]\n"),
    )
    .expect("a manifest");
}

#[test]
fn it_runs_as_a_subcommand_and_by_its_own_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let (own, sub) = (cargo_pikku(dir.path(), &["--version"]), cargo_pikku(dir.path(), &["pikku", "--version"]));
    assert!(own.status.success() && sub.status.success());
    assert_eq!(stdout(&own), stdout(&sub));
    assert!(stdout(&own).ends_with(&format!("{}\n", env!("CARGO_PKG_VERSION"))), "{}", stdout(&own));
}

#[test]
fn every_command_has_help_with_an_example() {
    let dir = tempfile::tempdir().expect("a folder");
    let all = cargo_pikku(dir.path(), &["pikku", "--help"]);
    assert!(all.status.success());
    let mut commands = 0;
    for command in ["new", "dev", "call", "package", "invoke", "manifest", "explain", "completions"] {
        assert!(stdout(&all).lines().any(|line| line.trim_start().starts_with(command)), "{command}");
        let help = cargo_pikku(dir.path(), &["pikku", command, "--help"]);
        assert!(help.status.success(), "{command}");
        let example = format!("\n  cargo pikku {command}");
        assert!(stdout(&help).contains("Example") && stdout(&help).contains(&example), "{command}:\n{}", stdout(&help));
        commands += 1;
    }
    assert_eq!(commands, 8);
    for code in ["  0  ", "  2  ", "  3  ", "  4  ", "  5  ", "  6  ", "  7  ", "  8  ", "  70 "] {
        assert!(stdout(&all).contains(code), "exit code {code} is not documented");
    }
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let dir = tempfile::tempdir().expect("a folder");
    for args in [
        &["package"][..],
        &["package", "--target", "moon"],
        &["package", "--target", "lambda", "--arch", "mips"],
        &["fly"],
    ] {
        let output = cargo_pikku(dir.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn codes_are_explained() {
    let dir = tempfile::tempdir().expect("a folder");
    let page = cargo_pikku(dir.path(), &["explain", "PK0206"]);
    assert!(page.status.success());
    insta::assert_snapshot!(stdout(&page), @"
    # PK0206: a word that is no time zone

    Schedules run in the time zones of the IANA database. Abbreviations such as CET and offsets such as +01:00 do not say
    when summer time begins.

    ## Fix

    Use a name such as `Europe/Berlin`, `America/New_York` or `UTC`.
    ");
    let unknown = cargo_pikku(dir.path(), &["explain", "PK9999"]);
    assert_eq!(unknown.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&unknown, dir.path()), @"
    error: there is no page for `PK9999`

    hint: `cargo pikku explain` without a code lists all
    ");
}

#[test]
fn a_folder_without_a_package() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = cargo_pikku(dir.path(), &["package", "--target", "lambda"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let talk = stderr(&output, dir.path());
    assert!(talk.starts_with("error[PK1001]: Cargo could not describe the project\n"), "{talk}");
    assert!(talk.ends_with("\n\nhint: run it in a Cargo package, or name one with --manifest-path\n"), "{talk}");
}

#[test]
fn a_package_that_is_no_app() {
    let dir = tempfile::tempdir().expect("a folder");
    package(dir.path(), "");
    let output = cargo_pikku(dir.path(), &["package", "--target", "lambda", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output, dir.path()), @"
    error[PK1002]: the package `plain` does not depend on `pikku`

    hint: add it with `cargo add pikku`, or choose the app's package with --package
    ");
    // A machine gets the same as data.
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&json["error"]["code"], &json["error"]["exit"]), (&"PK1002".into(), &2.into()));
    let other = cargo_pikku(dir.path(), &["manifest", "--package", "shop"]);
    assert_eq!(other.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&other, dir.path()), @"
    error[PK1002]: the workspace has no package `shop`

    hint: it has: plain
    ");
}

#[test]
fn a_terminal_gets_colour_unless_it_wants_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let on_a_terminal = |no_color: &str| {
        let output = Command::new("script")
            .args(["--quiet", "--return", "--command"])
            .arg(format!("{} explain PK9999", env!("CARGO_BIN_EXE_cargo-pikku")))
            .arg("/dev/null")
            .current_dir(dir.path())
            .env("TERM", "xterm")
            .env("NO_COLOR", no_color)
            .output()
            .expect("`script` of util-linux, which brings a terminal");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stdout(&output).contains("there is no page"), "{output:?}");
        stdout(&output).contains('\u{1b}')
    };
    assert!(on_a_terminal(""));
    assert!(!on_a_terminal("1"));
}

#[test]
fn completions_name_the_commands() {
    let dir = tempfile::tempdir().expect("a folder");
    for shell in ["bash", "zsh", "fish"] {
        let output = cargo_pikku(dir.path(), &["completions", shell]);
        assert!(output.status.success(), "{shell}");
        assert!(stdout(&output).contains("package") && stdout(&output).contains("manifest-path"), "{shell}");
    }
}

#[test]
fn the_manifest_has_a_schema_of_its_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = cargo_pikku(dir.path(), &["manifest", "--schema"]);
    assert!(output.status.success());
    let schema: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let follows = jsonschema::validator_for(&schema).expect("a JSON Schema");
    let wiring = |wiring: serde_json::Value| {
        serde_json::json!({
            "manifest_version": 1,
            "groups": [{ "name": "orders", "wirings": [wiring] }],
            "functions": [],
            "services": [],
        })
    };
    let location = serde_json::json!({ "file": "src/lib.rs", "line": 1 });
    let good = serde_json::json!({
        "id": "http:GET /", "function": "show", "http": { "method": "GET", "path": "/" }, "location": location,
    });
    assert!(follows.is_valid(&wiring(good.clone())));
    let mut bad = good;
    bad["http"] = serde_json::json!({ "path": 7 });
    assert!(!follows.is_valid(&wiring(bad)));
}
