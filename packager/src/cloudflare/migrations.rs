//! The migrations of an app's databases, which wrangler applies: the `.sql` files in the app's folder `migrations`, or
//! in a folder there for each database. They are copied beside the bundles, where every configuration finds them.

use crate::{error::Error, files, package::File};
use pikku_manifest::{Manifest, Need};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// The files of each database by its logical name.
pub(crate) fn find(app: &Path, manifest: &Manifest) -> Result<BTreeMap<String, Vec<PathBuf>>, Error> {
    let needs = manifest.services.iter().flat_map(|service| &service.needs);
    let databases: BTreeSet<&str> =
        needs.filter_map(|need| if let Need::Database(name) = need { Some(name.as_str()) } else { None }).collect();
    let folder = app.join("migrations");
    let mut found = BTreeMap::new();
    for name in &databases {
        let mut files = sql_files(&folder.join(name))?;
        if files.is_empty() && databases.len() == 1 {
            files = sql_files(&folder)?;
        }
        if !files.is_empty() {
            found.insert((*name).to_owned(), files);
        }
    }
    Ok(found)
}

fn sql_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let failed = || Error::io("read", folder);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if path.is_file() && path.extension() == Some(OsStr::new("sql")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The copies to write.
pub(crate) fn copies(migrations: &BTreeMap<String, Vec<PathBuf>>) -> Result<Vec<File>, Error> {
    let mut copies = Vec::new();
    for (database, files) in migrations {
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            copies.push(File::new(format!("migrations/{database}/{name}"), files::read(file)?));
        }
    }
    Ok(copies)
}
