//! What was measured, as data: `results.json` holds it, the page and the plot show it, the gates judge it.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, path::Path};

/// All figures of a run, or of several that each measured some of them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// What they were measured with, such as the compiler.
    pub(crate) with: BTreeMap<String, String>,
    /// The benchmarks.
    pub(crate) tables: Vec<Table>,
}

/// One benchmark.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    /// What `--only` calls it.
    pub(crate) name: String,
    /// A title for people.
    pub(crate) title: String,
    /// What a reader has to know of how it was measured.
    pub(crate) note: String,
    /// The columns.
    pub(crate) columns: Vec<Column>,
    /// The subjects, ours first.
    pub(crate) rows: Vec<Row>,
    /// The row that the first column is compared with.
    pub(crate) peer: Option<String>,
}

/// A column.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Column {
    /// Its heading.
    pub(crate) name: String,
    /// What its values are.
    pub(crate) unit: Unit,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    /// Instructions that callgrind counted.
    Instructions,
    /// Bytes.
    Bytes,
    /// Microseconds of CPU time.
    Microseconds,
    /// Milliseconds of CPU time.
    Milliseconds,
    /// Seconds of CPU time.
    Seconds,
    /// How many in a second, by the clock on the wall.
    PerSecond,
    /// Milliseconds that somebody waited.
    Waited,
}

/// A subject and its values, one a column.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The subject.
    pub(crate) name: String,
    /// Its values.
    pub(crate) values: Vec<f64>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(name: &str, title: &str, note: &str, columns: &[(&str, Unit)]) -> Self {
        let columns = columns.iter().map(|&(name, unit)| Column { name: name.to_owned(), unit });
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            note: note.to_owned(),
            columns: columns.collect(),
            rows: Vec::new(),
            peer: None,
        }
    }

    /// The row that the first column is compared with.
    pub(crate) fn beside(self, peer: &str) -> Self {
        Self { peer: Some(peer.to_owned()), ..self }
    }

    /// Adds a subject, and says what was found.
    pub(crate) fn add(&mut self, name: &str, values: Vec<f64>) {
        let shown = self
            .columns
            .iter()
            .zip(&values)
            .map(|(column, value)| format!("{} {}", column.unit.show(*value), column.name));
        eprintln!("   {}: {name}: {}", self.name, shown.collect::<Vec<_>>().join(", "));
        self.rows.push(Row { name: name.to_owned(), values });
    }

    /// The value of a row in a column.
    pub(crate) fn value(&self, row: &str, column: &str) -> Option<f64> {
        let column = self.columns.iter().position(|known| known.name == column)?;
        self.rows.iter().find(|known| known.name == row)?.values.get(column).copied()
    }
}

impl Unit {
    /// A value as people read it.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Instructions | Self::Bytes | Self::PerSecond => thousands(value.round() as u64),
            Self::Milliseconds | Self::Waited => format!("{value:.2}"),
            Self::Microseconds | Self::Seconds => format!("{value:.1}"),
        }
    }

    /// What stands beside a value.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Bytes => "bytes",
            Self::Microseconds => "µs of CPU",
            Self::Milliseconds => "ms of CPU",
            Self::Seconds => "s of CPU",
            Self::PerSecond => "per second",
            Self::Waited => "ms",
        }
    }
}

fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl Figures {
    /// What an earlier run left; nothing where there is no file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read(path).map_err(Failure::file(path))?;
        serde_json::from_slice(&text).map_err(|error| Failure::answer(path.display().to_string(), error.to_string()))
    }

    /// Writes them.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::answer(path.display().to_string(), error.to_string()))?;
        text.push('\n');
        fs::write(path, text).map_err(Failure::file(path))
    }

    /// Puts a table in the place of the one of that name, or at its place in the order.
    pub(crate) fn put(&mut self, table: Table, order: &[&str]) {
        self.tables.retain(|known| known.name != table.name);
        self.tables.push(table);
        self.tables.sort_by_key(|table| order.iter().position(|name| *name == table.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_well() {
        let shown = [0.0, 999.4, 1000.0, 1_234_567.0].map(|value| Unit::Bytes.show(value));
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(Unit::Milliseconds.show(1.459), "1.46");
    }
}
