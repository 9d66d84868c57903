use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One bad value of an input.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Violation {
    /// Where it is in the input: a JSON Pointer (RFC 6901), empty for the whole.
    pub pointer: String,
    /// Where it came from; absent on transports whose input has one source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ViolationSource>,
    /// The rule it breaks: a keyword of JSON Schema such as `minimum`; `type` for a string that cannot be decoded or a
    /// number that is too large; `value` for what the type itself refuses.
    pub rule: Cow<'static, str>,
    /// What is wrong, for a person.
    pub detail: String,
}

impl Violation {
    /// A violation whose source is not known yet.
    pub fn new(pointer: impl Into<String>, rule: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), source: None, rule: rule.into(), detail: detail.into() }
    }

    /// The same, with its source.
    #[must_use]
    pub fn from(self, source: ViolationSource) -> Self {
        Self { source: Some(source), ..self }
    }
}

/// Where a bad value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationSource {
    /// A segment of the path.
    Path,
    /// The query.
    Query,
    /// A header.
    Header,
    /// A cookie.
    Cookie,
    /// The body.
    Body,
}
