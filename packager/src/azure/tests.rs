//! Deployment files of whole apps: one with everything in it, and one for each mistake.

use super::{Rendered, names, options::Options, supported};
use crate::{error::Finding, project::AzureSettings};
use pikku_manifest::Manifest;
use serde_json::{Value, json};

/// A wiring of a kind, at a line of its own.
fn wiring(id: &str, kind: &str, detail: Value) -> Value {
    json!({"id": id, "function": "act", kind: detail, "location": {"file": "src/lib.rs", "line": 7}})
}

fn http(method: &str, path: &str) -> Value {
    wiring(&format!("http:{method} {path}"), "http", json!({"method": method, "path": path}))
}

fn queue(name: &str, change: Value) -> Value {
    let mut queue = json!({"source": {"named": name}, "batch": 10, "batch_window_s": 0, "retries": 3, "fifo": false});
    for (key, value) in change.as_object().into_iter().flatten() {
        queue[key] = value.clone();
    }
    wiring(&format!("queue:{name}"), "queue", queue)
}

fn cron(name: &str, expression: &str, time_zone: &str) -> Value {
    let cron = json!({"source": {"named": name}, "expression": expression, "time_zone": time_zone});
    wiring(&format!("cron:{name}"), "cron", cron)
}

fn stream(name: &str, batch: u32, from_start: bool) -> Value {
    let stream = json!({"source": {"named": name}, "batch": batch, "retries": 2, "from_start": from_start});
    wiring(&format!("stream:{name}"), "stream", stream)
}

fn bucket(name: &str, events: &[&str]) -> Value {
    let bucket = json!({"source": {"named": name}, "events": events, "prefix": "in/", "suffix": ".csv"});
    wiring(&format!("bucket:{name}"), "bucket", bucket)
}

/// An app of groups, whose one function asks for one service with these needs.
fn app(groups: &[(&str, Vec<Value>)], needs: &[(&str, &str)]) -> Manifest {
    let groups: Vec<Value> = groups.iter().map(|(name, wirings)| json!({"name": name, "wirings": wirings})).collect();
    let needs: Vec<Value> = needs.iter().map(|(action, name)| json!({"action": action, "name": name})).collect();
    let at = json!({"file": "src/lib.rs", "line": 1});
    serde_json::from_value(json!({
        "manifest_version": 1,
        "groups": groups,
        "functions": [{"name": "act", "module": "shop", "location": at, "errors": [], "services": ["Store"],
                       "session": "none"}],
        "services": [{"name": "Store", "type_name": "shop::Store", "lifetime": "singleton", "depends_on": [],
                      "needs": needs, "closes": false}],
    }))
    .expect("a manifest")
}

fn settings(value: Value) -> AzureSettings {
    serde_json::from_value(value).expect("settings")
}

fn render<'m>(manifest: &'m Manifest, settings: &AzureSettings) -> Result<Rendered<'m>, Vec<Finding>> {
    let groups: Vec<_> = manifest.groups.iter().collect();
    super::render(manifest, &groups, &Options::new("shop", settings))
}

/// The findings of an app, with code, place, reason and fix.
fn refused(groups: &[(&str, Vec<Value>)], needs: &[(&str, &str)], settings: &AzureSettings) -> String {
    let manifest = app(groups, needs);
    let findings = render(&manifest, settings).expect_err("something is wrong with it");
    let line = |finding: &Finding| {
        let place = finding.location.as_ref().map_or_else(String::new, |at| format!(" at {}:{}", at.file, at.line));
        format!("{}{place}: {}\n  fix: {}\n", finding.code, finding.message, finding.hint)
    };
    findings.iter().map(line).collect()
}

/// What the host reads of every group.
fn hosted(rendered: &Rendered<'_>) -> String {
    let mut out = String::new();
    for app in &rendered.apps {
        let name = &app.group.name;
        let mut file = |path: &str, value: Value| out.push_str(&format!("== {name}/{path}\n{value:#}\n"));
        file("host.json", json!(app.host));
        for function in &app.functions {
            file(&format!("{}/function.json", function.name), json!(function));
        }
        file("local.settings.json", json!(app.local));
        out.push_str(&app.notes.iter().map(|note| format!("note: {note}\n")).collect::<String>());
    }
    out
}

/// An app with every kind of wiring and every kind of need, and all settings.
fn everything() -> (Manifest, AzureSettings) {
    let groups = [
        (
            "orders",
            vec![
                http("POST", "/orders"),
                http("GET", "/orders/{id}"),
                queue("ordersPlaced", json!({"concurrency": 2, "retry_delay_s": 30, "visibility_timeout_s": 60})),
                queue("mail", json!({"batch": 100})),
                queue("ledger.fifo", json!({"fifo": true, "retries": 9, "visibility_timeout_s": 900})),
                wiring("topic:prices", "topic", json!({"source": {"named": "prices"}})),
            ],
        ),
        (
            "reports",
            vec![
                cron("nightly", "0 3 * * 1-5", "UTC"),
                stream("clicks", 500, true),
                stream("views", 100, true),
                bucket("deliveries", &["ObjectCreated:Put", "ObjectRemoved:*"]),
                wiring(
                    "event:default shop.parcels/Shipped",
                    "event",
                    json!({"source": {"named": "default"}, "sources": ["shop.parcels"], "detail_types": ["Shipped"]}),
                ),
            ],
        ),
    ];
    let needs = [
        ("send_to_queue", "ordersPlaced"),
        ("send_to_queue", "audit"),
        ("send_to_queue", "ledger.fifo"),
        ("publish_to_topic", "prices"),
        ("put_events", "default"),
        ("read_bucket", "deliveries"),
        ("write_bucket", "deliveries"),
        ("put_to_stream", "clicks"),
        ("read_secret", "shop/key"),
        ("read_parameter", "limit"),
        ("variable", "CURRENCY"),
        ("variable", "REGION"),
        ("read_table", "carts"),
        ("database", "shop"),
        ("key_value", "sessions"),
        ("call_group", "reports"),
    ];
    let settings = settings(json!({
        "service_bus": ["audit"], "vars": {"CURRENCY": "EUR"}, "memory_mb": 2048, "timeout_s": 300,
        "groups": {"reports": {"timeout_s": 900, "max_instances": 1}},
    }));
    (app(&groups, &needs), settings)
}

#[test]
fn an_app_with_everything() {
    let (manifest, settings) = everything();
    let rendered = render(&manifest, &settings).expect("files");
    insta::assert_snapshot!("everything_hosted", hosted(&rendered));
    insta::assert_snapshot!("everything_bicep", rendered.bicep);
    insta::assert_snapshot!(rendered.setup.join("\n"), @r"
    az deployment group create --resource-group shop --template-file main.bicep
    az functionapp deployment source config-zip -g shop --src orders.zip -n $(az deployment group show -g shop -n main --query properties.outputs.ordersApp.value -o tsv)
    az functionapp deployment source config-zip -g shop --src reports.zip -n $(az deployment group show -g shop -n main --query properties.outputs.reportsApp.value -o tsv)
    az deployment group create --resource-group shop --template-file main.bicep --parameters events=true
    ");
    // The same app gives the same files.
    let again = render(&manifest, &settings).expect("files");
    assert_eq!((hosted(&again), &again.bicep), (hosted(&rendered), &rendered.bicep));
}

/// An app of one route needs neither extensions nor anything that is shared but logs.
#[test]
fn an_app_of_one_route() {
    let manifest = app(&[("hello", vec![http("GET", "/")])], &[]);
    let settings = AzureSettings::default();
    let rendered = render(&manifest, &settings).expect("files");
    insta::assert_snapshot!(hosted(&rendered));
    for absent in ["Service Bus", "serviceBus", "eventHubs", "keyVault", "param events", "'queue"] {
        assert!(!rendered.bicep.contains(absent), "{absent}");
    }
}

/// Each right is one at a resource that is named, and none is one to own or to manage.
#[test]
fn nothing_is_granted_but_what_is_declared() {
    let (manifest, settings) = everything();
    let bicep = render(&manifest, &settings).expect("files").bicep;
    let built_in: Vec<&str> = bicep.lines().filter_map(|line| line.split(" // ").nth(1)).collect();
    assert!(
        built_in.len() > 10 && built_in.iter().all(|role| !role.contains("Owner") && !role.contains("Contributor"))
    );
    let roles = bicep.split("\nresource ").filter(|part| part.contains("Microsoft.Authorization/roleAssignments"));
    let scopes: Vec<&str> = roles.filter_map(|part| part.split("scope: ").nth(1)?.lines().next()).collect();
    assert!(scopes.len() > 20, "{scopes:?}");
    // The account of the app's queues and containers is nobody's as a whole.
    assert!(
        !scopes.iter().any(|scope| ["storage", "serviceBus", "eventHubs", "keyVault"].contains(scope)),
        "{scopes:?}"
    );
    let actions = bicep.lines().map(str::trim).filter(|line| line.starts_with("'Microsoft.Storage/storageAccounts/"));
    assert!(actions.clone().count() > 10 && actions.clone().all(|action| !action.contains('*')));
}

#[test]
fn wirings_that_take_any_source() {
    let any = |kind: &str, mut detail: Value| {
        detail["source"] = "any".into();
        wiring(&format!("{kind}:*"), kind, detail)
    };
    let manifest = app(
        &[(
            "echo",
            vec![
                any("queue", json!({"batch": 1, "batch_window_s": 0, "retries": 0, "fifo": false})),
                any("cron", json!({"expression": "", "time_zone": "UTC"})),
                any("topic", json!({})),
                any("bucket", json!({"events": []})),
                any("table", json!({"batch": 1, "retries": 0, "from_start": false})),
                any("stream", json!({"batch": 1, "retries": 0, "from_start": false})),
                any("event", json!({"sources": [], "detail_types": []})),
                any("websocket", json!({})),
            ],
        )],
        &[],
    );
    let (reduced, left_out) = supported(&manifest);
    assert_eq!(
        left_out,
        [
            "group `echo`, wiring `table:*`: Azure Functions have no changes of tables, so it is left out",
            "group `echo`, wiring `websocket:*`: Azure Functions have no WebSocket APIs yet, so it is left out",
        ]
    );
    let rendered = render(&reduced, &AzureSettings::default()).expect("files");
    let names: Vec<&str> = rendered.apps[0].functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(
        names,
        ["queue_any_service_bus", "queue_any", "cron_any", "topic_any", "bucket_any", "stream_any", "event_any",]
    );
    assert!(names.iter().all(|name| names::is_function(name)));
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let none = AzureSettings::default();
    insta::assert_snapshot!(refused(
        &[
            (
                "a",
                vec![
                    http("GET", "/admin/users"),
                    queue("shared", json!({})),
                    queue("other", json!({"retries": 5})),
                    queue("no", json!({"concurrency": 40})),
                    queue("a_b", json!({})),
                    queue("a-b", json!({})),
                    cron("local", "0 3 * * *", "Europe/Berlin"),
                    cron("both", "0 8 1 * MON", "UTC"),
                    stream("first", 1, true),
                    stream("second", 1, false),
                    bucket("up", &["ObjectRestore:Post"]),
                    wiring(
                        "table:carts",
                        "table",
                        json!({"source": {"named": "carts"}, "batch": 1, "retries": 0,
                                                          "from_start": false})
                    ),
                    wiring("websocket:chat", "websocket", json!({"source": {"named": "chat"}})),
                ],
            ),
            ("b", vec![queue("shared", json!({}))]),
        ],
        &[
            ("variable", "PIKKU_X"),
            ("variable", "Queues"),
            ("variable", "SHOP_KEY"),
            ("read_secret", "shop/key"),
            ("variable", "WITH-HYPHEN"),
        ],
        &none,
    ));
}

/// An app that reads one secret at its start and asks for another while it runs.
fn secrets_of_both_kinds() -> Manifest {
    let mut manifest = app(&[("hello", vec![http("GET", "/")])], &[("read_secret", "payments/key")]);
    let mut settings = manifest.services[0].clone();
    settings.name = "Settings".to_owned();
    settings.needs = vec![pikku_manifest::Need::ReadSecret("session-keys".to_owned())];
    let mut secrets = settings.clone();
    (secrets.name, secrets.needs) = ("Secrets".to_owned(), vec![]);
    secrets.type_name = "pikku::service::secrets::Secrets".to_owned();
    manifest.services[0].depends_on.push("Secrets".to_owned());
    manifest.functions[0].services.push("Settings".to_owned());
    manifest.services.extend([settings, secrets]);
    manifest
}

#[test]
fn a_secret_that_is_asked_for_has_its_address_and_the_others_are_handed_over() {
    let manifest = secrets_of_both_kinds();
    let rendered = render(&manifest, &AzureSettings::default()).expect("files");
    let lines = |what: &str| -> Vec<String> {
        let lines = rendered.bicep.lines().filter(|line| line.contains(what));
        lines.map(|line| line.trim().to_owned()).collect()
    };
    assert_eq!(
        lines("@Microsoft.KeyVault"),
        ["value: '@Microsoft.KeyVault(SecretUri=${secretSessionKeys.properties.secretUri})'"]
    );
    assert_eq!(lines("'secret:payments/key'"), ["'secret:payments/key': secretPaymentsKey.properties.secretUri"]);
    assert_eq!(lines("PAYMENTS_KEY"), [""; 0]);
    // Both are granted, each for itself.
    assert_eq!(lines("scope: secret"), ["scope: secretPaymentsKey", "scope: secretSessionKeys"]);
    assert_eq!(lines("// Key Vault Secrets User").len(), 2);
    assert_eq!(
        crate::entry::asked_secrets(&manifest, &manifest.groups[0]).into_iter().collect::<Vec<_>>(),
        ["payments/key"]
    );
}
