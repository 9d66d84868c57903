//! An outbox in a PostgreSQL database of the app, for queues that are kept elsewhere.

use super::relay::{OutboxRow, OutboxStore};
use crate::{
    Answer, Clock, EngineError, ErrorKind, Limits, NewMessage, PostgresSettings, SystemClock,
    clock::millis,
    postgres::{Commit, Failure, Place, Store, read_attributes, read_body, read_error, span},
};
use std::sync::Arc;
use tokio_postgres::{GenericClient, Row, Transaction};

/// The table, made by whoever comes first: two that make it at a time would be in each other's way.
const TABLE: &str = "
    SELECT pg_advisory_xact_lock(123598076081410);
    CREATE TABLE IF NOT EXISTS pikku_outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        key text NOT NULL,
        added timestamptz NOT NULL DEFAULT clock_timestamp(),
        queue text NOT NULL,
        is_text boolean NOT NULL,
        body bytea NOT NULL,
        attributes text NOT NULL,
        delay bigint NOT NULL,
        priority smallint NOT NULL,
        grp text,
        deduplication text,
        refused text
    );
    CREATE INDEX IF NOT EXISTS pikku_outbox_pending ON pikku_outbox (id) WHERE refused IS NULL;";

/// The outbox of a PostgreSQL database. Where the queues are kept in the same database, it does without one:
/// [`PostgresEngine::enqueue_in`](crate::PostgresEngine::enqueue_in).
///
/// As a value it is the relay's side, with connections of its own. Messages go in the order of their rows, which is that of
/// their transactions' [`add`](Self::add): of two that run at a time, the later one may be committed, and sent, first.
/// Clones are the same outbox.
#[derive(Clone, Debug)]
pub struct PostgresOutbox {
    store: Arc<Store>,
}

impl PostgresOutbox {
    /// Makes the table in the app's database, where it is not there yet: in the client's first schema.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn create(client: &mut impl GenericClient) -> Result<(), tokio_postgres::Error> {
        let transaction = client.transaction().await?;
        let there = transaction.query_one("SELECT to_regclass('pikku_outbox') IS NOT NULL", &[]).await?;
        // A role that may not make tables is enough where it is there.
        if !there.try_get(0)? {
            transaction.batch_execute(TABLE).await?;
        }
        transaction.commit().await
    }

    /// Adds a message in a transaction. When that is committed the message is sent, when it is rolled back it never was.
    /// After an error the transaction has to be given up.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] where the message is over the limits that engines have, and those of the database.
    pub async fn add(transaction: &Transaction<'_>, message: &NewMessage) -> Result<(), EngineError> {
        Limits::default().check(std::slice::from_ref(message))?;
        let sql = "INSERT INTO pikku_outbox (key, queue, is_text, body, attributes, delay, priority, grp, deduplication) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let key = format!("outbox-{:032x}", fastrand::u128(..));
        let is_text = matches!(message.body, crate::Body::Text(_));
        let attributes = serde_json::json!(message.attributes).to_string();
        let (body, delay) = (message.body.as_bytes(), millis(message.delay));
        let priority = i16::from(message.priority);
        let row: [&(dyn tokio_postgres::types::ToSql + Sync); 9] = [
            &key,
            &message.queue,
            &is_text,
            &body,
            &attributes,
            &delay,
            &priority,
            &message.group,
            &message.deduplication_id,
        ];
        let added = transaction.execute(sql, &row).await;
        added.map(drop).map_err(|error| read_error(&Place::named("the outbox"), error))
    }

    /// The relay's side of the outbox in a database, `postgres://user:password@host:port/database`, whose table is made where
    /// it is not there yet. It is done within a runtime of tokio.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where the URL is none, [`ErrorKind::Unavailable`] where the database cannot be reached for as
    /// long as the patience lasts, and those of the database.
    pub async fn open(url: &str) -> Result<Self, EngineError> {
        Self::open_with(url, PostgresSettings { connections: 1, ..PostgresSettings::default() }).await
    }

    /// The same with other settings, of which the clock, the looks and the limits say nothing here.
    ///
    /// # Errors
    /// The same.
    pub async fn open_with(url: &str, settings: PostgresSettings) -> Result<Self, EngineError> {
        let outbox = Self { store: Arc::new(Store::new(url, settings)?) };
        let mut client = outbox.store.client(Commit::Durable).await?;
        Self::create(&mut **client).await.map_err(|error| outbox.store.error(error.into()))?;
        Ok(outbox)
    }

    /// Makes rows that were refused pending again: what they lacked is there now. Answers how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn retry_refused(&self) -> Result<u64, EngineError> {
        let client = self.store.client(Commit::Durable).await?;
        let changed = client.execute("UPDATE pikku_outbox SET refused = NULL WHERE refused IS NOT NULL", &[]).await;
        changed.map_err(|error| self.store.error(error.into()))
    }
}

impl OutboxStore for PostgresOutbox {
    fn pending(&self, max: usize) -> Answer<'_, Vec<OutboxRow>> {
        Box::pin(async move {
            let max = i64::try_from(max).unwrap_or(i64::MAX);
            let client = self.store.client(Commit::Durable).await?;
            // How long ago by the clock of the database: that of this machine may differ.
            let sql = "SELECT id, key, (extract(epoch FROM clock_timestamp() - added) * 1000)::bigint, queue, is_text, body, \
                       attributes, delay, priority, grp, deduplication FROM pikku_outbox WHERE refused IS NULL \
                       ORDER BY id LIMIT $1";
            let rows = client.query(sql, &[&max]).await.map_err(|error| self.store.error(error.into()))?;
            rows.iter().map(read).collect::<Result<_, _>>().map_err(|failure| self.store.error(failure))
        })
    }

    fn sent<'a>(&'a self, ids: &'a [i64]) -> Answer<'a, ()> {
        Box::pin(async move {
            // Where a crash takes this back, the engine knows the messages by their deduplication ids.
            let client = self.store.client(Commit::Quick).await?;
            let deleted = client.execute("DELETE FROM pikku_outbox WHERE id = ANY($1)", &[&ids]).await;
            deleted.map(drop).map_err(|error| self.store.error(error.into()))
        })
    }

    fn refuse<'a>(&'a self, id: i64, reason: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let client = self.store.client(Commit::Durable).await?;
            let set = client.execute("UPDATE pikku_outbox SET refused = $2 WHERE id = $1", &[&id, &reason]).await;
            set.map(drop).map_err(|error| self.store.error(error.into()))
        })
    }
}

fn read(row: &Row) -> Result<OutboxRow, Failure> {
    let priority: i16 = row.try_get(8)?;
    Ok(OutboxRow {
        id: row.try_get(0)?,
        key: row.try_get(1)?,
        added: SystemClock.now().before(span(row, 2)?),
        message: NewMessage {
            queue: row.try_get(3)?,
            body: read_body(row, 4, 5)?,
            attributes: read_attributes(row, 6)?,
            delay: span(row, 7)?,
            priority: i8::try_from(priority)
                .map_err(|_| EngineError::new(ErrorKind::Corrupt, "the outbox", "a priority is none"))?,
            group: row.try_get(9)?,
            deduplication_id: row.try_get(10)?,
        },
    })
}
