//! One group as a function app: its functions, what its host is told, its settings, and what it may do.

use super::{
    bicep::{Value, raw},
    estate::Estate,
    function::{Function, Host, LocalSettings},
    grant::Grant,
    names, needs,
    options::{HTTP_TIMEOUT_S, Options},
    sources::{self, Hosted},
};
use crate::error::Finding;
use pikku_manifest::{Group, Manifest, Wiring, WiringKind};
use std::collections::BTreeMap;

/// A function app while it is rendered, and afterwards.
#[derive(Debug)]
pub(crate) struct App<'m> {
    pub(crate) group: &'m Group,
    pub(crate) functions: Vec<Function>,
    pub(crate) host: Host,
    pub(crate) local: LocalSettings,
    pub(crate) grants: Vec<Grant>,
    /// The app settings, by name.
    pub(crate) settings: BTreeMap<String, Value>,
    /// The subscriptions to events, which are made once the functions are there.
    pub(crate) subscriptions: Vec<Subscription>,
    /// What the author should know.
    pub(crate) notes: Vec<String>,
}

/// What Event Grid sends to a function.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    /// The function.
    pub(crate) function: String,
    /// The symbol of the topic that it is for.
    pub(crate) topic: String,
    /// Whether the topic is one of Azure's own, for the events of a resource.
    pub(crate) system: bool,
    pub(crate) filter: Value,
}

/// One group while its wirings and needs are read.
#[derive(Debug)]
pub(crate) struct Render<'r, 'm> {
    pub(crate) manifest: &'m Manifest,
    pub(crate) options: &'r Options<'r>,
    pub(crate) estate: &'r Estate<'m>,
    pub(crate) group: &'m Group,
    pub(crate) findings: &'r mut Vec<Finding>,
    pub(crate) functions: Vec<Function>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) settings: BTreeMap<String, Value>,
    pub(crate) local: BTreeMap<String, String>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) notes: Vec<String>,
    /// What has each setting.
    owners: BTreeMap<String, String>,
}

/// The settings that the platform reads, by how their names begin.
const TAKEN: [&str; 9] = [
    "APPLICATIONINSIGHTS_",
    "AzureFunctions",
    "AzureWebJobs",
    "FUNCTIONS_",
    "HTTP_",
    "PIKKU_",
    "SCM_",
    "WEBSITE_",
    "WEBSITES_",
];

/// The settings that hold where sources are.
const CONNECTIONS: [&str; 3] = [super::function::QUEUES, super::function::SERVICE_BUS, super::function::EVENT_HUBS];

impl<'m> App<'m> {
    pub(crate) fn render(
        manifest: &'m Manifest,
        options: &Options<'_>,
        estate: &Estate<'m>,
        group: &'m Group,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let mut render = Render {
            manifest,
            options,
            estate,
            group,
            findings,
            functions: Vec::new(),
            grants: Vec::new(),
            settings: BTreeMap::new(),
            local: BTreeMap::from([
                ("FUNCTIONS_WORKER_RUNTIME".to_owned(), "custom".to_owned()),
                ("AzureWebJobsStorage".to_owned(), LOCAL_STORAGE.to_owned()),
            ]),
            subscriptions: Vec::new(),
            notes: Vec::new(),
            owners: BTreeMap::new(),
        };
        render.http();
        let Hosted { extensions, sources } = sources::wire(&mut render);
        if !sources.is_empty() {
            let object = sources.into_iter().map(|(id, name)| (id, name.into()));
            let object: serde_json::Map<String, serde_json::Value> = object.collect();
            let text = serde_json::Value::Object(object).to_string();
            render.settings.insert("PIKKU_SOURCES".to_owned(), text.clone().into());
            render.local.insert("PIKKU_SOURCES".to_owned(), text);
        }
        needs::bind(&mut render);
        render.check_functions();
        let host = Host::new(&render.functions, options.timeout_s(&group.name), extensions);
        let Render { functions, grants, settings, local, subscriptions, notes, .. } = render;
        let local = LocalSettings { is_encrypted: false, values: local };
        Self { group, functions, host, local, grants, settings, subscriptions, notes }
    }
}

/// Azurite, which Core Tools take for this.
pub(crate) const LOCAL_STORAGE: &str = "UseDevelopmentStorage=true";

/// The emulators of Service Bus and Event Hubs, whose documents give this text.
pub(crate) const LOCAL_BUS: &str = "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;\
                                    SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;";

impl Render<'_, '_> {
    /// One function takes all requests of a group, for its own router decides on paths and methods, as on every target.
    fn http(&mut self) {
        let mut any = false;
        for wiring in &self.group.wirings {
            let WiringKind::Http(http) = &wiring.kind else { continue };
            any = true;
            let first = http.path.trim_start_matches('/').split('/').next().unwrap_or_default();
            if ["admin", "runtime"].iter().any(|taken| taken.eq_ignore_ascii_case(first)) {
                let message = format!("the Functions host answers every path below `/{first}` itself");
                self.refuse("PK0508", wiring, &message, "let the path begin with another word");
            }
        }
        if !any {
            return;
        }
        self.functions.push(Function::http());
        self.settings.insert("AzureWebJobsDisableHomepage".to_owned(), "true".into());
        let timeout_s = self.options.timeout_s(&self.group.name);
        if timeout_s > HTTP_TIMEOUT_S {
            self.note(format!(
                "a call may take {timeout_s} s, and Azure's load balancer waits {HTTP_TIMEOUT_S} s for the answer to a request"
            ));
        }
    }

    /// Two wirings whose functions would have one name, and names that the host does not take.
    fn check_functions(&mut self) {
        let mut seen: BTreeMap<String, &Wiring> = BTreeMap::new();
        let wirings = self.group.wirings.iter().filter(|wiring| !matches!(wiring.kind, WiringKind::Http(_)));
        for wiring in wirings {
            let name = names::function(wiring);
            if !names::is_function(&name) {
                let message = format!("its function would be named `{name}`, which the Functions host does not take");
                self.refuse("PK0507", wiring, &message, "shorten the source's name, or split the pattern of the event");
            } else if let Some(first) = seen.insert(name.to_ascii_lowercase(), wiring) {
                let message =
                    format!("its function and that of the wiring `{}` would both be named `{name}`", first.id);
                self.refuse("PK0507", wiring, &message, "rename one of the sources, or move it to another group");
            }
        }
    }

    pub(crate) fn refuse(&mut self, code: &'static str, wiring: &Wiring, message: &str, fix: &str) {
        let message = format!("group `{}`, wiring `{}`: {message}", self.group.name, wiring.id);
        self.findings.push(Finding::new(code, Some(&wiring.location), message, fix));
    }

    pub(crate) fn note(&mut self, text: String) {
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    pub(crate) fn grant(&mut self, grant: Grant) {
        if !self.grants.contains(&grant) {
            self.grants.push(grant);
        }
    }

    /// Says where a kind of sources is.
    pub(crate) fn connect(&mut self, connection: &str, member: &str, value: &str, local: &str) {
        self.settings.insert(format!("{connection}__{member}"), raw(value));
        self.local.insert(connection.to_owned(), local.to_owned());
    }

    /// Takes a setting for `what`. Answers whether it is the first to ask; another owner, or the platform, is a finding.
    pub(crate) fn claim(&mut self, name: &str, what: String) -> bool {
        let location = self.group.wirings.first().map(|wiring| &wiring.location);
        let group = &self.group.name;
        let refused = |message: String, fix: &str| Finding::new("PK0506", location, message, fix);
        match self.owners.get(name) {
            Some(first) if *first == what => return false,
            Some(first) => {
                let message = format!("group `{group}`: {first} and {what} would both be the app setting `{name}`");
                self.findings.push(refused(message, "rename one of them; only letters and digits tell settings apart"));
                return false;
            }
            None => {}
        }
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') || !name.chars().all(word) {
            let message =
                format!("group `{group}`: {what} would be the app setting `{name}`, which is no name for one");
            self.findings.push(refused(message, "use letters, digits and `_`, beginning with a letter"));
        } else if TAKEN.iter().any(|taken| name.starts_with(taken)) || CONNECTIONS.contains(&name) {
            let message =
                format!("group `{group}`: {what} would be the app setting `{name}`, which is not free to set");
            self.findings.push(refused(message, "choose another name; the platform and the bundle read this one"));
        }
        self.owners.insert(name.to_owned(), what);
        true
    }
}
