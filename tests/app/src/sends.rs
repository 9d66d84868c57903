//! Messages that are passed on to the queues of another group.

use pikku::{
    Need,
    service::{Queues, SendError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The queues of work.
#[derive(Debug)]
pub struct Works(Queues);

#[pikku::service(needs = [Need::SendToQueue("work"), Need::SendToQueue("in-order")])]
fn works(queues: &Queues) -> Works {
    Works(queues.clone())
}

/// Work for somebody else.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Order {
    id: String,
    #[serde(default, skip_serializing)]
    in_order: bool,
}

/// The work could not be passed on.
#[derive(Debug, pikku::Error)]
pub enum PassError {
    /// The queue did not take it.
    #[pikku(status = 503, detail = "the queue did not take the work")]
    NotTaken(SendError),
}

/// Passes work on.
#[pikku::function(public)]
pub async fn pass_on(works: &Works, order: Order) -> Result<Order, PassError> {
    let queue = if order.in_order { "in-order" } else { "work" };
    works.0.send(queue, &order).await.map_err(PassError::NotTaken)?;
    Ok(order)
}
