//! The file: how it is opened, how it is noticed that it is gone, and what its errors mean.

use super::{SqliteSettings, schema};
use crate::{EngineError, ErrorKind, clock::millis};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig, ffi};
use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// A store, whether it is open or not.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) path: PathBuf,
    pub(crate) settings: SqliteSettings,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    /// Which files these are, to notice when others are in their place.
    files: [Option<Identity>; 2],
    /// Whether commits are flushed.
    flushes: bool,
}

/// A file, whatever it is called.
type Identity = (u64, u64);

impl Store {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path, settings: SqliteSettings) -> Result<Self, EngineError> {
        let mut store = Self { path: path.to_path_buf(), settings, open: None };
        create(path).map_err(|source| {
            let reason = "the file cannot be opened or made";
            let kind =
                if source.kind() == io::ErrorKind::StorageFull { ErrorKind::Full } else { ErrorKind::Unavailable };
            EngineError::new(kind, path.display().to_string(), reason).caused_by(source)
        })?;
        store.connection()?;
        Ok(store)
    }

    /// The connection, which is made anew where the file was gone. A file that is gone is not made anew: what was in it
    /// would be forgotten in silence.
    pub(crate) fn connection(&mut self) -> Result<&Connection, EngineError> {
        self.still_there()?;
        if self.open.is_none() {
            self.open = Some(self.connect()?);
        }
        match &self.open {
            Some(open) => Ok(&open.connection),
            None => Err(self.gone()),
        }
    }

    fn connect(&self) -> Result<Open, EngineError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let begun = Instant::now();
        loop {
            match self.try_connect(flags) {
                // Changing to WAL does not wait for a lock.
                Err(error) if is_busy(&error) && begun.elapsed() < self.settings.patience => {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return Err(self.error(error)),
                Ok(result) => return result,
            }
        }
    }

    fn try_connect(&self, flags: OpenFlags) -> rusqlite::Result<Result<Open, EngineError>> {
        let mut connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(self.settings.patience)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch("PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;")?;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
        if mode != "wal" {
            let reason = format!("its file system cannot do what SQLite's WAL needs: the journal mode stays `{mode}`");
            return Ok(Err(EngineError::new(ErrorKind::Store, self.place(), reason)));
        }
        connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;")?;
        if let Some(pages) = self.settings.most_pages {
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), (), |_| Ok(()))?;
        }
        if let Err(wrong) = schema::migrate(&mut connection, &self.path)? {
            return Ok(Err(wrong));
        }
        let files = self.files();
        Ok(Ok(Open { connection, files, flushes: true }))
    }

    /// Whether commits are flushed from now on.
    pub(crate) fn flush(&mut self, flushes: bool) -> rusqlite::Result<()> {
        if let Some(open) = &mut self.open
            && open.flushes != flushes
        {
            open.connection.execute_batch(if flushes {
                "PRAGMA synchronous = FULL"
            } else {
                "PRAGMA synchronous = NORMAL"
            })?;
            open.flushes = flushes;
        }
        Ok(())
    }

    /// Whether the open file is still the one at its path: SQLite writes on into a file that was deleted.
    pub(crate) fn still_there(&mut self) -> Result<(), EngineError> {
        if self.open.as_ref().is_some_and(|open| open.files != self.files()) {
            self.close();
            return Err(self.gone());
        }
        Ok(())
    }

    /// Forgets the connection. Files that have taken the place of ours stay as they are.
    pub(crate) fn close(&mut self) {
        if let Some(open) = self.open.take() {
            // Where this fails there is nothing open any more that could be closed wrongly.
            let _ = open.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }

    fn gone(&self) -> EngineError {
        EngineError::new(ErrorKind::Unavailable, self.place(), "the file is not at its place any more")
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn files(&self) -> [Option<Identity>; 2] {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        [identity(&self.path), identity(Path::new(&log))]
    }

    /// What an error of SQLite means. After one of the file itself the connection is made anew.
    pub(crate) fn failed(&mut self, error: rusqlite::Error) -> EngineError {
        let error = self.error(error);
        if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Corrupt) {
            self.close();
        }
        error
    }

    fn error(&self, error: rusqlite::Error) -> EngineError {
        let (kind, reason) = match &error {
            rusqlite::Error::SqliteFailure(failure, _) => match (failure.code, failure.extended_code) {
                (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => {
                    let reason = format!("another process has held it for more than {:?}", self.settings.patience);
                    (ErrorKind::Locked, reason)
                }
                (ErrorCode::DiskFull, _) => (ErrorKind::Full, "there is no room left".to_owned()),
                (ErrorCode::NotADatabase, _) => (ErrorKind::Corrupt, "it is no SQLite file".to_owned()),
                (ErrorCode::DatabaseCorrupt, _) => (ErrorKind::Corrupt, "the file is damaged".to_owned()),
                (ErrorCode::CannotOpen, _) => (ErrorKind::Unavailable, "the file cannot be opened".to_owned()),
                (ErrorCode::SystemIoFailure, _) | (_, ffi::SQLITE_READONLY_DBMOVED) => {
                    (ErrorKind::Unavailable, "the file cannot be read or written".to_owned())
                }
                (ErrorCode::ReadOnly, _) => (ErrorKind::Store, "it may not be written to".to_owned()),
                _ => (ErrorKind::Store, "SQLite refuses".to_owned()),
            },
            _ => (ErrorKind::Store, "SQLite answers what is not understood".to_owned()),
        };
        EngineError::new(kind, self.place(), reason).caused_by(error)
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Makes the file where there is none: for its owner alone, because messages may hold anything.
fn create(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => {
            // The name of the file has to be on the disk too.
            let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if cfg!(unix) { fs::File::open(dir)?.sync_all() } else { Ok(()) }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    path.exists().then_some((0, 0))
}

/// A span as SQLite counts it.
pub(crate) fn span(span: Duration) -> i64 {
    millis(span)
}
