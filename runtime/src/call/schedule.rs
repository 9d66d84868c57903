use super::Payload;
use crate::Problem;
use serde_json::{Map, Value};

/// A run of a schedule.
#[derive(Debug, Clone, Default)]
pub struct ScheduledRun {
    /// The physical name of the schedule.
    pub schedule: String,
    /// The platform's own identifier of the schedule, such as an ARN.
    pub schedule_id: String,
    /// The platform's id of this run.
    pub id: String,
    /// The platform's own name of what set it off, such as `aws.scheduler`.
    pub origin: String,
    /// The time it is for (RFC 3339).
    pub time: String,
    /// The same in milliseconds since the Unix epoch.
    pub time_ms: Option<u64>,
}

impl Payload for ScheduledRun {
    fn input(&self) -> Result<Value, Problem> {
        Ok(Value::Object(Map::new()))
    }
}
