//! What this process and that of the app tell each other, as `pikku_server::dev` has it: a JSON object a line.

use serde::{Deserialize, Serialize};

/// What the app's process is to do.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub(super) enum Command {
    /// Take no more connections, finish what has begun, and end.
    Drain,
    /// Run a schedule now.
    Run {
        /// Its name.
        schedule: String,
        /// The time it is for (RFC 3339).
        time: String,
        /// The same in milliseconds since the Unix epoch.
        time_ms: i64,
    },
}

/// What the app's process tells.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Told {
    /// The app's services are built.
    Started,
    /// The app does not start.
    Failed {
        /// The code that `cargo pikku explain` takes.
        code: String,
        message: String,
        cause: Option<String>,
        hint: String,
    },
    /// Connections are taken.
    Serving,
    /// No more connections are taken.
    Draining,
    /// A call was answered.
    Called(Called),
}

/// A call that was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Called {
    /// What brought it, such as `http` or `queue`.
    pub(super) via: String,
    /// What was called: the method and path of a request, the name of a queue or a schedule.
    pub(super) source: String,
    /// The function, where one was found.
    pub(super) function: Option<String>,
    /// The status of the answer; of a call without an answer 200 or that of its problem.
    pub(super) status: u16,
    /// The code of its problem.
    pub(super) code: Option<String>,
    /// How long it took.
    pub(super) ms: f64,
}
