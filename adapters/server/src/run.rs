use crate::{ServeError, serve};
use pikku::{App, Selection};
use std::{error::Error, process::ExitCode};

/// Serves an app as a whole program: the `main` of a packaged bundle, on all processors.
///
/// The exit code is 0 after a graceful end, and otherwise that of the [`ServeError`], which is in the log.
pub fn run<S: Selection>(app: App<S>) -> ExitCode {
    let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match executor {
        Ok(executor) => {
            let ended = executor.block_on(serve(app));
            // Whatever a call has left on a thread of its own is not waited for.
            executor.shutdown_background();
            ended
        }
        Err(source) => Err(ServeError::process("start threads")(source)),
    };
    let Err(error) = ended else { return ExitCode::SUCCESS };
    if tracing::dispatcher::has_been_set() {
        let cause = error.source().map(ToString::to_string);
        tracing::error!(code = error.code(), detail = cause, hint = error.hint(), "{error}");
    } else {
        eprintln!("error: {error:?}");
    }
    ExitCode::from(error.exit_code())
}
