use crate::{
    Database, DatabaseError,
    d1_tables::{self, whole},
};
use pikku::{BoxError, BoxFuture};
use pikku_auth::session::{SessionKey, SessionStore, StoredSession};
use serde_json::Value;

/// Keeps the sessions of `pikku-auth` in a D1 database, in the table `pikku_sessions`.
///
/// A session that was made or ended is so everywhere when the call returns: D1 answers from the one place where it writes. The
/// table is made when a session is looked for and it is not there; who would rather have it in the migrations of the database
/// puts [`SCHEMA`](Self::SCHEMA) there. A session that has ended is dropped when others are made.
#[derive(Debug, Clone)]
pub struct D1Sessions(Database);

/// The rows that have ended of which one save drops this many: more than it adds, and not so many that it takes long.
const DROP: &str =
    "DELETE FROM pikku_sessions WHERE key IN (SELECT key FROM pikku_sessions WHERE ends_ms <= ?1 LIMIT 8)";

const SAVE: &str = "INSERT INTO pikku_sessions (key, owner, value, ends_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)";

const LOAD: &str = "SELECT value, ends_ms FROM pikku_sessions WHERE key = ?1 AND ends_ms > ?2";

const TOUCH: &str = "UPDATE pikku_sessions SET ends_ms = min(?3, expires_ms) WHERE key = ?1 AND ends_ms > ?2";

impl D1Sessions {
    /// The statements that make the table, where it is not there.
    pub const SCHEMA: &str = "\
CREATE TABLE IF NOT EXISTS pikku_sessions (
    key TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    value TEXT NOT NULL,
    ends_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS pikku_sessions_owner ON pikku_sessions (owner);
CREATE INDEX IF NOT EXISTS pikku_sessions_ends ON pikku_sessions (ends_ms);
";

    /// The sessions of a database.
    pub fn of(database: Database) -> Self {
        Self(database)
    }

    async fn run<const N: usize>(
        &self,
        statements: [(&'static str, Vec<Value>); N],
    ) -> Result<Vec<Vec<Value>>, DatabaseError> {
        d1_tables::run(&self.0, Self::SCHEMA, statements).await
    }
}

/// A user's name may be any text; what stands in the table is its hash.
fn owner(user: &str) -> Value {
    SessionKey::of(user.as_bytes()).text().into()
}

impl SessionStore for D1Sessions {
    fn load<'a>(&'a self, key: &'a SessionKey, now_ms: u64) -> BoxFuture<'a, Result<Option<StoredSession>, BoxError>> {
        pikku::edge(async move {
            let rows = self.run([(LOAD, vec![key.text().into(), whole(now_ms)])]).await?;
            let Some(row) = rows.first().and_then(|rows| rows.first()) else { return Ok(None) };
            let (Some(value), Some(ends_ms)) = (row["value"].as_str(), row["ends_ms"].as_u64()) else {
                return Err("what is kept is no session".into());
            };
            Ok(Some(StoredSession::from_json(value.as_bytes(), ends_ms)?))
        })
    }

    fn save<'a>(&'a self, key: &'a SessionKey, session: &'a StoredSession) -> BoxFuture<'a, Result<(), BoxError>> {
        pikku::edge(async move {
            let StoredSession { created_ms, ends_ms, expires_ms, .. } = *session;
            let row = vec![
                key.text().into(),
                owner(session.user()),
                session.to_json()?.into(),
                whole(ends_ms),
                whole(expires_ms),
            ];
            self.run([(DROP, vec![whole(created_ms)]), (SAVE, row)]).await?;
            Ok(())
        })
    }

    fn touch<'a>(&'a self, key: &'a SessionKey, now_ms: u64, ends_ms: u64) -> BoxFuture<'a, Result<(), BoxError>> {
        pikku::edge(async move {
            self.run([(TOUCH, vec![key.text().into(), whole(now_ms), whole(ends_ms)])]).await?;
            Ok(())
        })
    }

    fn remove<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<(), BoxError>> {
        pikku::edge(async move {
            self.run([("DELETE FROM pikku_sessions WHERE key = ?1", vec![key.text().into()])]).await?;
            Ok(())
        })
    }

    fn remove_user<'a>(&'a self, user: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
        pikku::edge(async move {
            self.run([("DELETE FROM pikku_sessions WHERE owner = ?1", vec![owner(user)])]).await?;
            Ok(())
        })
    }
}
