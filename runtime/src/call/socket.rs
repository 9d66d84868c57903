use super::{Payload, from_json};
use crate::{Bytes, Problem, http::Headers};
use serde_json::Value;

/// A WebSocket's connection, message or end. A message's text is the function's input, as JSON.
#[derive(Debug, Clone, Default)]
pub struct SocketEvent {
    /// What happened.
    pub phase: SocketPhase,
    /// The id of the connection.
    pub connection_id: String,
    /// The route that the platform chose.
    pub route_key: String,
    /// The platform's id of the message.
    pub message_id: Option<String>,
    /// The stage that the platform names.
    pub stage: String,
    /// The host of the API; messages to its connections are sent there, below the stage.
    pub domain: String,
    /// The platform's id of the API.
    pub api_id: String,
    /// The headers, of a connection being made.
    pub headers: Headers,
    /// The decoded pairs of the query, of a connection being made.
    pub query: Vec<(String, String)>,
    /// The message.
    pub body: Bytes,
    /// Whether the message is binary.
    pub binary: bool,
    /// Why the connection ended, where the platform tells.
    pub close_code: Option<u16>,
    /// Why the connection ended, in words, where the platform tells.
    pub close_reason: Option<String>,
}

/// What happened to a WebSocket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SocketPhase {
    /// A client connects; a failed call refuses it.
    Connect,
    /// A message arrived.
    #[default]
    Message,
    /// The connection ended.
    Disconnect,
}

impl Payload for SocketEvent {
    fn input(&self) -> Result<Value, Problem> {
        from_json("message", &self.body)
    }
}
