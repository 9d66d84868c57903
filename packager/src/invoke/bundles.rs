//! Where the bundles are, and what is in them.

use super::InvokeError;
use crate::cli::Platform;
use pikku_local_lambda::{Builder, LocalLambda};
use pikku_local_workers::LocalWorkers;
use pikku_manifest::{Group, Manifest};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The place of a platform's bundles under Cargo's target folder.
fn place(platform: Platform) -> PathBuf {
    Path::new("pikku").join(platform.name())
}

/// A folder of bundles, as `package` writes it.
#[derive(Debug)]
pub(super) struct Bundles {
    platform: Platform,
    dir: PathBuf,
}

impl Bundles {
    /// The folder given; or that of the target folder which the environment names, of `target` here or in a folder
    /// above, or of the target folder that Cargo says, whichever is there first.
    pub(super) fn find(platform: Platform, given: Option<&Path>) -> Result<Self, InvokeError> {
        let missing = |dir| InvokeError::NoBundles { dir, platform: platform.name() };
        if let Some(dir) = given {
            return match dir.is_dir() {
                true => Ok(Self { platform, dir: dir.to_owned() }),
                false => Err(missing(dir.to_owned())),
            };
        }
        let place = place(platform);
        let named = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"].into_iter().filter_map(std::env::var_os);
        let here = std::env::current_dir().map_err(|source| InvokeError::Event { path: ".".into(), source })?;
        let above = here.ancestors().map(|folder| folder.join("target"));
        let mut likely = named.map(PathBuf::from).chain(above).map(|target| target.join(&place));
        if let Some(dir) = likely.find(|dir| dir.is_dir()) {
            return Ok(Self { platform, dir });
        }
        let asked = cargo_metadata::MetadataCommand::new().no_deps().exec();
        let target = asked.map_or_else(|_| PathBuf::from("target"), |metadata| metadata.target_directory.into());
        let dir = target.join(place);
        if dir.is_dir() { Ok(Self { platform, dir }) } else { Err(missing(dir)) }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The local Lambda of a group: its zip, or its bootstrap where there is only that.
    pub(super) fn lambda(&self, group: &str) -> Result<Builder, InvokeError> {
        self.has(group)?;
        let zip = self.dir.join(format!("{group}.zip"));
        Ok(if zip.is_file() {
            LocalLambda::zip(zip)
        } else {
            LocalLambda::bootstrap(self.dir.join(group).join("bootstrap"))
        })
    }

    /// How long the start of a group's function may take, where the report of its bundle says so.
    pub(super) fn init_budget(&self, group: &str) -> Option<Duration> {
        #[derive(Deserialize)]
        struct Packaged {
            group: String,
            init: Init,
        }
        #[derive(Deserialize)]
        struct Init {
            budget_ms: Option<u64>,
        }
        let packaged = self.reported::<Packaged>().into_iter().find(|packaged| packaged.group == group)?;
        packaged.init.budget_ms.map(Duration::from_millis)
    }

    /// The local Worker of a group.
    pub(super) fn worker(&self, group: &str) -> Result<pikku_local_workers::Builder, InvokeError> {
        self.has(group)?;
        Ok(LocalWorkers::bundle(self.dir.join(group)))
    }

    /// The bundle of a group for the local Functions host: its folder, or its zip where there is only that.
    pub(super) fn azure(&self, group: &str) -> Result<PathBuf, InvokeError> {
        self.has(group)?;
        let folder = self.dir.join(group);
        Ok(if folder.join("host.json").is_file() { folder } else { self.dir.join(format!("{group}.zip")) })
    }

    /// The program of the server that a group is in.
    pub(super) fn server(&self, group: &str) -> Result<PathBuf, InvokeError> {
        self.has(group)?;
        let reports = self.servers();
        let found = reports.into_iter().find(|(_, groups)| groups.iter().any(|known| known == group));
        found.map(|(program, _)| program).ok_or_else(|| self.unknown(group, Vec::new()))
    }

    /// The programs of servers here, with the groups that are in each.
    fn servers(&self) -> Vec<(PathBuf, Vec<String>)> {
        #[derive(Deserialize)]
        struct Server {
            group: String,
            groups: Vec<String>,
        }
        let servers = self.reported::<Server>().into_iter().map(|server| (self.dir.join(server.group), server.groups));
        servers.filter(|(program, _)| program.is_file()).collect()
    }

    /// What the report says of each bundle; nothing where there is none of that form.
    fn reported<T: DeserializeOwned>(&self) -> Vec<T> {
        #[derive(Deserialize)]
        struct Report<T> {
            groups: Vec<T>,
        }
        let text = fs::read(self.dir.join("report.json")).unwrap_or_default();
        serde_json::from_slice::<Report<T>>(&text).map(|report| report.groups).unwrap_or_default()
    }

    fn has(&self, group: &str) -> Result<(), InvokeError> {
        let known = self.groups();
        if known.contains(group) {
            return Ok(());
        }
        Err(self.unknown(group, known.into_iter().collect()))
    }

    fn unknown(&self, group: &str, known: Vec<String>) -> InvokeError {
        InvokeError::UnknownGroup {
            group: group.to_owned(),
            known,
            dir: self.dir.clone(),
            platform: self.platform.name(),
        }
    }

    /// A group as the manifest describes it.
    pub(super) fn described<'m>(&self, manifest: &'m Manifest, group: &str) -> Result<&'m Group, InvokeError> {
        let known = || manifest.groups.iter().map(|group| group.name.clone()).collect();
        manifest.group(group).ok_or_else(|| self.unknown(group, known()))
    }

    /// The groups that have a bundle here.
    fn groups(&self) -> BTreeSet<String> {
        if self.platform == Platform::Server {
            return self.servers().into_iter().flat_map(|(_, groups)| groups).collect();
        }
        let entries = fs::read_dir(&self.dir).into_iter().flatten().filter_map(Result::ok);
        entries
            .filter_map(|entry| {
                let path = entry.path();
                if self.platform == Platform::Cloudflare {
                    let name = path.file_name().filter(|_| path.join("wrangler.jsonc").is_file());
                    return name.and_then(OsStr::to_str).map(str::to_owned);
                }
                let zip = path.extension() == Some(OsStr::new("zip")) && path.is_file();
                let name = if zip { path.file_stem() } else { path.file_name() };
                let program = if self.platform == Platform::Azure { "host.json" } else { "bootstrap" };
                let bundle = zip || path.join(program).is_file();
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
    fn a_worker_is_a_folder_with_its_configuration() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["orders", "migrations"] {
            fs::create_dir_all(folder.path().join(name)).expect("a folder");
        }
        fs::write(folder.path().join("orders/wrangler.jsonc"), "{}").expect("a file");
        let bundles = Bundles::find(Platform::Cloudflare, Some(folder.path())).expect("the folder");
        assert_eq!(bundles.groups().into_iter().collect::<Vec<_>>(), ["orders"]);
        assert!(bundles.worker("orders").is_ok() && bundles.worker("migrations").is_err());
    }

    #[test]
    fn a_server_is_a_program_of_several_groups() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path();
        let report =
            r#"{"report_version": 1, "groups": [{"group": "shop", "groups": ["orders", "catalog"], "bytes": 1}]}"#;
        fs::write(dir.join("report.json"), report).expect("a report");
        let bundles = Bundles::find(Platform::Server, Some(dir)).expect("the folder");
        assert!(
            matches!(bundles.server("orders"), Err(InvokeError::UnknownGroup { ref known, .. }) if known.is_empty())
        );
        fs::write(dir.join("shop"), "").expect("a program");
        assert_eq!(bundles.server("orders").expect("a program"), dir.join("shop"));
        let error = bundles.server("shop").expect_err("no group");
        assert!(matches!(error, InvokeError::UnknownGroup { ref known, .. } if *known == ["catalog", "orders"]));
    }

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
        let bundles = Bundles::find(Platform::Lambda, Some(dir)).expect("the folder");
        assert_eq!(bundles.groups().into_iter().collect::<Vec<_>>(), ["orders", "reports"]);
        assert!(bundles.lambda("orders").is_ok() && bundles.lambda("reports").is_ok());
        let error = bundles.lambda("../orders").expect_err("no group");
        assert!(matches!(error, InvokeError::UnknownGroup { ref known, .. } if *known == ["orders", "reports"]));
        assert!(matches!(bundles.manifest(), Err(InvokeError::Manifest { .. })));
        assert!(matches!(Bundles::find(Platform::Lambda, Some(&dir.join("none"))), Err(InvokeError::NoBundles { .. })));
    }
}
