//! Messages that carry who caused them, from one group to another through a queue without attributes.

use crate::{calls::Parcels, work::Journal};
use pikku::{AuthError, BoxError, Call, Claims, Problem, Scopes, service::Queue};
use pikku_auth::message::{CallerKeys, Callers};
use pikku_rpc::Remote as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Signs and verifies who caused a message, and who makes a remote procedure call.
#[derive(Clone, Debug, pikku::CallerSigner)]
pub struct AppCallers(Callers);

#[pikku::service]
fn app_callers() -> Result<AppCallers, BoxError> {
    let keys = CallerKeys::parse("the-secret-of-these-tests-signs-nothing-else")?;
    Ok(AppCallers(Callers::new(keys).of_service(Parcels::NAME)))
}

/// Takes the signed caller of a message or of a call for its session.
#[pikku::authenticator(challenge = "")]
pub async fn message_caller(callers: &AppCallers, call: &Call) -> Result<Option<Claims>, AuthError> {
    callers.0.authenticate(call)
}

/// Takes the header `X-User` for a session, with the scopes of `X-Scopes`.
#[pikku::authenticator]
pub async fn user(call: &Call) -> Result<Option<Claims>, AuthError> {
    let header = |name| call.headers().and_then(|headers| headers.get(name));
    let Some(user) = header("x-user") else { return Ok(None) };
    let scopes = Scopes::parse(header("x-scopes").unwrap_or_default());
    Ok(Some(Claims::new(user.into()).with_subject(user).with_scopes(scopes)))
}

/// A box that somebody sends.
#[derive(Debug, Deserialize, Serialize, JsonSchema, pikku::Message)]
#[pikku(queue = "parcels", signed_by = AppCallers)]
pub struct Parcel {
    id: u32,
}

/// Sends a parcel.
#[pikku::function(session)]
pub async fn send_parcel(parcels: &Queue<Parcel>, parcel: Parcel) -> Result<(), Problem> {
    parcels.send(&parcel).await.map_err(|error| Problem::internal(error.to_string()))
}

/// Takes a parcel of whoever may.
#[pikku::function(scopes = ["parcels"])]
pub async fn take_parcel(call: &Call, journal: &Journal, parcel: Parcel) -> Result<(), Problem> {
    let subject = call.claims().and_then(Claims::subject).unwrap_or_default();
    let (trace, state) = (call.trace().unwrap_or("none"), call.trace_state().unwrap_or_default());
    journal.note(&format!("parcel {} of {subject}, trace {trace} {state}", parcel.id));
    Ok(())
}
