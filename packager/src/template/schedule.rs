//! From a POSIX `crontab` expression to the `cron(…)` of EventBridge Scheduler.
//!
//! The two dialects differ in more than looks. EventBridge has a sixth field for the year, counts the days of the week
//! from 1 for Sunday, and wants `?` in one of the two day fields: it cannot say "on these days of the month *or* on
//! these days of the week", which is what POSIX means when both are given. Such an expression is refused, as is one
//! whose meaning differs between implementations of cron.

pub use crate::crontab::ScheduleProblem;
use crate::crontab::{DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, is_star};

/// The EventBridge form of a five-field expression.
pub(super) fn to_eventbridge(expression: &str) -> Result<String, ScheduleProblem> {
    let fields: Vec<&str> = expression.split_ascii_whitespace().collect();
    let &[minute, hour, day_of_month, month, day_of_week] = fields.as_slice() else {
        return Err(ScheduleProblem::Fields { found: fields.len() });
    };
    let minutes = MINUTE.write(&MINUTE.read(minute)?);
    let hours = HOUR.write(&HOUR.read(hour)?);
    let days_of_month = DAY_OF_MONTH.read(day_of_month)?;
    let months = MONTH.write(&MONTH.read(month)?);
    let days_of_week = DAY_OF_WEEK.read(day_of_week)?;
    let (days_of_month, days_of_week) = match (is_star(day_of_month), is_star(day_of_week)) {
        (false, false) => return Err(ScheduleProblem::BothDays),
        (true, false) => ("?".to_owned(), DAY_OF_WEEK.write(&days_of_week)),
        (_, true) => (DAY_OF_MONTH.write(&days_of_month), "?".to_owned()),
    };
    Ok(format!("cron({minutes} {hours} {days_of_month} {months} {days_of_week} *)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crontab::Field;
    use std::collections::BTreeSet;

    #[test]
    fn translates_what_both_dialects_can_say() {
        for (posix, eventbridge) in [
            ("0 3 * * *", "cron(0 3 * * ? *)"),
            ("*/15 * * * *", "cron(0/15 * * * ? *)"),
            ("5/20 * * * *", "cron(5/20 * * * ? *)"),
            ("0,30 9-17 * * 1-5", "cron(0,30 9-17 ? * MON-FRI *)"),
            ("0 0 1 * *", "cron(0 0 1 * ? *)"),
            ("0 0 */2 1 *", "cron(0 0 1/2 1 ? *)"),
            ("0 0 1-15/7 * *", "cron(0 0 1,8,15 * ? *)"),
            ("0 0 * jan,Jul *", "cron(0 0 * 1,7 ? *)"),
            ("0 0 * * 0", "cron(0 0 ? * SUN *)"),
            ("0 0 * * 7", "cron(0 0 ? * SUN *)"),
            ("0 0 * * 5-7", "cron(0 0 ? * SUN,FRI,SAT *)"),
            ("0 0 * * sun,wed", "cron(0 0 ? * SUN,WED *)"),
            ("0 0 * * */2", "cron(0 0 ? * SUN,TUE,THU,SAT *)"),
            ("0 0 * * 0-7", "cron(0 0 ? * * *)"),
            ("0 0 */1 * 1", "cron(0 0 ? * MON *)"),
            ("  0  3 1-31 * *", "cron(0 3 * * ? *)"),
            ("0-59 0-23/1 * 1-12 *", "cron(* * * * ? *)"),
        ] {
            assert_eq!(to_eventbridge(posix).as_deref(), Ok(eventbridge), "{posix}");
        }
    }

    #[test]
    fn refuses_what_eventbridge_cannot_say() {
        for expression in ["0 0 1 * 1", "0 0 */2 * MON", "0 0 1-31 * 5", "0 0 13 * 0-6"] {
            assert_eq!(to_eventbridge(expression), Err(ScheduleProblem::BothDays), "{expression}");
        }
    }

    #[test]
    fn refuses_what_is_not_posix() {
        assert_eq!(to_eventbridge("0 3 * *"), Err(ScheduleProblem::Fields { found: 4 }));
        assert_eq!(to_eventbridge("@daily"), Err(ScheduleProblem::Fields { found: 1 }));
        for expression in [
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * L * *",
            "* * * 13 *",
            "* * * * 8",
            "* * * * MON#1",
            "*/0 * * * *",
            "5-1 * * * *",
            ", * * * *",
            "1, * * * *",
            "-1 * * * *",
            "+1 * * * *",
            "1/ * * * *",
            "*/+2 * * * *",
            "* * ? * *",
            "1-2-3 * * * *",
            "99999999999 * * * *",
            "* * * * fri-sun",
        ] {
            assert!(matches!(to_eventbridge(expression), Err(ScheduleProblem::Field { .. })), "{expression}");
        }
    }

    /// Reads EventBridge's side anew, as its documentation has it, and compares the times that are selected.
    #[test]
    fn selects_the_same_values_for_every_pair_of_bounds_and_steps() {
        for field in [&MINUTE, &HOUR, &DAY_OF_MONTH, &MONTH, &DAY_OF_WEEK] {
            for from in field.first..=field.last {
                for to in from..=field.last {
                    for step in 1..=field.last + 1 {
                        let text = format!("{from}-{to}/{step}");
                        let read = field.read(&text).expect("it is in range");
                        let expected: BTreeSet<u32> = (from..=to)
                            .filter(|value| (value - from).is_multiple_of(step))
                            .map(|value| if field.name == "day of week" { value % 7 } else { value })
                            .collect();
                        assert_eq!(read, expected, "{} {text}", field.name);
                        assert_eq!(eventbridge_values(field, &field.write(&read)), expected, "{} {text}", field.name);
                    }
                }
            }
        }
    }

    fn eventbridge_values(field: &Field, text: &str) -> BTreeSet<u32> {
        let number = |text: &str| {
            let named = field.names.iter().position(|name| *name == text).map(|index| index as u32 + field.first);
            named.unwrap_or_else(|| text.parse().expect("a number"))
        };
        let last = if field.name == "day of week" { 6 } else { field.last };
        text.split(',')
            .flat_map(|item| match (item, item.split_once('/'), item.split_once('-')) {
                ("*", ..) => (field.first..=last).collect::<Vec<_>>(),
                (_, Some((from, step)), _) => (number(from)..=last).step_by(number(step) as usize).collect(),
                (_, _, Some((from, to))) => (number(from)..=number(to)).collect(),
                _ => vec![number(item)],
            })
            .collect()
    }
}
