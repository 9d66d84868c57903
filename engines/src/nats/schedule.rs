//! Leases and the marks of schedules, in a bucket whose revisions tell who was first.

use super::{queue, queue::Queues, store::Store};
use crate::{EngineError, ErrorKind, Fired, Firing, Lease, Time};
use async_nats::jetstream::{
    kv::{self, CreateErrorKind, Entry, UpdateErrorKind},
    stream,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const BUCKET: &str = "pikku-schedules";

/// A lease as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    holder: String,
    token: u64,
    until: i64,
}

/// Makes the bucket, or finds it. What the client would do for it asks for more than servers before 2.10 can tell.
pub(super) async fn bucket(store: &Store) -> Result<kv::Store, EngineError> {
    let config = stream::Config {
        name: format!("KV_{BUCKET}"),
        subjects: vec![format!("$KV.{BUCKET}.>")],
        max_messages_per_subject: 1,
        discard: stream::DiscardPolicy::New,
        allow_rollup: true,
        allow_direct: true,
        deny_delete: true,
        num_replicas: store.settings.replicas,
        ..stream::Config::default()
    };
    store.context.create_or_update_stream(config).await.map_err(|error| store.failed(error))?;
    store.context.get_key_value(BUCKET).await.map_err(|error| store.failed(error))
}

/// Whether the bucket can be reached.
pub(super) async fn health(store: &Store) -> Result<(), EngineError> {
    store.context.get_stream(format!("KV_{BUCKET}")).await.map(drop).map_err(|error| store.failed(error))
}

/// A name as keys are: hexadecimal, for keys have few characters.
fn key(kind: &str, name: &str) -> String {
    let hex: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}.{hex}")
}

async fn entry(store: &Store, bucket: &kv::Store, key: &str) -> Result<Option<Entry>, EngineError> {
    bucket.entry(key).await.map_err(|error| store.failed(error))
}

fn read<'a, T: Deserialize<'a>>(store: &Store, entry: &'a Entry) -> Result<T, EngineError> {
    serde_json::from_slice(&entry.value).map_err(|error| {
        let reason = format!("`{}` in the bucket `{BUCKET}` is not what was written", entry.key);
        EngineError::new(ErrorKind::Corrupt, store.place.clone(), reason).caused_by(error)
    })
}

/// Writes a value where nobody has written meanwhile. Answers whether it was written.
async fn write(
    store: &Store,
    bucket: &kv::Store,
    key: &str,
    value: &impl Serialize,
    earlier: Option<&Entry>,
) -> Result<bool, EngineError> {
    let value = serde_json::to_vec(value).map_err(|error| {
        EngineError::new(ErrorKind::Store, store.place.clone(), "a mark cannot be written").caused_by(error)
    })?;
    match earlier {
        Some(entry) => match bucket.update(key, value.into(), entry.revision).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(false),
            Err(error) => Err(store.failed(error)),
        },
        None => match bucket.create(key, value.into()).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(store.failed(error)),
        },
    }
}

pub(super) async fn lease(
    store: &Store,
    bucket: &kv::Store,
    name: &str,
    holder: &str,
    span: Duration,
) -> Result<Option<Lease>, EngineError> {
    let key = key("lease", name);
    let earlier = entry(store, bucket, &key).await?;
    let now = store.settings.clock.now();
    let token = match &earlier {
        None => 1,
        Some(entry) => {
            let kept: Kept = read(store, entry)?;
            match kept.until > now.millis() {
                // A clock that went back leaves no lease for ever.
                true if kept.holder != holder && kept.until - now.millis() <= MOST_LEASE => return Ok(None),
                true if kept.holder == holder => kept.token,
                _ => kept.token + 1,
            }
        }
    };
    let until = now.after(span);
    let kept = Kept { holder: holder.to_owned(), token, until: until.millis() };
    let written = write(store, bucket, &key, &kept, earlier.as_ref()).await?;
    Ok(written.then(|| Lease { name: name.to_owned(), holder: holder.to_owned(), token, until }))
}

/// A lease that ends later than this was made by a clock that was ahead.
const MOST_LEASE: i64 = 24 * 3600 * 1000;

/// The entry stays, for its token.
pub(super) async fn release(store: &Store, bucket: &kv::Store, lease: &Lease) -> Result<(), EngineError> {
    let key = key("lease", &lease.name);
    let Some(entry) = entry(store, bucket, &key).await? else { return Ok(()) };
    let kept: Kept = read(store, &entry)?;
    if kept.token == lease.token {
        // Where somebody was faster it is theirs.
        write(store, bucket, &key, &Kept { until: 0, ..kept }, Some(&entry)).await?;
    }
    Ok(())
}

pub(super) async fn mark(store: &Store, bucket: &kv::Store, schedule: &str) -> Result<Option<Time>, EngineError> {
    let entry = entry(store, bucket, &key("mark", schedule)).await?;
    entry.map(|entry| read(store, &entry).map(Time::from_millis)).transpose()
}

/// Enqueues runs and moves the mark, in this order: the runs' deduplication ids see to it that doing it again after a crash
/// between the two adds none.
pub(super) async fn fire(
    store: &Store,
    bucket: &kv::Store,
    queues: &Queues,
    firing: &Firing,
) -> Result<Fired, EngineError> {
    let lease = entry(store, bucket, &key("lease", &firing.lease.name)).await?;
    let held = match &lease {
        Some(entry) => {
            let kept: Kept = read(store, entry)?;
            kept.token == firing.lease.token && kept.until > store.settings.clock.now().millis()
        }
        None => false,
    };
    let place = key("mark", &firing.schedule);
    let earlier = entry(store, bucket, &place).await?;
    let mark: Option<i64> = earlier.as_ref().map(|entry| read(store, entry)).transpose()?;
    if !held || mark != firing.from.map(Time::millis) {
        return Ok(Fired::Lost);
    }
    let mut fired = Fired::Enqueued;
    if let (true, Some(run)) = (firing.unless_busy, firing.runs.first()) {
        let queue = queues.find(store, &run.queue).await?;
        let info = queue.stream.get_info().await.map_err(|error| store.failed(error))?;
        if info.state.messages > 0 {
            fired = Fired::Busy;
        }
    }
    if fired == Fired::Enqueued {
        queue::enqueue(store, queues, &firing.runs).await?;
    }
    let moved = write(store, bucket, &place, &firing.to.millis(), earlier.as_ref()).await?;
    Ok(if moved { fired } else { Fired::Lost })
}
