use super::{Texts, report};
use crate::validation::float;
use serde_json::{Value, json};

/// Each violation as `pointer rule: detail`.
fn said(schema: Value, instance: Value) -> Vec<String> {
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let mut found = Vec::new();
    validator.iter_errors(&instance).for_each(|error| report(&error, Texts::new(&float), &mut found));
    let mut said: Vec<String> = found
        .iter()
        .map(|violation| format!("{} {}: {}", violation.pointer, violation.rule, violation.detail))
        .collect();
    said.sort();
    said
}

fn payment() -> Value {
    json!({
        "oneOf": [
            {"type": "object", "required": ["kind", "number"],
             "properties": {"kind": {"type": "string", "const": "card"}, "number": {"$ref": "#/$defs/Number"}}},
            {"type": "object", "required": ["kind", "days"],
             "properties": {"kind": {"type": "string", "const": "bill"}, "days": {"type": "integer", "maximum": 30}}},
        ],
        "$defs": {"Number": {"type": "string", "minLength": 12}},
    })
}

#[test]
fn every_error_of_an_object_is_reported_at_its_field() {
    let schema = json!({"type": "object", "required": ["a", "b/c"], "additionalProperties": false,
        "properties": {"a": {"type": "integer"}, "b/c": {"type": "string"}, "d": {"type": ["string", "null"]}}});
    assert_eq!(
        said(schema, json!({"a": "1", "d": 1, "x": 1, "y": 2})),
        [
            "/a type: must be an integer",
            "/b~1c required: is required",
            "/d type: must be null or a string",
            "/x additionalProperties: is not a known field",
            "/y additionalProperties: is not a known field",
        ]
    );
}

#[test]
fn the_variant_with_the_right_tag_is_the_one_meant() {
    assert_eq!(
        said(payment(), json!({"kind": "card", "number": "123"})),
        ["/number minLength: must be at least 12 characters"]
    );
    assert_eq!(said(payment(), json!({"kind": "bill"})), ["/days required: is required"]);
    assert_eq!(said(payment(), json!({"kind": "bill", "days": 31})), ["/days maximum: must be at most 30"]);
}

#[test]
fn a_wrong_tag_is_told_the_right_ones() {
    let wrong = json!({"kind": "cash", "number": "1234", "days": 3});
    assert_eq!(said(payment(), wrong), [r#"/kind enum: must be "card" or "bill""#]);
    assert_eq!(said(payment(), json!({"number": "123456789012"})), ["/kind required: is required"]);
}

#[test]
fn another_type_altogether() {
    assert_eq!(said(payment(), json!(3)), [" type: must be an object"]);
    let nullable = json!({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]});
    assert_eq!(said(nullable.clone(), json!("x")), [" type: must be an integer or null"]);
    assert_eq!(said(nullable, json!(0)), [" minimum: must be at least 1"]);
}

#[test]
fn plain_enums_and_external_tags() {
    let schema = json!({"oneOf": [
        {"const": "small"}, {"type": "string", "const": "large"},
        {"type": "object", "properties": {"Custom": {"type": "integer"}}, "required": ["Custom"],
         "additionalProperties": false},
    ]});
    assert_eq!(said(schema.clone(), json!({"Custom": "x"})), ["/Custom type: must be an integer"]);
    assert_eq!(said(schema, json!("medium")), [r#" type: must be "small", "large" or an object"#]);
    let only_constants = json!({"oneOf": [{"const": "small"}, {"const": "large"}]});
    assert_eq!(said(only_constants, json!("medium")), [r#" enum: must be "small" or "large""#]);
}

#[test]
fn no_detail_repeats_a_value() {
    let schema = json!({"type": "object", "properties": {
        "pin": {"type": "string", "pattern": "^[0-9]{4}$", "maxLength": 4}, "site": {"type": "string", "format": "uri"},
        "n": {"type": "number", "multipleOf": 5}, "list": {"type": "array", "uniqueItems": true, "items": {"enum": [1]}}}});
    let instance = json!({"pin": "secret", "site": "secret", "n": 7, "list": ["secret", "secret"]});
    let said = said(schema, instance);
    assert_eq!(
        said,
        [
            "/list uniqueItems: must not repeat an item",
            "/list/0 enum: must be 1",
            "/list/1 enum: must be 1",
            "/n multipleOf: must be a multiple of 5",
            "/pin maxLength: must be at most 4 characters",
            "/pin pattern: must match the pattern ^[0-9]{4}$",
            "/site format: must be a valid uri",
        ]
    );
    assert!(!said.iter().any(|line| line.contains("secret")));
}

#[test]
fn names_of_fields() {
    let schema = json!({"type": "object", "propertyNames": {"maxLength": 2}});
    assert_eq!(said(schema, json!({"abc": 1})), ["/abc maxLength: has a name that must be at most 2 characters"]);
}
