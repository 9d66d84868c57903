//! Where the bundles are, and what is in them.

use super::InvokeError;
use pikku_local_lambda::{Builder, LocalLambda};
use pikku_manifest::Manifest;
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// The place of the bundles under Cargo's target folder.
const PLACE: &str = "pikku/lambda";

/// A folder of bundles, as `package` writes it.
#[derive(Debug)]
pub(super) struct Bundles {
    dir: PathBuf,
}

impl Bundles {
    /// The folder given; or that of the target folder which the environment names, of `target` here or in a folder
    /// above, or of the target folder that Cargo says, whichever is there first.
    pub(super) fn find(given: Option<&Path>) -> Result<Self, InvokeError> {
        if let Some(dir) = given {
            return match dir.is_dir() {
                true => Ok(Self { dir: dir.to_owned() }),
                false => Err(InvokeError::NoBundles { dir: dir.to_owned() }),
            };
        }
        let named = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"].into_iter().filter_map(std::env::var_os);
        let here = std::env::current_dir().map_err(|source| InvokeError::Event { path: ".".into(), source })?;
        let above = here.ancestors().map(|folder| folder.join("target"));
        let mut likely = named.map(PathBuf::from).chain(above).map(|target| target.join(PLACE));
        if let Some(dir) = likely.find(|dir| dir.is_dir()) {
            return Ok(Self { dir });
        }
        let asked = cargo_metadata::MetadataCommand::new().no_deps().exec();
        let dir = asked.map_or_else(|_| Path::new("target").join(PLACE), |m| m.target_directory.join(PLACE).into());
        if dir.is_dir() { Ok(Self { dir }) } else { Err(InvokeError::NoBundles { dir }) }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The local Lambda of a group: its zip, or its bootstrap where there is only that.
    pub(super) fn lambda(&self, group: &str) -> Result<Builder, InvokeError> {
        let known = self.groups();
        if !known.contains(group) {
            return Err(InvokeError::UnknownGroup {
                group: group.to_owned(),
                known: known.into_iter().collect(),
                dir: self.dir.clone(),
            });
        }
        let zip = self.dir.join(format!("{group}.zip"));
        Ok(if zip.is_file() {
            LocalLambda::zip(zip)
        } else {
            LocalLambda::bootstrap(self.dir.join(group).join("bootstrap"))
        })
    }

    /// The groups that have a bundle here.
    fn groups(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().filter_map(Result::ok);
        entries
            .filter_map(|entry| {
                let path = entry.path();
                let zip = path.extension() == Some(OsStr::new("zip")) && path.is_file();
                let name = if zip { path.file_stem() } else { path.file_name() };
                let bundle = zip || path.join("bootstrap").is_file();
                name.filter(|_| bundle).and_then(OsStr::to_str).map(str::to_owned)
            })
            .collect()
    }

    /// The manifest that was written beside the bundles.
    pub(super) fn manifest(&self) -> Result<Manifest, InvokeError> {
        let path = self.dir.join("manifest.json");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(source) => return Err(InvokeError::Manifest { path, reason: source.to_string() }),
        };
        let manifest: Result<Manifest, _> = serde_json::from_slice(&text);
        match manifest {
            Ok(manifest) if manifest.manifest_version == pikku_manifest::MANIFEST_VERSION => Ok(manifest),
            Ok(manifest) => {
                let reason = format!("it has version {}", manifest.manifest_version);
                Err(InvokeError::Manifest { path, reason })
            }
            Err(why) => Err(InvokeError::Manifest { path, reason: why.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_its_zip_or_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path();
        fs::write(dir.join("orders.zip"), "").expect("a zip");
        fs::create_dir_all(dir.join("orders")).expect("a folder");
        fs::write(dir.join("orders/bootstrap"), "").expect("a bootstrap");
        fs::create_dir_all(dir.join("reports")).expect("a folder");
        fs::write(dir.join("reports/bootstrap"), "").expect("a bootstrap");
        fs::create_dir_all(dir.join("empty")).expect("a folder");
        fs::write(dir.join("manifest.json"), "{}").expect("a file");
        let bundles = Bundles::find(Some(dir)).expect("the folder");
        assert_eq!(bundles.groups().into_iter().collect::<Vec<_>>(), ["orders", "reports"]);
        assert!(bundles.lambda("orders").is_ok() && bundles.lambda("reports").is_ok());
        let error = bundles.lambda("../orders").expect_err("no group");
        assert!(matches!(error, InvokeError::UnknownGroup { ref known, .. } if *known == ["orders", "reports"]));
        assert!(matches!(bundles.manifest(), Err(InvokeError::Manifest { .. })));
        assert!(matches!(Bundles::find(Some(&dir.join("none"))), Err(InvokeError::NoBundles { .. })));
    }
}
