//! Keeps what bundles write that run locally: where the variable `PIKKU_LOGS` names a folder, every line goes into a file there
//! besides where it goes anyway.
//!
//! A test that starts a bundle looks at a few of its lines; what is kept here shows all of them afterwards, and can be searched for
//! what must not be in a log. Each process has a file of its own for each platform.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process,
    sync::{Mutex, OnceLock, PoisonError},
};

/// The variable that names the folder.
pub const FOLDER: &str = "PIKKU_LOGS";

/// Keeps a line that a bundle of a platform, such as `lambda`, has written.
///
/// Where it cannot be kept, that is said once on standard error; what runs goes on.
pub fn keep(platform: &str, line: &str) {
    static KEPT: OnceLock<Option<Kept>> = OnceLock::new();
    let kept = KEPT.get_or_init(|| {
        let folder = std::env::var_os(FOLDER).filter(|folder| !folder.is_empty())?;
        Some(Kept { folder: folder.into(), file: Mutex::default() })
    });
    if let Some(kept) = kept {
        kept.line(platform, line);
    }
}

/// The folder, and the file that is open: of one platform in all but a few processes.
#[derive(Debug)]
struct Kept {
    folder: PathBuf,
    file: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Closed,
    Open(String, File),
    Failed,
}

impl Kept {
    fn line(&self, platform: &str, line: &str) {
        let mut state = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(&*state, State::Failed) {
            return;
        }
        let written = (|| {
            if !matches!(&*state, State::Open(open, _) if open == platform) {
                *state = State::Open(platform.to_owned(), open(&self.folder, platform)?);
            }
            let State::Open(_, file) = &mut *state else { return Ok(()) };
            // At once, for a process may be killed.
            file.write_all(format!("{line}\n").as_bytes())
        })();
        if let Err(error) = written {
            eprintln!("warning: logs cannot be kept in {}, which {FOLDER} names: {error}", self.folder.display());
            *state = State::Failed;
        }
    }
}

fn open(folder: &Path, platform: &str) -> io::Result<File> {
    let path = folder.join(format!("{platform}-{}.log", process::id()));
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn lines_are_in_the_files_of_their_platforms() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Kept { folder: folder.path().to_owned(), file: Mutex::default() };
        for (platform, line) in [("lambda", "a"), ("azure", "b"), ("lambda", "c")] {
            kept.line(platform, line);
        }
        let read = |platform: &str| fs::read_to_string(folder.path().join(format!("{platform}-{}.log", process::id())));
        assert_eq!(
            (read("lambda").expect("a file").as_str(), read("azure").expect("a file").as_str()),
            ("a\nc\n", "b\n")
        );
    }

    #[test]
    fn where_there_is_no_folder_nothing_stops() {
        let kept = Kept { folder: "/absent/folder".into(), file: Mutex::default() };
        kept.line("lambda", "a");
        kept.line("lambda", "b");
        assert!(matches!(*kept.file.lock().expect("a lock"), State::Failed));
    }
}
