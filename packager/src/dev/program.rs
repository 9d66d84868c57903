//! The program of an app under development: all groups, everything described, every call told. `dev` serves with it and
//! `call` calls with it.

use crate::{
    build::{Cargo, Interrupt, Progress},
    error::Error,
    introspect,
    output::Talk,
    project::Project,
    workspace::{RuntimeCrate, Workspace, app_dependency, package_table, runtime_dependency},
};
use pikku_manifest::Manifest;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const PROGRAM: &str = "pikku-dev";

/// Builds the program.
pub(crate) fn build(project: &Project, optimised: bool, talk: &Talk, interrupt: &Interrupt) -> Result<PathBuf, Error> {
    let mut workspace = Workspace::new(project, "dev")?;
    let mut cargo = package_table(PROGRAM);
    cargo.push_str("\n[dependencies]\n");
    cargo.push_str(&app_dependency(project));
    cargo.push_str(&runtime_dependency(project, RuntimeCrate::Runtime, &["interpret", "introspect"]));
    cargo.push_str(&runtime_dependency(project, RuntimeCrate::Server, &["dev"]));
    let main = format!(
        "//! The app under development.\n\nfn main() -> std::process::ExitCode {{\n    \
         pikku_server::dev::main({}::<pikku::All>)\n}}\n",
        project.app
    );
    workspace.add(PROGRAM, &cargo, &[("src/main.rs", &main)])?;
    workspace.finish(project, introspect::PROFILE)?;
    let progress = Progress::new(talk, "Building", &format!("`{}`", project.package));
    let cargo = Cargo::new(project, &workspace).within(introspect::target_dir(project)).optimised(optimised);
    let mut programs = cargo.interruptible(interrupt).build(&format!("`{}`", project.package), progress)?;
    programs.remove(PROGRAM).ok_or_else(|| Error::bug("the program for development is missing"))
}

/// What the app says of itself.
pub(crate) fn manifest(program: &Path, project: &Project) -> Result<Manifest, Error> {
    let mut command = Command::new(program);
    command.arg("manifest");
    introspect::ask(command, project)
}
