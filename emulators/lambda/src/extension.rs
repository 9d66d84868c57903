//! The Extensions API, as far as an extension inside the function's own process gets: it registers, which makes the
//! platform send SIGTERM before it ends the process, and may ask to be told of invocations.

use crate::id;
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc};

/// The events an extension waits for, shared with the request that waits.
pub(crate) type Events = Arc<Mutex<mpsc::UnboundedReceiver<Bytes>>>;

/// The extensions of one process.
#[derive(Debug, Default)]
pub(crate) struct Extensions(Vec<Extension>);

#[derive(Debug)]
struct Extension {
    id: String,
    name: String,
    invoke: bool,
    polled: bool,
    send: mpsc::UnboundedSender<Bytes>,
    events: Events,
}

/// Why an extension is not registered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unregistered {
    NameTaken,
    ShutdownNotForInternal,
    UnknownEvent(String),
}

impl Extensions {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Registers an extension and says its identifier.
    pub(crate) fn register(&mut self, name: &str, events: &[String]) -> Result<String, Unregistered> {
        if self.0.iter().any(|extension| extension.name == name) {
            return Err(Unregistered::NameTaken);
        }
        for event in events {
            match event.as_str() {
                "INVOKE" => {}
                "SHUTDOWN" => return Err(Unregistered::ShutdownNotForInternal),
                other => return Err(Unregistered::UnknownEvent(other.into())),
            }
        }
        let (send, receive) = mpsc::unbounded_channel();
        let id = id::uuid();
        self.0.push(Extension {
            id: id.clone(),
            name: name.into(),
            invoke: !events.is_empty(),
            polled: false,
            send,
            events: Arc::new(Mutex::new(receive)),
        });
        Ok(id)
    }

    /// The events of an extension, which from now on counts as started.
    pub(crate) fn poll(&mut self, id: &str) -> Option<Events> {
        let extension = self.0.iter_mut().find(|extension| extension.id == id)?;
        extension.polled = true;
        Some(extension.events.clone())
    }

    /// Whether all have asked for their first event.
    pub(crate) fn all_started(&self) -> bool {
        self.0.iter().all(|extension| extension.polled)
    }

    /// Tells those who asked for it that an invocation begins.
    pub(crate) fn invoked(&self, request_id: &str, deadline_ms: u64, function_arn: &str, trace: &str) {
        for extension in self.0.iter().filter(|extension| extension.invoke) {
            let event = json!({
                "eventType": "INVOKE",
                "deadlineMs": deadline_ms,
                "requestId": request_id,
                "invokedFunctionArn": function_arn,
                "tracing": { "type": "X-Amzn-Trace-Id", "value": trace },
            });
            // The receiver is held beside the sender, so it is there.
            let _ = extension.send.send(event.to_string().into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_registers_once_and_for_what_there_is() {
        let mut extensions = Extensions::default();
        assert!(extensions.is_empty() && extensions.all_started());
        let id = extensions.register("a", &[]).expect("registered");
        assert_eq!(extensions.register("a", &[]), Err(Unregistered::NameTaken));
        assert_eq!(extensions.register("b", &["SHUTDOWN".into()]), Err(Unregistered::ShutdownNotForInternal));
        assert_eq!(extensions.register("b", &["NAP".into()]), Err(Unregistered::UnknownEvent("NAP".into())));
        assert!(!extensions.all_started());
        assert!(extensions.poll("other").is_none());
        assert!(extensions.poll(&id).is_some());
        assert!(extensions.all_started());
    }

    #[test]
    fn only_those_who_ask_are_told_of_invocations() {
        let mut extensions = Extensions::default();
        let quiet = extensions.register("quiet", &[]).expect("registered");
        let told = extensions.register("told", &["INVOKE".into()]).expect("registered");
        extensions.invoked("id", 5, "arn", "trace");
        let mut next = |id: &str| extensions.poll(id).expect("known").try_lock().expect("free").try_recv();
        assert!(next(&quiet).is_err());
        let event = next(&told).expect("an event");
        let event: serde_json::Value = serde_json::from_slice(&event).expect("JSON");
        assert_eq!((&event["eventType"], &event["requestId"]), (&json!("INVOKE"), &json!("id")));
    }
}
