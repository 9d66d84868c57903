//! An outbox in a SQLite database of the app.

use super::relay::{OutboxRow, OutboxStore};
use crate::{
    Answer, Attributes, Body, Clock, EngineError, ErrorKind, Limits, NewMessage, SystemClock, Time, clock::millis,
};
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, params};
use std::{
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// What a call of the relay waits for a lock of the app.
const PATIENCE: Duration = Duration::from_secs(5);

/// The outbox of a SQLite database.
///
/// As a value it is the relay's side: a connection of its own to the database's file, on a thread of its own.
#[derive(Clone, Debug)]
pub struct SqliteOutbox {
    calls: mpsc::Sender<Call>,
    path: PathBuf,
}

type Call = Box<dyn FnOnce(&mut Connection) + Send>;

impl SqliteOutbox {
    /// Makes the table in the app's database, where it is not there yet.
    ///
    /// # Errors
    /// Those of the database.
    pub fn create(connection: &Connection) -> rusqlite::Result<()> {
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS pikku_outbox (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                key TEXT NOT NULL,
                added INTEGER NOT NULL,
                queue TEXT NOT NULL,
                is_text INTEGER NOT NULL,
                body BLOB NOT NULL,
                attributes TEXT NOT NULL,
                delay INTEGER NOT NULL,
                priority INTEGER NOT NULL,
                grp TEXT,
                deduplication TEXT,
                refused TEXT
            ) STRICT;
            CREATE INDEX IF NOT EXISTS pikku_outbox_pending ON pikku_outbox (id) WHERE refused IS NULL;",
        )
    }

    /// Adds a message in the transaction that the connection is in: give it the `&Transaction`. When that is committed the
    /// message is sent, when it is rolled back it never was.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] where the message is over the limits that engines have, [`ErrorKind::Store`] where the database
    /// refuses.
    pub fn add(connection: &Connection, message: &NewMessage) -> Result<(), EngineError> {
        Limits::default().check(std::slice::from_ref(message))?;
        let insert = || -> rusqlite::Result<()> {
            let mut statement = connection.prepare_cached(
                "INSERT INTO pikku_outbox (key, added, queue, is_text, body, attributes, delay, priority, grp, deduplication) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?;
            statement.execute(params![
                format!("outbox-{:032x}", fastrand::u128(..)),
                SystemClock.now().millis(),
                message.queue,
                matches!(message.body, Body::Text(_)),
                message.body.as_bytes(),
                serde_json::json!(message.attributes).to_string(),
                millis(message.delay),
                message.priority,
                message.group,
                message.deduplication_id,
            ])?;
            Ok(())
        };
        insert().map_err(|error| failed("the outbox", error))
    }

    /// The relay's side of the outbox in a file, whose table is made where it is not there yet.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where the file is not there, and those of the database.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EngineError> {
        let path = path.as_ref().to_path_buf();
        let place = path.display().to_string();
        let open = || -> rusqlite::Result<Connection> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(PATIENCE)?;
            Self::create(&connection)?;
            Ok(connection)
        };
        let mut connection = open().map_err(|error| failed(&place, error))?;
        let (calls, inbox) = mpsc::channel::<Call>();
        let work = move || inbox.into_iter().for_each(|call| call(&mut connection));
        thread::Builder::new().name("pikku-outbox".to_owned()).spawn(work).map_err(|source| {
            EngineError::new(ErrorKind::Store, place, "no thread can be started for it").caused_by(source)
        })?;
        Ok(Self { calls, path })
    }

    /// Makes rows that were refused pending again: what they lacked is there now. Answers how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn retry_refused(&self) -> Result<usize, EngineError> {
        self.call(|connection| {
            connection.execute("UPDATE pikku_outbox SET refused = NULL WHERE refused IS NOT NULL", ())
        })
        .await
    }

    fn call<T, F>(&self, work: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let call: Call = Box::new(move |connection| {
            // Nobody may wait any more.
            let _ = reply.send(work(connection));
        });
        let sent = self.calls.send(call);
        Box::pin(async move {
            let place = self.path.display().to_string();
            let closed = || EngineError::new(ErrorKind::Closed, place.clone(), "the outbox has stopped");
            sent.map_err(|_| closed())?;
            answer.await.map_err(|_| closed())?.map_err(|error| failed(&place, error))
        })
    }
}

impl OutboxStore for SqliteOutbox {
    fn pending(&self, max: usize) -> Answer<'_, Vec<OutboxRow>> {
        self.call(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, key, added, queue, is_text, body, attributes, delay, priority, grp, deduplication \
                 FROM pikku_outbox WHERE refused IS NULL ORDER BY id LIMIT ?1",
            )?;
            let rows = statement.query_map([i64::try_from(max).unwrap_or(i64::MAX)], read)?;
            rows.collect()
        })
    }

    fn sent<'a>(&'a self, ids: &'a [i64]) -> Answer<'a, ()> {
        let ids = ids.to_vec();
        self.call(move |connection| {
            let transaction = connection.transaction()?;
            for id in ids {
                transaction.prepare_cached("DELETE FROM pikku_outbox WHERE id = ?1")?.execute([id])?;
            }
            transaction.commit()
        })
    }

    fn refuse<'a>(&'a self, id: i64, reason: &'a str) -> Answer<'a, ()> {
        let reason = reason.to_owned();
        self.call(move |connection| {
            connection.execute("UPDATE pikku_outbox SET refused = ?2 WHERE id = ?1", params![id, reason]).map(drop)
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    let unreadable = |column: usize, error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
    };
    let octets: Vec<u8> = row.get(5)?;
    let body = match row.get(4)? {
        true => Body::Text(String::from_utf8(octets).map_err(|error| unreadable(5, error.into()))?),
        false => Body::Bytes(octets),
    };
    let attributes: String = row.get(6)?;
    let attributes: Attributes = serde_json::from_str(&attributes).map_err(|error| unreadable(6, error.into()))?;
    Ok(OutboxRow {
        id: row.get(0)?,
        key: row.get(1)?,
        added: Time::from_millis(row.get(2)?),
        message: NewMessage {
            queue: row.get(3)?,
            body,
            attributes,
            delay: Duration::from_millis(row.get::<_, i64>(7)?.unsigned_abs()),
            priority: row.get(8)?,
            group: row.get(9)?,
            deduplication_id: row.get(10)?,
        },
    })
}

fn failed(place: &str, error: rusqlite::Error) -> EngineError {
    let (kind, reason) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Locked, "another has held the database for too long")
        }
        Some(ErrorCode::DiskFull) => (ErrorKind::Full, "there is no room left"),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => (ErrorKind::Corrupt, "the database is damaged"),
        Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) => {
            (ErrorKind::Unavailable, "the database cannot be opened, read or written")
        }
        _ => (ErrorKind::Store, "the database refuses"),
    };
    EngineError::new(kind, place, reason).caused_by(error)
}
