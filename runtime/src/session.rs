use crate::{Call, Problem, function::FromCall};
use serde::de::DeserializeOwned;
use std::ops::Deref;

/// What a function demands of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionMode {
    /// It does not look at the session.
    None,
    /// It takes a session where there is one.
    Optional,
    /// Without a session it is not called.
    Required,
}

impl SessionMode {
    /// The stricter of two.
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Required, _) | (_, Self::Required) => Self::Required,
            (Self::Optional, _) | (_, Self::Optional) => Self::Optional,
            _ => Self::None,
        }
    }
}

/// The session of the caller, as the app's own type `U`.
///
/// A function that takes `Session<U>` is called only with a session; one that takes `Option<Session<U>>` also without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session<U>(pub U);

impl<U> Deref for Session<U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.0
    }
}

impl<'a, U: DeserializeOwned> FromCall<'a> for Session<U> {
    const SESSION: SessionMode = SessionMode::Required;

    fn from_call(call: &'a Call) -> Result<Self, Problem> {
        Option::<Self>::from_call(call)?.ok_or_else(Problem::no_session)
    }
}

impl<'a, U: DeserializeOwned> FromCall<'a> for Option<Session<U>> {
    const SESSION: SessionMode = SessionMode::Optional;

    fn from_call(call: &'a Call) -> Result<Self, Problem> {
        let Some(claims) = call.claims() else { return Ok(None) };
        // A session that is not of the app's type is no session: its maker and the app disagree.
        U::deserialize(claims.value()).map(|user| Some(Session(user))).map_err(|error| {
            Problem::no_session().with_private(format!("the session is not of the type the function asks for: {error}"))
        })
    }
}
