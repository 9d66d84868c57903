use crate::{
    LocalWorkers, Logs, StartError, config, config::Bundle, link::Link, logs::Journal, process::Process, tools,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// Where databases, namespaces and buckets are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// Nowhere: they are empty at the start and gone at the end.
    #[default]
    Memory,
    /// In a folder, which is made where it is not there. Two emulators may not use it at the same time.
    Folder(PathBuf),
}

/// How Workers are started.
#[derive(Clone, Debug)]
pub struct Builder {
    bundles: Vec<PathBuf>,
    variables: BTreeMap<String, String>,
    storage: Storage,
    logs: Logs,
    app: Option<PathBuf>,
    start_timeout: Duration,
}

impl Builder {
    pub(crate) fn new(bundle: PathBuf) -> Self {
        Self {
            bundles: vec![bundle],
            variables: BTreeMap::new(),
            storage: Storage::default(),
            logs: Logs::default(),
            app: None,
            start_timeout: Duration::from_secs(30),
        }
    }

    /// Runs another bundle beside it.
    #[must_use]
    pub fn bundle(mut self, dir: impl Into<PathBuf>) -> Self {
        self.bundles.push(dir.into());
        self
    }

    /// Gives every Worker a variable or a secret, which goes before one of the configuration.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Where databases, namespaces and buckets are kept; in memory otherwise.
    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// What becomes of the lines that Workers print.
    #[must_use]
    pub fn logs(mut self, logs: Logs) -> Self {
        self.logs = logs;
        self
    }

    /// The app's folder, from which miniflare is looked for upwards; the first bundle's otherwise.
    #[must_use]
    pub fn app(mut self, dir: impl Into<PathBuf>) -> Self {
        self.app = Some(dir.into());
        self
    }

    /// How long the start may take; 30 seconds otherwise.
    #[must_use]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = limit;
        self
    }

    /// The names of the secrets that the bundles want to be given.
    ///
    /// # Errors
    /// A bundle whose configuration cannot be read.
    pub fn secrets(&self) -> Result<Vec<String>, StartError> {
        let mut names = Vec::new();
        for dir in &self.bundles {
            names.extend(Bundle::read(dir)?.secrets().map(str::to_owned));
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// The name of the first bundle's Worker.
    ///
    /// # Errors
    /// A bundle whose configuration cannot be read.
    pub fn first_name(&self) -> Result<String, StartError> {
        Bundle::read(&self.bundles[0]).map(|bundle| bundle.name().to_owned())
    }

    /// The physical names of the sources of the first bundle's wirings, by the wirings' ids.
    ///
    /// # Errors
    /// A bundle whose configuration cannot be read.
    pub fn sources(&self) -> Result<BTreeMap<String, String>, StartError> {
        Bundle::read(&self.bundles[0])?.sources()
    }

    /// Whether a bundle is bound to a database, a namespace or a bucket.
    ///
    /// # Errors
    /// A bundle whose configuration cannot be read.
    pub fn has_storage(&self) -> Result<bool, StartError> {
        let bundles = self.bundles.iter().map(|dir| Bundle::read(dir)).collect::<Result<Vec<_>, _>>()?;
        Ok(bundles.iter().any(Bundle::has_storage))
    }

    /// Adds the bundles beside the first that it is bound to, directly or through others, as far as they are there.
    ///
    /// # Errors
    /// A bundle whose configuration cannot be read.
    pub fn with_bound(mut self) -> Result<Self, StartError> {
        let mut beside: Vec<Bundle> = Vec::new();
        let first = Bundle::read(&self.bundles[0])?;
        let folders = first.dir().parent().map(std::fs::read_dir);
        for entry in folders.into_iter().flatten().flatten().filter_map(Result::ok) {
            if entry.path().join("wrangler.jsonc").is_file() {
                beside.push(Bundle::read(&entry.path())?);
            }
        }
        let mut open: Vec<String> = first.services().map(str::to_owned).collect();
        let mut taken = vec![first.name().to_owned()];
        while let Some(name) = open.pop() {
            if taken.contains(&name) {
                continue;
            }
            if let Some(bundle) = beside.iter().find(|bundle| bundle.name() == name) {
                open.extend(bundle.services().map(str::to_owned));
                self.bundles.push(bundle.dir().to_owned());
            }
            taken.push(name);
        }
        Ok(self)
    }

    /// Starts the Workers, with their migrations applied.
    ///
    /// # Errors
    /// What is missing on this machine, or wrong with the bundles.
    pub async fn start(self) -> Result<LocalWorkers, StartError> {
        let bundles = self.bundles.iter().map(|dir| Bundle::read(dir)).collect::<Result<Vec<_>, _>>()?;
        let app = self.app.as_deref().or_else(|| bundles.first().map(Bundle::dir)).unwrap_or(Path::new("."));
        let app = app.canonicalize().map_err(|source| StartError::Bundle { path: app.to_owned(), source })?;
        let node = tools::node()?;
        let miniflare = tools::miniflare(&app)?;
        let storage = match &self.storage {
            Storage::Memory => None,
            Storage::Folder(folder) => Some(std::path::absolute(folder).unwrap_or_else(|_| folder.clone())),
        };
        let miniflare = miniflare.canonicalize().unwrap_or(miniflare);
        let plan = config::plan(&miniflare, &bundles, &self.variables, storage.as_deref())?;
        let first = bundles.first().map(Bundle::name).unwrap_or_default().to_owned();
        let (process, stdin, stdout) = Process::start(&node)?;
        let (link, ready) = Link::open(&plan, stdin, stdout, Journal::new(self.logs));
        let limit = self.start_timeout;
        match tokio::time::timeout(limit, ready).await {
            Ok(Ok(Ok(addresses))) => Ok(LocalWorkers::new(process, link, first, addresses)),
            Ok(Ok(Err(reason))) => Err(StartError::Refused { reason }),
            Ok(Err(_)) => Err(StartError::Refused { reason: "its driver ended".to_owned() }),
            Err(_) => Err(StartError::TimedOut { limit }),
        }
    }
}
