//! `host.json` and `local.settings.json`.

use crate::StartError;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// What the host is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostConfig {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) working_directory: PathBuf,
    pub(crate) proxies: bool,
    pub(crate) forwards: bool,
    pub(crate) function_timeout: Option<Duration>,
    pub(crate) route_prefix: String,
    pub(crate) max_dequeue_count: u32,
    /// Whether messages of storage queues are base64.
    pub(crate) base64_messages: bool,
    pub(crate) extension_bundle: bool,
}

impl HostConfig {
    /// Reads `host.json` in the bundle's folder. Settings named `AzureFunctionsJobHost__…` go before what it says.
    pub(crate) fn read(root: &Path, settings: &BTreeMap<String, String>) -> Result<Self, StartError> {
        let path = root.join("host.json");
        let failed = |reason: String| StartError::Settings { path: path.clone(), reason };
        let text = std::fs::read(&path).map_err(|source| StartError::Bundle { path: path.clone(), source })?;
        let json: Value = serde_json::from_slice(&text).map_err(|error| failed(format!("it is not JSON: {error}")))?;
        Self::of(root, &json, settings).map_err(failed)
    }

    fn of(root: &Path, json: &Value, settings: &BTreeMap<String, String>) -> Result<Self, String> {
        // `HostJsonFileConfigurationSource` of the host.
        match json.get("version").and_then(Value::as_str) {
            Some("2.0") => {}
            Some(other) => return Err(format!("its version is `{other}`, and the host takes `2.0`")),
            None => return Err("The host.json file is missing the required 'version' property.".to_owned()),
        }
        let setting = |path: &str| {
            let name = format!("AzureFunctionsJobHost__{}", path.trim_start_matches('/').replace('/', "__"));
            settings.get(&name).cloned().map(Value::String).or_else(|| json.pointer(path).cloned())
        };
        let text = |path: &str| setting(path).and_then(|value| value.as_str().map(str::to_owned));
        // A setting is a text also where `host.json` has another value.
        let flag = |path: &str| {
            setting(path).is_some_and(|value| {
                value == true || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
            })
        };
        let number = |path: &str| {
            let value = setting(path)?;
            value.as_u64().or_else(|| value.as_str()?.parse().ok()).and_then(|number| u32::try_from(number).ok())
        };
        let handler = json
            .get("customHandler")
            .ok_or("it has no `customHandler`, without which FUNCTIONS_WORKER_RUNTIME `custom` starts nothing")?;
        // `ConfigureWorkerDescription` of the host's `HttpWorkerOptionsSetup`.
        let description =
            handler.get("description").filter(|value| value.is_object()).ok_or("Missing worker Description.")?;
        // `ApplyDefaultsAndValidate` of the host's `HttpWorkerDescription`.
        let program = text("/customHandler/description/defaultExecutablePath").unwrap_or_default();
        if program.is_empty() {
            return Err("WorkerDescription DefaultExecutablePath cannot be empty".to_owned());
        }
        let below = |path: &str| root.join(path);
        let program = if below(&program).is_file() { below(&program) } else { PathBuf::from(program) };
        let arguments = description.get("arguments").and_then(Value::as_array);
        let arguments =
            arguments.into_iter().flatten().filter_map(Value::as_str).map(|argument| expand(argument, settings));
        let working_directory = text("/customHandler/description/workingDirectory").filter(|path| !path.is_empty());
        let encoding = text("/extensions/queues/messageEncoding").unwrap_or_else(|| "base64".to_owned());
        if !["base64", "none"].contains(&encoding.to_ascii_lowercase().as_str()) {
            return Err(format!("`extensions.queues.messageEncoding` is `{encoding}`"));
        }
        Ok(Self {
            program,
            arguments: arguments.collect(),
            working_directory: working_directory.map_or_else(|| root.to_owned(), |path| below(&path)),
            proxies: flag("/customHandler/enableProxyingHttpRequest"),
            forwards: flag("/customHandler/enableForwardingHttpRequest"),
            function_timeout: timeout(text("/functionTimeout"))?,
            route_prefix: text("/extensions/http/routePrefix").unwrap_or_else(|| "api".to_owned()),
            max_dequeue_count: number("/extensions/queues/maxDequeueCount").unwrap_or(5).max(1),
            base64_messages: encoding.eq_ignore_ascii_case("base64"),
            extension_bundle: json.pointer("/extensionBundle/id").is_some_and(Value::is_string)
                && json.pointer("/extensionBundle/version").is_some_and(Value::is_string),
        })
    }
}

/// Settings in an argument, `%NAME%`; one that is not known stays (`ExpandEnvironmentVariables` of the host's
/// `WorkerDescription`).
fn expand(argument: &str, settings: &BTreeMap<String, String>) -> String {
    match argument.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')).and_then(|name| settings.get(name)) {
        Some(value) => value.clone(),
        None => argument.to_owned(),
    }
}

/// `functionTimeout`: a time span of at least a second, or `-1` for none; 30 minutes by default outside of the Consumption
/// plan (`ScriptJobHostOptionsSetup` of the host).
fn timeout(text: Option<String>) -> Result<Option<Duration>, String> {
    let Some(text) = text else { return Ok(Some(Duration::from_secs(30 * 60))) };
    if text == "-1" {
        return Ok(None);
    }
    let parts: Vec<&str> = text.splitn(3, ':').collect();
    let [first, minutes, seconds] = parts[..] else {
        return Err(format!("`functionTimeout` is `{text}`, which is no time span"));
    };
    let (days, hours) = first.split_once('.').unwrap_or(("0", first));
    let read = |text: &str| text.parse::<f64>().ok().filter(|number| (0.0..10_000.0).contains(number));
    let seconds = match (read(days), read(hours), read(minutes), read(seconds)) {
        (Some(days), Some(hours), Some(minutes), Some(seconds)) => {
            ((days * 24.0 + hours) * 60.0 + minutes) * 60.0 + seconds
        }
        _ => return Err(format!("`functionTimeout` is `{text}`, which is no time span")),
    };
    if seconds < 1.0 {
        return Err("FunctionTimeout must be greater than 00:00:01".to_owned());
    }
    Ok(Some(Duration::from_secs_f64(seconds)))
}

/// The settings that `func start` hands on: `Values` of `local.settings.json`, where there is one.
pub(crate) fn local_settings(root: &Path) -> Result<BTreeMap<String, String>, StartError> {
    let path = root.join("local.settings.json");
    let failed = |reason: String| StartError::Settings { path: path.clone(), reason };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(StartError::Bundle { path, source }),
    };
    let json: Value = serde_json::from_slice(&text).map_err(|error| failed(format!("it is not JSON: {error}")))?;
    let none = Map::new();
    let values = json.get("Values").and_then(Value::as_object).unwrap_or(&none);
    let read = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Ok((name.clone(), text.clone())),
        // Core Tools take a number or a flag as its text, and nothing deeper.
        Value::Number(_) | Value::Bool(_) => Ok((name.clone(), value.to_string())),
        _ => Err(failed(format!("the value of `{name}` is no text"))),
    };
    values.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(json: &Value, settings: &[(&str, &str)]) -> Result<HostConfig, String> {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        HostConfig::of(Path::new("/bundle"), json, &settings)
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        let json = json!({"version": "2.0", "customHandler": {"description": {"defaultExecutablePath": "handler", "arguments": ["%A%", "b"]}}});
        let config = read(&json, &[("A", "a")]).unwrap();
        assert_eq!((config.route_prefix.as_str(), config.max_dequeue_count, config.base64_messages), ("api", 5, true));
        assert_eq!(config.arguments, ["a", "b"]);
        assert!(!config.proxies && !config.forwards && !config.extension_bundle);
        let set = [
            ("AzureFunctionsJobHost__extensions__http__routePrefix", ""),
            ("AzureFunctionsJobHost__functionTimeout", "00:00:02"),
        ];
        let config = read(&json, &set).unwrap();
        assert_eq!((config.route_prefix.as_str(), config.function_timeout), ("", Some(Duration::from_secs(2))));
    }

    #[test]
    fn what_the_host_refuses_is_refused() {
        let handler = json!({"description": {"defaultExecutablePath": "handler"}});
        for (json, reason) in [
            (json!({"customHandler": handler}), "'version'"),
            (json!({"version": "3.0", "customHandler": handler}), "`3.0`"),
            (json!({"version": "2.0"}), "customHandler"),
            (json!({"version": "2.0", "customHandler": {}}), "Missing worker Description"),
            (json!({"version": "2.0", "customHandler": {"description": {}}}), "cannot be empty"),
            (json!({"version": "2.0", "customHandler": handler, "functionTimeout": "5m"}), "no time span"),
            (json!({"version": "2.0", "customHandler": handler, "functionTimeout": "00:00:00"}), "00:00:01"),
        ] {
            let refused = read(&json, &[]).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
