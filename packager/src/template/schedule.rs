//! From a POSIX `crontab` expression to the `cron(…)` of EventBridge Scheduler.
//!
//! The two dialects differ in more than looks. EventBridge has a sixth field for the year, counts the days of the week
//! from 1 for Sunday, and wants `?` in one of the two day fields: it cannot say "on these days of the month *or* on
//! these days of the week", which is what POSIX means when both are given. Such an expression is refused, as is one
//! whose meaning differs between implementations of cron.

use std::collections::BTreeSet;
use std::fmt;

/// Why an expression has no equal at EventBridge Scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduleProblem {
    /// It has not five fields.
    Fields {
        /// How many it has.
        found: usize,
    },
    /// A field cannot be read.
    Field {
        /// The field's name.
        field: &'static str,
        /// What stands there.
        text: String,
        /// What it may hold.
        range: String,
    },
    /// Both the day of the month and the day of the week are restricted.
    BothDays,
}

impl fmt::Display for ScheduleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields { found } => write!(f, "five fields are wanted, and it has {found}"),
            Self::Field { field, text, range } => {
                write!(f, "its {field} `{text}` is none of: {range}, lists, ranges and steps of them")
            }
            Self::BothDays => f.write_str(
                "it restricts both the day of the month and the day of the week, and EventBridge takes only one of them",
            ),
        }
    }
}

/// One of the five fields.
struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    /// The names that may stand for numbers, from `first` on.
    names: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", first: 0, last: 59, names: &[] };
const HOUR: Field = Field { name: "hour", first: 0, last: 23, names: &[] };
const DAY_OF_MONTH: Field = Field { name: "day of month", first: 1, last: 31, names: &[] };
const MONTH: Field = Field {
    name: "month",
    first: 1,
    last: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
/// 7 is another name of 0.
const DAY_OF_WEEK: Field =
    Field { name: "day of week", first: 0, last: 7, names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] };

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

fn is_star(field: &str) -> bool {
    matches!(field, "*" | "*/1")
}

impl Field {
    fn problem(&self, text: &str) -> ScheduleProblem {
        let names = match self.names {
            [first, .., last] => format!(", {first} to {last}"),
            _ => String::new(),
        };
        let range = format!("{} to {}{names}", self.first, self.last);
        ScheduleProblem::Field { field: self.name, text: text.to_owned(), range }
    }

    fn value(&self, text: &str) -> Option<u32> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().filter(|number| (self.first..=self.last).contains(number));
        }
        let index = self.names.iter().position(|name| name.eq_ignore_ascii_case(text))?;
        Some(self.first + u32::try_from(index).ok()?)
    }

    /// The values that the field selects.
    fn read(&self, text: &str) -> Result<BTreeSet<u32>, ScheduleProblem> {
        let mut values = BTreeSet::new();
        for item in text.split(',') {
            values.extend(self.item(item).ok_or_else(|| self.problem(text))?);
        }
        if self.names.first() == Some(&"SUN") && values.remove(&7) {
            values.insert(0);
        }
        Ok(values)
    }

    fn item(&self, item: &str) -> Option<Vec<u32>> {
        let (range, step) = match item.split_once('/') {
            None => (item, None),
            Some((range, step)) => {
                let digits = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
                (range, Some(if digits { step.parse::<usize>().ok().filter(|step| *step > 0)? } else { return None }))
            }
        };
        let (from, to) = match range.split_once('-') {
            // A star means each day once: `*/2` begins at Sunday and does not come upon Sunday again as 7.
            _ if range == "*" => (self.first, self.largest()),
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            None if step.is_some() => (self.value(range)?, self.largest()),
            None => (self.value(range)?, self.value(range)?),
        };
        (from <= to).then(|| (from..=to).step_by(step.unwrap_or(1)).collect())
    }

    /// The largest value that is not another name of a smaller one.
    fn largest(&self) -> u32 {
        if self.names.first() == Some(&"SUN") { 6 } else { self.last }
    }

    /// The field that selects just these values, in the form that both EventBridge and its users read the same way.
    fn write(&self, values: &BTreeSet<u32>) -> String {
        let sorted: Vec<u32> = values.iter().copied().collect();
        if sorted.iter().copied().eq(self.first..=self.largest()) {
            return "*".to_owned();
        }
        let named = self.names.first() == Some(&"SUN");
        if let (false, Some(step)) = (named, even_step(&sorted)) {
            let (first, last) = (sorted[0], sorted[sorted.len() - 1]);
            if step > 1 && last + step > self.last {
                return format!("{first}/{step}");
            }
        }
        let label = |value: u32| {
            let index = usize::try_from(value - self.first).unwrap_or(usize::MAX);
            if named {
                self.names.get(index).map_or_else(|| value.to_string(), |name| (*name).to_owned())
            } else {
                value.to_string()
            }
        };
        let mut parts = Vec::new();
        for run in sorted.chunk_by(|a, b| a + 1 == *b) {
            match run {
                [first, _, .., last] => parts.push(format!("{}-{}", label(*first), label(*last))),
                short => parts.extend(short.iter().map(|value| label(*value))),
            }
        }
        parts.join(",")
    }
}

/// The one distance between three or more neighbours.
fn even_step(values: &[u32]) -> Option<u32> {
    let [first, second, _, ..] = values else { return None };
    let step = second - first;
    values.windows(2).all(|pair| pair[1] - pair[0] == step).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

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
