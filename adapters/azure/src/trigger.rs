//! What arrived in an invocation, and who takes it.

mod blob;
mod event;
mod hub;
mod message;
mod timer;

use crate::invocation::{Failure, Members, decoded, part};
use pikku::{
    Engine, Kinds, Selection,
    call::Trigger,
    dispatch::{Arrival, Target},
};
use serde_json::value::RawValue;

/// The events of an invocation.
pub(crate) struct Deliveries {
    /// The service that they come from.
    pub(crate) service: &'static str,
    pub(crate) of: Vec<Delivery>,
}

/// One event and its wiring.
pub(crate) struct Delivery {
    pub(crate) target: Target,
    pub(crate) trigger: Trigger,
    /// How often it has been tried, where it is a message.
    pub(crate) tried: Option<Tried>,
}

/// How often a message has been tried, this time included.
pub(crate) struct Tried {
    pub(crate) message: String,
    pub(crate) count: u32,
    /// Whether it is of a storage queue, for which the host counts.
    pub(crate) storage: bool,
}

/// One invocation, its trigger read.
pub(crate) struct Invoked<'a> {
    engine: &'a Engine,
    /// The wiring of the function's name.
    named: Option<Target>,
    function: &'a str,
    /// The id of the invocation.
    id: &'a str,
    data: &'a RawValue,
    metadata: &'a Members<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Queue,
    Topic,
    Stream,
    Bucket,
    Event,
    Cron,
}

/// Reads what arrived. Kinds that `S` does not select are not compiled.
pub(crate) fn read<'a, S: Selection>(
    engine: &'a Engine,
    function: &'a str,
    data: &'a RawValue,
    metadata: &'a Members<'a>,
    id: &'a str,
) -> Result<Deliveries, Failure> {
    let named = engine.target_named(function);
    let kind = match named {
        Some((_, kind)) => named_kind(kind),
        None => Some(told_kind(data, metadata)),
    };
    let invoked = Invoked { engine, named: named.map(|(target, _)| target), function, id, data, metadata };
    if const { S::KINDS.has(Kinds::QUEUE) } && kind == Some(Kind::Queue) {
        return message::of_queue(&invoked);
    }
    if const { S::KINDS.has(Kinds::CRON) } && kind == Some(Kind::Cron) {
        return timer::read(&invoked);
    }
    if const { S::KINDS.has(Kinds::EVENT) } && kind == Some(Kind::Event) {
        return event::read(&invoked);
    }
    if const { S::KINDS.has(Kinds::STREAM) } && kind == Some(Kind::Stream) {
        return hub::read(&invoked);
    }
    if const { S::KINDS.has(Kinds::BUCKET) } && kind == Some(Kind::Bucket) {
        return blob::read(&invoked);
    }
    if const { S::KINDS.has(Kinds::TOPIC) } && kind == Some(Kind::Topic) {
        return message::of_topic(&invoked);
    }
    Err(invoked.unwired())
}

impl Invoked<'_> {
    fn target(&self, arrival: &Arrival<'_>) -> Result<Target, Failure> {
        self.named.or_else(|| self.engine.target(arrival)).ok_or_else(|| self.unwired())
    }

    fn unwired(&self) -> Failure {
        let wired: Vec<&str> = self.engine.source_ids().collect();
        let wired = if wired.is_empty() { "no source".to_owned() } else { wired.join(", ") };
        let function = self.function;
        Failure::Unwired(format!(
            "nothing is wired for the function `{function}`; this bundle is wired for {wired}, and PIKKU_SOURCES names the \
             functions of these"
        ))
    }

    /// The binding's value as text.
    fn body(&self) -> String {
        decoded(self.data)
    }
}

fn named_kind(kind: &str) -> Option<Kind> {
    Some(match kind {
        "queue" => Kind::Queue,
        "topic" => Kind::Topic,
        "stream" => Kind::Stream,
        "bucket" => Kind::Bucket,
        "event" => Kind::Event,
        "cron" => Kind::Cron,
        _ => return None,
    })
}

/// The kind, told by the members that only it has. Only for functions that are no wiring's own, since a message's body can add
/// to the metadata.
fn told_kind(data: &RawValue, metadata: &Members<'_>) -> Kind {
    let any = |members: &Members<'_>, names: &[&str]| names.iter().any(|name| members.get(name).is_some());
    let of_object = |json: &RawValue| {
        let members: Members<'_> = part("", json).ok()?;
        if any(&members, &["specversion", "eventType"]) {
            Some(Kind::Event)
        } else if any(&members, &["IsPastDue", "ScheduleStatus"]) {
            Some(Kind::Cron)
        } else {
            None
        }
    };
    if let Some(kind) = of_object(data) {
        return kind;
    }
    if any(metadata, &["DequeueCount", "PopReceipt", "LockToken", "DeliveryCount"]) {
        return Kind::Queue;
    }
    if any(metadata, &["PartitionContext", "TriggerPartitionContext", "SystemProperties", "SystemPropertiesArray"]) {
        return Kind::Stream;
    }
    if any(metadata, &["BlobTrigger", "Uri"]) {
        return Kind::Bucket;
    }
    let text = decoded(data);
    let first = text.trim_start_matches([' ', '\r', '\n', '\t', '[']);
    let first = serde_json::Deserializer::from_str(first).into_iter::<&RawValue>().next();
    first.and_then(Result::ok).and_then(of_object).unwrap_or(Kind::Queue)
}
