//! `wrangler.jsonc`: what wrangler deploys a Worker by.

use serde::Serialize;
use std::collections::BTreeMap;

/// The configuration of one Worker. Lists and tables that would be empty are left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Wrangler {
    #[serde(rename = "$schema")]
    pub(crate) schema: &'static str,
    pub(crate) name: String,
    pub(crate) main: &'static str,
    pub(crate) compatibility_date: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) compatibility_flags: Vec<String>,
    pub(crate) no_bundle: bool,
    pub(crate) find_additional_modules: bool,
    pub(crate) rules: Vec<Rule>,
    pub(crate) workers_dev: bool,
    pub(crate) preview_urls: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) routes: Vec<Route>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limits: Option<Limits>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) vars: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Secrets::is_empty")]
    pub(crate) secrets: Secrets,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) d1_databases: Vec<Database>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) kv_namespaces: Vec<Namespace>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) r2_buckets: Vec<Bucket>,
    #[serde(skip_serializing_if = "Queues::is_empty")]
    pub(crate) queues: Queues,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) services: Vec<Service>,
    #[serde(skip_serializing_if = "Triggers::is_empty")]
    pub(crate) triggers: Triggers,
    pub(crate) observability: Observability,
}

/// Which files are modules, and of which type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Rule {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) globs: Vec<&'static str>,
    /// Whether wrangler's own rules of the type hold as well.
    pub(crate) fallthrough: bool,
}

/// Requests that the Worker gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Route {
    pub(crate) pattern: String,
    pub(crate) zone_name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Limits {
    pub(crate) cpu_ms: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Secrets {
    pub(crate) required: Vec<String>,
}

impl Secrets {
    fn is_empty(&self) -> bool {
        self.required.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Database {
    pub(crate) binding: String,
    pub(crate) database_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) migrations_dir: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Namespace {
    pub(crate) binding: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Bucket {
    pub(crate) binding: String,
    pub(crate) bucket_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Queues {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) producers: Vec<Producer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) consumers: Vec<Consumer>,
}

impl Queues {
    fn is_empty(&self) -> bool {
        self.producers.is_empty() && self.consumers.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Producer {
    pub(crate) binding: String,
    pub(crate) queue: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Consumer {
    pub(crate) queue: String,
    pub(crate) max_batch_size: u32,
    pub(crate) max_batch_timeout: u32,
    pub(crate) max_retries: u32,
    pub(crate) dead_letter_queue: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_concurrency: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_delay: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Service {
    pub(crate) binding: String,
    pub(crate) service: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Triggers {
    pub(crate) crons: Vec<String>,
}

impl Triggers {
    fn is_empty(&self) -> bool {
        self.crons.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Observability {
    pub(crate) enabled: bool,
}

impl Wrangler {
    /// A Worker of that name that is bound to nothing.
    pub(crate) fn new(name: String, compatibility_date: String, compatibility_flags: Vec<String>) -> Self {
        Self {
            schema: "https://unpkg.com/wrangler@4/config-schema.json",
            name,
            main: "worker.mjs",
            compatibility_date,
            compatibility_flags,
            // The modules are made as they are to be deployed.
            no_bundle: true,
            find_additional_modules: true,
            rules: vec![
                Rule { kind: "ESModule", globs: vec!["**/*.mjs", "**/*.js"], fallthrough: false },
                Rule { kind: "CompiledWasm", globs: vec!["**/*.wasm"], fallthrough: false },
            ],
            workers_dev: false,
            preview_urls: false,
            routes: Vec::new(),
            limits: None,
            vars: BTreeMap::new(),
            secrets: Secrets::default(),
            d1_databases: Vec::new(),
            kv_namespaces: Vec::new(),
            r2_buckets: Vec::new(),
            queues: Queues::default(),
            services: Vec::new(),
            triggers: Triggers::default(),
            observability: Observability { enabled: true },
        }
    }

    /// The text of the file. The notes stand in it as comments.
    pub(crate) fn to_jsonc(&self, notes: &[String]) -> Result<String, serde_json::Error> {
        let mut text = "// Written by `cargo pikku package`, which writes it anew each time.\n".to_owned();
        for note in notes {
            text.push_str(&format!("// note: {note}\n"));
        }
        text.push_str(&serde_json::to_string_pretty(self)?);
        text.push('\n');
        Ok(text)
    }
}
