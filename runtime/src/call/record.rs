use super::{Payload, from_json};
use crate::{Bytes, Problem};
use serde::Serialize;
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// An event of an object in a bucket. It is also the function's input, by the names of its fields.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ObjectEvent {
    /// The physical name of the bucket.
    pub bucket: String,
    /// The object's key, decoded.
    pub key: String,
    /// The key as the platform delivers it.
    pub key_as_delivered: String,
    /// The event, such as `ObjectCreated:Put`.
    pub event: String,
    /// When it happened (RFC 3339).
    pub time: String,
    /// The object's size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The object's entity tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The object's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// What orders two events of one key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
}

/// A record of a stream. Its data is the function's input, as JSON.
#[derive(Debug, Clone, Default)]
pub struct StreamRecord {
    /// The physical name of the stream.
    pub stream: String,
    /// The platform's id of the record.
    pub id: String,
    /// The place in the shard's order.
    pub sequence_number: String,
    /// The key that chose the shard.
    pub partition_key: String,
    /// The data.
    pub data: Bytes,
    /// When it arrived, in seconds since the Unix epoch.
    pub arrived_at_s: Option<f64>,
}

/// A change of a table's item.
///
/// The function's input is an object of `event`, `keys`, `new` and `old`, whose attributes are plain JSON: a number is a
/// JSON number where that keeps every digit, otherwise a string; binary is base64; a set is an array.
#[derive(Debug, Clone, Default)]
pub struct TableChange {
    /// The physical name of the table.
    pub table: String,
    /// The platform's id of the change.
    pub id: String,
    /// `INSERT`, `MODIFY` or `REMOVE`.
    pub event: String,
    /// The place in the shard's order.
    pub sequence_number: String,
    /// Which images the stream carries.
    pub view: Option<String>,
    /// When it happened, in seconds since the Unix epoch.
    pub created_at_s: Option<f64>,
    /// The key.
    pub keys: BTreeMap<String, AttributeValue>,
    /// The item as it is now, where the stream carries it.
    pub new: Option<BTreeMap<String, AttributeValue>>,
    /// The item as it was, where the stream carries it.
    pub old: Option<BTreeMap<String, AttributeValue>>,
}

/// The value of an item's attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// Text.
    Text(String),
    /// A number with every digit it has.
    Number(String),
    /// Octets in base64.
    Binary(String),
    /// True or false.
    Bool(bool),
    /// Nothing.
    Null,
    /// A list.
    List(Vec<AttributeValue>),
    /// A map.
    Map(BTreeMap<String, AttributeValue>),
    /// A set of text.
    TextSet(Vec<String>),
    /// A set of numbers.
    NumberSet(Vec<String>),
    /// A set of octets in base64.
    BinarySet(Vec<String>),
}

impl AttributeValue {
    /// The value as plain JSON.
    pub fn to_json(&self) -> Value {
        let texts = |values: &[String]| values.iter().cloned().map(Value::String).collect();
        match self {
            Self::Text(text) | Self::Binary(text) => Value::String(text.clone()),
            Self::Number(digits) => number(digits),
            Self::Bool(value) => Value::Bool(*value),
            Self::Null => Value::Null,
            Self::List(values) => values.iter().map(Self::to_json).collect(),
            Self::Map(values) => object(values),
            Self::TextSet(values) | Self::BinarySet(values) => Value::Array(texts(values)),
            Self::NumberSet(values) => values.iter().map(|digits| number(digits)).collect(),
        }
    }
}

/// A JSON number where it keeps every digit, otherwise the digits as a string.
fn number(digits: &str) -> Value {
    match serde_json::from_str::<Number>(digits) {
        Ok(number) if number.to_string() == digits => Value::Number(number),
        _ => Value::String(digits.to_owned()),
    }
}

fn object(values: &BTreeMap<String, AttributeValue>) -> Value {
    Value::Object(values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
}

impl TableChange {
    pub(crate) fn to_json(&self) -> Value {
        let mut input = Map::new();
        input.insert("event".into(), Value::String(self.event.clone()));
        input.insert("keys".into(), object(&self.keys));
        for (name, image) in [("new", &self.new), ("old", &self.old)] {
            if let Some(image) = image {
                input.insert(name.into(), object(image));
            }
        }
        Value::Object(input)
    }
}

impl Payload for ObjectEvent {
    fn input(&self) -> Result<Value, Problem> {
        serde_json::to_value(self)
            .map_err(|error| Problem::internal(format!("an object event cannot be written as JSON: {error}")))
    }
}

impl Payload for StreamRecord {
    fn input(&self) -> Result<Value, Problem> {
        from_json("record", &self.data)
    }
}

impl Payload for TableChange {
    fn input(&self) -> Result<Value, Problem> {
        Ok(self.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_number_keeps_every_digit() {
        let json = |digits: &str| AttributeValue::Number(digits.into()).to_json();
        assert_eq!(json("101"), json!(101));
        assert_eq!(json("-1.5"), json!(-1.5));
        assert_eq!(json("12345678901234567890123"), json!("12345678901234567890123"));
        assert_eq!(json("1.10"), json!("1.10"));
    }
}
