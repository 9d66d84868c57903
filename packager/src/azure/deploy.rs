//! `main.bicep`: everything that an app needs on Azure, for a resource group.
//!
//! Each group is a function app of its own on the Flex Consumption plan, with an identity, a storage account for what its host
//! keeps, and the roles that its wirings and services ask for. Keys are switched off wherever a resource has them: what
//! authenticates is the identity. Subscriptions to events are made when the functions are there, by `events = true`.

use super::{
    app::{App, Subscription},
    bicep::{Document, Resource, Value, object, raw},
    estate::{Estate, QueueOf},
    grant::{self, Grant, Role},
    names,
    options::Options,
};
use std::collections::BTreeSet;

const ACCOUNT: &str = "Microsoft.Storage/storageAccounts@2023-05-01";
const BLOBS: &str = "Microsoft.Storage/storageAccounts/blobServices@2023-05-01";
const CONTAINER: &str = "Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01";
const NAMESPACE: &str = "Microsoft.ServiceBus/namespaces@2022-10-01-preview";
const HUBS: &str = "Microsoft.EventHub/namespaces@2024-01-01";

/// The container that a group's package is in.
const PACKAGES: &str = "packages";

/// The container of events that could not be delivered.
const DEAD_EVENTS: &str = "dead-events";

/// How often a message of a topic is handed over, and how long an event is tried.
const TOPIC_DELIVERIES: u32 = 10;
const EVENT_ATTEMPTS: u32 = 30;
const EVENT_MINUTES: u32 = 1440;

/// How many partitions a stream has; it cannot be changed where it is there.
const PARTITIONS: u32 = 4;

/// Renders the file.
pub(crate) fn render(options: &Options<'_>, estate: &Estate<'_>, apps: &[App<'_>]) -> String {
    let mut deploy = Deploy { document: Document::default(), options, estate };
    deploy.parameters(apps);
    deploy.shared(apps);
    apps.iter().for_each(|app| deploy.app(app));
    let mut comments = vec!["Written by `cargo pikku package`, which writes it anew each time.".to_owned()];
    for app in apps {
        comments.extend(app.notes.iter().map(|note| format!("note: group `{}`: {note}", app.group.name)));
    }
    deploy.document.render(&comments)
}

struct Deploy<'d, 'm> {
    document: Document,
    options: &'d Options<'d>,
    estate: &'d Estate<'m>,
}

impl Deploy<'_, '_> {
    fn add(&mut self, symbol: impl Into<String>, kind: &'static str, body: Vec<(&'static str, Value)>) {
        self.document.resource(Resource::new(symbol, kind, body));
    }

    fn parameters(&mut self, apps: &[App<'_>]) {
        let document = &mut self.document;
        document.parameter(
            "location",
            "string",
            "Where everything is.".to_owned(),
            Some(raw("resourceGroup().location")),
        );
        document.parameter(
            "name",
            "string",
            "What the names of the resources begin with.".to_owned(),
            Some(names::physical(&self.options.app).into()),
        );
        if apps.iter().any(|app| !app.subscriptions.is_empty()) {
            document.parameter(
                "events",
                "bool",
                "Whether the functions are there already, so that events can be sent to them.".to_owned(),
                Some(false.into()),
            );
        }
        if !self.estate.secrets.is_empty() {
            document.parameter("keyVaultName", "string", "The key vault that holds the secrets.".to_owned(), None);
        }
        let wanted: BTreeSet<&str> = apps
            .iter()
            .flat_map(|app| &app.settings)
            .filter(|(name, value)| **value == raw(names::parameter(name)))
            .map(|(name, _)| name.as_str())
            .collect();
        for name in wanted {
            document.secret(&names::parameter(name), format!("The value of the variable {name}."));
        }
        document.variable("suffix", raw("uniqueString(resourceGroup().id, name)"));
    }

    /// What several groups may use.
    fn shared(&mut self, apps: &[App<'_>]) {
        let sku = object([("name", "PerGB2018".into())]);
        let days = object([("sku", sku), ("retentionInDays", self.options.log_retention_days().into())]);
        self.add(
            "logs",
            "Microsoft.OperationalInsights/workspaces@2023-09-01",
            vec![("name", raw("'${name}-logs-${suffix}'")), ("location", raw("location")), ("properties", days)],
        );
        self.add(
            "insights",
            "Microsoft.Insights/components@2020-02-02",
            vec![
                ("name", raw("'${name}-insights-${suffix}'")),
                ("location", raw("location")),
                ("kind", "web".into()),
                (
                    "properties",
                    object([
                        ("Application_Type", "web".into()),
                        ("WorkspaceResourceId", raw("logs.id")),
                        ("DisableLocalAuth", true.into()),
                    ]),
                ),
            ],
        );
        self.storage(apps);
        if self.estate.has_service_bus() {
            self.service_bus(apps);
        }
        self.streams(apps);
        self.events();
        let topics: BTreeSet<&str> =
            apps.iter().flat_map(|app| &app.subscriptions).map(|subscription| subscription.topic.as_str()).collect();
        for topic in &topics {
            let grant = Grant::own("keepsDeadEvents", "", grant::WRITE_BLOBS, "deadEvents".to_owned());
            self.document.resource(grant.resource(topic, topic));
        }
        if !self.estate.secrets.is_empty() {
            let vault =
                Resource::new("keyVault", "Microsoft.KeyVault/vaults@2023-07-01", vec![("name", raw("keyVaultName"))]);
            self.document.resource(vault.existing());
            for name in self.estate.secrets.keys() {
                let body = vec![("parent", raw("keyVault")), ("name", names::physical(name).into())];
                let symbol = format!("secret{}", names::pascal(name));
                let secret = Resource::new(symbol, "Microsoft.KeyVault/vaults/secrets@2023-07-01", body);
                self.document.resource(secret.existing());
            }
        }
        for role in [grant::KEEP_STATE, grant::CONSUME, grant::WRITE_BLOBS] {
            let used = role == grant::KEEP_STATE
                || (role == grant::WRITE_BLOBS && !topics.is_empty())
                || apps.iter().flat_map(|app| &app.grants).any(|grant| grant.role == Role::Own(role));
            if used {
                self.document.resource(role.resource());
            }
        }
    }

    /// The account of the app's queues and containers.
    fn storage(&mut self, apps: &[App<'_>]) {
        let has_queues = self.estate.has_storage_queues();
        let subscriptions = || apps.iter().flat_map(|app| &app.subscriptions);
        if !has_queues && self.estate.buckets.is_empty() && subscriptions().next().is_none() {
            return;
        }
        self.account("storage", "'${take(replace(toLower(name), '-', ''), 11)}${suffix}'");
        if has_queues {
            let body = vec![("parent", raw("storage")), ("name", "default".into())];
            self.add("queues", "Microsoft.Storage/storageAccounts/queueServices@2023-05-01", body);
        }
        let estate = self.estate;
        for (name, queue) in estate.queues.iter().filter(|(_, queue)| !queue.service_bus) {
            let physical = names::physical(name);
            self.storage_queue(format!("queue{}", names::pascal(name)), physical.clone());
            if queue.consumer.is_some() {
                self.storage_queue(format!("poison{}", names::pascal(name)), names::poison(&physical));
            }
        }
        if !estate.buckets.is_empty() || subscriptions().next().is_some() {
            self.blobs("blobs", "storage");
        }
        if subscriptions().next().is_some() {
            self.container("deadEvents".to_owned(), "blobs", DEAD_EVENTS.into());
        }
        for name in estate.buckets.keys() {
            self.container(format!("bucket{}", names::pascal(name)), "blobs", names::physical(name).into());
        }
        if subscriptions().any(|subscription| subscription.system) {
            self.add(
                "blobEvents",
                "Microsoft.EventGrid/systemTopics@2022-06-15",
                vec![
                    ("name", raw("'${name}-blobs-${suffix}'")),
                    ("location", raw("location")),
                    ("identity", object([("type", "SystemAssigned".into())])),
                    (
                        "properties",
                        object([
                            ("source", raw("storage.id")),
                            ("topicType", "Microsoft.Storage.StorageAccounts".into()),
                        ]),
                    ),
                ],
            );
        }
    }

    /// A storage account that is reached over TLS with an identity alone.
    fn account(&mut self, symbol: &str, name: &str) {
        let properties = object([
            ("minimumTlsVersion", "TLS1_2".into()),
            ("supportsHttpsTrafficOnly", true.into()),
            ("allowBlobPublicAccess", false.into()),
            ("allowSharedKeyAccess", false.into()),
            ("defaultToOAuthAuthentication", true.into()),
            ("allowCrossTenantReplication", false.into()),
        ]);
        self.add(
            symbol,
            ACCOUNT,
            vec![
                ("name", raw(name)),
                ("location", raw("location")),
                ("kind", "StorageV2".into()),
                ("sku", object([("name", "Standard_ZRS".into())])),
                ("properties", properties),
            ],
        );
    }

    fn blobs(&mut self, symbol: &str, account: &str) {
        let kept = object([("enabled", true.into()), ("days", 7_u32.into())]);
        self.add(
            symbol,
            BLOBS,
            vec![
                ("parent", raw(account)),
                ("name", "default".into()),
                ("properties", object([("deleteRetentionPolicy", kept)])),
            ],
        );
    }

    fn container(&mut self, symbol: String, blobs: &str, name: Value) {
        let properties = object([("publicAccess", "None".into())]);
        self.add(symbol, CONTAINER, vec![("parent", raw(blobs)), ("name", name), ("properties", properties)]);
    }

    fn storage_queue(&mut self, symbol: String, name: String) {
        let body = vec![("parent", raw("queues")), ("name", name.into())];
        self.add(symbol, "Microsoft.Storage/storageAccounts/queueServices/queues@2023-05-01", body);
    }

    fn service_bus(&mut self, apps: &[App<'_>]) {
        self.add(
            "serviceBus",
            NAMESPACE,
            vec![
                ("name", raw("'${name}-bus-${suffix}'")),
                ("location", raw("location")),
                ("sku", object([("name", "Standard".into()), ("tier", "Standard".into())])),
                ("properties", object([("disableLocalAuth", true.into()), ("minimumTlsVersion", "1.2".into())])),
            ],
        );
        let estate = self.estate;
        for (name, queue) in estate.queues.iter().filter(|(_, queue)| queue.service_bus) {
            self.add(
                format!("queue{}", names::pascal(name)),
                "Microsoft.ServiceBus/namespaces/queues@2022-10-01-preview",
                vec![
                    ("parent", raw("serviceBus")),
                    ("name", names::physical(name).into()),
                    ("properties", queue_properties(queue)),
                ],
            );
        }
        for name in estate.topics.keys() {
            let symbol = format!("topic{}", names::pascal(name));
            let body = vec![("parent", raw("serviceBus")), ("name", names::physical(name).into())];
            self.add(&symbol, "Microsoft.ServiceBus/namespaces/topics@2022-10-01-preview", body);
            for app in apps {
                let group = &app.group.name;
                let listens = app.group.wirings.iter().any(|wiring| {
                    matches!(&wiring.kind, pikku_manifest::WiringKind::Topic(topic) if topic.source.name() == Some(name))
                });
                if listens {
                    let symbol_of = format!("subscription{}_{}", names::pascal(name), names::symbol(group));
                    self.add(
                        symbol_of,
                        "Microsoft.ServiceBus/namespaces/topics/subscriptions@2022-10-01-preview",
                        vec![
                            ("parent", raw(&symbol)),
                            ("name", group.clone().into()),
                            (
                                "properties",
                                object([
                                    ("maxDeliveryCount", TOPIC_DELIVERIES.into()),
                                    ("deadLetteringOnMessageExpiration", true.into()),
                                ]),
                            ),
                        ],
                    );
                }
            }
        }
    }

    fn streams(&mut self, apps: &[App<'_>]) {
        let estate = self.estate;
        if estate.streams.is_empty() {
            return;
        }
        self.add(
            "eventHubs",
            HUBS,
            vec![
                ("name", raw("'${name}-hubs-${suffix}'")),
                ("location", raw("location")),
                ("sku", object([("name", "Standard".into()), ("tier", "Standard".into())])),
                ("properties", object([("disableLocalAuth", true.into()), ("minimumTlsVersion", "1.2".into())])),
            ],
        );
        for name in estate.streams.keys() {
            let symbol = format!("stream{}", names::pascal(name));
            self.add(
                &symbol,
                "Microsoft.EventHub/namespaces/eventhubs@2024-01-01",
                vec![
                    ("parent", raw("eventHubs")),
                    ("name", names::physical(name).into()),
                    (
                        "properties",
                        object([("partitionCount", PARTITIONS.into()), ("messageRetentionInDays", 1_u32.into())]),
                    ),
                ],
            );
            for app in apps {
                let group = &app.group.name;
                let reads = app.group.wirings.iter().any(|wiring| {
                    matches!(&wiring.kind, pikku_manifest::WiringKind::Stream(stream) if stream.source.name() == Some(name))
                });
                if reads {
                    let reader = format!("reader{}_{}", names::pascal(name), names::symbol(group));
                    let body = vec![("parent", raw(&symbol)), ("name", group.clone().into())];
                    self.add(reader, "Microsoft.EventHub/namespaces/eventhubs/consumergroups@2024-01-01", body);
                }
            }
        }
    }

    /// Topics of Event Grid, which take CloudEvents.
    fn events(&mut self) {
        let estate = self.estate;
        for name in estate.buses.keys() {
            self.add(
                format!("bus{}", names::pascal(name)),
                "Microsoft.EventGrid/topics@2022-06-15",
                vec![
                    ("name", raw(format!("'${{name}}-{}-${{suffix}}'", names::physical(name)))),
                    ("location", raw("location")),
                    ("identity", object([("type", "SystemAssigned".into())])),
                    (
                        "properties",
                        object([
                            ("inputSchema", "CloudEventSchemaV1_0".into()),
                            ("disableLocalAuth", true.into()),
                            ("publicNetworkAccess", "Enabled".into()),
                        ]),
                    ),
                ],
            );
        }
    }

    /// A group's function app and what belongs to it alone.
    fn app(&mut self, app: &App<'_>) {
        let group = &app.group.name;
        let of = names::pascal(group);
        let (host, blobs, packages) = (format!("host{of}"), format!("hostBlobs{of}"), format!("packages{of}"));
        let short: String = group.chars().filter(|c| *c != '-').take(11).collect();
        self.account(&host, &format!("'{short}${{uniqueString(resourceGroup().id, name, '{group}')}}'"));
        self.blobs(&blobs, &host);
        self.container(packages.clone(), &blobs, PACKAGES.into());
        self.add(
            format!("plan{of}"),
            "Microsoft.Web/serverfarms@2024-04-01",
            vec![
                ("name", raw(format!("'${{name}}-{group}-plan-${{suffix}}'"))),
                ("location", raw("location")),
                ("kind", "functionapp".into()),
                ("sku", object([("name", "FC1".into()), ("tier", "FlexConsumption".into())])),
                ("properties", object([("reserved", true.into())])),
            ],
        );
        let mut settings = vec![
            setting("AzureWebJobsStorage__accountName", raw(format!("{host}.name"))),
            setting("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "Authorization=AAD".into()),
            setting("APPLICATIONINSIGHTS_CONNECTION_STRING", raw("insights.properties.ConnectionString")),
        ];
        settings.extend(app.settings.iter().map(|(name, value)| setting(name, value.clone())));
        let package = format!("'${{{host}.properties.primaryEndpoints.blob}}${{{packages}.name}}'");
        let storage = object([
            ("type", "blobContainer".into()),
            ("value", raw(package)),
            ("authentication", object([("type", "SystemAssignedIdentity".into())])),
        ]);
        let scale = object([
            ("maximumInstanceCount", self.options.max_instances(group).into()),
            ("instanceMemoryMB", self.options.memory_mb(group).into()),
        ]);
        let config = object([
            ("deployment", object([("storage", storage)])),
            ("scaleAndConcurrency", scale),
            ("runtime", object([("name", "custom".into()), ("version", "1.0".into())])),
        ]);
        let site = object([
            ("minTlsVersion", "1.2".into()),
            ("ftpsState", "Disabled".into()),
            ("http20Enabled", true.into()),
            ("appSettings", Value::List(settings)),
        ]);
        let properties = object([
            ("serverFarmId", raw(format!("plan{of}.id"))),
            ("httpsOnly", true.into()),
            ("functionAppConfig", config),
            ("siteConfig", site),
        ]);
        self.add(
            format!("app{of}"),
            "Microsoft.Web/sites@2024-04-01",
            vec![
                ("name", raw(format!("'${{name}}-{group}-${{suffix}}'"))),
                ("location", raw("location")),
                ("kind", "functionapp,linux".into()),
                ("identity", object([("type", "SystemAssigned".into())])),
                ("properties", properties),
            ],
        );
        let own = [
            Grant::own("keepsState", "", grant::KEEP_STATE, host),
            Grant::built_in("reports", "", grant::METRICS_PUBLISHER, "insights".to_owned()),
        ];
        for grant in own.iter().chain(&app.grants) {
            self.document.resource(grant.resource(&names::symbol(group), &format!("app{of}")));
        }
        for subscription in &app.subscriptions {
            self.subscription(group, subscription);
        }
        let symbol = names::symbol(group);
        self.document.output(
            format!("{symbol}App"),
            format!("The function app of the group {group}."),
            raw(format!("app{of}.name")),
        );
        let has_http = app.functions.iter().any(|function| function.name == names::HTTP);
        if has_http {
            let address = format!("'https://${{app{of}.properties.defaultHostName}}'");
            self.document.output(
                format!("{symbol}Url"),
                format!("Where the routes of the group {group} are."),
                raw(address),
            );
        }
    }

    fn subscription(&mut self, group: &str, subscription: &Subscription) {
        let Subscription { function, topic, system, filter } = subscription;
        let kind = if *system {
            "Microsoft.EventGrid/systemTopics/eventSubscriptions@2022-06-15"
        } else {
            "Microsoft.EventGrid/topics/eventSubscriptions@2022-06-15"
        };
        let endpoint = raw(format!("'${{app{}.id}}/functions/{function}'", names::pascal(group)));
        let destination = object([
            ("endpointType", "AzureFunction".into()),
            (
                "properties",
                object([
                    ("resourceId", endpoint),
                    ("maxEventsPerBatch", 1_u32.into()),
                    ("preferredBatchSizeInKilobytes", 64_u32.into()),
                ]),
            ),
        ]);
        let retry = object([
            ("maxDeliveryAttempts", EVENT_ATTEMPTS.into()),
            ("eventTimeToLiveInMinutes", EVENT_MINUTES.into()),
        ]);
        let symbol = format!("{}_on{}", names::symbol(group), names::pascal(function));
        let name: String = format!("{group}-{}", names::physical(function)).chars().take(64).collect();
        let body = vec![
            ("parent", raw(topic)),
            ("name", name.into()),
            (
                "properties",
                object([
                    ("destination", destination),
                    ("filter", filter.clone()),
                    ("eventDeliverySchema", "CloudEventSchemaV1_0".into()),
                    ("retryPolicy", retry),
                    ("deadLetterWithResourceIdentity", dead_letters()),
                ]),
            ),
        ];
        self.document.resource(Resource::new(symbol, kind, body).when("events"));
    }
}

/// Where events go that could not be delivered, written there by the topic's own identity.
fn dead_letters() -> Value {
    let place = object([("resourceId", raw("storage.id")), ("blobContainerName", DEAD_EVENTS.into())]);
    object([
        ("identity", object([("type", "SystemAssigned".into())])),
        ("deadLetterDestination", object([("endpointType", "StorageBlob".into()), ("properties", place)])),
    ])
}

fn setting(name: &str, value: Value) -> Value {
    object([("name", name.into()), ("value", value)])
}

/// A queue of Service Bus. What failed too often goes to its dead-letter queue, which each has.
fn queue_properties(queue: &QueueOf<'_>) -> Value {
    let consumer = queue.consumer;
    let deliveries = consumer.map_or(TOPIC_DELIVERIES, |queue| queue.retries.saturating_add(1));
    let lock_s = consumer.and_then(|queue| queue.visibility_timeout_s).unwrap_or(60).clamp(5, 300);
    let mut properties = vec![
        ("maxDeliveryCount", Value::from(deliveries)),
        ("lockDuration", format!("PT{lock_s}S").into()),
        ("deadLetteringOnMessageExpiration", true.into()),
    ];
    if consumer.is_some_and(|queue| queue.fifo) {
        properties.push(("requiresSession", true.into()));
        properties.push(("requiresDuplicateDetection", true.into()));
        properties.push(("duplicateDetectionHistoryTimeWindow", "PT5M".into()));
    }
    object(properties)
}

/// What is to be run once, and after it what publishes each group.
pub(crate) fn setup(apps: &[App<'_>], options: &Options<'_>) -> Vec<String> {
    let group = names::physical(&options.app);
    let create = format!("az deployment group create --resource-group {group} --template-file main.bicep");
    let mut setup = vec![create.clone()];
    for app in apps {
        let (zip, name) = (format!("{}.zip", app.group.name), names::symbol(&app.group.name));
        let shown =
            format!("$(az deployment group show -g {group} -n main --query properties.outputs.{name}App.value -o tsv)");
        setup.push(format!("az functionapp deployment source config-zip -g {group} --src {zip} -n {shown}"));
    }
    if apps.iter().any(|app| !app.subscriptions.is_empty()) {
        setup.push(format!("{create} --parameters events=true"));
    }
    setup
}
