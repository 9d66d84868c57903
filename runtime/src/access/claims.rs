use super::Scopes;
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// What a session says of its caller, as an [authenticator](macro@crate::authenticator) established it.
///
/// The value is read as the app's own type where a function takes `Session<User>`. It is not printed.
#[derive(Clone, Default, PartialEq)]
pub struct Claims {
    value: Value,
    subject: Option<String>,
    scopes: Scopes,
    read_only: bool,
}

impl Claims {
    /// A session of this value, without scopes.
    pub fn new(value: Value) -> Self {
        Self { value, ..Self::default() }
    }

    /// A session of this value, without scopes.
    ///
    /// # Errors
    ///
    /// It cannot be written as JSON.
    pub fn of(user: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_value(user).map(Self::new)
    }

    /// The same, of this user: whatever the app knows the account by and never gives to another, such as `sub` of a token.
    /// Stores of sessions find all those of a user by it.
    #[must_use]
    pub fn with_subject(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }

    /// The same, granted these scopes and no other.
    #[must_use]
    pub fn with_scopes(self, scopes: Scopes) -> Self {
        Self { scopes, ..self }
    }

    /// The same; it may call only functions that are marked `read_only`.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Whose session it is, where the source says.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The scopes that were granted.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Whether it may call only functions that are marked `read_only`.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut claims = formatter.debug_struct("Claims");
        claims.field("scopes", &self.scopes).field("read_only", &self.read_only).finish_non_exhaustive()
    }
}
