use super::{ConstructPerCall, Handle, MessageSigner, Need, PerCall, Plan, Scope, SendError, Service};
use crate::{
    BoxError, Platform, Problem,
    call::{TRACEPARENT, TRACESTATE},
    future::BoxFuture,
    platform::OutgoingMessage,
};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use std::{fmt, future::Future, marker::PhantomData, sync::Arc, time::Duration};

/// What a [`Queue<T>`] sends. Implemented by `#[derive(pikku::Message)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message of a queue",
    label = "no queue is named for this type",
    note = "name it on the type: `#[derive(serde::Serialize, schemars::JsonSchema, pikku::Message)] #[pikku(queue = \"…\")]`"
)]
pub trait Message: Serialize + JsonSchema + Send + Sync + 'static {
    /// The logical name of its queue.
    const QUEUE: &'static str;
    /// The name of the service that sends it, `Queue<OrderPlaced>`.
    #[doc(hidden)]
    const SERVICE: &'static str;
    /// What signs who calls, so that messages carry it; [`Unsigned`](super::Unsigned) where nothing does.
    type Signer: MessageSigner;
}

/// Sends messages of one type to the queue that the type names, on whatever the app runs on.
///
/// Functions and per-call services ask for it by type. That alone grants their bundle the queue, and nothing else does.
/// It carries the trace of its call on, so that the [`trace`](crate::Call::trace) of the call behind the queue is of the
/// same trace id, and its [`trace_state`](crate::Call::trace_state) the same.
///
/// ```
/// use pikku::{Call, service::{Queue, SendError}};
/// # use {schemars::JsonSchema, serde::{Deserialize, Serialize}, std::time::Duration};
///
/// #[derive(Serialize, Deserialize, JsonSchema, pikku::Message)]
/// #[pikku(queue = "orders-placed")]
/// pub struct OrderPlaced { id: u64 }
///
/// # #[derive(Debug, pikku::Error)]
/// # pub enum OrderError {
/// #     /// The order could not be handed on.
/// #     #[pikku(status = 503)]
/// #     NotHandedOn(SendError),
/// # }
/// # impl From<SendError> for OrderError { fn from(error: SendError) -> Self { Self::NotHandedOn(error) } }
/// /// Places an order.
/// #[pikku::function(public)]
/// pub async fn place_order(placed: &Queue<OrderPlaced>) -> Result<(), OrderError> {
///     placed.send(&OrderPlaced { id: 1 }).await?;
///     placed.message(&OrderPlaced { id: 2 }).delay(Duration::from_secs(60)).send().await?;
///     Ok(())
/// }
/// ```
///
/// What a message can ask for, and where it is honoured:
///
/// | | server | SQS | Cloudflare's queues | Azure storage queues | Azure Service Bus |
/// |---|---|---|---|---|---|
/// | [`delay`](Draft::delay) | any | up to 15 minutes; not on a FIFO queue | up to 12 hours | up to 7 days | any |
/// | [`group`](Draft::group) | yes | on a FIFO queue | an error | an error | as the session |
/// | [`deduplication_id`](Draft::deduplication_id) | yes | on a FIFO queue | an error | an error | as the message's id |
/// | [`priority`](Draft::priority) | yes | left out | left out | left out | left out |
/// | the [caller](Message::Signer) | yes | yes | above the body | above the body | yes |
/// | the trace | yes | yes | beside the caller | beside the caller | yes |
///
/// Messages of Cloudflare's queues and of storage queues have no attributes. One that carries a caller begins there with lines
/// that say so, and the trace, which are gone when a function sees it; one without lies there as it is.
///
/// What a queue cannot do is a [`SendError`] whose source says so, and the message is not sent; a priority, which is a wish
/// and no promise anywhere, is left out.
pub struct Queue<T> {
    platform: Arc<dyn Platform>,
    /// The trace of the call as W3C writes it, and what systems say of it.
    trace: Option<(String, Option<String>)>,
    message: PhantomData<fn(T)>,
}

/// A message that is being prepared: `queue.message(&placed).delay(…).send()`.
#[must_use = "a message is not sent until `send`"]
pub struct Draft<'q, T> {
    queue: &'q Queue<T>,
    message: &'q T,
    delay: Duration,
    group: Option<&'q str>,
    deduplication_id: Option<&'q str>,
    priority: i8,
}

impl<T: Message> Queue<T> {
    /// A queue of a platform, apart from any call: without a trace.
    #[cfg(feature = "testing")]
    pub(crate) fn of(platform: Arc<dyn Platform>) -> Self {
        Self { platform, trace: None, message: PhantomData }
    }

    /// Sends a message, as JSON. It is in the queue when this returns.
    ///
    /// # Errors
    ///
    /// The message cannot be written as JSON, or the queue did not take it.
    pub async fn send(&self, message: &T) -> Result<(), SendError> {
        self.message(message).send().await
    }

    /// Sends messages in this order. They are in the queue when this returns.
    ///
    /// # Errors
    ///
    /// A message cannot be written as JSON, and then none is sent; or the queue did not take all of them, and then some may
    /// be in it.
    pub async fn send_all<'m>(&self, messages: impl IntoIterator<Item = &'m T>) -> Result<(), SendError> {
        self.send_drafts(messages.into_iter().map(|message| self.message(message))).await
    }

    /// Sends messages with what each asks for, as [`send_all`](Self::send_all) does.
    ///
    /// # Errors
    ///
    /// As for [`send_all`](Self::send_all).
    pub async fn send_drafts<'m>(&self, drafts: impl IntoIterator<Item = Draft<'m, T>>) -> Result<(), SendError> {
        let written = |draft: Draft<'m, T>| {
            let body = serde_json::to_string(draft.message).map_err(|error| SendError::of(T::QUEUE)(error.into()))?;
            Ok((body, draft.delay, draft.group, draft.deduplication_id, draft.priority))
        };
        let drafts: Vec<_> = drafts.into_iter().map(written).collect::<Result<_, SendError>>()?;
        let attributes = self.attributes();
        let messages: Vec<OutgoingMessage<'_>> = drafts
            .iter()
            .map(|&(ref body, delay, group, deduplication_id, priority)| OutgoingMessage {
                delay,
                group,
                deduplication_id,
                priority,
                attributes: attributes.as_slice(),
                ..OutgoingMessage::new(T::QUEUE, body)
            })
            .collect();
        self.platform.send_all(&messages).await.map_err(SendError::of(T::QUEUE))
    }

    /// A message to be sent with a delay, in a group, under a deduplication id or with a priority.
    pub fn message<'q>(&'q self, message: &'q T) -> Draft<'q, T> {
        Draft { queue: self, message, delay: Duration::ZERO, group: None, deduplication_id: None, priority: 0 }
    }

    /// What is said of each message.
    fn attributes(&self) -> Vec<(&str, &str)> {
        let Some((trace, state)) = &self.trace else { return Vec::new() };
        [Some((TRACEPARENT, trace)), state.as_ref().map(|state| (TRACESTATE, state))]
            .into_iter()
            .flatten()
            .map(|(name, value)| (name, value.as_str()))
            .collect()
    }
}

impl<'q, T: Message> Draft<'q, T> {
    /// Keeps it back for that long before it is handed over.
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Puts it in a group, whose messages are handed over one after the other in the order in which they were sent. The queue's
    /// wiring says [`fifo`](crate::Queue::fifo).
    pub fn group(self, group: &'q str) -> Self {
        Self { group: Some(group), ..self }
    }

    /// Gives it an id: while the queue remembers the id, which SQS does for five minutes, further messages of the same one are
    /// dropped. The queue's wiring says [`fifo`](crate::Queue::fifo).
    pub fn deduplication_id(self, id: &'q str) -> Self {
        Self { deduplication_id: Some(id), ..self }
    }

    /// Has it handed over before messages of a lower priority, where the platform can; 0 is that of all others, and
    /// less comes after them.
    pub fn priority(self, priority: i8) -> Self {
        Self { priority, ..self }
    }

    /// Sends it, as JSON. It is in the queue when this returns.
    ///
    /// # Errors
    ///
    /// The message cannot be written as JSON, or the queue did not take it.
    pub async fn send(self) -> Result<(), SendError> {
        let failed = SendError::of(T::QUEUE);
        let body = serde_json::to_string(self.message).map_err(|error| failed(error.into()))?;
        let attributes = self.queue.attributes();
        let message = OutgoingMessage {
            delay: self.delay,
            group: self.group,
            deduplication_id: self.deduplication_id,
            priority: self.priority,
            attributes: attributes.as_slice(),
            ..OutgoingMessage::new(T::QUEUE, &body)
        };
        self.queue.platform.send(message).await.map_err(failed)
    }
}

impl<T: Message> fmt::Debug for Queue<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct(T::SERVICE).field("trace", &self.trace).finish_non_exhaustive()
    }
}

impl<T: Message> fmt::Debug for Draft<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Draft")
            .field("queue", &T::QUEUE)
            .field("delay", &self.delay)
            .field("group", &self.group)
            .field("deduplication_id", &self.deduplication_id)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}

impl<T: Message> Service for Queue<T> {
    type Lifetime = PerCall;
    const NAME: &'static str = T::SERVICE;
    const NEEDS: &'static [Need] = &[Need::SendToQueue(T::QUEUE)];
    const DEPENDS_ON: &'static [&'static str] = T::Signer::SERVICES;
    const DEPTH_OF_THE_SERVICES_BELOW: usize = T::Signer::DEPTH;

    fn plan(plan: &mut Plan) {
        plan.per_call::<Self>(T::Signer::plan);
    }

    fn message() -> Option<schemars::Schema> {
        Some(SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>())
    }

    fn get<'s>(scope: &'s Scope<'_>) -> impl Future<Output = Result<Handle<'s, Self>, Problem>> + Send {
        scope.per_call()
    }
}

impl<T: Message> ConstructPerCall for Queue<T> {
    fn construct<'s>(scope: &'s Scope<'_>) -> BoxFuture<'s, Result<Self, BoxError>> {
        T::Signer::queue(scope, |platform| {
            let call = scope.call();
            let trace = call.traceparent().map(|trace| (trace, call.trace_state()));
            Self { platform, trace, message: PhantomData }
        })
    }
}
