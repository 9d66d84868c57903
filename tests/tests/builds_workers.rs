//! The same app, packaged in two folders, gives the same Workers, byte by byte.

use pikku_tests::{packager, repository};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

/// The blocks of code of the README below a heading.
fn blocks(heading: &str) -> Vec<String> {
    let readme = fs::read_to_string(repository().join("README.md")).expect("the README");
    let (_, below) = readme.split_once(heading).expect("the heading");
    let section = below.split("\n## ").next().expect("a section");
    let fenced = section.split("```").skip(1).step_by(2);
    fenced.filter_map(|block| block.split_once('\n')).map(|(_, text)| text.to_owned()).collect()
}

/// Runs a script in a folder, with the packager on the search path.
fn shell(script: &str, folder: &Path) {
    let programs = packager().parent().expect("its folder").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path)));
    let output = Command::new("sh")
        .args(["-ec", script])
        .current_dir(folder)
        .env("PATH", path.expect("a search path"))
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("builds-workers"))
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Every file below a folder, by its path there.
fn files(dir: &Path, below: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(dir.join(below)).expect("a folder") {
        let path = below.join(entry.expect("an entry").file_name());
        if dir.join(&path).is_dir() {
            files(dir, &path, found);
        } else {
            found.insert(path.clone(), fs::read(dir.join(&path)).expect("a file"));
        }
    }
}

#[test]
fn two_folders_give_the_same_worker() {
    let quick_start = blocks("## Quick start");
    let [set_up, source, ..] = quick_start.as_slice() else { panic!("two blocks: {quick_start:?}") };
    let mut bundles = Vec::new();
    for folder in ["here", "another/place"] {
        let beside = tempfile::tempdir().expect("a folder");
        let root = beside.path().join(folder);
        fs::create_dir_all(&root).expect("a folder");
        symlink(repository().canonicalize().expect("the repository"), root.join("pikku")).expect("a link");
        shell(set_up, &root);
        let app = root.join("hello");
        fs::write(app.join("src/lib.rs"), source).expect("the library");
        shell(&format!("cargo pikku package --target cloudflare --out-dir {}/out", root.display()), &app);
        let mut found = BTreeMap::new();
        files(&root.join("out"), Path::new(""), &mut found);
        let wasm = found.get(Path::new("hello/bundle.wasm")).map_or(0, Vec::len);
        assert!(wasm > 50_000, "{wasm} bytes are no Worker");
        bundles.push(found);
    }
    let differs = |(path, bytes): &(&PathBuf, &Vec<u8>)| bundles[1].get(*path) != Some(*bytes);
    let differing: Vec<_> = bundles[0].iter().filter(differs).map(|(path, _)| path).collect();
    assert!(differing.is_empty() && bundles[0].len() == bundles[1].len(), "{differing:?}");
}
