use crate::{
    Batch, Builder, CallError, LogLine, Message, Outgoing, Request, RequestError, Response, Scheduled, Streamed,
    link::Link, messages, process::Process,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

/// How long a command may take: as long as Cloudflare lets a queue's consumer run.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// How long the driver may take to say that it ends.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Workers that run in workerd. Dropping this ends them.
#[derive(Debug)]
pub struct LocalWorkers {
    process: Process,
    link: Link,
    first: String,
    addresses: HashMap<String, SocketAddr>,
}

impl LocalWorkers {
    /// The bundle in a folder: that of a group, with its `wrangler.jsonc`.
    pub fn bundle(dir: impl Into<PathBuf>) -> Builder {
        Builder::new(dir.into())
    }

    pub(crate) fn new(process: Process, link: Link, first: String, addresses: HashMap<String, SocketAddr>) -> Self {
        Self { process, link, first, addresses }
    }

    /// The name of the first bundle's Worker.
    pub fn first(&self) -> &str {
        &self.first
    }

    /// The names of the Workers, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.addresses.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Where a Worker listens for HTTP.
    pub fn address(&self, worker: &str) -> Option<SocketAddr> {
        self.addresses.get(worker).copied()
    }

    /// The process id of Node; workerd is its child.
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Sends a request and collects the response.
    ///
    /// # Errors
    /// Why there is no whole response.
    pub async fn fetch(&self, worker: &str, request: Request) -> Result<Response, RequestError> {
        self.open(worker, request).await?.collect().await
    }

    /// Sends a request; the response's body is read as it comes.
    ///
    /// # Errors
    /// Why there is no response.
    pub async fn open(&self, worker: &str, request: Request) -> Result<Streamed, RequestError> {
        match self.address(worker) {
            Some(address) => request.send(address).await,
            None => Err(RequestError::NoWorker { name: worker.to_owned() }),
        }
    }

    /// Hands a batch to a Worker's queue handler and answers what it made of it. Nothing is delivered again.
    ///
    /// # Errors
    /// Why the batch did not reach the handler.
    pub async fn queue(&self, worker: &str, queue: &str, messages: &[Message]) -> Result<Batch, CallError> {
        self.call(worker, "queue", json!({"queue": queue, "messages": messages})).await
    }

    /// Fires a schedule.
    ///
    /// # Errors
    /// Why the event did not reach the handler.
    pub async fn scheduled(&self, worker: &str, cron: &str, time: SystemTime) -> Result<Scheduled, CallError> {
        let time = messages::milliseconds(time);
        self.call(worker, "scheduled", json!({"cron": cron, "scheduled_time_ms": time})).await
    }

    /// Sends messages through a local queue, whose consumer gets them when the queue sees fit.
    ///
    /// # Errors
    /// A queue that no Worker here is bound to.
    pub async fn send(&self, queue: &str, messages: &[Outgoing]) -> Result<(), CallError> {
        self.link.call("send", json!({"queue": queue, "messages": messages}), LIMIT).await.map(drop)
    }

    /// The messages that have reached a queue which no Worker here consumes, such as a dead-letter queue.
    pub fn collected(&self, queue: &str) -> Vec<Message> {
        self.link.state().collected(queue)
    }

    /// Runs a statement on a Worker's D1 database; answers its rows.
    ///
    /// # Errors
    /// What the database does not take.
    pub async fn sql(
        &self,
        worker: &str,
        binding: &str,
        sql: &str,
        parameters: &[Value],
    ) -> Result<Vec<Value>, CallError> {
        let arguments = json!({"binding": binding, "sql": sql, "parameters": parameters});
        let mut reply: Value = self.call(worker, "sql", arguments).await?;
        read(reply["rows"].take())
    }

    /// A value of a Worker's KV namespace.
    ///
    /// # Errors
    /// A binding that the Worker does not have.
    pub async fn kv_get(&self, worker: &str, binding: &str, key: &str) -> Result<Option<String>, CallError> {
        let mut reply: Value = self.call(worker, "kv_get", json!({"binding": binding, "key": key})).await?;
        read(reply["value"].take())
    }

    /// Puts a value into a Worker's KV namespace.
    ///
    /// # Errors
    /// A binding that the Worker does not have.
    pub async fn kv_put(&self, worker: &str, binding: &str, key: &str, value: &str) -> Result<(), CallError> {
        let arguments = json!({"binding": binding, "key": key, "value": value});
        self.call::<Value>(worker, "kv_put", arguments).await.map(drop)
    }

    /// An object of a Worker's R2 bucket.
    ///
    /// # Errors
    /// A binding that the Worker does not have.
    pub async fn r2_get(&self, worker: &str, binding: &str, key: &str) -> Result<Option<Bytes>, CallError> {
        let mut reply: Value = self.call(worker, "r2_get", json!({"binding": binding, "key": key})).await?;
        let text: Option<String> = read(reply["base64"].take())?;
        let decoded = text.map(|text| BASE64_STANDARD.decode(text)).transpose();
        decoded.map(|bytes| bytes.map(Bytes::from)).map_err(|error| CallError::Refused { reason: error.to_string() })
    }

    /// Puts an object into a Worker's R2 bucket.
    ///
    /// # Errors
    /// A binding that the Worker does not have.
    pub async fn r2_put(&self, worker: &str, binding: &str, key: &str, bytes: &[u8]) -> Result<(), CallError> {
        let arguments = json!({"binding": binding, "key": key, "base64": BASE64_STANDARD.encode(bytes)});
        self.call::<Value>(worker, "r2_put", arguments).await.map(drop)
    }

    /// What was printed so far.
    pub fn logs(&self) -> Vec<LogLine> {
        self.link.state().journal.all()
    }

    /// Waits until something holds, such as that a message was collected or a line printed; false when it does not hold
    /// within the limit.
    pub async fn wait(&self, limit: Duration, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let news = self.link.state().news.notified();
            if holds(self) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if tokio::time::timeout(left, news).await.is_err() {
                return holds(self);
            }
        }
    }

    /// Ends the Workers and waits for it.
    pub async fn shutdown(self) {
        // Where the driver does not answer it is killed below.
        let _ = self.link.call("stop", json!({}), STOP_LIMIT).await;
        drop(self.link);
        self.process.end().await;
    }

    async fn call<T: DeserializeOwned>(&self, worker: &str, what: &str, mut arguments: Value) -> Result<T, CallError> {
        if !self.addresses.contains_key(worker) {
            return Err(CallError::NoWorker { name: worker.to_owned() });
        }
        arguments["worker"] = json!(worker);
        read(self.link.call(what, arguments, LIMIT).await?)
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, CallError> {
    serde_json::from_value(value).map_err(|error| CallError::Refused { reason: format!("an odd reply: {error}") })
}
