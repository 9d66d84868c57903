//! A plain server: one program of all groups, or of those that are chosen, a container's Dockerfile and a systemd unit.

mod deploy;

use crate::{
    budget,
    cli::{Arch, Libc, PackageArgs},
    entry::{Adapter, keeps},
    error::Error,
    output::Talk,
    package::{Built, File, Packaged, Plan, json, sha256},
    report::{self, Artefact, GroupReport, Report},
    toolchain::{self, Machine, Toolchain},
};
use deploy::Deployment;
use pikku_manifest::{Group, Source, Wiring, WiringKind};

/// The store of a server that is told of no other.
const STORE: &str = "sqlite:pikku.db";

/// Packages an app as a server.
pub(crate) fn package(args: &PackageArgs, talk: &Talk) -> Result<Report, Error> {
    let arch = args.arch.unwrap_or(Arch::X86_64);
    let plan = Plan::new(args, talk, |project| {
        let machine = Machine::look(&project.package_dir)?;
        // A server runs wherever its author has a Linux, next to whatever libraries that has.
        let libc = args.libc.or_else(|| machine.links_static(arch).then_some(Libc::Musl));
        let toolchain = machine.choose(arch, libc)?;
        // Servers have other processors than Lambda.
        Ok(Toolchain { cpu: None, ..toolchain })
    })?;
    let whole = whole(&plan);
    let mut notes = notes(&whole);
    notes.extend(linked(args.libc, &plan.toolchain, arch));
    notes.iter().for_each(|note| talk.warning(note));
    if keeps(&plan.manifest, &whole) {
        notes.push(format!(
            "queues and schedules are kept in the store that PIKKU_QUEUES names, {STORE} unless it is set"
        ));
    }
    let adapter = |_: &Group| Adapter::Server { groups: plan.groups.clone() };
    let (_, mut built) = plan.build(&plan.manifest, &[&whole], talk, adapter)?;
    let mut built = built.pop().ok_or_else(|| Error::bug("no server was built"))?;
    built.notes.extend(notes);
    let deployment = Deployment::new(&plan, &whole);
    let packaged = bundle(&plan, &whole, built)?;
    plan.finish(vec![packaged], &deployment.files(), vec![], talk)
}

/// The groups that are wanted as one, under the name of the app.
fn whole(plan: &Plan) -> Group {
    let wirings = plan.wanted(&plan.manifest).into_iter().flat_map(|group| group.wirings.clone()).collect();
    Group { name: plan.project.package.clone(), wirings }
}

/// What the author should know of the app's sources: those that nothing feeds on a server.
fn notes(whole: &Group) -> Vec<String> {
    let fed = |wiring: &&Wiring| match &wiring.kind {
        WiringKind::Http(_) => true,
        // A store has queues and schedules by name, and none that are any.
        WiringKind::Queue(_) | WiringKind::Cron(_) => matches!(wiring.kind.source(), Some(Source::Named(_))),
        _ => false,
    };
    let unfed = whole.wirings.iter().filter(|wiring| !fed(wiring));
    let unfed: Vec<String> = unfed.map(|wiring| format!("{} (`{}`)", wiring.id, wiring.function)).collect();
    let mut notes = Vec::new();
    if !unfed.is_empty() {
        notes.push(format!("these sources feed nothing on a server: {}", unfed.join(", ")));
    }
    notes
}

/// What the author should know of how it is linked: to a C library, where nobody has asked for that.
fn linked(asked: Option<Libc>, toolchain: &Toolchain, arch: Arch) -> Option<String> {
    let is_fallback = asked.is_none() && toolchain.is_dynamic();
    is_fallback.then(|| {
        format!(
            "it is linked to the C library of this machine: with `rustup target add {}` and zig (`pip install ziglang \
             cargo-zigbuild`) it becomes a static program, which takes some 2 MB less memory; `--libc gnu` says that this is meant",
            toolchain::musl(arch)
        )
    })
}

fn bundle(plan: &Plan, whole: &Group, built: Built) -> Result<Packaged, Error> {
    let name = whole.name.clone();
    let (program, proof) = plan.native(whole, &built)?;
    let bytes = program.len() as u64;
    let limit = plan.project.settings.server.budget.map(|budget| budget.0);
    let crates = report::by_size(&proof);
    let artefact = Artefact::Server { groups: plan.groups.clone(), bytes, sha256: sha256(&program) };
    let report = GroupReport::new(&plan.manifest, whole, artefact, &proof, &crates, limit, built.notes);
    let files = vec![
        File { path: name.clone(), bytes: program, executable: true },
        File::new(format!("{name}.proof.json"), json(&proof)?),
    ];
    Ok(Packaged { breach: budget::breach(&name, limit, bytes, &crates), files, report })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolchain::Linker;
    use serde_json::{Value, json};

    #[test]
    fn what_nothing_feeds_is_named() {
        let place = json!({"file": "src/lib.rs", "line": 1});
        let wiring =
            |id: &str, kind: &str, of: Value| json!({"id": id, "function": "place", "location": place, kind: of});
        let queue =
            |source: Value| json!({"source": source, "batch": 1, "batch_window_s": 0, "retries": 3, "fifo": false});
        let whole: Group = serde_json::from_value(json!({"name": "orders", "wirings": [
            wiring("http:POST /orders", "http", json!({"method": "POST", "path": "/orders"})),
            wiring("queue:placed", "queue", queue(json!({"named": "placed"}))),
            wiring("queue:*", "queue", queue(json!("any"))),
            wiring("topic:news", "topic", json!({"source": {"named": "news"}})),
            wiring("cron:nightly", "cron",
                json!({"source": {"named": "nightly"}, "expression": "0 3 * * *", "time_zone": "UTC"})),
        ]}))
        .unwrap();
        assert_eq!(notes(&whole), ["these sources feed nothing on a server: queue:* (`place`), topic:news (`place`)"]);
        assert!(notes(&Group { name: "orders".to_owned(), wirings: vec![whole.wirings[1].clone()] }).is_empty());
    }

    #[test]
    fn a_c_library_that_nobody_asked_for_is_told() {
        let toolchain = |triple: &str| Toolchain {
            triple: triple.to_owned(),
            linker: Linker::Host,
            arch: "x86_64",
            cpu: None,
            std_source: None,
        };
        let (gnu, musl) = (toolchain("x86_64-unknown-linux-gnu"), toolchain("x86_64-unknown-linux-musl"));
        let told = linked(None, &gnu, Arch::X86_64).unwrap();
        assert!(
            told.contains("`rustup target add x86_64-unknown-linux-musl`") && told.contains("`--libc gnu`"),
            "{told}"
        );
        assert_eq!(linked(Some(Libc::Gnu), &gnu, Arch::X86_64), None);
        assert_eq!(linked(None, &musl, Arch::X86_64), None);
    }
}
