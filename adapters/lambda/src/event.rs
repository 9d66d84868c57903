//! What arrived, and who takes it.

mod batch;
mod bus;
mod envelope;
mod records;
mod socket;
mod text;

use crate::{error::InvocationError, http};
pub(crate) use envelope::Envelope;
use pikku::{BoxFuture, Engine, Kinds, Selection, call::Context};
pub(crate) use text::{Text, owned, some};

/// Handles one event and gives the platform's answer as JSON.
///
/// The event is read once. Its kind is told by the members that only that kind has. What `S` does not select is not
/// compiled: the branches are decided by constants.
///
/// # Errors
///
/// The whole invocation failed: the event is malformed, nobody is wired for it, or a call failed where the platform has
/// no finer way to say so.
pub async fn handle<S: Selection>(
    engine: &Engine,
    event: &[u8],
    mut context: Context,
) -> Result<String, InvocationError> {
    context.deadline_ms = context.deadline_ms.map(|deadline| before(deadline, engine.platform().now_ms()));
    let envelope: Envelope<'_> = serde_json::from_slice(event).map_err(InvocationError::malformed)?;
    match taken::<S>(engine, envelope, context) {
        Ok(answer) => answer.await,
        Err(envelope) => Err(unknown(event, &envelope)),
    }
}

type Answer<'a> = BoxFuture<'a, Result<String, InvocationError>>;

/// The work on an event of a kind that the bundle takes; the event back where it takes no such kind.
///
/// Each kind is boxed: a branch that a constant rules out leaves no state in the future, and with it no code.
fn taken<'a, S: Selection>(
    engine: &'a Engine,
    envelope: Envelope<'a>,
    context: Context,
) -> Result<Answer<'a>, Box<Envelope<'a>>> {
    if const { S::KINDS.has_any(BATCHES) }
        && let Some(records) = envelope.records
    {
        return Ok(records::handle::<S>(engine, records, context));
    }
    if const { S::KINDS.has(Kinds::WEBSOCKET) } && envelope.is_socket() {
        return Ok(Box::pin(socket::handle(engine, envelope, context)));
    }
    if const { S::KINDS.has(Kinds::HTTP) }
        && !envelope.is_socket()
        && let Some(format) = http::Format::of(&envelope)
    {
        return Ok(Box::pin(http::handle(engine, format, envelope, context)));
    }
    if const { S::KINDS.has_any(Kinds::CRON.with(Kinds::EVENT)) } && envelope.detail_type.is_some() {
        return Ok(Box::pin(bus::handle(engine, envelope, context)));
    }
    Err(Box::new(envelope))
}

/// The kinds that come in batches.
const BATCHES: Kinds = Kinds::QUEUE.with(Kinds::TOPIC).with(Kinds::BUCKET).with(Kinds::TABLE).with(Kinds::STREAM);

/// The moment at which the runtime gives up, a little before the platform kills the sandbox: a twentieth of what is left,
/// 20 to 500 ms.
fn before(deadline_ms: u64, now_ms: u64) -> u64 {
    let left = deadline_ms.saturating_sub(now_ms);
    deadline_ms.saturating_sub((left / 20).clamp(20, 500))
}

fn unknown(event: &[u8], envelope: &Envelope<'_>) -> InvocationError {
    let what = if envelope.records.is_some() {
        "a batch of records".to_owned()
    } else if envelope.is_socket() {
        "a WebSocket event".to_owned()
    } else if http::Format::of(envelope).is_some() {
        "an HTTP request".to_owned()
    } else if let Some(detail_type) = &envelope.detail_type {
        format!("an event of the detail type `{}`", &**detail_type)
    } else {
        let members: Option<Vec<String>> = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(event)
            .ok()
            .map(|object| object.keys().take(12).map(|name| format!("`{name}`")).collect());
        let members = members.filter(|names| !names.is_empty()).map_or("no members".into(), |names| names.join(", "));
        return InvocationError::unknown(format!("this is no event that Lambda is known to send: it has {members}"));
    };
    InvocationError::unknown(format!("{what} arrived, but no function of this bundle is wired for its kind"))
}
