//! What is given over HTTP, given back.

use pikku::{BoxError, Call, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// An order, given back as it was understood.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Order {
    id: u64,
    #[serde(default)]
    lines: Vec<String>,
    #[serde(default)]
    note: Option<serde_json::Value>,
}

/// Gives an order back.
#[pikku::function(public)]
pub async fn show(order: Order) -> Result<Order, Problem> {
    Ok(order)
}

/// A name taken from a path.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Item {
    id: String,
}

/// Gives the name in the path back.
#[pikku::function(public)]
pub async fn name(item: Item) -> Result<Item, Problem> {
    Ok(item)
}

/// What to find.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Wanted {
    #[serde(default)]
    tag: Vec<String>,
}

/// How much was wanted.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Found {
    tags: usize,
    last: Option<String>,
}

/// Says how many tags came.
#[pikku::function(public)]
pub async fn find(wanted: Wanted) -> Result<Found, Problem> {
    Ok(Found { tags: wanted.tag.len(), last: wanted.tag.into_iter().next_back() })
}

/// What the platform says of a call.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Given {
    id: String,
    trace: Option<String>,
    remaining_ms: Option<u128>,
}

/// Says what the platform says of this call, after a while.
#[pikku::function(public)]
pub async fn given(call: &Call) -> Result<Given, Problem> {
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(Given {
        id: call.id().to_owned(),
        trace: call.trace().map(str::to_owned),
        remaining_ms: call.remaining().map(|left| left.as_millis()),
    })
}

/// Counts the calls that are in the process at the same time.
#[derive(Debug, Default)]
pub struct Gauge {
    now: AtomicU32,
    most: AtomicU32,
}

#[pikku::service]
async fn gauge() -> Result<Gauge, BoxError> {
    Ok(Gauge::default())
}

/// A call that stays for a while.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Stay {
    id: u32,
    ms: u64,
}

/// How many calls there were at once while it stayed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Overlap {
    id: u32,
    most: u32,
}

/// Stays for a while and says how many others did.
#[pikku::function(public)]
pub async fn overlap(gauge: &Gauge, stay: Stay) -> Result<Overlap, Problem> {
    let now = gauge.now.fetch_add(1, Ordering::Relaxed) + 1;
    gauge.most.fetch_max(now, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(stay.ms)).await;
    gauge.now.fetch_sub(1, Ordering::Relaxed);
    Ok(Overlap { id: stay.id, most: gauge.most.load(Ordering::Relaxed) })
}
