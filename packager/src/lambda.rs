//! Bundles for AWS Lambda: a program and a zip per group, and the template beside them.

use crate::{
    archive::{self, Entry},
    budget,
    cli::{Arch, PackageArgs},
    entry::Adapter,
    error::{Error, Finding},
    output::Talk,
    package::{Built, File, Packaged, Plan, json, sha256},
    project::{SecretStore, Settings},
    report::{self, Artefact, GroupReport, Report},
    template::{self, Architecture, FunctionSettings, SecretSettings, TemplateOptions},
    toolchain::Machine,
};
use pikku_manifest::Group;

/// Packages an app for Lambda.
pub(crate) fn package(args: &PackageArgs, talk: &Talk) -> Result<Report, Error> {
    let plan = Plan::new(args, talk, |project| {
        Machine::look(&project.package_dir)?.choose(args.arch.unwrap_or(Arch::X86_64), args.libc)
    })?;
    let template = template(&plan)?;
    for warning in &template.warnings {
        talk.warning(&warning.to_string());
    }
    let groups = plan.wanted(&plan.manifest);
    let (_, built) = plan.build(&plan.manifest, &groups, talk, |_| Adapter::Lambda)?;
    let packaged = groups.iter().zip(built).map(|(group, built)| bundle(&plan, group, built));
    let packaged = packaged.collect::<Result<Vec<_>, _>>()?;
    plan.finish(packaged, &[File::new("template.yaml", template.yaml)], vec![], talk)
}

fn template(plan: &Plan) -> Result<template::Template, Error> {
    let options = TemplateOptions {
        app: plan.project.package.clone(),
        architecture: if plan.toolchain.arch == "arm64" { Architecture::Arm64 } else { Architecture::X86_64 },
        ..template_settings(&plan.project.settings)
    };
    template::render(&plan.manifest, &options)
        .map_err(|errors| Error::App(errors.into_iter().map(Finding::from).collect()))
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
    let secrets = lambda.secrets.iter().map(|(name, secret)| {
        let store = match secret.store {
            SecretStore::SecretsManager => template::SecretStore::SecretsManager,
            SecretStore::ParameterStore => template::SecretStore::ParameterStore,
        };
        (name.clone(), SecretSettings { store, kms_key: secret.kms_key })
    });
    TemplateOptions {
        app: String::new(),
        architecture: Architecture::X86_64,
        defaults,
        groups: groups.collect(),
        secrets: secrets.collect(),
        variables: lambda.vars.clone(),
    }
}

/// How long Lambda lets a function start (AWS Lambda Developer Guide, "Understanding the Lambda execution environment
/// lifecycle").
const INIT_LIMIT_MS: u32 = 10_000;

/// How long the start of a group's function may take.
fn init_budget_ms(settings: &Settings, group: &str) -> u32 {
    let lambda = &settings.lambda;
    let own = lambda.groups.get(group).and_then(|group| group.init_ms);
    own.or(lambda.init_ms).unwrap_or(INIT_LIMIT_MS).min(INIT_LIMIT_MS)
}

fn bundle(plan: &Plan, group: &Group, built: Built) -> Result<Packaged, Error> {
    let name = group.name.clone();
    let (bootstrap, proof) = plan.native(group, &built)?;
    let entry = Entry { path: "bootstrap".to_owned(), bytes: bootstrap.clone(), executable: true };
    let zip = archive::zip(&[entry])?;
    let bytes = bootstrap.len() as u64;
    let limit = budget::limit(&plan.project.settings.lambda.budget, &name);
    let crates = report::by_size(&proof);
    let artefact =
        Artefact::Lambda { bytes, zip_bytes: zip.len() as u64, sha256: sha256(&bootstrap), zip_sha256: sha256(&zip) };
    let mut report = GroupReport::new(&plan.manifest, group, artefact, &proof, &crates, limit, built.notes);
    report.init.budget_ms = Some(init_budget_ms(&plan.project.settings, &name));
    let files = vec![
        File { path: format!("{name}/bootstrap"), bytes: bootstrap, executable: true },
        File::new(format!("{name}.zip"), zip),
        File::new(format!("{name}.proof.json"), json(&proof)?),
    ];
    Ok(Packaged { breach: budget::breach(&name, limit, bytes, &crates), files, report })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_groups_own_init_budget_goes_before_the_default_and_none_is_over_the_platforms() {
        let settings = |lambda| serde_json::from_value::<Settings>(json!({ "lambda": lambda })).unwrap();
        let some = settings(json!({"init_ms": 500, "groups": {"orders": {"init_ms": 800}}}));
        assert_eq!((init_budget_ms(&some, "orders"), init_budget_ms(&some, "reports")), (800, 500));
        assert_eq!(init_budget_ms(&settings(json!({"init_ms": 60_000})), "orders"), INIT_LIMIT_MS);
        assert_eq!(init_budget_ms(&settings(json!({})), "orders"), INIT_LIMIT_MS);
    }
}
