//! Where Node and miniflare are.
//!
//! miniflare is an npm package. It is looked for where `PIKKU_MINIFLARE` says, in the `node_modules` folders of the app
//! and above, beside the `wrangler` on `PATH`, and among npm's global packages, in this order.

use crate::StartError;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The release of miniflare that this crate is tested with.
pub const MINIFLARE: &str = "4.20260426.0";

/// The oldest Node that miniflare runs on.
const OLDEST_NODE: u32 = 20;

/// The folder of the miniflare package.
pub(crate) fn miniflare(app: &Path) -> Result<PathBuf, StartError> {
    let package = |modules: PathBuf| {
        let package = modules.join("miniflare");
        package.join("package.json").is_file().then_some(package)
    };
    if let Some(named) = std::env::var_os("PIKKU_MINIFLARE").filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        return package(named.clone()).ok_or(StartError::NoMiniflare { looked_in: vec![named] });
    }
    let mut looked_in: Vec<PathBuf> = above(app).collect();
    looked_in.extend(beside_wrangler());
    if let Some(found) = looked_in.iter().cloned().find_map(package) {
        return Ok(found);
    }
    let global = npm_root();
    match global.clone().and_then(package) {
        Some(found) => Ok(found),
        None => {
            looked_in.extend(global);
            Err(StartError::NoMiniflare { looked_in })
        }
    }
}

fn above(folder: &Path) -> impl Iterator<Item = PathBuf> + '_ {
    folder.ancestors().map(|folder| folder.join("node_modules")).filter(|modules| modules.is_dir())
}

/// The `node_modules` that hold the `wrangler` on `PATH`: those above its real place, and its own.
fn beside_wrangler() -> Vec<PathBuf> {
    let Some(program) = on_path("wrangler").and_then(|program| program.canonicalize().ok()) else { return Vec::new() };
    let inside = program.ancestors().filter(|folder| folder.file_name() == Some(OsStr::new("node_modules")));
    above(&program).chain(inside.map(Path::to_path_buf)).collect()
}

fn npm_root() -> Option<PathBuf> {
    let output = Command::new("npm").args(["root", "--global"]).stdin(Stdio::null()).output().ok()?;
    let root = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(root.trim()))
}

/// The Node to run: that of `PIKKU_NODE`, or the one on `PATH`.
pub(crate) fn node() -> Result<PathBuf, StartError> {
    let named = std::env::var_os("PIKKU_NODE").filter(|named| !named.is_empty()).map(PathBuf::from);
    let Some(node) = named.or_else(|| on_path("node")) else { return Err(StartError::NoNode { found: None }) };
    let version = Command::new(&node).arg("--version").stdin(Stdio::null()).output();
    let version = version.map_err(|source| StartError::Process { program: node.clone(), source })?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= OLDEST_NODE => Ok(node),
        _ => Err(StartError::NoNode { found: Some(version) }),
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_modules_are_looked_for_upwards() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = folder.path().join("a/b");
        std::fs::create_dir_all(&app).expect("a folder");
        let modules = folder.path().join("a/node_modules");
        std::fs::create_dir_all(&modules).expect("a folder");
        assert_eq!(above(&app).next(), Some(modules));
    }
}
