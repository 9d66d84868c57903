//! The bundle of the app: the test's own program, with the files that the host reads.

use pikku_local_azure::{Builder, LocalAzure, Logs};
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// A bundle that is started, and the journal of its calls.
pub(crate) struct Started {
    pub(crate) azure: LocalAzure,
    folder: TempDir,
}

/// A bundle that is being prepared.
pub(crate) struct Bundle {
    folder: TempDir,
    builder: Builder,
}

impl Bundle {
    /// A bundle whose requests are proxied, or sent as payloads.
    pub(crate) fn new(proxies: bool) -> Self {
        Self::with(json!({"customHandler": {"enableProxyingHttpRequest": proxies}}))
    }

    /// A bundle with more in its `host.json`.
    pub(crate) fn with(more: Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let program = std::env::current_exe().expect("this program");
        let mut host = json!({
            "version": "2.0",
            "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"},
            "extensions": {"http": {"routePrefix": ""}},
            "customHandler": {"description": {"defaultExecutablePath": program}},
        });
        merge(&mut host, more);
        fs::write(folder.path().join("host.json"), host.to_string()).expect("host.json");
        let http = json!([
            {"type": "httpTrigger", "direction": "in", "name": "req", "route": "{*path}", "authLevel": "anonymous"},
            {"type": "http", "direction": "out", "name": "res"},
        ]);
        let trigger = |kind: &str, name: &str, more: Value| {
            let mut binding = json!({"type": kind, "direction": "in", "name": name});
            merge(&mut binding, more);
            json!([binding])
        };
        let retry = json!({"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:01"});
        let order = json!([
            {"type": "queueTrigger", "direction": "in", "name": "message", "queueName": "orders-1x"},
            {"type": "queue", "direction": "out", "name": "$return", "queueName": "taken"},
        ]);
        for (name, bindings, retry) in [
            ("http-any", http, None),
            ("queue-orders", order, None),
            (
                "topic-prices",
                trigger("serviceBusTrigger", "message", json!({"topicName": "p", "subscriptionName": "s"})),
                None,
            ),
            ("cron-nightly", trigger("timerTrigger", "timer", json!({"schedule": "0 0 3 * * *"})), None),
            ("cron-hourly", trigger("timerTrigger", "timer", json!({"schedule": "0 0 * * * *"})), None),
            ("event-on_event", trigger("eventGridTrigger", "event", json!({})), None),
            (
                "stream-clicks",
                trigger("eventHubTrigger", "events", json!({"eventHubName": "c", "dataType": "binary"})),
                Some(retry),
            ),
            ("bucket-uploads", trigger("blobTrigger", "blob", json!({"path": "uploads/{name}"})), None),
        ] {
            let mut function = json!({"bindings": bindings});
            if let Some(retry) = retry {
                function["retry"] = retry;
            }
            write_function(folder.path(), name, &function);
        }
        let builder = LocalAzure::bundle(folder.path())
            .env("AzureWebJobsServiceBus", "x")
            .env("AzureWebJobsEventHub", "x")
            .env("JOURNAL", folder.path().join("journal").display().to_string())
            .env("PIKKU_SOURCES", r#"{"queue:orders":"orders-1x","stream:clicks":"clicks-1x"}"#)
            .logs(Logs::Captured);
        Self { folder, builder }
    }

    /// Sets a variable.
    pub(crate) fn env(self, name: &str, value: &str) -> Self {
        Self { builder: self.builder.env(name, value), ..self }
    }

    /// Replaces a function.
    pub(crate) fn function(self, name: &str, function: &Value) -> Self {
        write_function(self.folder.path(), name, function);
        self
    }

    pub(crate) async fn start(self) -> Started {
        let azure = self.builder.start().await.expect("the handler comes up");
        assert_eq!(azure.refused(), [], "every function is taken");
        Started { azure, folder: self.folder }
    }
}

fn write_function(folder: &Path, name: &str, function: &Value) {
    fs::create_dir_all(folder.join(name)).expect("the function's folder");
    fs::write(folder.join(name).join("function.json"), function.to_string()).expect("function.json");
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (name, value) in more {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

impl Started {
    /// What calls have noted so far.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("journal")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The one thing that calls have noted.
    pub(crate) fn noted(&self) -> Value {
        match &self.journal()[..] {
            [one] => one.clone(),
            all => panic!("one call and not {all:?}"),
        }
    }

    /// Waits until calls have noted so much.
    pub(crate) async fn until(&self, what: &Value) {
        let noted = timeout(Duration::from_secs(10), async {
            while !self.journal().contains(what) {
                sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(noted.await.is_ok(), "{what} is not in {:?}; {:?}", self.journal(), self.azure.logs());
    }

    /// The line of the log that has that in it.
    pub(crate) fn logged(&self, what: &str) -> Value {
        let lines = self.azure.logs();
        let line =
            lines.iter().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what} is not in {lines:?}"));
        serde_json::from_str(line).expect("a line of JSON")
    }
}
