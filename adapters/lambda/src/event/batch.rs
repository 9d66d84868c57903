use crate::error::InvocationError;
use pikku::{
    Engine,
    call::{Context, Trigger},
    dispatch::{Arrival, Target},
};
use serde::Serialize;

/// One record of a batch.
pub(super) struct Record {
    /// What the platform calls it in `batchItemFailures`.
    pub(super) item: String,
    /// Whether the records after a failed one must wait.
    pub(super) ordered: bool,
    /// The physical name of its source.
    pub(super) name: String,
    /// What it is a record of.
    pub(super) of: Of,
    /// The call's trigger.
    pub(super) trigger: Trigger,
}

/// What a record is one of.
pub(super) enum Of {
    Queue,
    Topic,
    Table,
    Stream,
    Object { event: String, key: String },
}

impl Record {
    /// What has arrived, to find its wiring.
    fn arrival(&self) -> Arrival<'_> {
        match &self.of {
            Of::Queue => Arrival::Queue(&self.name),
            Of::Topic => Arrival::Topic(&self.name),
            Of::Table => Arrival::Table(&self.name),
            Of::Stream => Arrival::Stream(&self.name),
            Of::Object { event, key } => Arrival::Object { bucket: &self.name, event, key },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    batch_item_failures: Vec<Failure<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    item_identifier: &'a str,
}

/// Calls the wired function for each record and reports those that failed, so that the platform hands over them alone.
///
/// In an ordered batch the first failure ends the work: it and everything after it is reported. The same when the
/// deadline comes: what was not begun was not done.
pub(super) async fn items(
    engine: &Engine,
    records: Vec<Record>,
    ordered: bool,
    context: Context,
) -> Result<String, InvocationError> {
    let targets = targets(engine, &records)?;
    let mut items = Vec::with_capacity(records.len());
    let mut failed = Vec::new();
    let mut stopped = false;
    for (record, target) in records.into_iter().zip(targets) {
        let late = context.deadline_ms.is_some_and(|deadline| engine.platform().now_ms() >= deadline);
        if stopped || late || engine.deliver(target, record.trigger, context.of_one()).await.is_err() {
            stopped = stopped || ordered;
            failed.push(items.len());
        }
        items.push(record.item);
    }
    let failures = failed.into_iter().map(|index| Failure { item_identifier: &items[index] });
    // Strings in a list: writing it cannot fail.
    Ok(serde_json::to_string(&Answer { batch_item_failures: failures.collect() }).unwrap_or_default())
}

/// Calls the wired function for each record where the platform can only be told that all of them failed: it then hands
/// over all of them again.
pub(super) async fn whole(engine: &Engine, records: Vec<Record>, context: Context) -> Result<String, InvocationError> {
    let targets = targets(engine, &records)?;
    let mut failure = None;
    for (record, target) in records.into_iter().zip(targets) {
        if let Err(problem) = engine.deliver(target, record.trigger, context.of_one()).await {
            failure.get_or_insert(problem);
        }
    }
    failure.map_or(Ok("null".into()), |problem| Err(InvocationError::from(&problem)))
}

/// The wiring of each record, found before the first one is handled.
fn targets(engine: &Engine, records: &[Record]) -> Result<Vec<Target>, InvocationError> {
    let target = |record: &Record| {
        let arrival = record.arrival();
        engine.target(&arrival).ok_or_else(|| InvocationError::unwired(&describe(&arrival), engine.source_ids()))
    };
    records.iter().map(target).collect()
}

/// What arrived, for a person.
pub(super) fn describe(arrival: &Arrival<'_>) -> String {
    match arrival {
        Arrival::Queue(name) => format!("the queue `{name}`"),
        Arrival::Schedule(name) => format!("the schedule `{name}`"),
        Arrival::Topic(name) => format!("the topic `{name}`"),
        Arrival::Object { bucket, event, key } => format!("`{event}` of `{key}` in the bucket `{bucket}`"),
        Arrival::Table(name) => format!("the table `{name}`"),
        Arrival::Stream(name) => format!("the stream `{name}`"),
        Arrival::Event { source, detail_type } => format!("the event `{detail_type}` of `{source}`"),
        Arrival::WebSocket(name) => format!("the WebSocket API `{name}`"),
        _ => "what arrived".into(),
    }
}
