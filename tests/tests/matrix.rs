//! Every scenario of `tests/scenarios` on every target, each a case of its own. `PIKKU_TARGETS`, names with commas between them,
//! makes it some of the targets, the first of which is then what the others are compared with.

use libtest_mimic::{Arguments, Failed, Trial};
use pikku_tests::matrix::{Entry, TARGETS, check, folder, load};
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
    let targets: Vec<Entry> = match std::env::var("PIKKU_TARGETS") {
        Err(_) => TARGETS.to_vec(),
        Ok(wanted) => {
            let wanted: Vec<&str> = wanted.split(',').collect();
            if let Some(unknown) = wanted.iter().find(|name| !names.contains(name)) {
                eprintln!("error: PIKKU_TARGETS names `{unknown}`, which is none of {}", names.join(", "));
                return ExitCode::FAILURE;
            }
            TARGETS.into_iter().filter(|target| wanted.contains(&target.name)).collect()
        }
    };
    let trials = scenarios.into_iter().map(|scenario| match scenario {
        Ok(scenario) => {
            // What a target does not offer is seen beside the scenario's name.
            let left_out = targets.iter().find_map(|target| Some((target.name, target.leaves_out(&scenario)?)));
            let kind = left_out.map(|(target, reason)| format!("not on {target}: {reason}")).unwrap_or_default();
            let named =
                |target: &Entry| scenario.targets.as_ref().is_none_or(|names| names.iter().any(|n| n == target.name));
            let targets: Vec<Entry> = targets.iter().copied().filter(named).collect();
            let is_none = targets.is_empty();
            let trial = Trial::test(scenario.title(), move || check(&scenario, &targets).map_err(Failed::from));
            trial.with_kind(kind).with_ignored_flag(is_none)
        }
        // A case that fails, so that the others are run.
        Err(malformed) => Trial::test(malformed.file.clone(), move || Err(malformed.to_string().into())),
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
