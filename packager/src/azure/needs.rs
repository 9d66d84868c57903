//! What the services of a group are bound to: what they may do, the addresses of it, variables and secrets.

use super::{
    app::{LOCAL_BUS, Render},
    bicep::{Value, object, raw},
    grant::{self, Grant},
    names,
};
use crate::entry::asked_secrets;
use pikku_manifest::Need;

/// Binds all that the services of the group declare.
pub(crate) fn bind(render: &mut Render<'_, '_>) {
    let manifest = render.manifest;
    let mut needs: Vec<(&Need, &str)> = Vec::new();
    for service in manifest.services_of(render.group) {
        needs.extend(service.needs.iter().map(|need| (need, service.name.as_str())));
    }
    needs.sort_unstable();
    needs.dedup_by_key(|(need, _)| *need);
    let asked = asked_secrets(manifest, render.group);
    let mut addresses: Vec<(String, String)> = Vec::new();
    let mut local = serde_json::Map::new();
    for (need, service) in needs {
        match need {
            Need::SendToQueue(name) => {
                let service_bus = render.estate.queues.get(name.as_str()).is_some_and(|queue| queue.service_bus);
                let role = if service_bus { grant::SERVICE_BUS_SENDER } else { grant::QUEUE_SENDER };
                render.grant(Grant::built_in("sendsTo", name, role, format!("queue{}", names::pascal(name))));
                addresses.push((format!("queue:{name}"), render.estate.queue_address(name)));
                local.insert(format!("queue:{name}"), local_queue(render, name, service_bus).into());
            }
            Need::PublishToTopic(name) => {
                let scope = format!("topic{}", names::pascal(name));
                render.grant(Grant::built_in("publishesTo", name, grant::SERVICE_BUS_SENDER, scope));
                let address = format!("'sb://${{serviceBus.name}}.servicebus.windows.net/{}'", names::physical(name));
                addresses.push((format!("topic:{name}"), address));
            }
            Need::PutEvents(name) => {
                let scope = format!("bus{}", names::pascal(name));
                render.grant(Grant::built_in("putsEventsOn", name, grant::EVENT_GRID_SENDER, scope.clone()));
                addresses.push((format!("event:{name}"), format!("{scope}.properties.endpoint")));
            }
            Need::ReadBucket(name) | Need::WriteBucket(name) => {
                let scope = format!("bucket{}", names::pascal(name));
                render.grant(match need {
                    Need::ReadBucket(_) => Grant::built_in("readsBlobsOf", name, grant::BLOB_READER, scope),
                    _ => Grant::own("writesBlobsOf", name, grant::WRITE_BLOBS, scope),
                });
                let key = format!("bucket:{name}");
                if addresses.iter().all(|(known, _)| *known != key) {
                    let address = format!("'${{storage.properties.primaryEndpoints.blob}}{}'", names::physical(name));
                    addresses.push((key, address));
                }
            }
            Need::PutToStream(name) => {
                let scope = format!("stream{}", names::pascal(name));
                render.grant(Grant::built_in("putsTo", name, grant::EVENT_HUBS_SENDER, scope));
                let address = format!("'sb://${{eventHubs.name}}.servicebus.windows.net/{}'", names::physical(name));
                addresses.push((format!("stream:{name}"), address));
            }
            Need::ReadSecret(name) if asked.contains(name.as_str()) => {
                addresses.push((format!("secret:{name}"), asked_secret(render, name)));
            }
            Need::ReadSecret(name) => secret(render, name),
            Need::ReadParameter(name) => variable(render, names::variable(name), format!("the parameter `{name}`")),
            Need::Variable(name) => variable(render, name.clone(), format!("the variable `{name}`")),
            Need::OptionalVariable(name) => {
                // One that need not be set is, where the settings do.
                if render.options.settings.vars.contains_key(name) {
                    variable(render, name.clone(), format!("the variable `{name}`"));
                }
            }
            Need::ReadTable(name) | Need::WriteTable(name) => absent(render, service, "table", name),
            Need::Database(name) => absent(render, service, "database", name),
            Need::KeyValue(name) => absent(render, service, "key-value store", name),
            Need::CallGroup(name) => absent(render, service, "group", name),
        }
    }
    if !local.is_empty() {
        render.local.insert("PIKKU_RESOURCES".to_owned(), serde_json::Value::Object(local).to_string());
    }
    if !addresses.is_empty() {
        let members = addresses.into_iter().map(|(key, address)| (key, raw(address)));
        let Value::Object(members) = object(members) else { return };
        render.settings.insert("PIKKU_RESOURCES".to_owned(), Value::Json(members));
    }
}

/// A queue on a developer's machine: that of Azurite, or of the emulator of Service Bus, each with its own key.
fn local_queue(render: &mut Render<'_, '_>, name: &str, service_bus: bool) -> String {
    let physical = names::physical(name);
    if service_bus {
        render.local.insert("AzureWebJobsServiceBus".to_owned(), LOCAL_BUS.to_owned());
        return format!("sb://localhost/{physical}");
    }
    format!("http://127.0.0.1:10001/devstoreaccount1/{physical}")
}

/// A secret of the vault: the platform resolves it with the app's identity, and the bundle finds a variable.
fn secret(render: &mut Render<'_, '_>, name: &str) {
    let variable = names::variable(name);
    if !render.claim(&variable, format!("the secret `{name}`")) {
        return;
    }
    let symbol = format!("secret{}", names::pascal(name));
    render
        .settings
        .insert(variable.clone(), raw(format!("'@Microsoft.KeyVault(SecretUri=${{{symbol}.properties.secretUri}})'")));
    render.local.insert(variable.clone(), String::new());
    render.grant(Grant::built_in("readsSecret", name, grant::SECRETS_USER, symbol));
    render.note(format!(
        "the secret `{name}` is to be in the key vault that the parameter keyVaultName names, as `{}`; the bundle finds it as \
         the variable {variable}",
        names::physical(name)
    ));
}

/// A secret of the vault that the bundle asks for while it runs: where it is.
fn asked_secret(render: &mut Render<'_, '_>, name: &str) -> String {
    let symbol = format!("secret{}", names::pascal(name));
    // On a developer's machine a variable stands for it.
    let variable = names::variable(name);
    if render.claim(&variable, format!("the secret `{name}`")) {
        render.local.insert(variable, String::new());
    }
    render.grant(Grant::built_in("readsSecret", name, grant::SECRETS_USER, symbol.clone()));
    render.note(format!(
        "the secret `{name}` is to be in the key vault that the parameter keyVaultName names, as `{}`; the bundle asks for it \
         there",
        names::physical(name)
    ));
    format!("{symbol}.properties.secretUri")
}

/// A variable is set by the settings; otherwise it is a parameter of the deployment.
fn variable(render: &mut Render<'_, '_>, name: String, what: String) {
    if !render.claim(&name, what) {
        return;
    }
    let value = render.options.settings.vars.get(&name).cloned();
    render.local.insert(name.clone(), value.clone().unwrap_or_default());
    let set = value.map_or_else(|| raw(names::parameter(&name)), Value::Text);
    render.settings.insert(name, set);
}

fn absent(render: &mut Render<'_, '_>, service: &str, kind: &str, name: &str) {
    render.note(format!(
        "the service `{service}` declares the {kind} `{name}`, which is not bound on Azure: nothing is granted for it"
    ));
}
