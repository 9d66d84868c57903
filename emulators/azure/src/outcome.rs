//! What an invocation came to, as the host sees it.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, time::Duration};

/// An invocation that is over.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Invocation {
    /// The id that the host gave it.
    pub id: String,
    /// The function.
    pub function: String,
    /// What it came to.
    pub outcome: Outcome,
    /// The lines in `Logs` of the handler's answer.
    pub logs: Vec<String>,
    /// From handing it over to the end of the answer.
    pub duration: Duration,
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// It succeeded, and this is what the client gets.
    Response(Response),
    /// It succeeded, and these are its outputs.
    Completed(Outputs),
    /// It failed: the trigger's own way of trying again begins.
    Failed {
        /// Why, in the host's words where it has some.
        reason: String,
        /// The handler's status, where it answered.
        status: Option<u16>,
        /// What the handler answered, which the host does not read.
        body: Bytes,
    },
    /// The function timeout passed; the host has ended the handler and started it again.
    TimedOut {
        /// The timeout.
        after: Duration,
    },
}

/// What the host made of the outputs of an invocation.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Outputs {
    /// What each output binding gets, by its name.
    pub bindings: BTreeMap<String, Bytes>,
    /// What the invocation returned.
    pub return_value: Option<Bytes>,
    /// Outputs that no binding is declared for: the host drops them.
    pub dropped: Vec<String>,
}

/// A response to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// `{"statusCode","headers","body","isBase64Encoded"}`; values of one name are joined by commas.
    pub fn view(&self) -> Value {
        let mut headers: BTreeMap<&str, String> = BTreeMap::new();
        for (name, value) in &self.headers {
            headers
                .entry(name)
                .and_modify(|known| *known = format!("{known}, {value}"))
                .or_insert_with(|| value.clone());
        }
        let (body, encoded) = text(&self.body);
        json!({"statusCode": self.status, "headers": headers, "body": body, "isBase64Encoded": encoded})
    }
}

impl Invocation {
    /// Whether it succeeded for the host. A response of any status does.
    pub fn succeeded(&self) -> bool {
        matches!(self.outcome, Outcome::Response(_) | Outcome::Completed(_))
    }

    /// The response, of an HTTP function.
    pub fn response(&self) -> Option<&Response> {
        match &self.outcome {
            Outcome::Response(response) => Some(response),
            _ => None,
        }
    }

    /// The host's view as JSON: the response of an HTTP function, the outputs of any other, or `errorType` and
    /// `errorMessage` of what failed.
    pub fn view(&self) -> Value {
        match &self.outcome {
            Outcome::Response(response) => response.view(),
            Outcome::Completed(outputs) => {
                let shown = |octets: &Bytes| Value::from(text(octets).0);
                let bindings: Map<String, Value> =
                    outputs.bindings.iter().map(|(name, octets)| (name.clone(), shown(octets))).collect();
                json!({
                    "status": "Succeeded",
                    "outputs": bindings,
                    "returnValue": outputs.return_value.as_ref().map(shown),
                    "logs": self.logs,
                })
            }
            Outcome::Failed { reason, status, body } => {
                // What the handler says of itself, for who reads this; the host knows the status alone.
                let said: Option<Value> = serde_json::from_slice(body).ok();
                let said = said.as_ref().and_then(|said| said.get("detail")).and_then(Value::as_str);
                let message = said.map_or_else(|| reason.clone(), |said| format!("{reason} {said}"));
                json!({"status": "Failed", "errorType": "FunctionInvocationException", "errorMessage": message, "statusCode": status})
            }
            Outcome::TimedOut { after } => json!({
                "status": "Failed",
                "errorType": "FunctionTimeoutException",
                "errorMessage": format!("Timeout value of {after:?} exceeded by function: {}", self.function),
            }),
        }
    }
}

fn text(octets: &[u8]) -> (String, bool) {
    match std::str::from_utf8(octets) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (BASE64_STANDARD.encode(octets), true),
    }
}
