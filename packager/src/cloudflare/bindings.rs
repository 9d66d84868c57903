//! What the services of a group are bound to: databases, namespaces, buckets, queues, Workers, variables and secrets.

use super::{
    config::Render,
    names,
    wrangler::{Bucket, Database, Namespace, Producer, Service, Wrangler},
};
use crate::error::Finding;
use pikku_manifest::Need;
use std::collections::BTreeMap;

/// What has each name of a Worker's environment.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    owners: BTreeMap<String, String>,
}

impl Bindings {
    /// Takes a name for `what`. Answers whether it is the first to ask; another owner is a finding.
    pub(crate) fn claim(&mut self, render: &mut Render<'_, '_>, name: &str, what: String) -> bool {
        let refuse = |render: &mut Render<'_, '_>, message: String, fix: &str| {
            let location = render.group.wirings.first().map(|wiring| &wiring.location);
            let message = format!("group `{}`: {message}", render.group.name);
            render.findings.push(Finding::new("PK0406", location, message, fix));
        };
        match self.owners.get(name) {
            Some(first) if *first == what => return false,
            Some(first) => {
                let message = format!("{first} and {what} would both be bound as `{name}`");
                refuse(render, message, "rename one of them; only letters and digits tell bindings apart");
                return false;
            }
            None => {}
        }
        if !names::is_binding(name) {
            let message = format!("{what} would be bound as `{name}`, which is no name for a binding");
            refuse(render, message, "use letters, digits and `_`, beginning with a letter");
        } else if name.starts_with("PIKKU_") && name != "PIKKU_SOURCES" {
            let message = format!("{what} would be bound as `{name}`, which is not free to set");
            refuse(render, message, "choose another name; those that begin with `PIKKU_` are taken");
        }
        self.owners.insert(name.to_owned(), what);
        true
    }
}

/// Binds all that the services of the group declare.
pub(crate) fn bind(render: &mut Render<'_, '_>, bindings: &mut Bindings, config: &mut Wrangler) {
    let manifest = render.manifest;
    let mut needs: Vec<(&Need, &str)> = Vec::new();
    for service in manifest.services_of(render.group) {
        needs.extend(service.needs.iter().map(|need| (need, service.name.as_str())));
    }
    needs.sort_unstable();
    needs.dedup_by_key(|(need, _)| *need);
    for (need, service) in needs {
        let mut bind = Bind { render: &mut *render, bindings: &mut *bindings, config: &mut *config };
        match need {
            Need::Database(name) => bind.database(name),
            Need::KeyValue(name) => bind.namespace(name),
            Need::ReadBucket(name) | Need::WriteBucket(name) => bind.bucket(name),
            Need::SendToQueue(name) => bind.producer(name),
            Need::CallGroup(name) => bind.group(name),
            Need::ReadSecret(name) => bind.secret(names::binding("", name), format!("the secret `{name}`")),
            Need::ReadParameter(name) => bind.variable(names::binding("", name), format!("the parameter `{name}`")),
            Need::Variable(name) => bind.variable(name.clone(), format!("the variable `{name}`")),
            Need::OptionalVariable(name) => bind.optional_variable(name),
            Need::PublishToTopic(name) => bind.absent(service, "topic", name),
            Need::PutEvents(name) => bind.absent(service, "event bus", name),
            Need::ReadTable(name) | Need::WriteTable(name) => bind.absent(service, "table", name),
            Need::PutToStream(name) => bind.absent(service, "stream", name),
        }
    }
    config.secrets.required.sort_unstable();
}

struct Bind<'b, 'r, 'm> {
    render: &'b mut Render<'r, 'm>,
    bindings: &'b mut Bindings,
    config: &'b mut Wrangler,
}

impl Bind<'_, '_, '_> {
    fn claim(&mut self, name: &str, what: String) -> bool {
        self.bindings.claim(self.render, name, what)
    }

    fn database(&mut self, name: &str) {
        let binding = names::binding("", name);
        if !self.claim(&binding, format!("the database `{name}`")) {
            return;
        }
        let options = self.render.options;
        let database_id = options.settings.databases.get(name).cloned();
        let database_name = self.render.physical("database", name);
        if database_id.is_none() {
            self.render.note(format!(
                "wrangler makes the database `{database_name}` when it deploys; to use one that is there, set \
                 [package.metadata.pikku.cloudflare.databases] {name:?} to its id"
            ));
        }
        let migrations_dir =
            options.migrated.iter().any(|other| other == name).then(|| format!("../migrations/{name}"));
        self.config.d1_databases.push(Database { binding, database_name, database_id, migrations_dir });
    }

    fn namespace(&mut self, name: &str) {
        let binding = names::binding("", name);
        if !self.claim(&binding, format!("the key-value store `{name}`")) {
            return;
        }
        let id = self.render.options.settings.key_values.get(name).cloned();
        if id.is_none() {
            self.render.note(format!(
                "wrangler makes a namespace for the key-value store `{name}` when it deploys, one for each group; for one that \
                 groups share, set [package.metadata.pikku.cloudflare.key_values] {name:?} to its id"
            ));
        }
        self.config.kv_namespaces.push(Namespace { binding, id });
    }

    fn bucket(&mut self, name: &str) {
        let binding = names::binding("", name);
        if self.claim(&binding, format!("the bucket `{name}`")) {
            let bucket_name = self.render.physical("bucket", name);
            self.config.r2_buckets.push(Bucket { binding, bucket_name });
        }
    }

    fn producer(&mut self, name: &str) {
        let binding = names::binding("QUEUE_", name);
        if self.claim(&binding, format!("the queue `{name}`")) {
            let queue = self.render.physical("queue", name);
            self.render.setup.insert(format!("wrangler queues create {queue}"));
            self.config.queues.producers.push(Producer { binding, queue });
        }
    }

    fn group(&mut self, name: &str) {
        let binding = names::binding("GROUP_", name);
        if self.claim(&binding, format!("the group `{name}`")) {
            let service = self.render.physical("Worker", name);
            self.render.note(format!("deploy `{service}` before it, as it is bound to that Worker"));
            self.config.services.push(Service { binding, service });
        }
    }

    fn secret(&mut self, binding: String, what: String) {
        if self.claim(&binding, what.clone()) {
            self.render.note(format!("set {what} with `wrangler secret put {binding}`"));
            self.config.secrets.required.push(binding);
        }
    }

    /// A variable is set by the settings; otherwise it is one that only the account knows, as a secret is.
    fn variable(&mut self, name: String, what: String) {
        match self.render.options.settings.vars.get(&name).cloned() {
            None => {
                if self.claim(&name, what.clone()) {
                    self.render.note(format!(
                        "set {what} in [package.metadata.pikku.cloudflare.vars], or with `wrangler secret put {name}`"
                    ));
                    self.config.secrets.required.push(name);
                }
            }
            Some(value) => {
                if self.claim(&name, what) {
                    self.config.vars.insert(name, value);
                }
            }
        }
    }

    /// One that need not be set is, where the settings do; a secret of that name may be put there later.
    fn optional_variable(&mut self, name: &str) {
        if self.render.options.settings.vars.contains_key(name) {
            self.variable(name.to_owned(), format!("the variable `{name}`"));
        }
    }

    fn absent(&mut self, service: &str, kind: &str, name: &str) {
        self.render.note(format!(
            "the service `{service}` declares the {kind} `{name}`, which Workers do not have: nothing is bound for it"
        ));
    }
}
