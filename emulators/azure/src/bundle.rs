//! The bundle: a folder, or the zip that is deployed.

use crate::StartError;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The bundle's folder. What was unpacked goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) root: PathBuf,
    _unpacked: Option<TempDir>,
}

impl Bundle {
    pub(crate) fn open(path: &Path) -> Result<Self, StartError> {
        let failed = |source: io::Error| StartError::Bundle { path: path.to_owned(), source };
        if fs::metadata(path).map_err(failed)?.is_dir() {
            // The handler's working directory is another than this process's.
            return Ok(Self { root: path.canonicalize().map_err(failed)?, _unpacked: None });
        }
        let file = File::open(path).map_err(failed)?;
        let zip = |reason: zip::result::ZipError| StartError::Zip { path: path.to_owned(), reason: reason.to_string() };
        let unpacked = tempfile::Builder::new().prefix("pikku-azure-").tempdir().map_err(failed)?;
        // Names that lead out of the folder are refused by the library; modes are kept.
        zip::ZipArchive::new(file).map_err(zip)?.extract(unpacked.path()).map_err(zip)?;
        let root = unpacked.path().canonicalize().map_err(failed)?;
        if !root.join("host.json").is_file() {
            let reason = "it has no host.json at its top".to_owned();
            return Err(StartError::Zip { path: path.to_owned(), reason });
        }
        Ok(Self { root, _unpacked: Some(unpacked) })
    }

    /// The folders that have a `function.json`, by name.
    pub(crate) fn functions(&self) -> Result<Vec<(String, Vec<u8>)>, StartError> {
        let failed = |source: io::Error| StartError::Bundle { path: self.root.clone(), source };
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if let Ok(json) = fs::read(entry.path().join("function.json")) {
                found.push((entry.file_name().to_string_lossy().into_owned(), json));
            }
        }
        found.sort();
        Ok(found)
    }
}
