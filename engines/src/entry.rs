//! Entries: values that a store keeps for a while, such as sessions.

use crate::{Answer, Time};
use std::fmt;

/// What an entry, or an owner, is known by: octets that do not clash, such as those of a hash.
pub type EntryKey = [u8; 32];

/// A value that is kept for a while. It is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose it is.
    pub owner: EntryKey,
    /// The value: any text without NUL.
    pub value: String,
    /// From when on it is not there, unless that is moved. Not after it expires.
    pub ends: Time,
    /// Up to where its end can be moved.
    pub expires: Time,
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut entry = formatter.debug_struct("Entry");
        entry.field("ends", &self.ends).field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Entries in a store. The time is the caller's; what has ended is dropped when something is saved.
///
/// What is answered holds for every process that uses the store. What is saved and removed survives its end too; that an end
/// was moved may be forgotten with a loss of power.
pub trait EntryStore: fmt::Debug + Send + Sync {
    /// The entry of a key; nothing where there is none, or where it has ended.
    fn load<'a>(&'a self, key: &'a EntryKey, now: Time) -> Answer<'a, Option<Entry>>;

    /// Keeps an entry, in place of the one of that key.
    fn save<'a>(&'a self, key: &'a EntryKey, entry: &'a Entry, now: Time) -> Answer<'a, ()>;

    /// Keeps an entry where that of the key has this value, or where there is none if that is expected: of several that replace
    /// the same at the same time one does. Answers whether it is kept.
    fn replace<'a>(
        &'a self,
        key: &'a EntryKey,
        expected: Option<&'a str>,
        entry: &'a Entry,
        now: Time,
    ) -> Answer<'a, bool>;

    /// Moves the end of an entry, at most to where it expires. One that is not there stays away.
    fn touch<'a>(&'a self, key: &'a EntryKey, ends: Time, now: Time) -> Answer<'a, ()>;

    /// Removes an entry, where it is there.
    fn remove<'a>(&'a self, key: &'a EntryKey) -> Answer<'a, ()>;

    /// Removes all entries of an owner. Answers how many.
    fn remove_owner<'a>(&'a self, owner: &'a EntryKey) -> Answer<'a, u64>;
}
