//! The program of an app under development: all groups, everything described, every call told. `dev` serves with it and
//! `call` calls with it.

use crate::{
    build::{Cargo, Interrupt, Progress},
    entry,
    error::Error,
    files, introspect,
    output::Talk,
    project::Project,
    workspace::{RuntimeCrate, Workspace, app_dependency, package_table, runtime_dependency},
};
use pikku_manifest::{Manifest, WiringKind};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const PROGRAM: &str = "pikku-dev";

/// The file that keeps what the app needed when it was built last.
const NEEDED: &str = "needed.json";

/// Builds the program, and asks it what the app is.
///
/// Whether the app has queues or schedules, only the app knows, and a store for them takes its time to compile. So the first
/// build of an app that has some is made twice; from then on it is remembered.
pub(crate) fn build(
    project: &Project,
    optimised: bool,
    talk: &Talk,
    interrupt: &Interrupt,
) -> Result<(PathBuf, Manifest), Error> {
    let mut workspace = Workspace::new(project, "dev")?;
    let file = workspace.dir().join(NEEDED);
    let remembered = files::read(&file).ok().and_then(|text| serde_json::from_slice::<Vec<String>>(&text).ok());
    let mut needed = remembered.unwrap_or_default();
    let name = format!("`{}`", project.package);
    let mut program =
        compile(&mut workspace, project, &needed, optimised, interrupt, Progress::new(talk, "Building", &name))?;
    let manifest = manifest(&program, project)?;
    let before = needed.len();
    for feature in features(&manifest) {
        if !needed.iter().any(|known| known == feature) {
            needed.push(feature.to_owned());
        }
    }
    if needed.len() > before {
        let progress = Progress::new(talk, "Building", "the engine of queues and schedules");
        program = compile(&mut workspace, project, &needed, optimised, interrupt, progress)?;
        files::write(&file, &serde_json::to_vec(&needed).map_err(Error::bug)?)?;
    }
    Ok((program, manifest))
}

/// What of the server the app needs, beside what `dev` and `call` do.
fn features(manifest: &Manifest) -> Vec<&'static str> {
    let keeps = manifest.groups.iter().any(|group| entry::keeps(manifest, group));
    let mut wirings = manifest.groups.iter().flat_map(|group| &group.wirings);
    let runs = wirings.any(|wiring| matches!(wiring.kind, WiringKind::Cron(_)));
    [("sqlite", keeps), ("schedules", runs)].into_iter().filter(|(_, needed)| *needed).map(|(name, _)| name).collect()
}

fn compile(
    workspace: &mut Workspace,
    project: &Project,
    needed: &[String],
    optimised: bool,
    interrupt: &Interrupt,
    progress: Progress,
) -> Result<PathBuf, Error> {
    let mut cargo = package_table(PROGRAM);
    cargo.push_str("\n[dependencies]\n");
    cargo.push_str(&app_dependency(project));
    cargo.push_str(&runtime_dependency(project, RuntimeCrate::Runtime, &["interpret", "introspect"]));
    let features: Vec<&str> = std::iter::once("dev").chain(needed.iter().map(String::as_str)).collect();
    cargo.push_str(&runtime_dependency(project, RuntimeCrate::Server, &features));
    let main = format!(
        "//! The app under development.\n\nfn main() -> std::process::ExitCode {{\n    \
         pikku_server::dev::main({}::<pikku::All>)\n}}\n",
        project.app
    );
    workspace.add(PROGRAM, &cargo, &[("src/main.rs", &main)])?;
    workspace.finish(project, introspect::PROFILE)?;
    let cargo = Cargo::new(project, workspace).within(introspect::target_dir(project)).optimised(optimised);
    let mut programs = cargo.interruptible(interrupt).build(&format!("`{}`", project.package), progress)?;
    programs.remove(PROGRAM).ok_or_else(|| Error::bug("the program for development is missing"))
}

/// What the app says of itself.
fn manifest(program: &Path, project: &Project) -> Result<Manifest, Error> {
    let mut command = Command::new(program);
    command.arg("manifest");
    introspect::ask(command, project)
}
