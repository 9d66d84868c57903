//! Dates as AWS writes them: UTC, in the proleptic Gregorian calendar.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment, split into what a date is written with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    year: u64,
    month: u64,
    day: u64,
    second_of_day: u64,
    millis: u32,
    since_epoch: Duration,
}

impl Moment {
    /// The moment of that time; 1970 for any time before.
    pub(crate) fn of(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since_epoch.as_secs();
        // Days are counted from 1 March of year 0, so that the leap day is a year's last and each month's first day
        // is a linear function of its number; 719,468 days lie between that day and the epoch.
        let days = seconds / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            second_of_day: seconds % 86_400,
            millis: since_epoch.subsec_millis(),
            since_epoch,
        }
    }

    pub(crate) fn now() -> Self {
        Self::of(SystemTime::now())
    }

    /// Milliseconds since 1970.
    pub(crate) fn epoch_millis(&self) -> u64 {
        u64::try_from(self.since_epoch.as_millis()).unwrap_or(u64::MAX)
    }

    /// Seconds since 1970.
    pub(crate) fn epoch_seconds(&self) -> u64 {
        self.since_epoch.as_secs()
    }

    fn time_of_day(&self) -> (u64, u64, u64) {
        (self.second_of_day / 3_600, self.second_of_day / 60 % 60, self.second_of_day % 60)
    }

    /// `2026-11-20T12:30:00Z`
    pub(crate) fn rfc3339(&self) -> String {
        let (hour, minute, second) = self.time_of_day();
        format!("{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", self.year, self.month, self.day)
    }

    /// `2026-11-20T12:30:00.000Z`
    pub(crate) fn rfc3339_millis(&self) -> String {
        let (hour, minute, second) = self.time_of_day();
        let Self { year, month, day, millis, .. } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }

    /// `20/Nov/2026:12:30:00 +0000`, as in an access log.
    pub(crate) fn access_log(&self) -> String {
        let (hour, minute, second) = self.time_of_day();
        let month = MONTHS[usize::try_from(self.month - 1).unwrap_or(0)];
        format!("{:02}/{month}/{:04}:{hour:02}:{minute:02}:{second:02} +0000", self.day, self.year)
    }

    /// `2026/11/20`, as in the name of a log stream.
    pub(crate) fn log_stream_date(&self) -> String {
        format!("{:04}/{:02}/{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, millis: u64) -> Moment {
        Moment::of(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(millis))
    }

    #[test]
    fn dates_are_written_as_aws_writes_them() {
        let moment = at(1_795_177_800, 7);
        assert_eq!(moment.rfc3339(), "2026-11-20T12:30:00Z");
        assert_eq!(moment.rfc3339_millis(), "2026-11-20T12:30:00.007Z");
        assert_eq!(moment.access_log(), "20/Nov/2026:12:30:00 +0000");
        assert_eq!(moment.log_stream_date(), "2026/11/20");
        assert_eq!(moment.epoch_millis(), 1_795_177_800_007);
    }

    #[test]
    fn the_calendar_holds_at_its_edges() {
        assert_eq!(at(0, 0).rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_399, 0).rfc3339(), "2000-02-28T23:59:59Z");
        assert_eq!(at(951_782_400, 0).rfc3339(), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_709_251_199, 0).rfc3339(), "2024-02-29T23:59:59Z");
        assert_eq!(at(1_735_689_599, 0).rfc3339(), "2024-12-31T23:59:59Z");
        assert_eq!(at(4_107_542_400, 0).rfc3339(), "2100-03-01T00:00:00Z");
        assert_eq!(Moment::of(UNIX_EPOCH - Duration::from_secs(1)).rfc3339(), "1970-01-01T00:00:00Z");
    }
}
