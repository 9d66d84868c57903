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
    dispatch::{Arrival, Target, Wired},
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
    /// The physical name of the source, or that of the function where it is not known.
    source: &'a str,
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
    let wired = wired(engine, function);
    let kind = match &wired {
        Some(wired) => named_kind(wired.kind),
        None => Some(told_kind(data, metadata)),
    };
    let source = wired.and_then(|wired| wired.source).unwrap_or(function);
    let named = wired.map(|wired| wired.target);
    let invoked = Invoked { engine, named, function, source, id, data, metadata };
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
            "nothing is wired for the function `{function}`; this bundle is wired for {wired}, whose functions are named after \
             that, as in `queue-orders` for `queue:orders`"
        ))
    }

    /// The binding's value as text.
    fn body(&self) -> String {
        decoded(self.data)
    }
}

/// The wiring that a function is for, by its name: the wiring's id, in which what no function's name can hold is `-`. One that
/// takes any source has a function that begins with its kind and `_any`.
pub(crate) fn wired<'a>(engine: &'a Engine, function: &str) -> Option<Wired<'a>> {
    engine.wired(|id| match id.strip_suffix(":*") {
        Some(kind) => function.strip_prefix(kind).is_some_and(|rest| rest.starts_with("_any")),
        None => is_named_after(function, id),
    })
}

fn is_named_after(function: &str, id: &str) -> bool {
    let mut name = function.bytes();
    let mut dashes = false;
    for octet in id.bytes() {
        if octet.is_ascii_alphanumeric() || octet == b'_' {
            if std::mem::take(&mut dashes) && name.next() != Some(b'-') {
                return false;
            }
            if name.next() != Some(octet) {
                return false;
            }
        } else {
            dashes = true;
        }
    }
    name.next().is_none()
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

#[cfg(test)]
mod tests {
    use super::is_named_after;

    #[test]
    fn a_function_is_named_after_its_wiring() {
        for (id, name) in [
            ("queue:orders-placed", "queue-orders-placed"),
            ("queue:ledger.fifo", "queue-ledger-fifo"),
            ("cron:nightly", "cron-nightly"),
            ("event:on_order", "event-on_order"),
            ("queue:a--b.", "queue-a-b"),
        ] {
            assert!(is_named_after(name, id), "{id}");
            for other in
                [format!("{name}x"), format!("{name}-"), name[..name.len() - 1].to_owned(), name.to_uppercase()]
            {
                assert!(!is_named_after(&other, id), "{other}");
            }
        }
    }
}
