//! The same app, packaged in two folders, gives the same Workers and the same function apps, byte by byte.

use pikku_tests::{readme, target};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

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
    let files = packaged_twice("cloudflare");
    let wasm = files.get(Path::new("hello/bundle.wasm")).map_or(0, Vec::len);
    assert!(wasm > 50_000, "{wasm} bytes are no Worker");
}

#[test]
fn two_folders_give_the_same_function_app() {
    let files = packaged_twice("azure");
    let bytes = |path: &str| files.get(Path::new(path)).map_or(0, Vec::len);
    assert!(bytes("hello/handler") > 200_000 && bytes("hello.zip") > 100_000, "{:?}", files.keys());
    for path in ["hello/host.json", "hello/http/function.json", "hello/local.settings.json", "main.bicep"] {
        assert!(bytes(path) > 100, "{path}");
    }
}

/// What comes of the app in both folders, which is the same.
fn packaged_twice(platform: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let target = target();
    let mut bundles = Vec::new();
    for folder in ["here", "another/place"] {
        let beside = tempfile::tempdir().expect("a folder");
        let root = beside.path().join(folder);
        fs::create_dir_all(&root).expect("a folder");
        let app = readme::quick_start(&root, &target);
        let package = format!("cargo pikku package --target {platform} --out-dir {}/out", root.display());
        readme::shell(&package, &app, &target);
        let mut found = BTreeMap::new();
        files(&root.join("out"), Path::new(""), &mut found);
        bundles.push(found);
    }
    let differs = |(path, bytes): &(&PathBuf, &Vec<u8>)| bundles[1].get(*path) != Some(*bytes);
    let differing: Vec<_> = bundles[0].iter().filter(differs).map(|(path, _)| path).collect();
    assert!(differing.is_empty() && bundles[0].len() == bundles[1].len(), "{differing:?}");
    bundles.swap_remove(0)
}
