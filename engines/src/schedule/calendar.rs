//! When a schedule is due: a pure function of its expression, its time zone, how far it has been dealt with, and the time.
//!
//! # When clocks change
//! An expression with one minute and one hour, such as `30 3 * * *`, names a *fixed time*. Any other, such as
//! `*/15 * * * *`, `0 * * * *` or `30 3,15 * * *`, goes by what the clock on the wall shows.
//!
//! | the clock | a fixed time | any other |
//! |---|---|---|
//! | goes forward over it: it is never shown | runs once, when the clock has gone forward | does not run |
//! | goes back over it: it is shown twice | runs once, the first time | runs both times |
//!
//! In Helsinki, where the clock goes from 03:00 to 04:00 on the last Sunday of March, `30 3 * * *` runs at 04:00 that day;
//! on the last Sunday of October, when it goes from 04:00 to 03:00, it runs at the first 03:30 only.

use crate::{EngineError, ErrorKind, Time};
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{
    Timestamp, Zoned,
    tz::{TimeZone, TimeZoneDatabase},
};
use std::{fmt, time::Duration};

/// What becomes of runs whose time passed while no instance was there to see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Misfire {
    /// They are left out.
    Skip,
    /// The last of them is made up for.
    #[default]
    Once,
    /// All are made up for, the oldest first: of those that were missed the last 100.
    All,
}

/// The most runs that [`Misfire::All`] makes up for.
const MOST_MISSED: usize = 100;
/// A run that is later than this is missed; one that is less late is on time.
const GRACE: Duration = Duration::from_secs(60);
/// What has been dealt with cannot be further ahead than this, unless the clock was wrong.
const AHEAD: Duration = Duration::from_secs(24 * 3600);

/// A cron expression in a time zone.
#[derive(Clone)]
pub struct Calendar {
    cron: Cron,
    zone: TimeZone,
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The times to run for, the oldest first.
    pub runs: Vec<Time>,
    /// Whether there are others that the misfire policy leaves out.
    pub left_out: bool,
    /// What has been dealt with once these runs are enqueued.
    pub mark: Time,
}

impl Calendar {
    /// Reads an expression of five fields (POSIX `crontab`) and the IANA name of a time zone.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where one cannot be read, or where the expression names no time that ever comes.
    pub fn parse(expression: &str, zone: &str) -> Result<Self, EngineError> {
        let wrong = |reason: String| EngineError::new(ErrorKind::Spec, format!("schedule `{expression}`"), reason);
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron =
            parser.parse(expression).map_err(|error| wrong("it is no cron expression".to_owned()).caused_by(error))?;
        let zone = known(zone).ok_or_else(|| wrong(format!("`{zone}` is no IANA time zone")))?;
        let calendar = Self { cron, zone };
        if calendar.next_after(Time::from_millis(0)).is_none() {
            return Err(wrong("it names no day that there is".to_owned()));
        }
        Ok(calendar)
    }

    /// The first time after one.
    pub fn next_after(&self, time: Time) -> Option<Time> {
        // Whatever cannot be found does not come.
        self.cron.find_next_occurrence(&self.local(time)?, false).ok().map(|next| instant(&next))
    }

    /// The last time that is not after one.
    fn last_until(&self, time: Time) -> Option<Time> {
        self.cron.find_previous_occurrence(&self.local(time)?, true).ok().map(|last| instant(&last))
    }

    /// What is due now of what comes after the mark.
    ///
    /// Where the clock was set back so that the mark is ahead, nothing is due until the clock has caught up: what ran does
    /// not run again. A mark that is more than a day ahead was set by a clock that was wrong, and gives way to the time.
    pub fn due(&self, mark: Time, now: Time, misfire: Misfire) -> Due {
        if mark > now {
            let mark = if mark > now.after(AHEAD) { now } else { mark };
            return Due { runs: Vec::new(), left_out: false, mark };
        }
        let late = now.before(GRACE);
        let mut runs = Vec::new();
        let mut missed = 0;
        let mut left_out = false;
        let mut until = now;
        // From now backwards, so that a long absence costs no more than a short one.
        while let Some(time) = self.last_until(until).filter(|time| *time > mark) {
            let takes = match misfire {
                _ if time >= late => true,
                Misfire::Skip => false,
                Misfire::Once => missed < 1,
                Misfire::All => missed < MOST_MISSED,
            };
            if !takes {
                left_out = true;
                break;
            }
            missed += usize::from(time < late);
            runs.push(time);
            until = time.before(Duration::from_secs(1));
        }
        runs.reverse();
        Due { runs, left_out, mark: now }
    }

    fn local(&self, time: Time) -> Option<Zoned> {
        // Cron knows whole seconds.
        let seconds = time.millis().div_euclid(1000);
        Some(Timestamp::from_second(seconds).ok()?.to_zoned(self.zone.clone()))
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Calendar({} {})", self.cron.pattern, self.zone.iana_name().unwrap_or_default())
    }
}

/// A time zone of the database in the program, whatever the machine has. A name is spelt as it is there, as the platforms
/// want it that are given the same name.
fn known(name: &str) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    (zone.iana_name() == Some(name) && !zone.is_unknown()).then_some(zone)
}

fn instant(time: &Zoned) -> Time {
    Time::from_millis(time.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::from_millis(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn calendar(expression: &str, zone: &str) -> Calendar {
        Calendar::parse(expression, zone).unwrap()
    }

    /// The times after one, as the clock on the wall shows them, with its distance from UTC.
    fn next(calendar: &Calendar, after: &str, count: usize) -> Vec<String> {
        let mut time = at(after);
        let mut shown = Vec::new();
        for _ in 0..count {
            time = calendar.next_after(time).unwrap();
            shown.push(calendar.local(time).unwrap().strftime("%m-%d %H:%M%:z").to_string());
        }
        shown
    }

    #[test]
    fn forward_in_helsinki() {
        // 2026-03-29: 03:00 +02:00 is 04:00 +03:00.
        let after = "2026-03-28T12:00:00+02:00";
        let fixed = calendar("30 3 * * *", "Europe/Helsinki");
        assert_eq!(next(&fixed, after, 2), ["03-29 04:00+03:00", "03-30 03:30+03:00"]);
        let after = "2026-03-29T02:20:00+02:00";
        let wall = calendar("*/30 * * * *", "Europe/Helsinki");
        assert_eq!(next(&wall, after, 3), ["03-29 02:30+02:00", "03-29 04:00+03:00", "03-29 04:30+03:00"]);
        let twice = calendar("30 3,15 * * *", "Europe/Helsinki");
        assert_eq!(next(&twice, after, 2), ["03-29 15:30+03:00", "03-30 03:30+03:00"]);
        // A time that is shown is not touched.
        let before = calendar("59 2 * * *", "Europe/Helsinki");
        assert_eq!(next(&before, after, 1), ["03-29 02:59+02:00"]);
    }

    #[test]
    fn back_in_helsinki() {
        // 2026-10-25: 04:00 +03:00 is 03:00 +02:00.
        let after = "2026-10-24T12:00:00+03:00";
        let fixed = calendar("30 3 * * *", "Europe/Helsinki");
        assert_eq!(next(&fixed, after, 2), ["10-25 03:30+03:00", "10-26 03:30+02:00"]);
        let wall = calendar("0,30 * * * *", "Europe/Helsinki");
        assert_eq!(
            next(&wall, "2026-10-25T02:45:00+03:00", 5),
            ["10-25 03:00+03:00", "10-25 03:30+03:00", "10-25 03:00+02:00", "10-25 03:30+02:00", "10-25 04:00+02:00"]
        );
        let twice = calendar("30 3,15 * * *", "Europe/Helsinki");
        assert_eq!(next(&twice, after, 4)[1..], ["10-25 03:30+03:00", "10-25 03:30+02:00", "10-25 15:30+02:00"]);
    }

    #[test]
    fn forward_in_new_york() {
        // 2026-03-08: 02:00 -05:00 is 03:00 -04:00.
        let fixed = calendar("15 2 * * *", "America/New_York");
        let after = "2026-03-07T12:00:00-05:00";
        assert_eq!(next(&fixed, after, 2), ["03-08 03:00-04:00", "03-09 02:15-04:00"]);
        let hourly = calendar("15 * * * *", "America/New_York");
        let after = "2026-03-08T00:30:00-05:00";
        assert_eq!(next(&hourly, after, 3), ["03-08 01:15-05:00", "03-08 03:15-04:00", "03-08 04:15-04:00"]);
    }

    #[test]
    fn back_in_new_york() {
        // 2026-11-01: 02:00 -04:00 is 01:00 -05:00.
        let fixed = calendar("15 1 * * *", "America/New_York");
        let after = "2026-10-31T12:00:00-04:00";
        assert_eq!(next(&fixed, after, 2), ["11-01 01:15-04:00", "11-02 01:15-05:00"]);
        let hourly = calendar("15 * * * *", "America/New_York");
        let after = "2026-11-01T00:30:00-04:00";
        assert_eq!(next(&hourly, after, 3), ["11-01 01:15-04:00", "11-01 01:15-05:00", "11-01 02:15-05:00"]);
    }

    /// Runs are found backwards, and announced forwards.
    #[test]
    fn both_directions_find_the_same_times() {
        for zone in ["Europe/Helsinki", "America/New_York", "Australia/Lord_Howe", "UTC"] {
            for expression in
                ["30 3 * * *", "15 2 * * *", "30 1 * * *", "0 * * * *", "*/20 1-4 * * *", "45 1,2,3 * * 0"]
            {
                let calendar = calendar(expression, zone);
                // The weeks in which clocks change.
                for (from, to) in [("03-06", "04-08"), ("10-02", "11-04")] {
                    let [from, to] = [from, to].map(|day| at(&format!("2026-{day}T00:00:00Z")));
                    let mut time = calendar.next_after(from).unwrap();
                    while let Some(next) = calendar.next_after(time).filter(|next| *next < to) {
                        let until = next.after(Duration::from_secs(59));
                        assert_eq!(calendar.last_until(until), Some(next), "{expression} {zone}");
                        assert_eq!(calendar.last_until(next), Some(next), "{expression} {zone}");
                        let before = calendar.last_until(next.before(Duration::from_millis(1)));
                        assert_eq!(before, Some(time), "{expression} {zone}");
                        time = next;
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_on_time_runs_under_each_policy() {
        let hourly = calendar("0 * * * *", "UTC");
        for misfire in [Misfire::Skip, Misfire::Once, Misfire::All] {
            let now = at("2026-05-05T12:00:00.750Z");
            let due = hourly.due(at("2026-05-05T11:59:59Z"), now, misfire);
            assert_eq!(due, Due { runs: vec![at("2026-05-05T12:00:00Z")], left_out: false, mark: now });
            // Dealt with.
            assert_eq!(hourly.due(now, at("2026-05-05T12:00:01Z"), misfire).runs, []);
        }
    }

    #[test]
    fn after_an_absence_the_policy_says_what_runs() {
        let hourly = calendar("0 * * * *", "UTC");
        let (mark, now) = (at("2026-05-05T08:30:00Z"), at("2026-05-05T12:10:00Z"));
        let hours = |hours: &[&str]| -> Vec<Time> {
            hours.iter().map(|hour| at(&format!("2026-05-05T{hour}:00:00Z"))).collect()
        };
        let due = |misfire| hourly.due(mark, now, misfire);
        assert_eq!(due(Misfire::Skip), Due { runs: vec![], left_out: true, mark: now });
        assert_eq!(due(Misfire::Once), Due { runs: hours(&["12"]), left_out: true, mark: now });
        assert_eq!(due(Misfire::All), Due { runs: hours(&["09", "10", "11", "12"]), left_out: false, mark: now });
        // One that was missed, and one on time.
        let due = hourly.due(mark, at("2026-05-05T10:00:05Z"), Misfire::Once);
        assert_eq!(due.runs, hours(&["09", "10"]));
    }

    #[test]
    fn all_is_bounded() {
        let minutely = calendar("* * * * *", "UTC");
        let due = minutely.due(at("2016-01-01T00:00:00Z"), at("2026-01-01T00:00:30Z"), Misfire::All);
        // One is on time.
        assert_eq!((due.runs.len(), due.left_out), (MOST_MISSED + 1, true));
        assert!(due.runs.is_sorted());
    }

    #[test]
    fn what_ran_does_not_run_again_when_the_clock_goes_back() {
        let hourly = calendar("0 * * * *", "UTC");
        let mark = at("2026-05-05T12:00:01Z");
        assert_eq!(
            hourly.due(mark, at("2026-05-05T11:30:00Z"), Misfire::All),
            Due { runs: vec![], left_out: false, mark }
        );
        assert_eq!(hourly.due(mark, at("2026-05-05T13:00:01Z"), Misfire::All).runs, [at("2026-05-05T13:00:00Z")]);
        // A mark of a clock that was years ahead does not stop the schedule for years.
        let now = at("2026-05-05T11:30:00Z");
        assert_eq!(hourly.due(at("2031-01-01T00:00:00Z"), now, Misfire::All).mark, now);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let refused = |expression, zone| format!("{:?}", Calendar::parse(expression, zone).unwrap_err());
        assert!(refused("61 * * * *", "UTC").starts_with("schedule `61 * * * *`: it is no cron expression (PK8108)"));
        assert!(refused("* * * * * *", "UTC").starts_with("schedule `* * * * * *`: it is no cron expression"));
        assert!(
            refused("0 3 * * *", "Mars/Base").starts_with("schedule `0 3 * * *`: `Mars/Base` is no IANA time zone")
        );
        for zone in ["europe/berlin", "utc", "Etc/Unknown", "EST5EDT,M3.2.0,M11.1.0", "+02:00", ""] {
            assert!(refused("0 3 * * *", zone).contains("is no IANA time zone"), "{zone}");
        }
        assert!(refused("0 0 31 2 *", "UTC").starts_with("schedule `0 0 31 2 *`: it names no day that there is"));
    }
}
