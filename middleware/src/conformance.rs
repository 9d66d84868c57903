//! What every store has to do, as cases that run against one.
//!
//! A store comes as a [`Subject`], which opens it as often as asked, as further instances of an app would have it. Cases use keys
//! unlike those of any other run, so that a store need not be empty.

use crate::store::{RateStore, ResultStore, StoreKey, Take, Taken};
use pikku::BoxFuture;
use std::{fmt, future::poll_fn, sync::Arc, task::Poll};

/// A store, and instances of an app on it.
pub trait Subject: fmt::Debug + Send + Sync {
    /// The store of rates, as a further instance has it.
    fn rates(&self) -> BoxFuture<'_, Arc<dyn RateStore>>;

    /// The store of results, as a further instance has it.
    fn results(&self) -> BoxFuture<'_, Arc<dyn ResultStore>>;
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
    ($($(#[$doc:meta])* $list:ident: $($case:ident),* $(,)?;)*) => {$(
        $(#[$doc])*
        pub const $list: &[Case] =
            &[$(Case { name: stringify!($case), run: |subject| pikku::edge($case(subject)) }),*];
    )*};
}

cases! {
    /// The cases of stores of rates.
    RATES:
        what_was_taken_comes_back_with_time,
        keys_take_of_their_own,
        instances_take_together_what_one_would,
        what_is_refused_takes_nothing,
        a_clock_that_was_ahead_does_not_block;
    /// The cases of stores of results.
    RESULTS:
        a_text_is_loaded_as_it_was_kept,
        a_text_is_there_for_other_instances,
        a_text_is_gone_when_it_ends,
        one_of_many_is_the_first,
        what_is_not_as_expected_is_not_replaced,
        what_ends_now_is_removed,
        a_large_text_is_kept_whole;
}

const NOW_MS: u64 = 1_790_000_000_000;
const SECOND: i64 = 1_000_000;

/// A key that no other run has.
fn key() -> StoreKey {
    let mut octets = [0; 32];
    getrandom::getrandom(&mut octets).expect("randomness");
    StoreKey::of(&[&octets])
}

async fn take(store: &dyn RateStore, key: &StoreKey, take: Take, now_ms: u64) -> Taken {
    store.take(key, take, now_ms).await.expect("it is answered")
}

async fn what_was_taken_comes_back_with_time(subject: &dyn Subject) {
    let (store, key) = (subject.rates().await, key());
    let three = Take { step_us: SECOND, most_us: 3 * SECOND };
    for ahead in 1..=3 {
        let taken = take(&*store, &key, three, NOW_MS).await;
        assert_eq!(taken, Taken { is_taken: true, ahead_us: ahead * SECOND });
    }
    let refused = Taken { is_taken: false, ahead_us: 3 * SECOND };
    assert_eq!(take(&*store, &key, three, NOW_MS).await, refused);
    assert_eq!(take(&*store, &key, three, NOW_MS + 999).await, Taken { ahead_us: 2_001_000, ..refused });
    assert!(take(&*store, &key, three, NOW_MS + 1000).await.is_taken);
    assert!(!take(&*store, &key, three, NOW_MS + 1000).await.is_taken);
    let rested = take(&*store, &key, three, NOW_MS + 60_000).await;
    assert_eq!(rested, Taken { is_taken: true, ahead_us: SECOND }, "nobody saves more than that");
}

async fn keys_take_of_their_own(subject: &dyn Subject) {
    let store = subject.rates().await;
    let one = Take { step_us: SECOND, most_us: SECOND };
    for key in [key(), key(), key()] {
        assert!(take(&*store, &key, one, NOW_MS).await.is_taken);
        assert!(!take(&*store, &key, one, NOW_MS).await.is_taken);
    }
}

async fn instances_take_together_what_one_would(subject: &dyn Subject) {
    let (here, there, key) = (subject.rates().await, subject.rates().await, key());
    let ten = Take { step_us: SECOND, most_us: 10 * SECOND };
    let work = (0..30).map(|number| if number % 2 == 0 { &here } else { &there }.take(&key, ten, NOW_MS));
    let taken = all(work).await.into_iter().filter(|taken| taken.as_ref().expect("it is answered").is_taken);
    assert_eq!(taken.count(), 10);
}

async fn what_is_refused_takes_nothing(subject: &dyn Subject) {
    let (store, key) = (subject.rates().await, key());
    let one = Take { step_us: SECOND, most_us: SECOND };
    assert!(take(&*store, &key, one, NOW_MS).await.is_taken);
    for _ in 0..20 {
        assert!(!take(&*store, &key, one, NOW_MS + 500).await.is_taken);
    }
    assert!(take(&*store, &key, one, NOW_MS + 1000).await.is_taken);
}

async fn a_clock_that_was_ahead_does_not_block(subject: &dyn Subject) {
    let (store, key) = (subject.rates().await, key());
    let two = Take { step_us: SECOND, most_us: 2 * SECOND };
    assert!(take(&*store, &key, two, NOW_MS + 86_400_000).await.is_taken);
    let taken = take(&*store, &key, two, NOW_MS).await;
    assert_eq!(taken, Taken { is_taken: false, ahead_us: 2 * SECOND }, "no further ahead than it may be");
}

async fn keep(store: &dyn ResultStore, key: &StoreKey, expected: Option<&str>, text: &str) -> bool {
    store.replace(key, expected, text, NOW_MS + 1000, NOW_MS).await.expect("it is answered")
}

async fn load(store: &dyn ResultStore, key: &StoreKey, now_ms: u64) -> Option<String> {
    store.load(key, now_ms).await.expect("it is answered")
}

async fn a_text_is_loaded_as_it_was_kept(subject: &dyn Subject) {
    let store = subject.results().await;
    for text in ["", "{}", "Päivi \"; DROP TABLE 🦀\n\\u0000 '"] {
        let key = key();
        assert_eq!(load(&*store, &key, NOW_MS).await, None);
        assert!(keep(&*store, &key, None, text).await);
        assert_eq!(load(&*store, &key, NOW_MS).await.as_deref(), Some(text));
    }
}

async fn a_text_is_there_for_other_instances(subject: &dyn Subject) {
    let (here, there, key) = (subject.results().await, subject.results().await, key());
    assert!(keep(&*here, &key, None, "here").await);
    assert_eq!(load(&*there, &key, NOW_MS).await.as_deref(), Some("here"));
    assert!(!keep(&*there, &key, None, "there").await);
    drop((here, there));
    assert_eq!(
        load(&*subject.results().await, &key, NOW_MS).await.as_deref(),
        Some("here"),
        "after all others are gone"
    );
}

async fn a_text_is_gone_when_it_ends(subject: &dyn Subject) {
    let (store, key) = (subject.results().await, key());
    assert!(keep(&*store, &key, None, "one").await);
    assert!(load(&*store, &key, NOW_MS + 999).await.is_some());
    assert_eq!(load(&*store, &key, NOW_MS + 1000).await, None);
    let at = |now_ms| store.replace(&key, Some("one"), "two", now_ms + 1000, now_ms);
    assert!(!at(NOW_MS + 1000).await.expect("it is answered"), "what has ended is not expected any more");
    let at = |now_ms| store.replace(&key, None, "three", now_ms + 1000, now_ms);
    assert!(!at(NOW_MS + 999).await.expect("it is answered"));
    assert!(at(NOW_MS + 1000).await.expect("it is answered"));
    assert_eq!(load(&*store, &key, NOW_MS + 1000).await.as_deref(), Some("three"));
}

async fn one_of_many_is_the_first(subject: &dyn Subject) {
    let (here, there) = (subject.results().await, subject.results().await);
    for _ in 0..5 {
        let key = key();
        let texts: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        let stores = [&here, &there];
        let work = texts.iter().enumerate().map(|(at, text)| {
            let store = stores[at % 2];
            store.replace(&key, None, text, NOW_MS + 1000, NOW_MS)
        });
        let kept = all(work).await.into_iter().map(|kept| kept.expect("it is answered"));
        let first: Vec<&String> = kept.zip(&texts).filter(|(is_kept, _)| *is_kept).map(|(_, text)| text).collect();
        assert_eq!(first.len(), 1, "{first:?}");
        assert_eq!(load(&*there, &key, NOW_MS).await.as_ref(), Some(first[0]));
    }
}

async fn what_is_not_as_expected_is_not_replaced(subject: &dyn Subject) {
    let (store, key) = (subject.results().await, key());
    assert!(!keep(&*store, &key, Some(""), "x").await, "there is none");
    assert!(keep(&*store, &key, None, "one").await);
    for expected in [None, Some(""), Some("on"), Some("One"), Some("one ")] {
        assert!(!keep(&*store, &key, expected, "two").await, "{expected:?}");
    }
    assert!(keep(&*store, &key, Some("one"), "two").await);
    assert_eq!(load(&*store, &key, NOW_MS).await.as_deref(), Some("two"));
}

async fn what_ends_now_is_removed(subject: &dyn Subject) {
    let (store, key) = (subject.results().await, key());
    assert!(keep(&*store, &key, None, "one").await);
    assert!(store.replace(&key, Some("one"), "", NOW_MS, NOW_MS).await.expect("it is answered"));
    assert_eq!(load(&*store, &key, NOW_MS).await, None);
    assert!(keep(&*store, &key, None, "two").await);
}

async fn a_large_text_is_kept_whole(subject: &dyn Subject) {
    let (store, key, text) = (subject.results().await, key(), "é".repeat(100_000));
    assert!(keep(&*store, &key, None, &text).await);
    assert!(load(&*store, &key, NOW_MS).await.is_some_and(|loaded| loaded == text));
    assert!(keep(&*store, &key, Some(&text), "small").await);
}

/// Does work side by side.
async fn all<'a, T: Unpin>(work: impl IntoIterator<Item = BoxFuture<'a, T>>) -> Vec<T> {
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
