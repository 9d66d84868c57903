//! From a POSIX `crontab` expression to the NCRONTAB expression of a timer trigger.
//!
//! NCRONTAB has a field for the seconds before the five of `crontab` ("Timer trigger for Azure Functions", NCRONTAB
//! expressions), and on Linux plans it is read in UTC alone: `WEBSITE_TIME_ZONE` is for Windows and for plans with machines of
//! their own. Where both the day of the month and the day of the week are restricted, the host's parser wants both to match,
//! and POSIX means either: such an expression is refused.

use crate::crontab::{DAY_OF_MONTH, DAY_OF_WEEK, Field, HOUR, MINUTE, MONTH, ScheduleProblem, is_star};

/// The expression as it stands in `function.json`.
pub(crate) fn to_ncrontab(expression: &str) -> Result<String, ScheduleProblem> {
    let fields: Vec<&str> = expression.split_ascii_whitespace().collect();
    let &[minute, hour, day_of_month, month, day_of_week] = fields.as_slice() else {
        return Err(ScheduleProblem::Fields { found: fields.len() });
    };
    if !is_star(day_of_month) && !is_star(day_of_week) {
        return Err(ScheduleProblem::BothDays);
    }
    let pairs =
        [(MINUTE, minute), (HOUR, hour), (DAY_OF_MONTH, day_of_month), (MONTH, month), (DAY_OF_WEEK, day_of_week)];
    let written = pairs.iter().map(|(field, text)| write(field, text)).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("0 {}", written.join(" ")))
}

/// A field's text; a step from a value on is written as one of a range, which every reader takes for the same.
fn write(field: &Field, text: &str) -> Result<String, ScheduleProblem> {
    let written = field.write(&field.read(text)?);
    let Some((from, step)) = written.split_once('/') else { return Ok(written) };
    Ok(if *from == field.first.to_string() { format!("*/{step}") } else { format!("{from}-{}/{step}", field.last) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use croner::parser::{CronParser, Seconds};

    #[test]
    fn the_seconds_come_first_and_weekdays_are_named() {
        for (posix, ncrontab) in [
            ("0 3 * * *", "0 0 3 * * *"),
            ("*/5 * * * *", "0 */5 * * * *"),
            ("5/20 * * * *", "0 5-59/20 * * * *"),
            ("0,30 9-17 * * 1-5", "0 0,30 9-17 * * MON-FRI"),
            ("0 0 1 jan,Jul *", "0 0 0 1 1,7 *"),
            ("0 0 * * 7", "0 0 0 * * SUN"),
            ("0 0 * * 5-7", "0 0 0 * * SUN,FRI,SAT"),
            ("0 0 */1 * 1", "0 0 0 * * MON"),
        ] {
            assert_eq!(to_ncrontab(posix).as_deref(), Ok(ncrontab), "{posix}");
        }
    }

    #[test]
    fn what_has_no_equal_is_refused() {
        assert_eq!(to_ncrontab("* * * *"), Err(ScheduleProblem::Fields { found: 4 }));
        assert!(matches!(to_ncrontab("60 * * * *"), Err(ScheduleProblem::Field { field: "minute", .. })));
        for both in ["0 0 1 * 1", "0 0 */2 * MON", "0 0 1-31 * 5", "0 0 13 * 0-6"] {
            assert_eq!(to_ncrontab(both), Err(ScheduleProblem::BothDays), "{both}");
        }
    }

    /// Another reading of NCRONTAB: six fields, and both days at once. It has to find the times that the crontab
    /// implementation which checks apps finds in the expression.
    #[test]
    fn another_parser_reads_the_same_times() {
        let parts = [
            ("minute", vec!["*", "*/7", "3-59/20", "0,30,59", "10-20/5", "59"]),
            ("hour", vec!["*", "*/6", "9-17", "23"]),
            ("day of month", vec!["*", "1", "1-15/7", "31", "*/10"]),
            ("month", vec!["*", "2,12", "*/5", "JAN-MAR"]),
            ("day of week", vec!["*", "0", "7", "1-5", "FRI-7", "*/3", "2,4"]),
        ];
        let begin: DateTime<Utc> = "2028-01-01T00:00:00Z".parse().expect("a time");
        let times: Vec<DateTime<Utc>> =
            (0..366 * 24 * 60).step_by(59).map(|minute| begin + chrono::Duration::minutes(minute)).collect();
        let theirs = CronParser::builder().seconds(Seconds::Required).dom_and_dow(true).build();
        let mut compared = 0;
        for index in 0..280_usize {
            let pick = |part: usize| parts[part].1[index.wrapping_mul([1, 5, 7, 11, 13][part]) % parts[part].1.len()];
            let posix = (0..5).map(pick).collect::<Vec<_>>().join(" ");
            let Ok(ncrontab) = to_ncrontab(&posix) else { continue };
            let azure = theirs.parse(&ncrontab).unwrap_or_else(|why| panic!("{posix}: {ncrontab} is refused: {why}"));
            let ours = CronParser::builder().build().parse(&posix).expect("an expression");
            for time in &times {
                let expected = ours.is_time_matching(time).expect("a time");
                let found = azure.is_time_matching(time).expect("a time");
                assert_eq!(found, expected, "{posix} as {ncrontab} at {time}");
            }
            compared += 1;
        }
        assert!(compared > 80, "{compared}");
    }
}
