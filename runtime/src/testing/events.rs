//! Calls over the transports other than HTTP.

use super::app::TestApp;
use crate::{
    Bytes, Problem,
    call::{BusEvent, ObjectEvent, QueueMessage, ScheduledRun, SocketEvent, StreamRecord, TableChange, TopicMessage},
    dispatch::Arrival,
    function::Reply,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

impl TestApp {
    /// Delivers a message, written as JSON, to the function wired to a queue.
    ///
    /// # Errors
    ///
    /// The problem that the call ends in; the platform would deliver the message again.
    ///
    /// # Panics
    ///
    /// If nothing is wired to the queue.
    pub async fn queue(&self, queue: &str, message: &impl Serialize) -> Result<(), Problem> {
        let message = QueueMessage { body: text(message), ..QueueMessage::default() };
        self.queue_message(queue, message).await
    }

    /// Delivers a message with an id, a count and attributes of the test's own.
    ///
    /// # Errors
    ///
    /// The problem that the call ends in.
    ///
    /// # Panics
    ///
    /// If nothing is wired to the queue.
    pub async fn queue_message(&self, queue: &str, message: QueueMessage) -> Result<(), Problem> {
        let message = QueueMessage { queue: queue.to_owned(), receive_count: message.receive_count.max(1), ..message };
        self.deliver(format!("queue {queue}"), Arrival::Queue(queue), message.into()).await.map(drop)
    }

    /// Runs a schedule now. Its name is that of the function unless the wiring names it.
    ///
    /// # Errors
    ///
    /// The problem that the call ends in.
    ///
    /// # Panics
    ///
    /// If there is no such schedule.
    pub async fn cron(&self, schedule: &str) -> Result<(), Problem> {
        let now_ms = self.engine().platform().now_ms();
        let run = ScheduledRun {
            schedule: schedule.to_owned(),
            origin: "test".to_owned(),
            time_ms: Some(now_ms),
            ..ScheduledRun::default()
        };
        self.deliver(format!("schedule {schedule}"), Arrival::Schedule(schedule), run.into()).await.map(drop)
    }

    /// Publishes a message, written as JSON, to a topic.
    ///
    /// # Errors
    ///
    /// The problem that the call ends in.
    ///
    /// # Panics
    ///
    /// If nothing is wired to the topic.
    pub async fn topic(&self, topic: &str, message: &impl Serialize) -> Result<(), Problem> {
        let message = TopicMessage { topic: topic.to_owned(), message: text(message), ..TopicMessage::default() };
        self.deliver(format!("topic {topic}"), Arrival::Topic(topic), message.into()).await.map(drop)
    }

    /// Tells of an object in a bucket, such as `ObjectCreated:Put`.
    ///
    /// # Errors
    ///
    /// The problem that the call ends in.
    ///
    /// # Panics
    ///
    /// If nothing is wired for it.
    pub async fn object(&self, bucket: &str, event: &str, key: &str) -> Result<(), Problem> {
        let object = ObjectEvent {
            bucket: bucket.to_owned(),
            event: event.to_owned(),
            key: key.to_owned(),
            key_as_delivered: key.to_owned(),
            ..ObjectEvent::default()
        };
        let arrival = Arrival::Object { bucket, event, key };
        self.deliver(format!("bucket {bucket}"), arrival, object.into()).await.map(drop)
    }

    /// Tells of a change of a table's item.
    ///
    /// # Errors
    ///
    /// The problem that the call ends in.
    ///
    /// # Panics
    ///
    /// If nothing is wired to the table.
    pub async fn table(&self, table: &str, change: TableChange) -> Result<(), Problem> {
        let change = TableChange { table: table.to_owned(), ..change };
        self.deliver(format!("table {table}"), Arrival::Table(table), change.into()).await.map(drop)
    }

    /// Puts a record on a stream.
    ///
    /// # Errors
    ///
    /// The problem that the call ends in.
    ///
    /// # Panics
    ///
    /// If nothing is wired to the stream.
    pub async fn stream(&self, stream: &str, data: impl Into<Bytes>) -> Result<(), Problem> {
        let record = StreamRecord { stream: stream.to_owned(), data: data.into(), ..StreamRecord::default() };
        self.deliver(format!("stream {stream}"), Arrival::Stream(stream), record.into()).await.map(drop)
    }

    /// Sends an event over the event bus.
    ///
    /// # Errors
    ///
    /// The problem that the call ends in.
    ///
    /// # Panics
    ///
    /// If no pattern takes it.
    pub async fn event(&self, source: &str, detail_type: &str, detail: &impl Serialize) -> Result<(), Problem> {
        let event = BusEvent {
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
            detail: serde_json::to_value(detail).unwrap_or_else(|error| panic!("the detail is no JSON: {error}")),
            ..BusEvent::default()
        };
        let arrival = Arrival::Event { source, detail_type };
        self.deliver(format!("event {source} {detail_type}"), arrival, event.into()).await.map(drop)
    }

    /// Sends a message, written as JSON, over a connection of a WebSocket API, and gives the answer.
    ///
    /// # Errors
    ///
    /// The problem that the call ends in.
    ///
    /// # Panics
    ///
    /// If nothing is wired to the API, or the output is not a `T`.
    pub async fn socket<T: DeserializeOwned>(&self, api: &str, message: &impl Serialize) -> Result<T, Problem> {
        let event = SocketEvent { body: text(message).into(), ..SocketEvent::default() };
        self.socket_event(api, event).await
    }

    /// Tells of a connection to a WebSocket API that is made or has ended, or sends a message of the test's own.
    ///
    /// # Errors
    ///
    /// The problem that the call ends in; a connection that is being made is refused.
    ///
    /// # Panics
    ///
    /// If nothing is wired to the API, or the output is not a `T`.
    pub async fn socket_event<T: DeserializeOwned>(&self, api: &str, event: SocketEvent) -> Result<T, Problem> {
        let event = SocketEvent { api_id: api.to_owned(), ..event };
        self.deliver(format!("websocket {api}"), Arrival::WebSocket(api), event.into()).await.map(output)
    }
}

fn text(message: &impl Serialize) -> String {
    serde_json::to_string(message).unwrap_or_else(|error| panic!("the message is no JSON: {error}"))
}

/// The output of a reply, read from JSON.
pub(super) fn output<T: DeserializeOwned>(reply: Reply) -> T {
    let value = match reply {
        Reply::Empty => Ok(Value::Null),
        Reply::Json(text) => serde_json::from_slice(&text),
        Reply::Response(response) => serde_json::to_value(&*response),
    };
    value.and_then(serde_json::from_value).unwrap_or_else(|error| panic!("the output is not that: {error}"))
}
