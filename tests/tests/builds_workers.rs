//! What only a build of its own shows of Workers: the README's commands, and the same bytes from two folders.

use pikku_tests::{packager, repository, tool};
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

/// Runs a script of the README in a folder, with the packager on the search path; answers what it prints.
fn shell(script: &str, folder: &Path) -> String {
    let programs = packager().parent().expect("its folder").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path)));
    let output = Command::new("sh")
        .args(["-ec", script])
        .current_dir(folder)
        .env("PATH", path.expect("a search path"))
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("builds-workers"))
        .env("PIKKU_MINIFLARE", tool("npm/node_modules"))
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
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
fn the_readme_works_as_it_is_written_in_every_folder() {
    let quick_start = blocks("## Quick start");
    let [set_up, source, ..] = quick_start.as_slice() else { panic!("two blocks: {quick_start:?}") };
    let workers = blocks("## Cloudflare Workers");
    let [commands, ..] = workers.as_slice() else { panic!("a block: {workers:?}") };
    let commands: Vec<&str> = commands.lines().collect();
    let [package, install, invoke] = commands[..] else { panic!("three commands: {commands:?}") };
    // What it installs is there already, from the same registry and in the same release.
    let installed = fs::read_to_string(tool("npm/node_modules/miniflare/package.json")).expect("a package");
    let release = install.split_once('@').map(|(_, release)| format!("\"version\": \"{release}\""));
    assert!(install.starts_with("npm install ") && installed.contains(&release.expect("a release")), "{install}");

    let mut bundles = Vec::new();
    for folder in ["here", "another/place"] {
        let beside = tempfile::tempdir().expect("a folder");
        let root = beside.path().join(folder);
        fs::create_dir_all(&root).expect("a folder");
        symlink(repository().canonicalize().expect("the repository"), root.join("pikku")).expect("a link");
        shell(set_up, &root);
        let app = root.join("hello");
        fs::write(app.join("src/lib.rs"), source).expect("the library");
        shell(package, &app);
        let answer = shell(invoke, &app);
        assert!(answer.contains(r#""statusCode":200"#) && answer.contains("hello, Ada"), "{answer}");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("builds-workers/pikku/cloudflare");
        let mut found = BTreeMap::new();
        files(&target, Path::new(""), &mut found);
        assert!(found.contains_key(Path::new("hello/bundle.wasm")), "{:?}", found.keys());
        bundles.push(found);
    }
    let differing: Vec<_> = bundles[0].iter().filter(|(path, bytes)| bundles[1].get(*path) != Some(bytes)).collect();
    let differing: Vec<_> = differing.into_iter().map(|(path, _)| path).collect();
    assert!(differing.is_empty() && bundles[0].len() == bundles[1].len(), "{differing:?}");
}
