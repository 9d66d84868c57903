//! Which names an app can have.

use super::NewError;

/// Words that name something else in Rust, in Cargo or in a new app.
const TAKEN: [(&[&str], &str); 4] = [
    (
        &[
            "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false",
            "fn", "for", "gen", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref",
            "return", "self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while",
            "abstract", "become", "box", "do", "final", "macro", "override", "priv", "try", "typeof", "unsized",
            "virtual", "yield",
        ],
        "it is a word of the language",
    ),
    (&["alloc", "core", "proc_macro", "proc-macro", "std", "test"], "a crate of Rust has that name"),
    (&["build", "deps", "examples", "incremental"], "Cargo has a folder of that name"),
    (&["schemars", "serde", "serde_json"], "the app itself depends on a package of that name"),
];

/// Refuses a name that Cargo would, or that stands for something else.
pub(super) fn check(name: &str) -> Result<(), NewError> {
    let refuse = |reason: &str| Err(NewError::Name { name: name.to_owned(), reason: reason.to_owned() });
    let Some(first) = name.chars().next() else { return refuse("it is empty") };
    if let Some(wrong) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))) {
        return refuse(&format!("it has a {wrong:?}; letters, digits, `-` and `_` are allowed"));
    }
    if !first.is_ascii_alphabetic() {
        return refuse("it does not begin with a letter");
    }
    if name.len() > 64 {
        return refuse("it has more than 64 characters");
    }
    if let Some((_, reason)) = TAKEN.iter().find(|(names, _)| names.contains(&name)) {
        return refuse(reason);
    }
    if name.to_ascii_lowercase().starts_with("pikku") {
        return refuse("Pikku's own crates are named so");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["hello", "my-app", "my_app2", "H", "tests"] {
            check(good).unwrap();
        }
        for wrong in
            ["", "3rd", "-a", "_a", "a b", "häuser", "a.b", "fn", "test", "deps", "serde", "pikku-x", &"a".repeat(65)]
        {
            let error = check(wrong).unwrap_err();
            assert_eq!(error.code(), "PK8301", "{wrong}");
        }
    }
}
