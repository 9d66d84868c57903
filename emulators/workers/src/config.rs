//! What a bundle is bound to, from its `wrangler.jsonc`, and the same as miniflare takes it.

use crate::{StartError, jsonc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The parts of `wrangler.jsonc` that say what runs; what only concerns deployment is not looked at.
#[derive(Clone, Debug, Deserialize)]
struct Wrangler {
    name: String,
    main: String,
    compatibility_date: String,
    #[serde(default)]
    compatibility_flags: Vec<String>,
    #[serde(default)]
    rules: Vec<Rule>,
    #[serde(default)]
    vars: Map<String, Value>,
    #[serde(default)]
    secrets: Secrets,
    #[serde(default)]
    d1_databases: Vec<Database>,
    #[serde(default)]
    kv_namespaces: Vec<Namespace>,
    #[serde(default)]
    r2_buckets: Vec<Bucket>,
    #[serde(default)]
    queues: Queues,
    #[serde(default)]
    services: Vec<Service>,
}

#[derive(Clone, Debug, Deserialize)]
struct Rule {
    #[serde(rename = "type")]
    kind: String,
    globs: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Secrets {
    #[serde(default)]
    required: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Database {
    binding: String,
    database_name: Option<String>,
    database_id: Option<String>,
    migrations_dir: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
struct Namespace {
    binding: String,
    id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Bucket {
    binding: String,
    bucket_name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Queues {
    #[serde(default)]
    producers: Vec<Producer>,
    #[serde(default)]
    consumers: Vec<Consumer>,
}

#[derive(Clone, Debug, Deserialize)]
struct Producer {
    binding: String,
    queue: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Consumer {
    queue: String,
    max_batch_size: Option<u32>,
    max_batch_timeout: Option<u32>,
    max_retries: Option<u32>,
    dead_letter_queue: Option<String>,
    retry_delay: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
struct Service {
    binding: String,
    service: String,
}

/// A bundle with its configuration.
#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    dir: PathBuf,
    wrangler: Wrangler,
}

impl Bundle {
    /// Reads the configuration in a bundle's folder.
    pub(crate) fn read(dir: &Path) -> Result<Self, StartError> {
        // miniflare wants whole paths.
        let dir = dir.canonicalize().map_err(|source| StartError::Bundle { path: dir.to_owned(), source })?;
        let path = dir.join("wrangler.jsonc");
        let text = fs::read_to_string(&path).map_err(|source| StartError::Bundle { path: path.clone(), source })?;
        let wrangler = serde_json::from_str(&jsonc::plain(&text))
            .map_err(|error| StartError::Configuration { path, reason: error.to_string() })?;
        Ok(Self { dir, wrangler })
    }

    pub(crate) fn name(&self) -> &str {
        &self.wrangler.name
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The Workers that it is bound to.
    pub(crate) fn services(&self) -> impl Iterator<Item = &str> {
        self.wrangler.services.iter().map(|service| service.service.as_str())
    }

    pub(crate) fn has_storage(&self) -> bool {
        let Wrangler { d1_databases, kv_namespaces, r2_buckets, .. } = &self.wrangler;
        !(d1_databases.is_empty() && kv_namespaces.is_empty() && r2_buckets.is_empty())
    }

    /// The secrets that it wants to be given.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.wrangler.secrets.required.iter().map(String::as_str)
    }

    /// The physical names of the sources of its wirings, by the wirings' ids.
    pub(crate) fn sources(&self) -> Result<BTreeMap<String, String>, StartError> {
        let names = self.wrangler.vars.get("PIKKU_SOURCES").and_then(Value::as_str);
        serde_json::from_str(names.unwrap_or("{}")).map_err(|error| StartError::Configuration {
            path: self.dir.join("wrangler.jsonc"),
            reason: format!("PIKKU_SOURCES: {error}"),
        })
    }

    /// The Worker as the driver takes it.
    fn worker(&self, all: &[Self], variables: &BTreeMap<String, String>) -> Result<Value, StartError> {
        let wrangler = &self.wrangler;
        let mut vars = wrangler.vars.clone();
        vars.extend(variables.iter().map(|(name, value)| (name.clone(), json!(value))));
        let pairs = |pairs: Vec<(&str, Value)>| -> Value {
            pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>().into()
        };
        let (here, absent): (Vec<&Service>, Vec<&Service>) =
            wrangler.services.iter().partition(|service| all.iter().any(|other| other.name() == service.service));
        let services = |services: Vec<&Service>| -> Value {
            services
                .into_iter()
                .map(|service| (service.binding.clone(), json!(service.service)))
                .collect::<Map<_, _>>()
                .into()
        };
        let consumers = wrangler.queues.consumers.iter().map(|consumer| {
            let settings: Map<String, Value> = [
                ("maxBatchSize", consumer.max_batch_size),
                ("maxBatchTimeout", consumer.max_batch_timeout),
                ("maxRetries", consumer.max_retries),
                ("retryDelay", consumer.retry_delay),
            ]
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), json!(value?))))
            .chain(consumer.dead_letter_queue.iter().map(|queue| ("deadLetterQueue".to_owned(), json!(queue))))
            .collect();
            (consumer.queue.as_str(), settings.into())
        });
        let databases = wrangler.d1_databases.iter().map(|database| (database.binding.as_str(), json!(database.id())));
        let namespaces = wrangler.kv_namespaces.iter();
        let namespaces = namespaces.map(|n| (n.binding.as_str(), json!(n.id.as_deref().unwrap_or(&n.binding))));
        let buckets = wrangler.r2_buckets.iter();
        let buckets = buckets.map(|b| (b.binding.as_str(), json!(b.bucket_name.as_deref().unwrap_or(&b.binding))));
        let producers = wrangler.queues.producers.iter();
        let producers = producers.map(|p| (p.binding.as_str(), json!({"queueName": p.queue})));
        Ok(json!({
            "name": wrangler.name,
            "modules": self.modules()?,
            "modulesRoot": self.dir,
            "compatibilityDate": wrangler.compatibility_date,
            "compatibilityFlags": wrangler.compatibility_flags,
            "bindings": vars,
            "d1Databases": pairs(databases.collect()),
            "kvNamespaces": pairs(namespaces.collect()),
            "r2Buckets": pairs(buckets.collect()),
            "queueProducers": pairs(producers.collect()),
            "queueConsumers": pairs(consumers.collect()),
            "serviceBindings": services(here),
            "absent_services": services(absent),
        }))
    }

    /// The main module and all others that the rules find, in a fixed order.
    fn modules(&self) -> Result<Vec<Value>, StartError> {
        let main = self.dir.join(&self.wrangler.main);
        let mut files = Vec::new();
        walk(&self.dir, &mut files)?;
        files.sort();
        let kind = |path: &Path| {
            let rule = self.wrangler.rules.iter().find(|rule| rule.globs.iter().any(|glob| fits(glob, path)));
            rule.map(|rule| rule.kind.clone())
        };
        let entry = json!({"type": kind(&main).unwrap_or_else(|| "ESModule".to_owned()), "path": main});
        let others = files.iter().filter(|path| **path != main);
        let others = others.filter_map(|path| Some(json!({"type": kind(path)?, "path": path})));
        Ok(std::iter::once(entry).chain(others).collect())
    }

    /// The migrations of its databases, in the order of their names.
    fn migrations(&self) -> Result<Vec<(&Database, Vec<Value>)>, StartError> {
        let mut all = Vec::new();
        for database in &self.wrangler.d1_databases {
            let Some(dir) = &database.migrations_dir else { continue };
            let mut files = Vec::new();
            walk(&self.dir.join(dir), &mut files)?;
            files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
            files.sort();
            let mut migrations = Vec::new();
            for file in files {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let sql = fs::read_to_string(&file).map_err(|source| StartError::Bundle { path: file, source })?;
                migrations.push(json!({"name": name, "sql": sql}));
            }
            all.push((database, migrations));
        }
        Ok(all)
    }
}

impl Database {
    /// What tells databases apart.
    fn id(&self) -> &str {
        self.database_name.as_deref().or(self.database_id.as_deref()).unwrap_or(&self.binding)
    }
}

/// Whether a glob of the form `**/*.ext` or `*.ext` takes a file.
fn fits(glob: &str, path: &Path) -> bool {
    let suffix = glob.strip_prefix("**/").unwrap_or(glob).strip_prefix('*');
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    suffix.is_some_and(|suffix| !suffix.contains(['*', '/']) && name.ends_with(suffix))
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), StartError> {
    let failed = |source| StartError::Bundle { path: dir.to_owned(), source };
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() { walk(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// All that the driver is told.
pub(crate) fn plan(
    miniflare: &Path,
    bundles: &[Bundle],
    variables: &BTreeMap<String, String>,
    storage: Option<&Path>,
) -> Result<Value, StartError> {
    for (index, bundle) in bundles.iter().enumerate() {
        if bundles[..index].iter().any(|other| other.name() == bundle.name()) {
            return Err(StartError::SameName { name: bundle.name().to_owned() });
        }
    }
    let workers = bundles.iter().map(|bundle| bundle.worker(bundles, variables)).collect::<Result<Vec<_>, _>>()?;
    let consumers = || bundles.iter().flat_map(|bundle| &bundle.wrangler.queues.consumers);
    let produced = bundles.iter().flat_map(|bundle| &bundle.wrangler.queues.producers).map(|producer| &producer.queue);
    let consumed: Vec<&String> = consumers().map(|consumer| &consumer.queue).collect();
    let dead = consumers().filter_map(|consumer| consumer.dead_letter_queue.as_ref());
    let mut queues: Vec<&String> = produced.chain(dead).chain(consumed.iter().copied()).collect();
    queues.sort_unstable();
    queues.dedup();
    let collected: Vec<&&String> = queues.iter().filter(|queue| !consumed.contains(queue)).collect();
    let mut migrated: BTreeMap<&str, Value> = BTreeMap::new();
    for bundle in bundles {
        for (database, files) in bundle.migrations()? {
            let migration = json!({"worker": bundle.name(), "binding": database.binding, "files": files});
            migrated.entry(database.id()).or_insert(migration);
        }
    }
    let storage = storage.map_or_else(
        || json!({}),
        |folder| {
            let place = |kind: &str| folder.join(kind);
            json!({"d1Persist": place("d1"), "kvPersist": place("kv"), "r2Persist": place("r2")})
        },
    );
    Ok(json!({
        "miniflare": miniflare,
        "workers": workers,
        "queues": queues,
        "collected_queues": collected,
        "migrations": migrated.into_values().collect::<Vec<_>>(),
        "storage": storage,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(dir: &Path, group: &str, more: &str) -> Bundle {
        let dir = dir.join(group);
        fs::create_dir_all(&dir).expect("a folder");
        for file in ["worker.mjs", "glue.mjs", "bundle.wasm", "notes.txt"] {
            fs::write(dir.join(file), "").expect("a file");
        }
        let text = format!(
            "// Written by a test.\n{{\"name\": \"shop-{group}\", \"main\": \"worker.mjs\", \"compatibility_date\": \
             \"2026-04-01\", \"rules\": [{{\"type\": \"ESModule\", \"globs\": [\"**/*.mjs\"]}}, {{\"type\": \
             \"CompiledWasm\", \"globs\": [\"**/*.wasm\"]}}], {more}}}"
        );
        fs::write(dir.join("wrangler.jsonc"), text).expect("a file");
        Bundle::read(&dir).expect("a bundle")
    }

    #[test]
    fn a_plan_has_every_binding() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        fs::create_dir_all(root.join("migrations")).expect("a folder");
        fs::write(root.join("migrations/0002_b.sql"), "B").expect("a file");
        fs::write(root.join("migrations/0001_a.sql"), "A").expect("a file");
        let database = r#""d1_databases": [{"binding": "SHOP", "database_name": "shop-shop",
            "migrations_dir": "../migrations"}]"#;
        let orders = bundle(
            &root,
            "orders",
            &format!(
                r#"{database}, "vars": {{"A": "1", "B": "2"}}, "secrets": {{"required": ["KEY"]}},
                "kv_namespaces": [{{"binding": "S"}}], "r2_buckets": [{{"binding": "R", "bucket_name": "shop-r"}}],
                "queues": {{"producers": [{{"binding": "QUEUE_MAIL", "queue": "shop-mail"}}], "consumers": [
                    {{"queue": "shop-placed", "max_batch_size": 10, "max_retries": 3, "dead_letter_queue": "shop-dead"}}]}},
                "services": [{{"binding": "GROUP_MAIL", "service": "shop-mail"}},
                             {{"binding": "GROUP_AWAY", "service": "shop-away"}}],"#
            ),
        );
        let mail = bundle(&root, "mail", &format!("{database},"));
        assert_eq!(orders.secrets().collect::<Vec<_>>(), ["KEY"]);
        let variables = BTreeMap::from([("B".to_owned(), "3".to_owned())]);
        let plan = plan(Path::new("/mf"), &[orders, mail], &variables, Some(Path::new("/state"))).expect("a plan");
        let worker = &plan["workers"][0];
        assert_eq!(worker["bindings"], json!({"A": "1", "B": "3"}));
        assert_eq!(worker["serviceBindings"], json!({"GROUP_MAIL": "shop-mail"}));
        assert_eq!(worker["absent_services"], json!({"GROUP_AWAY": "shop-away"}));
        assert_eq!(
            worker["queueConsumers"],
            json!({"shop-placed": {"maxBatchSize": 10, "maxRetries": 3, "deadLetterQueue": "shop-dead"}})
        );
        let path = |file: &str| root.join("orders").join(file);
        assert_eq!(
            worker["modules"],
            json!([{"type": "ESModule", "path": path("worker.mjs")}, {"type": "CompiledWasm", "path": path("bundle.wasm")},
                   {"type": "ESModule", "path": path("glue.mjs")}])
        );
        assert_eq!(plan["queues"], json!(["shop-dead", "shop-mail", "shop-placed"]));
        assert_eq!(plan["collected_queues"], json!(["shop-dead", "shop-mail"]));
        // Both groups use the database, and it is migrated once.
        let files = json!([{"name": "0001_a.sql", "sql": "A"}, {"name": "0002_b.sql", "sql": "B"}]);
        assert_eq!(plan["migrations"], json!([{"worker": "shop-orders", "binding": "SHOP", "files": files}]));
        assert_eq!(plan["storage"]["d1Persist"], "/state/d1");
    }

    #[test]
    fn two_bundles_of_one_name_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let one = bundle(folder.path(), "orders", "");
        let refused = plan(Path::new("/mf"), &[one.clone(), one], &BTreeMap::new(), None);
        assert!(matches!(refused, Err(StartError::SameName { .. })), "{refused:?}");
    }

    #[test]
    fn a_configuration_that_is_none_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(Bundle::read(&folder.path().join("none")), Err(StartError::Bundle { .. })));
        assert!(matches!(Bundle::read(folder.path()), Err(StartError::Bundle { .. })));
        fs::write(folder.path().join("wrangler.jsonc"), "{").expect("a file");
        assert!(matches!(Bundle::read(folder.path()), Err(StartError::Configuration { .. })));
    }
}
