use super::{SessionKey, SessionStore, StoredSession};
use pikku::{BoxError, BoxFuture};
use std::{
    collections::HashMap,
    fmt,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Keeps sessions in this process, for tests and for a server of one process: they end with it. Clones are the same store.
///
/// It holds up to 100,000 unless another number is given; when it is full of sessions that have not ended, no more are made.
#[derive(Clone)]
pub struct MemorySessions {
    sessions: Arc<Mutex<HashMap<SessionKey, StoredSession>>>,
    most: usize,
}

const MOST: usize = 100_000;

impl Default for MemorySessions {
    fn default() -> Self {
        Self::with_capacity(MOST)
    }
}

impl MemorySessions {
    /// A store of at most so many.
    pub fn with_capacity(most: usize) -> Self {
        Self { sessions: Arc::default(), most }
    }

    /// How many it holds, those that have ended and are still there among them.
    pub fn len(&self) -> usize {
        self.sessions().len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionKey, StoredSession>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemorySessions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MemorySessions").field("len", &self.len()).field("most", &self.most).finish()
    }
}

impl SessionStore for MemorySessions {
    fn load<'a>(&'a self, key: &'a SessionKey, now_ms: u64) -> BoxFuture<'a, Result<Option<StoredSession>, BoxError>> {
        let found = self.sessions().get(key).filter(|session| now_ms < session.ends_ms).cloned();
        Box::pin(ready(Ok(found)))
    }

    fn save<'a>(&'a self, key: &'a SessionKey, session: &'a StoredSession) -> BoxFuture<'a, Result<(), BoxError>> {
        let mut sessions = self.sessions();
        if sessions.len() >= self.most {
            sessions.retain(|_, kept| session.created_ms < kept.ends_ms);
        }
        let saved = if sessions.len() < self.most {
            sessions.insert(*key, session.clone());
            Ok(())
        } else {
            Err(format!("the store holds {} sessions already", self.most).into())
        };
        Box::pin(ready(saved))
    }

    fn touch<'a>(&'a self, key: &'a SessionKey, now_ms: u64, ends_ms: u64) -> BoxFuture<'a, Result<(), BoxError>> {
        if let Some(session) = self.sessions().get_mut(key).filter(|session| now_ms < session.ends_ms) {
            session.ends_ms = ends_ms.min(session.expires_ms);
        }
        Box::pin(ready(Ok(())))
    }

    fn remove<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<(), BoxError>> {
        self.sessions().remove(key);
        Box::pin(ready(Ok(())))
    }

    fn remove_user<'a>(&'a self, user: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
        self.sessions().retain(|_, session| session.user() != user);
        Box::pin(ready(Ok(())))
    }
}
