//! What a group may do: a role at one resource, each as narrow as Azure has it.
//!
//! Where a built-in role grants just what is needed it is taken. Where each of them grants more, the role is spelled out here,
//! action by action. None is a wildcard, and none lets a bundle grant or delete anything.

use super::{
    bicep::{Resource, Value, object, raw, texts},
    names,
};

/// A role that Azure has, by its id ("Azure built-in roles").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BuiltIn {
    id: &'static str,
    name: &'static str,
}

pub(crate) const QUEUE_SENDER: BuiltIn =
    BuiltIn { id: "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a", name: "Storage Queue Data Message Sender" };
pub(crate) const BLOB_READER: BuiltIn =
    BuiltIn { id: "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", name: "Storage Blob Data Reader" };
pub(crate) const SERVICE_BUS_SENDER: BuiltIn =
    BuiltIn { id: "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", name: "Azure Service Bus Data Sender" };
pub(crate) const SERVICE_BUS_RECEIVER: BuiltIn =
    BuiltIn { id: "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0", name: "Azure Service Bus Data Receiver" };
pub(crate) const EVENT_HUBS_SENDER: BuiltIn =
    BuiltIn { id: "2b629674-e913-4c01-ae53-ef4638d8f975", name: "Azure Event Hubs Data Sender" };
pub(crate) const EVENT_HUBS_RECEIVER: BuiltIn =
    BuiltIn { id: "a638d3c7-ab3a-418d-83e6-5f17a39d4fde", name: "Azure Event Hubs Data Receiver" };
pub(crate) const EVENT_GRID_SENDER: BuiltIn =
    BuiltIn { id: "d5a91429-5739-47e2-a06b-3470a27159e7", name: "EventGrid Data Sender" };
pub(crate) const SECRETS_USER: BuiltIn =
    BuiltIn { id: "4633458b-17de-408a-b874-0445c86b69e6", name: "Key Vault Secrets User" };
pub(crate) const METRICS_PUBLISHER: BuiltIn =
    BuiltIn { id: "3913510d-42f4-4e42-8a64-420c390055eb", name: "Monitoring Metrics Publisher" };

/// A role of the app's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Own {
    symbol: &'static str,
    name: &'static str,
    description: &'static str,
    actions: &'static [&'static str],
    data_actions: &'static [&'static str],
}

/// What the Functions host itself does in a storage account of its own: leases, keys, timers' states, and the package.
/// Where its documents say "Storage Blob Data Owner" they mean these, and to set owners of files.
pub(crate) const KEEP_STATE: Own = Own {
    symbol: "roleKeepState",
    name: "keeps the state of a Functions host",
    description: "Read and write the blobs of a Functions host",
    actions: &[
        "Microsoft.Storage/storageAccounts/blobServices/containers/read",
        "Microsoft.Storage/storageAccounts/blobServices/containers/write",
        "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
    ],
    data_actions: &[
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete",
    ],
};

/// What a queue trigger does: "Storage Queue Data Message Processor" lacks `messages/write`, by which a failed message is
/// hidden until it is tried again ("Update Message", permissions).
pub(crate) const CONSUME: Own = Own {
    symbol: "roleConsume",
    name: "consumes a storage queue",
    description: "Receive, hide and delete the messages of a storage queue",
    actions: &["Microsoft.Storage/storageAccounts/queueServices/queues/read"],
    data_actions: &[
        "Microsoft.Storage/storageAccounts/queueServices/queues/messages/read",
        "Microsoft.Storage/storageAccounts/queueServices/queues/messages/write",
        "Microsoft.Storage/storageAccounts/queueServices/queues/messages/process/action",
    ],
};

/// Writing without reading: "Storage Blob Data Contributor" does both, and deletes containers.
pub(crate) const WRITE_BLOBS: Own = Own {
    symbol: "roleWriteBlobs",
    name: "writes blobs",
    description: "Write and delete the blobs of a container",
    actions: &[],
    data_actions: &[
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete",
    ],
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    BuiltIn(BuiltIn),
    Own(Own),
}

/// A role at a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// What it lets the group do, as a part of the grant's symbol, such as `sendsToMail`.
    pub(crate) what: String,
    pub(crate) role: Role,
    /// The symbol of the resource.
    pub(crate) scope: String,
}

impl Grant {
    pub(crate) fn built_in(verb: &str, name: &str, role: BuiltIn, scope: String) -> Self {
        Self { what: format!("{verb}{}", names::pascal(name)), role: Role::BuiltIn(role), scope }
    }

    pub(crate) fn own(verb: &str, name: &str, role: Own, scope: String) -> Self {
        Self { what: format!("{verb}{}", names::pascal(name)), role: Role::Own(role), scope }
    }

    /// The assignment to the identity of a resource, such as a group's function app, whose symbol is `app`.
    pub(crate) fn resource(&self, name: &str, app: &str) -> Resource {
        let scope = &self.scope;
        let (id, key) = match self.role {
            Role::BuiltIn(BuiltIn { id, name }) => {
                let definition = "Microsoft.Authorization/roleDefinitions";
                (format!("subscriptionResourceId('{definition}', '{id}') // {name}"), id)
            }
            Role::Own(own) => (format!("{}.id", own.symbol), own.symbol),
        };
        Resource::new(
            format!("{name}_{}", self.what),
            "Microsoft.Authorization/roleAssignments@2022-04-01",
            vec![
                ("scope", raw(scope.clone())),
                ("name", raw(format!("guid({scope}.id, {app}.id, '{key}')"))),
                (
                    "properties",
                    object([
                        ("roleDefinitionId", raw(id)),
                        ("principalId", raw(format!("{app}.identity.principalId"))),
                        ("principalType", "ServicePrincipal".into()),
                    ]),
                ),
            ],
        )
    }
}

impl Own {
    /// The role's definition, which can be assigned in this resource group alone.
    pub(crate) fn resource(&self) -> Resource {
        let permissions = object([
            ("actions", texts(self.actions.iter().copied())),
            ("dataActions", texts(self.data_actions.iter().copied())),
            ("notActions", Value::List(vec![])),
            ("notDataActions", Value::List(vec![])),
        ]);
        Resource::new(
            self.symbol,
            "Microsoft.Authorization/roleDefinitions@2022-04-01",
            vec![
                ("name", raw(format!("guid(resourceGroup().id, '{}')", self.symbol))),
                (
                    "properties",
                    object([
                        // Names of roles are those of the whole directory.
                        ("roleName", raw(format!("'Pikku {} (${{suffix}})'", self.name))),
                        ("description", self.description.into()),
                        ("type", "CustomRole".into()),
                        ("permissions", Value::List(vec![permissions])),
                        ("assignableScopes", Value::List(vec![raw("resourceGroup().id")])),
                    ]),
                ),
            ],
        )
    }
}
