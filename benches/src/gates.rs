//! What the figures must not exceed: `gates.toml`.

use crate::{
    failure::Failure,
    figures::{Figures, Table},
};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gates {
    gate: Vec<Gate>,
}

/// The most that one figure may be: by itself, as a multiple of another row's, or beyond another row's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gate {
    table: String,
    row: String,
    column: String,
    against: Option<String>,
    beyond: Option<String>,
    most: f64,
}

/// Judges the tables that were measured and says each verdict.
pub(crate) fn check(figures: &Figures, measured: &[&str]) -> Result<(), Failure> {
    let gates = gates()?;
    let (mut over, mut judged) = (0, 0);
    for table in figures.tables.iter().filter(|table| measured.contains(&table.name.as_str())) {
        for gate in gates.iter().filter(|gate| gate.table == table.name) {
            let value = gate.value(table)?;
            let verdict = if value <= gate.most { "ok" } else { "OVER" };
            let against = match (&gate.against, &gate.beyond) {
                (Some(row), _) => format!(" of {row}"),
                (None, Some(row)) => format!(" more than {row}"),
                (None, None) => String::new(),
            };
            eprintln!(
                "   {verdict:>4}  {} / {} / {}: {value:.2}{against}, at most {}",
                table.name, gate.row, gate.column, gate.most
            );
            over += usize::from(value > gate.most);
            judged += 1;
        }
    }
    eprintln!("   {judged} gates judged");
    if over == 0 { Ok(()) } else { Err(Failure::Gates(over)) }
}

fn gates() -> Result<Vec<Gate>, Failure> {
    let text = include_str!("../gates.toml");
    toml::from_str::<Gates>(text).map(|gates| gates.gate).map_err(|e| Failure::answer("gates.toml", e.to_string()))
}

impl Gate {
    /// What is to be compared with the most allowed.
    fn value(&self, table: &Table) -> Result<f64, Failure> {
        let value = |row: &str| {
            let missing = || format!("the table `{}` has no `{row}` with `{}`", self.table, self.column);
            table.value(row, &self.column).ok_or_else(|| Failure::answer("gates.toml", missing()))
        };
        let ours = value(&self.row)?;
        Ok(match (&self.against, &self.beyond) {
            (Some(row), _) => ours / value(row)?.max(f64::MIN_POSITIVE),
            (None, Some(row)) => ours - value(row)?,
            (None, None) => ours,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Unit;

    #[test]
    fn the_gates_are_of_known_benchmarks() {
        for gate in gates().unwrap() {
            assert!(crate::NAMES.contains(&gate.table.as_str()), "{gate:?}");
            assert!(gate.against.is_none() || gate.beyond.is_none(), "{gate:?}");
        }
    }

    #[test]
    fn a_figure_over_its_gate_fails() {
        let mut table = Table::new("size", "", "", &[("bootstrap", Unit::Bytes), ("zip", Unit::Bytes)]);
        table.add("pikku", vec![1_200_001.0, 1.0]);
        let figures = Figures { tables: vec![table], ..Figures::default() };
        assert!(matches!(check(&figures, &["size"]), Err(Failure::Gates(1))));
        assert!(check(&figures, &[]).is_ok());
    }

    #[test]
    fn a_figure_is_judged_by_itself_or_beside_another_row() {
        let mut table = Table::new("size", "", "", &[("zip", Unit::Bytes)]);
        table.add("pikku", vec![150.0]);
        table.add("peer", vec![100.0]);
        let value = |beside: &str| {
            let gate = format!("table = \"size\"\nrow = \"pikku\"\ncolumn = \"zip\"\nmost = 1\n{beside}");
            toml::from_str::<Gate>(&gate).unwrap().value(&table).unwrap()
        };
        assert_eq!(value(""), 150.0);
        assert_eq!(value("against = \"peer\""), 1.5);
        assert_eq!(value("beyond = \"peer\""), 50.0);
    }
}
