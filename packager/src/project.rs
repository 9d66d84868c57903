//! The user's project as Cargo sees it: the app's package, its runtime and its settings.

use crate::{cli::ProjectArgs, error::Error};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId, TargetKind};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The user's project.
#[derive(Debug)]
pub(crate) struct Project {
    /// The app's package.
    pub(crate) package: String,
    /// The path of the app function, such as `shop::app`.
    pub(crate) app: String,
    /// The folder of the app's package.
    pub(crate) package_dir: PathBuf,
    /// The folder of the workspace.
    pub(crate) workspace_dir: PathBuf,
    /// The folder that generated workspaces link to: the workspace, or the nearest above that also holds every package
    /// which it takes by path.
    pub(crate) linked_dir: PathBuf,
    /// The folders of the packages that the app is made of and that may change: its own, and those taken by path.
    pub(crate) local_dirs: Vec<PathBuf>,
    /// Cargo's target folder.
    pub(crate) target_dir: PathBuf,
    /// Where the runtime comes from.
    pub(crate) runtime: RuntimeSource,
    /// What to switch on in the app.
    pub(crate) features: Vec<String>,
    /// Whether the app's default features are on.
    pub(crate) default_features: bool,
    /// The settings in the app's Cargo.toml.
    pub(crate) settings: Settings,
    /// Whether the network may be used.
    pub(crate) offline: bool,
}

/// Where the runtime's crates come from: the adapters come from the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RuntimeSource {
    /// A folder.
    Path(PathBuf),
    /// A registry; `None` is crates.io, otherwise the index's URL.
    Registry { version: String, index: Option<String> },
    /// A commit of a git repository.
    Git { url: String, revision: String },
}

/// `[package.metadata.pikku]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// The path of the app function, such as `crate::wiring::app`.
    pub(crate) app: Option<String>,
    /// What concerns Lambda.
    pub(crate) lambda: LambdaSettings,
    /// What concerns Cloudflare Workers.
    pub(crate) cloudflare: CloudflareSettings,
    /// What concerns Azure Functions.
    pub(crate) azure: AzureSettings,
    /// What concerns the plain server.
    pub(crate) server: ServerSettings,
    /// What concerns this machine.
    pub(crate) dev: DevSettings,
}

/// `[package.metadata.pikku.dev]`: nothing of it gets into a bundle or a deployment file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DevSettings {
    /// The values of variables and secrets that `dev` and `call` run the app with, where they are not set.
    pub(crate) vars: BTreeMap<String, String>,
}

/// `[package.metadata.pikku.lambda]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LambdaSettings {
    /// The memory of a function in MB.
    pub(crate) memory_mb: Option<u32>,
    /// How long a call may take.
    pub(crate) timeout_s: Option<u32>,
    /// How many days logs are kept.
    pub(crate) log_retention_days: Option<u32>,
    /// How long a start may take: the local Lambda ends one that takes longer.
    pub(crate) init_ms: Option<u32>,
    /// The most bytes of a bootstrap: by group, or for all under `default`.
    pub(crate) budget: BTreeMap<String, Bytes>,
    /// The settings of single groups.
    pub(crate) groups: BTreeMap<String, GroupSettings>,
    /// How secrets are kept, by name.
    pub(crate) secrets: BTreeMap<String, LambdaSecret>,
    /// The values that variables have unless the deployment gives others.
    pub(crate) vars: BTreeMap<String, String>,
}

/// `[package.metadata.pikku.lambda.secrets.<secret>]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LambdaSecret {
    /// What keeps it.
    pub(crate) store: SecretStore,
    /// Whether it is encrypted under a KMS key of the user's.
    pub(crate) kms_key: bool,
}

/// What keeps secrets on AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SecretStore {
    /// AWS Secrets Manager.
    #[default]
    SecretsManager,
    /// A SecureString of Parameter Store.
    ParameterStore,
}

/// `[package.metadata.pikku.lambda.groups.<group>]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GroupSettings {
    pub(crate) memory_mb: Option<u32>,
    pub(crate) timeout_s: Option<u32>,
    pub(crate) log_retention_days: Option<u32>,
    pub(crate) init_ms: Option<u32>,
}

/// `[package.metadata.pikku.server]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerSettings {
    /// The port that the container and the unit listen on.
    pub(crate) port: Option<u16>,
    /// The most bytes of the program.
    pub(crate) budget: Option<Bytes>,
    /// The stores that PIKKU_QUEUES can name, where the app has queues or schedules; a file alone where nothing is said.
    pub(crate) queues: Option<Vec<QueueStore>>,
    /// Whether the program can send spans to a collector of OpenTelemetry.
    pub(crate) otlp: bool,
}

/// A store of queues, by the feature of `pikku-server` that brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum QueueStore {
    /// A file.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// NATS JetStream.
    Nats,
    /// Amazon SQS, which keeps no schedules.
    Sqs,
}

impl QueueStore {
    /// The feature's name.
    pub(crate) fn feature(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Nats => "nats",
            Self::Sqs => "sqs",
        }
    }
}

/// `[package.metadata.pikku.cloudflare]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CloudflareSettings {
    /// The app's name in those of its Workers, queues and databases; the package's otherwise.
    pub(crate) name: Option<String>,
    /// The behaviour of workerd that is asked for.
    pub(crate) compatibility_date: Option<String>,
    pub(crate) compatibility_flags: Vec<String>,
    /// The zone of the app's host name; without one, each Worker has a host name under `workers.dev`.
    pub(crate) zone: Option<String>,
    /// The app's host name; the zone itself otherwise.
    pub(crate) host: Option<String>,
    /// How long a call may take.
    pub(crate) timeout_ms: Option<u32>,
    /// The most processor time of a call.
    pub(crate) cpu_ms: Option<u32>,
    /// The most bytes of a bundle, wasm and JavaScript, gzipped: by group, or for all under `default`.
    pub(crate) budget: BTreeMap<String, Bytes>,
    /// The ids of databases in the account, by logical name.
    pub(crate) databases: BTreeMap<String, String>,
    /// The ids of key-value namespaces in the account, by logical name.
    pub(crate) key_values: BTreeMap<String, String>,
    /// The values of variables.
    pub(crate) vars: BTreeMap<String, String>,
    /// The settings of single groups.
    pub(crate) groups: BTreeMap<String, WorkerSettings>,
}

/// `[package.metadata.pikku.cloudflare.groups.<group>]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorkerSettings {
    pub(crate) timeout_ms: Option<u32>,
    pub(crate) cpu_ms: Option<u32>,
}

/// `[package.metadata.pikku.azure]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AzureSettings {
    /// The app's name in those of its function apps; the package's otherwise.
    pub(crate) name: Option<String>,
    /// How long a call may take.
    pub(crate) timeout_s: Option<u32>,
    /// The memory of an instance in MB.
    pub(crate) memory_mb: Option<u32>,
    /// The most instances of a function app.
    pub(crate) max_instances: Option<u32>,
    /// How many days logs are kept.
    pub(crate) log_retention_days: Option<u32>,
    /// The queues that are Service Bus's, by logical name; those that keep the order of messages are so anyhow.
    pub(crate) service_bus: Vec<String>,
    /// The most bytes of a program: by group, or for all under `default`.
    pub(crate) budget: BTreeMap<String, Bytes>,
    /// The values of variables.
    pub(crate) vars: BTreeMap<String, String>,
    /// The settings of single groups.
    pub(crate) groups: BTreeMap<String, FunctionAppSettings>,
}

/// `[package.metadata.pikku.azure.groups.<group>]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FunctionAppSettings {
    pub(crate) timeout_s: Option<u32>,
    pub(crate) memory_mb: Option<u32>,
    pub(crate) max_instances: Option<u32>,
}

/// A number of bytes: a number, or text such as `1.2 MB` or `600 kB` (decimal units, as elsewhere in reports).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BytesForm")]
pub(crate) struct Bytes(pub(crate) u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum BytesForm {
    Number(u64),
    Text(String),
}

impl TryFrom<BytesForm> for Bytes {
    type Error = String;

    fn try_from(form: BytesForm) -> Result<Self, String> {
        let text = match form {
            BytesForm::Number(bytes) => return Ok(Self(bytes)),
            BytesForm::Text(text) => text,
        };
        let wrong = || format!("`{text}` is no number of bytes: write 1200000, \"1.2 MB\" or \"600 kB\"");
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
        let factor = match text[number.len()..].trim() {
            "" | "B" => 1.0,
            "kB" => 1e3,
            "MB" => 1e6,
            _ => return Err(wrong()),
        };
        let value: f64 = number.trim().parse().map_err(|_| wrong())?;
        if value.is_finite() && value >= 0.0 { Ok(Self((value * factor).round() as u64)) } else { Err(wrong()) }
    }
}

impl Settings {
    /// Takes values for variables that it has none for.
    pub(crate) fn fill(&mut self, file: &pikku_settings::Settings) {
        for vars in [&mut self.lambda.vars, &mut self.cloudflare.vars, &mut self.azure.vars] {
            for (name, value) in file.iter() {
                vars.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            }
        }
    }
}

impl Project {
    /// Asks Cargo about the project.
    pub(crate) fn read(args: &ProjectArgs) -> Result<Self, Error> {
        let mut command = MetadataCommand::new();
        if let Some(path) = &args.manifest_path {
            command.manifest_path(path);
        }
        let mut options = Vec::new();
        if args.locked {
            options.push("--locked".to_owned());
        }
        if args.offline {
            options.push("--offline".to_owned());
        }
        command.other_options(options);
        let metadata = command.exec().map_err(Error::Metadata)?;
        let package = choose(&metadata, args.package.as_deref())?;
        let runtime = runtime_of(&metadata, &package.id)
            .ok_or_else(|| Error::Package {
                reason: format!("the package `{}` does not depend on `pikku`", package.name),
                hint: "add it with `cargo add pikku`, or choose the app's package with --package".to_owned(),
            })
            .map(source)?;
        let library = package
            .targets
            .iter()
            .find(|target| target.kind.iter().any(|kind| matches!(kind, TargetKind::Lib | TargetKind::RLib)))
            .ok_or_else(|| Error::Package {
                reason: format!("the package `{}` has no library", package.name),
                hint: "put the app function into src/lib.rs, where bundles can use it".to_owned(),
            })?
            .name
            .replace('-', "_");
        let settings = settings(package)?;
        let app = settings.app.as_deref().unwrap_or("crate::app");
        let app = format!("{library}::{}", app.strip_prefix("crate::").unwrap_or(app));
        Ok(Self {
            package: package.name.to_string(),
            app,
            package_dir: folder(package.manifest_path.as_std_path()),
            workspace_dir: metadata.workspace_root.clone().into_std_path_buf(),
            linked_dir: linked_dir(&metadata),
            local_dirs: local_dirs(&metadata, &package.id),
            target_dir: metadata.target_directory.clone().into_std_path_buf(),
            runtime,
            features: args.features.clone(),
            default_features: !args.no_default_features,
            settings,
            offline: args.offline,
        })
    }

    /// The folder of everything that the packager builds and writes.
    pub(crate) fn pikku_dir(&self) -> PathBuf {
        self.target_dir.join("pikku")
    }
}

fn choose<'m>(metadata: &'m Metadata, name: Option<&str>) -> Result<&'m Package, Error> {
    let members = metadata.workspace_packages();
    if let Some(name) = name {
        return members.iter().copied().find(|package| package.name.as_str() == name).ok_or_else(|| Error::Package {
            reason: format!("the workspace has no package `{name}`"),
            hint: format!("it has: {}", names(&members)),
        });
    }
    if let Some(root) = metadata.root_package() {
        return Ok(root);
    }
    let apps: Vec<_> = members.iter().copied().filter(|p| runtime_of(metadata, &p.id).is_some() && is_app(p)).collect();
    match apps[..] {
        [app] => Ok(app),
        [] => Err(Error::Package {
            reason: "no package of the workspace depends on `pikku`".to_owned(),
            hint: "add it to the app's package with `cargo add pikku`".to_owned(),
        }),
        _ => Err(Error::Package {
            reason: "several packages of the workspace depend on `pikku`".to_owned(),
            hint: format!("choose one with --package: {}", names(&apps)),
        }),
    }
}

/// The runtime's own crates depend on it too; an app has a library of its own and is no part of the runtime.
fn is_app(package: &Package) -> bool {
    !package.name.starts_with("pikku") && package.name.as_str() != "cargo-pikku"
}

fn names(packages: &[&Package]) -> String {
    packages.iter().map(|package| package.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The runtime that a package depends on by itself.
fn runtime_of<'m>(metadata: &'m Metadata, id: &PackageId) -> Option<&'m Package> {
    let node = metadata.resolve.as_ref()?.nodes.iter().find(|node| node.id == *id)?;
    node.deps
        .iter()
        .filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal))
        .map(|dep| &metadata[&dep.pkg])
        .find(|package| package.name.as_str() == "pikku")
}

fn source(runtime: &Package) -> RuntimeSource {
    let path = || RuntimeSource::Path(folder(runtime.manifest_path.as_std_path()));
    let Some(source) = &runtime.source else { return path() };
    if source.is_crates_io() {
        return RuntimeSource::Registry { version: runtime.version.to_string(), index: None };
    }
    match source.repr.split_once('+') {
        Some(("git", rest)) => {
            let (url, revision) = rest.split_once('#').unwrap_or((rest, ""));
            let url = url.split('?').next().unwrap_or(url);
            RuntimeSource::Git { url: url.to_owned(), revision: revision.to_owned() }
        }
        Some(("registry" | "sparse", _)) => RuntimeSource::Registry {
            version: runtime.version.to_string(),
            index: Some(source.repr.trim_start_matches("registry+").to_owned()),
        },
        _ => path(),
    }
}

fn settings(package: &Package) -> Result<Settings, Error> {
    let Some(value) = package.metadata.get("pikku") else { return Ok(Settings::default()) };
    serde_json::from_value(value.clone()).map_err(|error| Error::Settings {
        path: package.manifest_path.clone().into_std_path_buf(),
        reason: format!("[package.metadata.pikku]: {error}"),
    })
}

/// The folder to link to. Paths between packages are relative to where a package is found, so all that are taken by a
/// relative path must be found through one link. What is taken by an absolute path is found there, whatever the link.
fn linked_dir(metadata: &Metadata) -> PathBuf {
    let text = |manifest: &Path| std::fs::read_to_string(manifest).unwrap_or_default();
    // A workspace's manifest may hold the paths that its packages inherit.
    let inherited = text(&metadata.workspace_root.as_std_path().join("Cargo.toml"));
    let mut found: Vec<&Package> = metadata.workspace_packages();
    let mut next = 0;
    while let Some(package) = found.get(next) {
        next += 1;
        let manifest = text(package.manifest_path.as_std_path()) + &inherited;
        let relative = package.dependencies.iter().filter_map(|dependency| dependency.path.as_ref());
        let relative: Vec<_> = relative.filter(|path| !manifest.contains(&format!("{:?}", path.as_str()))).collect();
        let new: Vec<&Package> = metadata
            .packages
            .iter()
            .filter(|other| relative.iter().any(|path| other.manifest_path.parent() == Some(path.as_path())))
            .filter(|other| !found.iter().any(|known| known.id == other.id))
            .collect();
        found.extend(new);
    }
    let folders = found.iter().map(|package| folder(package.manifest_path.as_std_path()));
    common(metadata.workspace_root.as_std_path(), folders)
}

/// The folders of a package and of all that it takes by path, directly or not.
fn local_dirs(metadata: &Metadata, id: &PackageId) -> Vec<PathBuf> {
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let nodes: BTreeMap<&PackageId, _> = nodes.map(|node| (&node.id, node)).collect();
    let mut found = vec![id];
    let mut next = 0;
    while let Some(node) = found.get(next).and_then(|id| nodes.get(id)) {
        next += 1;
        let wanted =
            node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development));
        let new: Vec<_> = wanted.map(|dep| &dep.pkg).filter(|id| metadata[id].source.is_none()).collect();
        for id in new {
            if !found.contains(&id) {
                found.push(id);
            }
        }
    }
    found.into_iter().map(|id| folder(metadata[id].manifest_path.as_std_path())).collect()
}

/// The nearest folder at or above the first that holds all others.
fn common(first: &Path, others: impl Iterator<Item = PathBuf>) -> PathBuf {
    others.fold(first.to_owned(), |mut common, other| {
        while !other.starts_with(&common) && common.pop() {}
        common
    })
}

fn folder(manifest: &Path) -> PathBuf {
    manifest.parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bytes_are_read_in_every_form() {
        let read = |value| serde_json::from_value::<Bytes>(value).map(|bytes| bytes.0);
        assert_eq!(read(json!(1200)).unwrap(), 1200);
        assert_eq!(read(json!("1.2 MB")).unwrap(), 1_200_000);
        assert_eq!(read(json!("600kB")).unwrap(), 600_000);
        assert_eq!(read(json!("5")).unwrap(), 5);
        for wrong in [json!("1 MiB"), json!("much"), json!(-1), json!("-1 kB"), json!(true)] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_linked_folder_holds_the_workspace_and_all_it_takes_by_path() {
        let common = |others: &[&str]| common(Path::new("/a/b/app"), others.iter().map(PathBuf::from));
        assert_eq!(common(&[]), Path::new("/a/b/app"));
        assert_eq!(common(&["/a/b/app", "/a/b/app/crates/x"]), Path::new("/a/b/app"));
        assert_eq!(common(&["/a/b/app", "/a/b/application"]), Path::new("/a/b"));
        assert_eq!(common(&["/a/b/lib/x", "/a/c"]), Path::new("/a"));
        assert_eq!(common(&["/other"]), Path::new("/"));
    }

    #[test]
    fn unknown_settings_are_refused() {
        let read = |value| serde_json::from_value::<Settings>(value);
        assert!(read(json!({"lambda": {"budget": {"default": "1 MB"}, "memory_mb": 128}})).is_ok());
        assert!(read(json!({"server": {"otlp": true}})).is_ok_and(|settings| settings.server.otlp));
        assert!(read(json!({"lamda": {}})).is_err());
        assert!(read(json!({"lambda": {"memory": 128}})).is_err());
    }
}
