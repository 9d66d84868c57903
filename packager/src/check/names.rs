use crate::error::Finding;
use pikku_manifest::{Manifest, Source, Wiring, WiringKind};

/// The longest name of a group: a Lambda function's has 64 characters, and a stack puts its own before it.
const MAX_GROUP: usize = 40;

pub(super) fn check(manifest: &Manifest, findings: &mut Vec<Finding>) {
    for (index, group) in manifest.groups.iter().enumerate() {
        let location = group.wirings.first().map(|wiring| &wiring.location);
        if !is_kebab(&group.name) || group.name.len() > MAX_GROUP {
            findings.push(Finding::new(
                "PK0101",
                location,
                format!("`{}` is no name for a group", group.name),
                format!(
                    "use lower-case letters, digits and single hyphens, beginning with a letter, at most {MAX_GROUP} \
                     characters: `#[pikku(name = \"{}\")]`",
                    kebab(&group.name)
                ),
            ));
        }
        if manifest.groups[..index].iter().any(|other| other.name == group.name) {
            findings.push(Finding::new(
                "PK0102",
                location,
                format!("the group `{}` is declared twice", group.name),
                "put all wirings of a group into one `.group::<...>` call",
            ));
        }
        for wiring in &group.wirings {
            source(wiring, findings);
        }
    }
}

fn source(wiring: &Wiring, findings: &mut Vec<Finding>) {
    let Some(Source::Named(name)) = wiring.kind.source() else { return };
    let fifo = matches!(&wiring.kind, WiringKind::Queue(queue) if queue.fifo);
    let bare = if fifo { name.strip_suffix(".fifo").unwrap_or(name) } else { name.as_str() };
    let taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if bare.is_empty() || bare.len() > 64 || !bare.chars().all(taken) {
        findings.push(Finding::new(
            "PK0208",
            Some(&wiring.location),
            format!("`{name}` is no name for a {}", wiring.kind.noun()),
            "use letters, digits, hyphens and underscores, at most 64 characters; it is the name in the app, not the \
             one that the platform gives it",
        ));
    }
}

fn is_kebab(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .split('-')
            .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

/// The nearest name in kebab case.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            c if c.is_ascii_uppercase() => {
                if !out.is_empty() && !out.ends_with('-') {
                    out.push('-');
                }
                out.push(c.to_ascii_lowercase());
            }
            c if c.is_ascii_lowercase() || (c.is_ascii_digit() && !out.is_empty()) => out.push(c),
            _ if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
    }
    let out: String = out.trim_end_matches('-').chars().take(MAX_GROUP).collect();
    if out.is_empty() { "group".to_owned() } else { out }
}
