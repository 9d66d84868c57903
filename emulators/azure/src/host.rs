//! The host itself: what sends something to a function sees of it.

use crate::{
    Builder, Function, Invocation, InvokeError, Outcome, RawInvocation, Request, Response, Streamed, Trigger, answer,
    bundle::Bundle,
    client,
    config::HostConfig,
    events::{BlobEvent, End, HubEvent, QueueMessage, ServiceBusMessage, Settled, TimerRun},
    logs::Captured,
    payload,
    worker::{Phase, Signal, Worker},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use serde_json::Value;
use std::{
    future::Future,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

/// The version that the host says it has.
const VERSION: &str = "4.1040.100.2";

/// The most octets of a request (`FUNCTIONS_REQUEST_BODY_SIZE_LIMIT` of the host, whose default is 100 MiB).
const BODY_LIMIT: usize = 100 << 20;

/// How often Service Bus hands a message over before it is dead-lettered: the default of a queue.
const MAX_DELIVERY_COUNT: u32 = 10;

/// How often a blob is tried ("Azure Blob storage trigger", poison blobs).
const BLOB_TRIES: u32 = 5;

const INVOCATION: &str = "X-Azure-Functions-InvocationId";
const HOST_VERSION: &str = "X-Azure-Functions-HostVersion";
const CORRELATION: &str = "x-ms-invocation-id";

/// Headers that concern one connection alone: a proxy does not pass them on (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [&str; 8] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length"];

/// A function app that is deployed here.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use pikku_local_azure::{LocalAzure, Request, events::QueueMessage};
///
/// let azure = LocalAzure::bundle("target/pikku/azure/orders").start().await?;
/// let response = azure.http(Request::new("GET", "/orders/1")).await?;
/// let settled = azure.queue("queue-orders-placed", QueueMessage::text(r#"{"id":1}"#)).await?;
/// println!("{} {:?}", response.status, settled.end);
/// azure.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// Dropping it kills the handler.
#[derive(Debug)]
pub struct LocalAzure {
    pub(crate) worker: Worker,
    pub(crate) captured: Captured,
    pub(crate) functions: Vec<Function>,
    pub(crate) refused: Vec<(String, String)>,
    pub(crate) host: HostConfig,
    pub(crate) keys: Vec<String>,
    pub(crate) init_timeout: Duration,
    /// Keeps the files that the handler is started from.
    pub(crate) _bundle: Bundle,
}

impl LocalAzure {
    /// Begins to configure a host of that bundle: a folder with `host.json`, or the zip of one.
    pub fn bundle(path: impl Into<PathBuf>) -> Builder {
        Builder::new(path.into())
    }

    /// The functions that the host takes.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The functions that the host refuses, each with the reason; it goes on without them.
    pub fn refused(&self) -> &[(String, String)] {
        &self.refused
    }

    /// The handler's process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.worker.pid()
    }

    /// Where the handler listens. Nothing but the host talks to it there.
    pub fn port(&self) -> u16 {
        self.worker.port
    }

    /// How often the handler has been started.
    pub fn starts(&self) -> u32 {
        self.worker.starts()
    }

    /// Sends a signal to the handler, as if from outside.
    pub fn signal(&self, signal: Signal) {
        self.worker.signal(signal);
    }

    /// What the handler has written so far, line by line.
    pub fn logs(&self) -> Vec<String> {
        self.captured.lines()
    }

    /// Ends the handler as the host does, with SIGKILL.
    pub async fn shutdown(self) {
        self.worker.shutdown().await;
    }

    /// Sends a client's request and collects the response. The host itself answers what no function takes.
    ///
    /// # Errors
    /// The host has no handler to ask.
    pub async fn http(&self, request: Request) -> Result<Response, InvokeError> {
        match self.open(request).await? {
            Opened::Whole(response) => Ok(response),
            Opened::Streamed(streamed) => Ok(streamed.collect().await.unwrap_or_else(|_| Response::new(502))),
        }
    }

    /// Sends a client's request; the body of a response that is proxied is read as it comes.
    ///
    /// # Errors
    /// As [`http`](Self::http).
    pub async fn open(&self, request: Request) -> Result<Opened, InvokeError> {
        if request.body.len() > BODY_LIMIT {
            return Ok(Opened::Whole(Response::new(413)));
        }
        let Some(function) = self.route(&request) else { return Ok(Opened::Whole(Response::new(404))) };
        if !self.authorised(function, &request) {
            return Ok(Opened::Whole(Response::new(401)));
        }
        self.ready().await?;
        if function.is_http_in_and_out() && self.host.proxies {
            return Ok(self.proxy(function, &request).await);
        }
        if function.is_http_in_and_out() && self.host.forwards {
            return Ok(self.forward(function, &request).await);
        }
        let payload = payload::http(&function.name, &function.binding, &request);
        let raw = RawInvocation::new(&function.name, payload.to_string());
        let invocation = self.deliver(function, raw).await;
        Ok(Opened::Whole(match invocation.outcome {
            Outcome::Response(response) => response,
            Outcome::Completed(_) => Response::new(204),
            Outcome::Failed { .. } | Outcome::TimedOut { .. } => Response::new(500),
        }))
    }

    /// The HTTP function for a request: the most exact route, then the method.
    fn route(&self, request: &Request) -> Option<&Function> {
        let takes = |function: &&Function| {
            function.http.as_ref().is_some_and(|http| {
                let method = http.methods.is_empty() || http.methods.contains(&request.method);
                method && http.route.takes(request.path())
            })
        };
        let mut fitting: Vec<&Function> = self.functions.iter().filter(takes).collect();
        fitting.sort_by(|one, other| match (&one.http, &other.http) {
            (Some(one), Some(other)) => one.route.before(&other.route),
            _ => std::cmp::Ordering::Equal,
        });
        fitting.first().copied()
    }

    /// "HTTP trigger", authorization keys.
    fn authorised(&self, function: &Function, request: &Request) -> bool {
        if function.http.as_ref().is_none_or(|http| http.anonymous) {
            return true;
        }
        let query = request.target.split_once('?').map_or("", |(_, query)| query);
        let of_query = query.split('&').find_map(|pair| pair.strip_prefix("code="));
        let given = request.get("x-functions-key").or(of_query);
        given.is_some_and(|given| self.keys.iter().any(|key| key == given))
    }

    /// Sends a request on as it is (`ProxyInvocationRequest`, `AddProxyingHeaders` and `StartForwarding` of the host). What a
    /// client says by the host's own names is overwritten, but for the correlation id, which it may bring.
    async fn proxy(&self, function: &Function, request: &Request) -> Opened {
        let id = payload::guid();
        let mut builder = hyper::Request::builder().method(request.method.as_str()).uri(&request.target);
        let own = |name: &str| name.eq_ignore_ascii_case(INVOCATION) || name.eq_ignore_ascii_case(HOST_VERSION);
        for (name, value) in &request.headers {
            let hop = HOP_BY_HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop));
            if !hop && !own(name) {
                builder = builder.header(name, value);
            }
        }
        if request.get("host").is_none() {
            builder = builder.header(HOST, "localhost");
        }
        builder = builder.header(INVOCATION, &id).header(HOST_VERSION, VERSION);
        if request.get(CORRELATION).is_none() {
            builder = builder.header(CORRELATION, &id);
        }
        self.exchange(function, builder.body(Full::new(request.body.clone()))).await
    }

    /// Sends a request on rebuilt (`ProcessHttpInAndOutInvocationRequest`); the mark of a proxied one is not there.
    async fn forward(&self, function: &Function, request: &Request) -> Opened {
        let mut builder = hyper::Request::builder().method(request.method.as_str()).uri(&request.target);
        builder = builder.header(HOST, format!("127.0.0.1:{}", self.worker.port));
        for (name, value) in &request.headers {
            if !HOP_BY_HOP.iter().chain(&["host"]).any(|left| name.eq_ignore_ascii_case(left)) {
                builder = builder.header(name, value);
            }
        }
        builder = builder.header(INVOCATION, payload::guid()).header(HOST_VERSION, VERSION);
        self.exchange(function, builder.body(Full::new(request.body.clone()))).await
    }

    async fn exchange(&self, function: &Function, request: hyper::http::Result<hyper::Request<Full<Bytes>>>) -> Opened {
        // What cannot be written is no request that the host's server would have read.
        let Ok(request) = request else { return Opened::Whole(Response::new(400)) };
        match self.in_time(client::send(self.worker.port, request)).await {
            // A forwarder that fails answers 502 ("YARP direct forwarding", error handling).
            Some(Err(_)) => Opened::Whole(Response::new(502)),
            Some(Ok(answering)) => Opened::Streamed(Box::new(Streamed::new(answering))),
            None => {
                self.timed_out(function);
                Opened::Whole(Response::new(500))
            }
        }
    }

    /// Hands a payload over as it is, to the path that it names. What is answered is read by the outputs of the function of
    /// that name, or, with `like`, of the first function with that trigger, so that a payload of another app can be tried.
    ///
    /// # Errors
    /// There is no such function, or the host has no handler to ask.
    pub async fn invoke(&self, raw: RawInvocation, like: Option<&Trigger>) -> Result<Invocation, InvokeError> {
        let name = raw.path.trim_start_matches('/');
        let function = match like {
            None => self.function(name)?,
            Some(trigger) => self.with_trigger(trigger)?,
        };
        self.ready().await?;
        Ok(self.deliver(function, raw).await)
    }

    /// A message of a storage queue, until it is handled or poison: a failed invocation makes it visible again, and after
    /// `maxDequeueCount` times it is moved to `<queue>-poison` (`QueueProcessor` of the storage extension). Nothing waits.
    ///
    /// # Errors
    /// There is no such function, or the host has no handler to ask.
    pub async fn queue(&self, function: &str, mut message: QueueMessage) -> Result<Settled, InvokeError> {
        let function = self.of(function, Trigger::Queue)?;
        let name = function.settings.get("queueName").and_then(Value::as_str).unwrap_or_default();
        let poison = End::Poison(format!("{name}-poison"));
        let mut attempts = Vec::new();
        let text = if self.host.base64_messages {
            // What cannot be decoded is poison at once.
            let Ok(octets) = BASE64_STANDARD.decode(message.stored.trim()) else {
                return Ok(Settled { attempts, end: poison });
            };
            String::from_utf8_lossy(&octets).into_owned()
        } else {
            message.stored.clone()
        };
        loop {
            let payload = payload::queue(&function.name, &function.binding, &message, &text);
            if self.ready().await.is_err() {
                return Ok(Settled { attempts, end: End::Queued });
            }
            let invocation = self.deliver(function, RawInvocation::new(&function.name, payload.to_string())).await;
            let succeeded = invocation.succeeded();
            attempts.push(invocation);
            if succeeded {
                return Ok(Settled { attempts, end: End::Deleted });
            }
            if message.dequeue_count >= self.host.max_dequeue_count {
                return Ok(Settled { attempts, end: poison });
            }
            again(&attempts).await;
            message.dequeue_count += 1;
        }
    }

    /// A message of Service Bus, until it is handled or dead-lettered: a failed invocation abandons it.
    ///
    /// # Errors
    /// As [`queue`](Self::queue).
    pub async fn service_bus(&self, function: &str, mut message: ServiceBusMessage) -> Result<Settled, InvokeError> {
        let function = self.of(function, Trigger::ServiceBus)?;
        let mut attempts = Vec::new();
        loop {
            let payload = payload::service_bus(&function.name, &function.binding, &message);
            if self.ready().await.is_err() {
                return Ok(Settled { attempts, end: End::Queued });
            }
            let invocation = self.deliver(function, RawInvocation::new(&function.name, payload.to_string())).await;
            let succeeded = invocation.succeeded();
            attempts.push(invocation);
            if succeeded {
                return Ok(Settled { attempts, end: End::Deleted });
            }
            if message.delivery_count >= MAX_DELIVERY_COUNT {
                return Ok(Settled { attempts, end: End::Poison("$deadletterqueue".to_owned()) });
            }
            again(&attempts).await;
            message.delivery_count += 1;
        }
    }

    /// An event of Event Grid, in either of its schemas. Event Grid tries again by itself; this does not.
    ///
    /// # Errors
    /// As [`queue`](Self::queue).
    pub async fn event_grid(&self, function: &str, event: &Value) -> Result<Invocation, InvokeError> {
        let function = self.of(function, Trigger::EventGrid)?;
        let payload = payload::event_grid(&function.name, &function.binding, event);
        self.ready().await?;
        Ok(self.deliver(function, RawInvocation::new(&function.name, payload.to_string())).await)
    }

    /// An event of Event Hubs. It is tried as often as the function's retry policy says, and the checkpoint then passes it
    /// whatever became of it ("Azure Functions error handling and retries").
    ///
    /// # Errors
    /// As [`queue`](Self::queue).
    pub async fn event_hub(&self, function: &str, event: &HubEvent) -> Result<Vec<Invocation>, InvokeError> {
        let function = self.of(function, Trigger::EventHub)?;
        let payload = payload::event_hub(&function.name, &function.binding, event, binary(function));
        self.by_policy(function, &payload).await
    }

    /// A blob, until it is handled or has been tried five times.
    ///
    /// # Errors
    /// As [`queue`](Self::queue).
    pub async fn blob(&self, function: &str, blob: &BlobEvent) -> Result<Settled, InvokeError> {
        let function = self.of(function, Trigger::Blob)?;
        let payload = payload::blob(&function.name, &function.binding, blob, binary(function));
        let mut attempts: Vec<Invocation> = Vec::new();
        while attempts.len() < BLOB_TRIES as usize {
            self.ready().await?;
            attempts.push(self.deliver(function, RawInvocation::new(&function.name, payload.to_string())).await);
            if attempts.last().is_some_and(Invocation::succeeded) {
                return Ok(Settled { attempts, end: End::Deleted });
            }
        }
        Ok(Settled { attempts, end: End::Poison("webjobs-blobtrigger-poison".to_owned()) })
    }

    /// A run of a timer. It is tried as often as the function's retry policy says, which by default is once.
    ///
    /// # Errors
    /// As [`queue`](Self::queue).
    pub async fn timer(&self, function: &str, run: TimerRun) -> Result<Vec<Invocation>, InvokeError> {
        let function = self.of(function, Trigger::Timer)?;
        let payload = payload::timer(&function.name, &function.binding, &run);
        self.by_policy(function, &payload).await
    }

    async fn by_policy(&self, function: &Function, payload: &Value) -> Result<Vec<Invocation>, InvokeError> {
        let mut attempts: Vec<Invocation> = Vec::new();
        loop {
            let mut payload = payload.clone();
            if !attempts.is_empty()
                && let Some(metadata) = payload.get_mut("Metadata").and_then(Value::as_object_mut)
            {
                let retry = serde_json::json!({"RetryCount": attempts.len(), "MaxRetryCount": function.retries});
                metadata.insert("RetryContext".to_owned(), retry);
            }
            self.ready().await?;
            attempts.push(self.deliver(function, RawInvocation::new(&function.name, payload.to_string())).await);
            let done = attempts.last().is_some_and(Invocation::succeeded);
            if done || attempts.len() > function.retries as usize {
                return Ok(attempts);
            }
        }
    }

    /// One invocation (`ProcessDefaultInvocationRequest`).
    async fn deliver(&self, function: &Function, raw: RawInvocation) -> Invocation {
        let begun = Instant::now();
        let given = raw.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(INVOCATION));
        let id = given.map_or_else(payload::guid, |(_, id)| id.clone());
        let mut builder = hyper::Request::post(&raw.path)
            .header(HOST, format!("127.0.0.1:{}", self.worker.port))
            .header(INVOCATION, &id)
            .header(HOST_VERSION, VERSION)
            .header(USER_AGENT, format!("Azure-Functions-Host/{VERSION}"));
        let own = [INVOCATION, HOST_VERSION, "user-agent", "host", "content-length"];
        for (name, value) in &raw.headers {
            if !own.iter().any(|known| name.eq_ignore_ascii_case(known)) {
                builder = builder.header(name, value);
            }
        }
        if !raw.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            builder = builder.header(CONTENT_TYPE, "application/json; charset=utf-8");
        }
        let name = raw.path.trim_start_matches('/').to_owned();
        let done = |outcome, logs| Invocation { id, function: name, outcome, logs, duration: begun.elapsed() };
        let failed = |reason: String| Outcome::Failed { reason, status: None, body: Bytes::new() };
        let request = match builder.body(Full::new(raw.payload)) {
            Ok(request) => request,
            Err(error) => return done(failed(format!("the invocation cannot be sent: {error}")), Vec::new()),
        };
        let exchange = async {
            let mut answering = client::send(self.worker.port, request).await?;
            let head = (answering.response.status().as_u16(), answering.response.headers().get(CONTENT_TYPE).cloned());
            Ok::<_, String>((head, answering.collect().await?))
        };
        let after = self.host.function_timeout.unwrap_or(Duration::MAX);
        let read = match self.in_time(exchange).await {
            Some(Err(reason)) => {
                return done(failed(format!("An error occurred while sending the request: {reason}")), Vec::new());
            }
            Some(Ok(((status, kind), body))) => {
                answer::read(function, status, kind.as_ref().and_then(|kind| kind.to_str().ok()), &body)
            }
            None => None,
        };
        match read {
            Some((outcome, logs)) => done(outcome, logs),
            None => {
                self.timed_out(function);
                done(Outcome::TimedOut { after }, Vec::new())
            }
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match self.host.function_timeout {
            Some(limit) => timeout(limit, work).await.ok(),
            None => Some(work.await),
        }
    }

    /// A function that takes too long costs the handler its life (`OnTimeoutExceptionAsync` of the host's
    /// `WebScriptHostExceptionHandler`).
    fn timed_out(&self, _: &Function) {
        self.worker.restart();
    }

    async fn ready(&self) -> Result<(), InvokeError> {
        match self.worker.settled(self.init_timeout).await {
            // The host does not notice that a handler has ended well, and its requests then fail.
            Some(Phase::Ready | Phase::Gone | Phase::Starting) => Ok(()),
            Some(Phase::Stopped(reason)) => Err(InvokeError::Stopped { reason }),
            None => Err(InvokeError::NotReady { after: self.init_timeout * 4 }),
        }
    }

    fn function(&self, name: &str) -> Result<&Function, InvokeError> {
        self.functions.iter().find(|function| function.name == name).ok_or_else(|| InvokeError::NoFunction {
            name: name.to_owned(),
            known: self.functions.iter().map(|function| function.name.clone()).collect(),
        })
    }

    fn with_trigger(&self, trigger: &Trigger) -> Result<&Function, InvokeError> {
        let found = self.functions.iter().find(|function| function.trigger == *trigger);
        found.ok_or_else(|| InvokeError::NoTrigger { trigger: trigger.clone() })
    }

    fn of(&self, name: &str, trigger: Trigger) -> Result<&Function, InvokeError> {
        let function = self.function(name)?;
        if function.trigger == trigger {
            return Ok(function);
        }
        Err(InvokeError::WrongTrigger { name: name.to_owned(), has: function.trigger.clone() })
    }
}

/// Before a message is taken again. The host notices that a handler has ended before it has asked for messages anew, which it
/// does every 100 ms at most (`QueuesOptions`, polling algorithm of the storage extension).
async fn again(attempts: &[Invocation]) {
    let unanswered = attempts.last().is_some_and(|last| matches!(last.outcome, Outcome::Failed { status: None, .. }));
    if unanswered {
        sleep(Duration::from_millis(100)).await;
    }
}

fn binary(function: &Function) -> bool {
    function.settings.get("dataType").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("binary"))
}

/// A response, whole or as it comes.
#[derive(Debug)]
#[non_exhaustive]
pub enum Opened {
    /// The host had it at once.
    Whole(Response),
    /// The handler makes it while it is sent.
    Streamed(Box<Streamed>),
}
