//! Who waits for what: the queue of invocations, the sandboxes, and what each of them holds.
//!
//! Everything here is decided under one lock and none of it waits. After every change the queue is handed out as far
//! as sandboxes ask for work, and sandboxes are counted against what is asked of them.
//!
//! Invariants:
//! - An invocation is in the queue, in flight in one sandbox, or answered; it is answered once.
//! - A sandbox is handed work only while it is ready and holds fewer invocations than it may.
//! - A sandbox that can neither be waited for nor handed work is stopped.

use crate::{
    ErrorReport, Invocation, InvokeError, Outcome, Request, SandboxEnd, builder::Settings, environment,
    extension::Extensions, id, outcome, process, stream::Partial,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::{Notify, oneshot};

/// How long a process that has reported a failed start has to end by itself.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);

/// How many finished invocations a sandbox remembers, to tell a late answer from one to an unknown request.
const REMEMBERED: usize = 1_000;

/// A sandbox's number, counted from 1.
pub(crate) type SandboxId = u64;

pub(crate) type Answer = oneshot::Sender<Result<Invocation, InvokeError>>;

#[derive(Debug)]
pub(crate) struct State {
    settings: Arc<Settings>,
    function_arn: String,
    queue: VecDeque<Queued>,
    sandboxes: BTreeMap<SandboxId, Sandbox>,
    started: SandboxId,
    closing: bool,
    ends: Vec<SandboxEnd>,
}

#[derive(Debug)]
struct Queued {
    request_id: String,
    request: Request,
    answer: Answer,
}

#[derive(Debug)]
struct Sandbox {
    phase: Phase,
    since: Instant,
    init_duration: Option<Duration>,
    /// Whether the runtime has asked for work; extensions may still be starting.
    polled: bool,
    waiting: VecDeque<oneshot::Sender<Delivery>>,
    in_flight: BTreeMap<String, InFlight>,
    past: VecDeque<(String, Past)>,
    /// The latest deadline of all that was handed out.
    busy_until: Option<Instant>,
    extensions: Extensions,
    pid: Option<u32>,
    wake: Arc<Notify>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Ready,
    /// It gets no more work: its start failed or it is being stopped.
    Leaving,
}

#[derive(Debug)]
struct InFlight {
    invocation_id: String,
    answer: Answer,
    dispatched: Instant,
    deadline: Instant,
    init_duration: Option<Duration>,
    stream: Option<Partial>,
}

/// What became of an invocation that a sandbox no longer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    Answered,
    TimedOut,
}

/// An event on its way to the function.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) request_id: String,
    pub(crate) invocation_id: String,
    pub(crate) deadline_ms: u64,
    pub(crate) function_arn: String,
    pub(crate) trace: String,
    pub(crate) request: Request,
}

/// Why the Runtime API refuses a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request id is none of this sandbox's.
    UnknownRequest,
    /// The invocation id is not the one handed out with the request id.
    WrongInvocation,
    /// The invocation has been answered.
    AlreadyAnswered,
    /// The invocation's deadline has passed.
    TimedOut,
    /// The sandbox holds all the invocations it may.
    Busy,
    /// The start is over, or has failed.
    NotStarting,
    /// The answer is larger than an answer may be.
    TooLarge,
}

/// What the supervisor of a sandbox does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    /// Sleep until then or until woken.
    Wait(Instant),
    /// End the process at once.
    Kill,
    /// End the process as the platform does when it has no more work; first with SIGTERM if so.
    ShutDown { terminate: bool },
}

impl State {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self {
            function_arn: environment::function_arn(&settings),
            settings,
            queue: VecDeque::new(),
            sandboxes: BTreeMap::new(),
            started: 0,
            closing: false,
            ends: Vec::new(),
        }
    }

    /// Puts an event in the queue.
    pub(crate) fn enqueue(&mut self, request: Request, answer: Answer) {
        if self.closing {
            let _ = answer.send(Err(InvokeError::ShutDown));
            return;
        }
        self.queue.push_back(Queued { request_id: id::uuid(), request, answer });
    }

    /// Hands out the queue, as far as it goes, and says which sandboxes to start.
    pub(crate) fn settle(&mut self) -> Vec<(SandboxId, Arc<Notify>)> {
        self.queue.retain(|queued| !queued.answer.is_closed());
        if self.closing {
            return Vec::new();
        }
        while !self.queue.is_empty() && self.hand_out() {}
        let mut starts = Vec::new();
        loop {
            let alive = || self.sandboxes.values().filter(|sandbox| sandbox.phase != Phase::Leaving);
            let held: usize = alive().map(|sandbox| sandbox.in_flight.len()).sum();
            let count = alive().count();
            if count >= self.settings.instances || self.queue.len() + held <= count * self.settings.max_concurrency {
                return starts;
            }
            self.started += 1;
            let sandbox = Sandbox::new();
            starts.push((self.started, sandbox.wake.clone()));
            self.sandboxes.insert(self.started, sandbox);
        }
    }

    /// Hands the first of the queue to a sandbox that waits for work, if there is one.
    fn hand_out(&mut self) -> bool {
        let most = self.settings.max_concurrency;
        let free = self.sandboxes.values_mut().find_map(|sandbox| Some((sandbox.asks_for_work(most)?, sandbox)));
        let Some((waiting, sandbox)) = free else { return false };
        let Some(queued) = self.queue.pop_front() else { return false };
        let dispatched = Instant::now();
        let deadline = dispatched + self.settings.timeout;
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + self.settings.timeout;
        let Queued { request_id, request, answer } = queued;
        let delivery = Delivery {
            request_id: request_id.clone(),
            invocation_id: id::uuid(),
            deadline_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
            function_arn: self.function_arn.clone(),
            trace: request.trace_id.clone().unwrap_or_else(id::trace),
            request,
        };
        let invocation_id = delivery.invocation_id.clone();
        let (deadline_ms, trace) = (delivery.deadline_ms, delivery.trace.clone());
        match waiting.send(delivery) {
            Ok(()) => {
                let init_duration = sandbox.init_duration.take();
                let in_flight = InFlight { invocation_id, answer, dispatched, deadline, init_duration, stream: None };
                sandbox.extensions.invoked(&request_id, deadline_ms, &self.function_arn, &trace);
                sandbox.in_flight.insert(request_id, in_flight);
                sandbox.busy_until = sandbox.busy_until.max(Some(deadline));
                sandbox.wake.notify_one();
            }
            // Whoever asked has hung up; the event is still the first in the queue.
            Err(Delivery { request, .. }) => self.queue.push_front(Queued { request_id, request, answer }),
        }
        true
    }

    /// The runtime asks for work.
    pub(crate) fn next(&mut self, sandbox: SandboxId) -> Result<oneshot::Receiver<Delivery>, Refusal> {
        let most = self.settings.max_concurrency;
        let sandbox = self.sandboxes.get_mut(&sandbox).ok_or(Refusal::NotStarting)?;
        if sandbox.in_flight.len() >= most {
            return Err(Refusal::Busy);
        }
        sandbox.polled = true;
        sandbox.become_ready();
        let (send, receive) = oneshot::channel();
        sandbox.waiting.retain(|waiting| !waiting.is_closed());
        sandbox.waiting.push_back(send);
        sandbox.wake.notify_one();
        Ok(receive)
    }

    /// Whether that sandbox holds that invocation, so that an answer to it counts.
    pub(crate) fn holds(
        &self,
        sandbox: SandboxId,
        request_id: &str,
        invocation_id: Option<&str>,
    ) -> Result<(), Refusal> {
        let sandbox = self.sandboxes.get(&sandbox).ok_or(Refusal::UnknownRequest)?;
        match sandbox.in_flight.get(request_id) {
            Some(held) if invocation_id.is_some_and(|given| given != held.invocation_id) => {
                Err(Refusal::WrongInvocation)
            }
            Some(held) if held.stream.is_some() => Err(Refusal::AlreadyAnswered),
            Some(_) => Ok(()),
            None => Err(sandbox.refusal(request_id)),
        }
    }

    /// The invocation is over.
    pub(crate) fn finish(&mut self, sandbox: SandboxId, request_id: &str, outcome: Outcome) -> Result<(), Refusal> {
        let sandbox = self.sandboxes.get_mut(&sandbox).ok_or(Refusal::UnknownRequest)?;
        sandbox.finish(request_id, Past::Answered, |_| outcome)
    }

    /// The function begins to stream its answer.
    pub(crate) fn begin_stream(
        &mut self,
        sandbox: SandboxId,
        request_id: &str,
        content_type: Option<String>,
    ) -> Result<(), Refusal> {
        let sandbox = self.sandboxes.get_mut(&sandbox).ok_or(Refusal::UnknownRequest)?;
        let refusal = sandbox.refusal(request_id);
        let held = sandbox.in_flight.get_mut(request_id).ok_or(refusal)?;
        held.stream = Some(Partial::new(content_type));
        Ok(())
    }

    /// A chunk of a streamed answer.
    pub(crate) fn stream(&mut self, sandbox: SandboxId, request_id: &str, chunk: &[u8]) -> Result<(), Refusal> {
        let sandbox = self.sandboxes.get_mut(&sandbox).ok_or(Refusal::UnknownRequest)?;
        let refusal = sandbox.refusal(request_id);
        let partial = sandbox.in_flight.get_mut(request_id).and_then(|held| held.stream.as_mut()).ok_or(refusal)?;
        if partial.push(chunk) { Ok(()) } else { Err(Refusal::TooLarge) }
    }

    /// A streamed answer is over, or has broken off.
    pub(crate) fn end_stream(
        &mut self,
        sandbox: SandboxId,
        request_id: &str,
        error: Option<ErrorReport>,
    ) -> Result<(), Refusal> {
        let sandbox = self.sandboxes.get_mut(&sandbox).ok_or(Refusal::UnknownRequest)?;
        sandbox.finish(request_id, Past::Answered, |partial| Outcome::Streamed(partial.unwrap_or_default().end(error)))
    }

    /// The runtime reports that it cannot start.
    pub(crate) fn init_error(&mut self, sandbox: SandboxId, report: &ErrorReport) -> Result<(), Refusal> {
        match self.sandboxes.get(&sandbox).map(|sandbox| sandbox.phase) {
            Some(Phase::Starting) => {
                self.fail_start(sandbox, &|_| report.clone());
                Ok(())
            }
            _ => Err(Refusal::NotStarting),
        }
    }

    /// The process could not be started at all.
    pub(crate) fn not_started(&mut self, sandbox: SandboxId, why: &std::io::Error) {
        let message = format!("fork/exec /var/task/bootstrap: {why}");
        self.fail_start(sandbox, &|id| ErrorReport::about(id, "Runtime.InvalidEntrypoint", &message));
        self.sandboxes.remove(&sandbox);
    }

    /// Answers the invocations that a sandbox was started for: all that wait, or where another sandbox serves the
    /// queue, as many as this one would have taken.
    fn fail_start(&mut self, sandbox: SandboxId, report: &dyn Fn(&str) -> ErrorReport) {
        if let Some(failed) = self.sandboxes.get_mut(&sandbox) {
            failed.leave();
        }
        let served = self.sandboxes.values().any(|sandbox| sandbox.phase == Phase::Ready);
        let affected = if served { self.settings.max_concurrency.min(self.queue.len()) } else { self.queue.len() };
        for queued in self.queue.drain(..affected) {
            let outcome = Outcome::InitError(report(&queued.request_id));
            let invocation = Invocation {
                request_id: queued.request_id,
                outcome,
                duration: Duration::ZERO,
                init_duration: None,
                max_memory: None,
            };
            // An invoker that no longer waits needs no answer.
            let _ = queued.answer.send(Ok(invocation));
        }
    }

    /// What has to be done about a sandbox now.
    pub(crate) fn tick(&mut self, id: SandboxId) -> Tick {
        let now = Instant::now();
        let (init_timeout, timeout) = (self.settings.init_timeout, self.settings.timeout);
        let always_terminate = self.settings.always_terminate;
        let Some(sandbox) = self.sandboxes.get_mut(&id) else { return Tick::Kill };
        if self.closing {
            return Tick::ShutDown { terminate: always_terminate || !sandbox.extensions.is_empty() };
        }
        match sandbox.phase {
            Phase::Starting if now < sandbox.since + init_timeout => Tick::Wait(sandbox.since + init_timeout),
            Phase::Starting => {
                let message = format!("Init timed out after {:.2} seconds", init_timeout.as_secs_f64());
                self.fail_start(id, &|request| ErrorReport::about(request, "Sandbox.Timedout", &message));
                Tick::Kill
            }
            Phase::Leaving if now < sandbox.since + LEAVE_LIMIT => Tick::Wait(sandbox.since + LEAVE_LIMIT),
            Phase::Leaving => Tick::Kill,
            Phase::Ready => {
                sandbox.expire(now, timeout);
                match sandbox.waits_until() {
                    Some(until) if until <= now => {
                        sandbox.leave();
                        Tick::Kill
                    }
                    Some(until) => Tick::Wait(until),
                    None => Tick::Wait(now + Duration::from_secs(3_600)),
                }
            }
        }
    }

    /// The sandbox's process is there.
    pub(crate) fn running(&mut self, sandbox: SandboxId, pid: u32) {
        if let Some(sandbox) = self.sandboxes.get_mut(&sandbox) {
            sandbox.pid = Some(pid);
        }
    }

    /// The sandbox's process is gone.
    pub(crate) fn gone(&mut self, id: SandboxId, reason: &str) {
        if self.sandboxes.get(&id).is_some_and(|sandbox| sandbox.phase == Phase::Starting) {
            self.fail_start(id, &|request| outcome::exited(request, reason));
        }
        let Some(mut sandbox) = self.sandboxes.remove(&id) else { return };
        let held: Vec<String> = sandbox.in_flight.keys().cloned().collect();
        for request_id in held {
            let report = outcome::exited(&request_id, reason);
            let result = sandbox.finish(&request_id, Past::Answered, |partial| match partial {
                Some(partial) => Outcome::Streamed(partial.end(Some(report))),
                None => Outcome::Crashed { reason: reason.into() },
            });
            debug_assert_eq!(result, Ok(()), "it was held a moment ago");
        }
    }

    /// The extensions of a sandbox that is starting.
    pub(crate) fn extensions_at_start(&mut self, sandbox: SandboxId) -> Result<&mut Extensions, Refusal> {
        match self.sandboxes.get_mut(&sandbox) {
            Some(sandbox) if sandbox.phase == Phase::Starting && !sandbox.polled => Ok(&mut sandbox.extensions),
            _ => Err(Refusal::NotStarting),
        }
    }

    /// The events of an extension.
    pub(crate) fn extension_events(&mut self, sandbox: SandboxId, id: &str) -> Option<crate::extension::Events> {
        let sandbox = self.sandboxes.get_mut(&sandbox)?;
        let events = sandbox.extensions.poll(id)?;
        sandbox.become_ready();
        Some(events)
    }

    /// No more work is taken, and every sandbox is told to go.
    pub(crate) fn close(&mut self) {
        self.closing = true;
        for queued in self.queue.drain(..) {
            let _ = queued.answer.send(Err(InvokeError::ShutDown));
        }
        for sandbox in self.sandboxes.values() {
            sandbox.wake.notify_one();
        }
    }

    pub(crate) fn record_end(&mut self, end: SandboxEnd) {
        self.ends.push(end);
    }

    pub(crate) fn take_ends(&mut self) -> Vec<SandboxEnd> {
        std::mem::take(&mut self.ends)
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.sandboxes.values().filter_map(|sandbox| sandbox.pid).collect()
    }
}

impl Sandbox {
    fn new() -> Self {
        Self {
            phase: Phase::Starting,
            since: Instant::now(),
            init_duration: None,
            polled: false,
            waiting: VecDeque::new(),
            in_flight: BTreeMap::new(),
            past: VecDeque::new(),
            busy_until: None,
            extensions: Extensions::default(),
            pid: None,
            wake: Arc::new(Notify::new()),
        }
    }

    /// The request for work that has waited longest, if the sandbox may be given some.
    fn asks_for_work(&mut self, most: usize) -> Option<oneshot::Sender<Delivery>> {
        self.waiting.retain(|waiting| !waiting.is_closed());
        if self.phase == Phase::Ready && self.in_flight.len() < most { self.waiting.pop_front() } else { None }
    }

    /// The start is over once the runtime and all extensions have asked for their first event.
    fn become_ready(&mut self) {
        if self.phase == Phase::Starting && self.polled && self.extensions.all_started() {
            self.phase = Phase::Ready;
            self.init_duration = Some(self.since.elapsed());
            self.wake.notify_one();
        }
    }

    fn leave(&mut self) {
        if self.phase != Phase::Leaving {
            self.phase = Phase::Leaving;
            self.since = Instant::now();
            self.wake.notify_one();
        }
    }

    /// Ends the invocations whose deadline has passed.
    fn expire(&mut self, now: Instant, after: Duration) {
        let late: Vec<String> =
            self.in_flight.iter().filter(|(_, held)| held.deadline <= now).map(|(id, _)| id.clone()).collect();
        for request_id in late {
            let report = outcome::timed_out(&request_id, after);
            let result = self.finish(&request_id, Past::TimedOut, |partial| match partial {
                Some(partial) => Outcome::Streamed(partial.end(Some(report))),
                None => Outcome::TimedOut { after },
            });
            debug_assert_eq!(result, Ok(()), "it was held a moment ago");
        }
    }

    /// When this sandbox has to be looked at next: at the first deadline of what it holds; or when it holds nothing
    /// and asks for nothing, at the last deadline of all it was given, after which it cannot be waited for any longer.
    fn waits_until(&mut self) -> Option<Instant> {
        self.waiting.retain(|waiting| !waiting.is_closed());
        match self.in_flight.values().map(|held| held.deadline).min() {
            None if self.waiting.is_empty() => self.busy_until,
            first => first,
        }
    }

    /// Answers an invocation that is in flight.
    fn finish(
        &mut self,
        request_id: &str,
        past: Past,
        outcome: impl FnOnce(Option<Partial>) -> Outcome,
    ) -> Result<(), Refusal> {
        let Some(held) = self.in_flight.remove(request_id) else { return Err(self.refusal(request_id)) };
        let invocation = Invocation {
            request_id: request_id.to_owned(),
            outcome: outcome(held.stream),
            duration: held.dispatched.elapsed(),
            init_duration: held.init_duration,
            max_memory: self.pid.and_then(process::max_memory),
        };
        // An invoker that no longer waits needs no answer.
        let _ = held.answer.send(Ok(invocation));
        if self.past.len() == REMEMBERED {
            self.past.pop_front();
        }
        self.past.push_back((request_id.to_owned(), past));
        self.wake.notify_one();
        Ok(())
    }

    /// Why an answer to an invocation that is not in flight is refused.
    fn refusal(&self, request_id: &str) -> Refusal {
        match self.past.iter().rev().find(|(id, _)| id == request_id) {
            Some((_, Past::Answered)) => Refusal::AlreadyAnswered,
            Some((_, Past::TimedOut)) => Refusal::TimedOut,
            None => Refusal::UnknownRequest,
        }
    }
}
