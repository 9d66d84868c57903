//! Moves rows of an outbox to an engine.

use crate::{Answer, Clock, EngineError, ErrorKind, NewMessage, QueueEngine, Time};
use std::{fmt, sync::Arc};

/// A row of an outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its place in the order.
    pub id: i64,
    /// A key that no other row of any outbox has.
    pub key: String,
    /// When it was added.
    pub added: Time,
    /// What to send. Its delay counts from when it was added.
    pub message: NewMessage,
}

/// The table of an outbox, as a relay sees it.
pub trait OutboxStore: fmt::Debug + Send + Sync {
    /// The oldest rows that are committed and were not refused, at most so many.
    fn pending(&self, max: usize) -> Answer<'_, Vec<OutboxRow>>;

    /// Deletes rows: the engine has taken them. Those that are gone are left out.
    fn sent<'a>(&'a self, ids: &'a [i64]) -> Answer<'a, ()>;

    /// Sets a row aside, with the reason: it is not pending any more.
    fn refuse<'a>(&'a self, id: i64, reason: &'a str) -> Answer<'a, ()>;
}

/// Moves what is committed. Several at a time, in several processes, are right too.
#[derive(Debug)]
pub struct OutboxRelay {
    store: Arc<dyn OutboxStore>,
    engine: Arc<dyn QueueEngine>,
    clock: Arc<dyn Clock>,
}

/// What a relay moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// How many rows the engine has taken, duplicates included.
    pub sent: usize,
    /// Rows that the engine never takes: they are set aside in the table with the reason, and have to be seen to.
    pub refused: Vec<Refused>,
}

/// A row that the engine does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The queue.
    pub queue: String,
    /// The row.
    pub id: i64,
    /// Why.
    pub reason: String,
}

impl OutboxRelay {
    /// From a table to an engine.
    pub fn new(store: Arc<dyn OutboxStore>, engine: Arc<dyn QueueEngine>, clock: Arc<dyn Clock>) -> Self {
        Self { store, engine, clock }
    }

    /// Moves the oldest rows, as many as the engine takes at once. Ask again at once where it moved some, else after a
    /// while, such as 100 ms.
    ///
    /// # Errors
    /// Those of the table and of the engine. The rows are still there.
    pub async fn step(&self) -> Result<Moved, EngineError> {
        let rows = self.store.pending(self.engine.limits().batch).await?;
        let mut moved = Moved::default();
        if rows.is_empty() {
            return Ok(moved);
        }
        let messages: Vec<NewMessage> = rows.iter().map(|row| self.message(row)).collect();
        match self.engine.enqueue(&messages).await {
            Ok(_) => {
                let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
                self.store.sent(&ids).await?;
                moved.sent = ids.len();
            }
            Err(error) if is_refusal(&error) => {
                // One of them, or some: the others go on.
                for (row, message) in rows.iter().zip(&messages) {
                    match self.engine.enqueue(std::slice::from_ref(message)).await {
                        Ok(_) => {
                            self.store.sent(&[row.id]).await?;
                            moved.sent += 1;
                        }
                        Err(error) if is_refusal(&error) => {
                            let reason = format!("{error} ({})", error.code());
                            self.store.refuse(row.id, &reason).await?;
                            moved.refused.push(Refused { queue: message.queue.clone(), id: row.id, reason });
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error),
        }
        Ok(moved)
    }

    fn message(&self, row: &OutboxRow) -> NewMessage {
        let mut message = row.message.clone();
        message.delay = message.delay.saturating_sub(self.clock.now().since(row.added));
        message.deduplication_id.get_or_insert_with(|| row.key.clone());
        message
    }
}

/// Whether the same is refused whenever it is tried.
fn is_refusal(error: &EngineError) -> bool {
    matches!(error.kind(), ErrorKind::Limit | ErrorKind::UnknownQueue | ErrorKind::Spec)
}
