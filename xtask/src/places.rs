//! Where things are: the repository, what is built, the tools.

use std::env;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::process::Program;

/// The folders that the chores work in.
#[derive(Debug)]
pub(crate) struct Places {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// The installed tools; the tests find it as `PIKKU_TOOLS`.
    pub(crate) tools: PathBuf,
    /// The packaged examples; the tests find it as `PIKKU_BUNDLES`.
    pub(crate) bundles: PathBuf,
    /// What a run of the tests writes: what they print, and in `logs` what bundles do.
    pub(crate) written: PathBuf,
}

impl Places {
    /// Asks cargo and the environment.
    pub(crate) fn find() -> Result<Self, Failure> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let metadata = Program::cargo()
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(&manifest)
            .limit(120);
        let command = metadata.line();
        let text = metadata.read()?;
        let wrong = |reason: String| Failure::Output { command: command.clone(), reason };
        let metadata: serde_json::Value = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        let folder =
            |name: &str| metadata[name].as_str().map(PathBuf::from).ok_or_else(|| wrong(format!("it has no `{name}`")));
        let target = folder("target_directory")?;
        Ok(Self {
            root: folder("workspace_root")?,
            tools: tools_folder(&target),
            bundles: target.join("bundles"),
            written: target.join("written"),
            target,
        })
    }

    /// The packager as built for development.
    pub(crate) fn packager(&self) -> PathBuf {
        self.target.join("debug/cargo-pikku")
    }
}

/// `$PIKKU_CACHE/tools`; on a build machine the user's cache folder, which outlives a clone; else beside what is built.
fn tools_folder(target: &Path) -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(cache) = set("PIKKU_CACHE") {
        return cache.join("tools");
    }
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    match (set("CI"), cache) {
        (Some(_), Some(cache)) => cache.join("pikku/tools"),
        _ => target.join("tools"),
    }
}
