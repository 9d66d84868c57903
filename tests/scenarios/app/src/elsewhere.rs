//! What comes from sources that some targets lack.

use crate::journal::Journal;
use pikku::{Call, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A notice.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Notice {
    #[schemars(length(min = 1))]
    text: String,
}

/// Takes a message of a topic.
#[pikku::function]
pub async fn take_notice(journal: &Journal, notice: Notice) -> Result<(), Problem> {
    journal.write(format!("notice {}", notice.text));
    Ok(())
}

/// A file that arrived.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct File {
    bucket: String,
    key: String,
    event: String,
}

/// Takes an event of an object.
#[pikku::function]
pub async fn take_object(journal: &Journal, file: File) -> Result<(), Problem> {
    journal.write(format!("{} of {} in {}", file.event, file.key, file.bucket));
    Ok(())
}

/// A change of an item.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Change {
    event: String,
    keys: serde_json::Value,
    #[serde(default)]
    new: Option<serde_json::Value>,
    #[serde(default)]
    old: Option<serde_json::Value>,
}

/// Takes a change of a table's item.
#[pikku::function]
pub async fn take_change(journal: &Journal, change: Change) -> Result<(), Problem> {
    let shown = |image: Option<serde_json::Value>| image.map_or("nothing".to_owned(), |image| image.to_string());
    journal.write(format!("{} {} from {} to {}", change.event, change.keys, shown(change.old), shown(change.new)));
    Ok(())
}

/// A record.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Click {
    at: String,
}

/// Takes a record of a stream.
#[pikku::function]
pub async fn take_record(journal: &Journal, click: Click) -> Result<(), Problem> {
    journal.write(format!("click at {}", click.at));
    Ok(())
}

/// A parcel.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Parcel {
    order: u64,
}

/// Takes an event of an event bus.
#[pikku::function]
pub async fn take_event(call: &Call, journal: &Journal, parcel: Parcel) -> Result<(), Problem> {
    let event = call.event().ok_or_else(|| Problem::internal("not an event"))?;
    journal.write(format!("{} of {}: {}", event.detail_type, event.source, parcel.order));
    Ok(())
}

/// Something said.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Said {
    #[schemars(length(max = 20))]
    text: String,
}

/// What is said back.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Echo {
    text: String,
}

/// Answers a message of a WebSocket.
#[pikku::function(public)]
pub async fn talk(said: Said) -> Result<Echo, Problem> {
    Ok(Echo { text: said.text.chars().rev().collect() })
}
