use super::Claims;
use crate::{
    Problem,
    service::{Handle, PerCall, Plan, Service},
};
use std::{
    future::{Future, ready},
    sync::{Mutex, PoisonError},
};

/// Sets, replaces or clears the session of the caller: what a function takes, as `&SessionControl`, to log somebody in
/// or out.
///
/// The change is made when the function has succeeded, by the source that keeps sessions: one of cookies sends a new
/// cookie, or takes the old one away. A function that fails changes nothing. An app with a function that asks for this
/// and no source that keeps sessions does not start.
///
/// ```
/// use pikku::{Claims, SessionControl};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// pub struct LogIn { name: String, password: String }
///
/// #[pikku::function(public)]
/// pub async fn log_in(sessions: &SessionControl, input: LogIn) -> Result<(), pikku::Problem> {
///     // … look the password up …
///     sessions.set(Claims::new(serde_json::json!({ "name": input.name })));
///     Ok(())
/// }
/// ```
#[derive(Debug, Default)]
pub struct SessionControl(Mutex<Option<SessionChange>>);

/// What a function did to the session.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionChange {
    /// It set or replaced it.
    Set(Claims),
    /// It cleared it.
    Clear,
}

impl SessionControl {
    /// Sets or replaces the session. The last change of a call is the one that is made.
    pub fn set(&self, claims: Claims) {
        self.change_to(SessionChange::Set(claims));
    }

    /// Clears the session.
    pub fn clear(&self) {
        self.change_to(SessionChange::Clear);
    }

    /// What was done, for a unit test of a function.
    pub fn change(&self) -> Option<SessionChange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn go_back(&self, change: Option<SessionChange>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = change;
    }

    fn change_to(&self, change: SessionChange) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(change);
    }
}

impl Service for SessionControl {
    type Lifetime = PerCall;
    const NAME: &'static str = "SessionControl";
    const DEPTH_OF_THE_SERVICES_BELOW: usize = 0;

    fn plan(plan: &mut Plan) {
        plan.per_call::<Self>(|_| {});
        plan.changes_sessions();
    }

    fn get<'s>(scope: &'s crate::service::Scope<'_>) -> impl Future<Output = Result<Handle<'s, Self>, Problem>> + Send {
        ready(Ok(Handle::Shared(scope.call().session_control())))
    }
}
