//! The figures as Markdown, between two markers of the page.

use crate::{
    failure::Failure,
    figures::{Figures, Table},
};
use std::{fmt::Write as _, fs, path::Path};

const BEGIN: &str = "<!-- figures: begin -->";
const END: &str = "<!-- figures: end -->";

/// Writes the figures into the page.
pub(crate) fn write(figures: &Figures, path: &Path) -> Result<(), Failure> {
    let page = fs::read_to_string(path).map_err(Failure::file(path))?;
    let markers = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = markers else {
        return Err(Failure::answer(path.display().to_string(), format!("it needs the lines {BEGIN} and {END}")));
    };
    let page = format!("{before}{BEGIN}\n{}\n{END}{after}", render(figures));
    fs::write(path, page).map_err(Failure::file(path))
}

fn render(figures: &Figures) -> String {
    let mut out = String::from("\n![The figures as bars](plot.svg)\n");
    for table in &figures.tables {
        section(table, &mut out);
    }
    let with: Vec<String> = figures.with.iter().map(|(what, which)| format!("{what} {which}")).collect();
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "\nMeasured with {}.", with.join(", "));
    out
}

fn section(table: &Table, out: &mut String) {
    let _ = writeln!(out, "\n### {}\n\n{}\n", table.title, table.note);
    let mut heading = String::from("| |");
    let mut rule = String::from("|---|");
    for column in &table.columns {
        let unit = column.unit.name();
        let unit = if column.name == unit { String::new() } else { format!(", {unit}") };
        let _ = write!(heading, " {}{unit} |", column.name);
        rule.push_str("---:|");
    }
    let measure = table.peer.as_ref().and_then(|peer| table.value(peer, &table.columns[0].name));
    if let Some(peer) = &table.peer {
        let _ = write!(heading, " beside {peer} |");
        rule.push_str("---:|");
    }
    let _ = writeln!(out, "{heading}\n{rule}");
    for row in &table.rows {
        let _ = write!(out, "| {} |", row.name);
        for (column, value) in table.columns.iter().zip(&row.values) {
            let _ = write!(out, " {} |", column.unit.show(*value));
        }
        if let Some(measure) = measure {
            let _ = write!(out, " {:.2} |", row.values[0] / measure);
        }
        out.push('\n');
    }
    let _ = writeln!(out, "\n`cargo xtask bench --only {}`", table.name);
}
