//! Bundles for Azure Functions: a custom handler per group with what the Functions host reads of it, and the Bicep file that
//! everything is deployed by.
//!
//! All of it reads nothing but the manifest and the settings; what Azure cannot do is refused before anything is built. `app` is
//! one group's function app, of the wirings that `sources` reads and the needs that `needs` reads; `estate` is what they share,
//! and `deploy` writes it down in `bicep`.

mod app;
mod bicep;
mod deploy;
mod estate;
mod function;
mod grant;
mod names;
mod needs;
mod options;
mod schedule;
mod sources;
#[cfg(test)]
mod tests;

use function::PROGRAM;
pub(crate) use schedule::to_ncrontab;

use crate::{
    archive::{self, Entry},
    budget,
    cli::{Arch, PackageArgs},
    entry::Adapter,
    error::{Error, Finding},
    files,
    output::Talk,
    package::{Built, File, Packaged, Plan, json, sha256},
    report::{self, Artefact, GroupReport, Report},
    toolchain::{Machine, Toolchain},
};
use app::App;
use estate::Estate;
use options::Options;
use pikku_manifest::{Group, Manifest, Source, WiringKind};

/// Packages an app for Azure Functions.
pub(crate) fn package(args: &PackageArgs, talk: &Talk) -> Result<Report, Error> {
    let plan = Plan::new(args, talk, |project| {
        let toolchain = Machine::look(&project.package_dir)?.choose(Arch::X86_64, args.libc)?;
        Ok(Toolchain { cpu: None, ..toolchain })
    })?;
    let (manifest, left_out) = supported(&plan.manifest);
    left_out.iter().for_each(|note| talk.warning(note));
    let options = Options::new(&plan.project.package, &plan.project.settings.azure);
    let groups = plan.wanted(&manifest);
    let rendered = render(&manifest, &groups, &options).map_err(Error::App)?;
    for app in &rendered.apps {
        app.notes.iter().for_each(|note| talk.warning(&format!("group `{}`: {note}", app.group.name)));
    }
    let (_, built) = plan.build(&manifest, &groups, talk, |_| Adapter::Azure)?;
    let mut packaged = Vec::with_capacity(groups.len());
    for (group, built) in groups.iter().zip(built) {
        let app = rendered.apps.iter().find(|app| app.group.name == group.name);
        let app = app.ok_or_else(|| Error::bug(format!("the group `{}` was not rendered", group.name)))?;
        // Functions of an earlier run would be published as well.
        files::remove(&plan.out_dir.join(&group.name))?;
        packaged.push(bundle(&plan, &manifest, group, app, built)?);
    }
    plan.finish(packaged, &[File::new("main.bicep", rendered.bicep)], rendered.setup, talk)
}

/// The deployment files of an app.
#[derive(Debug)]
struct Rendered<'m> {
    apps: Vec<App<'m>>,
    bicep: String,
    setup: Vec<String>,
}

/// Renders groups of an app: the Bicep file deploys them and what they use, and leaves alone what else is there. All that is
/// wrong with them is reported at once.
fn render<'m>(
    manifest: &'m Manifest,
    groups: &[&'m Group],
    options: &Options<'_>,
) -> Result<Rendered<'m>, Vec<Finding>> {
    let mut findings = Vec::new();
    options.check(manifest, &mut findings);
    let estate = Estate::of(manifest, groups, options, &mut findings);
    names::check_groups(groups, &mut findings);
    let apps: Vec<App<'_>> =
        groups.iter().map(|group| App::render(manifest, options, &estate, group, &mut findings)).collect();
    if !findings.is_empty() {
        return Err(findings);
    }
    let bicep = deploy::render(options, &estate, &apps);
    let setup = deploy::setup(&apps, options);
    Ok(Rendered { apps, bicep, setup })
}

/// The manifest without the wirings that take any source of a kind which Azure Functions do not have; what was left out.
fn supported(manifest: &Manifest) -> (Manifest, Vec<String>) {
    let (mut reduced, mut notes) = (manifest.clone(), Vec::new());
    for group in &mut reduced.groups {
        let name = &group.name;
        group.wirings.retain(|wiring| {
            let what = match &wiring.kind {
                WiringKind::Table(table) if table.source == Source::Any => "changes of tables",
                WiringKind::WebSocket(socket) if socket.source == Source::Any => "WebSocket APIs yet",
                _ => return true,
            };
            notes.push(format!(
                "group `{name}`, wiring `{}`: Azure Functions have no {what}, so it is left out",
                wiring.id
            ));
            false
        });
    }
    (reduced, notes)
}

fn bundle(plan: &Plan, manifest: &Manifest, group: &Group, app: &App<'_>, built: Built) -> Result<Packaged, Error> {
    let name = group.name.clone();
    let (program, proof) = plan.native(group, &built)?;
    let mut entries = vec![Entry { path: PROGRAM.to_owned(), bytes: program.clone(), executable: true }];
    let mut text = |path: String, bytes: Vec<u8>| entries.push(Entry { path, bytes, executable: false });
    text("host.json".to_owned(), json(&app.host)?);
    for function in &app.functions {
        text(format!("{}/function.json", function.name), json(function)?);
    }
    let zip = archive::zip(&entries)?;
    let bytes = program.len() as u64;
    let limit = budget::limit(&plan.project.settings.azure.budget, &name);
    let crates = report::by_size(&proof);
    let artefact = Artefact::Azure {
        bytes,
        zip_bytes: zip.len() as u64,
        sha256: sha256(&program),
        zip_sha256: sha256(&zip),
        host_functions: app.functions.iter().map(|function| function.name.clone()).collect(),
    };
    let notes = built.notes.iter().chain(&app.notes).cloned().collect();
    let report = GroupReport::new(manifest, group, artefact, &proof, &crates, limit, notes);
    let mut files: Vec<File> = entries
        .into_iter()
        .map(|Entry { path, bytes, executable }| File { path: format!("{name}/{path}"), bytes, executable })
        .collect();
    // An example for a developer's machine, which is not published.
    files.push(File::new(format!("{name}/local.settings.json"), json(&app.local)?));
    files.push(File::new(format!("{name}.zip"), zip));
    files.push(File::new(format!("{name}.proof.json"), json(&proof)?));
    Ok(Packaged { breach: budget::breach(&name, limit, bytes, &crates), files, report })
}
