//! Who did what, and what came of it.
//!
//! ```
//! use pikku_middleware::audit::{Audit, CallLog, Policy};
//!
//! /// Whatever staff does to accounts.
//! struct Accounts;
//!
//! impl Policy for Accounts {
//!     const NAME: &'static str = "accounts";
//!     const FIELDS: &'static [&'static str] = &["/account", "/change/role"];
//!     type Sink = CallLog;
//! }
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .tag("accounts", |l| l.middleware::<Audit<Accounts>>())
//! # .tag("accounts", |l| l.middleware::<Audit<Accounts>>())
//! # }
//! ```
//!
//! Of each call a [`Record`] goes to the policy's [`Sink`]: a service of the app that writes it to a table, or [`CallLog`]. It says when,
//! which function on which transport, the [subject](pikku::Claims::subject) of the session, the outcome's status and code, how long it
//! took, the call's id and trace. Refused calls are told too: without a session, without a scope or a permission.
//!
//! Nothing of the input is in it but the fields that the policy names, as JSON Pointers (RFC 6901), and of these numbers, flags and
//! texts of up to 256 characters; lists and objects stand as `"[list]"` and `"[object]"`. Whoever names a field says that it may be
//! read in the audit log.
//!
//! # When a record cannot be written
//!
//! Unless the policy says otherwise the call goes on, and the record is in the call's own log, as an error. Where it is
//! [`REQUIRED`](Policy::REQUIRED) nothing is done that is not told: a record of the call's beginning is written first, and if it cannot
//! be, the call is answered `503`, `audit_failed`, and not made; if that of its end cannot be, it is answered `500`, though it is done.
//! A call that was dropped before its end, as of a client that is gone, is in the call's own log, and has a record of its beginning.
//!
//! It does not look at the session, and stands around what establishes one. So the subject is known where the function or something
//! around it asks for the session, and not in the record of a beginning.

use crate::{
    refusal,
    text::{self, Name},
};
use pikku::{
    BoxError, BoxFuture, Call, Middleware, Next, Outcome, Problem, Service, StatusCode,
    function::{Meta, Reply},
    platform::Level,
    service::{Plan, Scope},
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{future::ready, marker::PhantomData};

/// Tells who did what. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct Audit<P>(PhantomData<fn() -> P>);

/// What is told, and to whom.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` and the records call it; unique among those of the app.
    const NAME: &'static str;
    /// The fields of inputs that are told, as JSON Pointers; none where nothing is said.
    const FIELDS: &'static [&'static str] = &[];
    /// Whether calls are made only if they can be told.
    const REQUIRED: bool = false;
    /// What the records are written to.
    type Sink: Service + Sink;
}

/// Takes records.
pub trait Sink: Send + Sync + 'static {
    /// Writes one. It is written when the future completes.
    fn write<'a>(&'a self, call: &'a Call, record: &'a Record<'a>) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// What is told of a call. As JSON, what is absent is left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Record<'a> {
    /// The name of the policy.
    pub policy: &'static str,
    /// Whether the call begins or has ended.
    pub phase: Phase,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The function.
    pub function: &'static str,
    /// How it was called: `http`, `queue`, `schedule`, `topic`, `object`, `table`, `stream`, `event`, `websocket` or `direct`.
    pub transport: &'static str,
    /// The id of the call.
    pub call_id: &'a str,
    /// The trace of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<&'a str>,
    /// Who called, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// The status that it ended in. A success without one of its own is 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The code of the problem that it ended in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// The fields of the input that the policy names and that are there, by their pointers. Nothing of one that is not valid.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub input: Map<String, Value>,
}

/// Whether a call begins or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It begins.
    Begun,
    /// It has ended.
    Ended,
}

/// Writes records to the log of the call, as JSON in the detail of a line whose message is `audit`.
#[derive(Clone, Copy, Debug)]
pub struct CallLog;

#[pikku::service]
fn call_log() -> CallLog {
    CallLog
}

impl Sink for CallLog {
    fn write<'a>(&'a self, call: &'a Call, record: &'a Record<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(ready(match serde_json::to_string(record) {
            Ok(text) => {
                call.log(Level::Info, "audit", Some(&text));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }))
    }
}

/// The most characters of a text that is told.
const MOST: usize = 256;

/// The fields that are told.
fn told(input: &Value, fields: &[&str]) -> Map<String, Value> {
    let found = fields.iter().filter_map(|field| input.pointer(field).map(|value| (*field, value)));
    let told = found.map(|(field, value)| {
        let value = match value {
            Value::Array(_) => Value::from("[list]"),
            Value::Object(_) => Value::from("[object]"),
            Value::String(text) if text.chars().nth(MOST).is_some() => {
                Value::String(text.chars().take(MOST).chain(['…']).collect())
            }
            other => other.clone(),
        };
        (field.to_owned(), value)
    });
    told.collect()
}

fn transport(call: &Call) -> &'static str {
    let transports = [
        (call.http().is_some(), "http"),
        (call.queue().is_some(), "queue"),
        (call.schedule().is_some(), "schedule"),
        (call.topic().is_some(), "topic"),
        (call.object().is_some(), "object"),
        (call.table().is_some(), "table"),
        (call.stream().is_some(), "stream"),
        (call.event().is_some(), "event"),
        (call.socket().is_some(), "websocket"),
    ];
    transports.into_iter().find(|(is_it, _)| *is_it).map_or("direct", |(_, name)| name)
}

/// A call that has not ended. Where it is dropped so, its log says so.
struct Unended<'a>(Option<&'a Call>);

impl Drop for Unended<'_> {
    fn drop(&mut self) {
        if let Some(call) = self.0 {
            call.log(Level::Warn, "a call that is audited was dropped before its end", None);
        }
    }
}

impl<P: Policy> Audit<P> {
    const NAMED: &'static Name = &text::name("audit", P::NAME);
    const FIELDS: &'static [&'static str] = {
        let mut at = 0;
        while at < P::FIELDS.len() {
            let pointer = P::FIELDS[at].as_bytes();
            assert!(!pointer.is_empty() && pointer[0] == b'/', "a field is a JSON Pointer, such as `/account`");
            at += 1;
        }
        P::FIELDS
    };

    async fn audited(scope: &Scope<'_>, next: Next<'_>) -> Outcome {
        let call = scope.call();
        let sink = P::Sink::get(scope).await?;
        // An input that is not valid ends the call further in.
        let input = if Self::FIELDS.is_empty() { None } else { next.input().ok() };
        let began_ms = call.now_ms();
        let mut record = Record {
            policy: P::NAME,
            phase: Phase::Begun,
            at_ms: began_ms,
            function: call.function(),
            transport: transport(call),
            call_id: call.id(),
            trace: call.trace(),
            subject: None,
            status: None,
            code: None,
            took_ms: None,
            input: input.map(|input| told(&input, Self::FIELDS)).unwrap_or_default(),
        };
        if P::REQUIRED {
            sink.write(call, &record).await.map_err(|error| {
                let problem = refusal::unavailable("audit_failed", "this cannot be done right now", 1);
                problem.with_private(format!("the audit record cannot be written: {error}"))
            })?;
        }
        let mut unended = Unended(Some(call));
        let outcome = next.run().await;
        unended.0 = None;
        record.phase = Phase::Ended;
        record.at_ms = call.now_ms();
        record.took_ms = Some(record.at_ms.saturating_sub(began_ms));
        record.subject = call.claims().and_then(|claims| claims.subject());
        record.status = Some(match &outcome {
            Ok(Reply::Response(response)) => response.status.as_u16(),
            Ok(_) => 200,
            Err(problem) => problem.status().as_u16(),
        });
        record.code = outcome.as_ref().err().map(Problem::code);
        let Err(error) = sink.write(call, &record).await else { return outcome };
        // What was to be told is not lost.
        let text = serde_json::to_string(&record).unwrap_or_default();
        call.log(Level::Error, "an audit record cannot be written", Some(&format!("{error}: {text}")));
        if P::REQUIRED {
            let detail = "this was done, and could not be recorded";
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "audit_failed", detail).with_retry(false));
        }
        outcome
    }
}

impl<P: Policy> Middleware for Audit<P> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Tells who did what.", [P::Sink::NAME]);

    fn plan(plan: &mut Plan) {
        P::Sink::plan(plan);
    }

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(Self::audited(scope, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_named_fields_are_told_and_little_of_them() {
        let input = json!({
            "account": "a1", "password": "hunter2", "change": { "role": "staff", "secret": "hunter2" },
            "list": ["hunter2"], "long": "é".repeat(300), "a/b": 1, "none": null,
        });
        let fields =
            ["/account", "/change/role", "/change", "/list", "/list/0/x", "/long", "/a~1b", "/none", "/missing"];
        let told = told(&input, &fields);
        assert_eq!(
            Value::Object(told.clone()),
            json!({
                "/account": "a1", "/change/role": "staff", "/change": "[object]", "/list": "[list]",
                "/long": format!("{}…", "é".repeat(256)), "/a~1b": 1, "/none": null,
            })
        );
        assert!(!Value::Object(told).to_string().contains("hunter2"));
    }
}
