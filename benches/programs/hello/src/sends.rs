//! What is added to measure the weight of sending.

use pikku::service::SendError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The queue that hears of greetings.
pub(crate) const QUEUE: &str = "greetings";

/// A greeting that the queue is told of.
#[derive(Debug, Serialize, Deserialize, JsonSchema, pikku::Message)]
#[pikku(queue = "greetings")]
pub struct Told {
    /// Who was greeted.
    pub id: u64,
}

/// The queue was not told.
#[derive(Debug, pikku::Error)]
pub enum TellError {
    /// The queue did not take it.
    #[pikku(status = 503, detail = "the queue did not take the greeting")]
    NotTaken(SendError),
}

/// Takes note of a greeting.
#[pikku::function]
pub async fn take_note(told: Told) -> Result<Told, pikku::Problem> {
    Ok(told)
}

/// The bundle behind the queue.
#[derive(Debug, pikku::Group)]
pub struct Notes;
