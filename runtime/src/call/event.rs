use super::Payload;
use crate::Problem;
use serde_json::Value;

/// An event of an event bus. Its detail is the function's input.
#[derive(Debug, Clone, Default)]
pub struct BusEvent {
    /// The id.
    pub id: String,
    /// Who sent it.
    pub source: String,
    /// What kind of event it is.
    pub detail_type: String,
    /// When it happened (RFC 3339).
    pub time: String,
    /// The account it belongs to.
    pub account: String,
    /// The region it happened in.
    pub region: String,
    /// The platform's identifiers of what it is about.
    pub resources: Vec<String>,
    /// What it is about, within its source.
    pub subject: Option<String>,
    /// The form that it arrived in, where the platform knows several: `cloudevents-1.0` or `event-grid`.
    pub schema: Option<String>,
    /// What happened.
    pub detail: Value,
}

impl Payload for BusEvent {
    fn input(&self) -> Result<Value, Problem> {
        Ok(self.detail.clone())
    }
}
