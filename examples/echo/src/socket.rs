//! WebSockets.

use crate::{
    log::{EchoLog, unexpected},
    request::{SeenBody, headers},
};
use pikku::{Call, Problem, call::SocketPhase};
use serde_json::json;

/// Shows what happened to a WebSocket.
#[pikku::function(public)]
pub async fn show_socket(call: &Call, log: &EchoLog) -> Result<(), Problem> {
    let event = call.socket().ok_or_else(|| unexpected(call))?;
    let phase = match event.phase {
        SocketPhase::Connect => "connect",
        SocketPhase::Message => "message",
        SocketPhase::Disconnect => "disconnect",
    };
    log.show(&json!({
        "phase": phase,
        "connection_id": event.connection_id,
        "route_key": event.route_key,
        "message_id": event.message_id,
        "stage": event.stage,
        "domain": event.domain,
        "api_id": event.api_id,
        "management_endpoint_host_and_stage": format!("{}/{}", event.domain, event.stage),
        "headers": headers(&event.headers),
        "query": event.query,
        "body": (event.phase == SocketPhase::Message).then(|| SeenBody::of(&event.body)),
        "binary": event.binary,
        "close_code": event.close_code,
        "close_reason": event.close_reason,
    }))
}
