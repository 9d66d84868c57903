//! Messages that are passed on to the queues of another group.

use pikku::{
    AuthError, BoxError, Call, Claims, Need,
    service::{Queue, Queues, SendError},
};
use pikku_auth::message::{CallerKeys, Callers};
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

/// What signs the callers of messages. A real app has it in a secret.
pub const CALLER_KEYS: &str = "the-secret-of-the-fixture-signs-nothing-else";

/// Signs who caused a message.
#[derive(Clone, Debug, pikku::CallerSigner)]
pub struct AppCallers(Callers);

#[pikku::service]
fn app_callers() -> Result<AppCallers, BoxError> {
    Ok(AppCallers(Callers::new(CallerKeys::parse(CALLER_KEYS)?)))
}

/// Takes the header `X-User` for a session.
#[pikku::authenticator]
pub async fn user(call: &Call) -> Result<Option<Claims>, AuthError> {
    let user = call.headers().and_then(|headers| headers.get("x-user"));
    Ok(user.map(|user| Claims::new(user.into()).with_subject(user)))
}

/// Work that carries who caused it.
#[derive(Debug, Deserialize, Serialize, JsonSchema, pikku::Message)]
#[pikku(queue = "work", signed_by = AppCallers)]
pub struct SignedOrder {
    id: String,
}

/// Passes work on with who caused it.
#[pikku::function(session)]
pub async fn hand_on(work: &Queue<SignedOrder>, order: SignedOrder) -> Result<(), PassError> {
    work.send(&order).await.map_err(PassError::NotTaken)
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
