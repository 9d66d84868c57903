//! What the author of an app chooses about its Workers, from `[package.metadata.pikku.cloudflare]`.

use crate::{error::Finding, project::CloudflareSettings};

/// The behaviour of workerd that bundles are tested with, where the app names no date.
pub(crate) const COMPATIBILITY_DATE: &str = "2026-04-01";

/// How long one call may take where the app does not say, in milliseconds.
const TIMEOUT_MS: u32 = 30_000;

/// The longest that a call may take: the wall clock of a queue's consumer, which is the longest of all.
const LONGEST_TIMEOUT_MS: u32 = 15 * 60 * 1000;

/// The most processor time that Cloudflare lets a call have.
const MOST_CPU_MS: u32 = 300_000;

/// The choices that configurations are rendered with.
#[derive(Debug)]
pub(crate) struct Options<'s> {
    /// The app's name: the package's, or the one of the settings.
    pub(crate) app: String,
    pub(crate) settings: &'s CloudflareSettings,
    /// The logical names of the databases that have migrations, as `migrations` has folders of them.
    pub(crate) migrated: Vec<String>,
}

impl<'s> Options<'s> {
    pub(crate) fn new(package: &str, settings: &'s CloudflareSettings, migrated: Vec<String>) -> Self {
        Self { app: settings.name.clone().unwrap_or_else(|| package.to_owned()), settings, migrated }
    }

    /// How long a call of a group may take, in milliseconds.
    pub(crate) fn timeout_ms(&self, group: &str) -> u32 {
        let own = self.settings.groups.get(group).and_then(|group| group.timeout_ms);
        own.or(self.settings.timeout_ms).unwrap_or(TIMEOUT_MS)
    }

    /// The most processor time of a call of a group, in milliseconds; the account's own limit where it is absent.
    pub(crate) fn cpu_ms(&self, group: &str) -> Option<u32> {
        self.settings.groups.get(group).and_then(|group| group.cpu_ms).or(self.settings.cpu_ms)
    }

    pub(crate) fn compatibility_date(&self) -> String {
        self.settings.compatibility_date.clone().unwrap_or_else(|| COMPATIBILITY_DATE.to_owned())
    }

    /// The host name of the app's routes and its zone, if it has one.
    pub(crate) fn host(&self) -> Option<(&str, &str)> {
        let zone = self.settings.zone.as_deref()?;
        Some((self.settings.host.as_deref().unwrap_or(zone), zone))
    }

    /// The settings that Cloudflare does not take.
    pub(crate) fn check(&self, groups: &[&str], findings: &mut Vec<Finding>) {
        let mut refuse = |message: String, fix: &str| findings.push(Finding::new("PK0409", None, message, fix));
        let settings = self.settings;
        for group in settings.groups.keys().filter(|group| !groups.contains(&group.as_str())) {
            refuse(format!("the settings name a group `{group}`, which the app does not have"), "remove its table");
        }
        let timeouts = settings.groups.values().map(|group| group.timeout_ms).chain([settings.timeout_ms]);
        for timeout in timeouts.flatten().filter(|ms| !(1..=LONGEST_TIMEOUT_MS).contains(ms)) {
            let fix = format!("set it to 1 to {LONGEST_TIMEOUT_MS}");
            refuse(format!("`timeout_ms` is {timeout}"), &fix);
        }
        let limits = settings.groups.values().map(|group| group.cpu_ms).chain([settings.cpu_ms]);
        for limit in limits.flatten().filter(|ms| !(1..=MOST_CPU_MS).contains(ms)) {
            refuse(format!("`cpu_ms` is {limit}"), &format!("set it to 1 to {MOST_CPU_MS}"));
        }
        if let Some(date) = settings.compatibility_date.as_deref().filter(|date| !is_date(date)) {
            refuse(format!("`compatibility_date` is `{date}`"), "write a date such as `2026-04-01`");
        }
        if let (Some(host), None) = (&settings.host, &settings.zone) {
            refuse(format!("`host` is `{host}`, but no `zone` is set"), "name the zone that the host is in");
        }
        if let Some((host, zone)) = self.host() {
            let inside = host == zone || host.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'));
            if !inside || !zone.contains('.') || host.contains(['/', '*', ':']) {
                refuse(
                    format!("the host `{host}` is not one of the zone `{zone}`"),
                    "write host names alone, such as `zone = \"example.com\"` and `host = \"api.example.com\"`",
                );
            }
        }
    }
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-').map(|part| (part.len(), part.parse::<u32>()));
    matches!(
        (parts.next(), parts.next(), parts.next(), parts.next()),
        (Some((4, Ok(_))), Some((2, Ok(1..=12))), Some((2, Ok(1..=31))), None)
    )
}
