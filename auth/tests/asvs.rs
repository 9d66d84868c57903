//! That the tests which the tables of OWASP's verification standard name are there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Every source of tests below a folder.
fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// The names in the last cells of the tables of a text: what stands between backticks.
fn named(text: &str) -> BTreeSet<&str> {
    let rows = text.lines().map(|line| line.trim_start_matches("//!").trim());
    let rows = rows.filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit());
    rows.flat_map(|row| {
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let names: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "nothing shows this: {row}");
        names
    })
    .collect()
}

#[test]
fn the_tests_that_the_tables_name_are_there() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut tests = Vec::new();
    for folder in ["auth/src", "auth/tests", "middleware/tests", "packager/src", "runtime/tests"] {
        sources(&root.join(folder), &mut tests);
    }
    for (table, rows) in [("auth/src/docs/asvs.md", 30), ("middleware/src/lib.rs", 5)] {
        let text = fs::read_to_string(root.join(table)).unwrap();
        let names = named(&text);
        assert!(names.len() >= rows, "{table} names {names:?}");
        for name in names {
            let begins = [format!("fn {name}("), format!("    {name},\n")];
            let is_there = tests.iter().any(|source| begins.iter().any(|begin| source.contains(begin)));
            assert!(is_there, "{table} names the test {name}, which is nowhere");
        }
    }
}
