//! The handler, started as the host starts it, by a local host that is as strict as the real one.
//!
//! The program is both: with the variable that the host sets it is the handler, otherwise the tests of it.

mod app;
mod bundle;
mod cases;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::var_os("FUNCTIONS_CUSTOMHANDLER_PORT").is_some() || std::env::var_os("PIKKU_RUN_HANDLER").is_some() {
        return pikku_azure::run(app::app());
    }
    let trials = cases::ALL.iter().map(|(name, case)| {
        Trial::test(*name, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(case());
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
