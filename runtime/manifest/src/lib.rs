//! The manifest: the one description of an app.
//!
//! The packager, deployment files, OpenAPI, typed clients and reports read the manifest and nothing else. An app
//! writes it itself: the packager builds the app for the host with the runtime's `introspect` feature and asks it, so
//! that types, not source text, decide what it says.
//!
//! The manifest is versioned JSON. A reader refuses a [`Manifest::manifest_version`] it does not know.
//! Everything in it is sorted or in the order the app declares it, so that the same app gives the same bytes.

mod access;
mod fields;
mod need;
mod reads;
mod wiring;

pub use access::{Access, Layer, LayerKind, Role, covers};
pub use fields::{FieldShape, Shape, fields};
pub use need::Need;
pub use reads::Reads;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
pub use wiring::{
    Binding, Bucket, Cron, EventPattern, Http, HttpField, Misfire, Overlap, Queue, Source, Stream, Table, Topic,
    WebSocket, Wiring, WiringKind,
};

/// The version of the manifest's own form that this crate reads and writes.
pub const MANIFEST_VERSION: u32 = 1;

/// An app as its types and wirings describe it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this form; [`MANIFEST_VERSION`].
    pub manifest_version: u32,
    /// The groups in the order the app declares them.
    pub groups: Vec<Group>,
    /// The functions that some wiring reaches, sorted by name.
    pub functions: Vec<Function>,
    /// The services those functions reach, directly or through other services, sorted by name.
    pub services: Vec<Service>,
    /// The scopes that the app has, sorted; absent where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// The roles that the app says it has, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// The types of what stands around all of its HTTP, outside of routing, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub around_http: Vec<String>,
    /// What the app itself found wrong while it was described, such as two functions of one name.
    /// A packager refuses an app that has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// The JSON Schema (draft 2020-12) that every manifest follows.
#[cfg(feature = "schema")]
pub fn schema() -> Value {
    schemars::schema_for!(Manifest).to_value()
}

/// A group of functions: the unit of deployment, one bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The group's name, in kebab case; it names the bundle.
    pub name: String,
    /// The wirings in the order the app declares them.
    pub wirings: Vec<Wiring>,
}

/// A business function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// The function's name, unique in the app.
    pub name: String,
    /// The path of its Rust module, such as `shop::orders`.
    pub module: String,
    /// The doc comment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where it is written.
    pub location: Location,
    /// The JSON Schema (draft 2020-12) of what it takes; absent when it takes no input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// The JSON Schema (draft 2020-12) of what it answers; absent when it answers nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// The errors of its own error type, in the order of the variants.
    pub errors: Vec<ErrorCase>,
    /// The names of the services it asks for, in the order of its parameters.
    pub services: Vec<String>,
    /// What it demands of the caller.
    pub session: SessionMode,
    /// What it says of who may call it.
    #[serde(default, skip_serializing_if = "Access::is_nothing")]
    pub access: Access,
    /// What it reads through its services, directly or through other services.
    #[serde(default, skip_serializing_if = "Reads::is_nothing")]
    pub reads: Reads,
}

/// What a function demands of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SessionMode {
    /// It does not look at the session.
    None,
    /// It takes a session where there is one.
    Optional,
    /// Without a session it is not called.
    Required,
}

/// One way a function can fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ErrorCase {
    /// The stable code that clients match on, such as `out_of_stock`.
    pub code: String,
    /// The HTTP status, 400 to 599.
    pub status: u16,
    /// The public description.
    pub title: String,
    /// Whether the same call may succeed later.
    pub retry: bool,
}

/// A service and what it needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The service's name: that of its type.
    pub name: String,
    /// The full path of its type.
    pub type_name: String,
    /// How long one value of it lives.
    pub lifetime: Lifetime,
    /// The names of the services its constructor asks for.
    pub depends_on: Vec<String>,
    /// What it must be allowed to do outside the process.
    pub needs: Vec<Need>,
    /// Whether it is closed when the process ends.
    pub closes: bool,
    /// The JSON Schema (draft 2020-12) of the messages that it sends to its queue; absent in all but typed producers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Value>,
}

/// How long one value of a service lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    /// Built once, before the first event.
    Singleton,
    /// Built once for each call that reaches it.
    PerCall,
}

/// A place in source code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// The file, as the compiler names it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// Something wrong with the app as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What is wrong, for a person.
    pub message: String,
    /// Where.
    pub location: Location,
}

impl Manifest {
    /// The group of that name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The function of that name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// The functions that a group's wirings reach, sorted by name, each once.
    pub fn functions_of(&self, group: &Group) -> Vec<&Function> {
        self.functions.iter().filter(|f| group.wirings.iter().any(|w| w.function == f.name)).collect()
    }

    /// The services that a group's functions reach, and what stands around their calls, directly or through other services,
    /// sorted by name.
    pub fn services_of(&self, group: &Group) -> Vec<&Service> {
        let functions = self.functions_of(group).into_iter().flat_map(|f| &f.services);
        let around = group.wirings.iter().flat_map(|w| &w.layers).flat_map(|l| &l.services);
        self.reached(functions.chain(around).map(String::as_str))
    }

    /// The services of those names, and those that they reach through other services, sorted by name.
    pub fn reached<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Vec<&Service> {
        let mut open: Vec<&str> = names.into_iter().collect();
        let mut reached = BTreeSet::new();
        while let Some(name) = open.pop() {
            if reached.insert(name) {
                open.extend(self.service(name).into_iter().flat_map(|s| &s.depends_on).map(String::as_str));
            }
        }
        self.services.iter().filter(|s| reached.contains(s.name.as_str())).collect()
    }
}
