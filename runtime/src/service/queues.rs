#[cfg(feature = "callers")]
use super::{CallerSigner, signer::SendsAs};
use super::{Construct, Container, Handle, Plan, Scope, Service, Singleton};
#[cfg(feature = "callers")]
use crate::Claims;
use crate::{BoxError, Platform, Problem, future::BoxFuture, platform::OutgoingMessage};
use serde::Serialize;
use std::{
    fmt,
    future::{Future, ready},
    sync::Arc,
};

/// Sends messages to the app's queues by name, on whatever the app runs on.
///
/// It is what a singleton sends with. Functions and per-call services rather ask for [`Queue<T>`](super::Queue), which grants
/// itself and carries the trace on. A service that sends declares the queue, so that its bundles may: nothing is granted otherwise.
///
/// ```
/// # #[derive(serde::Serialize)] struct Placed { id: u64 }
/// use pikku::{Need, service::{Queues, SendError}};
///
/// pub struct PlacedOrders(Queues);
///
/// #[pikku::service(needs = [Need::SendToQueue("orders-placed")])]
/// fn placed_orders(queues: &Queues) -> PlacedOrders {
///     PlacedOrders(queues.clone())
/// }
///
/// impl PlacedOrders {
///     pub async fn send(&self, order: &Placed) -> Result<(), SendError> {
///         self.0.send("orders-placed", order).await
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Queues(Arc<dyn Platform>);

/// A message could not be sent.
#[derive(Debug)]
pub struct SendError {
    queue: String,
    source: BoxError,
}

impl SendError {
    /// What sending to that queue failed with.
    pub(super) fn of(queue: &str) -> impl Fn(BoxError) -> Self + Copy + '_ {
        move |source| Self { queue: queue.to_owned(), source }
    }
}

impl Queues {
    /// Sends a message, as JSON, to the queue of that logical name. It is in the queue when this returns.
    ///
    /// # Errors
    ///
    /// The message cannot be written as JSON, or the queue did not take it.
    pub async fn send<T: Serialize + Sync>(&self, queue: &str, message: &T) -> Result<(), SendError> {
        let failed = SendError::of(queue);
        let body = serde_json::to_string(message).map_err(|error| failed(error.into()))?;
        self.0.send(OutgoingMessage::new(queue, &body)).await.map_err(failed)
    }

    /// Sends a message that carries who caused it, such as [`Call::claims`](crate::Call::claims) has it, signed by a service of
    /// the app (feature `callers`). Without a caller it is as [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// The message cannot be written as JSON or not be signed, or the queue did not take it.
    #[cfg(feature = "callers")]
    pub async fn send_as<T: Serialize + Sync, S: CallerSigner>(
        &self,
        signer: &S,
        caller: Option<&Claims>,
        queue: &str,
        message: &T,
    ) -> Result<(), SendError> {
        let Some(caller) = caller else { return self.send(queue, message).await };
        let sends = SendsAs { platform: Arc::clone(&self.0), signer: signer.clone(), caller: caller.clone() };
        Self(Arc::new(sends)).send(queue, message).await
    }
}

impl fmt::Debug for Queues {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Queues")
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a message could not be sent to the queue `{}`", self.queue)
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

impl Service for Queues {
    type Lifetime = Singleton;
    const NAME: &'static str = "Queues";
    const DEPTH_OF_THE_SERVICES_BELOW: usize = 0;

    fn plan(plan: &mut Plan) {
        plan.singleton::<Self>(|_| {});
    }

    fn get<'s>(scope: &'s Scope<'_>) -> impl Future<Output = Result<Handle<'s, Self>, Problem>> + Send {
        ready(Ok(scope.singleton()))
    }
}

impl Construct for Queues {
    fn construct(container: &Container) -> BoxFuture<'_, Result<Self, BoxError>> {
        Box::pin(ready(Ok(Self(Arc::clone(container.platform())))))
    }
}
