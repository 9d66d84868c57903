//! The validators of a bundle: a function's input schema becomes Rust code in the bundle's entry crate.
//!
//! Interpreting a schema costs a bundle megabytes and start-up time; `jsonschema`'s macro turns it into code. Three
//! things are changed on the way, none of which changes what is valid:
//!
//! - a `pattern` becomes a `format` checked with a small regex engine, where that engine can express it
//!   ([`pattern`], [`rewrite`]);
//! - the tag of an enum's variant is shielded from the macro's shortcut for tags, which loses the errors that say
//!   which variant was meant ([`rewrite`]);
//! - annotations are dropped.

mod pattern;
mod rewrite;

use pikku_manifest::{Function, Shape, fields};
pub use rewrite::{Compiled, compile};
use serde_json::Value;
use std::fmt::Write as _;

/// The source of a group's contracts.
#[derive(Debug)]
pub(crate) struct Contracts {
    /// A Rust module's items: for each function a module with `contract() -> pikku::Contract`.
    pub source: String,
    /// Whether any code of them uses the small regex engine.
    pub uses_patterns: bool,
    /// Whether any function has an input to check.
    pub uses_validators: bool,
    /// What the author should know, such as a pattern that drags in the full regex engine.
    pub notes: Vec<String>,
}

/// Writes the contracts of some functions.
pub(crate) fn contracts<'m>(functions: impl IntoIterator<Item = &'m Function>) -> Contracts {
    let mut out = Contracts { source: String::new(), uses_patterns: false, uses_validators: false, notes: Vec::new() };
    for function in functions {
        let module = module_name(&function.name);
        let _ = write!(out.source, "\n/// The contract of `{}`.\npub(crate) mod {module} {{\n", function.name);
        match &function.input {
            None => out.source.push_str(
                "    pub(crate) fn contract() -> pikku::Contract {\n        pikku::Contract::new(&[], None)\n    }\n",
            ),
            Some(schema) => {
                let compiled = compile(schema);
                out.uses_validators = true;
                out.uses_patterns |= !compiled.patterns.is_empty();
                out.notes.extend(compiled.notes.iter().map(|note| format!("function `{}`: {note}", function.name)));
                render(&mut out.source, &format!("crate::contracts::{module}"), schema, &compiled);
            }
        }
        out.source.push_str("}\n");
    }
    out
}

/// The name of the module that holds a function's contract.
pub(crate) fn module_name(function: &str) -> String {
    format!("contract_{}", function.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

/// Writes the validator struct with the functions of its patterns; shared with the test that compares both modes.
pub fn render_validator(out: &mut String, path: &str, compiled: &Compiled) {
    for (number, (_, expression)) in compiled.patterns.iter().enumerate() {
        let _ = write!(
            out,
            "    pub(crate) fn pattern_{number}(text: &str) -> bool {{
        static PATTERN: std::sync::LazyLock<regex_lite::Regex> = std::sync::LazyLock::new(|| {{
            regex_lite::Regex::new({expression:?}).expect(\"the packager has tried this pattern\")
        }});
        PATTERN.is_match(text)
    }}
"
        );
    }
    let schema = compiled.schema.to_string();
    let _ = write!(
        out,
        "    #[jsonschema::validator(
        schema = {schema:?},
        draft = Draft202012,
        validate_formats = true,
        methods = {{ is_valid = true, validate = false, iter_errors = true }},
"
    );
    if !compiled.patterns.is_empty() {
        out.push_str("        formats = {\n");
        for (number, (format, _)) in compiled.patterns.iter().enumerate() {
            let _ = writeln!(out, "            {format:?} => {path}::pattern_{number},");
        }
        out.push_str("        },\n");
    }
    out.push_str("    )]\n    pub(crate) struct Validator;\n");
    let mut floats = Vec::new();
    collect_floats(&compiled.schema, &mut floats);
    let _ = write!(out, "\n    pub(crate) const FLOATS: &[(f64, &str)] = &{floats:?};\n");
}

/// The numbers of a schema that are not whole, each with its text: what prints others is not in a bundle for these.
fn collect_floats(schema: &Value, floats: &mut Vec<(f64, String)>) {
    match schema {
        Value::Array(values) => values.iter().for_each(|value| collect_floats(value, floats)),
        Value::Object(members) => members.values().for_each(|value| collect_floats(value, floats)),
        Value::Number(number) if number.as_i64().is_none() => {
            if let Some(float) = number.as_f64().filter(|float| floats.iter().all(|(known, _)| known != float)) {
                floats.push((float, Value::from(float).to_string()));
            }
        }
        _ => {}
    }
}

fn render(out: &mut String, path: &str, schema: &Value, compiled: &Compiled) {
    render_validator(out, path, compiled);
    out.push_str("\n    const FIELDS: &[pikku::Field] = &[\n");
    for field in fields(schema) {
        let _ = writeln!(out, "        pikku::Field::new({:?}, {}),", field.name, decode(&field.decode));
    }
    out.push_str(
        "    ];

    fn violations(input: &serde_json::Value) -> Vec<pikku::Violation> {
        use pikku::validation::Texts;

        if Validator::is_valid(input) {
            return Vec::new();
        }
        let float = |number| Texts::known(FLOATS, number);
        pikku::validation::all_violations(Validator::iter_errors(input), Texts::new(&float))
    }

    pub(crate) fn contract() -> pikku::Contract {
        pikku::Contract::new(FIELDS, Some(violations))
    }
",
    );
}

fn decode(shape: &Shape) -> String {
    match shape {
        Shape::Text => "pikku::Decode::Text".to_owned(),
        Shape::Integer => "pikku::Decode::Integer".to_owned(),
        Shape::Number => "pikku::Decode::Number".to_owned(),
        Shape::Boolean => "pikku::Decode::Boolean".to_owned(),
        Shape::Json => "pikku::Decode::Json".to_owned(),
        Shape::Any => "pikku::Decode::Any".to_owned(),
        Shape::List(element) => format!("pikku::Decode::List(&{})", decode(element)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pikku_manifest::{Location, SessionMode};
    use serde_json::json;

    #[test]
    fn a_contract_reads_well() {
        let function = Function {
            name: "place_order".to_owned(),
            module: "shop".to_owned(),
            description: String::new(),
            location: Location { file: "src/lib.rs".to_owned(), line: 1 },
            input: Some(json!({
                "title": "NewOrder", "type": "object", "required": ["sku"],
                "properties": {
                    "sku": {"type": "string", "pattern": "^[A-Z]{3}-\\d+$"},
                    "quantities": {"type": "array", "items": {"type": "integer"}},
                },
            })),
            output: None,
            errors: Vec::new(),
            services: Vec::new(),
            session: SessionMode::None,
            access: pikku_manifest::Access::default(),
            reads: pikku_manifest::Reads::default(),
        };
        let contracts = contracts([&function]);
        assert!(contracts.uses_patterns && contracts.uses_validators && contracts.notes.is_empty());
        insta::assert_snapshot!(contracts.source);
    }
}
