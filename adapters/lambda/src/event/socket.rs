use super::{
    batch::describe,
    envelope::Envelope,
    text::{owned, some},
};
use crate::{error::InvocationError, http};
use pikku::{
    Engine,
    call::{Context, SocketEvent, SocketPhase},
    dispatch::Arrival,
    function::Reply,
};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// Handles an event of a WebSocket API ("WebSocket APIs" of the API Gateway guide). Headers and query come with a
/// connection being made, a body with a message.
pub(super) async fn handle(
    engine: &Engine,
    event: Envelope<'_>,
    mut context: Context,
) -> Result<String, InvocationError> {
    let Some(socket) = event.request_context else {
        return Err(InvocationError::malformed("it is a WebSocket event without `requestContext`"));
    };
    context.identity = socket.identity_of_caller();
    let phase = match socket.event_type.as_deref() {
        Some("CONNECT") => SocketPhase::Connect,
        Some("MESSAGE") => SocketPhase::Message,
        Some("DISCONNECT") => SocketPhase::Disconnect,
        other => {
            let other = other.unwrap_or_default();
            return Err(InvocationError::malformed(format!("it is a WebSocket event of the unknown type `{other}`")));
        }
    };
    let multi_headers = event.multi_value_headers.map(|pairs| pairs.0).filter(|pairs| !pairs.is_empty());
    let headers = multi_headers.or(event.headers.map(|pairs| pairs.0)).unwrap_or_default();
    let multi_query = event.multi_value_query_string_parameters.map(|pairs| pairs.0).filter(|pairs| !pairs.is_empty());
    let query = multi_query.or(event.query_string_parameters.map(|pairs| pairs.0)).unwrap_or_default();
    let malformed = |problem: pikku::Problem| InvocationError::malformed(problem.detail());
    let trigger = SocketEvent {
        phase,
        connection_id: owned(socket.connection_id.as_ref()),
        route_key: owned(socket.route_key.as_ref()),
        message_id: some(socket.message_id.as_ref()),
        stage: owned(socket.stage.as_ref()),
        domain: owned(socket.domain_name.as_ref()),
        api_id: owned(socket.api_id.as_ref()),
        headers: http::headers(headers).map_err(malformed)?,
        query: query.into_iter().map(|(name, value)| (name.0.into_owned(), value.0.into_owned())).collect(),
        body: http::body(event.body.as_ref(), event.is_base64_encoded).map_err(malformed)?,
        binary: event.is_base64_encoded == Some(true),
        close_code: socket.disconnect_status_code.and_then(|code| u16::try_from(code).ok()),
        close_reason: some(socket.disconnect_reason.as_ref()).filter(|reason| !reason.is_empty()),
    };
    let arrival = Arrival::WebSocket(&trigger.api_id);
    let target =
        engine.target(&arrival).ok_or_else(|| InvocationError::unwired(&describe(&arrival), engine.source_ids()))?;
    let answer = match engine.deliver(target, trigger.into(), context).await {
        Ok(Reply::Json(body)) if phase == SocketPhase::Message => {
            Answer { status_code: 200, body: Some(String::from_utf8_lossy(&body).into_owned()) }
        }
        Ok(_) => Answer { status_code: 200, body: None },
        Err(problem) => Answer {
            status_code: problem.status().as_u16(),
            body: Some(String::from_utf8_lossy(&problem.to_json()).into_owned()),
        },
    };
    // A number and a string: writing it cannot fail.
    Ok(serde_json::to_string(&answer).unwrap_or_default())
}
