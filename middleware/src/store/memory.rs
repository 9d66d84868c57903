use super::{RateStore, ResultStore, StoreKey, Take, Taken};
use pikku::{BoxError, BoxFuture};
use std::{
    collections::HashMap,
    fmt,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Keeps everything in this process, for tests and for a server of one process. Clones are the same store.
///
/// It holds up to 100,000 rates and up to 100,000 results of up to 64 MiB together, unless other numbers are given. When it is full
/// of rates, those that say least are forgotten: of who has taken the least. When it is full of results that have not ended, no more
/// calls with a key are taken.
#[derive(Clone)]
pub struct MemoryStore(Arc<Inner>);

struct Inner {
    rates: Mutex<HashMap<StoreKey, i64>>,
    results: Mutex<Results>,
    most: usize,
    most_octets: usize,
}

#[derive(Default)]
struct Results {
    texts: HashMap<StoreKey, (String, u64)>,
    octets: usize,
}

const MOST: usize = 100_000;
const MOST_OCTETS: usize = 64 << 20;

#[pikku::service]
fn memory_store() -> MemoryStore {
    MemoryStore::default()
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_capacity(MOST, MOST_OCTETS)
    }
}

impl MemoryStore {
    /// A store of at most so many rates, and so many results of at most so many octets together.
    pub fn with_capacity(most: usize, most_octets: usize) -> Self {
        let most = most.max(1);
        Self(Arc::new(Inner { rates: Mutex::default(), results: Mutex::default(), most, most_octets }))
    }

    /// How many rates it holds.
    pub fn rates(&self) -> usize {
        self.marks().len()
    }

    /// How many results it holds, those that have ended and are still there among them.
    pub fn results(&self) -> usize {
        self.texts().texts.len()
    }

    fn marks(&self) -> MutexGuard<'_, HashMap<StoreKey, i64>> {
        self.0.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn texts(&self) -> MutexGuard<'_, Results> {
        self.0.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut store = formatter.debug_struct("MemoryStore");
        store.field("rates", &self.rates()).field("results", &self.results()).field("most", &self.0.most).finish()
    }
}

/// Makes room: drops the marks that lie behind, and an eighth at least, those that lie behind the others.
fn make_room(marks: &mut HashMap<StoreKey, i64>, now_us: i64) {
    let kept = marks.len() - (marks.len() / 8).max(1);
    marks.retain(|_, mark| *mark > now_us);
    if marks.len() > kept {
        let mut all: Vec<(i64, StoreKey)> = marks.iter().map(|(key, mark)| (*mark, *key)).collect();
        let dropped = all.len() - kept;
        all.select_nth_unstable(dropped - 1);
        for (_, key) in &all[..dropped] {
            marks.remove(key);
        }
    }
}

impl RateStore for MemoryStore {
    fn take<'a>(&'a self, key: &'a StoreKey, take: Take, now_ms: u64) -> BoxFuture<'a, Result<Taken, BoxError>> {
        let now_us = i64::try_from(now_ms).unwrap_or(i64::MAX).saturating_mul(1000);
        let mut marks = self.marks();
        let (mark, taken) = take.of(marks.get(key).copied().unwrap_or(0), now_us);
        if taken.is_taken {
            if marks.len() >= self.0.most && !marks.contains_key(key) {
                make_room(&mut marks, now_us);
            }
            marks.insert(*key, mark);
        }
        Box::pin(ready(Ok(taken)))
    }
}

impl Results {
    fn live(&self, key: &StoreKey, now_ms: u64) -> Option<&str> {
        self.texts.get(key).filter(|(_, ends_ms)| now_ms < *ends_ms).map(|(text, _)| text.as_str())
    }

    fn remove(&mut self, key: &StoreKey) {
        if let Some((text, _)) = self.texts.remove(key) {
            self.octets -= text.len();
        }
    }

    fn sweep(&mut self, now_ms: u64) {
        let octets = &mut self.octets;
        self.texts.retain(|_, (text, ends_ms)| {
            let is_kept = now_ms < *ends_ms;
            *octets -= if is_kept { 0 } else { text.len() };
            is_kept
        });
    }
}

impl ResultStore for MemoryStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now_ms: u64) -> BoxFuture<'a, Result<Option<String>, BoxError>> {
        let found = self.texts().live(key, now_ms).map(str::to_owned);
        Box::pin(ready(Ok(found)))
    }

    fn replace<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<&'a str>,
        text: &'a str,
        ends_ms: u64,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<bool, BoxError>> {
        let Inner { most, most_octets, .. } = *self.0;
        let mut results = self.texts();
        if results.live(key, now_ms) != expected {
            return Box::pin(ready(Ok(false)));
        }
        let before = results.texts.get(key).map_or(0, |(text, _)| text.len());
        let has_room = |results: &Results| {
            let is_new = !results.texts.contains_key(key);
            results.texts.len() + usize::from(is_new) <= most && results.octets - before + text.len() <= most_octets
        };
        if ends_ms <= now_ms {
            results.remove(key);
        } else if has_room(&results) || {
            results.sweep(now_ms);
            results.octets + text.len() <= most_octets && results.texts.len() < most
        } {
            results.remove(key);
            results.octets += text.len();
            results.texts.insert(*key, (text.to_owned(), ends_ms));
        } else {
            let error = format!("the store holds {} results of {} octets already", results.texts.len(), results.octets);
            return Box::pin(ready(Err(error.into())));
        }
        Box::pin(ready(Ok(true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> StoreKey {
        StoreKey::of(&[&number.to_be_bytes()])
    }

    #[tokio::test]
    async fn many_keys_take_bounded_memory_and_who_takes_most_is_remembered() {
        let store = MemoryStore::with_capacity(1000, 0);
        let take = Take { step_us: 1_000_000, most_us: 5_000_000 };
        let greedy = key(u32::MAX);
        for _ in 0..5 {
            assert!(store.take(&greedy, take, 0).await.unwrap().is_taken);
        }
        for number in 0..20_000 {
            assert!(store.take(&key(number), take, 0).await.unwrap().is_taken);
            assert!(store.rates() <= 1000, "{number}");
        }
        assert!(!store.take(&greedy, take, 0).await.unwrap().is_taken, "who makes many keys gets nothing back by it");
        // A second later those of one step say nothing any more.
        for number in 0..1000 {
            store.take(&key(number), take, 60_000).await.unwrap();
        }
        assert!(store.rates() <= 1000);
    }

    #[tokio::test]
    async fn results_are_bounded_by_number_and_octets() {
        let store = MemoryStore::with_capacity(2, 10);
        let keep = |number, text: &'static str, ends_ms, now_ms| {
            let store = store.clone();
            async move { store.replace(&key(number), None, text, ends_ms, now_ms).await }
        };
        assert!(keep(0, "12345", 100, 0).await.unwrap());
        assert!(keep(1, "123456", 100, 0).await.is_err(), "too many octets");
        assert!(keep(1, "12345", 100, 0).await.unwrap());
        assert!(keep(2, "", 100, 99).await.is_err(), "too many");
        assert!(keep(2, "1234567890", 200, 100).await.unwrap(), "those have ended");
        assert_eq!(store.results(), 1);
        assert!(store.replace(&key(2), Some("1234567890"), "", 100, 100).await.unwrap());
        assert_eq!((store.results(), store.texts().octets), (0, 0));
    }
}
