//! Validation of inputs against the JSON Schemas of their types.
//!
//! A [`Contract`] says how the fields of a function's input are decoded from text and whether a value is valid. In a
//! bundle it is compiled: the packager writes it from the manifest. In development and tests it is interpreted from the
//! type. Both report through the same code, so they say the same.

#[cfg(feature = "interpret")]
mod interpret;
#[cfg(feature = "jsonschema")]
mod report;

use crate::{Violation, json};
#[cfg(feature = "interpret")]
pub(crate) use interpret::contract_of;
#[cfg(feature = "interpret")]
#[cfg(test)]
pub(crate) use interpret::float;
#[cfg(feature = "jsonschema")]
pub use report::{PATTERN_FORMAT, Texts, all_violations};
use serde_json::Value;
use std::{borrow::Cow, fmt, sync::Arc};

/// How the input of one function is decoded and validated.
#[derive(Clone)]
pub struct Contract {
    fields: Cow<'static, [Field]>,
    validate: Option<Validate>,
}

/// Every violation of a value; none when it is valid.
type Validate = Arc<dyn Fn(&Value) -> Vec<Violation> + Send + Sync>;

/// A top-level field of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub(crate) name: Cow<'static, str>,
    pub(crate) decode: Decode,
}

/// How the text of a path segment, query value, header, cookie or form field is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decode {
    /// As it is.
    Text,
    /// As a whole number.
    Integer,
    /// As a number.
    Number,
    /// As `true` or `false`.
    Boolean,
    /// As JSON text.
    Json,
    /// As whatever it can be read as.
    Any,
    /// As one element of a list.
    List(&'static Decode),
    /// As one element of a list; the form that is not a constant.
    #[cfg(feature = "interpret")]
    ListOf(Box<Decode>),
}

impl Contract {
    /// A contract with those fields. `validate` gives every violation of a value; without it every value is valid.
    pub fn new(fields: &'static [Field], validate: Option<fn(&Value) -> Vec<Violation>>) -> Self {
        Self { fields: Cow::Borrowed(fields), validate: validate.map(|validate| Arc::new(validate) as Validate) }
    }

    /// The contract of a function that takes nothing.
    pub fn nothing() -> Self {
        Self::new(&[], None)
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Decode> {
        self.fields.iter().find(|field| field.name == name).map(|field| &field.decode)
    }

    /// Whether the input is an object with named fields.
    pub(crate) fn has_fields(&self) -> bool {
        !self.fields.is_empty()
    }

    pub(crate) fn validate(&self, value: &Value) -> Vec<Violation> {
        self.validate.as_ref().map_or_else(Vec::new, |validate| validate(value))
    }
}

impl fmt::Debug for Contract {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Contract").field("fields", &self.fields).finish_non_exhaustive()
    }
}

impl Field {
    /// A field of that name, read so.
    pub const fn new(name: &'static str, decode: Decode) -> Self {
        Self { name: Cow::Borrowed(name), decode }
    }
}

impl Decode {
    /// The element of a list.
    pub(crate) fn element(&self) -> Option<&Decode> {
        match self {
            Self::List(element) => Some(element),
            #[cfg(feature = "interpret")]
            Self::ListOf(element) => Some(element),
            _ => None,
        }
    }

    /// Reads text. Text that does not fit stays text, so that validation names the mistake.
    pub(crate) fn read(&self, text: &str) -> Value {
        let json = || json::parse_str(text).ok();
        let read = match self {
            Self::Text => None,
            Self::Integer | Self::Number => whole(text).or_else(|| json().filter(Value::is_number)),
            Self::Boolean => json().filter(Value::is_boolean),
            Self::Json => json(),
            Self::Any => json().filter(|value| value.is_number() || value.is_boolean() || value.is_null()),
            _ => None,
        };
        read.unwrap_or_else(|| Value::String(text.to_owned()))
    }
}

/// A number as ids mostly are: digits alone, fewer than could be too many, none of them a zero in front.
fn whole(text: &str) -> Option<Value> {
    if !matches!(text.as_bytes(), [b'1'..=b'9', rest @ ..] if rest.len() < 18) {
        return None;
    }
    let digit = |number: u64, octet: u8| octet.is_ascii_digit().then(|| number * 10 + u64::from(octet - b'0'));
    text.bytes().try_fold(0, digit).map(Value::from)
}

/// A bundle has no contract for a function it holds.
#[derive(Debug, Clone)]
pub struct ContractMissing {
    function: &'static str,
}

impl ContractMissing {
    /// There is none for the function of that name.
    pub fn new(function: &'static str) -> Self {
        Self { function }
    }
}

impl fmt::Display for ContractMissing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "there is no contract for the function `{}`", self.function)
    }
}

impl std::error::Error for ContractMissing {}
