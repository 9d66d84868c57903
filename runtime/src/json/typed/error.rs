use crate::Violation;
use serde::de::{self, Expected, Unexpected};
use std::fmt;

/// Why a value is not of a type: one value that is wrong.
#[derive(Debug)]
pub struct ReadError(Box<Violation>);

impl ReadError {
    fn new(rule: &'static str, detail: String) -> Self {
        Self(Box::new(Violation::new("", rule, detail)))
    }

    /// The same, seen from the list or object that holds the value under this name.
    pub(super) fn below(mut self, name: &str) -> Self {
        self.0.pointer.insert_str(0, &crate::json::pointer(name));
        self
    }

    /// The value that is wrong.
    pub(crate) fn into_violation(self) -> Violation {
        *self.0
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { pointer, detail, .. } = &*self.0;
        write!(formatter, "the value at `{pointer}` {detail}")
    }
}

impl std::error::Error for ReadError {}

// What came is never printed: it may be secret, and what prints numbers is large.
impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new("value", message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::new("type", format!("must be {wanted}"))
    }

    fn invalid_value(_: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::new("type", format!("must be {wanted}"))
    }

    fn invalid_length(_: usize, wanted: &dyn Expected) -> Self {
        Self::new("type", format!("must be {wanted}"))
    }

    fn unknown_variant(_: &str, wanted: &'static [&'static str]) -> Self {
        Self::new("enum", format!("must be one of `{}`", wanted.join("`, `")))
    }

    // Reading the name is what fails, so its place is added where that is done.
    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::new("additionalProperties", "is not a known field".to_owned())
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new("required", "is required".to_owned()).below(name)
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::new("value", "is given twice".to_owned()).below(name)
    }
}
