//! What an app has on Azure besides its function apps: queues, topics, containers, streams, topics of events, secrets.
//!
//! Each is there once, whoever is wired to it or sends to it, and has one name in the resource group.

use super::{names, options::Options};
use crate::error::Finding;
use pikku_manifest::{Group, Location, Manifest, Need, Queue, Source, WiringKind};
use std::collections::BTreeMap;

/// Everything by its logical name.
#[derive(Debug, Default)]
pub(crate) struct Estate<'m> {
    pub(crate) queues: BTreeMap<&'m str, QueueOf<'m>>,
    pub(crate) topics: BTreeMap<&'m str, Place<'m>>,
    pub(crate) buckets: BTreeMap<&'m str, Place<'m>>,
    pub(crate) streams: BTreeMap<&'m str, Place<'m>>,
    /// Event Grid's topics, by the names of event buses.
    pub(crate) buses: BTreeMap<&'m str, Place<'m>>,
    pub(crate) secrets: BTreeMap<&'m str, Place<'m>>,
}

/// Where something is named first.
type Place<'m> = Option<&'m Location>;

/// A queue.
#[derive(Debug)]
pub(crate) struct QueueOf<'m> {
    /// Whether it is one of Service Bus.
    pub(crate) service_bus: bool,
    /// Who takes its messages, if the app does.
    pub(crate) consumer: Option<&'m Queue>,
    pub(crate) place: Place<'m>,
}

impl<'m> Estate<'m> {
    /// What the groups use.
    pub(crate) fn of(
        manifest: &'m Manifest,
        groups: &[&'m Group],
        options: &Options<'_>,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let consumers = consumers(manifest, findings);
        let mut estate = Self::default();
        let queue = |name: &'m str| match consumers.get(name) {
            Some((queue, place)) => QueueOf {
                service_bus: options.is_service_bus(name, Some(queue)),
                consumer: Some(queue),
                place: Some(place),
            },
            None => QueueOf { service_bus: options.is_service_bus(name, None), consumer: None, place: None },
        };
        for group in groups {
            for wiring in &group.wirings {
                let at = Some(&wiring.location);
                let Some(Source::Named(name)) = wiring.kind.source() else { continue };
                match &wiring.kind {
                    WiringKind::Queue(_) => drop(estate.queues.entry(name).or_insert_with(|| queue(name))),
                    WiringKind::Topic(_) => drop(estate.topics.entry(name).or_insert(at)),
                    WiringKind::Bucket(_) => drop(estate.buckets.entry(name).or_insert(at)),
                    WiringKind::Stream(_) => drop(estate.streams.entry(name).or_insert(at)),
                    WiringKind::Event(_) => drop(estate.buses.entry(name).or_insert(at)),
                    WiringKind::Http(_) | WiringKind::Cron(_) | WiringKind::Table(_) | WiringKind::WebSocket(_) => {}
                }
            }
            for need in manifest.services_of(group).into_iter().flat_map(|service| &service.needs) {
                match need {
                    Need::SendToQueue(name) => drop(estate.queues.entry(name).or_insert_with(|| queue(name))),
                    Need::PublishToTopic(name) => drop(estate.topics.entry(name).or_default()),
                    Need::PutEvents(name) => drop(estate.buses.entry(name).or_default()),
                    Need::ReadBucket(name) | Need::WriteBucket(name) => drop(estate.buckets.entry(name).or_default()),
                    Need::PutToStream(name) => drop(estate.streams.entry(name).or_default()),
                    Need::ReadSecret(name) => drop(estate.secrets.entry(name).or_default()),
                    Need::ReadTable(_)
                    | Need::WriteTable(_)
                    | Need::ReadParameter(_)
                    | Need::Variable(_)
                    | Need::OptionalVariable(_)
                    | Need::Database(_)
                    | Need::KeyValue(_)
                    | Need::CallGroup(_) => {}
                }
            }
        }
        estate.check(findings);
        estate
    }

    /// Refuses names that Azure does not take, and two that would be one.
    fn check(&self, findings: &mut Vec<Finding>) {
        let queues = || self.queues.iter().map(|(name, queue)| (*name, queue.place));
        let kinds: [(&str, Vec<(&str, Place<'_>)>); 6] = [
            ("queue", queues().collect()),
            ("topic", self.topics.iter().map(|(name, place)| (*name, *place)).collect()),
            ("bucket", self.buckets.iter().map(|(name, place)| (*name, *place)).collect()),
            ("stream", self.streams.iter().map(|(name, place)| (*name, *place)).collect()),
            ("event bus", self.buses.iter().map(|(name, place)| (*name, *place)).collect()),
            ("secret", self.secrets.iter().map(|(name, place)| (*name, *place)).collect()),
        ];
        for (kind, all) in &kinds {
            let mut taken: BTreeMap<String, &str> = BTreeMap::new();
            for (name, place) in all {
                // What is told apart in Bicep is told apart in Azure as well.
                if let Some(first) = taken.insert(names::symbol(name).to_ascii_lowercase(), name) {
                    findings.push(Finding::new(
                        "PK0507",
                        *place,
                        format!("the {kind} `{name}` and the {kind} `{first}` would have one name on Azure"),
                        "rename one of them; capitals, hyphens and underscores do not tell names apart there",
                    ));
                }
            }
        }
        let stored = |name: &str| names::is_stored(&names::poison(&names::physical(name)));
        for (name, queue) in self.queues.iter().filter(|(name, queue)| !queue.service_bus && !stored(name)) {
            findings.push(refused("queue", name, &names::physical(name), queue.place, 56));
        }
        for (name, place) in self.buckets.iter().filter(|(name, _)| !names::is_stored(&names::physical(name))) {
            findings.push(refused("bucket", name, &names::physical(name), *place, 63));
        }
    }

    /// The expression of a queue's address, which a bundle sends to.
    pub(crate) fn queue_address(&self, name: &str) -> String {
        let physical = names::physical(name);
        match self.queues.get(name) {
            Some(queue) if queue.service_bus => {
                format!("'sb://${{serviceBus.name}}.servicebus.windows.net/{physical}'")
            }
            _ => format!("'${{storage.properties.primaryEndpoints.queue}}{physical}'"),
        }
    }

    /// Whether the app has queues in its storage account.
    pub(crate) fn has_storage_queues(&self) -> bool {
        self.queues.values().any(|queue| !queue.service_bus)
    }

    /// Whether it has anything in Service Bus.
    pub(crate) fn has_service_bus(&self) -> bool {
        !self.topics.is_empty() || self.queues.values().any(|queue| queue.service_bus)
    }
}

/// Who takes the messages of each queue, in all groups. A queue that two groups consume is refused.
fn consumers<'m>(manifest: &'m Manifest, findings: &mut Vec<Finding>) -> BTreeMap<&'m str, (&'m Queue, &'m Location)> {
    let mut consumers: BTreeMap<&str, (&Queue, &Location)> = BTreeMap::new();
    let mut owners: BTreeMap<&str, &Group> = BTreeMap::new();
    for group in &manifest.groups {
        for wiring in &group.wirings {
            let WiringKind::Queue(queue) = &wiring.kind else { continue };
            let Source::Named(name) = &queue.source else { continue };
            consumers.insert(name, (queue, &wiring.location));
            if let Some(first) = owners.insert(name, group) {
                let message = format!(
                    "group `{}`, wiring `{}`: the queue `{name}` already feeds the group `{}`, and it can feed one only",
                    group.name, wiring.id, first.name
                );
                let fix = "let one group consume the queue, or publish to a topic that both groups listen to";
                findings.push(Finding::new("PK0505", Some(&wiring.location), message, fix));
            }
        }
    }
    consumers
}

fn refused(kind: &str, name: &str, physical: &str, place: Place<'_>, longest: usize) -> Finding {
    Finding::new(
        "PK0507",
        place,
        format!("the {kind} `{name}` would be named `{physical}`, which a storage account does not take"),
        format!("rename it: 3 to {longest} letters and digits, with single hyphens between them"),
    )
}
