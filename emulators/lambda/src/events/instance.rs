//! The smallest instance of a JSON Schema, as far as one can be read off it.
//!
//! It covers what types derive: objects, arrays, maps, enums in their representations, ranges, lengths, formats and
//! patterns. A schema that only a search could satisfy (`not`, contradicting parts of `allOf`) gets what comes close.

use super::pattern;
use serde_json::{Map, Number, Value, json};

/// How deep references are followed; a type that contains itself has no other end.
const DEPTH: usize = 12;

/// The smallest instance of a schema (draft 2020-12) that is found: what the schema names as constant, default or
/// example, else required members, the least items, the shortest text and the number nearest to zero.
pub fn instance(schema: &Value) -> Value {
    of(schema, schema, DEPTH)
}

fn of(schema: &Value, root: &Value, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    let Some(schema) = schema.as_object() else { return Value::Null };
    if let Some(given) = given(schema) {
        return given;
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|to| resolve(root, to)) {
        return merged(of(target, root, depth), rest(schema, "$ref"), root, depth);
    }
    for name in ["oneOf", "anyOf"] {
        if let Some(choices) = schema.get(name).and_then(Value::as_array) {
            // What says nothing at all is seldom what is wanted.
            let choice = choices.iter().find(|choice| choice["type"] != "null").or(choices.first());
            let chosen = choice.map_or(Value::Null, |choice| of(choice, root, depth));
            return merged(chosen, rest(schema, name), root, depth);
        }
    }
    if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
        let first = rest(schema, "allOf").map_or(Value::Null, |rest| of(&rest, root, depth));
        return all.iter().fold(first, |found, part| merge(found, of(part, root, depth)));
    }
    match kind(schema) {
        Some("object") => object(schema, root, depth),
        Some("array") => array(schema, root, depth),
        Some("string") => Value::String(string(schema)),
        Some("integer") => number(schema, true),
        Some("number") => number(schema, false),
        Some("boolean") => Value::Bool(true),
        _ => Value::Null,
    }
}

/// A value that the schema itself names.
fn given(schema: &Map<String, Value>) -> Option<Value> {
    let first = |name: &str| schema.get(name).and_then(Value::as_array).and_then(|values| values.first());
    let default = schema.get("default").filter(|value| !value.is_null());
    schema.get("const").or_else(|| first("examples")).or(default).or_else(|| first("enum")).cloned()
}

/// The schema without one of its members, if anything that matters is left.
fn rest(schema: &Map<String, Value>, without: &str) -> Option<Value> {
    let mut rest = schema.clone();
    rest.remove(without);
    let matters = ["type", "properties", "required", "oneOf", "anyOf", "allOf", "$ref"];
    matters.iter().any(|name| rest.contains_key(*name)).then_some(Value::Object(rest))
}

fn merged(found: Value, rest: Option<Value>, root: &Value, depth: usize) -> Value {
    match rest {
        Some(rest) => merge(of(&rest, root, depth), found),
        None => found,
    }
}

/// Both at once, where both are objects; else the one that is there.
fn merge(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            one.extend(other);
            Value::Object(one)
        }
        (one, Value::Null) => one,
        (_, other) => other,
    }
}

fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(&percent_encoding::percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?)
}

fn kind(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => Some(kind),
        Some(Value::Array(kinds)) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str);
            let first = kinds.next();
            if first == Some("null") { kinds.next().or(first) } else { first }
        }
        _ if schema.contains_key("properties") => Some("object"),
        _ => None,
    }
}

fn object(schema: &Map<String, Value>, root: &Value, depth: usize) -> Value {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut made: Map<String, Value> = required
        .iter()
        .map(|name| ((*name).to_owned(), properties.get(*name).map_or(Value::Null, |part| of(part, root, depth))))
        .collect();
    let least = schema.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
    let optional = properties.iter().map(|(name, part)| (name.clone(), part));
    let free = schema.get("additionalProperties").filter(|part| part.is_object());
    let more = (1..=least).filter_map(|n| Some((format!("key{n}"), free?)));
    for (name, part) in optional.chain(more) {
        if made.len() as u64 >= least {
            break;
        }
        made.entry(name).or_insert_with(|| of(part, root, depth));
    }
    Value::Object(made)
}

fn array(schema: &Map<String, Value>, root: &Value, depth: usize) -> Value {
    let fixed = schema.get("prefixItems").and_then(Value::as_array);
    let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
    let mut made: Vec<Value> = fixed.into_iter().flatten().map(|part| of(part, root, depth)).collect();
    let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
    while (made.len() as u64) < least.min(1_000) {
        let mut item = schema.get("items").map_or(Value::Null, |part| of(part, root, depth));
        if unique && made.contains(&item) {
            item = another(&item, made.len());
        }
        made.push(item);
    }
    Value::Array(made)
}

/// A value like that one, for the place in a list that allows none twice.
fn another(like: &Value, place: usize) -> Value {
    match like {
        Value::String(text) => Value::String(format!("{text}{place}")),
        Value::Number(number) => number.as_i64().map_or_else(|| like.clone(), |n| json!(n + place as i64)),
        other => other.clone(),
    }
}

fn string(schema: &Map<String, Value>) -> String {
    let least = usize::try_from(schema.get("minLength").and_then(Value::as_u64).unwrap_or(0)).unwrap_or(0);
    if let Some(text) = schema.get("pattern").and_then(Value::as_str).and_then(|p| pattern::matching(p, least)) {
        return text;
    }
    let text = match schema.get("format").and_then(Value::as_str).unwrap_or("") {
        "date" => "2026-01-01",
        "date-time" => "2026-01-01T00:00:00Z",
        "partial-date-time" => "2026-01-01T00:00:00",
        "time" => "00:00:00Z",
        "partial-time" => "00:00:00",
        "duration" => "P1D",
        "email" | "idn-email" => "someone@example.com",
        "hostname" | "idn-hostname" => "example.com",
        "ip" | "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "uri" | "iri" | "url" => "https://example.com/",
        "uri-reference" | "iri-reference" => "/",
        "uuid" => "00000000-0000-4000-8000-000000000000",
        "regex" => ".",
        "json-pointer" => "/a",
        "byte" => "",
        _ => return "a".repeat(least.clamp(0, 10_000)),
    };
    text.into()
}

fn number(schema: &Map<String, Value>, integer: bool) -> Value {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let step = bound("multipleOf").filter(|step| *step > 0.0).unwrap_or(1.0);
    let (least, above) = (bound("minimum"), bound("exclusiveMinimum"));
    let (most, below) = (bound("maximum"), bound("exclusiveMaximum"));
    let mut value = 0.0f64;
    if let Some(least) = least.filter(|least| *least > value) {
        value = (least / step).ceil() * step;
    }
    if let Some(above) = above.filter(|above| *above >= value) {
        value = ((above / step).floor() + 1.0) * step;
    }
    if let Some(most) = most.filter(|most| *most < value) {
        value = (most / step).floor() * step;
    }
    if let Some(below) = below.filter(|below| *below <= value) {
        value = ((below / step).ceil() - 1.0) * step;
    }
    // A range that holds no multiple of one, such as 0.2 to 0.8, has at least its middle.
    let inside = |v: f64| {
        least.is_none_or(|b| v >= b)
            && above.is_none_or(|b| v > b)
            && most.is_none_or(|b| v <= b)
            && below.is_none_or(|b| v < b)
    };
    if !integer
        && !inside(value)
        && let (Some(low), Some(high)) = (least.or(above), most.or(below))
    {
        value = f64::midpoint(low, high);
    }
    let whole = value.fract() == 0.0 && value.abs() < 9.0e15;
    if whole { json!(value as i64) } else { Number::from_f64(value).map_or(Value::Null, Value::Number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The instance, which has to satisfy its schema.
    fn valid(schema: Value) -> Value {
        let made = instance(&schema);
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
        assert!(validator.is_valid(&made), "{made} is no instance of {schema}");
        made
    }

    #[test]
    fn an_object_has_what_is_required_and_no_more() {
        let made = valid(json!({
            "type": "object",
            "required": ["sku", "quantity", "to"],
            "properties": {
                "sku": {"type": "string", "minLength": 3},
                "quantity": {"type": "integer", "format": "uint32", "minimum": 1, "maximum": 99},
                "to": {"$ref": "#/$defs/Address"},
                "note": {"type": ["string", "null"]},
            },
            "$defs": {"Address": {
                "type": "object",
                "required": ["email", "since"],
                "properties": {"email": {"type": "string", "format": "email"},
                               "since": {"type": "string", "format": "date-time"}},
                "additionalProperties": false,
            }},
        }));
        assert_eq!(
            made,
            json!({"sku": "aaa", "quantity": 1,
                   "to": {"email": "someone@example.com", "since": "2026-01-01T00:00:00Z"}})
        );
    }

    #[test]
    fn what_the_schema_names_is_taken() {
        assert_eq!(valid(json!({"const": 7})), 7);
        assert_eq!(valid(json!({"type": "string", "enum": ["small", "large"]})), "small");
        assert_eq!(valid(json!({"type": "string", "examples": ["ABC-1"], "pattern": "^[A-Z]+-[0-9]$"})), "ABC-1");
        assert_eq!(valid(json!({"type": "integer", "default": 5, "minimum": 2})), 5);
        assert_eq!(valid(json!({"type": ["integer", "null"], "default": null, "minimum": 2})), 2);
    }

    #[test]
    fn enums_of_every_representation_get_a_variant() {
        let tagged = json!({"oneOf": [
            {"type": "object", "required": ["kind", "iban"],
             "properties": {"kind": {"type": "string", "const": "transfer"}, "iban": {"type": "string", "minLength": 1}}},
            {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "cash"}}},
        ]});
        assert_eq!(valid(tagged), json!({"kind": "transfer", "iban": "a"}));
        let optional = json!({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/N"}], "$defs": {"N": {"type": "integer"}}});
        assert_eq!(valid(optional), 0);
        let flattened = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "boolean"}},
            "allOf": [{"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}}]});
        assert_eq!(valid(flattened), json!({"a": true, "b": ""}));
        let beside = json!({"$ref": "#/$defs/B", "type": "object", "required": ["t"],
            "properties": {"t": {"const": "b"}},
            "$defs": {"B": {"type": "object", "required": ["n"], "properties": {"n": {"type": "number"}}}}});
        assert_eq!(valid(beside), json!({"t": "b", "n": 0}));
    }

    #[test]
    fn ranges_and_lengths_are_kept_to() {
        assert_eq!(valid(json!({"type": "integer", "exclusiveMinimum": 4, "multipleOf": 3})), 6);
        assert_eq!(valid(json!({"type": "integer", "maximum": -4})), -4);
        assert_eq!(valid(json!({"type": "number", "exclusiveMaximum": 0})), -1);
        assert_eq!(valid(json!({"type": "number", "minimum": 0.25, "maximum": 0.75})), 0.5);
        assert_eq!(valid(json!({"type": "number", "exclusiveMinimum": 0.0})), 1);
        assert_eq!(valid(json!({"type": "array", "items": {"type": "integer"}, "minItems": 2})), json!([0, 0]));
        let set = json!({"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": true});
        assert_eq!(valid(set), json!(["", "1"]));
        let pair = json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2,
            "maxItems": 2});
        assert_eq!(valid(pair), json!(["", 0]));
        let map = json!({"type": "object", "additionalProperties": {"type": "boolean"}, "minProperties": 1});
        assert_eq!(valid(map), json!({"key1": true}));
    }

    #[test]
    fn every_known_format_is_kept_to() {
        for format in [
            "date",
            "date-time",
            "time",
            "duration",
            "email",
            "hostname",
            "ipv4",
            "ipv6",
            "uri",
            "uri-reference",
            "uuid",
            "regex",
            "json-pointer",
        ] {
            valid(json!({"type": "string", "format": format}));
        }
    }

    #[test]
    fn patterns_are_matched() {
        for pattern in ["^[A-Z]{3}-\\d{4}$", "^(cat|dog)s?$", "x+y", "^\\+?[1-9][0-9]{6,14}$", "^[^a]$", "^$", "\\w"] {
            valid(json!({"type": "string", "pattern": pattern}));
        }
        assert_eq!(valid(json!({"type": "string", "pattern": "^[a-z]+$", "minLength": 3})), "aaa");
        assert_eq!(valid(json!({"type": "string", "pattern": "^[A-Z]{2,4}[0-9]*$", "minLength": 6})), "AAAA00");
    }

    #[test]
    fn a_type_within_itself_ends() {
        let tree = json!({"$ref": "#/$defs/Tree", "$defs": {"Tree": {"type": "object", "required": ["children"],
            "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}}});
        assert_eq!(valid(tree), json!({"children": []}));
        let endless = json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "required": ["a"],
            "properties": {"a": {"$ref": "#/$defs/A"}}}}});
        assert!(instance(&endless).is_object());
        assert_eq!(instance(&json!(true)), Value::Null);
    }
}
