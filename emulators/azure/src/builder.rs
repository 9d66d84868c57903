//! What a local host is told before it starts.

use crate::{
    LocalAzure, Logs, StartError,
    bundle::Bundle,
    config::{self, HostConfig},
    function::{Function, Surroundings},
    logs::Captured,
    worker::{Phase, Plan, Worker},
};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    time::Duration,
};

/// How long a start may take (`HttpWorkerOptions.InitializationTimeout` of the host).
const INIT_TIMEOUT: Duration = Duration::from_secs(30);

/// How a local host is configured.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    path: PathBuf,
    settings: BTreeMap<String, String>,
    inherit: bool,
    logs: Logs,
    function_timeout: Option<Duration>,
    init_timeout: Duration,
    keys: Vec<String>,
}

impl Builder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            settings: BTreeMap::new(),
            inherit: false,
            logs: Logs::default(),
            function_timeout: None,
            init_timeout: INIT_TIMEOUT,
            keys: Vec::new(),
        }
    }

    /// An app setting, which the handler finds in its environment. It goes before that of `local.settings.json`.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }

    /// Hands this process's environment on; by default the handler gets none of it.
    pub fn inherit_env(mut self, inherit: bool) -> Self {
        self.inherit = inherit;
        self
    }

    /// Where the handler's output goes.
    pub fn logs(mut self, logs: Logs) -> Self {
        self.logs = logs;
        self
    }

    /// How long an invocation may take, instead of `functionTimeout` of `host.json`.
    pub fn function_timeout(mut self, timeout: Duration) -> Self {
        self.function_timeout = Some(timeout);
        self
    }

    /// How long a start may take; 30 seconds by default, as on the platform.
    pub fn init_timeout(mut self, timeout: Duration) -> Self {
        self.init_timeout = timeout;
        self
    }

    /// A key that HTTP functions take whose `authLevel` is not `anonymous`. Without one they answer 401.
    pub fn function_key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Reads the bundle, starts its handler and waits until it answers.
    ///
    /// # Errors
    /// What the host does not take, or why the handler did not come up.
    pub async fn start(self) -> Result<LocalAzure, StartError> {
        let bundle = Bundle::open(&self.path)?;
        let mut settings = if self.inherit { std::env::vars().collect() } else { BTreeMap::new() };
        // What Core Tools set, so far as a handler can see it.
        for (name, value) in [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("FUNCTIONS_WORKER_RUNTIME", "custom"),
            ("FUNCTIONS_EXTENSION_VERSION", "~4"),
            ("AZURE_FUNCTIONS_ENVIRONMENT", "Development"),
            ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
            ("WEBSITE_HOSTNAME", "localhost:7071"),
        ] {
            settings.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        settings.extend(config::local_settings(&bundle.root)?);
        settings.extend(self.settings);
        let mut host = HostConfig::read(&bundle.root, &settings)?;
        if self.function_timeout.is_some() {
            host.function_timeout = self.function_timeout;
        }
        let (functions, refused) = functions(&bundle, &host, &settings)?;
        if functions.is_empty() {
            return Err(StartError::NoFunctions { refused });
        }
        // `GetUnusedTcpPort` of the host's `WorkerUtilities`: whoever is faster may take it, as there.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.map_err(|source| StartError::Bundle { path: self.path.clone(), source })?.port();
        // `CreateWorkerProcess` of the host's `HttpWorkerProcess`.
        let id = crate::payload::guid();
        for (name, value) in [
            ("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()),
            ("FUNCTIONS_HTTPWORKER_PORT", port.to_string()),
            ("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", id.clone()),
            ("FUNCTIONS_HTTPWORKER_ID", id),
            ("FUNCTIONS_APP_ROOT_PATH", bundle.root.display().to_string()),
        ] {
            settings.insert(name.to_owned(), value);
        }
        let plan = Plan {
            program: host.program.clone(),
            arguments: host.arguments.clone(),
            working_directory: host.working_directory.clone(),
            environment: settings,
            port,
            init_timeout: self.init_timeout,
        };
        let captured = Captured::new(self.logs);
        let worker = Worker::start(plan, captured.clone());
        let failed = |reason: String| StartError::Handler { reason, log: captured.last(20) };
        match worker.settled(self.init_timeout).await {
            Some(Phase::Stopped(reason)) => Err(failed(reason)),
            Some(Phase::Gone) => {
                Err(failed("it ended with exit code 0, after which the host does not start it again".to_owned()))
            }
            None => Err(failed(format!("it was not ready in {:?}", self.init_timeout))),
            Some(Phase::Ready | Phase::Starting) => Ok(LocalAzure {
                worker,
                captured,
                functions,
                refused,
                host,
                keys: self.keys,
                init_timeout: self.init_timeout,
                _bundle: bundle,
            }),
        }
    }
}

type Refused = Vec<(String, String)>;

fn functions(
    bundle: &Bundle,
    host: &HostConfig,
    settings: &BTreeMap<String, String>,
) -> Result<(Vec<Function>, Refused), StartError> {
    let names: Vec<String> = settings.keys().cloned().collect();
    let setting = |name: &str| settings.get(name).cloned();
    let around = Surroundings {
        extension_bundle: host.extension_bundle,
        route_prefix: &host.route_prefix,
        setting: &setting,
        settings: &names,
    };
    let (mut functions, mut refused) = (Vec::new(), Vec::new());
    for (name, json) in bundle.functions()? {
        match Function::read(&name, &json, &around) {
            Ok(function) => functions.push(function),
            Err(reason) => refused.push((name, reason)),
        }
    }
    Ok((functions, refused))
}
