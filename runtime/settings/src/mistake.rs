use std::{error::Error, fmt};

/// Something that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The line, counted from 1; 0 where it is the file as a whole.
    line: usize,
    /// The key, where it is about one.
    key: Option<String>,
    reason: String,
}

impl Mistake {
    pub(crate) fn of_file(reason: String) -> Self {
        Self { line: 0, key: None, reason }
    }

    pub(crate) fn at(line: usize, reason: impl Into<String>) -> Self {
        Self { line, key: None, reason: reason.into() }
    }

    pub(crate) fn of_key(line: usize, key: &str, reason: impl Into<String>) -> Self {
        Self { line, key: Some(key.to_owned()), reason: reason.into() }
    }
}

/// Everything that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    path: String,
    mistakes: Vec<Mistake>,
}

impl FileError {
    pub(crate) fn new(path: &str, mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort();
        mistakes.dedup();
        Self { path: path.to_owned(), mistakes }
    }

    /// Each mistake with its place: `pikku.toml:4: PAGE_SIZE: …`.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.mistakes.iter().map(|Mistake { line, key, reason }| {
            let place = if *line == 0 { self.path.clone() } else { format!("{}:{line}", self.path) };
            match key {
                Some(key) => format!("{place}: {key}: {reason}"),
                None => format!("{place}: {reason}"),
            }
        })
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.lines().collect::<Vec<_>>().join("; "))
    }
}

impl Error for FileError {}
