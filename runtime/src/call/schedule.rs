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
    /// Whether the platform says that it comes too late: the app was not there at its time.
    pub past_due: bool,
    /// When the schedule ran before, where the platform keeps it (RFC 3339).
    pub last: Option<String>,
    /// The time that the platform keeps as the next one, where it does (RFC 3339). It is this run's own when the run is due.
    pub next: Option<String>,
    /// When the platform set it off, where that is told apart from its time (RFC 3339).
    pub begun: Option<String>,
}

impl Payload for ScheduledRun {
    fn input(&self) -> Result<Value, Problem> {
        Ok(Value::Object(Map::new()))
    }
}
