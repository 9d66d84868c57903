//! The figures as bars: one panel a benchmark, of its first column.

use crate::{
    failure::Failure,
    figures::{Figures, Table},
};
use std::path::Path;
use svg::{
    Document,
    node::element::{Group, Rectangle, Text},
};

const WIDTH: f64 = 820.0;
/// Where the bars begin, and how long the longest is.
const LEFT: f64 = 250.0;
const LONGEST: f64 = 420.0;
const LINE: f64 = 24.0;
const PANEL: f64 = 54.0;
const OURS: &str = "#c2410c";
const PEER: &str = "#94a3b8";
const INK: &str = "#1e293b";

/// Writes the plot.
pub(crate) fn write(figures: &Figures, path: &Path) -> Result<(), Failure> {
    svg::save(path, &draw(figures)).map_err(Failure::file(path))
}

fn draw(figures: &Figures) -> Document {
    let mut top = 16.0;
    let mut panels = Group::new();
    for table in &figures.tables {
        panels = panels.add(panel(table, top));
        top += PANEL + LINE * table.rows.len() as f64;
    }
    let background = Rectangle::new().set("width", WIDTH).set("height", top).set("fill", "#ffffff").set("rx", 8);
    Document::new()
        .set("viewBox", (0, 0, WIDTH, top))
        .set("width", WIDTH)
        .set("height", top)
        .set("font-family", "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif")
        .add(background)
        .add(panels)
}

fn panel(table: &Table, top: f64) -> Group {
    let column = &table.columns[0];
    let unit = column.unit.name();
    let what = if column.name == unit { unit.to_owned() } else { format!("{}, {unit}", column.name) };
    let title = text(&format!("{} ({what})", table.title), 20.0, top + 22.0, "start", 15).set("font-weight", 600);
    let most = table.rows.iter().map(|row| row.values[0]).fold(f64::MIN_POSITIVE, f64::max);
    // Where no row is named after us, all are ours.
    let named = table.rows.iter().any(|row| row.name.starts_with("pikku"));
    let mut group = Group::new().add(title);
    for (index, row) in table.rows.iter().enumerate() {
        let (value, y) = (row.values[0], top + 36.0 + LINE * index as f64);
        let length = (value / most * LONGEST).max(1.0);
        let ours = !named || row.name.starts_with("pikku");
        let bar = Rectangle::new()
            .set("x", LEFT)
            .set("y", y)
            .set("width", (length * 10.0).round() / 10.0)
            .set("height", LINE - 8.0)
            .set("fill", if ours { OURS } else { PEER });
        group = group.add(text(&row.name, LEFT - 10.0, y + 13.0, "end", 13)).add(bar).add(text(
            &column.unit.show(value),
            LEFT + length + 8.0,
            y + 13.0,
            "start",
            13,
        ));
    }
    group
}

fn text(content: &str, x: f64, y: f64, anchor: &str, size: u32) -> Text {
    Text::new(content)
        .set("x", (x * 10.0).round() / 10.0)
        .set("y", y)
        .set("text-anchor", anchor)
        .set("font-size", size)
        .set("fill", INK)
}
