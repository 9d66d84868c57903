//! The app's description of itself, which the packager asks a host build for.
//!
//! Nothing of it is in a bundle.

use crate::{
    App, Function, Input as _, Selection, Service,
    access::{Role, Scope},
    app::{SourceKind, Wired},
    function::{error_cases, takes_nothing},
    http::Route,
    service::Need,
    session::SessionMode,
    wiring::{EventSource, Misfire, Overlap, Source},
};
use pikku_manifest as manifest;
mod layers;

pub(crate) use layers::LayerNote;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    panic,
    process::ExitCode,
};

/// Writes the manifest to standard output.
pub fn emit<S: Selection>(app: App<S>) -> ExitCode {
    let manifest = manifest_of(app);
    let mut out = std::io::stdout().lock();
    let written = serde_json::to_writer_pretty(&mut out, &manifest).map_err(std::io::Error::from);
    match written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: the manifest could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The manifest of an app.
pub fn manifest_of<S: Selection>(app: App<S>) -> manifest::Manifest {
    let App { mut registry, plan, .. } = app;
    registry.describe_layers();
    let mut services: Vec<_> = plan.described.into_iter().map(|note| note.0).collect();
    services.sort_by(|a, b| (&a.name, &a.type_name).cmp(&(&b.name, &b.type_name)));
    let policies = registry.policies_of_one_name();
    let mut faults = registry.notes.faults;
    faults.extend(policies);
    for pair in services.windows(2).filter(|pair| pair[0].name == pair[1].name) {
        let location = manifest::Location { file: String::new(), line: 0 };
        let message =
            format!("two services are named `{}`: `{}` and `{}`", pair[0].name, pair[0].type_name, pair[1].type_name);
        faults.push(manifest::Fault { message, location });
    }
    let functions = registry.notes.functions.into_values().map(|(_, function)| function);
    let mut manifest = manifest::Manifest {
        manifest_version: manifest::MANIFEST_VERSION,
        groups: registry.notes.groups,
        functions: functions.collect(),
        services,
        scopes: registry.notes.scopes.map(|scopes| scopes.into_iter().map(str::to_owned).collect()),
        roles: registry.notes.roles,
        around_http: registry.notes.around_http.into_iter().map(str::to_owned).collect(),
        faults,
    };
    note_reads(&mut manifest);
    manifest
}

/// Notes what each function, and what stands around its calls, reads through services.
fn note_reads(manifest: &mut manifest::Manifest) {
    let reads = |services: &[String]| manifest.reads_through(services.iter().map(String::as_str));
    let of_functions: Vec<_> = manifest.functions.iter().map(|function| reads(&function.services)).collect();
    let layers = manifest.groups.iter().flat_map(|group| &group.wirings).flat_map(|wiring| &wiring.layers);
    let of_layers: Vec<_> = layers.map(|layer| reads(&layer.services)).collect();
    for (function, reads) in manifest.functions.iter_mut().zip(of_functions) {
        function.reads = reads;
    }
    let wirings = manifest.groups.iter_mut().flat_map(|group| &mut group.wirings);
    for (layer, reads) in wirings.flat_map(|wiring| &mut wiring.layers).zip(of_layers) {
        layer.reads = reads;
    }
}

/// What is noted while the app is built.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    groups: Vec<manifest::Group>,
    functions: BTreeMap<String, (&'static str, manifest::Function)>,
    faults: Vec<manifest::Fault>,
    scopes: Option<BTreeSet<&'static str>>,
    roles: Vec<manifest::Role>,
    /// The types of what stands around all of HTTP.
    pub(crate) around_http: Vec<&'static str>,
}

impl Notes {
    /// Notes scopes of the app.
    pub(crate) fn scopes(&mut self, scopes: &[Scope]) {
        self.scopes.get_or_insert_default().extend(scopes.iter().map(|scope| scope.name()));
    }

    /// The scopes of the app, where it says them.
    #[cfg(feature = "testing")]
    pub(crate) fn declared(&self) -> Option<&BTreeSet<&'static str>> {
        self.scopes.as_ref()
    }

    /// Notes roles of the app.
    #[track_caller]
    pub(crate) fn roles(&mut self, roles: &[Role]) {
        let location = location(panic::Location::caller());
        for role in roles {
            if self.roles.iter().any(|known| known.name == role.name) {
                let message =
                    format!("two roles are named `{}`, of which only the first would grant anything", role.name);
                self.faults.push(manifest::Fault { message, location: location.clone() });
            }
            let scopes = role.scopes.iter().map(|scope| scope.name().to_owned()).collect();
            self.roles.push(manifest::Role { name: role.name.to_owned(), scopes, location: location.clone() });
        }
    }

    /// Begins a group.
    #[track_caller]
    pub(crate) fn enter(&mut self, name: &str) {
        let known = self.groups.iter().any(|group| group.name == name);
        if known {
            self.faults.push(manifest::Fault {
                message: format!("the group `{name}` is added twice"),
                location: location(panic::Location::caller()),
            });
        }
        self.groups.push(manifest::Group { name: name.to_owned(), wirings: Vec::new() });
    }

    /// Notes a wiring of the current group and its function.
    pub(crate) fn wiring<F: Function>(&mut self, wired: &Wired, caller: &panic::Location<'_>) {
        let place = location(caller);
        let type_name = std::any::type_name::<F>();
        match self.functions.get(F::NAME) {
            Some((known, other)) if *known != type_name => self.faults.push(manifest::Fault {
                message: format!(
                    "two functions are named `{}`: this one is `{}::{}`, the other `{}::{}`; rename one of them",
                    F::NAME,
                    F::META.module,
                    F::NAME,
                    other.module,
                    F::NAME
                ),
                location: place.clone(),
            }),
            Some(_) => {}
            None => {
                self.functions.insert(F::NAME.to_owned(), (type_name, describe::<F>()));
            }
        }
        let (id, kind) = match wired {
            Wired::Route(route) => (route_id(route), manifest::WiringKind::Http(describe_route(route))),
            Wired::Source(source) => (source.id(F::NAME), describe_source(source)),
        };
        if let Some(group) = self.groups.last_mut() {
            let function = F::NAME.to_owned();
            group.wirings.push(manifest::Wiring { id, function, kind, location: place, layers: Vec::new() });
        }
    }
}

fn location(caller: &panic::Location<'_>) -> manifest::Location {
    manifest::Location { file: caller.file().to_owned(), line: caller.line() }
}

fn describe<F: Function>() -> manifest::Function {
    let meta = F::META;
    manifest::Function {
        name: F::NAME.to_owned(),
        module: meta.module.to_owned(),
        description: meta.description.to_owned(),
        location: manifest::Location { file: meta.file.to_owned(), line: meta.line },
        input: (!takes_nothing::<F>()).then(|| F::Input::schema().to_value()),
        output: output_schema::<F::Output>(),
        errors: error_cases::<F>()
            .iter()
            .map(|case| manifest::ErrorCase {
                code: case.code.to_owned(),
                status: case.status.as_u16(),
                title: case.title.to_owned(),
                retry: case.retry,
            })
            .collect(),
        services: meta.services.iter().map(|&name| name.to_owned()).collect(),
        session: describe_session(F::SESSION),
        access: manifest::Access {
            public: F::ACCESS.public,
            scopes: F::ACCESS.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
            read_only: F::ACCESS.read_only,
            tags: F::TAGS.iter().map(|&tag| tag.to_owned()).collect(),
            timeout_ms: F::TIMEOUT_MS,
        },
        // Noted once all services are.
        reads: manifest::Reads::default(),
    }
}

pub(crate) fn describe_session(session: SessionMode) -> manifest::SessionMode {
    match session {
        SessionMode::None => manifest::SessionMode::None,
        SessionMode::Optional => manifest::SessionMode::Optional,
        SessionMode::Required => manifest::SessionMode::Required,
    }
}

/// The schema of what is written; none where nothing is.
fn output_schema<T: crate::Output>() -> Option<Value> {
    if std::any::TypeId::of::<T>() == std::any::TypeId::of::<()>() {
        return None;
    }
    Some(T::schema().to_value())
}

fn route_id(route: &Route) -> String {
    format!("http:{} {}", route.method.as_ref().map_or("*", crate::http::Method::as_str), route.path)
}

fn describe_route(route: &Route) -> manifest::Http {
    let fields = route.fields.iter().map(|field| manifest::HttpField {
        from: if field.cookie { manifest::Binding::Cookie } else { manifest::Binding::Header },
        name: if field.cookie { field.name.to_owned() } else { field.name.to_ascii_lowercase() },
        field: field.field.to_owned(),
    });
    manifest::Http {
        method: route.method.as_ref().map(|method| method.as_str().to_owned()),
        path: route.path.to_owned(),
        status: route.status,
        fields: fields.collect(),
        rpc: route.rpc,
    }
}

fn describe_source(kind: &SourceKind) -> manifest::WiringKind {
    let source = match kind.source() {
        Source::Named(name) => manifest::Source::Named(name.to_owned()),
        Source::Any => manifest::Source::Any,
    };
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    match kind {
        SourceKind::Queue(_, queue) => manifest::WiringKind::Queue(manifest::Queue {
            source,
            batch: queue.batch,
            batch_window_s: queue.batch_window_s,
            retries: queue.retries,
            visibility_timeout_s: queue.visibility_timeout_s,
            fifo: queue.fifo,
            concurrency: queue.concurrency,
            retry_delay_s: queue.retry_delay_s,
        }),
        SourceKind::Cron(_, cron) => manifest::WiringKind::Cron(manifest::Cron {
            source,
            expression: cron.expression.to_owned(),
            time_zone: cron.time_zone.to_owned(),
            misfire: match cron.misfire {
                Misfire::Skip => manifest::Misfire::Skip,
                Misfire::Once => manifest::Misfire::Once,
                Misfire::All => manifest::Misfire::All,
            },
            overlap: match cron.overlap {
                Overlap::Allow => manifest::Overlap::Allow,
                Overlap::Queue => manifest::Overlap::Queue,
                Overlap::Skip => manifest::Overlap::Skip,
            },
        }),
        SourceKind::Event(EventSource::Topic(_)) => manifest::WiringKind::Topic(manifest::Topic { source }),
        SourceKind::Event(EventSource::Bucket(bucket)) => manifest::WiringKind::Bucket(manifest::Bucket {
            events: match (bucket.events.is_empty(), &source) {
                (true, manifest::Source::Named(_)) => vec!["ObjectCreated:*".to_owned()],
                _ => owned(&bucket.events),
            },
            source,
            prefix: bucket.prefix.map(str::to_owned),
            suffix: bucket.suffix.map(str::to_owned),
        }),
        SourceKind::Event(EventSource::Table(table)) => manifest::WiringKind::Table(manifest::Table {
            source,
            batch: table.batch,
            retries: table.retries,
            from_start: table.from_start,
        }),
        SourceKind::Event(EventSource::Stream(stream)) => manifest::WiringKind::Stream(manifest::Stream {
            source,
            batch: stream.batch,
            retries: stream.retries,
            from_start: stream.from_start,
        }),
        SourceKind::Event(EventSource::Pattern(pattern)) => manifest::WiringKind::Event(manifest::EventPattern {
            source,
            sources: owned(&pattern.sources),
            detail_types: owned(&pattern.detail_types),
        }),
        SourceKind::WebSocket(_) => manifest::WiringKind::WebSocket(manifest::WebSocket { source }),
    }
}

/// What is noted of a service.
#[derive(Debug, PartialEq)]
pub(crate) struct ServiceNote(manifest::Service);

impl ServiceNote {
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn of<T: Service>() -> Self {
        let singleton = <T::Lifetime as crate::service::Lifetime>::SINGLETON;
        Self(manifest::Service {
            name: T::NAME.to_owned(),
            type_name: std::any::type_name::<T>().to_owned(),
            lifetime: if singleton { manifest::Lifetime::Singleton } else { manifest::Lifetime::PerCall },
            depends_on: T::DEPENDS_ON.iter().map(|&name| name.to_owned()).collect(),
            needs: T::NEEDS.iter().map(|need| describe_need(*need)).collect(),
            closes: T::CLOSES,
            message: T::message().map(schemars::Schema::to_value),
        })
    }
}

fn describe_need(need: Need) -> manifest::Need {
    match need {
        Need::SendToQueue(name) => manifest::Need::SendToQueue(name.to_owned()),
        Need::PublishToTopic(name) => manifest::Need::PublishToTopic(name.to_owned()),
        Need::PutEvents(name) => manifest::Need::PutEvents(name.to_owned()),
        Need::ReadBucket(name) => manifest::Need::ReadBucket(name.to_owned()),
        Need::WriteBucket(name) => manifest::Need::WriteBucket(name.to_owned()),
        Need::ReadTable(name) => manifest::Need::ReadTable(name.to_owned()),
        Need::WriteTable(name) => manifest::Need::WriteTable(name.to_owned()),
        Need::PutToStream(name) => manifest::Need::PutToStream(name.to_owned()),
        Need::ReadSecret(name) => manifest::Need::ReadSecret(name.to_owned()),
        Need::ReadParameter(name) => manifest::Need::ReadParameter(name.to_owned()),
        Need::Variable(name) => manifest::Need::Variable(name.to_owned()),
        Need::OptionalVariable(name) => manifest::Need::OptionalVariable(name.to_owned()),
        Need::Database(name) => manifest::Need::Database(name.to_owned()),
        Need::KeyValue(name) => manifest::Need::KeyValue(name.to_owned()),
        Need::CallGroup(name) => manifest::Need::CallGroup(name.to_owned()),
    }
}
