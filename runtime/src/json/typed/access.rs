use super::{Json, Name, ReadError, list, object, wrong};
use serde::{
    Deserialize,
    de::{DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor},
};
use serde_json::{Map, Value};
use std::vec;

/// The elements of a list that are left.
pub(super) struct Elements {
    rest: vec::IntoIter<Value>,
    at: usize,
}

impl Elements {
    pub(super) fn new(list: Vec<Value>) -> Self {
        Self { rest: list.into_iter(), at: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.len() == 0
    }
}

impl<'de> SeqAccess<'de> for Elements {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let Some(value) = self.rest.next() else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(Json(value)).map(Some).map_err(|error| error.below(&at.to_string()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The members of an object that are left.
pub(super) struct Members {
    rest: <Map<String, Value> as IntoIterator>::IntoIter,
    taken: Option<(String, Value)>,
}

impl Members {
    pub(super) fn new(object: Map<String, Value>) -> Self {
        Self { rest: object.into_iter(), taken: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.len() == 0
    }
}

impl<'de> MapAccess<'de> for Members {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        let key = seed.deserialize(Name(&name)).map_err(|error: ReadError| error.below(&name))?;
        self.taken = Some((name, value));
        Ok(Some(key))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ReadError> {
        let Some((name, value)) = self.taken.take() else { return Err(ReadError::custom("value is missing")) };
        seed.deserialize(Json(value)).map_err(|error| error.below(&name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A variant of an enum: its name alone, or the name and what it holds.
pub(super) struct VariantOf {
    pub(super) variant: String,
    pub(super) value: Option<Value>,
}

impl<'de> EnumAccess<'de> for VariantOf {
    type Error = ReadError;
    type Variant = Held;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Held), ReadError> {
        let held = Held(self.value.map(|value| (self.variant.clone(), value)));
        seed.deserialize(self.variant.into_deserializer()).map(|variant| (variant, held))
    }
}

/// What a variant holds, and the variant's name.
pub(super) struct Held(Option<(String, Value)>);

impl<'de> VariantAccess<'de> for Held {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        match self.0 {
            Some((name, value)) => <()>::deserialize(Json(value)).map_err(|error| error.below(&name)),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        match self.0 {
            Some((name, value)) => seed.deserialize(Json(value)).map_err(|error| error.below(&name)),
            None => wrong(&"newtype variant"),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, ReadError> {
        let Some((name, value)) = self.0 else { return wrong(&"tuple variant") };
        match value {
            Value::Array(value) if value.is_empty() => visitor.visit_unit(),
            Value::Array(value) => list(value, visitor),
            _ => wrong(&"tuple variant"),
        }
        .map_err(|error| error.below(&name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let Some((name, value)) = self.0 else { return wrong(&"struct variant") };
        match value {
            Value::Object(value) => object(value, visitor),
            _ => wrong(&"struct variant"),
        }
        .map_err(|error| error.below(&name))
    }
}
