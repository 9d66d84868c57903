use crate::{Location, Reads, SessionMode};
use serde::{Deserialize, Serialize};

/// What a function says of who may call it, apart from the session that its parameters ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Whether it says that anyone may call it.
    #[serde(skip_serializing_if = "is_false")]
    pub public: bool,
    /// The scopes that a caller must have been granted, all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Whether it changes nothing, so that a read-only session may call it.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// Its tags: what applies to several functions is attached to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// How long a call may take, in milliseconds; absent where only the platform says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

impl Access {
    /// Whether nothing is said.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// A named set of scopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What it grants.
    pub scopes: Vec<String>,
    /// Where the app says that it has it.
    pub location: Location,
}

/// Whether a scope that was granted is the one that is required, or above it, as the runtime decides it.
pub fn covers(granted: &str, required: &str) -> bool {
    required.strip_prefix(granted).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// Something that stands around the calls of a wiring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// What it is.
    pub kind: LayerKind,
    /// Its name: that of the Rust function; `all`, `any` or `not` for a combination of permissions.
    pub name: String,
    /// The doc comment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where it is written; absent for a combination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The rule of a combination, such as `all(is_staff, not(is_suspended))`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where it is attached: `app`, `group orders`, `tag staff`, `routes /admin/{*rest}` or `function`.
    pub at: String,
    /// What it wants to know of the session.
    pub session: SessionMode,
    /// The names of the services that it reaches.
    pub services: Vec<String>,
    /// What it reads through them.
    #[serde(default, skip_serializing_if = "Reads::is_nothing")]
    pub reads: Reads,
    /// Whether it answers the preflights of a route, whose path then takes `OPTIONS`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub preflight: bool,
}

/// What something that stands around calls is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LayerKind {
    /// A source of sessions.
    Authenticator,
    /// A middleware.
    Middleware,
    /// A permission.
    Permission,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}
