//! What every store of sessions has to do, as cases that run against one.
//!
//! A store comes as a [`Subject`], which opens it as often as asked, as further instances of an app would have it. Cases use
//! keys and users unlike those of any other run, so that a store need not be empty.

use super::{SessionKey, SessionStore, StoredSession};
use pikku::{BoxFuture, Claims, Scopes};
use serde_json::json;
use std::{fmt, future::poll_fn, sync::Arc, task::Poll};

/// A store, and instances of an app on it.
pub trait Subject: fmt::Debug + Send + Sync {
    /// The store, as a further instance has it.
    fn open(&self) -> BoxFuture<'_, Arc<dyn SessionStore>>;
}

/// A case. It panics where the store breaks a promise.
#[derive(Clone, Copy)]
pub struct Case {
    /// What is promised, in words.
    pub name: &'static str,
    run: for<'a> fn(&'a dyn Subject) -> BoxFuture<'a, ()>,
}

impl fmt::Debug for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Case {
    /// Runs it.
    ///
    /// # Panics
    ///
    /// The store breaks a promise.
    pub async fn run(&self, subject: &dyn Subject) {
        (self.run)(subject).await;
    }
}

macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        /// The cases.
        pub const CASES: &[Case] = &[$(Case { name: stringify!($case), run: |subject| pikku::edge($case(subject)) }),*];
    };
}

cases![
    a_session_is_loaded_as_it_was_saved,
    a_session_is_there_for_other_instances,
    an_unknown_key_has_no_session,
    a_session_is_gone_when_it_ends,
    a_touch_moves_the_end_and_not_beyond_the_expiry,
    a_touch_brings_nothing_back,
    what_is_removed_is_gone_for_every_instance,
    what_is_not_there_is_removed_without_an_error,
    the_sessions_of_a_user_end_together,
    a_user_logs_in_again_after_all_sessions_were_ended,
    users_are_told_apart_whatever_their_names,
    sessions_are_saved_and_removed_side_by_side,
    a_large_session_is_kept_whole,
];

const NOW_MS: u64 = 1_790_000_000_000;
const HOUR_MS: u64 = 3_600_000;

fn key() -> SessionKey {
    SessionKey::random().expect("randomness")
}

/// A name that no other run has.
fn name(text: &str) -> String {
    format!("{text} {}", key().text())
}

fn session(user: &str) -> StoredSession {
    StoredSession {
        claims: Claims::new(json!({ "name": user })).with_subject(user),
        created_ms: NOW_MS,
        ends_ms: NOW_MS + HOUR_MS,
        expires_ms: NOW_MS + 2 * HOUR_MS,
    }
}

/// Saves a session of a user and gives its key.
async fn saved(store: &dyn SessionStore, user: &str) -> SessionKey {
    let key = key();
    store.save(&key, &session(user)).await.expect("it is saved");
    key
}

async fn load(store: &dyn SessionStore, key: &SessionKey, now_ms: u64) -> Option<StoredSession> {
    store.load(key, now_ms).await.expect("it is answered")
}

async fn is_there(store: &dyn SessionStore, key: &SessionKey) -> bool {
    load(store, key, NOW_MS + 1).await.is_some()
}

async fn a_session_is_loaded_as_it_was_saved(subject: &dyn Subject) {
    let store = subject.open().await;
    let value = json!({ "name": "Päivi \"; DROP TABLE\0 🦀", "list": [1, -2.5, null, true, { "deep": [] }], "large": u64::MAX });
    let full =
        Claims::new(value).with_subject(name("päivi\n🦀")).with_scopes(Scopes::parse("orders:read staff")).read_only();
    let bare = Claims::new(json!(null)).with_subject(name("x"));
    for claims in [full, bare] {
        let (key, user) = (key(), claims.subject().unwrap_or_default().to_owned());
        let kept = StoredSession { claims, ..session(&user) };
        store.save(&key, &kept).await.expect("it is saved");
        assert_eq!(load(&*store, &key, NOW_MS).await, Some(kept));
    }
}

async fn a_session_is_there_for_other_instances(subject: &dyn Subject) {
    let (here, there) = (subject.open().await, subject.open().await);
    let key = saved(&*here, &name("ada")).await;
    assert!(is_there(&*there, &key).await);
    drop((here, there));
    assert!(is_there(&*subject.open().await, &key).await, "and after all others are gone");
}

async fn an_unknown_key_has_no_session(subject: &dyn Subject) {
    let store = subject.open().await;
    saved(&*store, &name("ada")).await;
    assert_eq!(load(&*store, &key(), NOW_MS).await, None);
}

async fn a_session_is_gone_when_it_ends(subject: &dyn Subject) {
    let store = subject.open().await;
    let key = saved(&*store, &name("ada")).await;
    assert!(load(&*store, &key, NOW_MS + HOUR_MS - 1).await.is_some());
    assert_eq!(load(&*store, &key, NOW_MS + HOUR_MS).await, None);
    assert_eq!(load(&*store, &key, NOW_MS + 50 * HOUR_MS).await, None);
}

async fn a_touch_moves_the_end_and_not_beyond_the_expiry(subject: &dyn Subject) {
    let store = subject.open().await;
    let key = saved(&*store, &name("ada")).await;
    let at = NOW_MS + HOUR_MS / 2;
    store.touch(&key, at, at + HOUR_MS).await.expect("it is moved");
    let loaded = load(&*store, &key, at + HOUR_MS - 1).await.expect("it goes on");
    assert_eq!((loaded.ends_ms, loaded.expires_ms), (at + HOUR_MS, NOW_MS + 2 * HOUR_MS));
    let at = at + HOUR_MS - 1;
    store.touch(&key, at, at + HOUR_MS).await.expect("it is moved");
    assert!(load(&*store, &key, NOW_MS + 2 * HOUR_MS - 1).await.is_some());
    assert_eq!(load(&*store, &key, NOW_MS + 2 * HOUR_MS).await, None);
}

async fn a_touch_brings_nothing_back(subject: &dyn Subject) {
    let store = subject.open().await;
    let (removed, ended, never) = (saved(&*store, &name("ada")).await, saved(&*store, &name("ada")).await, key());
    store.remove(&removed).await.expect("it is removed");
    let at = NOW_MS + HOUR_MS;
    for key in [removed, ended, never] {
        store.touch(&key, at, at + HOUR_MS / 2).await.expect("nothing is there");
        assert_eq!(load(&*store, &key, at).await, None);
    }
}

async fn what_is_removed_is_gone_for_every_instance(subject: &dyn Subject) {
    let (here, there) = (subject.open().await, subject.open().await);
    let user = name("ada");
    let (key, other) = (saved(&*here, &user).await, saved(&*here, &user).await);
    assert!(is_there(&*there, &key).await);
    here.remove(&key).await.expect("it is removed");
    assert!(!is_there(&*here, &key).await && !is_there(&*there, &key).await);
    assert!(is_there(&*there, &other).await, "the user's other session stands");
}

async fn what_is_not_there_is_removed_without_an_error(subject: &dyn Subject) {
    let store = subject.open().await;
    let key = saved(&*store, &name("ada")).await;
    for _ in 0..2 {
        store.remove(&key).await.expect("it is not there");
    }
    store.remove_user(&name("nobody")).await.expect("there are none");
}

async fn the_sessions_of_a_user_end_together(subject: &dyn Subject) {
    let (here, there) = (subject.open().await, subject.open().await);
    let (ada, bob) = (name("ada"), name("bob"));
    let (first, second, bobs) = (saved(&*here, &ada).await, saved(&*there, &ada).await, saved(&*here, &bob).await);
    here.remove_user(&ada).await.expect("they are removed");
    for store in [&here, &there] {
        assert!(!is_there(&**store, &first).await && !is_there(&**store, &second).await);
        assert!(is_there(&**store, &bobs).await);
    }
}

async fn a_user_logs_in_again_after_all_sessions_were_ended(subject: &dyn Subject) {
    let store = subject.open().await;
    let ada = name("ada");
    let mut earlier = Vec::new();
    for _ in 0..2 {
        earlier.push(saved(&*store, &ada).await);
        store.remove_user(&ada).await.expect("they are removed");
        let again = saved(&*store, &ada).await;
        assert!(is_there(&*store, &again).await, "at the same time of the clock");
        for key in &earlier {
            assert!(!is_there(&*store, key).await, "what was ended does not come back");
        }
        earlier.push(again);
    }
}

async fn users_are_told_apart_whatever_their_names(subject: &dyn Subject) {
    let store = subject.open().await;
    let base = name("ada");
    let names = ["", "/", ":", "%", "_", "*", "\0", "'", " ", "x", "\u{301}", &"long".repeat(500)];
    let mut sessions = Vec::new();
    for suffix in names {
        let user = format!("{base}{suffix}");
        let key = saved(&*store, &user).await;
        sessions.push((user, key));
    }
    while let Some((user, key)) = sessions.pop() {
        store.remove_user(&user).await.expect("they are removed");
        assert!(!is_there(&*store, &key).await, "{user:?}");
        for (other, key) in &sessions {
            assert!(is_there(&*store, key).await, "{other:?} went with {user:?}");
        }
    }
}

async fn sessions_are_saved_and_removed_side_by_side(subject: &dyn Subject) {
    let (here, there) = (subject.open().await, subject.open().await);
    let user = name("ada");
    for _ in 0..8 {
        let first = saved(&*here, &user).await;
        let removed = here.remove(&first);
        let touched = there.touch(&first, NOW_MS, NOW_MS + 2 * HOUR_MS);
        let (key, other) = (key(), session(&user));
        let kept = there.save(&key, &other);
        for done in all([removed, touched, kept]).await {
            done.expect("it is done");
        }
        assert!(!is_there(&*here, &first).await && is_there(&*here, &key).await);
    }
}

async fn a_large_session_is_kept_whole(subject: &dyn Subject) {
    let store = subject.open().await;
    let (key, user) = (key(), name("ada"));
    let claims = Claims::new(json!({ "note": "é".repeat(100_000) })).with_subject(user.as_str());
    let kept = StoredSession { claims, ..session(&user) };
    store.save(&key, &kept).await.expect("it is saved");
    assert_eq!(load(&*store, &key, NOW_MS).await, Some(kept));
}

/// Does work side by side.
async fn all<T: Unpin>(work: impl IntoIterator<Item = BoxFuture<'_, T>>) -> Vec<T> {
    let mut work: Vec<_> = work.into_iter().map(|future| (future, None)).collect();
    poll_fn(move |context| {
        for (future, done) in work.iter_mut().filter(|(_, done)| done.is_none()) {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                *done = Some(value);
            }
        }
        if work.iter().any(|(_, done)| done.is_none()) {
            Poll::Pending
        } else {
            Poll::Ready(work.iter_mut().filter_map(|(_, done)| done.take()).collect())
        }
    })
    .await
}
