//! That the tables of OWASP's verification standard leave out no requirement, and that the tests which they name are there.

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
    for folder in [
        "adapters/azure/src",
        "adapters/lambda/tests",
        "adapters/server/tests",
        "auth/src",
        "auth/tests",
        "middleware/tests",
        "packager/src",
        "rpc/tests",
        "runtime/tests",
    ] {
        sources(&root.join(folder), &mut tests);
    }
    for (table, rows) in [("auth/src/docs/asvs.md", 30), ("middleware/src/lib.rs", 8)] {
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

/// The sections of version 5.0.0, and how many requirements of each are of the first two levels: they come before those of the third.
const CHAPTER_V3: [((u8, u8), u8); 5] = [((3, 2), 2), ((3, 3), 4), ((3, 4), 6), ((3, 5), 5), ((3, 7), 2)];
const CHAPTERS_V6_TO_V10: [((u8, u8), u8); 26] = [
    ((6, 1), 3),
    ((6, 2), 12),
    ((6, 3), 4),
    ((6, 4), 4),
    ((6, 5), 5),
    ((6, 6), 3),
    ((6, 8), 4),
    ((7, 1), 3),
    ((7, 2), 4),
    ((7, 3), 2),
    ((7, 4), 5),
    ((7, 5), 2),
    ((7, 6), 2),
    ((8, 1), 2),
    ((8, 2), 3),
    ((8, 3), 1),
    ((8, 4), 1),
    ((9, 1), 3),
    ((9, 2), 4),
    ((10, 1), 2),
    ((10, 2), 2),
    ((10, 3), 4),
    ((10, 4), 11),
    ((10, 5), 5),
    ((10, 6), 2),
    ((10, 7), 3),
];

/// The requirements that a text speaks of, such as 3.4.1, and those of ranges, such as 6.4.1 to 6.4.4.
fn spoken_of(text: &str) -> BTreeSet<(u8, u8, u8)> {
    let words = text.split(|character: char| character.is_whitespace() || ",;:|".contains(character));
    let words = words.filter(|word| !word.is_empty()).map(|word| (word, id(word)));
    let (mut found, mut before, mut is_range) = (BTreeSet::new(), None, false);
    for (word, id) in words {
        if let (true, Some((chapter, section, first)), Some((.., last))) = (is_range, before, id) {
            found.extend((first..=last).map(|number| (chapter, section, number)));
        }
        found.extend(id);
        is_range = before.is_some() && word == "to";
        before = if is_range { before } else { id };
    }
    found
}

fn id(word: &str) -> Option<(u8, u8, u8)> {
    let mut numbers = word.trim_end_matches('.').split('.').map(|number| number.parse().ok());
    match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
        (Some(Some(chapter)), Some(Some(section)), Some(Some(number)), None) => Some((chapter, section, number)),
        _ => None,
    }
}

#[test]
fn every_requirement_is_kept_or_said_not_to_apply() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    for (table, sections) in
        [("middleware/src/lib.rs", &CHAPTER_V3[..]), ("auth/src/docs/asvs.md", &CHAPTERS_V6_TO_V10[..])]
    {
        let text = fs::read_to_string(root.join(table)).unwrap();
        let text: Vec<&str> = text.lines().map(|line| line.trim_start_matches("//!")).collect();
        let spoken_of = spoken_of(&text.join("\n"));
        let all = sections
            .iter()
            .flat_map(|&((chapter, section), count)| (1..=count).map(move |number| (chapter, section, number)));
        let forgotten: Vec<_> = all.filter(|id| !spoken_of.contains(id)).collect();
        assert!(forgotten.is_empty(), "{table} says nothing of {forgotten:?}");
    }
    let found =
        spoken_of("| 3.4.1 `A`, 3.4.3 x | 6.2.1 to 6.2.3, 6.8.4 on.\nVersion 5.0. To 1.2.3.4, 7.1.1 or to 7.1.3.");
    let ids = [(3, 4, 1), (3, 4, 3), (6, 2, 1), (6, 2, 2), (6, 2, 3), (6, 8, 4), (7, 1, 1), (7, 1, 3)];
    assert_eq!(found, BTreeSet::from(ids));
}
