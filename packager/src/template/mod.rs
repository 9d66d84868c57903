//! The SAM template beside the bundles: one function per group, what feeds it, and a role that grants only what the
//! group's wirings and services declare.
//!
//! The template reads nothing but the manifest. It owns the queues, topics, buckets, streams, schedules and APIs that
//! wirings name; what only services name, and tables, whose keys no wiring knows, come in as parameters. A bundle
//! finds its sources in the environment variable `PIKKU_SOURCES`, a JSON object from a wiring's id to the physical
//! name of its source, and a service finds its resources in `PIKKU_RESOURCES`, from a kind and a logical name
//! (`queue:orders-placed`) to what the AWS SDK takes: a queue's URL, a topic's or a secret's ARN, a name otherwise.
//!
//! Invariants: the same manifest and options give the same bytes; no action in a policy is a wildcard; `sam validate
//! --lint` and `cfn-lint` have nothing to say. All that is wrong with an app is reported at once.

mod error;
mod function;
mod handles;
mod node;
mod options;
mod policy;
mod routes;
mod schedule;
mod sources;
mod stack;
#[cfg(test)]
mod tests;
mod websocket;

pub use error::{Notice, Place, Problem, TemplateError, TemplateWarning};
pub use options::{Architecture, FunctionSettings, SecretSettings, SecretStore, TemplateOptions};
pub use schedule::ScheduleProblem;

use node::Node;
use pikku_manifest::{Manifest, Reads, Source, WiringKind};
use stack::Stack;

/// A template, and what is worth knowing about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The text of `template.yaml`.
    pub yaml: String,
    /// What it leaves out, or what will surprise once it is deployed.
    pub warnings: Vec<TemplateWarning>,
}

/// Writes the template of an app.
///
/// # Errors
/// All problems of the app that keep it from AWS, never none.
pub fn render(manifest: &Manifest, options: &TemplateOptions) -> Result<Template, Vec<TemplateError>> {
    let (tree, warnings) = build(manifest, options)?;
    let mut yaml = "# Written by `cargo pikku package`, which writes it anew each time.\n".to_owned();
    for warning in &warnings {
        yaml.push_str(&format!("# note: {warning}\n"));
    }
    let body = tree.to_yaml().map_err(|error| {
        let problem = Problem::Yaml { reason: error.to_string() };
        vec![TemplateError { place: Place::default(), problem }]
    })?;
    yaml.push_str(&body);
    Ok(Template { yaml, warnings })
}

/// The template as a tree.
fn build(manifest: &Manifest, options: &TemplateOptions) -> Result<(Node, Vec<TemplateWarning>), Vec<TemplateError>> {
    let mut stack = Stack::default();
    check_shared_sources(&mut stack, manifest);
    check_notifications(&mut stack, manifest);
    check_secrets(&mut stack, manifest, options);
    let created = handles::Created::of(manifest);
    let mut routes = routes::plan(&mut stack, manifest);
    if function::has_routes(manifest) {
        function::add_api(&mut stack, &options.app);
    }
    for group in &manifest.groups {
        let routes = routes.remove(&group.name).unwrap_or_default();
        function::add(&mut stack, manifest, &created, group, options, routes);
    }
    if !stack.errors.is_empty() {
        return Err(stack.errors);
    }
    let warnings = std::mem::take(&mut stack.warnings);
    Ok((stack.into_template(format!("{}, packaged by Pikku for Rust", options.app)), warnings))
}

/// Refuses a queue or a WebSocket API that two groups are wired to: each message would reach one of them only.
fn check_shared_sources(stack: &mut Stack, manifest: &Manifest) {
    let mut seen: Vec<(&'static str, &str, &str)> = Vec::new();
    for group in &manifest.groups {
        for wiring in &group.wirings {
            let (kind, source) = match &wiring.kind {
                WiringKind::Queue(queue) => ("queue", &queue.source),
                WiringKind::WebSocket(websocket) => ("WebSocket API", &websocket.source),
                _ => continue,
            };
            let Source::Named(name) = source else { continue };
            match seen.iter().find(|(other, known, _)| *other == kind && known == name) {
                Some((.., other_group)) => {
                    let (name, other_group) = (name.clone(), (*other_group).to_owned());
                    stack.error(&Place::wiring(&group.name, wiring), Problem::SharedSource { kind, name, other_group });
                }
                None => seen.push((kind, name, &group.name)),
            }
        }
    }
}

/// Refuses settings of a secret that no service reads: it may be misspelt, and the template would look elsewhere for it.
fn check_secrets(stack: &mut Stack, manifest: &Manifest, options: &TemplateOptions) {
    let known = Reads::of(manifest.services.iter().flat_map(|service| &service.needs)).secrets;
    for name in options.secrets.keys().filter(|name| !known.contains(name)) {
        stack.error(&Place::default(), Problem::UnknownSecret { name: name.clone(), known: known.clone() });
    }
}

/// Refuses two listeners to the same events of the same objects: S3 takes no overlapping notifications.
fn check_notifications(stack: &mut Stack, manifest: &Manifest) {
    let mut seen: Vec<(&pikku_manifest::Bucket, Place)> = Vec::new();
    for group in &manifest.groups {
        for wiring in &group.wirings {
            let WiringKind::Bucket(bucket) = &wiring.kind else { continue };
            let Source::Named(name) = &bucket.source else { continue };
            let place = Place::wiring(&group.name, wiring);
            for (other, other_place) in seen.iter().filter(|(other, _)| other.source == bucket.source) {
                if let Some(event) = common_event(bucket, other) {
                    let (bucket, event, other) = (name.clone(), event.to_owned(), other_place.clone());
                    stack.error(&place, Problem::Notifications { bucket, event, other });
                }
            }
            seen.push((bucket, place));
        }
    }
}

/// An event that both listen to, for at least one key.
fn common_event<'b>(a: &'b pikku_manifest::Bucket, b: &pikku_manifest::Bucket) -> Option<&'b str> {
    let covers = |wide: &str, narrow: &str| {
        wide == narrow || wide.strip_suffix('*').is_some_and(|prefix| narrow.starts_with(prefix))
    };
    let (prefix_a, prefix_b) = (a.prefix.as_deref().unwrap_or(""), b.prefix.as_deref().unwrap_or(""));
    let (suffix_a, suffix_b) = (a.suffix.as_deref().unwrap_or(""), b.suffix.as_deref().unwrap_or(""));
    let same_keys = (prefix_a.starts_with(prefix_b) || prefix_b.starts_with(prefix_a))
        && (suffix_a.ends_with(suffix_b) || suffix_b.ends_with(suffix_a));
    let event = a.events.iter().find(|x| b.events.iter().any(|y| covers(x, y) || covers(y, x)));
    event.filter(|_| same_keys).map(String::as_str)
}
