//! Named steps with their times.

use std::time::{Duration, Instant};

use crate::failure::Failure;

/// The steps of one command, in the order they ran.
#[derive(Debug)]
pub(crate) struct Steps {
    command: String,
    started: Instant,
    done: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    took: Duration,
    passed: bool,
}

impl Steps {
    pub(crate) fn new(command: &str) -> Self {
        Self { command: command.into(), started: Instant::now(), done: Vec::new() }
    }

    /// Runs one step and keeps its time.
    pub(crate) fn run<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        eprintln!("== {name}");
        let started = Instant::now();
        let outcome = step();
        let (took, passed) = (started.elapsed(), outcome.is_ok());
        eprintln!("   {} in {:.1} s", if passed { "done" } else { "failed" }, took.as_secs_f64());
        self.done.push(Step { name: name.into(), took, passed });
        outcome
    }

    /// Says what ran and how long it took.
    pub(crate) fn summarise(&self, passed: bool) {
        if self.done.is_empty() {
            return;
        }
        let widest = self.done.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
        eprintln!("\n{}:", self.command);
        for step in &self.done {
            let state = if step.passed { "ok" } else { "FAILED" };
            eprintln!("  {:widest$}  {:>7.1} s  {state}", step.name, step.took.as_secs_f64());
        }
        let total = self.started.elapsed().as_secs_f64();
        let failed = self.done.iter().filter(|step| !step.passed).count();
        let verdict = if passed && failed == 0 { "passed" } else { "FAILED" };
        eprintln!("{} {verdict}: {} steps ok, {failed} failed, {total:.1} s", self.command, self.done.len() - failed);
    }
}
