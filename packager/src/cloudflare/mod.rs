//! Bundles for Cloudflare Workers: a module of WebAssembly per group, the JavaScript around it, and the configuration that
//! wrangler deploys it by.
//!
//! The configuration reads nothing but the manifest and the settings (`config`); what Workers cannot do is refused there,
//! before anything is built. A module goes from the compiler through wasm-bindgen and wasm-opt; its proof is read from its
//! names, which are then removed.

mod bindings;
mod config;
mod glue;
mod migrations;
mod module;
mod names;
mod optimise;
mod options;
mod routes;
mod schedule;
mod sources;
#[cfg(test)]
mod tests;
mod wasm_bindgen;
mod wrangler;

pub(crate) use names::{binding, physical};
pub(crate) use schedule::{is_utc, to_trigger};

use crate::{
    budget,
    cli::PackageArgs,
    entry::Adapter,
    error::Error,
    files,
    output::Talk,
    package::{Built, File, Packaged, Plan, json, sha256},
    proof,
    report::{self, Artefact, GroupReport, Gzipped, Report, WasmOpt as WasmOptReport},
    toolchain::Machine,
    workspace::Workspace,
};
use config::Rendering;
use flate2::{Compression, write::GzEncoder};
use optimise::WasmOpt;
use options::Options;
use pikku_manifest::{Group, Manifest};
use std::{
    io::Write as _,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// The JavaScript that workerd loads.
const SHIM: &str = include_str!("worker.mjs");

/// The most bytes that a Worker may have, all modules together and not compressed.
const PLATFORM_LIMIT: u64 = 64 * 1024 * 1024;

/// Packages an app for Cloudflare Workers.
pub(crate) fn package(args: &PackageArgs, talk: &Talk) -> Result<Report, Error> {
    let plan = Plan::new(args, talk, |project| Machine::look(&project.package_dir)?.wasm(args.build_std))?;
    let wasm_opt = WasmOpt::find(&plan.project.package_dir)?;
    let (manifest, left_out) = sources::supported(&plan.manifest);
    left_out.iter().for_each(|note| talk.warning(note));

    let settings = &plan.project.settings.cloudflare;
    let migrations = migrations::find(&plan.project.package_dir, &manifest)?;
    let options = Options::new(&plan.project.package, settings, migrations.keys().cloned().collect());
    let rendered = config::render(&manifest, &plan.groups, &options).map_err(Error::App)?;
    for rendering in &rendered.groups {
        rendering.notes.iter().for_each(|note| talk.warning(&format!("group `{}`: {note}", rendering.group)));
    }

    let groups = plan.wanted(&manifest);
    let adapter = |group: &Group| Adapter::Cloudflare { timeout_ms: options.timeout_ms(&group.name) };
    let (workspace, built) = plan.build(&manifest, &groups, talk, adapter)?;
    let maker = Maker {
        plan: &plan,
        manifest: &manifest,
        bindgen: bindgen_version(&workspace)?,
        wasm_opt,
        kept: workspace.dir().join("wasm-opt"),
    };
    let packaged = maker.all(&groups, &rendered.groups, built)?;
    // What an earlier run has left there would be deployed as well.
    files::remove(&plan.out_dir.join("migrations"))?;
    for group in &groups {
        files::remove(&plan.out_dir.join(&group.name).join("snippets"))?;
    }
    plan.finish(packaged, &migrations::copies(&migrations)?, rendered.setup, talk)
}

/// What every bundle is made with.
#[derive(Debug)]
struct Maker<'p> {
    plan: &'p Plan,
    manifest: &'p Manifest,
    /// The version of wasm-bindgen that the modules were compiled with.
    bindgen: String,
    /// wasm-opt, or why it does not run.
    wasm_opt: Result<WasmOpt, &'static str>,
    /// Where modules are kept that wasm-opt has made.
    kept: PathBuf,
}

impl Maker<'_> {
    /// Makes all bundles, as many at the same time as there are processors.
    fn all(&self, groups: &[&Group], configs: &[Rendering], built: Vec<Built>) -> Result<Vec<Packaged>, Error> {
        let next = AtomicUsize::new(0);
        let workers = thread::available_parallelism().map_or(1, usize::from).min(groups.len());
        let work = || {
            let mut made = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let (Some(group), Some(config), Some(built)) =
                    (groups.get(index), configs.get(index), built.get(index))
                else {
                    return made;
                };
                made.push((index, self.bundle(group, config, built)));
            }
        };
        let mut made = thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let made =
                threads.into_iter().map(|thread| thread.join().map_err(|_| Error::bug("a bundle's thread panicked")));
            made.collect::<Result<Vec<_>, _>>()
        })?
        .into_iter()
        .flatten()
        .collect::<Vec<_>>();
        made.sort_by_key(|(index, _)| *index);
        made.into_iter().map(|(_, packaged)| packaged).collect()
    }

    fn bundle(&self, group: &Group, rendering: &Rendering, built: &Built) -> Result<Packaged, Error> {
        let name = &group.name;
        let linked = files::read(&built.program)?;
        let bound = wasm_bindgen::bind(&linked, &self.bindgen)?;
        let (optimised, wasm_opt) = match &self.wasm_opt {
            Ok(tool) => {
                let made = tool.run(&bound.wasm, self.plan.profile, &self.kept)?;
                (made, WasmOptReport::Ran(tool.version.clone()))
            }
            Err(reason) => (bound.wasm, WasmOptReport::NotRun(reason)),
        };
        // What is there is read from the module as it was linked, before wasm-opt makes one function of several; how much
        // of it there is, from the module that is deployed.
        let mut proof = proof::prove(self.manifest, group, &module::symbols(&linked)?, sha256(&linked));
        proof.crates = proof::crates(&module::symbols(&optimised)?);
        let wasm = module::strip(&optimised)?;
        let config = rendering.config.to_jsonc(&rendering.notes).map_err(Error::bug)?;

        let mut scripts = vec![("worker.mjs".to_owned(), SHIM.to_owned()), ("glue.mjs".to_owned(), bound.glue)];
        scripts.extend(bound.snippets.into_iter().map(|(path, text)| (path.display().to_string(), text)));
        let (bytes, js_bytes) = (wasm.len() as u64, scripts.iter().map(|(_, text)| text.len() as u64).sum::<u64>());
        if bytes + js_bytes > PLATFORM_LIMIT {
            return Err(Error::TooLarge { group: name.clone(), bytes: bytes + js_bytes, limit: PLATFORM_LIMIT });
        }
        let js = scripts.iter().map(|(_, text)| gzipped(text.as_bytes())).sum::<Result<u64, Error>>()?;
        let wasm_gzip = gzipped(&wasm)?;
        let gzip = Gzipped { wasm_bytes: wasm_gzip, js_bytes: js, total_bytes: wasm_gzip + js };
        let limit = budget::limit(&self.plan.project.settings.cloudflare.budget, name);
        let crates = report::by_size(&proof);
        let artefact = Artefact::Cloudflare {
            bytes,
            js_bytes,
            gzip,
            sha256: sha256(&wasm),
            js_sha256: sha256(scripts.iter().map(|(_, text)| text.as_str()).collect::<String>().as_bytes()),
            wasm_opt,
        };
        let notes = built.notes.iter().chain(&rendering.notes).cloned().collect();
        let report = GroupReport::new(self.manifest, group, artefact, &proof, &crates, limit, notes);
        let mut files = vec![
            File::new(format!("{name}/bundle.wasm"), wasm),
            File::new(format!("{name}/wrangler.jsonc"), config),
            File::new(format!("{name}.proof.json"), json(&proof)?),
        ];
        files.extend(scripts.into_iter().map(|(path, text)| File::new(format!("{name}/{path}"), text)));
        Ok(Packaged { breach: budget::breach(name, limit, gzip.total_bytes, &crates), files, report })
    }
}

/// How many bytes are sent where the file is.
fn gzipped(bytes: &[u8]) -> Result<u64, Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.map(|packed| packed.len() as u64).map_err(|error| Error::bug(format!("gzip failed: {error}")))
}

/// The version of wasm-bindgen in the lock file that the modules were built by.
fn bindgen_version(workspace: &Workspace) -> Result<String, Error> {
    let path = workspace.dir().join("Cargo.lock");
    let lock = String::from_utf8_lossy(&files::read(&path)?).into_owned();
    locked(&lock, "wasm-bindgen").ok_or_else(|| Error::bug(format!("{} has no wasm-bindgen", path.display())))
}

/// The version of a package in a lock file.
fn locked(lock: &str, package: &str) -> Option<String> {
    let mut lines = lock.lines();
    lines.find(|line| line.strip_prefix("name = ") == Some(&format!("{package:?}")))?;
    lines.next()?.strip_prefix("version = ").map(|version| version.trim_matches('"').to_owned())
}
