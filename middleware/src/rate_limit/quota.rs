//! How often, and what that is in time.

use crate::store::Take;

/// So many calls in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    calls: u32,
    period_s: u32,
    burst: u32,
}

const SECOND_US: i64 = 1_000_000;

impl Quota {
    /// So many calls a second.
    pub const fn per_second(calls: u32) -> Self {
        Self::per(calls, 1)
    }

    /// So many calls a minute.
    pub const fn per_minute(calls: u32) -> Self {
        Self::per(calls, 60)
    }

    /// So many calls an hour.
    pub const fn per_hour(calls: u32) -> Self {
        Self::per(calls, 60 * 60)
    }

    /// So many calls a day.
    pub const fn per_day(calls: u32) -> Self {
        Self::per(calls, 24 * 60 * 60)
    }

    /// So many calls in so many seconds, all of them at once if they come so.
    ///
    /// # Panics
    ///
    /// None at all, or more than one a microsecond; in a constant that is a compile error.
    pub const fn per(calls: u32, period_s: u32) -> Self {
        assert!(calls > 0 && period_s > 0, "a quota is some calls in some time");
        assert!(calls as i64 <= period_s as i64 * SECOND_US, "a quota is at most a call a microsecond");
        Self { calls, period_s, burst: calls }
    }

    /// The same, so many of them at once at most.
    ///
    /// # Panics
    ///
    /// None at all; in a constant that is a compile error.
    #[must_use]
    pub const fn burst(self, calls: u32) -> Self {
        assert!(calls > 0, "a quota has some calls at once");
        Self { burst: calls, ..self }
    }

    pub(super) const fn calls(self) -> u32 {
        self.calls
    }

    pub(super) const fn period_s(self) -> u32 {
        self.period_s
    }

    /// How long a call takes to come back. It is rounded so that never more are let through.
    const fn step_us(self) -> i64 {
        let period_us = self.period_s as i64 * SECOND_US;
        (period_us + self.calls as i64 - 1) / self.calls as i64
    }

    pub(super) const fn take(self) -> Take {
        // At most 2^32 steps of 2^32 seconds: it is bounded by what fits.
        Take { step_us: self.step_us(), most_us: self.step_us().saturating_mul(self.burst as i64) }
    }

    /// How many calls are left when so much was taken.
    pub(super) const fn left(self, ahead_us: i64) -> i64 {
        (self.take().most_us - ahead_us) / self.step_us()
    }

    /// How many seconds the next call has to wait when so much was taken.
    pub(super) const fn wait_s(self, ahead_us: i64) -> u64 {
        let Take { step_us, most_us } = self.take();
        seconds(ahead_us.saturating_add(step_us) - most_us)
    }
}

/// The whole seconds of a span, those begun among them.
pub(super) const fn seconds(us: i64) -> u64 {
    if us <= 0 { 0 } else { ((us - 1) / SECOND_US + 1) as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn quotas_are_spans_of_time() {
        let minute = Quota::per_minute(60).burst(10);
        assert_eq!(minute.take(), Take { step_us: SECOND_US, most_us: 10 * SECOND_US });
        assert_eq!((minute.left(0), minute.left(1), minute.left(10 * SECOND_US)), (10, 9, 0));
        assert_eq!((minute.wait_s(9 * SECOND_US), minute.wait_s(10 * SECOND_US), minute.wait_s(9_000_001)), (0, 1, 1));
        assert_eq!(Quota::per_second(7).take().step_us, 142_858);
        assert_eq!((seconds(0), seconds(1), seconds(1_000_000), seconds(1_000_001)), (0, 1, 1, 2));
        let most = Quota::per(1, u32::MAX).burst(u32::MAX).take();
        assert_eq!(most.most_us, i64::MAX);
    }

    /// However calls come, no period has more than the quota and the burst before it.
    #[test]
    fn no_period_has_more_than_its_quota_and_a_burst() {
        for (calls, burst) in [(1, 1), (7, 1), (7, 3), (100, 100), (3, 50)] {
            let take = Quota::per_second(calls).burst(burst).take();
            let (mut mark, mut taken_at, mut now_us) = (0, Vec::new(), 0_i64);
            let mut random = 12_345_u64;
            for _ in 0..20_000 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                now_us += i64::try_from(random >> 48).unwrap() % 30_000;
                let (moved, taken) = take.of(mark, now_us);
                mark = moved;
                if taken.is_taken {
                    taken_at.push(now_us);
                }
            }
            let most = usize::try_from(calls + burst).unwrap();
            for (at, began) in taken_at.iter().enumerate() {
                let within = taken_at[at..].iter().take_while(|time| **time < began + SECOND_US).count();
                assert!(within <= most, "{calls} {burst}: {within}");
            }
            let seconds = now_us / SECOND_US;
            let expected = seconds * i64::from(calls);
            assert!(taken_at.len() as i64 >= expected * 7 / 10, "it lets through what it says: {calls} {burst}");
        }
    }

    #[test]
    fn what_is_no_quota_does_not_compile() {
        for quota in [
            || Quota::per_second(0),
            || Quota::per(1, 0),
            || Quota::per_second(1_000_001),
            || Quota::per_day(1).burst(0),
        ] {
            assert!(catch_unwind(quota).is_err());
        }
    }
}
