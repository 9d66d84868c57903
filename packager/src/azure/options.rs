//! What the author of an app chooses about its function apps, from `[package.metadata.pikku.azure]`.

use crate::{
    error::Finding,
    project::{AzureSettings, FunctionAppSettings},
};
use pikku_manifest::{Manifest, Need, Queue, WiringKind};

/// How long one call may take where the app does not say.
const TIMEOUT_S: u32 = 30;

/// The longest that an HTTP client waits: Azure's load balancer gives up then ("Azure Functions scale and hosting").
pub(crate) const HTTP_TIMEOUT_S: u32 = 230;

/// The longest time that is taken here; the plan itself has no limit.
const LONGEST_TIMEOUT_S: u32 = 24 * 60 * 60;

/// The sizes of an instance ("Azure Functions Flex Consumption plan", instance sizes); the first is the default.
const MEMORY_MB: [u32; 3] = [512, 2048, 4096];

/// The most instances of a function app on the plan, and how many there are where the app does not say.
const MOST_INSTANCES: u32 = 1000;
const INSTANCES: u32 = 100;

/// How many days logs are kept where the app does not say, and the days that a workspace takes.
const RETENTION_DAYS: u32 = 30;
const LONGEST_RETENTION_DAYS: u32 = 730;

/// The choices that deployment files are rendered with.
#[derive(Debug)]
pub(crate) struct Options<'s> {
    /// The app's name: the package's, or the one of the settings.
    pub(crate) app: String,
    pub(crate) settings: &'s AzureSettings,
}

impl<'s> Options<'s> {
    pub(crate) fn new(package: &str, settings: &'s AzureSettings) -> Self {
        Self { app: settings.name.clone().unwrap_or_else(|| package.to_owned()), settings }
    }

    fn of<T>(&self, group: &str, own: fn(&FunctionAppSettings) -> Option<T>, shared: Option<T>, default: T) -> T {
        self.settings.groups.get(group).and_then(own).or(shared).unwrap_or(default)
    }

    /// How long a call of a group may take, in seconds.
    pub(crate) fn timeout_s(&self, group: &str) -> u32 {
        self.of(group, |group| group.timeout_s, self.settings.timeout_s, TIMEOUT_S)
    }

    pub(crate) fn memory_mb(&self, group: &str) -> u32 {
        self.of(group, |group| group.memory_mb, self.settings.memory_mb, MEMORY_MB[0])
    }

    pub(crate) fn max_instances(&self, group: &str) -> u32 {
        self.of(group, |group| group.max_instances, self.settings.max_instances, INSTANCES)
    }

    pub(crate) fn log_retention_days(&self) -> u32 {
        self.settings.log_retention_days.unwrap_or(RETENTION_DAYS)
    }

    /// Whether a queue is one of Service Bus; a storage queue does not keep the order of its messages.
    pub(crate) fn is_service_bus(&self, name: &str, consumer: Option<&Queue>) -> bool {
        consumer.is_some_and(|queue| queue.fifo) || self.settings.service_bus.iter().any(|known| known == name)
    }

    /// The settings that Azure does not take.
    pub(crate) fn check(&self, manifest: &Manifest, findings: &mut Vec<Finding>) {
        let mut refuse = |message: String, fix: &str| findings.push(Finding::new("PK0509", None, message, fix));
        let settings = self.settings;
        for group in settings.groups.keys().filter(|group| manifest.group(group).is_none()) {
            refuse(format!("the settings name a group `{group}`, which the app does not have"), "remove its table");
        }
        for queue in settings.service_bus.iter().filter(|queue| !has_queue(manifest, queue)) {
            refuse(
                format!("the settings name a queue `{queue}` of Service Bus, which the app does not have"),
                "remove it from `service_bus`",
            );
        }
        let of_groups = |own: fn(&FunctionAppSettings) -> Option<u32>, shared: Option<u32>| {
            settings.groups.values().map(own).chain([shared]).flatten().collect::<Vec<u32>>()
        };
        for seconds in of_groups(|group| group.timeout_s, settings.timeout_s) {
            if !(1..=LONGEST_TIMEOUT_S).contains(&seconds) {
                refuse(format!("`timeout_s` is {seconds}"), &format!("set it to 1 to {LONGEST_TIMEOUT_S}"));
            }
        }
        for memory in of_groups(|group| group.memory_mb, settings.memory_mb) {
            if !MEMORY_MB.contains(&memory) {
                let sizes = MEMORY_MB.map(|size| size.to_string()).join(", ");
                refuse(format!("`memory_mb` is {memory}"), &format!("set it to one of {sizes}"));
            }
        }
        for instances in of_groups(|group| group.max_instances, settings.max_instances) {
            if !(1..=MOST_INSTANCES).contains(&instances) {
                refuse(format!("`max_instances` is {instances}"), &format!("set it to 1 to {MOST_INSTANCES}"));
            }
        }
        let days = self.log_retention_days();
        if !(RETENTION_DAYS..=LONGEST_RETENTION_DAYS).contains(&days) {
            let allowed = format!("set it to {RETENTION_DAYS} to {LONGEST_RETENTION_DAYS}");
            refuse(format!("`log_retention_days` is {days}"), &allowed);
        }
        let name = self.app.as_str();
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 20 || !name.chars().all(word) {
            refuse(
                format!("the app's name in Azure would be `{name}`"),
                "set `name` to at most 20 letters, digits and hyphens",
            );
        }
    }
}

/// Whether some function takes messages of a queue, or some service sends to it.
fn has_queue(manifest: &Manifest, name: &str) -> bool {
    let mut wirings = manifest.groups.iter().flat_map(|group| &group.wirings);
    let mut needs = manifest.services.iter().flat_map(|service| &service.needs);
    wirings.any(|wiring| matches!(&wiring.kind, WiringKind::Queue(queue) if queue.source.name() == Some(name)))
        || needs.any(|need| matches!(need, Need::SendToQueue(queue) if queue == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: serde_json::Value) -> AzureSettings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_groups_own_setting_goes_before_the_apps() {
        let settings = settings(json!({"timeout_s": 60, "memory_mb": 2048, "groups": {"reports": {"timeout_s": 900}}}));
        let options = Options::new("shop", &settings);
        assert_eq!((options.timeout_s("reports"), options.timeout_s("orders")), (900, 60));
        assert_eq!((options.memory_mb("orders"), options.max_instances("orders")), (2048, 100));
        assert_eq!(options.app, "shop");
    }

    #[test]
    fn what_azure_does_not_take_is_named() {
        let settings = settings(json!({
            "name": "a shop", "timeout_s": 0, "memory_mb": 256, "max_instances": 5000, "log_retention_days": 7,
            "service_bus": ["mail", "gone"], "groups": {"none": {}},
        }));
        let mut findings = Vec::new();
        let manifest: Manifest = serde_json::from_value(json!({
            "manifest_version": 1, "groups": [], "functions": [],
            "services": [{"name": "Mail", "type_name": "shop::Mail", "lifetime": "singleton", "depends_on": [],
                          "needs": [{"action": "send_to_queue", "name": "mail"}], "closes": false}],
        }))
        .unwrap();
        Options::new("shop", &settings).check(&manifest, &mut findings);
        let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "the settings name a group `none`, which the app does not have",
                "the settings name a queue `gone` of Service Bus, which the app does not have",
                "`timeout_s` is 0",
                "`memory_mb` is 256",
                "`max_instances` is 5000",
                "`log_retention_days` is 7",
                "the app's name in Azure would be `a shop`",
            ]
        );
        assert!(findings.iter().all(|finding| finding.code == "PK0509"));
    }
}
