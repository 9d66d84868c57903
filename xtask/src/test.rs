//! `cargo xtask test`: every test there is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::places::Places;
use crate::process::Program;
use crate::steps::Steps;
use crate::tools;

/// The apps that the whole-system tests run as bundles, each with its folder.
const APPS: [(&str, &str); 4] =
    [SHOP, ("echo", "examples/echo"), ("fixture", "tests/app"), ("scenarios", "tests/scenarios/app")];

/// The apps that the whole-system tests run as Workers, each with its folder and the groups that Workers can run; none for
/// all of them.
const WORKERS: [((&str, &str), &[&str]); 4] = [
    (SHOP, &["catalog", "orders", "reports"]),
    (("echo", "examples/echo"), &[]),
    (("edge", "tests/edge"), &[]),
    (("scenarios", "tests/scenarios/app"), &["everywhere"]),
];

/// The apps that the whole-system tests run as custom handlers of Azure Functions, each with its folder and the groups that
/// are wanted; none for all of them.
const AZURE: [((&str, &str), &[&str]); 4] = [
    // Its smallest.
    (SHOP, &["reports"]),
    (("echo", "examples/echo"), &[]),
    (("fixture", "tests/app"), &["work"]),
    (("scenarios", "tests/scenarios/app"), &["everywhere"]),
];

/// The apps that the whole-system tests run as servers, each with its folder.
const SERVERS: [(&str, &str); 3] = [("echo", "examples/echo"), ("scenarios", "tests/scenarios/app"), SHOP];

/// The example that is shown.
pub(crate) const SHOP: (&str, &str) = ("shop", "examples/shop");

pub(crate) fn run(places: &Places, steps: &mut Steps) -> Result<(), Failure> {
    tools::install(places, steps)?;
    build_packager(places, steps, &["--workspace"])?;
    for app in APPS {
        package(places, steps, app)?;
    }
    for (app, groups) in AZURE {
        package_groups(places, steps, "azure", app, groups)?;
    }
    for (app, groups) in WORKERS {
        package_groups(places, steps, "cloudflare", app, groups)?;
    }
    for app in SERVERS {
        package_server(places, steps, app)?;
    }
    steps.run("workspace tests", || workspace_tests(places))?;
    steps
        .run("documentation tests", || in_workspace(places).args(["test", "--workspace", "--doc"]).limit(1800).run())?;
    steps.run("lints on wasm32", || {
        in_workspace(places)
            .args([
                "clippy",
                "-p",
                "pikku",
                "-p",
                "pikku-cloudflare",
                "-p",
                "pikku-middleware",
                "-p",
                "edge",
                "-p",
                "echo",
                "-p",
                "shop",
            ])
            .args(["--target", "wasm32-unknown-unknown", "--", "-D", "warnings"])
            .limit(900)
            .run()
    })?;
    for (platform, kinds, more) in CORPUS {
        steps.run(&format!("event corpus of {platform}"), || corpus(places, platform, kinds, more))?;
    }
    Ok(())
}

/// The platforms of the corpus, each with the arguments that choose its events, and those that hand one over. What Workers
/// take from queues and schedules is a test of its own, for they show it elsewhere.
const CORPUS: [(&str, &[&str], &[&str]); 3] = [
    ("lambda", &["--platform", "aws-lambda"], &[]),
    ("azure", &["--platform", "azure-functions"], &["--as", "{kind}"]),
    ("cloudflare", &["--platform", "cloudflare-workers", "--kind", "fetch"], &[]),
];

/// A cargo command on this workspace that finds the tools and the bundles.
fn in_workspace(places: &Places) -> Program {
    Program::cargo()
        .within(&places.root)
        .env("CARGO_TARGET_DIR", &places.target)
        .env("PIKKU_TOOLS", &places.tools)
        .env("PIKKU_BUNDLES", &places.bundles)
        .env("PIKKU_PACKAGER", places.packager())
}

/// Builds the packager, with or without everything else: with it, features are the same as for the tests.
pub(crate) fn build_packager(places: &Places, steps: &mut Steps, packages: &[&str]) -> Result<(), Failure> {
    steps.run("build the packager", || in_workspace(places).arg("build").args(packages).limit(1800).run())
}

/// Packages an app for Lambda into the folder of bundles.
pub(crate) fn package(places: &Places, steps: &mut Steps, (name, folder): (&str, &str)) -> Result<(), Failure> {
    steps.run(&format!("package {folder}"), || {
        Program::new(places.packager())
            .args(["pikku", "package", "--target", "lambda", "--manifest-path"])
            .arg(places.root.join(folder).join("Cargo.toml"))
            .arg("--out-dir")
            .arg(places.bundles.join(name))
            .env("CARGO_TARGET_DIR", &places.target)
            .limit(1800)
            .run()
    })
}

/// Packages groups of an app for a target into the folder of bundles.
fn package_groups(
    places: &Places,
    steps: &mut Steps,
    target: &str,
    (name, folder): (&str, &str),
    groups: &[&str],
) -> Result<(), Failure> {
    steps.run(&format!("package {folder} for {target}"), || {
        Program::new(places.packager())
            .args(["pikku", "package", "--target", target])
            .args(groups.iter().flat_map(|group| ["--group", group]))
            .arg("--manifest-path")
            .arg(places.root.join(folder).join("Cargo.toml"))
            .arg("--out-dir")
            .arg(places.bundles.join(target).join(name))
            .env("CARGO_TARGET_DIR", &places.target)
            .limit(1800)
            .run()
    })
}

/// Packages an app as a server into the folder of bundles.
fn package_server(places: &Places, steps: &mut Steps, (name, folder): (&str, &str)) -> Result<(), Failure> {
    steps.run(&format!("package {folder} as a server"), || {
        Program::new(places.packager())
            .args(["pikku", "package", "--target", "server", "--manifest-path"])
            .arg(places.root.join(folder).join("Cargo.toml"))
            .arg("--out-dir")
            .arg(places.bundles.join("server").join(name))
            .env("CARGO_TARGET_DIR", &places.target)
            .limit(1800)
            .run()
    })
}

fn workspace_tests(places: &Places) -> Result<(), Failure> {
    let nextest = tools::on_path("cargo-nextest");
    let arguments: &[&str] = if nextest {
        &["nextest", "run", "--workspace", "--no-fail-fast"]
    } else {
        &["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]
    };
    in_workspace(places).args(arguments).limit(2400).run()
}

/// The corpus of platform events lies beside the repository where there is one.
fn corpus(places: &Places, target: &str, chosen: &[&str], more: &[&str]) -> Result<(), Failure> {
    let shared = places.root.join("../shared");
    let (checker, corpus) = (shared.join("corpus-check.py"), shared.join("corpus"));
    if !(checker.is_file() && corpus.is_dir()) {
        eprintln!("   skipped: there is no ../shared/corpus beside the repository");
        return Ok(());
    }
    Program::new("python3")
        .arg(checker)
        .arg(corpus)
        .args(chosen)
        .arg("--")
        .arg(places.packager())
        .args(invocation(target, &bundles(places, target, "echo"), "echo"))
        .args(["--event", "{event}"])
        .args(more)
        .env("PIKKU_MINIFLARE", places.tools.join("npm/node_modules"))
        .limit(900)
        .run()
}

/// The folder of an app's bundles for a target.
fn bundles(places: &Places, target: &str, app: &str) -> PathBuf {
    if target == "lambda" { places.bundles.join(app) } else { places.bundles.join(target).join(app) }
}

/// The arguments that invoke a group's bundle.
pub(crate) fn invocation(target: &str, bundles: &Path, group: &str) -> Vec<OsString> {
    ["pikku", "invoke", "--target", target, "--group", group, "--bundle-dir"]
        .map(OsString::from)
        .into_iter()
        .chain([bundles.into()])
        .collect()
}
