use super::{SessionKey, SessionStore, StoredSession};
use pikku::{BoxError, BoxFuture};
use pikku_engines::{EngineError, Entry, EntryStore, Time};
#[cfg(feature = "postgres")]
use pikku_engines::{PostgresEngine, PostgresSettings};
#[cfg(feature = "sqlite")]
use pikku_engines::{SqliteEngine, SqliteSettings};
#[cfg(feature = "sqlite")]
use std::path::Path;

/// Keeps sessions in a SQLite file, which several processes of one machine may share, and queues too.
///
/// Logging in and out survives a loss of power. It must not be on a network file system.
#[cfg(feature = "sqlite")]
#[derive(Clone, Debug)]
pub struct SqliteSessions(SqliteEngine);

#[cfg(feature = "sqlite")]
impl SqliteSessions {
    /// Opens a file, or makes it, for its owner alone. It blocks for the time that this takes.
    ///
    /// # Errors
    ///
    /// It cannot be reached, is no database, is of a newer version, or another process holds it for too long.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EngineError> {
        SqliteEngine::open_with(path, SqliteSettings::default()).map(Self)
    }

    /// The sessions in the file of an engine that is open already.
    pub fn of(engine: SqliteEngine) -> Self {
        Self(engine)
    }
}

/// Keeps sessions in a PostgreSQL database, in tables that begin with `pikku_`, for any number of instances.
///
/// While the database is away calls wait for it for five seconds, and are answered `503` then.
#[cfg(feature = "postgres")]
#[derive(Clone, Debug)]
pub struct PostgresSessions(PostgresEngine);

#[cfg(feature = "postgres")]
impl PostgresSessions {
    /// Opens a database, `postgres://user:password@host:port/database`, and makes its tables where there are none. It is done
    /// within a runtime of tokio, in which it goes on.
    ///
    /// # Errors
    ///
    /// The URL is none, the database cannot be reached or refuses, or its tables are of a newer version.
    pub async fn open(url: &str) -> Result<Self, EngineError> {
        PostgresEngine::open_with(url, PostgresSettings::default()).await.map(Self)
    }

    /// The sessions in the database of an engine that is open already.
    pub fn of(engine: PostgresEngine) -> Self {
        Self(engine)
    }
}

macro_rules! stores {
    ($(#[$feature:meta] $store:ident;)*) => {$(
        #[$feature]
        impl SessionStore for $store {
            fn load<'a>(
                &'a self,
                key: &'a SessionKey,
                now_ms: u64,
            ) -> BoxFuture<'a, Result<Option<StoredSession>, BoxError>> {
                Box::pin(load(&self.0, key, now_ms))
            }

            fn save<'a>(&'a self, key: &'a SessionKey, session: &'a StoredSession) -> BoxFuture<'a, Result<(), BoxError>> {
                Box::pin(save(&self.0, key, session))
            }

            fn touch<'a>(
                &'a self,
                key: &'a SessionKey,
                now_ms: u64,
                ends_ms: u64,
            ) -> BoxFuture<'a, Result<(), BoxError>> {
                Box::pin(async move { Ok(self.0.touch(key.octets(), time(ends_ms), time(now_ms)).await?) })
            }

            fn remove<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<(), BoxError>> {
                Box::pin(async move { Ok(EntryStore::remove(&self.0, key.octets()).await?) })
            }

            fn remove_user<'a>(&'a self, user: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
                Box::pin(async move { Ok(self.0.remove_owner(owner(user).octets()).await.map(drop)?) })
            }
        }
    )*};
}

stores! {
    #[cfg(feature = "sqlite")] SqliteSessions;
    #[cfg(feature = "postgres")] PostgresSessions;
}

async fn load(store: &dyn EntryStore, key: &SessionKey, now_ms: u64) -> Result<Option<StoredSession>, BoxError> {
    let Some(entry) = store.load(key.octets(), time(now_ms)).await? else { return Ok(None) };
    let ends_ms = u64::try_from(entry.ends.millis()).unwrap_or(0);
    Ok(Some(StoredSession::from_json(entry.value.as_bytes(), ends_ms)?))
}

async fn save(store: &dyn EntryStore, key: &SessionKey, session: &StoredSession) -> Result<(), BoxError> {
    let StoredSession { created_ms, ends_ms, expires_ms, .. } = *session;
    let owner = *owner(session.user()).octets();
    let entry = Entry { owner, value: session.to_json()?, ends: time(ends_ms), expires: time(expires_ms) };
    Ok(store.save(key.octets(), &entry, time(created_ms)).await?)
}

/// A user's name may be any text; what stands in the store is its hash.
fn owner(user: &str) -> SessionKey {
    SessionKey::of(user.as_bytes())
}

fn time(ms: u64) -> Time {
    Time::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}
