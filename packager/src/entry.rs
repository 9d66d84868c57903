//! The entry crate of a bundle: it names what the bundle holds and calls the platform's adapter.

use crate::{
    contracts::{Contracts, contracts, module_name},
    error::Error,
    project::{Project, QueueStore},
    settings,
    workspace::{RuntimeCrate, Workspace, app_dependency, package_table, runtime_dependency},
};
use pikku_manifest::{Group, Manifest, Need, Service, Wiring, WiringKind};
use std::{collections::BTreeSet, fmt::Write as _};

/// The version of `jsonschema` whose macro the contracts are written for; the runtime reports its errors.
const JSONSCHEMA: &str = "0.60";
const REGEX_LITE: &str = "0.1";

/// The platform that an entry crate is for, with what its adapter is told.
#[derive(Clone, Debug)]
pub(crate) enum Adapter {
    /// A program that serves Lambda's Runtime API.
    Lambda,
    /// A module of WebAssembly that JavaScript calls.
    Cloudflare {
        /// How long one call may take.
        timeout_ms: u32,
    },
    /// A custom handler of Azure Functions.
    Azure,
    /// A program that is a server.
    Server {
        /// The app's groups that are in it, under the name of the app.
        groups: Vec<String>,
    },
}

/// The name of a bundle's package, and of its program.
pub(crate) fn package_name(group: &str) -> String {
    format!("pikku-bundle-{group}")
}

/// Adds the entry crate of a group; gives what the author should know.
pub(crate) fn add(
    workspace: &mut Workspace,
    project: &Project,
    manifest: &Manifest,
    group: &Group,
    adapter: Adapter,
) -> Result<Vec<String>, Error> {
    let functions = manifest.functions_of(group);
    let contracts = contracts(functions.iter().copied());
    let name = package_name(&group.name);
    let cargo = cargo_manifest(project, &name, &contracts, &adapter, &features(project, &adapter, manifest, group));
    let source = source(project, manifest, group, &adapter);
    let file = match adapter {
        Adapter::Lambda | Adapter::Azure | Adapter::Server { .. } => "src/main.rs",
        Adapter::Cloudflare { .. } => "src/lib.rs",
    };
    let module = format!("//! The contracts of the bundle's functions.\n{}", contracts.source);
    workspace.add(&name, &cargo, &[(file, &source), ("src/contracts.rs", &module)])?;
    Ok(contracts.notes)
}

/// Whether a service that the group reaches sends to queues.
fn sends(manifest: &Manifest, group: &Group) -> bool {
    let mut needs = manifest.services_of(group).into_iter().flat_map(|service| &service.needs);
    needs.any(|need| matches!(need, Need::SendToQueue(_)))
}

/// Whether a service that the group reaches reads secrets from a service of the platform.
fn reads_secrets(adapter: &Adapter, manifest: &Manifest, group: &Group) -> bool {
    match adapter {
        Adapter::Azure => !asked_secrets(manifest, group).is_empty(),
        _ => !manifest.reads_of(group).secrets.is_empty(),
    }
}

/// The type by which services ask for secrets while they run.
const SECRETS: &str = "pikku::service::secrets::Secrets";

/// The secrets that a group's services ask for while they run: those of services that reach `Secrets`. The others are read once,
/// at the start.
pub(crate) fn asked_secrets<'m>(manifest: &'m Manifest, group: &Group) -> BTreeSet<&'m str> {
    let asks = |service: &&Service| {
        let below = manifest.reached(service.depends_on.iter().map(String::as_str));
        below.iter().any(|below| below.type_name == SECRETS)
    };
    let needs = manifest.services_of(group).into_iter().filter(asks).flat_map(|service| &service.needs);
    needs.filter_map(|need| if let Need::ReadSecret(name) = need { Some(name.as_str()) } else { None }).collect()
}

/// Whether a plain server needs a store for the group's queues and schedules.
pub(crate) fn keeps(manifest: &Manifest, group: &Group) -> bool {
    let fed = |wiring: &Wiring| matches!(wiring.kind, WiringKind::Queue(_) | WiringKind::Cron(_));
    sends(manifest, group) || group.wirings.iter().any(fed)
}

/// What of the adapter a bundle needs, so that it holds no more.
pub(crate) fn features(project: &Project, adapter: &Adapter, manifest: &Manifest, group: &Group) -> Vec<&'static str> {
    match adapter {
        Adapter::Lambda | Adapter::Azure => {
            let queues = if matches!(adapter, Adapter::Azure) { "queues" } else { "sqs" };
            let chosen = [(sends(manifest, group), queues), (reads_secrets(adapter, manifest, group), "secrets")];
            chosen.into_iter().filter_map(|(is_wanted, feature)| is_wanted.then_some(feature)).collect()
        }
        Adapter::Server { .. } => {
            let settings = &project.settings.server;
            let runs = group.wirings.iter().any(|wiring| matches!(wiring.kind, WiringKind::Cron(_)));
            let stores = settings.queues.as_deref().unwrap_or(&[QueueStore::Sqlite]);
            let engine = stores.iter().map(|store| store.feature()).chain(runs.then_some("schedules"));
            let engine = engine.filter(|_| keeps(manifest, group));
            let file = settings::file(project).is_some();
            let more = [settings.otlp.then_some("otlp"), file.then_some("settings-file")];
            engine.chain(more.into_iter().flatten()).collect()
        }
        _ => vec![],
    }
}

fn cargo_manifest(project: &Project, name: &str, contracts: &Contracts, adapter: &Adapter, chosen: &[&str]) -> String {
    let mut text = package_table(name);
    if let Adapter::Cloudflare { .. } = adapter {
        text.push_str("\n[lib]\ncrate-type = [\"cdylib\"]\n");
    }
    text.push_str("\n[dependencies]\n");
    text.push_str(&app_dependency(project));
    let features: &[&str] = if contracts.uses_validators { &["jsonschema"] } else { &[] };
    text.push_str(&runtime_dependency(project, RuntimeCrate::Runtime, features));
    text.push_str(&match adapter {
        Adapter::Lambda => runtime_dependency(project, RuntimeCrate::Lambda, chosen),
        Adapter::Cloudflare { .. } => runtime_dependency(project, RuntimeCrate::Cloudflare, chosen),
        Adapter::Azure => runtime_dependency(project, RuntimeCrate::Azure, chosen),
        Adapter::Server { .. } => runtime_dependency(project, RuntimeCrate::Server, chosen),
    });
    if contracts.uses_validators {
        let _ = writeln!(
            text,
            "jsonschema = {{ version = {JSONSCHEMA:?}, default-features = false, features = [\"macros\"] }}"
        );
        text.push_str("serde_json = \"1\"\n");
    }
    if contracts.uses_patterns {
        let _ = writeln!(text, "regex-lite = {REGEX_LITE:?}");
    }
    text
}

fn source(project: &Project, manifest: &Manifest, group: &Group, adapter: &Adapter) -> String {
    let kinds: BTreeSet<&str> = group.wirings.iter().map(|wiring| wiring.kind.name()).collect();
    let kinds: String = kinds.iter().map(|kind| format!(".with(pikku::Kinds::{})", kind.to_uppercase())).collect();
    let sends = sends(manifest, group);
    let reads_secrets = reads_secrets(adapter, manifest, group);
    let closes = manifest.services_of(group).iter().any(|service| service.closes);
    let functions = manifest.functions_of(group);
    let mut contracts = String::new();
    for function in &functions {
        let _ = writeln!(
            contracts,
            "            {:?} => Ok(contracts::{}::contract()),",
            function.name,
            module_name(&function.name)
        );
    }
    // What a function attaches to itself comes with it.
    let layers = group.wirings.iter().flat_map(|wiring| &wiring.layers).filter(|layer| layer.at != "function");
    let layers: BTreeSet<&str> = layers.map(|layer| layer.name.as_str()).collect();
    let layers: Vec<&str> = layers.into_iter().collect();
    let names: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
    let app = format!("{}::<Bundle>()", project.app);
    let run = match adapter {
        Adapter::Lambda => format!("fn main() -> std::process::ExitCode {{\n    pikku_lambda::run({app})\n}}"),
        Adapter::Azure => format!("fn main() -> std::process::ExitCode {{\n    pikku_azure::run({app})\n}}"),
        Adapter::Server { .. } => format!("fn main() -> std::process::ExitCode {{\n    pikku_server::run({app})\n}}"),
        Adapter::Cloudflare { timeout_ms } => {
            format!("pikku_cloudflare::worker!(Bundle, {app}, timeout_ms = {timeout_ms});")
        }
    };
    // What a file of settings may hold, and what not.
    let reads = match adapter {
        Adapter::Server { .. } if settings::file(project).is_some() => {
            let reads = manifest.reads_of(group);
            format!(
                "    const VARIABLES: Option<&'static [&'static str]> = Some(&{:?});\n    const SECRETS: &'static [&'static str] = &{:?};\n",
                reads.variables, reads.secrets
            )
        }
        _ => String::new(),
    };
    let groups = match adapter {
        Adapter::Server { groups } => groups.clone(),
        Adapter::Lambda | Adapter::Cloudflare { .. } | Adapter::Azure => vec![group.name.clone()],
    };
    format!(
        "//! The bundle `{group}`.\n
mod contracts;

struct Bundle;

impl pikku::Selection for Bundle {{
    const GROUPS: Option<&'static [&'static str]> = Some(&{groups:?});
    // Where a target leaves wirings out, so it does the functions that only they reach.
    const FUNCTIONS: Option<&'static [&'static str]> = Some(&{names:?});
    const KINDS: pikku::Kinds = pikku::Kinds::NONE{kinds};
    const CLOSES: bool = {closes};
    const SENDS: bool = {sends};
    const READS_SECRETS: bool = {reads_secrets};
{reads}    const LAYERS: Option<&'static [&'static str]> = Some(&{layers:?});

    fn contract<F: pikku::Function>() -> Result<pikku::Contract, pikku::ContractMissing> {{
        match F::NAME {{
{contracts}            name => Err(pikku::ContractMissing::new(name)),
        }}
    }}
}}

{run}
",
        group = group.name,
    )
}
