//! Which call a line of the log is about.
//!
//! A span would tell it too, and does to whoever else listens to `tracing`. But the registry that keeps spans, and the
//! formatting of their fields for lines that are mostly never written, were a fifth of the instructions of a small request.

use http::HeaderValue;
use serde::Serialize;
use std::{future::Future, sync::Arc};

tokio::task_local! {
    static CURRENT: Arc<Current>;
}

/// What is known of a call wherever something is done for it.
#[derive(Debug)]
pub(crate) struct Current {
    /// Its id, which a response carries.
    pub(crate) id: HeaderValue,
    /// The trace that it belongs to, as `traceparent` has it.
    pub(crate) trace: Option<String>,
    /// The queue or the schedule that has set it off.
    pub(crate) source: Option<String>,
}

impl Current {
    /// Everything that the future does is for this call.
    pub(crate) fn during<F: Future>(self: Arc<Self>, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// What this does is for this call.
    pub(crate) fn within<T>(self: Arc<Self>, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }

    /// What is known of the call that something is being done for.
    pub(crate) fn told() -> Option<Told> {
        let told = |call: &Arc<Self>| Told {
            id: call.id.to_str().unwrap_or_default().to_owned(),
            trace: call.trace.clone(),
            source: call.source.clone(),
        };
        CURRENT.try_with(told).ok()
    }
}

/// The same as text, for a line of the log.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
}
