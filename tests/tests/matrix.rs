//! Every scenario of `tests/scenarios` on every target, each a case of its own.

use libtest_mimic::{Arguments, Failed, Trial};
use pikku_tests::matrix::{TARGETS, check, folder, load};
use std::{panic, process::ExitCode};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // Some scenarios panic on purpose: a line is enough.
    panic::set_hook(Box::new(|panic| eprintln!("{}", panic.to_string().replace('\n', " "))));
    let names = TARGETS.map(|target| target.name);
    let scenarios = match load(&folder(), &names) {
        Ok(scenarios) => scenarios,
        Err(why) => {
            eprintln!("error: the scenarios cannot be read: {why}");
            return ExitCode::FAILURE;
        }
    };
    let trials = scenarios.into_iter().map(|scenario| match scenario {
        Ok(scenario) => {
            // What a target does not offer is seen beside the scenario's name.
            let left_out = TARGETS.iter().find_map(|target| Some((target.name, target.leaves_out(&scenario)?)));
            let kind = left_out.map(|(target, reason)| format!("not on {target}: {reason}")).unwrap_or_default();
            let trial = Trial::test(scenario.title(), move || check(&scenario, &TARGETS).map_err(Failed::from));
            trial.with_kind(kind)
        }
        // A case that fails, so that the others are run.
        Err(malformed) => Trial::test(malformed.file.clone(), move || Err(malformed.to_string().into())),
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
