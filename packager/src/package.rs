//! `cargo pikku package`: from the app to bundles, step by step.

use crate::{
    archive, budget,
    build::{Cargo, Progress},
    check::check,
    cli::PackageArgs,
    elf, entry,
    error::{Error, Finding},
    files, introspect,
    output::Talk,
    project::{Project, Settings},
    proof::{self, Proof},
    report::{self, GroupReport, Init, Report},
    template::{self, Architecture, FunctionSettings, TemplateOptions},
    toolchain::{Machine, Toolchain},
    workspace::Workspace,
};
use pikku_manifest::{Group, Lifetime, Manifest};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// What is to be done, once everything that was typed has been looked up.
#[derive(Debug)]
struct Plan {
    project: Project,
    manifest: Manifest,
    /// The names of the groups to package, in the order the app declares them.
    groups: Vec<String>,
    toolchain: Toolchain,
    out_dir: PathBuf,
}

/// A bundle that is made but not yet written.
struct Bundle {
    bootstrap: Vec<u8>,
    zip: Vec<u8>,
    proof: Proof,
    report: GroupReport,
    breach: Option<budget::Breach>,
}

/// Packages an app.
pub(crate) fn package(args: &PackageArgs, talk: &Talk) -> Result<Report, Error> {
    let plan = plan(args, talk)?;
    let template = template(&plan)?;
    for warning in &template.warnings {
        talk.warning(&warning.to_string());
    }
    let groups: Vec<&Group> = plan.manifest.groups.iter().filter(|group| plan.groups.contains(&group.name)).collect();

    let mut workspace = Workspace::new(&plan.project, "lambda")?;
    let mut notes = Vec::with_capacity(groups.len());
    for group in &groups {
        notes.push(entry::add(&mut workspace, &plan.project, &plan.manifest, group)?);
    }
    workspace.finish(&plan.project, &args.profile.manifest())?;

    let what = match &groups[..] {
        [one] => format!("the bundle `{}`", one.name),
        many => format!("{} bundles", many.len()),
    };
    let progress = Progress::new(talk, "Building", &what);
    let cargo = Cargo::release(&plan.project, &workspace, &plan.toolchain);
    let programs = cargo.build(&what, progress)?;

    let mut bundles = Vec::with_capacity(groups.len());
    for (group, notes) in groups.iter().zip(notes) {
        let program = programs
            .get(&entry::package_name(&group.name))
            .ok_or_else(|| Error::bug(format!("cargo built no program for the group `{}`", group.name)))?;
        for note in &notes {
            talk.warning(note);
        }
        bundles.push(bundle(&plan, group, program, notes)?);
    }

    let report = Report {
        report_version: 1,
        platform: "lambda",
        arch: plan.toolchain.arch,
        target: plan.toolchain.triple.clone(),
        profile: args.profile.name(),
        groups: bundles.iter().map(|bundle| bundle.report.clone()).collect(),
    };
    write(&plan, &bundles, &template.yaml, &report)?;
    talk.done("Packaged", &plan.out_dir.display().to_string());
    let breaches: Vec<_> = bundles.into_iter().filter_map(|bundle| bundle.breach).collect();
    if breaches.is_empty() { Ok(report) } else { Err(Error::Budget(breaches)) }
}

fn plan(args: &PackageArgs, talk: &Talk) -> Result<Plan, Error> {
    let project = Project::read(&args.project)?;
    let machine = Machine::look(&project.package_dir)?;
    // What is missing is said before anything is built.
    let toolchain = machine.choose(args.arch, args.libc)?;
    let manifest = introspect::manifest(&project, talk)?;
    let findings = check(&manifest);
    if !findings.is_empty() {
        return Err(Error::App(findings));
    }
    let known: Vec<String> = manifest.groups.iter().map(|group| group.name.clone()).collect();
    if let Some(name) = args.groups.iter().find(|name| !known.contains(name)) {
        return Err(Error::UnknownGroup { name: name.clone(), known });
    }
    let wanted = |name: &String| args.groups.is_empty() || args.groups.contains(name);
    let groups = known.into_iter().filter(wanted).collect();
    let out_dir = args.out_dir.clone().unwrap_or_else(|| project.pikku_dir().join("lambda"));
    Ok(Plan { project, manifest, groups, toolchain, out_dir })
}

fn template(plan: &Plan) -> Result<template::Template, Error> {
    let options = TemplateOptions {
        app: plan.project.package.clone(),
        architecture: if plan.toolchain.arch == "arm64" { Architecture::Arm64 } else { Architecture::X86_64 },
        ..template_settings(&plan.project.settings)
    };
    template::render(&plan.manifest, &options).map_err(|errors| {
        Error::App(
            errors
                .into_iter()
                .map(|error| Finding::new(error.code(), error.place.location.as_ref(), error.to_string(), error.fix()))
                .collect(),
        )
    })
}

fn template_settings(settings: &Settings) -> TemplateOptions {
    let lambda = &settings.lambda;
    let or = FunctionSettings::default();
    let defaults = FunctionSettings {
        memory_mb: lambda.memory_mb.unwrap_or(or.memory_mb),
        timeout_s: lambda.timeout_s.unwrap_or(or.timeout_s),
        log_retention_days: lambda.log_retention_days.unwrap_or(or.log_retention_days),
    };
    let groups = lambda.groups.iter().map(|(name, group)| {
        let settings = FunctionSettings {
            memory_mb: group.memory_mb.unwrap_or(defaults.memory_mb),
            timeout_s: group.timeout_s.unwrap_or(defaults.timeout_s),
            log_retention_days: group.log_retention_days.unwrap_or(defaults.log_retention_days),
        };
        (name.clone(), settings)
    });
    TemplateOptions { app: String::new(), architecture: Architecture::X86_64, defaults, groups: groups.collect() }
}

fn bundle(plan: &Plan, group: &Group, program: &Path, notes: Vec<String>) -> Result<Bundle, Error> {
    let program = files::read(program)?;
    if let Some((needed, symbols)) = elf::too_new(&program)? {
        return Err(Error::Glibc { group: group.name.clone(), needed, symbols });
    }
    if let Some(library) = elf::missing_library(&program)? {
        return Err(Error::SharedLibrary { group: group.name.clone(), library });
    }
    let symbols = elf::symbols(&program)?;
    let proof = proof::prove(&plan.manifest, group, &symbols, sha256(&program));
    let bootstrap = elf::strip(&program)?;
    let zip = archive::zip(&bootstrap)?;
    let bytes = bootstrap.len() as u64;
    let crates = report::by_size(&proof);
    let limit = budget::limit(&plan.project.settings, &group.name);
    let init = plan.manifest.services_of(group);
    let report = GroupReport {
        group: group.name.clone(),
        bytes,
        zip_bytes: zip.len() as u64,
        sha256: sha256(&bootstrap),
        zip_sha256: sha256(&zip),
        budget_bytes: limit,
        functions: proof.functions.found.clone(),
        services: proof.services.found.clone(),
        init: Init {
            services: init.iter().filter(|s| s.lifetime == Lifetime::Singleton).map(|s| s.name.clone()).collect(),
        },
        crates: report::shares(&crates, bytes),
        unnamed_bytes: bytes.saturating_sub(crates.iter().map(|(_, bytes)| bytes).sum()),
        notes,
    };
    Ok(Bundle { breach: budget::breach(&group.name, limit, bytes, &crates), bootstrap, zip, proof, report })
}

fn write(plan: &Plan, bundles: &[Bundle], template: &str, report: &Report) -> Result<(), Error> {
    let dir = &plan.out_dir;
    for bundle in bundles {
        let group = &bundle.report.group;
        files::write_program(&dir.join(group).join("bootstrap"), &bundle.bootstrap)?;
        files::write(&dir.join(format!("{group}.zip")), &bundle.zip)?;
        files::write(&dir.join(format!("{group}.proof.json")), &json(&bundle.proof)?)?;
    }
    files::write(&dir.join("template.yaml"), template.as_bytes())?;
    files::write(&dir.join("manifest.json"), &json(&plan.manifest)?)?;
    files::write(&dir.join("report.json"), &json(report)?)
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(Error::bug)?;
    text.push(b'\n');
    Ok(text)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
