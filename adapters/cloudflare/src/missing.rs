use crate::platform::Workers;
use pikku::service::Env;
use std::fmt;

/// A Worker lacks a binding.
#[derive(Debug)]
pub struct MissingBinding {
    name: String,
    what: &'static str,
    reason: String,
}

impl MissingBinding {
    pub(crate) fn new(what: &'static str, name: &str, reason: impl fmt::Display) -> Self {
        Self { name: name.to_owned(), what, reason: reason.to_string() }
    }
}

impl fmt::Display for MissingBinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the Worker has no {} under the binding `{}` ({}); declare it in the service's `needs` and package again, or add it \
             to the Worker's configuration",
            self.what, self.name, self.reason
        )
    }
}

impl std::error::Error for MissingBinding {}

/// The Worker that an app runs on.
pub(crate) fn workers(env: &Env) -> Result<&Workers, MissingBinding> {
    let workers = env.platform().as_any().and_then(|platform| platform.downcast_ref());
    workers.ok_or_else(|| MissingBinding::new("bindings", "", "the app does not run on Workers"))
}
