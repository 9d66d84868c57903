//! Compiled and interpreted validation agree.
//!
//! The schemas become one program, whose validators are compiled as in a bundle; it asks both modes about every instance.
//! The cases are our own and, where its folder is found, those of the JSON Schema test suite (draft 2020-12).

use cargo_pikku::{compile, render_validator};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A schema with instances, valid and not.
struct Case {
    name: String,
    schema: Value,
    instances: Vec<Value>,
}

#[test]
fn our_own_schemas() {
    let said = agree("own", &own_cases());
    let counts = counts(&said);
    assert!(counts.0 >= 90 && counts.1 >= 30 && counts.2 >= 30, "{counts:?}");
    // Both modes also say the same, in the words of the runtime.
    assert!(
        said.lines().any(|line| line == r#"said pikku:tagged /number pattern: must match the pattern ^\d{4}$"#),
        "{said}"
    );
}

#[test]
fn the_json_schema_test_suite() {
    let folder = std::env::var_os("JSON_SCHEMA_TEST_SUITE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/json-schema-test-suite"),
        PathBuf::from,
    );
    let folder = folder.join("draft2020-12");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there; name it with JSON_SCHEMA_TEST_SUITE", folder.display());
        return;
    }
    let mut cases = Vec::new();
    read_suite(&folder, &mut cases);
    let counts = counts(&agree("suite", &cases));
    assert!(counts.0 >= 1_000 && counts.1 >= 400 && counts.2 >= 300, "{counts:?}");
}

/// Instances compared, found valid, found invalid: the program's last line.
fn counts(said: &str) -> (usize, usize, usize) {
    let last = said.lines().rev().find_map(|line| line.strip_prefix("compared ")).expect("the program counts");
    let mut numbers = last.split(' ').map(|number| number.parse().expect("a number"));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Builds the program and runs it; gives what it printed. It fails on the first instance the modes disagree on.
fn agree(name: &str, cases: &[Case]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("contracts-{name}"));
    fs::create_dir_all(dir.join("src")).expect("a folder");
    let manifest = format!(
        "[package]\nname = \"contracts-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\njsonschema = {{ version = \"0.60\", default-features = false, features = [\"macros\"] }}\n\
         pikku = {{ path = {:?}, features = [\"jsonschema\"] }}\nregex-lite = \"0.1\"\nserde_json = \"1\"\n\n\
         [profile.dev]\ndebug = false\n",
        root.join("runtime").canonicalize().expect("the runtime's folder")
    );
    fs::write(dir.join("Cargo.toml"), manifest).expect("a manifest");
    if !dir.join("Cargo.lock").exists() {
        fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock")).expect("a lock file");
    }
    let mut table = String::new();
    let mut modules = String::new();
    let mut data = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let compiled = compile(&case.schema);
        let _ = writeln!(modules, "pub(crate) mod case_{number} {{");
        render_validator(&mut modules, &format!("crate::cases::case_{number}"), &compiled);
        modules.push_str("}\n");
        let _ = writeln!(
            table,
            "        |value| (cases::case_{number}::Validator::is_valid(value), all_violations(\
             cases::case_{number}::Validator::iter_errors(value), \
             Texts::new(&|number| Texts::known(cases::case_{number}::FLOATS, number)))),"
        );
        data.push(json!({"name": case.name, "schema": case.schema, "instances": case.instances}));
    }
    fs::write(dir.join("src/cases.rs"), modules).expect("the cases");
    fs::write(dir.join("cases.json"), Value::Array(data).to_string()).expect("the instances");
    fs::write(dir.join("src/main.rs"), MAIN.replace("@TABLE@", &table)).expect("the program");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run = Command::new(cargo)
        .args(["run", "--quiet", "--target-dir"])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("contracts-target"))
        .current_dir(&dir)
        .output()
        .expect("cargo");
    let (said, talk) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}\n{talk}");
    said.into_owned()
}

const MAIN: &str = r##"//! Asks both modes about every instance.
mod cases;

use pikku::validation::{Texts, all_violations};
use serde_json::Value;

type Check = fn(&Value) -> (bool, Vec<pikku::Violation>);

fn main() {
    let checks: &[Check] = &[
@TABLE@    ];
    let data: Value = serde_json::from_str(include_str!("../cases.json")).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for (case, check) in data.as_array().unwrap().iter().zip(checks) {
        let name = case["name"].as_str().unwrap();
        let interpreter = jsonschema::options().should_validate_formats(true).build(&case["schema"]).unwrap();
        for instance in case["instances"].as_array().unwrap() {
            let expected = interpreter.is_valid(instance);
            let (is_valid, compiled) = check(instance);
            assert_eq!(is_valid, expected, "{name}: {} on {instance}", case["schema"]);
            assert_eq!(compiled.is_empty(), expected, "{name}: {} on {instance}: {compiled:?}", case["schema"]);
            *(if expected { &mut valid } else { &mut invalid }) += 1;
            if name.starts_with("pikku:") {
                let interpreted = all_violations(
                    interpreter.iter_errors(instance),
                    Texts::new(&|number| Value::from(number).to_string()),
                );
                let sorted = |violations: Vec<pikku::Violation>| {
                    let mut lines: Vec<String> =
                        violations.iter().map(|v| format!("{} {}: {}", v.pointer, v.rule, v.detail)).collect();
                    lines.sort();
                    lines
                };
                let lines = sorted(compiled);
                assert_eq!(lines, sorted(interpreted), "{name}: {} on {instance}", case["schema"]);
                lines.iter().for_each(|line| println!("said {name} {line}"));
            }
        }
    }
    println!("compared {} {valid} {invalid}", valid + invalid);
}
"##;

fn read_suite(folder: &Path, cases: &mut Vec<Case>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            read_suite(&path, cases);
            continue;
        }
        let file = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let groups: Vec<Value> = serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON");
        for group in groups {
            let text = group["schema"].to_string();
            // What types derive has no identifiers of its own and refers to nothing outside of itself.
            let elsewhere =
                ["localhost:1234", "json-schema.org/draft/2020-12/schema\"", "$vocabulary", "\"$id\"", "$dynamic"];
            let own_draft = text.replace(r#""$schema":"https://json-schema.org/draft/2020-12/schema""#, "");
            if elsewhere.iter().any(|word| own_draft.contains(word)) || own_draft.contains("\"$schema\"") {
                continue;
            }
            let schema = group["schema"].clone();
            // The macro refuses what the interpreter refuses: a pattern that is none, and the like.
            if jsonschema::options().should_validate_formats(true).build(&schema).is_err() {
                continue;
            }
            let tests = group["tests"].as_array().cloned().unwrap_or_default();
            cases.push(Case {
                name: format!("{file}: {}", group["description"].as_str().unwrap_or_default()),
                schema,
                instances: tests.into_iter().map(|test| test["data"].clone()).collect(),
            });
        }
    }
}

fn case(name: &str, schema: Value, instances: impl IntoIterator<Item = Value>) -> Case {
    Case { name: format!("pikku:{name}"), schema, instances: instances.into_iter().collect() }
}

/// What types of an app derive: each form that serde and schemars give, and each keyword of `#[schemars(...)]`.
fn own_cases() -> Vec<Case> {
    let texts =
        ["", "a", "ab", "abc", "ABC-12", "12", "1234", "x y", "\u{a0}", "é", "日本", "a@b.de", "http://a/b", "\n"];
    let texts = || texts.map(Value::from).into_iter().chain([json!(1), Value::Null]);
    let payment = json!({"oneOf": [
        {"type": "object", "required": ["kind", "number"], "properties": {
            "kind": {"type": "string", "const": "card"}, "number": {"$ref": "#/$defs/Number"}}},
        {"type": "object", "required": ["kind", "days"], "additionalProperties": false, "properties": {
            "kind": {"type": "string", "const": "bill"}, "days": {"type": "integer", "minimum": 1, "maximum": 30}}},
    ], "$defs": {"Number": {"type": "string", "pattern": "^\\d{4}$"}}});
    vec![
        case("pattern", json!({"type": "string", "pattern": "^[A-Z]{3}-\\d+$"}), texts()),
        case("pattern of any", json!({"pattern": "\\s|^\\w+$"}), texts()),
        case("pattern beside a format", json!({"type": "string", "pattern": "b", "format": "email"}), texts()),
        case("pattern in not", json!({"not": {"pattern": "^\\w*$"}}), texts()),
        case("pattern in anyOf", json!({"anyOf": [{"pattern": "^[0-9]+$"}, {"type": "null"}]}), texts()),
        case("literal pattern", json!({"type": "string", "pattern": "^(ab|12)$"}), texts()),
        case("full pattern", json!({"type": "string", "pattern": "^(?!a)"}), texts()),
        case("format", json!({"type": "string", "format": "uri"}), texts()),
        case(
            "tagged",
            payment,
            [
                json!({"kind": "card", "number": "1234"}),
                json!({"kind": "card", "number": "12"}),
                json!({"kind": "card"}),
                json!({"kind": "bill", "days": 3}),
                json!({"kind": "bill", "days": 31, "x": 1}),
                json!({"kind": "cash"}),
                json!({}),
                json!([]),
                json!("card"),
                json!({"kind": 1, "days": 2}),
            ],
        ),
        case(
            "names",
            json!({"type": "object", "propertyNames": {"pattern": "^[a-z]+\\d$"}}),
            [json!({}), json!({"a1": 1}), json!({"A1": 1}), json!({"a1": 1, "b": 2}), json!(3)],
        ),
        case(
            "integer keys",
            json!({"type": "object", "patternProperties": {"^[0-9]+$": {"type": "string"}},
            "additionalProperties": false})
            .as_object()
            .map(|schema| {
                // Closed maps keyed by a pattern are written with other keywords; that the modes agree is what counts.
                Value::Object(schema.clone())
            })
            .unwrap_or_default(),
            [json!({}), json!({"1": "a"})],
        ),
        case(
            "struct",
            json!({"type": "object", "required": ["id", "tags"], "additionalProperties": false, "properties": {
            "id": {"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255},
            "tags": {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": true, "maxItems": 3},
            "note": {"type": ["string", "null"], "maxLength": 5}, "at": {"type": "string", "format": "date-time"},
            "ratio": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5}}}),
            [
                json!({"id": 1, "tags": []}),
                json!({"id": 256, "tags": ["", "a", "a", "b"]}),
                json!({"id": 1.0, "tags": ["a"]}),
                json!({"id": 1.5, "tags": {}}),
                json!({"tags": [], "note": "toolong", "zip": 1}),
                json!({"id": -1, "tags": [1]}),
                json!({"id": 1, "tags": [], "at": "2026-11-20T12:00:00Z", "ratio": 1.5, "note": null}),
                json!({"id": 1, "tags": [], "at": "yesterday", "ratio": 0}),
                json!(null),
                json!([1]),
            ],
        ),
        case(
            "recursion",
            json!({"$ref": "#/$defs/Tree", "$defs": {"Tree": {"type": "object", "required": ["n"],
            "properties": {"n": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]}}}}}),
            [
                json!({"n": 1}),
                json!({"n": 1, "next": {"n": 2, "next": null}}),
                json!({"n": 1, "next": {"n": 2, "next": {}}}),
                json!({"n": 1, "next": 3}),
                json!({}),
            ],
        ),
        case(
            "external tags",
            json!({"oneOf": [{"type": "string", "enum": ["none", "all"]},
            {"type": "object", "required": ["only"], "additionalProperties": false,
             "properties": {"only": {"type": "array", "items": {"type": "integer"}}}}]}),
            [json!("none"), json!("some"), json!({"only": [1]}), json!({"only": ["x"]}), json!({}), json!(1)],
        ),
        case(
            "adjacent tags",
            json!({"oneOf": [
            {"type": "object", "required": ["t", "c"], "properties": {"t": {"const": "a"}, "c": {"type": "integer"}}},
            {"type": "object", "required": ["t", "c"], "properties": {"t": {"const": "b"}, "c": {"type": "string"}}}]}),
            [
                json!({"t": "a", "c": 1}),
                json!({"t": "a", "c": "x"}),
                json!({"t": "b", "c": 1}),
                json!({"t": "c", "c": 1}),
                json!({"c": 1}),
            ],
        ),
        case(
            "untagged",
            json!({"anyOf": [{"type": "integer", "maximum": 5}, {"type": "string", "maxLength": 2},
            {"type": "object", "required": ["x"], "properties": {"x": {"type": "integer"}}}]}),
            [
                json!(5),
                json!(6),
                json!("ab"),
                json!("abc"),
                json!({"x": 1}),
                json!({"x": "1"}),
                json!({}),
                json!([]),
                json!(null),
            ],
        ),
        case(
            "flattened",
            json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"],
            "allOf": [{"properties": {"b": {"type": "string", "pattern": "^b+$"}}}], "unevaluatedProperties": false}),
            [json!({"a": 1, "b": "bb"}), json!({"a": 1, "b": "c"}), json!({"a": 1, "c": 1}), json!({"b": "b"})],
        ),
        case(
            "maps",
            json!({"type": "object", "additionalProperties": {"type": "integer", "format": "int32"},
            "maxProperties": 2}),
            [json!({}), json!({"a": 1}), json!({"a": "1"}), json!({"a": 1, "b": 2, "c": 3})],
        ),
        case(
            "tuples",
            json!({"type": "array", "prefixItems": [{"type": "number"}, {"type": "string"}], "minItems": 2,
            "maxItems": 2}),
            [json!([1, "a"]), json!([1]), json!(["a", 1]), json!([1, "a", 2])],
        ),
        case("anything", json!(true), [json!(1), json!(null)]),
    ]
}
