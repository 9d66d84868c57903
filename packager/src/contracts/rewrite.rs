use super::pattern::{Lowered, lower};
use serde_json::{Map, Value, json};

/// The prefix of a `format` that stands for a pattern. The runtime's reports know it: `pikku::validation`.
pub(crate) const PATTERN_FORMAT: &str = "pikku:pattern:";

/// A schema made ready for `jsonschema`'s macro.
#[derive(Debug)]
pub struct Compiled {
    /// The schema.
    pub schema: Value,
    /// The formats that stand for patterns, each with the small engine's expression.
    pub patterns: Vec<(String, String)>,
    /// What the author should know.
    pub notes: Vec<String>,
}

/// Makes a schema ready; what is valid stays the same.
pub fn compile(schema: &Value) -> Compiled {
    let mut compiled = Compiled { schema: schema.clone(), patterns: Vec::new(), notes: Vec::new() };
    let text = schema.to_string();
    let mut rewriter = Rewriter {
        // A reference into `patternProperties` must still find what it names.
        keep_pattern_properties: text.contains("/patternProperties/"),
        // The same of one into an annotation's value, where a hand-written schema may keep another.
        keep_values: text.contains("/examples/") || text.contains("/default"),
        compiled: &mut compiled,
    };
    let mut root = schema.clone();
    rewriter.schema(&mut root);
    compiled.schema = root;
    compiled
}

const ANNOTATIONS: [&str; 8] =
    ["title", "description", "examples", "default", "deprecated", "readOnly", "writeOnly", "$comment"];
const ONE: [&str; 12] = [
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
const MANY: [&str; 5] = ["allOf", "anyOf", "items", "oneOf", "prefixItems"];
const NAMED: [&str; 6] =
    ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"];

struct Rewriter<'c> {
    keep_pattern_properties: bool,
    keep_values: bool,
    compiled: &'c mut Compiled,
}

impl Rewriter<'_> {
    fn schema(&mut self, schema: &mut Value) {
        let Some(keywords) = schema.as_object_mut() else { return };
        for annotation in ANNOTATIONS {
            if !(self.keep_values && matches!(annotation, "examples" | "default")) {
                keywords.remove(annotation);
            }
        }
        self.names(keywords);
        for keyword in ONE {
            if let Some(inner) = keywords.get_mut(keyword) {
                self.schema(inner);
            }
        }
        for keyword in MANY {
            for inner in keywords.get_mut(keyword).and_then(Value::as_array_mut).into_iter().flatten() {
                self.schema(inner);
            }
        }
        for keyword in NAMED {
            for (_, inner) in keywords.get_mut(keyword).and_then(Value::as_object_mut).into_iter().flatten() {
                self.schema(inner);
            }
        }
        for branch in keywords.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
            shield_tags(branch);
        }
        self.pattern(keywords);
    }

    /// `pattern` becomes a `format` of its own.
    fn pattern(&mut self, keywords: &mut Map<String, Value>) {
        let Some(pattern) = keywords.get("pattern").and_then(Value::as_str) else { return };
        match lower(pattern) {
            Lowered::Literal => {}
            Lowered::Full(reason) => self.compiled.notes.push(format!(
                "the pattern {pattern} is checked by the full regex engine, which adds over a megabyte: {reason}"
            )),
            Lowered::Small(expression) => {
                let format = self.format(pattern, expression);
                keywords.remove("pattern");
                also(keywords, json!({"format": format}));
            }
        }
    }

    fn format(&mut self, pattern: &str, expression: String) -> String {
        let format = format!("{PATTERN_FORMAT}{pattern}");
        if !self.compiled.patterns.iter().any(|(known, _)| *known == format) {
            self.compiled.patterns.push((format.clone(), expression));
        }
        format
    }

    /// A map whose keys follow one pattern (`patternProperties` with one entry and nothing else allowed) says the same
    /// as `propertyNames` with that pattern, which the small engine can check.
    fn names(&mut self, keywords: &mut Map<String, Value>) {
        let Some(by_pattern) = keywords.get("patternProperties").and_then(Value::as_object) else { return };
        let closed = keywords.get("additionalProperties") == Some(&Value::Bool(false));
        let alone = !["properties", "propertyNames", "unevaluatedProperties"].iter().any(|k| keywords.contains_key(*k));
        let mut entries = by_pattern.iter();
        if let (Some((pattern, inner)), None, true, true, false) =
            (entries.next(), entries.next(), closed, alone, self.keep_pattern_properties)
            && let Lowered::Small(_) = lower(pattern)
        {
            let (names, inner) = (json!({"pattern": pattern}), inner.clone());
            keywords.remove("patternProperties");
            keywords.insert("propertyNames".to_owned(), names);
            keywords.insert("additionalProperties".to_owned(), inner);
            return;
        }
        let full: Vec<_> = by_pattern.keys().filter(|pattern| lower(pattern) != Lowered::Literal).cloned().collect();
        self.compiled.notes.extend(full.into_iter().map(|pattern| {
            format!("field names that match {pattern} are found by the full regex engine, which adds over a megabyte")
        }));
    }
}

/// Wraps the constants of a variant's fields, so that the macro does not take them for a tag to switch on: its switch
/// is fast, but leaves the tag's own error out of the report, and with it which variant was meant.
fn shield_tags(branch: &mut Value) {
    for (_, property) in branch.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        let Some(keywords) = property.as_object_mut() else { continue };
        for keyword in ["const", "enum"] {
            if let Some(value) = keywords.remove(keyword) {
                also(keywords, json!({keyword: value}));
            }
        }
    }
}

/// Adds a condition.
fn also(keywords: &mut Map<String, Value>, condition: Value) {
    match keywords.get_mut("allOf").and_then(Value::as_array_mut) {
        Some(conditions) => conditions.push(condition),
        None => {
            keywords.insert("allOf".to_owned(), Value::Array(vec![condition]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_becomes_a_format() {
        let compiled = compile(&json!({"type": "string", "pattern": "^[a-z]+$", "format": "email"}));
        assert_eq!(
            compiled.schema,
            json!({"type": "string", "format": "email", "allOf": [{"format": "pikku:pattern:^[a-z]+$"}]})
        );
        assert_eq!(compiled.patterns, [("pikku:pattern:^[a-z]+$".to_owned(), r"\A[a-z]+\z".to_owned())]);
    }

    #[test]
    fn only_schemas_are_rewritten() {
        let schema = json!({"properties": {"pattern": {"const": {"pattern": "[a]"}}, "title": {"enum": ["[a]"]}}});
        let compiled = compile(&schema);
        assert_eq!(compiled.schema, schema);
        assert!(compiled.patterns.is_empty());
    }

    #[test]
    fn a_pattern_in_every_position_is_found() {
        let p = json!({"pattern": "[x]"});
        let schema = json!({"not": p, "anyOf": [p], "items": p, "prefixItems": [p], "propertyNames": p,
            "properties": {"a": p}, "if": p, "then": p, "else": p, "contains": p, "$defs": {"d": p}});
        assert!(!compile(&schema).schema.to_string().contains(r#""pattern":"#));
    }

    #[test]
    fn maps_keyed_by_a_pattern() {
        let schema = json!({"patternProperties": {"^\\d+$": {"type": "string"}}, "additionalProperties": false});
        let compiled = compile(&schema);
        assert_eq!(
            compiled.schema,
            json!({"propertyNames": {"allOf": [{"format": "pikku:pattern:^\\d+$"}]},
                   "additionalProperties": {"type": "string"}})
        );
        assert!(compiled.notes.is_empty());
        let open = compile(&json!({"patternProperties": {"^\\d+$": {"type": "string"}}}));
        assert_eq!(open.notes.len(), 1);
    }

    #[test]
    fn a_full_pattern_stays_and_is_noted() {
        let schema = json!({"pattern": "^(?!x)"});
        let compiled = compile(&schema);
        assert_eq!(compiled.schema, schema);
        assert_eq!(compiled.notes.len(), 1);
    }
}
