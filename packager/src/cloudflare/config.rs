//! The configurations of an app's Workers, from its manifest.
//!
//! Nothing but the manifest and the app's settings is read: what a group's wirings and services declare is bound, and
//! nothing else. All that is wrong with an app is reported at once.

use super::{
    bindings::{self, Bindings},
    names,
    options::Options,
    routes, sources,
    wrangler::{Limits, Wrangler},
};
use crate::error::Finding;
use pikku_manifest::{Group, Manifest, WiringKind};
use std::collections::BTreeSet;

/// The configurations, and what is worth knowing about them.
#[derive(Debug)]
pub(crate) struct Rendered {
    /// Each group's, in the order the app declares them.
    pub(crate) groups: Vec<Rendering>,
    /// The commands that make what wrangler does not make by itself, each once.
    pub(crate) setup: Vec<String>,
}

/// The configuration of a group.
#[derive(Debug)]
pub(crate) struct Rendering {
    pub(crate) group: String,
    pub(crate) config: Wrangler,
    /// What the author should know.
    pub(crate) notes: Vec<String>,
}

/// Renders the selected groups. The routes of all others count as well: they are divided among all.
pub(crate) fn render(
    manifest: &Manifest,
    selected: &[String],
    options: &Options<'_>,
) -> Result<Rendered, Vec<Finding>> {
    let mut findings = Vec::new();
    let names: Vec<&str> = manifest.groups.iter().map(|group| group.name.as_str()).collect();
    options.check(&names, &mut findings);
    sources::check_shared(manifest, &mut findings);
    let mut divided = routes::divide(manifest, options, &mut findings);
    let mut setup = BTreeSet::new();
    let mut groups = Vec::new();
    for group in manifest.groups.iter().filter(|group| selected.contains(&group.name)) {
        let mut render = Render { manifest, options, group, findings: &mut findings, setup: &mut setup, notes: vec![] };
        let mut config = render.worker();
        config.routes = divided.remove(&group.name).unwrap_or_default();
        let notes = render.notes;
        groups.push(Rendering { group: group.name.clone(), config, notes });
    }
    if findings.is_empty() { Ok(Rendered { groups, setup: setup.into_iter().collect() }) } else { Err(findings) }
}

/// Has workerd say when a client goes away, so that its call is dropped.
const SIGNAL: &str = "enable_request_signal";

/// One group while it is rendered.
#[derive(Debug)]
pub(crate) struct Render<'r, 'm> {
    pub(crate) manifest: &'m Manifest,
    pub(crate) options: &'r Options<'r>,
    pub(crate) group: &'m Group,
    pub(crate) findings: &'r mut Vec<Finding>,
    pub(crate) setup: &'r mut BTreeSet<String>,
    pub(crate) notes: Vec<String>,
}

impl Render<'_, '_> {
    fn worker(&mut self) -> Wrangler {
        let name = self.physical("Worker", &self.group.name.clone());
        let has_http = self.group.wirings.iter().any(|wiring| matches!(wiring.kind, WiringKind::Http(_)));
        let mut flags = self.options.settings.compatibility_flags.clone();
        if has_http && !flags.iter().any(|flag| flag.ends_with("able_request_signal")) {
            flags.push(SIGNAL.to_owned());
        }
        let mut config = Wrangler::new(name, self.options.compatibility_date(), flags);
        config.workers_dev = has_http && self.options.host().is_none();
        config.limits = self.options.cpu_ms(&self.group.name).map(|cpu_ms| Limits { cpu_ms });
        let mut sources = sources::wire(self, &mut config);
        let mut bindings = Bindings::default();
        bindings::bind(self, &mut bindings, &mut config);
        if !sources.is_empty() {
            sources.sort();
            let object: serde_json::Map<_, _> = sources.into_iter().map(|(id, name)| (id, name.into())).collect();
            let what = "the sources of the group's wirings".to_owned();
            bindings.claim(self, "PIKKU_SOURCES", what);
            config.vars.insert("PIKKU_SOURCES".to_owned(), serde_json::Value::Object(object).to_string());
        }
        config
    }

    /// The name of something in the account; one that Cloudflare does not take is a finding.
    pub(crate) fn physical(&mut self, kind: &str, logical: &str) -> String {
        let name = names::physical(&self.options.app, logical);
        self.check_name(kind, &name);
        name
    }

    pub(crate) fn check_name(&mut self, kind: &str, name: &str) {
        if names::is_taken(name) {
            return;
        }
        let location = self.group.wirings.first().map(|wiring| &wiring.location);
        let finding = Finding::new(
            "PK0407",
            location,
            format!("group `{}`: the {kind} would be named `{name}`, which Cloudflare does not take", self.group.name),
            "shorten the group's or the source's name, or set a short `name` in [package.metadata.pikku.cloudflare]: 3 to \
             63 letters, digits and hyphens in all",
        );
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    pub(crate) fn note(&mut self, text: String) {
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}
