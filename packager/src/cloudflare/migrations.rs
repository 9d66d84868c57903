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

#[cfg(test)]
mod tests {
    use super::*;
    use pikku_manifest::{Lifetime, MANIFEST_VERSION, Service};
    use std::fs;

    fn manifest(databases: &[&str]) -> Manifest {
        let needs = databases.iter().map(|name| Need::Database((*name).to_owned())).collect();
        let service = Service {
            name: "Store".to_owned(),
            type_name: "app::Store".to_owned(),
            lifetime: Lifetime::Singleton,
            depends_on: vec![],
            needs,
            closes: false,
            message: None,
        };
        Manifest {
            manifest_version: MANIFEST_VERSION,
            groups: vec![],
            functions: vec![],
            services: vec![service],
            scopes: None,
            roles: vec![],
            around_http: vec![],
            faults: vec![],
        }
    }

    #[test]
    fn each_database_has_its_own() {
        let app = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = app.path().join("migrations").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "SELECT 1;").unwrap();
        };
        assert!(find(app.path(), &manifest(&["shop"])).unwrap().is_empty());
        write("0002_b.sql");
        write("0001_a.sql");
        write("notes.txt");
        let only = find(app.path(), &manifest(&["shop"])).unwrap();
        let paths: Vec<String> = copies(&only).unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, ["migrations/shop/0001_a.sql", "migrations/shop/0002_b.sql"]);
        // With two databases it would be open whose they are.
        assert!(find(app.path(), &manifest(&["shop", "audit"])).unwrap().is_empty());
        write("audit/0001_c.sql");
        let both = find(app.path(), &manifest(&["shop", "audit"])).unwrap();
        assert_eq!(both.keys().collect::<Vec<_>>(), ["audit"]);
        assert!(find(app.path(), &manifest(&[])).unwrap().is_empty());
    }
}
