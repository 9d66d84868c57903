//! From a POSIX `crontab` expression to a cron trigger.
//!
//! Cloudflare reads five fields, in UTC alone, and counts the days of the week from 1 for Sunday: they are written by
//! their names, which every dialect reads the same way. Where both the day of the month and the day of the week are
//! restricted, both mean "on either". The event that a trigger sends holds its expression and nothing else, so the
//! text is written in one form, and the bundle looks for just that text.

use crate::crontab::{DAY_OF_MONTH, DAY_OF_WEEK, Field, HOUR, MINUTE, MONTH, ScheduleProblem, is_star};

/// The time zones that are UTC under another name.
const UTC: [&str; 7] = ["UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Zulu"];

/// Whether a time zone is the one that triggers fire in.
pub(crate) fn is_utc(time_zone: &str) -> bool {
    UTC.contains(&time_zone)
}

/// The expression as it stands in the trigger, and in the event that it sends.
pub(crate) fn to_trigger(expression: &str) -> Result<String, ScheduleProblem> {
    let fields: Vec<&str> = expression.split_ascii_whitespace().collect();
    let &[minute, hour, day_of_month, month, day_of_week] = fields.as_slice() else {
        return Err(ScheduleProblem::Fields { found: fields.len() });
    };
    let unclear = |field: &str| field.starts_with('*');
    if !is_star(day_of_month) && !is_star(day_of_week) && (unclear(day_of_month) || unclear(day_of_week)) {
        return Err(ScheduleProblem::UnclearDays);
    }
    let pairs =
        [(MINUTE, minute), (HOUR, hour), (DAY_OF_MONTH, day_of_month), (MONTH, month), (DAY_OF_WEEK, day_of_week)];
    let written = pairs.iter().map(|(field, text)| write(field, text)).collect::<Result<Vec<_>, _>>()?;
    Ok(written.join(" "))
}

/// A field's text; a step from the first value on is written as one of a star, as people do.
fn write(field: &Field, text: &str) -> Result<String, ScheduleProblem> {
    let written = field.write(&field.read(text)?);
    let step = written.strip_prefix(&format!("{}/", field.first));
    Ok(step.map_or_else(|| written.clone(), |step| format!("*/{step}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use croner::parser::CronParser;

    #[test]
    fn weekdays_are_named_and_the_rest_stays() {
        for (posix, trigger) in [
            ("0 3 * * *", "0 3 * * *"),
            ("*/5 * * * *", "*/5 * * * *"),
            ("5/20 * * * *", "5/20 * * * *"),
            ("0,30 9-17 * * 1-5", "0,30 9-17 * * MON-FRI"),
            ("0 0 1 jan,Jul *", "0 0 1 1,7 *"),
            ("0 0 * * 0", "0 0 * * SUN"),
            ("0 0 * * 7", "0 0 * * SUN"),
            ("0 0 * * 5-7", "0 0 * * SUN,FRI,SAT"),
            ("0 0 1 * mon", "0 0 1 * MON"),
            ("0  0 */1 * *", "0 0 * * *"),
        ] {
            assert_eq!(to_trigger(posix).as_deref(), Ok(trigger), "{posix}");
        }
    }

    #[test]
    fn what_has_no_equal_is_refused() {
        assert_eq!(to_trigger("* * * *"), Err(ScheduleProblem::Fields { found: 4 }));
        assert_eq!(to_trigger("@daily"), Err(ScheduleProblem::Fields { found: 1 }));
        assert!(matches!(to_trigger("60 * * * *"), Err(ScheduleProblem::Field { field: "minute", .. })));
        for unclear in ["0 0 */2 * MON", "0 0 1 * */2"] {
            assert_eq!(to_trigger(unclear), Err(ScheduleProblem::UnclearDays), "{unclear}");
        }
        assert!(is_utc("UTC") && is_utc("Etc/UTC") && !is_utc("Europe/London"));
    }

    /// The parser that Cloudflare has published as the one behind its triggers must read a trigger as the crontab
    /// implementation that checks apps reads the expression.
    #[test]
    fn cloudflares_own_parser_reads_the_same_times() {
        let parts = [
            ("minute", vec!["*", "*/7", "3-59/20", "0,30,59", "10-20/5", "59"]),
            ("hour", vec!["*", "*/6", "9-17", "23"]),
            ("day of month", vec!["*", "1", "1-15/7", "31", "*/10"]),
            ("month", vec!["*", "2,12", "*/5", "JAN-MAR"]),
            ("day of week", vec!["*", "0", "7", "1-5", "FRI-7", "*/3", "2,4"]),
        ];
        // Every quarter of an hour and a minute, over a leap year.
        let begin: DateTime<Utc> = "2028-01-01T00:00:00Z".parse().expect("a time");
        let times: Vec<DateTime<Utc>> =
            (0..366 * 24 * 60).step_by(59).map(|minute| begin + chrono::Duration::minutes(minute)).collect();
        let mut compared = 0;
        for index in 0..280_usize {
            let pick = |part: usize| parts[part].1[index.wrapping_mul([1, 5, 7, 11, 13][part]) % parts[part].1.len()];
            let posix = (0..5).map(pick).collect::<Vec<_>>().join(" ");
            let Ok(trigger) = to_trigger(&posix) else { continue };
            let cloudflare: saffron::Cron = trigger.parse().unwrap_or_else(|_| panic!("{posix}: {trigger} is refused"));
            let ours = CronParser::builder().build().parse(&posix).expect("an expression");
            for time in &times {
                let expected = ours.is_time_matching(time).expect("a time");
                assert_eq!(cloudflare.contains(*time), expected, "{posix} as {trigger} at {time}");
            }
            compared += 1;
        }
        assert!(compared > 200, "{compared}");
    }
}
