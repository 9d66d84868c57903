use std::ffi::{OsStr, OsString};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The zip of a packaged group.
pub fn bundle(example: &str, group: &str) -> PathBuf {
    existing(bundles(example).join(format!("{group}.zip")))
}

/// The folder of a packaged example.
pub fn bundles(example: &str) -> PathBuf {
    existing(variable("PIKKU_BUNDLES").join(example))
}

/// The folder of a group's bundle for Cloudflare Workers.
pub fn worker(example: &str, group: &str) -> PathBuf {
    existing(variable("PIKKU_BUNDLES").join("cloudflare").join(example).join(group))
}

/// The bundle of a group for Azure Functions: a zip, as it is deployed.
pub fn azure(example: &str, group: &str) -> PathBuf {
    existing(azure_bundles(example).join(format!("{group}.zip")))
}

/// The folder of an example's bundles for Azure Functions.
pub fn azure_bundles(example: &str) -> PathBuf {
    existing(variable("PIKKU_BUNDLES").join("azure").join(example))
}

/// The program of an example's server.
pub fn server(example: &str) -> PathBuf {
    existing(variable("PIKKU_BUNDLES").join("server").join(example).join(example))
}

/// A judge by its path below the folder of tools, such as `venv/bin/sam`.
pub fn tool(path: &str) -> PathBuf {
    existing(variable("PIKKU_TOOLS").join(path))
}

/// The packager.
pub fn packager() -> PathBuf {
    existing(variable("PIKKU_PACKAGER"))
}

/// The folder in which the packager was built. What packages are made of has been compiled there for the examples.
pub fn target() -> PathBuf {
    let packager = packager();
    packager.ancestors().nth(2).expect("the target folder").to_owned()
}

/// Packages the app with that manifest for Lambda into a folder, building below `target`, with programs from a search
/// path.
pub fn package(path: &OsStr, manifest: &Path, target: &Path, out: &Path, arguments: &[&str]) -> Output {
    Command::new(packager())
        .args(["pikku", "package", "--target", "lambda", "--manifest-path"])
        .arg(manifest)
        .arg("--out-dir")
        .arg(out)
        .args(arguments)
        .env("PATH", path)
        .env("CARGO_TARGET_DIR", target)
        .output()
        .unwrap_or_else(|why| panic!("the packager does not start: {why}"))
}

/// This process's search path with zig first.
pub fn path_with_zig() -> OsString {
    let zig = tool("venv-zig/bin/cargo-zigbuild");
    let folders = zig.parent().map(Path::to_path_buf).into_iter().chain(search_path());
    env::join_paths(folders).expect("a search path")
}

/// This process's search path without zig: where a folder on it has cargo-zigbuild, links to all else in it stand in
/// `aside`.
pub fn path_without_zig(aside: &Path) -> OsString {
    let folders = search_path().into_iter().enumerate().map(|(index, folder)| {
        if !folder.join("cargo-zigbuild").exists() {
            return folder;
        }
        let others = aside.join(index.to_string());
        fs::create_dir_all(&others).expect("a folder");
        for entry in fs::read_dir(&folder).expect("a folder") {
            let entry = entry.expect("an entry");
            if entry.file_name() != "cargo-zigbuild" {
                symlink(entry.path(), others.join(entry.file_name())).expect("a link");
            }
        }
        others
    });
    env::join_paths(folders).expect("a search path")
}

fn search_path() -> Vec<PathBuf> {
    env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect()
}

/// Copies a folder and all that is in it to a place where nothing is yet.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() { copy_folder(&path, &to) } else { fs::copy(&path, &to).map(drop).expect("a copy") }
    }
}

fn variable(name: &str) -> PathBuf {
    match env::var_os(name) {
        Some(value) => value.into(),
        None => panic!("{name} is not set: run these tests with `cargo xtask test`"),
    }
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is not there: run these tests with `cargo xtask test`", path.display());
    path
}
