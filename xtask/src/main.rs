//! The chores of this repository, run as `cargo xtask <command>`.
//!
//! Each command is a list of named steps. A step prints what it runs and how long it took, the first one that fails ends
//! the command, and no child process outlives its time limit.

mod bench;
mod demo;
mod failure;
mod places;
mod planted;
mod process;
mod queue;
mod steps;
mod test;
mod tools;

use std::process::ExitCode;

use crate::failure::Failure;
use crate::places::Places;
use crate::steps::Steps;

const USAGE: &str = "\
usage: cargo xtask <command>

  tools          install the pinned tools that the tests judge with, where they are missing
  test           run every test: workspace, documentation, wasm, the event corpus
  demo           package examples/shop for Lambda and send platform events to its bundles
  bench [ARGS]   run the benchmarks beside their peers; ARGS go to the benchmark program

Environment:
  CARGO_TARGET_DIR   where everything is built (default: target)
  PIKKU_CACHE        the folder that keeps the tools; default: the user's cache folder where CI is set, else the
                     target folder

Exit status: 0 done, 1 a step failed, 2 wrong usage.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            if let Some(hint) = failure.hint() {
                eprintln!("\nhint: {hint}");
            }
            failure.exit_code()
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => return Err(Failure::Usage("no command".into())),
    };
    if matches!(command, "help" | "--help" | "-h") {
        println!("{USAGE}");
        return Ok(());
    }
    if command != "bench" && !rest.is_empty() {
        return Err(Failure::Usage(format!("`{command}` takes no arguments")));
    }
    let chore: fn(&Places, &mut Steps, &[String]) -> Result<(), Failure> = match command {
        "tools" => |places, steps, _| tools::install(places, steps),
        "test" => |places, steps, _| test::run(places, steps),
        "demo" => |places, steps, _| demo::run(places, steps),
        "bench" => bench::run,
        other => return Err(Failure::Usage(format!("no command `{other}`"))),
    };
    let places = Places::find()?;
    let mut steps = Steps::new(command);
    let outcome = chore(&places, &mut steps, rest);
    steps.summarise(outcome.is_ok());
    outcome
}
