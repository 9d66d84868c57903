//! The README, followed as a reader would.

use crate::{packager, repository};
use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

/// The blocks of code of the README below a heading: the language of each, and its text.
pub fn blocks(heading: &str) -> Vec<(String, String)> {
    let readme = fs::read_to_string(repository().join("README.md")).expect("the README");
    let (_, below) = readme.split_once(heading).expect("the heading");
    let section = below.split("\n## ").next().expect("a section");
    let fenced = section.split("```").skip(1).step_by(2);
    fenced.filter_map(|block| block.split_once('\n')).map(|(kind, text)| (kind.to_owned(), text.to_owned())).collect()
}

/// Runs commands in a folder as a reader would, with the packager on the search path; what is built goes to `target`.
pub fn shell(script: &str, folder: &Path, target: &Path) -> String {
    let programs = packager().parent().expect("its folder").to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(programs).chain(env::split_paths(&path))).expect("a search path");
    let output = Command::new("sh")
        .args(["-ec", script])
        .current_dir(folder)
        .env("PATH", path)
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Makes the app of the quick start in a folder, as its first two blocks say, with the repository beside it, whose locked
/// versions of dependencies it takes: they have been compiled.
pub fn quick_start(folder: &Path, target: &Path) -> PathBuf {
    let blocks = blocks("## Quick start");
    let [(_, set_up), (kind, source), ..] = blocks.as_slice() else { panic!("two blocks: {blocks:?}") };
    assert_eq!(kind, "rust");
    symlink(repository().canonicalize().expect("the repository"), folder.join("pikku")).expect("a link");
    shell(set_up, folder, target);
    let app = folder.join("hello");
    fs::write(app.join("src/lib.rs"), source).expect("the library");
    fs::copy(repository().join("Cargo.lock"), app.join("Cargo.lock")).expect("the lock file");
    app
}
