//! The peers of Node: installed from npm at the pinned versions, for these benchmarks alone.

use crate::{failure::Failure, programs::Programs, run::succeed};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const FILES: [&str; 5] = ["package.json", "package-lock.json", "fastify.mjs", "listen.mjs", "pikku.mjs"];

/// The servers of Node by name, each with its script.
pub(super) fn servers(programs: &Programs) -> Result<Vec<(&'static str, PathBuf)>, Failure> {
    let folder = programs.work.join("node");
    fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    let source = programs.root.join("benches/node");
    for file in FILES {
        fs::copy(source.join(file), folder.join(file)).map_err(Failure::file(source.join(file)))?;
    }
    // No script of a package is run.
    let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    succeed(Command::new("npm").args(install).current_dir(&folder))?;
    Ok(vec![("fastify", folder.join("fastify.mjs")), ("Pikku (TypeScript)", folder.join("pikku.mjs"))])
}

/// The version of a package that the peers are pinned to.
pub(crate) fn version(root: &Path, package: &str) -> Result<String, Failure> {
    let path = root.join("benches/node/package.json");
    let text = fs::read(&path).map_err(Failure::file(&path))?;
    let manifest: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| Failure::answer("package.json", error.to_string()))?;
    let version = manifest["dependencies"][package].as_str().map(str::to_owned);
    version.ok_or_else(|| Failure::answer("package.json", format!("it names no `{package}`")))
}
