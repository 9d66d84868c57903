//! What the transport knows of a call.
//!
//! Most functions need none of it: their input says what they work on. The few that want headers, a message's id or
//! the deadline take `&Call`. The forms here are the runtime's own; adapters translate the platforms' events to them.

mod after;
#[cfg(feature = "callers")]
pub(crate) mod envelope;
mod event;
mod message;
mod origin;
mod record;
mod schedule;
mod socket;
mod trace;

use crate::{
    BoxFuture, Claims, Platform, Problem, SessionControl,
    access::SessionChange,
    http::{Headers, HttpRequest, InvalidHeader, StaticHeader},
    json,
    platform::{Level, LogLine},
};
pub use after::AfterAnswer;
pub use event::BusEvent;
pub use message::{CALLER, MessageAttribute, QueueMessage, TopicMessage};
pub use origin::Origin;
pub use record::{AttributeValue, ObjectEvent, StreamRecord, TableChange};
pub use schedule::ScheduledRun;
use serde_json::Value;
pub use socket::{SocketEvent, SocketPhase};
use std::{
    any::Any,
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
#[cfg(feature = "spans")]
use trace::is_traceparent;
use trace::traceparent;
pub(crate) use trace::{TRACEPARENT, TRACESTATE};

/// One call of one function.
#[derive(Debug)]
pub struct Call {
    pub(crate) id: Arc<str>,
    pub(crate) function: &'static str,
    pub(crate) deadline_ms: Option<u64>,
    /// A deadline that is nearer, while a middleware has set one.
    pub(crate) nearer_ms: AtomicU64,
    pub(crate) trace: Option<String>,
    pub(crate) origin: Option<Box<Origin>>,
    #[cfg(feature = "rpc")]
    pub(crate) rpc: bool,
    /// The path of the route, or the logical name of the source.
    #[cfg(feature = "spans")]
    pub(crate) wired: Option<&'static str>,
    /// The span that what goes on from it belongs to, as `traceparent` has it.
    #[cfg(feature = "spans")]
    pub(crate) span: Mutex<Option<Box<str>>>,
    pub(crate) trigger: Trigger,
    pub(crate) identity: Option<Box<PlatformIdentity>>,
    pub(crate) established: OnceLock<Established>,
    pub(crate) control: SessionControl,
    pub(crate) response_headers: Mutex<Headers>,
    pub(crate) after: AfterAnswer,
    pub(crate) platform: Arc<dyn Platform>,
}

/// A deadline that is nearer for as long as this is there.
pub(crate) struct Nearer<'a> {
    call: &'a Call,
    before: u64,
}

/// A span that what goes on from a call belongs to, for as long as this is there. What the outermost span of a call leaves behind
/// belongs to it.
#[cfg(feature = "spans")]
#[derive(Debug)]
pub struct EnteredSpan<'a> {
    call: &'a Call,
    before: Option<Box<str>>,
}

#[cfg(feature = "spans")]
impl Drop for EnteredSpan<'_> {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            *self.call.span() = Some(before);
        }
    }
}

impl Drop for Nearer<'_> {
    fn drop(&mut self) {
        self.call.nearer_ms.store(self.before, Ordering::Relaxed);
    }
}

/// Who calls, as the platform itself established it before the call reached the app.
///
/// Only an adapter makes one, of what its platform hands over apart from the request. What a client could have written
/// into a header is not in it.
#[derive(Clone, PartialEq)]
pub struct PlatformIdentity {
    /// Who established it: `api-gateway` for an authorizer of Amazon API Gateway, `easy-auth` for Azure's.
    pub issuer: &'static str,
    json: Box<str>,
}

impl PlatformIdentity {
    /// Who established it, and what it says: JSON, which is read by who asks for the claims and by no other bundle.
    pub fn new(issuer: &'static str, json: impl Into<Box<str>>) -> Self {
        Self { issuer, json: json.into() }
    }

    /// What it says, in the platform's own form; `None` where that is no JSON.
    pub fn claims(&self) -> Option<Value> {
        crate::json::from_slice(self.json.as_bytes()).ok()
    }
}

impl fmt::Debug for PlatformIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PlatformIdentity").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The session of a call, and the number of the source that established it.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) claims: Claims,
    pub(crate) source: usize,
}

/// What a call adds to its answer and does to the session, at some time.
#[derive(Debug)]
pub(crate) struct Mark {
    headers: Headers,
    session: Option<SessionChange>,
}

/// What set a call off.
#[derive(Debug)]
#[non_exhaustive]
pub enum Trigger {
    /// An HTTP request.
    Http(Box<HttpRequest>),
    /// Anything else. It is erased, so that a bundle holds the code of those kinds alone that its adapter makes.
    Event(Box<dyn Payload>),
}

/// What sets a call off, other than an HTTP request: a message, a run of a schedule, a record.
pub trait Payload: Any + fmt::Debug + Send + Sync {
    /// The function's input.
    ///
    /// # Errors
    ///
    /// It is not what it says it is, such as broken JSON.
    fn input(&self) -> Result<Value, Problem>;

    /// The trace that its sender gave it, which goes before that of the invocation.
    fn trace(&self) -> Option<&str> {
        None
    }

    /// Takes in what is known when a wiring takes it: the logical name of its source, `None` where it takes any.
    #[cfg(feature = "callers")]
    #[doc(hidden)]
    fn arrive(&mut self, _source: Option<&'static str>) {}
}

impl<P: Payload> From<P> for Trigger {
    fn from(payload: P) -> Self {
        Self::Event(Box::new(payload))
    }
}

/// A direct call with this input.
#[derive(Debug)]
pub(crate) struct Direct(pub(crate) Value);

impl Payload for Direct {
    fn input(&self) -> Result<Value, Problem> {
        Ok(self.0.clone())
    }
}

/// The input of a text or of octets that are JSON.
pub(crate) fn from_json(what: &str, text: &[u8]) -> Result<Value, Problem> {
    json::parse(text).map_err(|error| Problem::malformed(format!("the {what} is not valid JSON: {error}")))
}

/// What an adapter knows of an invocation apart from the event itself.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The platform's id of the invocation.
    pub id: Arc<str>,
    /// When the platform ends it, in milliseconds since the Unix epoch.
    pub deadline_ms: Option<u64>,
    /// The trace header, as it arrived.
    pub trace: Option<String>,
    /// What of the platform handed the call over, where the platform says so.
    pub origin: Option<Box<Origin>>,
    /// Takes the work for after the answer, which the adapter runs, and knows whether somebody waits for that.
    pub after: AfterAnswer,
    /// Who calls, where the platform itself has established it.
    pub identity: Option<Box<PlatformIdentity>>,
}

impl Context {
    /// The same for one of several calls of the invocation, such as that of a message of a batch: where it is too late for
    /// one, the others go on.
    #[must_use]
    pub fn of_one(&self) -> Self {
        Self { after: self.after.of_one(), ..self.clone() }
    }
}

macro_rules! payloads {
    ($($(#[$doc:meta])* $name:ident $type:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> Option<&$type> {
            self.payload()
        }
    )*};
}

impl Call {
    /// The id of the call: the platform's own of the invocation.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name of the function called; empty for a request that no route takes.
    pub fn function(&self) -> &'static str {
        self.function
    }

    /// What set it off.
    pub fn trigger(&self) -> &Trigger {
        &self.trigger
    }

    /// The trace header as it arrived, such as `X-Amzn-Trace-Id` or `traceparent`. Of a message that a
    /// [`Queue<T>`](crate::service::Queue) sent it is the `traceparent` of the call that sent it.
    pub fn trace(&self) -> Option<&str> {
        self.trace.as_deref()
    }

    /// What the systems say of the [trace](Self::trace) that it has come through, as W3C's `tracestate` has it: up to 512
    /// characters. `None` without any, and where the platform has begun a trace of its own, as AWS X-Ray does.
    pub fn trace_state(&self) -> Option<String> {
        let trace = self.trace()?;
        if let Some(request) = self.http() {
            let is_its_own = trace::is_same_trace(trace, request.header(TRACEPARENT)?);
            return if is_its_own { trace::tracestate(request.headers.get_all(TRACESTATE)) } else { None };
        }
        // A message that has a trace gives it to its call.
        let attributes = &self.queue()?.message_attributes;
        attributes.get(TRACEPARENT)?;
        trace::tracestate([attributes.get(TRACESTATE)?.value.as_bytes()])
    }

    /// The [trace](Self::trace) as W3C writes it, for what goes on to other systems; `None` where there is none that can be written so.
    /// Where a middleware has made a span of the call, it is that span's.
    pub fn traceparent(&self) -> Option<String> {
        #[cfg(feature = "spans")]
        if let Some(span) = &*self.span() {
            return Some(span.to_string());
        }
        self.trace().and_then(traceparent)
    }

    /// The span that this call is within, as `traceparent` has it: a middleware's, or else the one that it arrived with in W3C's form. A
    /// platform's own trace, such as that of AWS X-Ray, is left to [`traceparent`](Self::traceparent). For crates that ask for the
    /// feature `spans`.
    #[cfg(feature = "spans")]
    pub fn parent_span(&self) -> Option<String> {
        let entered = self.span().as_deref().map(str::to_owned);
        let given = || [self.trace(), self.http().and_then(|request| request.header(TRACEPARENT))];
        entered.or_else(|| given().into_iter().flatten().find(|trace| is_traceparent(trace)).map(str::to_owned))
    }

    /// Has what goes on from this call belong to a span, as `traceparent` has it: messages, remote procedure calls and lines of the
    /// log. For crates that ask for the feature `spans`.
    #[cfg(feature = "spans")]
    pub fn enter_span(&self, traceparent: &str) -> EnteredSpan<'_> {
        EnteredSpan { call: self, before: self.span().replace(traceparent.into()) }
    }

    #[cfg(feature = "spans")]
    fn span(&self) -> std::sync::MutexGuard<'_, Option<Box<str>>> {
        self.span.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the function is reached: the path of the request's route, or the logical name of the queue, schedule or other source, as
    /// they are wired. `None` of a request that no route takes, of a source that is any, and of a direct call. For crates that ask
    /// for the feature `spans`.
    #[cfg(feature = "spans")]
    pub fn wired(&self) -> Option<&'static str> {
        self.wired
    }

    /// Whether it came as a remote procedure call (`g.rpc` of [`Groups`](crate::Groups)); its request is [`Call::http`]. Without the
    /// feature `rpc` there are none.
    pub fn is_rpc(&self) -> bool {
        #[cfg(feature = "rpc")]
        return self.rpc;
        #[cfg(not(feature = "rpc"))]
        false
    }

    /// What of the platform handed the call over, where the platform says so.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_deref()
    }

    /// When the call is ended, in milliseconds since the Unix epoch: by the platform, its wiring, its function, or a middleware around it.
    pub fn deadline_ms(&self) -> Option<u64> {
        match self.nearer_ms.load(Ordering::Relaxed) {
            u64::MAX => self.deadline_ms,
            nearer => Some(nearer),
        }
    }

    /// Has the deadline be no later than so long from now, until what is answered is dropped.
    pub(crate) fn nearer_deadline(&self, limit: Duration) -> Nearer<'_> {
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let ends_ms = self.now_ms().saturating_add(limit_ms);
        let before = self.nearer_ms.load(Ordering::Relaxed);
        if self.deadline_ms().is_none_or(|deadline| ends_ms < deadline) {
            self.nearer_ms.store(ends_ms, Ordering::Relaxed);
        }
        Nearer { call: self, before }
    }

    /// Whether the deadline is a middleware's, and who waits for the outcome may get another.
    pub(crate) fn has_nearer_deadline(&self) -> bool {
        self.nearer_ms.load(Ordering::Relaxed) != u64::MAX
    }

    /// The time, in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.platform.now_ms()
    }

    /// How long is left until the deadline; `None` without one.
    pub fn remaining(&self) -> Option<Duration> {
        let deadline = self.deadline_ms()?;
        Some(Duration::from_millis(deadline.saturating_sub(self.platform.now_ms())))
    }

    /// Whether nobody waits for the outcome any more: the client is gone, the deadline has passed or the process ends.
    pub fn is_cancelled(&self) -> bool {
        self.after.is_cancelled() || self.remaining().is_some_and(|left| left.is_zero())
    }

    /// Does this after the answer is out, without the caller waiting for it. The platform keeps the process alive until it
    /// is done or the call's deadline has passed; an answer that was sent is not taken back when it fails.
    ///
    /// ```
    /// # async fn f(call: &pikku::Call) {
    /// call.after_answer(pikku::edge(async { /* tell the statistics */ }));
    /// # }
    /// ```
    pub fn after_answer(&self, work: BoxFuture<'static, ()>) {
        self.after.add(work);
    }

    /// Writes a line to the log, with what tells this call from others. `detail` is what must not leave the log; secrets
    /// do not belong in it either.
    pub fn log(&self, level: Level, message: &str, detail: Option<&str>) {
        self.with_trace(|trace| {
            self.platform.log(&LogLine {
                function: Some(self.function),
                call_id: Some(&self.id),
                trace,
                detail,
                ..LogLine::new(level, message)
            });
        });
    }

    /// Gives the trace that lines of the log are of: of the span that a middleware has made, where one has.
    pub(crate) fn with_trace<T>(&self, work: impl FnOnce(Option<&str>) -> T) -> T {
        #[cfg(feature = "spans")]
        return work(self.span().as_deref().or(self.trace()));
        #[cfg(not(feature = "spans"))]
        work(self.trace())
    }

    /// Who calls, where the platform itself has established it.
    pub fn platform_identity(&self) -> Option<&PlatformIdentity> {
        self.identity.as_deref()
    }

    /// The session; `None` without one, and where nothing of the call asks for one: then nobody has looked for it.
    pub fn claims(&self) -> Option<&Claims> {
        self.established().map(|established| &established.claims)
    }

    pub(crate) fn established(&self) -> Option<&Established> {
        self.established.get()
    }

    /// The first session that is established stands.
    pub(crate) fn establish(&self, established: Established) {
        #[cfg(feature = "testing")]
        self.platform.note_grants(established.claims.scopes());
        let _ = self.established.set(established);
    }

    pub(crate) fn session_control(&self) -> &SessionControl {
        &self.control
    }

    pub(crate) fn cancel(&self) {
        self.after.cancel();
    }

    /// Adds a header to the HTTP response of the call, whatever it is. What the function sets itself stands, except that
    /// cookies and the other headers that are lists are added to.
    ///
    /// # Errors
    ///
    /// HTTP does not allow the name or the value.
    pub fn add_response_header(&self, name: &str, value: &str) -> Result<(), InvalidHeader> {
        self.response_headers.lock().unwrap_or_else(PoisonError::into_inner).append(name, value.as_bytes())
    }

    /// Adds headers that are known when the program is compiled, as [`Call::add_response_header`] does.
    pub fn add_static_headers(&self, headers: impl IntoIterator<Item = StaticHeader>) {
        let mut added = self.response_headers.lock().unwrap_or_else(PoisonError::into_inner);
        headers.into_iter().for_each(|header| added.append_static(header));
    }

    /// How many headers were added to the response so far.
    pub(crate) fn response_headers(&self) -> usize {
        self.response_headers.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What it is until now that middleware below may change.
    pub(crate) fn mark(&self) -> Mark {
        let headers = self.response_headers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Mark { headers, session: self.control.change() }
    }

    /// Takes back what was changed since.
    pub(crate) fn go_back(&self, mark: &Mark) {
        *self.response_headers.lock().unwrap_or_else(PoisonError::into_inner) = mark.headers.clone();
        self.control.go_back(mark.session.clone());
    }

    /// Takes the headers that were added after so many.
    pub(crate) fn take_response_headers(&self, after: usize) -> Headers {
        self.response_headers.lock().unwrap_or_else(PoisonError::into_inner).split_off(after)
    }

    /// The headers of the request, or of the WebSocket's connection being made.
    pub fn headers(&self) -> Option<&Headers> {
        let connecting = || self.socket().map(|socket| &socket.headers);
        self.http().map(|request| &request.headers).or_else(connecting)
    }

    /// The request, of a call over HTTP.
    pub fn http(&self) -> Option<&HttpRequest> {
        match &self.trigger {
            Trigger::Http(request) => Some(request),
            Trigger::Event(_) => None,
        }
    }

    fn payload<P: Payload>(&self) -> Option<&P> {
        match &self.trigger {
            Trigger::Http(_) => None,
            Trigger::Event(payload) => (&**payload as &dyn Any).downcast_ref(),
        }
    }

    payloads! {
        /// The message, of a call from a queue.
        queue QueueMessage;
        /// The run, of a call by a schedule.
        schedule ScheduledRun;
        /// The message, of a call from a topic.
        topic TopicMessage;
        /// The event, of a call for an object of a bucket.
        object ObjectEvent;
        /// The change, of a call for an item of a table.
        table TableChange;
        /// The record, of a call from a stream.
        stream StreamRecord;
        /// The event, of a call from an event bus.
        event BusEvent;
        /// The event, of a call for a WebSocket.
        socket SocketEvent;
    }
}
