//! The workspaces that are generated and built: one that describes the app, one with a crate per bundle.
//!
//! The user's workspace appears inside the generated one through the symbolic link `app`, together with what it takes by
//! path. Cargo derives the names of symbols from paths relative to the workspace, so bundles built in two folders come out
//! the same.

use crate::{
    error::Error,
    files,
    project::{Project, RuntimeSource},
};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// The link to [`Project::linked_dir`].
pub(crate) const APP_LINK: &str = "app";

/// A generated workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    dir: PathBuf,
    members: Vec<String>,
}

/// The runtime's crates that a generated crate depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RuntimeCrate {
    /// `pikku` itself.
    Runtime,
    /// The adapter to Lambda.
    Lambda,
    /// The adapter to Cloudflare Workers.
    Cloudflare,
    /// The adapter to Azure Functions.
    Azure,
    /// The plain server.
    Server,
}

impl RuntimeCrate {
    fn name(self) -> &'static str {
        match self {
            Self::Runtime => "pikku",
            Self::Lambda => "pikku-lambda",
            Self::Cloudflare => "pikku-cloudflare",
            Self::Azure => "pikku-azure",
            Self::Server => "pikku-server",
        }
    }

    /// Its folder beside the runtime's own.
    fn folder(self) -> &'static str {
        match self {
            Self::Runtime => "",
            Self::Lambda => "../adapters/lambda",
            Self::Cloudflare => "../adapters/cloudflare",
            Self::Azure => "../adapters/azure",
            Self::Server => "../adapters/server",
        }
    }
}

impl Workspace {
    /// Prepares the folder: the link to the user's workspace, and its lock file to begin from.
    pub(crate) fn new(project: &Project, name: &str) -> Result<Self, Error> {
        let dir = project.pikku_dir().join("build").join(name);
        files::create_dir(&dir)?;
        let link = dir.join(APP_LINK);
        if fs::read_link(&link).is_ok_and(|other| other != project.linked_dir) {
            forget(&dir)?;
        }
        files::link(&project.linked_dir, &link)?;
        let theirs = project.workspace_dir.join("Cargo.lock");
        if theirs.exists() {
            lock(&dir, &files::read(&theirs)?)?;
        }
        Ok(Self { dir, members: Vec::new() })
    }

    /// The workspace's folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Adds a crate.
    pub(crate) fn add(&mut self, name: &str, manifest: &str, files: &[(&str, &str)]) -> Result<(), Error> {
        let dir = self.dir.join(name);
        files::write_if_changed(&dir.join("Cargo.toml"), manifest)?;
        for (file, text) in files {
            files::write_if_changed(&dir.join(file), text)?;
        }
        if !self.members.iter().any(|member| member == name) {
            self.members.push(name.to_owned());
        }
        Ok(())
    }

    /// Writes the workspace's own manifest.
    pub(crate) fn finish(&self, project: &Project, profiles: &str) -> Result<(), Error> {
        let members: Vec<String> = self.members.iter().map(|member| format!("{member:?}")).collect();
        let mut text = format!(
            "# Written by cargo pikku; changes are lost.\n[workspace]\nresolver = \"3\"\nmembers = [{}]\n\
             exclude = [\"{APP_LINK}\"]\n\n{profiles}",
            members.join(", ")
        );
        if let Some(patch) = patches(project)? {
            text.push('\n');
            text.push_str(&patch);
        }
        files::write_if_changed(&self.dir.join("Cargo.toml"), &text)
    }
}

/// Writes the lock file that Cargo begins from: the user's, and while that stays the same what Cargo has chosen for bundles
/// besides. Cargo takes out what one set of groups does not need; without this it would choose the newest for the next.
fn lock(dir: &Path, theirs: &[u8]) -> Result<(), Error> {
    let [lock, origin, pinned] = ["", ".origin", ".pinned"].map(|kind| dir.join(format!("Cargo.lock{kind}")));
    let mut before = Vec::new();
    if files::read(&origin).is_ok_and(|origin| origin == theirs) {
        for file in [&pinned, &lock] {
            before.extend(files::read(file).ok());
        }
    }
    let text = with_pins(theirs, &before);
    files::write(&lock, &text)?;
    files::write(&pinned, &text)?;
    files::write(&origin, theirs)
}

/// A lock file with those packages of others that it has in no compatible version.
fn with_pins(lock: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    let read = |text: &[u8]| String::from_utf8_lossy(text).parse::<toml::Table>().ok();
    let Some(mut table) = read(lock) else { return lock.to_vec() };
    let Some(packages) = table.get_mut("package").and_then(toml::Value::as_array_mut) else { return lock.to_vec() };
    let mut found: BTreeSet<_> = packages.iter().map(release).collect();
    for others in others.iter().filter_map(|other| read(other)?.remove("package")) {
        packages.extend(others.as_array().into_iter().flatten().filter(|one| found.insert(release(one))).cloned());
    }
    toml::to_string(&table).map_or_else(|_| lock.to_vec(), String::into_bytes)
}

/// A package's name, and what of its version is the same in all that are compatible: of `1.2.3` the 1, of `0.2.3` the 0.2.
fn release(package: &toml::Value) -> (String, String) {
    let text = |key: &str| package.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
    let version = text("version");
    let end = version.find(|c| !matches!(c, '0' | '.')).unwrap_or(version.len());
    let end = version[end..].find('.').map_or(version.len(), |dot| end + dot);
    (text("name"), version[..end].to_owned())
}

/// Has Cargo build anew what it built of the folder that was linked to before. It knows a crate by its place in the workspace,
/// and whether it changed by the time of its files: those of another folder may be older than what was built.
fn forget(dir: &Path) -> Result<(), Error> {
    let mut own = BTreeSet::new();
    // One workspace may have another's folder for what is built.
    for beside in entries(dir.parent().unwrap_or(dir))? {
        let lock = beside.join("Cargo.lock");
        if lock.exists() {
            own.extend(packages_by_path(&files::read(&lock)?));
        }
    }
    let is_own = |built: &Path| {
        let name = built.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        name.rsplit_once('-').is_some_and(|(name, _)| own.contains(name))
    };
    let is_target = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("target"));
    // `target/debug`, and `target/TRIPLE/release`.
    let mut profiles = Vec::new();
    for target in entries(dir)?.into_iter().filter(is_target) {
        for one in entries(&target)? {
            profiles.extend(entries(&one)?);
            profiles.push(one);
        }
    }
    for profile in profiles {
        for built in entries(&profile.join(".fingerprint"))? {
            if is_own(&built) {
                files::remove(&built)?;
            }
        }
    }
    Ok(())
}

/// What is in a folder; nothing where there is none.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    match fs::read_dir(dir).and_then(|found| found.map(|entry| Ok(entry?.path())).collect()) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        found => found.map_err(Error::io("read", dir)),
    }
}

/// The packages of a lock file that come from no registry and no repository.
fn packages_by_path(lock: &[u8]) -> BTreeSet<String> {
    let lock: toml::Table = String::from_utf8_lossy(lock).parse().unwrap_or_default();
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let by_path = packages.filter(|package| package.get("source").is_none());
    by_path.filter_map(|package| package.get("name")?.as_str()).map(str::to_owned).collect()
}

/// The `[package]` table of a generated crate.
pub(crate) fn package_table(name: &str) -> String {
    format!(
        "# Written by cargo pikku; changes are lost.\n[package]\nname = {name:?}\nversion = \"0.0.0\"\n\
         edition = \"2024\"\npublish = false\n"
    )
}

/// The line that makes a generated crate depend on the app.
pub(crate) fn app_dependency(project: &Project) -> String {
    let mut line = format!("{} = {{ path = {:?}", project.package, in_workspace(project, &project.package_dir));
    if !project.default_features {
        line.push_str(", default-features = false");
    }
    if !project.features.is_empty() {
        let _ = write!(line, ", features = {:?}", project.features);
    }
    line.push_str(" }\n");
    line
}

/// The line that makes a generated crate depend on one of the runtime's.
pub(crate) fn runtime_dependency(project: &Project, krate: RuntimeCrate, features: &[&str]) -> String {
    let features = if features.is_empty() { String::new() } else { format!(", features = {features:?}") };
    let source = match &project.runtime {
        RuntimeSource::Path(runtime) => {
            format!("path = {:?}", in_workspace(project, &normal(&runtime.join(krate.folder()))))
        }
        RuntimeSource::Registry { version, index: None } => format!("version = \"={version}\""),
        RuntimeSource::Registry { version, index: Some(index) } => {
            format!("version = \"={version}\", registry-index = {index:?}")
        }
        RuntimeSource::Git { url, revision } => format!("git = {url:?}, rev = {revision:?}"),
    };
    format!("{} = {{ {source}, default-features = false{features} }}\n", krate.name())
}

/// A path as a member of the generated workspace writes it: through the link where it leads there.
fn in_workspace(project: &Project, path: &Path) -> String {
    match path.strip_prefix(&project.linked_dir) {
        Ok(inside) if inside.as_os_str().is_empty() => format!("../{APP_LINK}"),
        Ok(inside) => format!("../{APP_LINK}/{}", inside.display()),
        Err(_) => path.display().to_string(),
    }
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            component => out.push(component),
        }
    }
    out
}

/// The user's `[patch]` tables; their paths are made to hold from the generated workspace.
fn patches(project: &Project) -> Result<Option<String>, Error> {
    let path = project.workspace_dir.join("Cargo.toml");
    let text = String::from_utf8_lossy(&files::read(&path)?).into_owned();
    let mut manifest: toml::Table =
        text.parse().map_err(|error: toml::de::Error| Error::Settings { path, reason: error.message().to_owned() })?;
    let Some(toml::Value::Table(mut patch)) = manifest.remove("patch") else { return Ok(None) };
    for (_, source) in &mut patch {
        for (_, dependency) in source.as_table_mut().into_iter().flatten() {
            if let Some(path) = dependency.get_mut("path")
                && let Some(relative) = path.as_str()
            {
                let absolute = normal(&project.workspace_dir.join(relative));
                let inside = absolute.strip_prefix(&project.linked_dir).map(|inside| Path::new(APP_LINK).join(inside));
                *path = toml::Value::String(inside.unwrap_or(absolute).display().to_string());
            }
        }
    }
    let tables = toml::Table::from_iter([("patch".to_owned(), toml::Value::Table(patch))]);
    toml::to_string(&tables).map(Some).map_err(Error::bug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_versions_hold_and_those_that_bundles_need_besides_stay() {
        let folder = tempfile::tempdir().unwrap();
        let package = |name: &str, version: &str| format!("[[package]]\nname = {name:?}\nversion = {version:?}\n");
        let locked = |packages: &[(&str, &str)]| {
            let packages: String = packages.iter().map(|(name, version)| package(name, version)).collect();
            format!("version = 4\n\n{packages}")
        };
        let versions = || {
            let text = fs::read_to_string(folder.path().join("Cargo.lock")).unwrap();
            let lock: toml::Table = text.parse().unwrap();
            assert_eq!(lock["version"].as_integer(), Some(4));
            let of = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
            let packages = lock["package"].as_array().unwrap();
            packages.iter().map(|one| of(one, "name") + " " + &of(one, "version")).collect::<Vec<_>>()
        };
        // As Cargo leaves it behind: without what was not needed, and with what it has chosen.
        let chosen = |packages: &[(&str, &str)]| fs::write(folder.path().join("Cargo.lock"), locked(packages)).unwrap();
        let theirs = locked(&[("regex", "1.13.1"), ("shop", "0.1.0")]);
        lock(folder.path(), theirs.as_bytes()).unwrap();
        assert_eq!(versions(), ["regex 1.13.1", "shop 0.1.0"]);
        chosen(&[("hyper", "1.7.0"), ("shop", "0.1.0")]);
        lock(folder.path(), theirs.as_bytes()).unwrap();
        assert_eq!(versions(), ["regex 1.13.1", "shop 0.1.0", "hyper 1.7.0"]);
        chosen(&[("regex", "1.13.2"), ("shop", "0.1.0"), ("hyper", "1.8.0"), ("regex", "0.9.4"), ("regex", "0.10.0")]);
        lock(folder.path(), theirs.as_bytes()).unwrap();
        let kept = ["regex 1.13.1", "shop 0.1.0", "hyper 1.7.0", "regex 0.9.4", "regex 0.10.0"];
        assert_eq!(versions(), kept, "what was chosen once stays");
        lock(folder.path(), locked(&[("shop", "0.2.0")]).as_bytes()).unwrap();
        assert_eq!(versions(), ["shop 0.2.0"], "another lock file begins anew");
        lock(folder.path(), b"no lock file").unwrap();
        assert_eq!(fs::read(folder.path().join("Cargo.lock")).unwrap(), b"no lock file");
    }

    #[test]
    fn what_was_built_of_another_folder_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("build/lambda");
        let lock = "version = 4\n[[package]]\nname = \"shop\"\nversion = \"0.1.0\"\n[[package]]\nname = \"serde\"\n\
                    version = \"1.0.0\"\nsource = \"registry+https://example.test\"\n";
        for (path, text) in [("Cargo.lock", lock), ("../dev/Cargo.lock", "[[package]]\nname = \"pikku-server\"\n")] {
            fs::create_dir_all(dir.join(path).parent().unwrap()).unwrap();
            fs::write(dir.join(path), text).unwrap();
        }
        let built = |path: &str| dir.join(path);
        let gone = [
            "target/debug/.fingerprint/shop-0123456789abcdef",
            "target/x86_64-unknown-linux-gnu/release/.fingerprint/shop-fedcba9876543210",
            "target-zig/release/.fingerprint/pikku-server-0123456789abcdef",
        ];
        let kept = [
            "target/debug/.fingerprint/serde-0123456789abcdef",
            "target/debug/.fingerprint/shop-of-others-0123456789abcdef",
            "target/debug/deps",
        ];
        gone.iter().chain(&kept).for_each(|path| fs::create_dir_all(built(path)).unwrap());
        forget(&dir).unwrap();
        assert!(gone.iter().all(|path| !built(path).exists()) && kept.iter().all(|path| built(path).exists()));
    }
}
