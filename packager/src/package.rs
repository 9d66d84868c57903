//! `cargo pikku package`: from the app to bundles. What every target has in common is here; what is its own is in the
//! module of the target.

use crate::{
    azure, budget,
    build::{Cargo, Progress},
    check::check,
    cli::{Arch, Lto, PackageArgs, Platform, Profile},
    cloudflare, elf,
    entry::{self, Adapter},
    error::Error,
    files, introspect, lambda,
    output::Talk,
    project::Project,
    proof::{self, Proof},
    report::{GroupReport, Report},
    server, settings,
    toolchain::Toolchain,
    workspace::Workspace,
};
use pikku_manifest::{Group, Manifest};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// What is to be done, once everything that was typed has been looked up.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) project: Project,
    /// The app, with nothing wrong in it that matters on every target.
    pub(crate) manifest: Manifest,
    /// The names of the groups to package, in the order the app declares them.
    pub(crate) groups: Vec<String>,
    pub(crate) toolchain: Toolchain,
    pub(crate) profile: Profile,
    lto: Lto,
    pub(crate) out_dir: PathBuf,
    platform: Platform,
}

/// A program that Cargo built for a group.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) program: PathBuf,
    /// What the author should know of its contracts.
    pub(crate) notes: Vec<String>,
}

/// What was made of a group: the files beside the report, and its part of it.
#[derive(Debug)]
pub(crate) struct Packaged {
    /// The files by their paths in the folder of bundles.
    pub(crate) files: Vec<File>,
    pub(crate) report: GroupReport,
    pub(crate) breach: Option<budget::Breach>,
}

/// A file of a bundle.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether it is a program.
    pub(crate) executable: bool,
}

impl File {
    pub(crate) fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: bytes.into(), executable: false }
    }
}

/// Packages an app.
pub(crate) fn package(args: &PackageArgs, talk: &Talk) -> Result<Report, Error> {
    let misplaced = match args.target {
        Platform::Lambda | Platform::Server => args.build_std.then_some("--build-std"),
        Platform::Cloudflare => args.arch.map(|_| "--arch").or(args.libc.map(|_| "--libc")),
        // Its plan has no other processors.
        Platform::Azure if args.arch == Some(Arch::Arm64) => Some("--arch arm64"),
        Platform::Azure => args.build_std.then_some("--build-std"),
    };
    if let Some(option) = misplaced {
        return Err(Error::Option { option, platform: args.target.name() });
    }
    match args.target {
        Platform::Lambda => lambda::package(args, talk),
        Platform::Cloudflare => cloudflare::package(args, talk),
        Platform::Azure => azure::package(args, talk),
        Platform::Server => server::package(args, talk),
    }
}

impl Plan {
    /// Looks everything up. What is missing is said before anything is built.
    pub(crate) fn new(
        args: &PackageArgs,
        talk: &Talk,
        toolchain: impl FnOnce(&Project) -> Result<Toolchain, Error>,
    ) -> Result<Self, Error> {
        let mut project = Project::read(&args.project)?;
        let toolchain = toolchain(&project)?;
        let manifest = introspect::manifest(&project, talk)?;
        let findings = check(&manifest);
        if !findings.is_empty() {
            return Err(Error::App(findings));
        }
        let file = settings::read(&project, &manifest, args.target.name(), &args.settings)?;
        project.settings.fill(&file);
        let known: Vec<String> = manifest.groups.iter().map(|group| group.name.clone()).collect();
        if let Some(name) = args.groups.iter().find(|name| !known.contains(name)) {
            return Err(Error::UnknownGroup { name: name.clone(), known });
        }
        let wanted = |name: &String| args.groups.is_empty() || args.groups.contains(name);
        let groups = known.into_iter().filter(wanted).collect();
        let out_dir = args.out_dir.clone().unwrap_or_else(|| project.pikku_dir().join(args.target.name()));
        let profile = args.profile.unwrap_or_else(|| Profile::default_of(args.target));
        Ok(Self { project, manifest, groups, toolchain, profile, lto: args.lto, out_dir, platform: args.target })
    }

    /// The groups to package, as a manifest has them.
    pub(crate) fn wanted<'m>(&self, manifest: &'m Manifest) -> Vec<&'m Group> {
        manifest.groups.iter().filter(|group| self.groups.contains(&group.name)).collect()
    }

    /// Builds the programs of groups of `manifest`, all at once; they come in the same order.
    pub(crate) fn build(
        &self,
        manifest: &Manifest,
        groups: &[&Group],
        talk: &Talk,
        adapter: impl Fn(&Group) -> Adapter,
    ) -> Result<(Workspace, Vec<Built>), Error> {
        let mut workspace = Workspace::new(&self.project, self.platform.name())?;
        let mut notes = Vec::with_capacity(groups.len());
        let mut features = BTreeSet::new();
        for group in groups {
            let adapter = adapter(group);
            features.extend(entry::features(&self.project, &adapter, manifest, group));
            notes.push(entry::add(&mut workspace, &self.project, manifest, group, adapter)?);
        }
        let mut functions = groups.iter().flat_map(|group| manifest.functions_of(group));
        let validates = functions.any(|function| function.input.is_some());
        let profile = self.profile.manifest(self.lto, self.platform, validates, &features);
        workspace.finish(&self.project, &profile)?;

        let what = match groups {
            [one] => format!("the bundle `{}`", one.name),
            many => format!("{} bundles", many.len()),
        };
        let mut programs = self.programs(&workspace, &what, talk)?;
        let mut built = Vec::with_capacity(groups.len());
        for (group, notes) in groups.iter().zip(notes) {
            let program = programs
                .remove(&entry::package_name(&group.name))
                .ok_or_else(|| Error::bug(format!("cargo built no program for the group `{}`", group.name)))?;
            for note in &notes {
                talk.warning(note);
            }
            built.push(Built { program, notes });
        }
        Ok((workspace, built))
    }

    /// Builds what is in a workspace. The compiler sees the app through a link in it, so that nothing that is built has the
    /// folder where the app is; but a build script may, and then all is built again with another name for it.
    fn programs(&self, workspace: &Workspace, what: &str, talk: &Talk) -> Result<BTreeMap<String, PathBuf>, Error> {
        let cargo = Cargo::release(&self.project, workspace, &self.toolchain);
        let folder = format!("{}/", self.project.linked_dir.display());
        // Which app that was, so that it is built once from then on.
        let mark = workspace.dir().join("hides-app");
        if !files::read(&mark).is_ok_and(|app| app == folder.as_bytes()) {
            let programs = cargo.build(what, Progress::new(talk, "Building", what))?;
            let mut is_named = false;
            for program in programs.values() {
                is_named |= contains(&files::read(program)?, folder.as_bytes());
            }
            if !is_named {
                return Ok(programs);
            }
            talk.warning(&format!(
                "{what} would name the folder {folder}: all is built again with another name for it"
            ));
            files::write(&mark, folder.as_bytes())?;
        }
        let cargo = Cargo::release(&self.project, workspace, &self.toolchain).hiding_app();
        cargo.build(what, Progress::new(talk, "Building", what))
    }

    /// A program of Linux that was built: it is seen to run on the platform, and proved, and then stripped.
    pub(crate) fn native(&self, group: &Group, built: &Built) -> Result<(Vec<u8>, Proof), Error> {
        let program = files::read(&built.program)?;
        if let Some((needed, symbols)) = elf::too_new(&program)? {
            return Err(Error::Glibc { group: group.name.clone(), needed, symbols });
        }
        if let Some(library) = elf::missing_library(&program)? {
            return Err(Error::SharedLibrary { group: group.name.clone(), library });
        }
        let proof = proof::prove(&self.manifest, group, &elf::symbols(&program)?, sha256(&program));
        Ok((elf::strip(&program)?, proof))
    }

    /// Writes the bundles, the manifest, the report and the other files of the target. `setup` is what is to be run once,
    /// before the first deployment.
    pub(crate) fn finish(
        &self,
        packaged: Vec<Packaged>,
        others: &[File],
        setup: Vec<String>,
        talk: &Talk,
    ) -> Result<Report, Error> {
        let report = Report {
            report_version: 1,
            platform: self.platform.name(),
            arch: self.toolchain.arch,
            target: self.toolchain.triple.clone(),
            profile: self.profile.name(),
            lto: self.lto.name(),
            groups: packaged.iter().map(|packaged| packaged.report.clone()).collect(),
            setup,
        };
        let ours = [File::new("manifest.json", json(&self.manifest)?), File::new("report.json", json(&report)?)];
        for file in packaged.iter().flat_map(|packaged| &packaged.files).chain(others).chain(&ours) {
            let path = self.out_dir.join(&file.path);
            if file.executable {
                files::write_program(&path, &file.bytes)?;
            } else {
                files::write(&path, &file.bytes)?;
            }
        }
        talk.done("Packaged", &self.out_dir.display().to_string());
        if !report.setup.is_empty() {
            talk.done("Before", &format!("the first deployment, run:\n  {}", report.setup.join("\n  ")));
        }
        let breaches: Vec<_> = packaged.into_iter().filter_map(|packaged| packaged.breach).collect();
        let target = self.platform.name();
        if breaches.is_empty() { Ok(report) } else { Err(Error::Budget { target, breaches }) }
    }
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(Error::bug)?;
    text.push(b'\n');
    Ok(text)
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether octets stand somewhere in others.
fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}
