//! What Workers print.

use std::sync::Mutex;

/// What becomes of the lines that Workers print. They are kept in any case, for [`LocalWorkers::logs`].
///
/// [`LocalWorkers::logs`]: crate::LocalWorkers::logs
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logs {
    /// They are only kept.
    #[default]
    Keep,
    /// They go to standard error as well.
    Stderr,
}

/// Something that was printed: one call of the console, which may span lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The console's method, such as `log` or `error`; `info` for what miniflare says.
    pub level: String,
    /// The text.
    pub message: String,
    /// Whether a Worker printed it or workerd about one; otherwise the emulator said it.
    pub from_worker: bool,
}

/// The most that is kept; what is older is dropped.
const KEPT: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Journal {
    lines: Mutex<Vec<LogLine>>,
    logs: Logs,
}

impl Journal {
    pub(crate) fn new(logs: Logs) -> Self {
        Self { lines: Mutex::default(), logs }
    }

    pub(crate) fn add(&self, mut line: LogLine) {
        pikku_local_logs::keep("cloudflare", &line.message);
        // workerd ends its own messages with addresses in its program.
        if let Some(start) = line.message.find("\nstack: ") {
            line.message.truncate(start);
        }
        if self.logs == Logs::Stderr {
            eprintln!("{}", line.message);
        }
        let mut lines = self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.drain(..KEPT / 2);
        }
        lines.push(line);
    }

    pub(crate) fn all(&self) -> Vec<LogLine> {
        self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_go_first() {
        let journal = Journal::new(Logs::Keep);
        for number in 0..=KEPT {
            let message = format!("{number}\nstack: workerd@1");
            journal.add(LogLine { level: "log".to_owned(), message, from_worker: true });
        }
        let lines = journal.all();
        assert_eq!(lines.len(), KEPT / 2 + 1);
        assert_eq!(lines.last().map(|line| line.message.as_str()), Some("10000"));
    }
}
