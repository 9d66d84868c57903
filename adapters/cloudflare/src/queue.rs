use crate::{
    call::promise,
    instance::{App, context, deliver, engine, not_taken},
};
use js_sys::Promise;
use pikku::{
    Bytes, Kinds, Selection,
    call::QueueMessage,
    dispatch::Arrival,
    platform::{Level, LogLine},
};
use wasm_bindgen::JsValue;

/// The longest that a message of Cloudflare's queues can be delayed: 12 hours.
pub(crate) const LONGEST_DELAY_S: u64 = 12 * 60 * 60;

/// Takes one message: a promise of `null` when it is done, and of the seconds after which it is to be tried again, or
/// `undefined` for the queue's own choice, when it is not.
#[allow(clippy::too_many_arguments)]
pub fn message<S: Selection>(
    app: &'static App<S>,
    call: u32,
    queue: String,
    id: String,
    sent_at_ms: f64,
    attempts: u32,
    content_type: String,
    body: Vec<u8>,
) -> Promise {
    if !const { S::KINDS.has(Kinds::QUEUE) } {
        return not_taken("messages of queues");
    }
    promise(call, async move {
        let again = JsValue::UNDEFINED;
        let Ok(engine) = engine(app).await else { return Ok(again) };
        let Some(target) = engine.target(&Arrival::Queue(&queue)) else {
            let wired: Vec<&str> = engine.source_ids().collect();
            let detail = format!("the queue is `{queue}`; wired are: {}", wired.join(", "));
            let line =
                LogLine::new(Level::Error, "a message arrived, but no function of this bundle is wired for its queue");
            engine.platform().log(&LogLine { call_id: Some(&id), detail: Some(&detail), ..line });
            return Ok(again);
        };
        let octets = content_type == "bytes";
        // Octets that are no text have no text.
        let text =
            if octets { std::str::from_utf8(&body).unwrap_or_default().into() } else { String::from_utf8_lossy(&body) };
        let message = QueueMessage {
            queue,
            id: id.clone(),
            body: text.into_owned(),
            octets: octets.then(|| Bytes::from(body)),
            content_type: Some(content_type),
            receive_count: attempts,
            sent_at_ms: Some(sent_at_ms as u64),
            ..QueueMessage::default()
        };
        let context = context(&engine, app.timeout_ms, Some(id.into()), None);
        Ok(match deliver(&engine, target, message.into(), context).await {
            Ok(_) => JsValue::NULL,
            Err(problem) => target
                .retry_delay(attempts)
                .max(problem.retry_after())
                .map_or(again, |delay| JsValue::from_f64(delay.as_secs().min(LONGEST_DELAY_S) as f64)),
        })
    })
}
