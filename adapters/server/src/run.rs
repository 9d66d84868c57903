use crate::{ServeError, file, queues, serve};
use pikku::{App, Selection};
use std::{error::Error, process::ExitCode};

/// Serves an app as a whole program: the `main` of a packaged bundle, on all processors.
///
/// `--config PATH` names the file of settings, as `PIKKU_CONFIG` does. With other arguments it does not serve: `--help` says what it does instead, such as showing the dead letters of a queue.
///
/// The exit code is 0 after a graceful end, and otherwise that of the [`ServeError`], which is in the log.
pub fn run<S: Selection>(app: App<S>) -> ExitCode {
    let arguments = match file::take(std::env::args_os().skip(1).collect()) {
        Ok(arguments) => arguments,
        Err(reason) => {
            eprintln!("error: {reason}\n\nhint: `{} --help`", program());
            return ExitCode::from(2);
        }
    };
    if let Some(done) = queues::administer(&app, arguments.into_iter()) {
        return done;
    }
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

/// The name of the program, as it was started.
pub(crate) fn program() -> String {
    let path = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = path.as_deref().and_then(std::path::Path::file_name);
    name.map_or_else(|| "server".to_owned(), |name| name.to_string_lossy().into_owned())
}
