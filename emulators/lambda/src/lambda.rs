//! The local Lambda itself: what an invoker sees of it.

use crate::{
    Builder, Invocation, InvokeError, PAYLOAD_LIMIT, ShutdownReport, Signal, builder::Settings, bundle::Bundle, logs,
    process, sandbox, state::State,
};
use bytes::Bytes;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::oneshot, task::JoinSet, time::timeout};

/// How long the end of the processes may take beyond the grace they have.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// A function that is deployed here.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use pikku_local_lambda::LocalLambda;
///
/// let lambda = LocalLambda::zip("target/pikku/lambda/orders.zip").memory_mb(256).start()?;
/// let invocation = lambda.invoke(r#"{"key":"value"}"#).await?;
/// println!("{:?} in {:?}", invocation.outcome, invocation.duration);
/// lambda.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// Dropping it kills its processes.
#[derive(Debug)]
pub struct LocalLambda {
    shared: Arc<Shared>,
}

/// What the invoker, the Runtime API and the supervisors of sandboxes have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Arc<Settings>,
    pub(crate) bundle: Bundle,
    pub(crate) captured: logs::Captured,
    state: Mutex<State>,
    supervisors: Mutex<JoinSet<()>>,
}

impl Shared {
    /// Changes the state, hands out work and starts what sandboxes that takes.
    pub(crate) fn change<T>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> T) -> T {
        let (result, starts) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let result = change(&mut state);
            (result, state.settle())
        };
        if !starts.is_empty() {
            let mut supervisors = self.supervisors.lock().unwrap_or_else(PoisonError::into_inner);
            while supervisors.try_join_next().is_some() {}
            for (id, wake) in starts {
                supervisors.spawn(sandbox::run(self.clone(), id, wake));
            }
        }
        result
    }
}

/// An event and what comes with it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Request {
    /// The event's bytes, handed on as they are.
    pub payload: Bytes,
    /// The client's context, a JSON object.
    pub client_context: Option<String>,
    /// The Cognito identity, a JSON object.
    pub cognito_identity: Option<String>,
    /// The trace header; one that is not sampled by default.
    pub trace_id: Option<String>,
    /// The tenant, of a function that keeps tenants apart.
    pub tenant_id: Option<String>,
}

impl Request {
    /// An event with nothing beside it.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into(), ..Self::default() }
    }

    /// With the client's context, as JSON.
    #[must_use]
    pub fn client_context(mut self, json: impl Into<String>) -> Self {
        self.client_context = Some(json.into());
        self
    }

    /// With a Cognito identity, as JSON.
    #[must_use]
    pub fn cognito_identity(mut self, json: impl Into<String>) -> Self {
        self.cognito_identity = Some(json.into());
        self
    }

    /// With a trace header, such as `Root=1-…;Parent=…;Sampled=1`.
    #[must_use]
    pub fn trace_id(mut self, header: impl Into<String>) -> Self {
        self.trace_id = Some(header.into());
        self
    }

    /// With a tenant.
    #[must_use]
    pub fn tenant_id(mut self, tenant: impl Into<String>) -> Self {
        self.tenant_id = Some(tenant.into());
        self
    }
}

impl LocalLambda {
    /// Begins to configure a function from that zip, which holds a `bootstrap`.
    pub fn zip(path: impl Into<PathBuf>) -> Builder {
        Builder::zip(path)
    }

    /// Begins to configure a function from that program, started where it is.
    pub fn bootstrap(path: impl Into<PathBuf>) -> Builder {
        Builder::bootstrap(path)
    }

    pub(crate) fn new(settings: Settings, bundle: Bundle) -> Self {
        let settings = Arc::new(settings);
        let shared = Shared {
            state: Mutex::new(State::new(settings.clone())),
            settings,
            bundle,
            captured: logs::Captured::default(),
            supervisors: Mutex::new(JoinSet::new()),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Hands an event to the function and waits for what it comes to.
    ///
    /// # Errors
    /// When the function is never given the event. That it fails is an [`Outcome`](crate::Outcome).
    pub async fn invoke(&self, event: impl Into<Bytes>) -> Result<Invocation, InvokeError> {
        self.send(Request::new(event)).await
    }

    /// Hands an event and what comes with it to the function.
    ///
    /// # Errors
    /// As [`invoke`](Self::invoke).
    pub async fn send(&self, request: Request) -> Result<Invocation, InvokeError> {
        let size = request.payload.len();
        if size > PAYLOAD_LIMIT {
            return Err(InvokeError::EventTooLarge { size });
        }
        let (send, receive) = oneshot::channel();
        self.shared.change(|state| state.enqueue(request, send));
        receive.await.unwrap_or(Err(InvokeError::ShutDown))
    }

    /// The processes that run now.
    pub fn pids(&self) -> Vec<u32> {
        self.shared.change(|state| state.pids())
    }

    /// Sends a signal to every process that runs, as if from outside.
    pub fn signal(&self, signal: Signal) {
        for pid in self.pids() {
            process::signal(pid, signal);
        }
    }

    /// What the processes have written so far, line by line, with [`Logs::Captured`](crate::Logs::Captured).
    pub fn logs(&self) -> Vec<String> {
        self.shared.captured.lines()
    }

    /// Ends the processes as Lambda does: SIGTERM and two seconds where an extension has registered, then SIGKILL.
    /// What is in flight ends with them, unless it is answered in that time.
    pub async fn shutdown(self) -> ShutdownReport {
        self.shared.change(State::close);
        let mut supervisors = {
            let mut supervisors = self.shared.supervisors.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *supervisors)
        };
        let limit = self.shared.settings.grace + SHUTDOWN_LIMIT;
        // A supervisor that outlives its limit is aborted with the set, and its process killed.
        let _ = timeout(limit, async { while supervisors.join_next().await.is_some() {} }).await;
        let sandboxes = self.shared.change(State::take_ends);
        ShutdownReport { sandboxes, logs: self.logs() }
    }
}

impl Drop for LocalLambda {
    fn drop(&mut self) {
        self.shared.supervisors.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}
