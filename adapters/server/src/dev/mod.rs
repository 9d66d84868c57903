//! The program behind `cargo pikku dev` and `cargo pikku call`.
//!
//! The packager writes a crate that hands the app to [`main`], builds it for development, and starts it with a word that
//! says what to do:
//!
//! | arguments | what it does |
//! |---|---|
//! | `manifest` | prints the app's manifest |
//! | `call FUNCTION [CLAIMS]` | calls a function with the JSON on standard input, with a session of these claims; its answer goes to standard output |
//! | `serve` | serves, as the process at the other end of standard input says |
//!
//! With `serve`, standard input is a socket of the packager: over it come the socket that listens and then commands, and
//! back go events, a JSON object a line. When it closes, the packager is gone, and the program ends.

mod call;
mod calls;
mod channel;
mod log;
mod page;
mod serve;

use crate::ServeError;
use pikku::{App, Selection};
use std::{error::Error as _, process::ExitCode};

/// Does what the arguments of the program say with an app. `app` is called whenever a fresh one is needed.
pub fn main<S: Selection>(app: fn() -> App<S>) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["manifest"] => pikku::introspect::emit(app()),
        ["call", function] => call::call(app(), function, None),
        ["call", function, claims] => call::call(app(), function, Some(claims)),
        ["serve"] => serve::serve(app),
        _ => {
            eprintln!("error: this program is started by `cargo pikku dev` and `cargo pikku call`");
            ExitCode::from(2)
        }
    }
}

/// Says on standard error why the app does not start, as the packager says its own errors.
fn refuse(error: &ServeError) -> ExitCode {
    eprintln!("error[{}]: {error}", error.code());
    if let Some(cause) = error.source() {
        eprintln!("  caused by: {cause}");
    }
    eprintln!("\nhint: {}", error.hint());
    ExitCode::from(error.exit_code())
}
