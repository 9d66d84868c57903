//! The file of an app's settings, `pikku.toml`: the values of environment variables that are not set.
//!
//! ```toml
//! [settings]
//! PAGE_SIZE = 50
//! TOKEN_ISSUER = "https://id.example"
//!
//! [targets.lambda]            # on that target alone
//! PAGE_SIZE = 20
//!
//! [stages.production]         # where that stage is asked for, on every target
//! PAGE_SIZE = 100
//! ```
//!
//! - **Which value.** That of the stage goes before that of the target, and both before the one for all. A variable of the
//!   environment goes before the file; who reads both sees to that.
//! - **What a value is.** A text, a number or a truth value. Each becomes the text that the variable would have; what type the app
//!   reads it as is the app's matter.
//! - **What is refused.** What the app does not read, for it may be misspelt; secrets, for they belong to what keeps secrets; what is
//!   neither text, number nor truth value. All of it is told at once, each with its line, and no value is repeated.
//! - **How large.** 256 KiB.

mod mistake;
mod tables;

pub use mistake::{FileError, Mistake};

use std::{collections::BTreeMap, fmt, fs::File, io::Read as _, path::Path};

/// The targets that a file may have tables for.
pub const TARGETS: [&str; 4] = ["lambda", "cloudflare", "azure", "server"];

/// The most octets of a file.
const LARGEST: u64 = 256 * 1_024;

/// What of a file is wanted, and what is known of the app.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The target whose table counts.
    pub target: &'a str,
    /// The stage whose table counts.
    pub stage: Option<&'a str>,
    /// The variables that the app reads; `None` where they are not known.
    pub variables: Option<&'a [&'a str]>,
    /// The names of the app's secrets.
    pub secrets: &'a [&'a str],
}

/// The values of a file.
#[derive(Clone, Default)]
pub struct Settings {
    path: String,
    values: BTreeMap<String, Value>,
}

#[derive(Clone)]
struct Value {
    text: String,
    line: usize,
}

/// It shows names, not values.
impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Settings").field("path", &self.path).field("names", &self.values.keys()).finish()
    }
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn read(path: &Path, wanted: Wanted<'_>) -> Result<Self, FileError> {
        let shown = path.display().to_string();
        let failed = |reason: String| FileError::new(&shown, vec![Mistake::of_file(reason)]);
        let file = File::open(path).map_err(|error| failed(format!("it cannot be read: {error}")))?;
        let mut octets = Vec::new();
        let read = file.take(LARGEST + 1).read_to_end(&mut octets);
        read.map_err(|error| failed(format!("it cannot be read: {error}")))?;
        if octets.len() as u64 > LARGEST {
            return Err(failed("it is larger than 256 KiB".to_owned()));
        }
        let text = String::from_utf8(octets).map_err(|_| failed("it is no UTF-8".to_owned()))?;
        Self::parse(&shown, &text, wanted)
    }

    /// Reads the text of a file; `path` is what errors call it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(path: &str, text: &str, wanted: Wanted<'_>) -> Result<Self, FileError> {
        let (values, mistakes) = tables::read(text, wanted);
        if mistakes.is_empty() {
            Ok(Self { path: path.to_owned(), values })
        } else {
            Err(FileError::new(path, mistakes))
        }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.text.as_str())
    }

    /// Where the value of a variable is: the file and the line, such as `pikku.toml:4`.
    pub fn place(&self, name: &str) -> Option<String> {
        self.values.get(name).map(|value| format!("{}:{}", self.path, value.line))
    }

    /// All values by their variables, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.text.as_str()))
    }
}

/// The variable that stands for a secret: its name in capitals, every other character an underscore.
fn variable_of_secret(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

#[cfg(test)]
mod tests;
