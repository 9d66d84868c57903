//! What the host is told, as far as the handler must know it too.

use crate::time::span_ms;
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};

/// How long a function may take where `host.json` does not say: 30 minutes, the host's own default outside of the
/// Consumption plan (`DefaultFunctionTimeout` of the host's `ScriptJobHostOptionsSetup`).
const FUNCTION_TIMEOUT_MS: u64 = 30 * 60 * 1000;

/// The longest that a client waits for an HTTP function: the load balancer gives up after 230 seconds ("Azure Functions
/// scale and hosting", function app timeout duration).
pub(crate) const HTTP_TIMEOUT: Duration = Duration::from_secs(230);

/// How often a message of a storage queue is tried where `host.json` does not say.
const DEQUEUE_COUNT: u32 = 5;

/// What of the host's settings concerns a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// How long an invocation may take.
    function_timeout_ms: u64,
    /// How often a message of a storage queue is tried before it is moved to the poison queue.
    pub(crate) max_dequeue_count: u32,
    /// What the host puts before every route, without slashes around it.
    pub(crate) route_prefix: Option<String>,
    /// Whether the platform's authentication sets and guards `x-ms-client-principal`.
    pub(crate) authenticates: bool,
    /// Whether the platform's front end adds the client's address to `X-Forwarded-For`.
    pub(crate) fronted: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct HostJson {
    function_timeout: Option<String>,
    extensions: Extensions,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Extensions {
    queues: Queues,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Queues {
    max_dequeue_count: Option<u32>,
}

impl Host {
    /// Reads the environment, and `host.json` in the app's folder.
    pub(crate) fn of_environment() -> Self {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let folder = env("FUNCTIONS_APP_ROOT_PATH").map(PathBuf::from).unwrap_or_default();
        // The host has read it before; a bundle that is tried without one has the defaults.
        let json = std::fs::read(folder.join("host.json")).unwrap_or_default();
        Self::read(&json, &env)
    }

    pub(crate) fn read(json: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Self {
        let json: HostJson = serde_json::from_slice(json).unwrap_or_default();
        // App settings of these names go before what `host.json` says.
        let timeout = env("AzureFunctionsJobHost__functionTimeout").or(json.function_timeout);
        let count =
            env("AzureFunctionsJobHost__extensions__queues__maxDequeueCount").and_then(|count| count.parse().ok());
        let prefix = env("AzureFunctionsJobHost__extensions__http__routePrefix");
        let prefix = prefix.map(|prefix| prefix.trim_matches('/').to_owned()).filter(|prefix| !prefix.is_empty());
        // `WEBSITE_INSTANCE_ID` and `CONTAINER_NAME` are what the host itself tells Azure by (`EnvironmentExtensions`).
        let fronted =
            ["WEBSITE_INSTANCE_ID", "CONTAINER_NAME", "WEBSITE_POD_NAME"].iter().any(|name| env(name).is_some());
        Self {
            function_timeout_ms: timeout.as_deref().and_then(span_ms).unwrap_or(FUNCTION_TIMEOUT_MS),
            max_dequeue_count: count.or(json.extensions.queues.max_dequeue_count).unwrap_or(DEQUEUE_COUNT),
            route_prefix: prefix,
            authenticates: env("WEBSITE_AUTH_ENABLED").is_some_and(|on| on.eq_ignore_ascii_case("true")),
            fronted,
        }
    }

    /// When the runtime gives up an invocation that begins now, a little before the host does: a twentieth of the time, 20
    /// to 500 ms.
    pub(crate) fn deadline_ms(&self, now_ms: u64, http: bool) -> u64 {
        let most = if http { HTTP_TIMEOUT.as_millis() as u64 } else { u64::MAX };
        let time = self.function_timeout_ms.min(most);
        now_ms.saturating_add(time - (time / 20).clamp(20, 500).min(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(json: &str, variables: &[(&str, &str)]) -> Host {
        let env = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Host::read(json.as_bytes(), &env)
    }

    #[test]
    fn settings_go_before_host_json_and_that_before_the_defaults() {
        let json = r#"{"version":"2.0","functionTimeout":"00:00:10","extensions":{"queues":{"maxDequeueCount":2}}}"#;
        let none = host("", &[]);
        assert_eq!((none.function_timeout_ms, none.max_dequeue_count), (1_800_000, 5));
        assert_eq!(none, host("{broken", &[]));
        let said = host(json, &[]);
        assert_eq!((said.function_timeout_ms, said.max_dequeue_count), (10_000, 2));
        let set = host(
            json,
            &[
                ("AzureFunctionsJobHost__functionTimeout", "00:00:01"),
                ("AzureFunctionsJobHost__extensions__http__routePrefix", "/api/"),
                ("WEBSITE_AUTH_ENABLED", "True"),
                ("CONTAINER_NAME", "c"),
            ],
        );
        assert_eq!((set.function_timeout_ms, set.route_prefix.as_deref()), (1000, Some("api")));
        assert!(set.authenticates && set.fronted && !said.authenticates && !said.fronted);
    }

    #[test]
    fn the_runtime_gives_up_before_the_host_does() {
        let host = host(r#"{"functionTimeout":"00:00:10"}"#, &[]);
        assert_eq!(host.deadline_ms(1000, false), 1000 + 10_000 - 500);
        assert_eq!(self::host("", &[]).deadline_ms(0, true), 230_000 - 500);
    }
}
