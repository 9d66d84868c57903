//! What feeds a group besides HTTP: for each wiring its function, what the host of all of them is told, and the grant to read.

use super::{
    app::{LOCAL_BUS, LOCAL_STORAGE, Render, Subscription},
    bicep::{Value, object, texts},
    function::{
        BindingKind, EVENT_HUBS, EventHubs, Extensions, Function, InitialOffset, QUEUES, Queues, Retry, SERVICE_BUS,
        ServiceBus, span,
    },
    grant::{self, Grant},
    names, schedule,
};
use crate::cloudflare::is_utc;
use pikku_manifest::{Bucket, Cron, EventPattern, Misfire, Overlap, Queue, Source, Stream, Topic, Wiring, WiringKind};
use std::collections::BTreeMap;

/// How long a failed message of a storage queue waits where the app does not say. The host's own choice is not at all, which
/// uses up every try of a message while what it needs is away for a second.
const RETRY_DELAY_S: u32 = 30;

/// The most messages that the host fetches of a storage queue at once.
const MOST_FETCHED: u32 = 32;

/// The longest that Service Bus locks a message; the host renews the lock.
const LONGEST_LOCK_S: u32 = 300;

/// How often the host itself tries a schedule's run again, and after what time: twice, as on Lambda.
const TIMER_RETRIES: u32 = 2;
const TIMER_RETRY_DELAY_S: u32 = 60;

/// How long the host waits before it hands a failed batch of a stream over again.
const STREAM_RETRY_DELAY_S: u32 = 5;

/// What a group's wirings come to.
#[derive(Debug)]
pub(crate) struct Hosted {
    pub(crate) extensions: Extensions,
    /// The names of sources in Azure by the wirings' ids.
    pub(crate) sources: BTreeMap<String, String>,
}

/// Adds what the wirings of a group ask for.
pub(crate) fn wire(render: &mut Render<'_, '_>) -> Hosted {
    let mut hosted = Hosted { extensions: Extensions::default(), sources: BTreeMap::new() };
    for wiring in &render.group.wirings {
        let mut wire = Wire { render: &mut *render, hosted: &mut hosted, wiring };
        match (&wiring.kind, wiring.kind.source()) {
            (WiringKind::Http(_), _) | (_, None) => {}
            (WiringKind::Table(_) | WiringKind::WebSocket(_), _) => wire.lacking(),
            (_, Some(Source::Any)) => wire.any(),
            (WiringKind::Queue(queue), Some(Source::Named(name))) => wire.queue(queue, name),
            (WiringKind::Cron(cron), Some(_)) => wire.cron(cron),
            (WiringKind::Topic(topic), Some(Source::Named(name))) => wire.topic(topic, name),
            (WiringKind::Bucket(bucket), Some(Source::Named(name))) => wire.bucket(bucket, name),
            (WiringKind::Stream(stream), Some(Source::Named(name))) => wire.stream(stream, name),
            (WiringKind::Event(event), Some(Source::Named(name))) => wire.event(event, name),
        }
    }
    hosted
}

struct Wire<'w, 'r, 'm> {
    render: &'w mut Render<'r, 'm>,
    hosted: &'w mut Hosted,
    wiring: &'m Wiring,
}

impl Wire<'_, '_, '_> {
    fn refuse(&mut self, code: &'static str, message: &str, fix: &str) {
        self.render.refuse(code, self.wiring, message, fix);
    }

    fn note(&mut self, text: &str) {
        let text = format!("wiring `{}`: {text}", self.wiring.id);
        self.render.note(text);
    }

    fn limit(&mut self, name: &str, value: u32, allowed: std::ops::RangeInclusive<u32>) {
        if !allowed.contains(&value) {
            let allowed = format!("{} to {}", allowed.start(), allowed.end());
            let message = format!("the {name} is {value}, and Azure takes {allowed}");
            self.refuse("PK0504", &message, &format!("choose a {name} of {allowed}"));
        }
    }

    /// Adds the wiring's function.
    fn function(&mut self, trigger: BindingKind) -> &mut Function {
        let name = names::function(self.wiring);
        self.render.functions.push(Function::new(name, trigger));
        let last = self.render.functions.len() - 1;
        &mut self.render.functions[last]
    }

    /// Tells the bundle what its source is called in Azure, where that is not its name in the app.
    fn feeds(&mut self, name: &str) {
        let physical = names::physical(name);
        if physical != name {
            self.hosted.sources.insert(self.wiring.id.clone(), physical);
        }
    }

    fn lacking(&mut self) {
        let what = match self.wiring.kind {
            WiringKind::Table(_) => "changes of tables",
            _ => "WebSocket APIs yet",
        };
        self.refuse(
            "PK0501",
            &format!("Azure Functions have no {what}"),
            "wire the function to another source, or package the group for another target with --group",
        );
    }

    /// A wiring that takes any source of its kind: its function is named after the kind, and app settings say which source.
    fn any(&mut self) {
        let name = names::function(self.wiring);
        let mut local: Vec<(&str, &str)> = Vec::new();
        let mut setting = |name: &'static str, example: &'static str| {
            local.push((name, example));
            format!("%{name}%")
        };
        let (trigger, said): (BindingKind, &str) = match &self.wiring.kind {
            WiringKind::Queue(_) => {
                let other = BindingKind::ServiceBusTrigger {
                    queue_name: Some(setting("ANY_SERVICE_BUS_QUEUE", "any")),
                    topic_name: None,
                    subscription_name: None,
                    connection: SERVICE_BUS,
                    is_sessions_enabled: false,
                };
                self.render.functions.push(Function::new(format!("{name}_service_bus"), other));
                let trigger = BindingKind::QueueTrigger { queue_name: setting("ANY_QUEUE", "any"), connection: QUEUES };
                (trigger, "ANY_QUEUE or ANY_SERVICE_BUS_QUEUE names the queue")
            }
            WiringKind::Topic(_) => {
                let trigger = BindingKind::ServiceBusTrigger {
                    queue_name: None,
                    topic_name: Some(setting("ANY_TOPIC", "any")),
                    subscription_name: Some(setting("ANY_SUBSCRIPTION", "any")),
                    connection: SERVICE_BUS,
                    is_sessions_enabled: false,
                };
                (trigger, "ANY_TOPIC and ANY_SUBSCRIPTION name what it listens to")
            }
            WiringKind::Stream(_) => {
                let trigger = BindingKind::EventHubTrigger {
                    event_hub_name: setting("ANY_STREAM", "any"),
                    consumer_group: "$Default".to_owned(),
                    connection: EVENT_HUBS,
                    cardinality: "many",
                };
                (trigger, "ANY_STREAM names it")
            }
            WiringKind::Cron(_) => {
                let schedule = setting("ANY_CRON", "0 0 0 * * *");
                (
                    BindingKind::TimerTrigger { schedule, run_on_startup: false, use_monitor: true },
                    "ANY_CRON holds the schedule",
                )
            }
            _ => {
                self.render.functions.push(Function::new(name, BindingKind::EventGridTrigger));
                return;
            }
        };
        self.render.functions.push(Function::new(name, trigger));
        for (name, example) in local {
            self.render.local.insert(name.to_owned(), example.to_owned());
        }
        for (connection, local) in [(QUEUES, LOCAL_STORAGE), (SERVICE_BUS, LOCAL_BUS), (EVENT_HUBS, LOCAL_BUS)] {
            self.render.local.entry(connection.to_owned()).or_insert_with(|| local.to_owned());
        }
        let noun = self.wiring.kind.noun();
        self.note(&format!(
            "it takes any {noun}: {said} among the app settings; until it is set there, with the connection, the host leaves the \
             function out"
        ));
    }

    fn queue(&mut self, queue: &Queue, name: &str) {
        self.feeds(name);
        if self.render.estate.queues.get(name).is_some_and(|queue| queue.service_bus) {
            return self.service_bus_queue(queue, name);
        }
        let physical = names::physical(name);
        let most = queue.concurrency.unwrap_or(queue.batch).clamp(1, MOST_FETCHED);
        let asked = Queues {
            max_dequeue_count: queue.retries.saturating_add(1),
            visibility_timeout: span(queue.retry_delay_s.unwrap_or(RETRY_DELAY_S)),
            batch_size: most,
            // With a limit no more are fetched before all of these are done.
            new_batch_threshold: if queue.concurrency.is_some() { 0 } else { most / 2 },
            message_encoding: "base64",
        };
        self.limit("number of retries", queue.retries, 0..=1_000_000);
        if let Some(limit) = queue.concurrency {
            self.limit("concurrency", limit, 1..=MOST_FETCHED);
            self.note("its concurrency holds for each instance; with `max_instances = 1` it holds for the app");
        }
        if queue.retry_delay_s.is_some() {
            self.note("a failed message waits equally long each time, for storage queues do not double it");
        }
        if queue.visibility_timeout_s.is_some() {
            self.note("its visibility timeout has no meaning for storage queues: the host hides a message while it is worked on");
        }
        self.share_queues(asked);
        self.function(BindingKind::QueueTrigger { queue_name: physical, connection: QUEUES });
        self.render.connect(QUEUES, "queueServiceUri", "storage.properties.primaryEndpoints.queue", LOCAL_STORAGE);
        let symbol = names::pascal(name);
        self.render.grant(Grant::own("consumes", name, grant::CONSUME, format!("queue{symbol}")));
        self.render.grant(Grant::built_in("keepsFailuresOf", name, grant::QUEUE_SENDER, format!("poison{symbol}")));
    }

    /// All storage queues of a host have one setting each: what changes their meaning must be equal, of the rest the smallest
    /// holds.
    fn share_queues(&mut self, asked: Queues) {
        let Some(known) = self.hosted.extensions.queues.clone() else {
            self.hosted.extensions.queues = Some(asked);
            return;
        };
        if (known.max_dequeue_count, &known.visibility_timeout) != (asked.max_dequeue_count, &asked.visibility_timeout)
        {
            let message = format!(
                "it asks for {} tries and a delay of {}, another queue of the group for {} and {}, and a Functions host has one \
                 setting for all its storage queues",
                asked.max_dequeue_count, asked.visibility_timeout, known.max_dequeue_count, known.visibility_timeout
            );
            let fix = "give both queues the same `retries` and `retry_delay`, move one to another group, or name one in \
                       `service_bus` of [package.metadata.pikku.azure]";
            self.refuse("PK0503", &message, fix);
        }
        let batch_size = known.batch_size.min(asked.batch_size);
        if known.batch_size != asked.batch_size {
            self.note(&format!("the group's storage queues share one batch size, which is {batch_size}"));
        }
        let new_batch_threshold = known.new_batch_threshold.min(asked.new_batch_threshold);
        self.hosted.extensions.queues = Some(Queues { batch_size, new_batch_threshold, ..known });
    }

    fn service_bus_queue(&mut self, queue: &Queue, name: &str) {
        self.limit("number of retries", queue.retries, 0..=1999);
        if queue.retry_delay_s.is_some() {
            self.note(
                "its retry delay has no meaning for Service Bus, which hands a failed message over again at once",
            );
        }
        if queue.visibility_timeout_s.is_some_and(|seconds| seconds > LONGEST_LOCK_S) {
            self.note(&format!(
                "a message is locked for {LONGEST_LOCK_S} s, the longest there is; the host renews the lock while the function runs"
            ));
        }
        let (calls, sessions) = if queue.fifo { (None, queue.concurrency) } else { (queue.concurrency, None) };
        self.share_service_bus(calls, sessions);
        self.function(BindingKind::ServiceBusTrigger {
            queue_name: Some(names::physical(name)),
            topic_name: None,
            subscription_name: None,
            connection: SERVICE_BUS,
            is_sessions_enabled: queue.fifo,
        });
        self.connect_service_bus();
        let scope = format!("queue{}", names::pascal(name));
        self.render.grant(Grant::built_in("receives", name, grant::SERVICE_BUS_RECEIVER, scope));
    }

    fn share_service_bus(&mut self, calls: Option<u32>, sessions: Option<u32>) {
        let smaller = |known: Option<u32>, asked: Option<u32>| match (known, asked) {
            (Some(known), Some(asked)) => Some(known.min(asked)),
            (known, asked) => known.or(asked),
        };
        let known = self.hosted.extensions.service_bus.take();
        let (known_calls, known_sessions) =
            known.map_or((None, None), |known| (known.max_concurrent_calls, known.max_concurrent_sessions));
        if calls.or(sessions).is_some() {
            self.note("its concurrency holds for each instance, and for all that the group takes from Service Bus");
        }
        self.hosted.extensions.service_bus = Some(ServiceBus {
            auto_complete_messages: true,
            max_concurrent_calls: smaller(known_calls, calls),
            max_concurrent_sessions: smaller(known_sessions, sessions),
        });
    }

    fn connect_service_bus(&mut self) {
        let namespace = "'${serviceBus.name}.servicebus.windows.net'";
        self.render.connect(SERVICE_BUS, "fullyQualifiedNamespace", namespace, LOCAL_BUS);
    }

    fn topic(&mut self, _: &Topic, name: &str) {
        self.feeds(name);
        self.share_service_bus(None, None);
        let group = self.render.group.name.clone();
        self.function(BindingKind::ServiceBusTrigger {
            queue_name: None,
            topic_name: Some(names::physical(name)),
            subscription_name: Some(group.clone()),
            connection: SERVICE_BUS,
            is_sessions_enabled: false,
        });
        self.connect_service_bus();
        // At the topic it would not do: the subscription is what is read.
        let scope = format!("subscription{}_{}", names::pascal(name), names::symbol(&group));
        self.render.grant(Grant::built_in("listensTo", name, grant::SERVICE_BUS_RECEIVER, scope));
    }

    fn cron(&mut self, cron: &Cron) {
        if cron.overlap == Overlap::Skip {
            self.note("a timer's runs never overlap: one that is due meanwhile comes when the earlier one is over");
        }
        if cron.misfire != Misfire::Once {
            self.note("a timer makes up for what it missed once, whatever the wiring's misfire policy says");
        }
        if !is_utc(&cron.time_zone) {
            let message = format!(
                "its schedule is in the time zone `{}`, and timers fire in UTC alone: WEBSITE_TIME_ZONE has no effect on Linux",
                cron.time_zone
            );
            let fix = "write the hours in UTC; where daylight saving matters, run it at both hours and let the function look at \
                       the clock";
            return self.refuse("PK0502", &message, fix);
        }
        let schedule = match schedule::to_ncrontab(&cron.expression) {
            Ok(schedule) => schedule,
            Err(problem) => {
                let message = format!("the schedule `{}` has no equal in NCRONTAB: {problem}", cron.expression);
                let fix = "wire the function twice, once for the days of the month and once for the days of the week";
                return self.refuse("PK0502", &message, fix);
            }
        };
        let function = self.function(BindingKind::TimerTrigger { schedule, run_on_startup: false, use_monitor: true });
        function.retry = Some(retry(TIMER_RETRIES, TIMER_RETRY_DELAY_S));
    }

    fn bucket(&mut self, bucket: &Bucket, name: &str) {
        self.feeds(name);
        let mut types = Vec::new();
        let mut apis: Option<Vec<&str>> = None;
        for event in &bucket.events {
            let (kind, api): (&str, &[&str]) = match event.as_str() {
                "ObjectCreated:*" => ("Microsoft.Storage.BlobCreated", &[]),
                "ObjectCreated:Put" => ("Microsoft.Storage.BlobCreated", &["PutBlob"]),
                "ObjectCreated:Copy" => ("Microsoft.Storage.BlobCreated", &["CopyBlob"]),
                "ObjectCreated:CompleteMultipartUpload" => {
                    ("Microsoft.Storage.BlobCreated", &["PutBlockList", "FlushWithClose"])
                }
                "ObjectRemoved:*" | "ObjectRemoved:Delete" => ("Microsoft.Storage.BlobDeleted", &["DeleteBlob"]),
                other => {
                    let message = format!("Azure tells of no event such as `{other}`");
                    let fix = "listen to `ObjectCreated:*`, `ObjectCreated:Put`, `ObjectCreated:Copy`, \
                               `ObjectCreated:CompleteMultipartUpload` or `ObjectRemoved:*`";
                    self.refuse("PK0501", &message, fix);
                    continue;
                }
            };
            if !types.contains(&kind) {
                types.push(kind);
            }
            match (&mut apis, api) {
                // One that takes every way to write a blob leaves nothing to choose.
                (_, []) => apis = Some(Vec::new()),
                (Some(known), _) if known.is_empty() => {}
                (Some(known), api) => {
                    known.extend(api.iter().filter(|api| !known.contains(api)).copied().collect::<Vec<_>>())
                }
                (None, api) => apis = Some(api.to_vec()),
            }
        }
        let container = names::physical(name);
        let begins = format!(
            "/blobServices/default/containers/{container}/blobs/{}",
            bucket.prefix.as_deref().unwrap_or_default()
        );
        let mut filter = vec![("subjectBeginsWith", Value::from(begins))];
        filter.extend(bucket.suffix.as_deref().map(|suffix| ("subjectEndsWith", suffix.into())));
        filter.push(("includedEventTypes", texts(types)));
        filter.extend(apis.filter(|apis| !apis.is_empty()).map(|apis| ("advancedFilters", one_of("data.api", apis))));
        let function = self.function(BindingKind::EventGridTrigger).name.clone();
        self.subscribe(function, "blobEvents".to_owned(), true, object(filter));
    }

    fn subscribe(&mut self, function: String, topic: String, system: bool, filter: Value) {
        self.render.subscriptions.push(Subscription { function, topic, system, filter });
    }

    fn event(&mut self, pattern: &EventPattern, name: &str) {
        let mut filter = Vec::new();
        if !pattern.detail_types.is_empty() {
            filter.push(("includedEventTypes", texts(pattern.detail_types.iter().cloned())));
        }
        if !pattern.sources.is_empty() {
            self.limit("number of sources", u32::try_from(pattern.sources.len()).unwrap_or(u32::MAX), 1..=25);
            filter.push(("advancedFilters", one_of("source", pattern.sources.clone())));
        }
        let function = self.function(BindingKind::EventGridTrigger).name.clone();
        self.subscribe(function, format!("bus{}", names::pascal(name)), false, object(filter));
    }

    fn stream(&mut self, stream: &Stream, name: &str) {
        self.feeds(name);
        let asked = EventHubs {
            max_event_batch_size: stream.batch,
            initial_offset_options: InitialOffset { kind: if stream.from_start { "fromStart" } else { "fromEnd" } },
        };
        match self.hosted.extensions.event_hubs.clone() {
            None => self.hosted.extensions.event_hubs = Some(asked),
            Some(known) => {
                if known.initial_offset_options != asked.initial_offset_options {
                    let message = "it and another stream of the group are read from different ends, and a Functions host has one \
                                   setting for all its streams";
                    self.refuse("PK0503", message, "read both from the same end, or move one to another group");
                }
                let size = known.max_event_batch_size.min(asked.max_event_batch_size);
                self.hosted.extensions.event_hubs = Some(EventHubs { max_event_batch_size: size, ..known });
            }
        }
        let group = self.render.group.name.clone();
        let function = self.function(BindingKind::EventHubTrigger {
            event_hub_name: names::physical(name),
            consumer_group: group,
            connection: EVENT_HUBS,
            cardinality: "many",
        });
        function.retry = (stream.retries > 0).then(|| retry(stream.retries, STREAM_RETRY_DELAY_S));
        let namespace = "'${eventHubs.name}.servicebus.windows.net'";
        self.render.connect(EVENT_HUBS, "fullyQualifiedNamespace", namespace, LOCAL_BUS);
        let scope = format!("stream{}", names::pascal(name));
        self.render.grant(Grant::built_in("reads", name, grant::EVENT_HUBS_RECEIVER, scope));
    }
}

fn retry(count: u32, delay_s: u32) -> Retry {
    Retry { strategy: "fixedDelay", max_retry_count: count, delay_interval: span(delay_s) }
}

/// An advanced filter of Event Grid.
fn one_of<T: Into<String>>(key: &str, values: Vec<T>) -> Value {
    Value::List(vec![object([("operatorType", "StringIn".into()), ("key", key.into()), ("values", texts(values))])])
}
