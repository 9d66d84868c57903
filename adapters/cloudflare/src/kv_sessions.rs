use crate::KeyValue;
use pikku::{BoxError, BoxFuture};
use pikku_auth::session::{SessionKey, SessionStore, StoredSession};
use std::time::Duration;

/// Keeps the sessions of `pikku-auth` in a KV namespace, which has nothing else.
///
/// A session that was made or ended is so at once where that happened, and after up to a minute elsewhere: KV promises no
/// more. Where that is too late for ending one, keep sessions in D1, by `D1Sessions`, or give them a short lifetime.
///
/// | key | value |
/// |---|---|
/// | `s:` and the key of a session | the epoch of its user, when it ends, the session |
/// | `t:` and the key of a session | when it ends since it was touched |
/// | `u:` and the hash of a user | the epoch: another one since all sessions of that user were ended |
///
/// A touch has a key of its own, so that one that crosses a removal brings nothing back. The epoch of a user stays.
#[derive(Debug, Clone)]
pub struct KvSessions(KeyValue);

impl KvSessions {
    /// The sessions of a namespace.
    pub fn of(namespace: KeyValue) -> Self {
        Self(namespace)
    }

    async fn epoch(&self, user: &str) -> Result<String, BoxError> {
        Ok(self.0.get(&epoch_key(user)).await?.unwrap_or_default())
    }

    async fn find(&self, key: &SessionKey, now_ms: u64) -> Result<Option<StoredSession>, BoxError> {
        let Some(kept) = self.0.get(&session_key(key)).await? else { return Ok(None) };
        let mut parts = kept.splitn(3, '\n');
        let (Some(epoch), Some(ends), Some(json)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("what is kept is no session".into());
        };
        let mut session = StoredSession::from_json(json.as_bytes(), ends.parse()?)?;
        // One that can be moved may have been.
        if session.ends_ms < session.expires_ms
            && let Some(touched) = self.0.get(&touch_key(key)).await?
        {
            session.ends_ms = session.ends_ms.max(touched.parse()?).min(session.expires_ms);
        }
        if now_ms >= session.ends_ms || self.epoch(session.user()).await? != epoch {
            return Ok(None);
        }
        Ok(Some(session))
    }
}

fn session_key(key: &SessionKey) -> String {
    format!("s:{}", key.text())
}

fn touch_key(key: &SessionKey) -> String {
    format!("t:{}", key.text())
}

/// A user's name may be any text, and a key may not.
fn epoch_key(user: &str) -> String {
    format!("u:{}", SessionKey::of(user.as_bytes()).text())
}

fn left(until_ms: u64, now_ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(until_ms.saturating_sub(now_ms)))
}

impl SessionStore for KvSessions {
    fn load<'a>(&'a self, key: &'a SessionKey, now_ms: u64) -> BoxFuture<'a, Result<Option<StoredSession>, BoxError>> {
        pikku::edge(self.find(key, now_ms))
    }

    fn save<'a>(&'a self, key: &'a SessionKey, session: &'a StoredSession) -> BoxFuture<'a, Result<(), BoxError>> {
        pikku::edge(async move {
            let epoch = self.epoch(session.user()).await?;
            let kept = format!("{epoch}\n{}\n{}", session.ends_ms, session.to_json()?);
            let keep = left(session.expires_ms, session.created_ms);
            Ok(self.0.put(&session_key(key), &kept, keep).await?)
        })
    }

    fn touch<'a>(&'a self, key: &'a SessionKey, now_ms: u64, ends_ms: u64) -> BoxFuture<'a, Result<(), BoxError>> {
        pikku::edge(async move {
            let Some(session) = self.find(key, now_ms).await? else { return Ok(()) };
            let ends_ms = ends_ms.min(session.expires_ms);
            Ok(self.0.put(&touch_key(key), &ends_ms.to_string(), left(ends_ms, now_ms)).await?)
        })
    }

    fn remove<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<(), BoxError>> {
        pikku::edge(async move {
            self.0.delete(&session_key(key)).await?;
            Ok(self.0.delete(&touch_key(key)).await?)
        })
    }

    fn remove_user<'a>(&'a self, user: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
        pikku::edge(async move { Ok(self.0.put(&epoch_key(user), &SessionKey::random()?.text(), None).await?) })
    }
}
