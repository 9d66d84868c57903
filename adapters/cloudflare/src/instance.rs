use crate::{
    call,
    host::Host,
    platform::{Workers, thrown},
};
use pikku::{
    Engine, Platform, Problem,
    call::{Context, Trigger},
    dispatch::Target,
    function::Reply,
    platform::{Level, LogLine},
};
use std::{
    cell::{OnceCell, RefCell},
    sync::Arc,
};
use wasm_bindgen::JsValue;

/// How an app is made, and how long a call of it may take.
#[derive(Debug)]
pub struct App<S> {
    /// Makes it.
    pub make: fn() -> pikku::App<S>,
    /// How long one call may take, in milliseconds.
    pub timeout_ms: u64,
}

thread_local! {
    static WORKERS: RefCell<Option<Arc<Workers>>> = const { RefCell::new(None) };
    static ENGINE: OnceCell<Arc<Engine>> = const { OnceCell::new() };
}

/// Prepares this instance of the bundle, once, before its first event. Gives the body of the answer to a call that
/// panics, which only the JavaScript around the bundle can give.
pub fn initialise(env: JsValue, host: Host) -> String {
    let workers = Arc::new(Workers { env, host });
    WORKERS.set(Some(Arc::clone(&workers)));
    std::panic::set_hook(Box::new(move |panic| {
        let call = call::current();
        let text = panic.to_string();
        workers.log(&LogLine { detail: Some(&text), ..LogLine::new(Level::Error, "a call panicked") });
        workers.host.panicked(call);
    }));
    String::from_utf8(Problem::internal("").to_json()).unwrap_or_default()
}

/// The running app.
///
/// Every event that comes before there is one starts its own: workerd never settles a promise of an aborted request, so
/// a start that others waited for could keep them waiting for ever. The first that is done is kept.
///
/// # Errors
///
/// The app could not start; why is in the log.
pub(crate) async fn engine<S: pikku::Selection>(app: &App<S>) -> Result<Arc<Engine>, Problem> {
    if let Some(engine) = ENGINE.with(|engine| engine.get().cloned()) {
        return Ok(engine);
    }
    let Some(workers) = WORKERS.with_borrow(Clone::clone) else {
        return Err(Problem::internal("the bundle was called before it was initialised"));
    };
    match Engine::start((app.make)(), Arc::clone(&workers) as Arc<dyn Platform>).await {
        Ok(engine) => Ok(ENGINE.with(|kept| Arc::clone(kept.get_or_init(|| Arc::new(engine))))),
        Err(error) => {
            let reason = error.to_string();
            workers.log(&LogLine { detail: Some(&reason), ..LogLine::new(Level::Error, "the app could not start") });
            Err(Problem::internal(reason))
        }
    }
}

/// What is known of an invocation.
pub(crate) fn context(engine: &Engine, timeout_ms: u64, id: Option<Arc<str>>, trace: Option<String>) -> Context {
    let id = id.unwrap_or_else(|| {
        WORKERS.with_borrow(|workers| workers.as_ref().map(|w| w.host.id().into())).unwrap_or_default()
    });
    Context { id, deadline_ms: Some(engine.platform().now_ms() + timeout_ms), trace, ..Context::default() }
}

/// Calls the function of a wiring, and does the work that it leaves for after the answer: only then the event is done.
pub(crate) async fn deliver(
    engine: &Engine,
    target: Target,
    trigger: Trigger,
    context: Context,
) -> Result<Reply, Problem> {
    let (after, deadline_ms) = (context.after.clone(), context.deadline_ms);
    let outcome = engine.deliver(target, trigger, context).await;
    after.run(&**engine.platform(), deadline_ms).await;
    outcome
}

/// The JavaScript around the bundle.
pub(crate) fn host() -> Result<Host, JsValue> {
    let host = WORKERS.with_borrow(|workers| workers.as_ref().map(|workers| workers.host.clone()));
    host.ok_or_else(|| JsValue::from_str("the bundle was called before it was initialised"))
}

/// The answer to an event of a kind that the bundle does not take.
pub(crate) fn not_taken(what: &str) -> js_sys::Promise {
    let text = format!("no function of this bundle is wired for {what}");
    js_sys::Promise::reject(&js_sys::Error::new(&text))
}

/// Writes down what could not be done.
pub(crate) fn log(engine: &Engine, message: &str, error: &JsValue) {
    let text = thrown(error);
    engine.platform().log(&LogLine { detail: Some(&text), ..LogLine::new(Level::Error, message) });
}
