//! Which call a line of the log is about.
//!
//! A span would tell it too, and does to whoever else listens to `tracing`. But the registry that keeps spans, and the
//! formatting of their fields for lines that are mostly never written, were a fifth of the instructions of a small request.

use serde::{Serialize, Serializer};
use std::{future::Future, sync::Arc};

tokio::task_local! {
    static CURRENT: Current;
}

/// What is known of a call wherever something is done for it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Current {
    /// Its id, which a response carries.
    #[serde(serialize_with = "text")]
    pub(crate) id: Arc<str>,
    /// The trace that it belongs to, as `traceparent` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
    /// The queue or the schedule that has set it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
}

impl Current {
    /// Everything that the future does is for this call.
    pub(crate) fn during<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// What this does is for this call.
    pub(crate) fn within<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }

    /// What is known of the call that something is being done for.
    pub(crate) fn told() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }
}

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
