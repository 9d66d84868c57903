//! The benchmarks, each beside its peer: `cargo xtask bench`.
//!
//! Instructions are counted by callgrind, which repeats to the instruction; bytes are those of the files; CPU time is that
//! of the process and its children. Ours and the peers are built with one and the same profile, the packager's default.
//! The Runtime API that programs are run against is a loop of this program's own, so that nothing else is measured.

mod failure;
mod figures;
mod gates;
mod load;
mod measure;
mod page;
mod plot;
mod programs;
mod run;
mod runtime_api;
mod served;

use clap::Parser;
use failure::Failure;
use figures::{Figures, Table};
use measure::Bench;
use programs::Programs;
use run::{Counts, succeed};
use std::{
    process::{Command, ExitCode},
    time::Instant,
};

/// The benchmarks by name, in the order of the page.
const NAMES: [&str; 19] = [
    "size",
    "start",
    "post",
    "empty",
    "dispatch",
    "routing",
    "weight",
    "package",
    "workers-size",
    "workers-cpu",
    "workers-package",
    "azure-size",
    "azure-http",
    "queue",
    "server-instructions",
    "server-http",
    "server-memory",
    "server-hostile",
    "profiles",
];

/// Measures ours beside the peers and writes results.json, plot.svg and the tables of README.md.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// Only this benchmark; may be repeated
    #[arg(long, value_name = "NAME", value_parser = NAMES)]
    only: Vec<String>,
    /// Repeat less: a look, not a figure to write down; nothing is written
    #[arg(long)]
    quick: bool,
    /// Fail when a figure is over its gate; nothing is written
    #[arg(long)]
    check: bool,
    /// Do not use the network
    #[arg(long)]
    offline: bool,
}

fn main() -> ExitCode {
    match measure::attack_where_told().and_then(|()| run(&Arguments::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            if matches!(failure, Failure::Gates(_)) {
                eprintln!(
                    "\nhint: the gates are in benches/gates.toml; a figure that has to grow comes with its reason"
                );
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let bench = Bench {
        programs: Programs::new(arguments.offline)?,
        counts: Counts::new(arguments.quick),
        quick: arguments.quick,
    };
    let dir = bench.programs.root.join("benches");
    let results = dir.join("results.json");
    let mut figures = Figures::read(&results)?;
    let wanted = |name: &&str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    // A check judges; it does not try other profiles.
    let judged = |name: &&str| !(arguments.check && arguments.only.is_empty() && *name == "profiles");
    let measured: Vec<&str> = NAMES.into_iter().filter(wanted).filter(judged).collect();
    for name in &measured {
        let begun = Instant::now();
        figures.put(measure(&bench, name)?, &NAMES);
        if !arguments.quick && !arguments.check {
            // What was measured stays, whatever fails after it.
            figures.write(&results)?;
        }
        eprintln!("   {name}: {:.0} s", begun.elapsed().as_secs_f64());
    }
    if arguments.check {
        return gates::check(&figures, &measured);
    }
    if arguments.quick {
        return Ok(());
    }
    measured_with(&bench, &mut figures, &measured)?;
    figures.write(&results)?;
    page::write(&figures, &dir.join("README.md"))?;
    plot::write(&figures, &dir.join("plot.svg"))
}

fn measure(bench: &Bench, name: &str) -> Result<Table, Failure> {
    match name {
        "size" => bench.size(),
        "start" => bench.start(),
        "post" => bench.post(),
        "empty" => bench.empty(),
        "dispatch" => bench.dispatch(),
        "routing" => bench.routing(),
        "weight" => bench.weight(),
        "package" => bench.package(),
        "workers-size" => bench.workers_size(),
        "workers-cpu" => bench.workers_cpu(),
        "workers-package" => bench.workers_package(),
        "azure-size" => bench.azure_size(),
        "azure-http" => bench.azure_http(),
        "queue" => bench.queue(),
        "server-instructions" => bench.server_instructions(),
        "server-http" => bench.server_http(),
        "server-memory" => bench.server_memory(),
        "server-hostile" => bench.server_hostile(),
        "profiles" => bench.profiles(),
        other => Err(Failure::answer("bench", format!("there is no benchmark `{other}`"))),
    }
}

/// Notes what the figures depend on.
fn measured_with(bench: &Bench, figures: &mut Figures, measured: &[&str]) -> Result<(), Failure> {
    // `rustc 1.95.0 (…)`, `valgrind-3.19.0`.
    let version = |program: &str| {
        let output = succeed(Command::new(program).arg("--version"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.trim_start_matches(program).trim_start_matches([' ', '-']).split_whitespace().next();
        Ok::<_, Failure>(version.unwrap_or_default().to_owned())
    };
    figures.with.insert("rustc".into(), version("rustc")?);
    if measured.contains(&"queue") {
        figures.with.insert("apalis-sqlite".into(), bench.programs.version("queue/apalis", "apalis-sqlite")?);
    }
    if measured.iter().all(|name| *name == "queue") {
        // It has no part in bundles.
        return Ok(());
    }
    let profile = bench.programs.profile()?.iter().map(|(name, value)| format!("{name} = {value}"));
    figures.with.insert("valgrind".into(), version("valgrind")?);
    figures.with.insert("the profile".into(), format!("`{}`", profile.collect::<Vec<_>>().join(", ")));
    figures.with.insert("for".into(), bench.programs.target()?);
    for peer in ["axum", "lambda_http", "lambda_runtime"] {
        figures.with.insert(peer.into(), bench.programs.version("programs", peer)?);
    }
    for peer in ["fastify", "@pikku/core"] {
        figures.with.insert(peer.into(), measure::node::version(&bench.programs.root, peer)?);
    }
    Ok(())
}
