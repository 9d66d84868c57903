use super::{RateStore, ResultStore, StoreKey, Take, Taken};
use pikku::{BoxError, BoxFuture};
use pikku_engines::{EngineError, Entry, EntryStore, Time};
#[cfg(feature = "postgres")]
use pikku_engines::{PostgresEngine, PostgresSettings};
#[cfg(feature = "sqlite")]
use pikku_engines::{SqliteEngine, SqliteSettings};
#[cfg(feature = "sqlite")]
use std::path::Path;

/// Keeps everything in a SQLite file, which several processes of one machine may share, and sessions and queues too.
///
/// Results survive a loss of power; of rates the last that was taken may not. It must not be on a network file system.
#[cfg(feature = "sqlite")]
#[derive(Clone, Debug)]
pub struct SqliteStore(SqliteEngine);

#[cfg(feature = "sqlite")]
impl SqliteStore {
    /// Opens a file, or makes it, for its owner alone. It blocks for the time that this takes.
    ///
    /// # Errors
    ///
    /// It cannot be reached, is no database, is of a newer version, or another process holds it for too long.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EngineError> {
        SqliteEngine::open_with(path, SqliteSettings::default()).map(Self)
    }

    /// The same in the file of an engine that is open already.
    pub fn of(engine: SqliteEngine) -> Self {
        Self(engine)
    }
}

/// Keeps everything in a PostgreSQL database, in tables that begin with `pikku_`, for any number of instances.
///
/// While the database is away calls wait for it for five seconds.
#[cfg(feature = "postgres")]
#[derive(Clone, Debug)]
pub struct PostgresStore(PostgresEngine);

#[cfg(feature = "postgres")]
impl PostgresStore {
    /// Opens a database, `postgres://user:password@host:port/database`, and makes its tables where there are none. It is done
    /// within a runtime of tokio, in which it goes on.
    ///
    /// # Errors
    ///
    /// The URL is none, the database cannot be reached or refuses, or its tables are of a newer version.
    pub async fn open(url: &str) -> Result<Self, EngineError> {
        PostgresEngine::open_with(url, PostgresSettings::default()).await.map(Self)
    }

    /// The same in the database of an engine that is open already.
    pub fn of(engine: PostgresEngine) -> Self {
        Self(engine)
    }
}

macro_rules! stores {
    ($(#[$feature:meta] $store:ident;)*) => {$(
        #[$feature]
        impl RateStore for $store {
            fn take<'a>(&'a self, key: &'a StoreKey, take: Take, now_ms: u64) -> BoxFuture<'a, Result<Taken, BoxError>> {
                Box::pin(async move {
                    Ok(pikku_engines::RateStore::take(&self.0, key.octets(), take, time(now_ms)).await?)
                })
            }
        }

        #[$feature]
        impl ResultStore for $store {
            fn load<'a>(&'a self, key: &'a StoreKey, now_ms: u64) -> BoxFuture<'a, Result<Option<String>, BoxError>> {
                Box::pin(async move {
                    let entry = EntryStore::load(&self.0, key.octets(), time(now_ms)).await?;
                    Ok(entry.map(|entry| entry.value))
                })
            }

            fn replace<'a>(
                &'a self,
                key: &'a StoreKey,
                expected: Option<&'a str>,
                text: &'a str,
                ends_ms: u64,
                now_ms: u64,
            ) -> BoxFuture<'a, Result<bool, BoxError>> {
                Box::pin(async move {
                    // Nobody asks for all of an owner: each is its own.
                    let (owner, ends) = (*key.octets(), time(ends_ms));
                    let entry = Entry { owner, value: text.to_owned(), ends, expires: ends };
                    Ok(EntryStore::replace(&self.0, key.octets(), expected, &entry, time(now_ms)).await?)
                })
            }
        }
    )*};
}

stores! {
    #[cfg(feature = "sqlite")] SqliteStore;
    #[cfg(feature = "postgres")] PostgresStore;
}

fn time(ms: u64) -> Time {
    Time::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}
