//! A plain server: one program of all groups, or of those that are chosen, a container's Dockerfile and a systemd unit.

mod deploy;

use crate::{
    budget,
    cli::{Arch, PackageArgs},
    entry::Adapter,
    error::Error,
    output::Talk,
    package::{Built, File, Packaged, Plan, json, sha256},
    report::{self, Artefact, GroupReport, Report},
    toolchain::Machine,
};
use deploy::Deployment;
use pikku_manifest::{Group, Manifest, WiringKind};

/// Packages an app as a server.
pub(crate) fn package(args: &PackageArgs, talk: &Talk) -> Result<Report, Error> {
    let plan = Plan::new(args, talk, |project| {
        let toolchain = Machine::look(&project.package_dir)?.choose(args.arch.unwrap_or(Arch::X86_64), args.libc)?;
        // Servers have other processors than Lambda.
        Ok(crate::toolchain::Toolchain { cpu: None, ..toolchain })
    })?;
    let whole = whole(&plan);
    let notes = unfed(&plan.manifest, &whole);
    notes.iter().for_each(|note| talk.warning(note));
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

/// What is in the program and has nothing to feed it, for the author.
fn unfed(manifest: &Manifest, whole: &Group) -> Vec<String> {
    let wirings = whole.wirings.iter().filter(|wiring| !matches!(wiring.kind, WiringKind::Http(_)));
    let unfed: Vec<String> = wirings.map(|wiring| format!("{} (`{}`)", wiring.id, wiring.function)).collect();
    let mut notes = Vec::new();
    if !unfed.is_empty() {
        notes.push(format!("these sources feed nothing on a server yet: {}", unfed.join(", ")));
    }
    let needs =
        manifest.services_of(whole).into_iter().flat_map(|service| service.needs.iter().map(move |n| (service, n)));
    let sends = needs.filter_map(|(service, need)| match need {
        pikku_manifest::Need::SendToQueue(queue) => Some((service, queue)),
        _ => None,
    });
    notes.extend(sends.map(|(service, queue)| {
        format!("the server has no queue `{queue}` yet: what `{}` sends there fails", service.name)
    }));
    notes
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
    use serde_json::json;

    #[test]
    fn what_nothing_feeds_is_named() {
        let place = json!({"file": "src/lib.rs", "line": 1});
        let function = json!({"name": "place", "module": "shop", "location": place, "errors": [], "services": ["Mail"],
                              "session": "none"});
        let manifest: Manifest = serde_json::from_value(json!({
            "manifest_version": 1,
            "groups": [{"name": "orders", "wirings": [
                {"id": "http:POST /orders", "function": "place", "location": place,
                 "http": {"method": "POST", "path": "/orders"}},
                {"id": "cron:nightly", "function": "place", "location": place,
                 "cron": {"source": {"named": "nightly"}, "expression": "0 3 * * *", "time_zone": "UTC"}},
            ]}],
            "functions": [function],
            "services": [{"name": "Mail", "type_name": "shop::Mail", "lifetime": "singleton", "depends_on": [],
                "needs": [{"action": "send_to_queue", "name": "mails"}], "closes": false}],
        }))
        .unwrap();
        assert_eq!(
            unfed(&manifest, &manifest.groups[0]),
            [
                "these sources feed nothing on a server yet: cron:nightly (`place`)",
                "the server has no queue `mails` yet: what `Mail` sends there fails"
            ]
        );
    }
}
