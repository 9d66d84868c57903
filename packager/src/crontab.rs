//! POSIX `crontab` expressions, field by field, for the platforms that speak other dialects.

use std::{collections::BTreeSet, fmt};

/// Why an expression has no equal on a platform.
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
    /// Both are, and one of them by a step of a star, which implementations of cron read differently.
    UnclearDays,
}

impl fmt::Display for ScheduleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields { found } => write!(f, "five fields are wanted, and it has {found}"),
            Self::Field { field, text, range } => {
                write!(f, "its {field} `{text}` is none of: {range}, lists, ranges and steps of them")
            }
            Self::BothDays => f.write_str(
                "it restricts both the day of the month and the day of the week, which means either, and the platform cannot say \
                 that",
            ),
            Self::UnclearDays => f.write_str(
                "it restricts both the day of the month and the day of the week, one of them by a step of `*`, which is read \
                 differently by different implementations of cron",
            ),
        }
    }
}

/// One of the five fields.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// The names that may stand for numbers, from `first` on.
    pub(crate) names: &'static [&'static str],
}

pub(crate) const MINUTE: Field = Field { name: "minute", first: 0, last: 59, names: &[] };
pub(crate) const HOUR: Field = Field { name: "hour", first: 0, last: 23, names: &[] };
pub(crate) const DAY_OF_MONTH: Field = Field { name: "day of month", first: 1, last: 31, names: &[] };
pub(crate) const MONTH: Field = Field {
    name: "month",
    first: 1,
    last: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
/// 7 is another name of 0.
pub(crate) const DAY_OF_WEEK: Field =
    Field { name: "day of week", first: 0, last: 7, names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] };

/// Whether a day field restricts nothing.
pub(crate) fn is_star(field: &str) -> bool {
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
    pub(crate) fn read(&self, text: &str) -> Result<BTreeSet<u32>, ScheduleProblem> {
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

    /// The field that selects just these values, in the form that every dialect reads the same way.
    pub(crate) fn write(&self, values: &BTreeSet<u32>) -> String {
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
