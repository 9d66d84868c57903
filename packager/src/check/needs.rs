use crate::error::Finding;
use pikku_manifest::{Manifest, Need};

/// A group that is called must be one of the app.
pub(super) fn check(manifest: &Manifest, findings: &mut Vec<Finding>) {
    for service in &manifest.services {
        for need in &service.needs {
            let Need::CallGroup(name) = need else { continue };
            if manifest.group(name).is_none() {
                let known: Vec<&str> = manifest.groups.iter().map(|group| group.name.as_str()).collect();
                findings.push(Finding::new(
                    "PK0213",
                    None,
                    format!("the service `{}` calls the group `{name}`, which the app does not have", service.name),
                    format!("the app's groups are: {}", known.join(", ")),
                ));
            }
        }
    }
}
