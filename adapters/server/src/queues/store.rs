//! The store of the queues: which one, when it is opened, and what is sent to it.

use crate::ServeError;
use pikku::{BoxError, platform::OutgoingMessage};
use pikku_engines::{EngineError, Enqueued, ErrorKind, NewMessage, QueueEngine, QueueSpec, SystemClock};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::OnceCell;

/// An engine that has been opened.
pub(crate) type Opened = Arc<dyn QueueEngine>;

/// The store of the queues. A server opens it at start; what only sends, with the first message.
pub(crate) struct Store {
    address: String,
    engine: OnceCell<Opened>,
    /// Whether the last attempt to use it failed.
    away: AtomicBool,
}

impl Store {
    /// The store of that address, not opened yet.
    pub(crate) fn at(address: &str) -> Self {
        Self { address: address.to_owned(), engine: OnceCell::new(), away: AtomicBool::new(false) }
    }

    /// A store that is open already.
    pub(crate) fn of(engine: Opened) -> Self {
        Self {
            address: engine.name().to_owned(),
            engine: OnceCell::new_with(Some(engine)),
            away: AtomicBool::new(false),
        }
    }

    /// The engine; the first call opens it.
    pub(crate) async fn engine(&self) -> Result<&Opened, ServeError> {
        self.engine.get_or_try_init(|| open(&self.address)).await
    }

    /// Opens it, where it is not open yet.
    pub(crate) async fn open(&self) -> Result<(), ServeError> {
        self.engine().await.map(drop)
    }

    /// Whether the store could be used when it last was.
    pub(crate) fn is_available(&self) -> bool {
        !self.away.load(Ordering::Relaxed)
    }

    /// Notes that the store could be used.
    pub(crate) fn works(&self) {
        if self.away.load(Ordering::Relaxed) && self.away.swap(false, Ordering::Relaxed) {
            tracing::info!("the store of the queues is back");
        }
    }

    /// Notes that the store could not be used, and says so once.
    pub(crate) fn fails(&self, error: &EngineError) {
        if !self.away.swap(true, Ordering::Relaxed) {
            let detail = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(code = error.code(), detail, hint = error.hint(), "the queues stand still: {error}");
        }
    }

    /// Puts messages into their queues.
    pub(crate) async fn send(&self, messages: &[OutgoingMessage<'_>]) -> Result<(), BoxError> {
        Ok(self.take(messages).await.map(drop)?)
    }

    /// The same; the ids that they have there.
    pub(super) async fn take(&self, messages: &[OutgoingMessage<'_>]) -> Result<Vec<String>, ServeError> {
        let engine = self.engine().await?;
        let messages: Vec<NewMessage> = messages.iter().map(new_message).collect();
        let mut ids = Vec::with_capacity(messages.len());
        for batch in messages.chunks(engine.limits().batch.max(1)) {
            let taken = enqueue(engine, batch).await.map_err(ServeError::Queues)?;
            ids.extend(taken.into_iter().map(|taken| taken.id));
        }
        Ok(ids)
    }
}

impl fmt::Debug for Store {
    /// Without the address, which may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Store({})", scheme(&self.address))
    }
}

fn new_message(message: &OutgoingMessage<'_>) -> NewMessage {
    let attributes = message.attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    NewMessage {
        attributes: attributes.collect(),
        delay: message.delay,
        priority: message.priority,
        group: message.group.map(str::to_owned),
        deduplication_id: message.deduplication_id.map(str::to_owned),
        ..NewMessage::new(message.queue, message.body)
    }
}

/// Enqueues; a queue that nobody has declared yet, because its consumer is another process that comes later, is made as
/// queues are without wishes. The consumer says how it is to behave.
async fn enqueue(engine: &Opened, messages: &[NewMessage]) -> Result<Vec<Enqueued>, EngineError> {
    match engine.enqueue(messages).await {
        Err(error) if error.kind() == ErrorKind::UnknownQueue => {}
        other => return other,
    }
    let mut unknown = Vec::new();
    for message in messages {
        let is_new = unknown.iter().all(|spec: &QueueSpec| spec.name != message.queue);
        let known = engine.stats(&message.queue).await;
        if is_new && known.is_err_and(|error| error.kind() == ErrorKind::UnknownQueue) {
            unknown.push(QueueSpec { fifo: message.group.is_some(), ..QueueSpec::new(&message.queue) });
        }
    }
    engine.declare(&unknown).await?;
    engine.enqueue(messages).await
}

/// What stands before the colon of an address.
fn scheme(address: &str) -> &str {
    address.split_once(':').map_or(address, |(scheme, _)| scheme)
}

/// Opens the store of an address.
async fn open(address: &str) -> Result<Opened, ServeError> {
    pikku_engines::open(address, Arc::new(SystemClock)).await.map_err(|error| match error.kind() {
        // The engine names the variable too.
        ErrorKind::Spec => wrong(address, error.to_string().trim_start_matches("PIKKU_QUEUES: ")),
        _ => ServeError::Queues(error),
    })
}

/// An address that cannot be used. What comes after its scheme may be secret.
fn wrong(address: &str, reason: &str) -> ServeError {
    let shown = if scheme(address) == "sqlite" { address.to_owned() } else { format!("{}:…", scheme(address)) };
    ServeError::setting("PIKKU_QUEUES", &shown, reason)
}
