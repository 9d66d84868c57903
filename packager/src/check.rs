//! What only the whole app shows: mistakes that no single function's compilation can find.
//!
//! Every check looks at the manifest, and all findings are reported at once. What only one platform minds belongs to
//! that platform's template.

pub(crate) mod access;
mod messages;
mod names;
mod needs;
mod routes;
mod wirings;

use crate::error::Finding;
use pikku_manifest::Manifest;

/// Every mistake in an app.
pub(crate) fn check(manifest: &Manifest) -> Vec<Finding> {
    let mut findings: Vec<Finding> = manifest
        .faults
        .iter()
        .map(|fault| {
            Finding::new("PK0001", Some(&fault.location), &fault.message, "the message says what is expected instead")
        })
        .collect();
    if manifest.groups.iter().all(|group| group.wirings.is_empty()) {
        findings.push(Finding::new(
            "PK0002",
            None,
            "the app wires no function",
            "add `.group::<Orders>(|g| g.http::<place_order>(post(\"/orders\")))` to the app function",
        ));
    }
    names::check(manifest, &mut findings);
    routes::check(manifest, &mut findings);
    wirings::check(manifest, &mut findings);
    needs::check(manifest, &mut findings);
    access::check(manifest, &mut findings);
    messages::check(manifest, &mut findings);
    schemas(manifest, &mut findings);
    findings
}

/// Schemas that no validator can be made of, such as one with a broken `pattern`.
fn schemas(manifest: &Manifest, findings: &mut Vec<Finding>) {
    for function in &manifest.functions {
        let Some(input) = &function.input else { continue };
        if let Err(error) = jsonschema::options().should_validate_formats(true).build(input) {
            findings.push(Finding::new(
                "PK0211",
                Some(&function.location),
                format!("the input of `{}` has a schema that cannot be used: {error}", function.name),
                "mend the `#[schemars(...)]` attributes of the type; patterns are ECMA-262 regular expressions",
            ));
        }
    }
}

#[cfg(test)]
mod tests;
