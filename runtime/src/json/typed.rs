//! From a tree of JSON to a type.
//!
//! It reads as `serde_json::from_value` does. An error names the value that is wrong by its place and says what was
//! wanted; what came is not said, for an input may hold secrets.

mod access;
mod error;

use access::{Elements, Members, VariantOf};
pub use error::ReadError;
use serde::{
    Deserializer,
    de::{DeserializeOwned, Error as _, Expected, IntoDeserializer, Unexpected, Visitor},
    forward_to_deserialize_any,
};
use serde_json::{Map, Number, Value};

/// Reads a value as a type.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, ReadError> {
    T::deserialize(Json(value))
}

/// The name by which `serde_json::value::RawValue` asks for the text of a value.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

struct Json(Value);

fn wrong<T>(wanted: &dyn Expected) -> Result<T, ReadError> {
    // What came is not said, so it need not be told here.
    Err(ReadError::invalid_type(Unexpected::Other(""), wanted))
}

fn number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, ReadError> {
    if let Some(whole) = number.as_u64() {
        visitor.visit_u64(whole)
    } else if let Some(whole) = number.as_i64() {
        visitor.visit_i64(whole)
    } else {
        visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
    }
}

fn list<'de, V: Visitor<'de>>(list: Vec<Value>, visitor: V) -> Result<V::Value, ReadError> {
    let length = list.len();
    let mut elements = Elements::new(list);
    let read = visitor.visit_seq(&mut elements)?;
    if elements.is_empty() { Ok(read) } else { Err(ReadError::invalid_length(length, &"fewer elements in array")) }
}

fn object<'de, V: Visitor<'de>>(object: Map<String, Value>, visitor: V) -> Result<V::Value, ReadError> {
    let length = object.len();
    let mut members = Members::new(object);
    let read = visitor.visit_map(&mut members)?;
    if members.is_empty() { Ok(read) } else { Err(ReadError::invalid_length(length, &"fewer elements in map")) }
}

/// Reads every kind of number from what `self.number()` gives.
macro_rules! numbers {
    () => {
        numbers! {
            deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
            deserialize_f32 deserialize_f64
        }
    };
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            number(&self.number(&visitor)?, visitor)
        }
    )*};
}

impl Json {
    fn number(self, wanted: &dyn Expected) -> Result<Number, ReadError> {
        match self.0 {
            Value::Number(value) => Ok(value),
            _ => wrong(wanted),
        }
    }
}

impl<'de> Deserializer<'de> for Json {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(value) => number(&value, visitor),
            Value::String(value) => visitor.visit_string(value),
            Value::Array(value) => list(value, visitor),
            Value::Object(value) => object(value, visitor),
        }
    }

    numbers!();

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Bool(value) => visitor.visit_bool(value),
            _ => wrong(&visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::String(value) => visitor.visit_string(value),
            _ => wrong(&visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::String(value) => visitor.visit_string(value),
            Value::Array(value) => list(value, visitor),
            _ => wrong(&visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            _ => wrong(&visitor),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if name == RAW_VALUE {
            let text = Value::String(self.0.to_string());
            return object(Map::from_iter([(RAW_VALUE.to_owned(), text)]), visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Array(value) => list(value, visitor),
            _ => wrong(&visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Object(value) => object(value, visitor),
            _ => wrong(&visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Array(value) => list(value, visitor),
            Value::Object(value) => object(value, visitor),
            _ => wrong(&visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(VariantOf { variant, value: None }),
            Value::Object(object) => {
                let mut members = object.into_iter();
                match (members.next(), members.next()) {
                    (Some((variant, value)), None) => visitor.visit_enum(VariantOf { variant, value: Some(value) }),
                    _ => wrong(&"map with a single key"),
                }
            }
            _ => wrong(&"string or map"),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_byte_buf(visitor)
    }
}

impl IntoDeserializer<'_, ReadError> for Json {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The name of a member, which may stand for a number or a boolean.
struct Name<'n>(&'n str);

impl Name<'_> {
    fn number(self, _: &dyn Expected) -> Result<Number, ReadError> {
        match super::parse(self.0.as_bytes()) {
            // JSON lets white space stand around a number, a name does not.
            Ok(Value::Number(value)) if !self.0.contains(char::is_whitespace) => Ok(value),
            _ => Err(ReadError::custom("expected key to be a number in quotes")),
        }
    }
}

impl<'de> Deserializer<'de> for Name<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_str(self.0)
    }

    numbers!();

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => wrong(&visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_enum(VariantOf { variant: self.0.to_owned(), value: None })
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct ignored_any identifier
    }
}

#[cfg(test)]
mod tests;
