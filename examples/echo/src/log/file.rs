use pikku::{Problem, service::Env};
use std::{fs::OpenOptions, io::Write, path::PathBuf};

/// The file that the variable `ECHO_LOG` names. Without one, calls are shown nowhere.
#[derive(Debug)]
pub(super) struct Sink(Option<PathBuf>);

impl Sink {
    pub(super) fn of(env: &Env) -> Self {
        Self(env.get("ECHO_LOG").map(PathBuf::from))
    }

    pub(super) fn append(&self, line: &str) -> Result<(), Problem> {
        let Some(path) = &self.0 else { return Ok(()) };
        // One write, so that lines of several processes do not mix.
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .map_err(|error| Problem::internal(format!("{}: {error}", path.display())))
    }
}
