use crate::{call, host::Host, queue::LONGEST_DELAY_S, timer::Timer};
use js_sys::Reflect;
use pikku::{
    BoxError, BoxFuture, Platform,
    platform::{Level, LogLine, OutgoingMessage, variable_of_secret},
};
use std::{any::Any, fmt, time::Duration};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// An isolate of workerd: the bindings, the log of `console`, a clock that moves with input and output alone.
#[derive(Clone)]
pub(crate) struct Workers {
    /// The bindings by name.
    pub(crate) env: JsValue,
    pub(crate) host: Host,
}

impl fmt::Debug for Workers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Workers")
    }
}

#[allow(unsafe_code)]
mod single_thread {
    // SAFETY: without the `atomics` feature, which the runtime refuses, wasm32 has one thread; nothing can be sent to or
    // shared with another.
    unsafe impl Send for super::Workers {}
    // SAFETY: as above.
    unsafe impl Sync for super::Workers {}
}

impl Workers {
    /// The binding of that name, whatever it is; `None` where there is none.
    pub(crate) fn binding(&self, name: &str) -> Option<JsValue> {
        let value = Reflect::get(&self.env, &JsValue::from_str(name)).ok()?;
        (!value.is_undefined() && !value.is_null()).then_some(value)
    }
}

/// The name under which a binding is found: the logical name in capitals, every other character an underscore.
pub(crate) fn binding_name(prefix: &str, logical: &str) -> String {
    // The same as that of a secret's variable, which is a binding too.
    prefix.to_owned() + &variable_of_secret(logical)
}

/// For how many seconds a message is kept back; an error where it asks for what Cloudflare's queues cannot do. They have no
/// priorities either, and those are left out.
fn delay_s(message: &OutgoingMessage<'_>) -> Result<f64, BoxError> {
    if message.group.is_some() || message.deduplication_id.is_some() {
        return Err(
            "Cloudflare's queues keep no order and drop no duplicates: send without a group and a deduplication id"
                .into(),
        );
    }
    // Rounded up: not before its time.
    let seconds = message.delay.as_millis().div_ceil(1000) as u64;
    if seconds > LONGEST_DELAY_S {
        return Err("Cloudflare's queues keep a message back for 12 hours at most".into());
    }
    Ok(seconds as f64)
}

/// What was thrown, in words.
pub(crate) fn thrown(value: &JsValue) -> String {
    let text = value.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    text.or_else(|| value.as_string()).unwrap_or_else(|| "something that is no error was thrown".to_owned())
}

impl Platform for Workers {
    fn now_ms(&self) -> u64 {
        js_sys::Date::now() as u64
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(Timer::new(self.host.clone(), duration))
    }

    fn env(&self, name: &str) -> Option<String> {
        self.binding(name)?.as_string()
    }

    fn send<'a>(&'a self, message: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        pikku::edge(async move {
            let name = binding_name("QUEUE_", message.queue);
            if self.binding(&name).is_none() {
                return Err(format!(
                    "there is no producer binding `{name}` for the queue `{}`; add `needs = [Need::SendToQueue(\"{}\")]` to the \
                     service that sends, and package again",
                    message.queue, message.queue
                )
                .into());
            }
            let delay_s = delay_s(&message)?;
            // As text: it is JSON already, and as `json` it would be parsed and written once more. Attributes are left out:
            // a message has none here.
            let sent = JsFuture::from(self.host.send(&name, message.body, delay_s)).await;
            sent.map(|_| ()).map_err(|error| thrown(&error).into())
        })
    }

    fn has_attributes(&self, _: &str) -> bool {
        false
    }

    fn log(&self, line: &LogLine<'_>) {
        let Ok(text) = serde_json::to_string(line) else { return };
        // The line of a call is written while it is polled, and writing it is not part of the call.
        call::within(0, || self.host.log(level(line.level), &text));
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}
