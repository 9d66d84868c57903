use super::{
    Sent,
    platform::{LoggedLine, TestPlatform},
    request::TestRequest,
};
use crate::{
    All, App, AuthError, Authenticator, BoxFuture, Claims, Engine, Problem, Service,
    app::Place,
    call::{Context, Trigger},
    dispatch::{Arrival, StartError},
    function::{Meta, Reply},
    http::Method,
    service::{ConstructPerCall, Handle, Message, PerCall, Plan, Scope},
};
use pikku_manifest::covers;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, ready},
    sync::{Arc, Mutex, PoisonError},
};

/// The time that a test app's clock shows until it is moved: 2026-01-01T00:00:00Z.
const NEW_YEAR_2026_MS: u64 = 1_767_225_600_000;

/// An app in process.
#[derive(Debug)]
pub struct TestApp {
    engine: Engine,
    platform: Arc<TestPlatform>,
    failures: Mutex<Vec<Failure>>,
    scopes: Option<BTreeSet<&'static str>>,
}

/// A message, record or run whose call failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What it was of, such as `queue orders-placed`.
    pub source: String,
    /// Why.
    pub problem: Problem,
}

/// An app being prepared.
#[must_use]
#[derive(Debug)]
pub struct TestAppBuilder {
    app: App<All>,
    variables: BTreeMap<String, String>,
    now_ms: u64,
    session: Option<Claims>,
}

impl TestAppBuilder {
    /// Uses this value for a service instead of calling its constructor, nor those that only it needs.
    pub fn with<T: Service>(mut self, service: T) -> Self {
        self.app.plan.provide(service);
        self
    }

    /// Sets an environment variable.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets the clock, in milliseconds since the Unix epoch.
    pub fn now_ms(self, now_ms: u64) -> Self {
        Self { now_ms, ..self }
    }

    /// Gives every call this session.
    ///
    /// # Panics
    ///
    /// If it cannot be written as JSON.
    pub fn session(self, user: &impl Serialize) -> Self {
        self.claims(Claims::of(user).unwrap_or_else(|error| panic!("the session is no JSON: {error}")))
    }

    /// Gives every call this session, whatever its credentials.
    pub fn claims(self, claims: Claims) -> Self {
        Self { session: Some(claims), ..self }
    }

    /// Starts the app.
    ///
    /// # Errors
    ///
    /// What would stop it from starting anywhere.
    pub async fn try_start(self) -> Result<TestApp, StartError> {
        let platform = Arc::new(TestPlatform::new(self.now_ms, self.variables));
        let mut app = self.app;
        if let Some(claims) = self.session {
            app.plan.provide(GivenSession(claims));
            app.attach_source::<GivenSession>(Place::App);
            // It comes before the app's own sources.
            let given = app.registry.layers.pop();
            app.registry.layers.splice(0..0, given);
        }
        let scopes = app.registry.notes.declared().cloned();
        let engine = Engine::start(app, Arc::clone(&platform) as Arc<dyn crate::Platform>).await?;
        Ok(TestApp { engine, platform, failures: Mutex::default(), scopes })
    }

    /// Starts the app.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub async fn start(self) -> TestApp {
        self.try_start().await.unwrap_or_else(|error| panic!("the app did not start: {error}"))
    }
}

/// The source that gives every call the test's session.
struct GivenSession(Claims);

impl Service for GivenSession {
    type Lifetime = PerCall;
    const NAME: &'static str = "GivenSession";
    const DEPTH_OF_THE_SERVICES_BELOW: usize = 0;

    fn plan(_: &mut Plan) {}

    fn get<'s>(scope: &'s Scope<'_>) -> impl Future<Output = Result<Handle<'s, Self>, Problem>> + Send {
        scope.per_call()
    }
}

impl ConstructPerCall for GivenSession {
    fn construct<'s>(_: &'s Scope<'_>) -> BoxFuture<'s, Result<Self, crate::BoxError>> {
        Box::pin(ready(Err("the test gives it".into())))
    }
}

impl Authenticator for GivenSession {
    const NAME: &'static str = "GivenSession";
    const META: Meta = Meta { description: "", module: "", file: "", line: 0, services: &[] };

    fn plan(_: &mut Plan) {}

    fn authenticate<'a>(scope: &'a Scope<'a>) -> BoxFuture<'a, Result<Option<Claims>, AuthError>> {
        Box::pin(async move { Ok(Some(Self::get(scope).await?.0.clone())) })
    }
}

impl TestApp {
    /// Starts an app as it is.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub async fn start(app: App<All>) -> Self {
        Self::prepare(app).start().await
    }

    /// Prepares an app: swaps services, sets variables.
    pub fn prepare(app: App<All>) -> TestAppBuilder {
        TestAppBuilder { app, variables: BTreeMap::new(), now_ms: NEW_YEAR_2026_MS, session: None }
    }

    /// A `GET` request.
    pub fn get(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::GET, path)
    }

    /// A `POST` request.
    pub fn post(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::POST, path)
    }

    /// A `PUT` request.
    pub fn put(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::PUT, path)
    }

    /// A `PATCH` request.
    pub fn patch(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::PATCH, path)
    }

    /// A `DELETE` request.
    pub fn delete(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::DELETE, path)
    }

    /// A request. `path` is percent-encoded and may carry a query.
    pub fn request(&self, method: Method, path: &str) -> TestRequest<'_> {
        TestRequest::new(&self.engine, method, path)
    }

    /// Calls a function by name.
    ///
    /// # Errors
    ///
    /// The problem that the call ends in.
    ///
    /// # Panics
    ///
    /// If the app has no such function, or the output is not a `T`.
    pub async fn call<T: DeserializeOwned>(&self, function: &str, input: &impl Serialize) -> Result<T, Problem> {
        let input = serde_json::to_value(input).unwrap_or_else(|error| panic!("the input is no JSON: {error}"));
        let context = context();
        let after = context.after.clone();
        let outcome = self.engine.call(function, input, context).await;
        after.run(&*self.platform, None).await;
        let reply = outcome.unwrap_or_else(|| panic!("the app has no function `{function}`"))?;
        Ok(super::events::output(reply))
    }

    /// Delivers an event to whatever is wired for it, and keeps the failure if it fails.
    ///
    /// # Panics
    ///
    /// If nothing is wired for it.
    pub(super) async fn deliver(
        &self,
        source: String,
        arrival: Arrival<'_>,
        trigger: Trigger,
    ) -> Result<Reply, Problem> {
        let Some(target) = self.engine.target(&arrival) else {
            let wired: Vec<&str> = self.engine.source_ids().collect();
            panic!("nothing is wired for {source}; the app is wired for {}", wired.join(", "))
        };
        let context = context();
        let after = context.after.clone();
        let outcome = self.engine.deliver(target, trigger, context).await;
        after.run(&*self.platform, None).await;
        if let Err(problem) = &outcome {
            let failure = Failure { source, problem: problem.clone() };
            self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
        }
        outcome
    }

    /// The messages that were sent to a queue and not delivered yet, oldest first.
    ///
    /// # Panics
    ///
    /// If one is not a `T`.
    pub fn enqueued<T: DeserializeOwned>(&self, queue: &str) -> Vec<T> {
        self.sent_to(queue).into_iter().map(|sent| sent.read().message).collect()
    }

    /// The messages that a [`Queue<T>`](crate::service::Queue) sent and that were not delivered yet, oldest first, each with
    /// the delay, group, deduplication id and priority that it was sent with.
    ///
    /// # Panics
    ///
    /// If one is not a `T`.
    pub fn sent<T: Message + DeserializeOwned>(&self) -> Vec<Sent<T>> {
        self.sent_to(T::QUEUE).into_iter().map(Sent::read).collect()
    }

    fn sent_to(&self, queue: &str) -> Vec<Sent<String>> {
        self.platform.sent().iter().filter(|sent| sent.queue == queue).cloned().collect()
    }

    /// Delivers every message that was sent, and those sent meanwhile, until none is left. Each is delivered once, in the
    /// order in which they were sent and whatever its delay; what fails is kept among the [`TestApp::failures`]. The number
    /// delivered.
    ///
    /// # Panics
    ///
    /// If nothing is wired for one of the queues.
    pub async fn deliver_enqueued(&self) -> usize {
        let mut delivered = 0;
        loop {
            let next = {
                let mut sent = self.platform.sent();
                if sent.is_empty() {
                    return delivered;
                }
                sent.remove(0)
            };
            let queue = next.queue.clone();
            let message = next.delivered(format!("test-message-{delivered}"));
            // A failure is kept for the test to look at.
            let _ = self.deliver(format!("queue {queue}"), Arrival::Queue(&queue), message.into()).await;
            delivered += 1;
        }
    }

    /// The messages, records and runs whose calls failed, oldest first.
    pub fn failures(&self) -> Vec<Failure> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The lines that the app logged.
    pub fn logged(&self) -> Vec<LoggedLine> {
        self.platform.logged()
    }

    /// The scopes that sessions of calls were granted so far and that [`App::scopes`] does not say, nor one below them, sorted:
    /// none of them lets a caller do anything. Those that an identity provider has for itself, such as `openid`, are among them.
    /// None where the app does not say its scopes.
    pub fn undeclared_grants(&self) -> Vec<String> {
        let Some(scopes) = &self.scopes else { return Vec::new() };
        let is_declared = |granted: &str| scopes.iter().any(|scope| covers(granted, scope));
        self.platform.granted().into_iter().filter(|granted| !is_declared(granted)).collect()
    }

    /// Moves the clock, in milliseconds since the Unix epoch.
    pub fn set_now_ms(&self, now_ms: u64) {
        self.platform.set_now_ms(now_ms);
    }

    /// The running app, for an adapter to feed a platform's own events to.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Closes the services.
    pub async fn close(self) {
        self.engine.close().await;
    }
}

/// The context of a test's call.
pub(super) fn context() -> Context {
    Context { id: "test".into(), ..Context::default() }
}
