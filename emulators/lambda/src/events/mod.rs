//! Events as the services send them, made for the wirings of an app.
//!
//! Each wiring of a group gives one example or several: a route the event of each way an HTTP request can reach
//! Lambda, a queue the event of its batch, and so on. Names, paths and methods are the wiring's own, and what the
//! function takes is the smallest instance of its input's schema that [`instance`] finds.
//!
//! The shapes are those of the documents of each service; nothing here decides how an adapter reads them.

mod http;
mod instance;
mod messages;
mod pattern;
mod schedule;
mod websocket;

use crate::clock::Moment;
pub use instance::instance;
use pikku_manifest::{Function, Group, Manifest, Wiring, WiringKind};
use serde_json::Value;
use std::time::SystemTime;

/// The region of the example events.
const REGION: &str = "us-east-1";

/// The account of the example events.
const ACCOUNT: &str = crate::environment::ACCOUNT;

/// An event for one wiring.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Example {
    /// What kind of event it is, such as `apigw-v2`.
    pub kind: &'static str,
    /// What it is for, such as `POST /orders` or the name of a queue.
    pub of: String,
    /// The id of the wiring.
    pub wiring: String,
    /// The function that the wiring reaches.
    pub function: String,
    /// The event.
    pub event: Value,
}

impl Example {
    /// The example's whole name, such as `sqs:orders-placed`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.kind, self.of)
    }
}

/// All kinds of example there are.
pub const KINDS: [&str; 16] = [
    "apigw-v2",
    "apigw-v1",
    "alb",
    "function-url",
    "sqs",
    "sqs-fifo",
    "sns",
    "s3",
    "dynamodb",
    "kinesis",
    "schedule",
    "scheduler",
    "eventbridge",
    "websocket-connect",
    "websocket",
    "websocket-disconnect",
];

/// The examples for a group's wirings, in the order of the wirings, dated `now`.
pub fn examples(manifest: &Manifest, group: &Group, now: SystemTime) -> Vec<Example> {
    let now = Moment::of(now);
    group.wirings.iter().flat_map(|wiring| of_wiring(manifest, wiring, &now)).collect()
}

/// The example of that name: a whole name, or a kind, which is its first example.
pub fn find<'a>(examples: &'a [Example], name: &str) -> Option<&'a Example> {
    examples
        .iter()
        .find(|example| example.name() == name)
        .or_else(|| examples.iter().find(|example| example.kind == name))
}

fn of_wiring(manifest: &Manifest, wiring: &Wiring, now: &Moment) -> Vec<Example> {
    let function = manifest.function(&wiring.function);
    let input = function.and_then(|function| function.input.as_ref()).map(instance);
    let made: Vec<(&'static str, String, Value)> = match &wiring.kind {
        WiringKind::Http(route) => http::events(route, input.as_ref(), now),
        WiringKind::Queue(queue) => messages::queue(queue, input.as_ref(), now),
        WiringKind::Topic(topic) => messages::topic(topic, input.as_ref(), now),
        WiringKind::Bucket(bucket) => messages::bucket(bucket, now),
        WiringKind::Table(table) => messages::table(table, input.as_ref(), now),
        WiringKind::Stream(stream) => messages::stream(stream, input.as_ref(), now),
        WiringKind::Cron(cron) => schedule::cron(cron, now),
        WiringKind::Event(pattern) => schedule::event(pattern, input.as_ref(), now),
        WiringKind::WebSocket(api) => websocket::events(api, input.as_ref(), now),
    };
    let name = |function: &Function| function.name.clone();
    made.into_iter()
        .map(|(kind, of, event)| Example {
            kind,
            of,
            wiring: wiring.id.clone(),
            function: function.map_or_else(|| wiring.function.clone(), name),
            event,
        })
        .collect()
}

/// The input as the text of a message; an empty object where the function takes none.
fn text(input: Option<&Value>) -> String {
    input.map_or_else(|| "{}".into(), Value::to_string)
}
