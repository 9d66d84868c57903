//! Everything a person reads: data to stdout, talk to stderr.
//!
//! Colour marks, it never means; `NO_COLOR` and pipes switch it off, and a pipe gets plain lines without animation.

use crate::error::{Error, Finding};
use console::{Style, Term};
use std::{error::Error as _, fmt::Write as _};

/// The voice on stderr.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    terminal: bool,
    color: bool,
}

impl Talk {
    /// Looks at the terminal and the environment.
    pub(crate) fn new() -> Self {
        let terminal = Term::stderr().is_term();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { terminal, color: terminal && !no_color }
    }

    /// Whether stderr is a terminal, so that a line may be redrawn.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The same voice where no line may be redrawn.
    pub(crate) fn still(&self) -> Self {
        Self { terminal: false, ..*self }
    }

    /// Passes on an error that another process has told.
    pub(crate) fn told(&self, code: &str, message: &str, cause: Option<&str>, hint: &str) {
        let label = self.style(Style::new().red().bold()).apply_to(format!("error[{code}]"));
        eprintln!("{label}: {message}");
        if let Some(cause) = cause {
            eprintln!("  caused by: {}", cause.replace('\n', "\n    "));
        }
        eprintln!("\n{} {hint}", self.hint_label());
    }

    /// Whether colour may be used.
    pub(crate) fn has_color(&self) -> bool {
        self.color
    }

    /// Says what was done: a verb and its object.
    pub(crate) fn done(&self, verb: &str, what: &str) {
        eprintln!("{} {what}", self.style(Style::new().green().bold()).apply_to(format!("{verb:>12}")));
    }

    /// Says what the author should know.
    pub(crate) fn warning(&self, message: &str) {
        eprintln!("{}: {message}", self.style(Style::new().yellow().bold()).apply_to("warning"));
    }

    /// Says why a command failed.
    pub(crate) fn error(&self, error: &Error) {
        eprint!("{}", self.failure(error));
    }

    fn style(&self, style: Style) -> Style {
        style.force_styling(self.color)
    }

    fn failure(&self, error: &Error) -> String {
        let mut out = String::new();
        if let Error::App(findings) = error {
            for finding in findings {
                self.finding(finding, &mut out);
                out.push('\n');
            }
        }
        let label = match error.code() {
            Some(code) => format!("error[{code}]"),
            None => "error".to_owned(),
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(out, "{}: {error}", self.style(Style::new().red().bold()).apply_to(label));
        let mut source = error.source();
        while let Some(cause) = source {
            let _ = writeln!(out, "  caused by: {}", cause.to_string().trim_end().replace('\n', "\n    "));
            source = cause.source();
        }
        if let Error::Budget { breaches, .. } = error {
            for breach in breaches {
                let _ = writeln!(out, "  {breach}");
            }
        }
        match error {
            Error::App(findings) => {
                let mut codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
                codes.dedup();
                if let Some(code) = codes.first() {
                    let _ = writeln!(out, "\n{} `cargo pikku explain {code}` says more", self.hint_label());
                }
            }
            _ => {
                if let Some(hint) = error.hint() {
                    let _ = writeln!(out, "\n{} {hint}", self.hint_label());
                }
            }
        }
        out
    }

    fn finding(&self, finding: &Finding, out: &mut String) {
        let label = self.style(Style::new().red().bold()).apply_to(format!("error[{}]", finding.code));
        let _ = writeln!(out, "{label}: {}", finding.message);
        if let Some(location) = &finding.location {
            let _ = writeln!(out, "  at {}:{}", location.file, location.line);
        }
        let _ = writeln!(out, "\n{} {}", self.hint_label(), finding.hint);
    }

    fn hint_label(&self) -> String {
        self.style(Style::new().cyan().bold()).apply_to("hint:").to_string()
    }
}

/// A number of bytes for a person, in decimal units.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.2} MB", count as f64 / 1e6),
    }
}

/// A table: text columns to the left, the others to the right.
pub(crate) fn table(header: &[&str], left: usize, rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| console::measure_text_width(&row[column]));
        cells.chain([console::measure_text_width(header[column])]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut out = String::new();
    let mut line = |cells: &[&str]| {
        let cells: Vec<String> = cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(
                |(column, (cell, &width))| {
                    if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            )
            .collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    };
    line(header);
    for row in rows {
        line(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Breach;
    use pikku_manifest::Location;

    fn plain(error: &Error) -> String {
        Talk { terminal: false, color: false }.failure(error)
    }

    #[test]
    fn findings_have_code_place_reason_and_fix() {
        let location = Location { file: "src/lib.rs".to_owned(), line: 12 };
        let error = Error::App(vec![
            Finding::new("PK0202", Some(&location), "`GET /a` answers the same requests as `GET /a`", "remove one"),
            Finding::new("PK0002", None, "the app wires no function", "wire one"),
        ]);
        insta::assert_snapshot!(plain(&error), @"
        error[PK0202]: `GET /a` answers the same requests as `GET /a`
          at src/lib.rs:12

        hint: remove one

        error[PK0002]: the app wires no function

        hint: wire one

        error: the app has 2 mistakes

        hint: `cargo pikku explain PK0202` says more
        ");
    }

    #[test]
    fn other_errors() {
        let missing = Error::MissingTarget { triple: "aarch64-unknown-linux-musl".to_owned() };
        let breach = Breach {
            group: "orders".to_owned(),
            limit: 1_200_000,
            bytes: 1_300_000,
            largest: vec![("shop".to_owned(), 700_000), ("std".to_owned(), 300_000)],
        };
        let over = Error::Budget { target: "lambda", breaches: vec![breach] };
        let io = Error::io("write", "/x/y")(std::io::Error::new(std::io::ErrorKind::PermissionDenied, "not allowed"));
        let glibc = Error::Glibc {
            group: "orders".to_owned(),
            needed: "2.36".to_owned(),
            symbols: vec!["arc4random".to_owned()],
        };
        let library = Error::SharedLibrary { group: "orders".to_owned(), library: "libpq.so.5".to_owned() };
        let exits = [&missing, &over, &io, &glibc, &library].map(|error| error.exit() as u8);
        assert_eq!(exits, [5, 6, 8, 7, 7]);
        let all: Vec<String> = [missing, over, io, glibc, library].iter().map(plain).collect();
        insta::assert_snapshot!(all.join("---\n"), @"
        error[PK3001]: Rust's standard library for aarch64-unknown-linux-musl is not installed

        hint: run `rustup target add aarch64-unknown-linux-musl`
        ---
        error[PK4001]: a bundle is over its budget
          orders: 1.30 MB of 1.20 MB; the largest parts are shop (700.0 kB), std (300.0 kB)

        hint: shrink what is listed, or raise the group's budget in [package.metadata.pikku.lambda.budget]
        ---
        error[PK6001]: could not write /x/y
          caused by: not allowed
        ---
        error[PK5001]: the bundle of group `orders` needs GLIBC 2.36, and the platform has 2.34 (asked for by arc4random)

        hint: package with --libc musl, or install zig and cargo-zigbuild (`pip install ziglang cargo-zigbuild`) and package with --libc gnu, which then links against the platform's own version
        ---
        error[PK5002]: the bundle of group `orders` needs the shared library libpq.so.5, which the platform lacks

        hint: link it statically, for example with the crate's `vendored` or `bundled` feature
        ");
    }

    #[test]
    fn colour_only_adds() {
        let error = Error::MissingTarget { triple: "t".to_owned() };
        let coloured = Talk { terminal: true, color: true }.failure(&error);
        assert!(coloured.contains("\u{1b}["));
        assert_eq!(console::strip_ansi_codes(&coloured), plain(&error));
    }

    #[test]
    fn tables_line_up() {
        let rows = vec![vec!["orders".to_owned(), "1.10 MB".to_owned()], vec!["x".to_owned(), "9 B".to_owned()]];
        insta::assert_snapshot!(table(&["group", "bytes"], 1, &rows), @"
        group     bytes
        orders  1.10 MB
        x           9 B
        ");
    }
}
