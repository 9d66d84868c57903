//! Planted secrets, and the search for them.
//!
//! Every secret that a test uses has one text in it, [`MARKER`]. After the tests everything that the run has written is
//! searched for that text: what the tests printed, the logs of the bundles that were started, the bundles themselves with their
//! zips, templates, manifests and reports, and the snapshots. A secret may also have been written in another form, so its base64
//! and its hexadecimal digits are searched for as well. No place is excused.

mod form;

use std::{
    collections::BTreeSet,
    fmt,
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
};

use crate::failure::Failure;
use form::Form;

/// What every secret of the tests has in it: `pikku_tests::PLANTED`, and `plantedsecret7Qx` in tests of other crates.
pub(crate) const MARKER: &str = "plantedsecret7Qx";

/// How much is read at a time.
const CHUNK: usize = 1 << 20;
/// How deep zips may lie in zips.
const DEPTH: usize = 3;
/// The most places that are told.
const TOLD: usize = 50;

/// The secrets in the environment of everything that packages, by the names of the variables: each has to stay where it is.
pub(crate) fn environment() -> Vec<(&'static str, String)> {
    let secret = |name: &str| format!("{MARKER}-{name}");
    vec![
        ("API_KEY", secret("api-key")),
        ("AWS_SECRET_ACCESS_KEY", secret("aws")),
        ("AWS_SESSION_TOKEN", secret("aws-session")),
        ("AzureWebJobsStorage", format!("AccountName=a;AccountKey={}", secret("storage"))),
        ("CLOUDFLARE_API_TOKEN", secret("cloudflare")),
        ("DATABASE_URL", format!("postgres://app:{}@127.0.0.1/app", secret("database"))),
        ("IDENTITY_HEADER", secret("identity")),
        ("SESSION_KEYS", secret("session-keys")),
        ("SHOP_PIN", secret("pin")),
        ("TOKEN_SECRET", secret("token")),
    ]
}

/// A place where a secret is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leak {
    /// The file, and what is in it after `!` where it is a zip.
    file: String,
    /// The line, counted from 1.
    line: u64,
    /// The octet, counted from 0.
    at: u64,
    form: &'static str,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: a planted secret {} (octet {})", self.file, self.line, self.form, self.at)
    }
}

/// What was searched, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Search {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) leaks: BTreeSet<Leak>,
}

impl Search {
    /// Searches files, and folders with everything below them.
    pub(crate) fn all(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut search = Self::default();
        for path in paths {
            search.path(path)?;
        }
        Ok(search)
    }

    /// Fails where something was found, or where there was nothing to search.
    pub(crate) fn verdict(&self) -> Result<(), Failure> {
        let megabytes = self.bytes / 1_000_000;
        eprintln!("   searched {} files of {megabytes} MB, those in zips included", self.files);
        if self.files == 0 {
            return Err(Failure::Missing {
                what: "everything that the search for secrets is to look at".into(),
                hint: "run `cargo xtask test` whole".into(),
            });
        }
        for leak in self.leaks.iter().take(TOLD) {
            eprintln!("   {leak}");
        }
        match self.leaks.len() {
            0 => Ok(()),
            count => Err(Failure::Leaks(count)),
        }
    }

    fn path(&mut self, path: &Path) -> Result<(), Failure> {
        let kind = path.symlink_metadata().map_err(Failure::file("look at", path))?;
        if kind.is_symlink() {
            return Ok(());
        }
        if !kind.is_dir() {
            let file = File::open(path).map_err(Failure::file("open", path))?;
            return self.file(&path.display().to_string(), file).map_err(Failure::file("search", path));
        }
        let mut inside: Vec<PathBuf> = Vec::new();
        for entry in path.read_dir().map_err(Failure::file("list", path))? {
            inside.push(entry.map_err(Failure::file("list", path))?.path());
        }
        inside.sort();
        inside.iter().try_for_each(|path| self.path(path))
    }

    fn file(&mut self, name: &str, mut file: File) -> io::Result<()> {
        let mut magic = [0; 4];
        let is_zip = file.read_exact(&mut magic).is_ok() && magic == *b"PK\x03\x04";
        file.rewind()?;
        self.text(name, &mut file)?;
        if is_zip {
            file.rewind()?;
            self.zip(name, BufReader::new(file), 1)?;
        }
        Ok(())
    }

    fn zip(&mut self, name: &str, zip: impl Read + Seek, depth: usize) -> io::Result<()> {
        let mut zip = zip::ZipArchive::new(zip)?;
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index)?;
            let name = format!("{name}!{}", String::from_utf8_lossy(entry.name_raw()));
            if depth < DEPTH && name.ends_with(".zip") {
                let mut inner = Vec::new();
                entry.read_to_end(&mut inner)?;
                self.text(&name, &mut inner.as_slice())?;
                self.zip(&name, io::Cursor::new(inner), depth + 1)?;
            } else {
                self.text(&name, &mut entry)?;
            }
        }
        Ok(())
    }

    /// Searches octets as they come. The end of each piece is searched again with the next.
    fn text(&mut self, name: &str, octets: &mut impl Read) -> io::Result<()> {
        self.files += 1;
        let forms = Form::all(MARKER);
        let overlap = forms.iter().map(Form::len).max().unwrap_or_default() - 1;
        let mut piece = Vec::with_capacity(CHUNK + overlap);
        let (mut start, mut line) = (0_u64, 1_u64);
        loop {
            let kept = piece.len();
            let read = octets.by_ref().take(CHUNK as u64).read_to_end(&mut piece)?;
            if read == 0 {
                return Ok(());
            }
            self.bytes += read as u64;
            for form in &forms {
                for at in form.places(&piece) {
                    // What lies in the end of the piece before was found there.
                    if at + form.len() > kept {
                        let lines = piece[..at].iter().filter(|octet| **octet == b'\n').count() as u64;
                        let (line, at) = (line + lines, start + at as u64);
                        self.leaks.insert(Leak { file: name.to_owned(), line, at, form: form.name() });
                    }
                }
            }
            let done = piece.len().saturating_sub(overlap);
            line += piece[..done].iter().filter(|octet| **octet == b'\n').count() as u64;
            start += done as u64;
            piece.drain(..done);
        }
    }
}

#[cfg(test)]
mod tests;
