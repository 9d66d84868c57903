use serde::{Deserialize, Serialize};

/// Something a service must be allowed to do outside its process.
///
/// A platform turns each into the narrowest permission it has: a resource and the actions on it, never a wildcard.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "action", content = "name", deny_unknown_fields)]
pub enum Need {
    /// Send messages to the queue of that name.
    SendToQueue(String),
    /// Publish to the topic of that name.
    PublishToTopic(String),
    /// Put events on the event bus of that name; `default` is the account's own.
    PutEvents(String),
    /// Read objects of the bucket of that name.
    ReadBucket(String),
    /// Write and delete objects of the bucket of that name.
    WriteBucket(String),
    /// Read items of the table of that name.
    ReadTable(String),
    /// Write and delete items of the table of that name.
    WriteTable(String),
    /// Put records on the stream of that name.
    PutToStream(String),
    /// Read the secret of that name.
    ReadSecret(String),
    /// Read the configuration parameter of that name.
    ReadParameter(String),
    /// Have the environment variable of that name set.
    Variable(String),
    /// Read the environment variable of that name where it is set.
    OptionalVariable(String),
    /// Use the database of that name that the platform binds to the bundle, such as Cloudflare's D1.
    Database(String),
    /// Use the key-value store of that name that the platform binds to the bundle, such as Cloudflare's KV.
    KeyValue(String),
    /// Call the group of that name.
    CallGroup(String),
}
