//! What a local Lambda is told before it starts.

use crate::{LocalLambda, StartError, bundle::Bundle};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

/// Where the function's own output goes: all that it writes to stdout and stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logs {
    /// To this process's stderr, as it comes.
    #[default]
    Stderr,
    /// Into memory, line by line; see [`LocalLambda::logs`].
    Captured,
    /// Nowhere.
    Discarded,
}

/// How a local Lambda is configured. The defaults are those of a new function on Lambda, where it has any.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    pub(crate) source: Source,
    pub(crate) settings: Settings,
}

#[derive(Clone, Debug)]
pub(crate) enum Source {
    Zip(PathBuf),
    Bootstrap(PathBuf),
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) function_name: String,
    pub(crate) region: Option<String>,
    pub(crate) memory_mb: u32,
    pub(crate) timeout: Duration,
    pub(crate) init_timeout: Duration,
    pub(crate) grace: Duration,
    pub(crate) always_terminate: bool,
    pub(crate) instances: usize,
    pub(crate) max_concurrency: usize,
    pub(crate) inherit_environment: bool,
    pub(crate) environment: BTreeMap<OsString, OsString>,
    pub(crate) logs: Logs,
}

impl Builder {
    fn new(source: Source) -> Self {
        let settings = Settings {
            function_name: "function".into(),
            region: None,
            memory_mb: 128,
            timeout: Duration::from_secs(3),
            init_timeout: Duration::from_secs(10),
            grace: Duration::from_secs(2),
            always_terminate: false,
            instances: 1,
            max_concurrency: 1,
            inherit_environment: false,
            environment: BTreeMap::new(),
            logs: Logs::default(),
        };
        Self { source, settings }
    }

    /// The bundle is that zip, which holds a `bootstrap`.
    pub fn zip(path: impl Into<PathBuf>) -> Self {
        Self::new(Source::Zip(path.into()))
    }

    /// The bundle is that program, started where it is.
    pub fn bootstrap(path: impl Into<PathBuf>) -> Self {
        Self::new(Source::Bootstrap(path.into()))
    }

    /// The function's name; `function` by default.
    pub fn function_name(mut self, name: impl Into<String>) -> Self {
        self.settings.function_name = name.into();
        self
    }

    /// The region; by default that of the environment the function gets, or `us-east-1`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.settings.region = Some(region.into());
        self
    }

    /// The memory the function is told it has, in megabytes; 128 by default. It is not enforced.
    pub fn memory_mb(mut self, megabytes: u32) -> Self {
        self.settings.memory_mb = megabytes;
        self
    }

    /// How long an invocation may take; three seconds by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// How long a start may take; ten seconds by default, as on Lambda.
    pub fn init_timeout(mut self, timeout: Duration) -> Self {
        self.settings.init_timeout = timeout;
        self
    }

    /// How long a process has between SIGTERM and SIGKILL; two seconds by default.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }

    /// Sends SIGTERM before SIGKILL even where no extension has registered. Lambda sends none then.
    pub fn always_terminate(mut self, always: bool) -> Self {
        self.settings.always_terminate = always;
        self
    }

    /// How many processes may run at the same time, at least one; one by default. They are started as they are needed.
    pub fn instances(mut self, instances: usize) -> Self {
        self.settings.instances = instances.max(1);
        self
    }

    /// How many invocations one process may hold at the same time, at least one; one by default. More than one is what
    /// Lambda Managed Instances do: the process is told in `AWS_LAMBDA_MAX_CONCURRENCY`, and a deadline that passes
    /// does not end the process while others in it can still be answered.
    pub fn max_concurrency(mut self, invocations: usize) -> Self {
        self.settings.max_concurrency = invocations.max(1);
        self
    }

    /// Sets a variable of the function's environment. What Lambda sets itself, such as `AWS_LAMBDA_FUNCTION_NAME`,
    /// cannot be overridden.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.settings.environment.insert(name.as_ref().into(), value.as_ref().into());
        self
    }

    /// Hands this process's environment on to the function; by default it gets none of it.
    pub fn inherit_env(mut self, inherit: bool) -> Self {
        self.settings.inherit_environment = inherit;
        self
    }

    /// Where the function's output goes.
    pub fn logs(mut self, logs: Logs) -> Self {
        self.settings.logs = logs;
        self
    }

    /// Makes the bundle ready. Processes are started by the invocations that need them, as on Lambda.
    ///
    /// # Errors
    /// When the bundle cannot be read or unpacked, or nothing here can run it.
    pub fn start(self) -> Result<LocalLambda, StartError> {
        let bundle = match &self.source {
            Source::Zip(path) => Bundle::unpack(path)?,
            Source::Bootstrap(path) => Bundle::in_place(path)?,
        };
        Ok(LocalLambda::new(self.settings, bundle))
    }
}
