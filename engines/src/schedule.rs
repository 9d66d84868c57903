//! Schedules: when they are due, and how their runs come into a queue once over all instances.

mod calendar;
mod run;
mod scheduler;

pub use calendar::{Calendar, Due, Misfire};
pub use run::ScheduledRun;
pub use scheduler::{Overlap, ScheduleSpec, Scheduler, Tick, Told};
