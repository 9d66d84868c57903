//! How the fields of an input are read from text.
//!
//! A path segment, a query value, a header and a cookie are all strings, yet the input's schema may want a number or a
//! list. This module reads the schema once and says for each top-level field what its strings stand for; the runtime
//! decodes by that table and leaves every judgement to validation. A string that does not fit its shape stays a string,
//! so that validation can name the mistake.
//!
//! What it does not decide: whether a value is valid, and fields of maps (`additionalProperties`), which have no names.

use serde_json::{Map, Value};

/// A top-level field of an input and what a string given for it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldShape {
    /// The field's name.
    pub name: String,
    /// What a string stands for.
    pub decode: Shape,
}

/// What a string stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Itself.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// JSON text, such as that of an object.
    Json,
    /// Whatever it can be read as: the schema leaves the type open or names several.
    Any,
    /// One element of a list; a repeated key gives the next.
    List(Box<Shape>),
}

/// The fields of an input by name, each once, sorted by name.
///
/// References within the schema are followed. Where several alternatives name a field (the variants of a tagged enum),
/// its shape is the one they agree on, or [`Shape::Any`].
pub fn fields(schema: &Value) -> Vec<FieldShape> {
    let mut reader = Reader { root: schema, open: Vec::new(), found: Vec::new() };
    reader.object(schema);
    let mut found = reader.found;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The keywords whose schemas describe the same value as the schema they stand in.
const IN_PLACE: [&str; 3] = ["allOf", "anyOf", "oneOf"];

struct Reader<'s> {
    root: &'s Value,
    /// The references being followed, so that a recursive schema ends.
    open: Vec<&'s str>,
    found: Vec<FieldShape>,
}

impl<'s> Reader<'s> {
    /// Collects the properties that a schema gives the value it stands for.
    fn object(&mut self, schema: &'s Value) {
        let Some(schema) = schema.as_object() else { return };
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let decode = self.shape(property).unwrap_or(Shape::Any);
            match self.found.iter_mut().find(|field| field.name == *name) {
                Some(field) => field.decode = agree(field.decode.clone(), decode),
                None => self.found.push(FieldShape { name: name.clone(), decode }),
            }
        }
        for branch in in_place(schema) {
            self.object(branch);
        }
        if let Some(Some(target)) = self.enter(schema) {
            self.object(target);
            self.open.pop();
        }
    }

    /// The shape of a value, or `None` where the schema allows only null.
    fn shape(&mut self, schema: &'s Value) -> Option<Shape> {
        let Some(keywords) = schema.as_object() else { return Some(Shape::Any) };
        // Every keyword narrows, so the first that says something definite decides; `Any` says nothing.
        let mut narrowed = match keywords.get("type") {
            Some(Value::String(name)) => self.of_type(name, keywords),
            Some(Value::Array(names)) => {
                let shapes: Vec<_> =
                    names.iter().filter_map(Value::as_str).map(|name| self.of_type(name, keywords)).collect();
                one_of(shapes)
            }
            _ => Some(Shape::Any),
        };
        if let Some(values) = keywords.get("enum").and_then(Value::as_array) {
            narrowed = both(narrowed, one_of(values.iter().map(of_value)));
        }
        if let Some(value) = keywords.get("const") {
            narrowed = both(narrowed, of_value(value));
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(branches) = keywords.get(keyword).and_then(Value::as_array) {
                let shapes: Vec<_> = branches.iter().map(|branch| self.shape(branch)).collect();
                narrowed = both(narrowed, one_of(shapes));
            }
        }
        for branch in keywords.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            let shape = self.shape(branch);
            narrowed = both(narrowed, shape);
        }
        match self.enter(keywords) {
            Some(Some(target)) => {
                let shape = self.shape(target);
                self.open.pop();
                both(narrowed, shape)
            }
            // A schema that refers to itself, or elsewhere, has no shape that text could have.
            Some(None) => both(narrowed, Some(Shape::Any)),
            None => narrowed,
        }
    }

    fn of_type(&mut self, name: &str, keywords: &'s Map<String, Value>) -> Option<Shape> {
        Some(match name {
            "null" => return None,
            "string" => Shape::Text,
            "integer" => Shape::Integer,
            "number" => Shape::Number,
            "boolean" => Shape::Boolean,
            "object" => Shape::Json,
            "array" => Shape::List(Box::new(self.element(keywords))),
            _ => Shape::Any,
        })
    }

    /// The shape of a list's elements. A list within a list is written as JSON.
    fn element(&mut self, keywords: &'s Map<String, Value>) -> Shape {
        let mut shapes = Vec::new();
        for first in keywords.get("prefixItems").and_then(Value::as_array).into_iter().flatten() {
            shapes.push(self.shape(first));
        }
        match keywords.get("items") {
            Some(Value::Bool(false)) => {}
            Some(rest) => shapes.push(self.shape(rest)),
            None if shapes.is_empty() => shapes.push(Some(Shape::Any)),
            None => {}
        }
        match one_of(shapes) {
            Some(Shape::List(_)) => Shape::Json,
            Some(shape) => shape,
            None => Shape::Any,
        }
    }

    /// Opens the schema's reference: `None` without one, `Some(None)` when it cannot be followed or is being followed.
    /// The caller closes what it entered.
    #[expect(clippy::option_option, reason = "no reference and a reference that leads nowhere are different answers")]
    fn enter(&mut self, keywords: &'s Map<String, Value>) -> Option<Option<&'s Value>> {
        let reference = keywords.get("$ref").or_else(|| keywords.get("$dynamicRef"))?.as_str()?;
        let target = reference.strip_prefix('#').and_then(|fragment| {
            let pointer = percent_decoded(fragment);
            self.root.pointer(&pointer)
        });
        if self.open.contains(&reference) || target.is_none() {
            return Some(None);
        }
        self.open.push(reference);
        Some(target)
    }
}

fn in_place(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    IN_PLACE.iter().filter_map(|keyword| schema.get(*keyword)?.as_array()).flatten()
}

fn of_value(value: &Value) -> Option<Shape> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => Shape::Boolean,
        Value::Number(number) if number.is_f64() => Shape::Number,
        Value::Number(_) => Shape::Integer,
        Value::String(_) => Shape::Text,
        Value::Array(_) => Shape::List(Box::new(Shape::Any)),
        Value::Object(_) => Shape::Json,
    })
}

/// The shape of a value that is one of several; null counts for nothing.
fn one_of(shapes: impl IntoIterator<Item = Option<Shape>>) -> Option<Shape> {
    shapes.into_iter().flatten().reduce(agree)
}

/// The shape of a value that is both: `Any` gives way.
fn both(one: Option<Shape>, other: Option<Shape>) -> Option<Shape> {
    match (one?, other?) {
        (Shape::Any, shape) | (shape, Shape::Any) => Some(shape),
        (Shape::Number, Shape::Integer) => Some(Shape::Integer),
        (Shape::List(one), Shape::List(other)) => {
            Some(Shape::List(Box::new(both(Some(*one), Some(*other)).unwrap_or(Shape::Any))))
        }
        (shape, _) => Some(shape),
    }
}

/// The shape that covers both.
fn agree(one: Shape, other: Shape) -> Shape {
    match (one, other) {
        (one, other) if one == other => one,
        (Shape::Integer, Shape::Number) | (Shape::Number, Shape::Integer) => Shape::Number,
        (Shape::List(one), Shape::List(other)) => Shape::List(Box::new(agree(*one, *other))),
        _ => Shape::Any,
    }
}

/// A URI fragment's text. Broken escapes stay as they are.
fn percent_decoded(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = |digit: Option<&u8>| digit.and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, hex(tail.first()), hex(tail.get(1))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| fragment.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shape_of(schema: Value) -> Shape {
        let root = json!({"type": "object", "properties": {"x": schema},
            "$defs": {"Size": {"type": "string", "enum": ["s", "m"]}, "Kelvin": {"type": "number"},
                      "Tree": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]}, "a/b": {"type": "integer"}}});
        let found = fields(&root);
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().map(|field| field.decode).unwrap()
    }

    #[test]
    fn plain_types() {
        assert_eq!(shape_of(json!({"type": "string", "format": "date"})), Shape::Text);
        assert_eq!(shape_of(json!({"type": "integer", "minimum": 0})), Shape::Integer);
        assert_eq!(shape_of(json!({"type": "number"})), Shape::Number);
        assert_eq!(shape_of(json!({"type": "boolean"})), Shape::Boolean);
        assert_eq!(shape_of(json!({"type": "object", "properties": {"y": {"type": "string"}}})), Shape::Json);
        assert_eq!(shape_of(json!(true)), Shape::Any);
        assert_eq!(shape_of(json!({})), Shape::Any);
    }

    #[test]
    fn nullable_types_are_their_type() {
        assert_eq!(shape_of(json!({"type": ["integer", "null"]})), Shape::Integer);
        assert_eq!(shape_of(json!({"anyOf": [{"$ref": "#/$defs/Kelvin"}, {"type": "null"}]})), Shape::Number);
        assert_eq!(shape_of(json!({"enum": ["a", null]})), Shape::Text);
        assert_eq!(shape_of(json!({"type": "null"})), Shape::Any);
    }

    #[test]
    fn mixed_types_are_open() {
        assert_eq!(shape_of(json!({"type": ["integer", "string"]})), Shape::Any);
        assert_eq!(shape_of(json!({"anyOf": [{"type": "integer"}, {"type": "string"}]})), Shape::Any);
        assert_eq!(shape_of(json!({"anyOf": [{"type": "integer"}, {"type": "number"}]})), Shape::Number);
        assert_eq!(shape_of(json!({"enum": ["a", 1]})), Shape::Any);
    }

    #[test]
    fn enums_and_constants() {
        assert_eq!(shape_of(json!({"$ref": "#/$defs/Size"})), Shape::Text);
        assert_eq!(shape_of(json!({"oneOf": [{"const": "s"}, {"const": "m", "description": "medium"}]})), Shape::Text);
        assert_eq!(shape_of(json!({"const": 3})), Shape::Integer);
    }

    #[test]
    fn lists() {
        let list = |shape| Shape::List(Box::new(shape));
        assert_eq!(shape_of(json!({"type": "array", "items": {"type": "integer"}})), list(Shape::Integer));
        assert_eq!(shape_of(json!({"type": ["array", "null"], "items": {"$ref": "#/$defs/Size"}})), list(Shape::Text));
        assert_eq!(shape_of(json!({"type": "array"})), list(Shape::Any));
        let pair = json!({"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}], "items": false});
        assert_eq!(shape_of(pair), list(Shape::Number));
        let nested = json!({"type": "array", "items": {"type": "array", "items": {"type": "integer"}}});
        assert_eq!(shape_of(nested), list(Shape::Json));
    }

    #[test]
    fn references_are_followed_and_end() {
        assert_eq!(shape_of(json!({"$ref": "#/$defs/Tree"})), Shape::Any);
        assert_eq!(shape_of(json!({"$ref": "#/$defs/a~1b", "description": "escaped"})), Shape::Integer);
        assert_eq!(shape_of(json!({"$ref": "#/%24defs/Kelvin"})), Shape::Number);
        assert_eq!(shape_of(json!({"$ref": "https://example.com/elsewhere"})), Shape::Any);
        assert_eq!(shape_of(json!({"allOf": [{"$ref": "#/$defs/Size"}], "default": "s"})), Shape::Text);
    }

    #[test]
    fn variants_and_flattened_parts_are_merged() {
        let schema = json!({
            "$ref": "#/$defs/Payment",
            "$defs": {
                "Payment": {
                    "type": "object",
                    "properties": {"note": {"type": ["string", "null"]}},
                    "oneOf": [
                        {"properties": {"kind": {"const": "card"}, "id": {"type": "integer"}}, "required": ["kind"]},
                        {"properties": {"kind": {"const": "bill"}, "id": {"type": "string"}, "days": {"type": "integer"}}},
                    ],
                    "allOf": [{"$ref": "#/$defs/Page"}],
                },
                "Page": {"properties": {"page": {"type": "integer"}}},
            }
        });
        let found: Vec<_> = fields(&schema).into_iter().map(|field| (field.name, field.decode)).collect();
        let expected = [
            ("days", Shape::Integer),
            ("id", Shape::Any),
            ("kind", Shape::Text),
            ("note", Shape::Text),
            ("page", Shape::Integer),
        ];
        assert_eq!(found, expected.map(|(name, shape)| (name.to_owned(), shape)));
    }

    #[test]
    fn inputs_without_fields_have_none() {
        assert!(fields(&json!({"type": "array", "items": {"type": "integer"}})).is_empty());
        assert!(fields(&json!(true)).is_empty());
        let recursive = json!({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}});
        assert!(fields(&recursive).is_empty());
    }
}
