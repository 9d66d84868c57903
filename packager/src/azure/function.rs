//! `function.json`: what calls a function, one folder each, and what the host is told of all of them, `host.json`.

use serde::Serialize;
use std::collections::BTreeMap;

/// The app settings that hold where each kind of source is, by the names that bindings give them.
pub(crate) const QUEUES: &str = "Queues";
pub(crate) const SERVICE_BUS: &str = "ServiceBus";
pub(crate) const EVENT_HUBS: &str = "EventHubs";

/// The program that the host starts, beside `host.json`.
pub(crate) const PROGRAM: &str = "handler";

/// A function as the host knows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Function {
    #[serde(skip)]
    pub(crate) name: String,
    pub(crate) bindings: Vec<Binding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry: Option<Retry>,
}

/// Where a function's calls come from, or its answers go to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Binding {
    name: &'static str,
    direction: &'static str,
    #[serde(flatten)]
    pub(crate) kind: BindingKind,
}

/// The kinds of bindings that are used, as `type` names them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum BindingKind {
    HttpTrigger {
        auth_level: &'static str,
        route: &'static str,
    },
    /// The answer to an HTTP request.
    Http,
    QueueTrigger {
        queue_name: String,
        connection: &'static str,
    },
    ServiceBusTrigger {
        #[serde(skip_serializing_if = "Option::is_none")]
        queue_name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        topic_name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription_name: Option<String>,
        connection: &'static str,
        is_sessions_enabled: bool,
    },
    TimerTrigger {
        schedule: String,
        run_on_startup: bool,
        use_monitor: bool,
    },
    EventGridTrigger,
    EventHubTrigger {
        event_hub_name: String,
        consumer_group: String,
        connection: &'static str,
        cardinality: &'static str,
    },
}

/// How a failed call is tried again by the host itself, for the triggers that have no memory of failures.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Retry {
    pub(crate) strategy: &'static str,
    pub(crate) max_retry_count: u32,
    pub(crate) delay_interval: String,
}

impl Function {
    /// The function of all HTTP requests. The host hands over what comes as it is, methods that it does not know among it where
    /// none are named; the bundle's router decides.
    pub(crate) fn http() -> Self {
        let trigger = BindingKind::HttpTrigger { auth_level: "anonymous", route: "{*path}" };
        let bindings = vec![
            Binding { name: "req", direction: "in", kind: trigger },
            Binding { name: "res", direction: "out", kind: BindingKind::Http },
        ];
        Self { name: super::names::HTTP.to_owned(), bindings, retry: None }
    }

    /// A function with one trigger.
    pub(crate) fn new(name: String, trigger: BindingKind) -> Self {
        let binding = match trigger {
            BindingKind::QueueTrigger { .. } | BindingKind::ServiceBusTrigger { .. } => "message",
            BindingKind::TimerTrigger { .. } => "timer",
            BindingKind::EventHubTrigger { .. } => "events",
            _ => "event",
        };
        Self { name, bindings: vec![Binding { name: binding, direction: "in", kind: trigger }], retry: None }
    }

    /// What calls it.
    pub(crate) fn trigger(&self) -> Option<&BindingKind> {
        self.bindings.first().map(|binding| &binding.kind)
    }
}

impl BindingKind {
    /// Whether the host has it in itself, and not in the bundle of extensions.
    fn is_built_in(&self) -> bool {
        matches!(self, Self::HttpTrigger { .. } | Self::Http | Self::TimerTrigger { .. })
    }
}

/// `host.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Host {
    version: &'static str,
    function_timeout: String,
    custom_handler: CustomHandler,
    #[serde(skip_serializing_if = "Option::is_none")]
    extension_bundle: Option<ExtensionBundle>,
    extensions: Extensions,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct CustomHandler {
    description: Description,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    enable_proxying_http_request: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    default_executable_path: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ExtensionBundle {
    id: &'static str,
    version: &'static str,
}

/// What holds for all functions of a kind in a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Extensions {
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queues: Option<Queues>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_bus: Option<ServiceBus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_hubs: Option<EventHubs>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    route_prefix: &'static str,
}

/// Of the storage queues.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Queues {
    /// How often a message is handed over in all.
    pub(crate) max_dequeue_count: u32,
    /// How long a failed message waits.
    pub(crate) visibility_timeout: String,
    /// How many messages are fetched at once, each for a call of its own beside the others.
    pub(crate) batch_size: u32,
    /// At how many left of them more are fetched.
    pub(crate) new_batch_threshold: u32,
    pub(crate) message_encoding: &'static str,
}

/// Of Service Bus.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceBus {
    pub(crate) auto_complete_messages: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_concurrent_calls: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_concurrent_sessions: Option<u32>,
}

/// Of Event Hubs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventHubs {
    pub(crate) max_event_batch_size: u32,
    pub(crate) initial_offset_options: InitialOffset,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct InitialOffset {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

impl Host {
    /// The host of these functions. HTTP requests are proxied, where there are any: they arrive as they were sent, and their
    /// answers stream.
    pub(crate) fn new(functions: &[Function], timeout_s: u32, mut extensions: Extensions) -> Self {
        let triggers = || functions.iter().filter_map(Function::trigger);
        let has_http = triggers().any(|trigger| matches!(trigger, BindingKind::HttpTrigger { .. }));
        extensions.http = has_http.then_some(Http { route_prefix: "" });
        let bundle = ExtensionBundle { id: "Microsoft.Azure.Functions.ExtensionBundle", version: "[4.*, 5.0.0)" };
        Self {
            version: "2.0",
            function_timeout: span(timeout_s),
            custom_handler: CustomHandler {
                description: Description { default_executable_path: PROGRAM },
                enable_proxying_http_request: has_http,
            },
            extension_bundle: (!triggers().all(BindingKind::is_built_in)).then_some(bundle),
            extensions,
        }
    }
}

/// `local.settings.json`: an example of the settings for Azure Functions Core Tools.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LocalSettings {
    pub(crate) is_encrypted: bool,
    pub(crate) values: BTreeMap<String, String>,
}

/// Seconds as .NET writes a time span.
pub(crate) fn span(seconds: u32) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let days = if days == 0 { String::new() } else { format!("{days}.") };
    format!("{days}{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn spans_are_those_of_net() {
        assert_eq!((span(0), span(95), span(90_061)), ("00:00:00".into(), "00:01:35".into(), "1.01:01:01".into()));
    }
}
