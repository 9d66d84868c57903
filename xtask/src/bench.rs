//! `cargo xtask bench`: the benchmarks, each beside its peer.

use crate::failure::Failure;
use crate::places::Places;
use crate::process::Program;
use crate::steps::Steps;
use crate::tools;

pub(crate) fn run(places: &Places, steps: &mut Steps, arguments: &[String]) -> Result<(), Failure> {
    tools::install(places, steps)?;
    steps.run("build cargo-pikku", || {
        Program::cargo().args(["build", "--release", "-p", "cargo-pikku"]).within(&places.root).limit(1800).run()
    })?;
    steps.run("benchmarks", || {
        Program::cargo()
            .args(["run", "--release", "-p", "pikku-benches", "--"])
            .args(arguments)
            .within(&places.root)
            .env("CARGO_TARGET_DIR", &places.target)
            .env("PIKKU_TOOLS", &places.tools)
            .limit(2 * 3600)
            .run()
    })
}
