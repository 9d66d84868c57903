//! `cargo xtask test`: every test there is, and after them the search for what they must not have written.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs, io, iter};

use crate::failure::Failure;
use crate::places::Places;
use crate::planted::{self, Search};
use crate::process::Program;
use crate::steps::Steps;
use crate::tools;

/// The apps that the whole-system tests run as bundles, each with its folder.
const APPS: [(&str, &str); 5] = [
    SHOP,
    ("echo", "examples/echo"),
    ("fixture", "tests/app"),
    ("policies", "tests/policies"),
    ("scenarios", "tests/scenarios/app"),
];

/// The apps that the whole-system tests run as Workers, each with its folder and the groups that Workers can run; none for
/// all of them.
const WORKERS: [((&str, &str), &[&str]); 5] = [
    (SHOP, &["catalog", "orders", "reports"]),
    (("echo", "examples/echo"), &[]),
    (("edge", "tests/edge"), &[]),
    (("policies", "tests/policies"), &[]),
    (("scenarios", "tests/scenarios/app"), &["everywhere"]),
];

/// The apps that the whole-system tests run as custom handlers of Azure Functions, each with its folder and the groups that
/// are wanted; none for all of them.
const AZURE: [((&str, &str), &[&str]); 4] = [
    // Its smallest.
    (SHOP, &["reports"]),
    (("echo", "examples/echo"), &[]),
    (("fixture", "tests/app"), &["work", "kept"]),
    (("scenarios", "tests/scenarios/app"), &["everywhere"]),
];

/// The apps that the whole-system tests run as servers, each with its folder, and what `package` is told of it besides: all are
/// static, as a server is wherever it can be, but one.
const SERVERS: [((&str, &str), &[&str]); 3] =
    [(("echo", "examples/echo"), &["--libc", "gnu"]), (("scenarios", "tests/scenarios/app"), &[]), (SHOP, &[])];

/// The example that is shown.
pub(crate) const SHOP: (&str, &str) = ("shop", "examples/shop");

pub(crate) fn run(places: &Places, steps: &mut Steps) -> Result<(), Failure> {
    tools::install(places, steps)?;
    forget(places)?;
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
    for (app, more) in SERVERS {
        package_server(places, steps, app, more)?;
    }
    steps.run("workspace tests", || workspace_tests(places))?;
    steps.run("documentation tests", || {
        let record = places.written.join("documentation.log");
        in_workspace(places).args(["test", "--workspace", "--doc"]).record(record).limit(1800).run()
    })?;
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
                "pikku-tower",
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
    steps.run("search for planted secrets", || searched(places)?.verdict())
}

/// What nextest keeps of a run: what each test printed, those that passed too. It lies in the workspace, wherever cargo's target
/// folder is.
fn junit(places: &Places) -> PathBuf {
    places.root.join("target/nextest/default/junit.xml")
}

/// Forgets what the run before has written.
fn forget(places: &Places) -> Result<(), Failure> {
    let logs = places.written.join("logs");
    for old in [&places.written, &places.bundles] {
        if old.exists() {
            fs::remove_dir_all(old).map_err(Failure::file("remove", old))?;
        }
    }
    if junit(places).exists() {
        fs::remove_file(junit(places)).map_err(Failure::file("remove", junit(places)))?;
    }
    fs::create_dir_all(&logs).map_err(Failure::file("make", &logs))
}

/// Looks for planted secrets in all that the run has written.
fn searched(places: &Places) -> Result<Search, Failure> {
    let mut written = vec![places.written.clone(), places.bundles.clone()];
    if tools::on_path("cargo-nextest") {
        written.push(junit(places));
    }
    let listed =
        Program::new("git").arg("-C").arg(&places.root).args(["ls-files", "-z", "*.snap", "*.stderr"]).read()?;
    let snapshots = listed.split('\0').filter(|path| !path.is_empty()).map(|path| places.root.join(path));
    written.extend(snapshots.filter(|path| path.is_file()));
    Search::all(&written)
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
        .env(LOGS, places.written.join("logs"))
}

/// The packager, with secrets in its environment that have to stay there.
fn packaging(places: &Places) -> Program {
    let packager = Program::new(places.packager()).env("CARGO_TARGET_DIR", &places.target);
    let packager = packager.env(LOGS, places.written.join("logs")).record(places.written.join("packager.log"));
    planted::environment().iter().fold(packager, |packager, (name, value)| packager.env(name, value))
}

/// The variable that has local engines keep what bundles write.
const LOGS: &str = "PIKKU_LOGS";

/// Builds the packager, with or without everything else: with it, features are the same as for the tests.
pub(crate) fn build_packager(places: &Places, steps: &mut Steps, packages: &[&str]) -> Result<(), Failure> {
    steps.run("build the packager", || in_workspace(places).arg("build").args(packages).limit(1800).run())
}

/// Packages an app for Lambda into the folder of bundles.
pub(crate) fn package(places: &Places, steps: &mut Steps, (name, folder): (&str, &str)) -> Result<(), Failure> {
    steps.run(&format!("package {folder}"), || {
        packaging(places)
            .args(["pikku", "package", "--target", "lambda", "--manifest-path"])
            .arg(places.root.join(folder).join("Cargo.toml"))
            .arg("--out-dir")
            .arg(places.bundles.join(name))
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
        packaging(places)
            .args(["pikku", "package", "--target", target])
            .args(groups.iter().flat_map(|group| ["--group", group]))
            .arg("--manifest-path")
            .arg(places.root.join(folder).join("Cargo.toml"))
            .arg("--out-dir")
            .arg(places.bundles.join(target).join(name))
            .limit(1800)
            .run()
    })
}

/// Packages an app as a server into the folder of bundles, with zig where the packager finds it.
fn package_server(
    places: &Places,
    steps: &mut Steps,
    (name, folder): (&str, &str),
    more: &[&str],
) -> Result<(), Failure> {
    steps.run(&format!("package {folder} as a server"), || {
        packaging(places)
            .env("PATH", path_with_zig(places)?)
            .args(["pikku", "package", "--target", "server", "--manifest-path"])
            .arg(places.root.join(folder).join("Cargo.toml"))
            .arg("--out-dir")
            .arg(places.bundles.join("server").join(name))
            .args(more)
            .limit(1800)
            .run()
    })
}

/// This process's search path with zig first.
fn path_with_zig(places: &Places) -> Result<OsString, Failure> {
    let path = env::var_os("PATH").unwrap_or_default();
    let zig = places.tools.join("venv-zig/bin");
    let folders = iter::once(zig.clone()).chain(env::split_paths(&path));
    env::join_paths(folders).map_err(|source| Failure::file("search", &zig)(io::Error::other(source)))
}

fn workspace_tests(places: &Places) -> Result<(), Failure> {
    let nextest = tools::on_path("cargo-nextest");
    let arguments: &[&str] = if nextest {
        &["nextest", "run", "--workspace", "--no-fail-fast"]
    } else {
        &["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]
    };
    let tests = in_workspace(places).args(arguments).limit(2400);
    // nextest keeps all output by itself.
    if nextest { tests.run() } else { tests.record(places.written.join("tests.log")).run() }
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
        .env(LOGS, places.written.join("logs"))
        .record(places.written.join("corpus.log"))
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
