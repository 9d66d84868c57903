//! Rates: how much was taken lately, of many keys.

use crate::{Answer, EntryKey, Time};
use std::fmt;

/// What is taken, and how much may be at once.
///
/// It is the generic cell rate algorithm (ITU-T I.371, annex A): of each key a mark in time is kept, which moves on by a
/// `step` with each that is taken, from now at the earliest, and never lies further ahead than `most`. So a step is how long one
/// takes to come back, and `most` as many steps as can be taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Take {
    /// How far the mark is moved, in microseconds; from 1 up to `most`.
    pub step_us: i64,
    /// How far ahead of now the mark may lie, in microseconds.
    pub most_us: i64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whether it was taken.
    pub is_taken: bool,
    /// How far ahead of now the mark lies, in microseconds: moved on, or where it was.
    pub ahead_us: i64,
}

impl Take {
    /// The same of a mark, for a store that keeps its marks in memory: where it is then, in microseconds since 1970.
    ///
    /// A mark that lies further ahead than it can, as after a clock that was wrong, is brought back.
    pub fn of(self, mark_us: i64, now_us: i64) -> (i64, Taken) {
        let mark_us = mark_us.min(now_us.saturating_add(self.most_us)).max(now_us);
        let moved_us = mark_us.saturating_add(self.step_us);
        let is_taken = moved_us.saturating_sub(now_us) <= self.most_us;
        let mark_us = if is_taken { moved_us } else { mark_us };
        (mark_us, Taken { is_taken, ahead_us: mark_us - now_us })
    }
}

/// The microseconds since 1970.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn micros(time: Time) -> i64 {
    time.millis().saturating_mul(1000)
}

/// Rates in a store. The time is the caller's. A mark that lies behind says nothing, and is dropped some time.
///
/// What is answered holds for every process that uses the store: together they take no more than one would. A loss of power may
/// take back the last that was taken.
pub trait RateStore: fmt::Debug + Send + Sync {
    /// Takes of a key.
    fn take<'a>(&'a self, key: &'a EntryKey, take: Take, now: Time) -> Answer<'a, Taken>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_move_on_and_not_too_far() {
        let take = Take { step_us: 10, most_us: 30 };
        let mut mark = 0;
        for ahead in [10, 20, 30] {
            let (moved, taken) = take.of(mark, 1000);
            assert_eq!(taken, Taken { is_taken: true, ahead_us: ahead });
            mark = moved;
        }
        assert_eq!(take.of(mark, 1000), (1030, Taken { is_taken: false, ahead_us: 30 }));
        assert_eq!(take.of(mark, 1009), (1030, Taken { is_taken: false, ahead_us: 21 }));
        assert_eq!(take.of(mark, 1010), (1040, Taken { is_taken: true, ahead_us: 30 }));
        assert_eq!(take.of(mark, 5000), (5010, Taken { is_taken: true, ahead_us: 10 }));
        // A clock that was wrong for a while.
        assert_eq!(take.of(i64::MAX, 1000), (1030, Taken { is_taken: false, ahead_us: 30 }));
    }
}
