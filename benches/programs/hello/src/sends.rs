//! What is added to measure the weight of sending.

use crate::Greeting;
use pikku::{
    Need,
    service::{Queues, SendError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The queue that hears of greetings.
pub(crate) const QUEUE: &str = "greetings";

/// Tells the queue.
#[derive(Debug)]
pub struct Teller(Queues);

#[pikku::service(needs = [Need::SendToQueue("greetings")])]
fn teller(queues: &Queues) -> Teller {
    Teller(queues.clone())
}

impl Teller {
    /// Tells of one greeting.
    pub(crate) async fn tell(&self, greeting: &Greeting) -> Result<(), SendError> {
        self.0.send(QUEUE, greeting).await
    }
}

/// The queue was not told.
#[derive(Debug, pikku::Error)]
pub enum TellError {
    /// The queue did not take it.
    #[pikku(status = 503, detail = "the queue did not take the greeting")]
    NotTaken(SendError),
}

/// A greeting that was told of.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// Who was greeted.
    pub id: u64,
}

/// Takes note of a greeting.
#[pikku::function]
pub async fn take_note(told: Told) -> Result<Told, pikku::Problem> {
    Ok(told)
}

/// The bundle behind the queue.
#[derive(Debug, pikku::Group)]
pub struct Notes;
