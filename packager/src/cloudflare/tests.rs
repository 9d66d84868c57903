//! Configurations of whole apps: one with everything in it, and one for each mistake.

use super::{config, options::Options, sources};
use crate::{error::Finding, project::CloudflareSettings};
use pikku_manifest::Manifest;
use serde_json::{Value, json};
use std::{path::PathBuf, process::Command};

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

fn settings(value: Value) -> CloudflareSettings {
    serde_json::from_value(value).expect("settings")
}

fn render(manifest: &Manifest, settings: &CloudflareSettings) -> Result<config::Rendered, Vec<Finding>> {
    let (manifest, _) = sources::supported(manifest);
    let groups: Vec<String> = manifest.groups.iter().map(|group| group.name.clone()).collect();
    config::render(&manifest, &groups, &Options::new("shop", settings, vec!["shop".to_owned()]))
}

/// The findings of an app, with code, place, reason and fix.
fn refused(manifest: &Manifest, settings: &CloudflareSettings) -> String {
    let findings = render(manifest, settings).expect_err("something is wrong with it");
    let line = |finding: &Finding| {
        let place = finding.location.as_ref().map_or_else(String::new, |at| format!(" at {}:{}", at.file, at.line));
        format!("{}{place}: {}\n  fix: {}\n", finding.code, finding.message, finding.hint)
    };
    findings.iter().map(line).collect()
}

fn texts(rendered: &config::Rendered) -> String {
    let text = |group: &config::Rendering| group.config.to_jsonc(&group.notes).expect("JSON");
    rendered.groups.iter().map(text).collect::<Vec<_>>().join("---\n")
}

/// An app with every kind of wiring and every kind of need, and all settings.
fn everything() -> (Manifest, CloudflareSettings) {
    let groups = [
        (
            "orders",
            vec![
                http("POST", "/orders"),
                http("GET", "/orders/{id}"),
                queue(
                    "orders-placed",
                    json!({"batch": 100, "batch_window_s": 5, "concurrency": 2, "retry_delay_s": 30,
                                              "visibility_timeout_s": 60}),
                ),
                wiring(
                    "queue:*",
                    "queue",
                    json!({"source": "any", "batch": 1, "batch_window_s": 0, "retries": 0,
                                                  "fifo": false}),
                ),
                wiring("topic:*", "topic", json!({"source": "any"})),
            ],
        ),
        ("reports", vec![cron("nightly", "0 3 * * 1-5", "UTC"), cron("tidy", "*/15 * * * *", "Etc/UTC")]),
    ];
    let needs = [
        ("database", "shop"),
        ("key_value", "user-sessions"),
        ("read_bucket", "uploads"),
        ("write_bucket", "uploads"),
        ("send_to_queue", "mail"),
        ("call_group", "reports"),
        ("read_secret", "shop/key"),
        ("read_parameter", "limit"),
        ("variable", "CURRENCY"),
        ("variable", "REGION"),
        ("publish_to_topic", "prices"),
    ];
    let settings = settings(json!({
        "compatibility_flags": ["nodejs_compat"], "cpu_ms": 50, "vars": {"CURRENCY": "EUR"},
        "databases": {"shop": "0f5a6c1e-0000-4000-8000-000000000000"},
        "groups": {"reports": {"cpu_ms": 300_000, "timeout_ms": 60_000}},
    }));
    (app(&groups, &needs), settings)
}

#[test]
fn an_app_with_everything() {
    let (manifest, settings) = everything();
    let rendered = render(&manifest, &settings).expect("configurations");
    insta::assert_snapshot!(texts(&rendered));
    insta::assert_snapshot!(rendered.setup.join("\n"), @"
    wrangler queues create shop-mail
    wrangler queues create shop-orders-placed
    wrangler queues create shop-orders-placed-dead-letters
    ");
}

#[test]
fn routes_are_divided_where_the_app_has_a_host_name() {
    let groups = [
        ("orders", vec![http("POST", "/orders"), http("GET", "/orders/{id}"), http("GET", "/orders/{id}/items")]),
        ("catalog", vec![http("GET", "/products/{id}"), http("GET", "/")]),
        ("pages", vec![http("GET", "/about"), cron("nightly", "0 3 * * *", "UTC")]),
        ("work", vec![queue("mail", json!({}))]),
    ];
    let manifest = app(&groups, &[]);
    let settings = settings(json!({"zone": "example.com", "host": "api.example.com"}));
    let rendered = render(&manifest, &settings).expect("configurations");
    let patterns = |group: &config::Rendering| {
        assert!(!group.config.workers_dev, "{}", group.group);
        assert!(group.config.routes.iter().all(|route| route.zone_name == "example.com"));
        group.config.routes.iter().map(|route| route.pattern.clone()).collect::<Vec<_>>()
    };
    let all: Vec<Vec<String>> = rendered.groups.iter().map(patterns).collect();
    let none: &[&str] = &[];
    assert_eq!(all[0], ["api.example.com/orders*"]);
    assert_eq!(all[1], ["api.example.com/*"]);
    assert_eq!(all[2], ["api.example.com/about*"]);
    assert_eq!(all[3], none);
    // Without a host name, only what is reached by HTTP has one under workers.dev.
    let rendered = render(&manifest, &CloudflareSettings::default()).expect("configurations");
    let dev: Vec<bool> = rendered.groups.iter().map(|group| group.config.workers_dev).collect();
    assert_eq!(dev, [true, true, true, false]);
}

#[test]
fn routes_that_cannot_be_divided_are_refused() {
    let same = [("orders", vec![http("GET", "/orders/{id}")]), ("items", vec![http("GET", "/orders/{id}/items")])];
    let longer = [("orders", vec![http("GET", "/orders/{id}")]), ("new", vec![http("GET", "/orders/new")])];
    let methods = [("read", vec![http("GET", "/orders")]), ("write", vec![http("POST", "/orders")])];
    let settings = settings(json!({"zone": "example.com"}));
    let all = [&same, &longer, &methods].map(|groups| refused(&app(groups, &[]), &settings));
    insta::assert_snapshot!(all.join(""), @"
    PK0408 at src/lib.rs:7: `GET /orders/{id}` of group `orders` and `GET /orders/{id}/items` of group `items` cannot be divided among Workers: both begin with `/orders/`
      fix: wire both in one group, or begin the paths of each group with a word of its own, such as `/orders/…`
    PK0408 at src/lib.rs:7: `GET /orders/{id}` of group `orders` and `GET /orders/new` of group `new` cannot be divided among Workers: requests for the first can begin with `/orders/new`, which leads to the second
      fix: wire both in one group, or begin the paths of each group with a word of its own, such as `/orders/…`
    PK0408 at src/lib.rs:7: `GET /orders` of group `read` and `POST /orders` of group `write` cannot be divided among Workers: both begin with `/orders`
      fix: wire both in one group, or begin the paths of each group with a word of its own, such as `/orders/…`
    ");
    for groups in [&same, &longer, &methods] {
        assert!(render(&app(groups, &[]), &CloudflareSettings::default()).is_ok());
    }
}

#[test]
fn sources_that_workers_do_not_have_are_refused() {
    let wirings = vec![
        wiring("topic:prices", "topic", json!({"source": {"named": "prices"}})),
        wiring("bucket:in", "bucket", json!({"source": {"named": "in"}, "events": ["ObjectCreated:*"]})),
        wiring(
            "table:stock",
            "table",
            json!({"source": {"named": "stock"}, "batch": 1, "retries": 0, "from_start": true}),
        ),
        wiring(
            "stream:clicks",
            "stream",
            json!({"source": {"named": "clicks"}, "batch": 1, "retries": 0, "from_start": true}),
        ),
        wiring("event:default", "event", json!({"source": {"named": "default"}, "sources": ["a"], "detail_types": []})),
        wiring("websocket:chat", "websocket", json!({"source": {"named": "chat"}})),
    ];
    let fix = "\n  fix: wire the function to a queue, a schedule or a route, or package the group for another target with --group";
    let found = refused(&app(&[("orders", wirings)], &[]), &CloudflareSettings::default());
    insta::assert_snapshot!(found.replace(fix, ""), @"
    PK0401 at src/lib.rs:7: group `orders`, wiring `topic:prices`: Workers have no topics
    PK0401 at src/lib.rs:7: group `orders`, wiring `bucket:in`: Workers have no events of buckets
    PK0401 at src/lib.rs:7: group `orders`, wiring `table:stock`: Workers have no changes of tables
    PK0401 at src/lib.rs:7: group `orders`, wiring `stream:clicks`: Workers have no streams
    PK0401 at src/lib.rs:7: group `orders`, wiring `event:default`: Workers have no event buses
    PK0401 at src/lib.rs:7: group `orders`, wiring `websocket:chat`: Workers have no WebSocket APIs yet
    ");
    assert_eq!(found.matches(fix).count(), 6);
}

#[test]
fn only_the_selected_groups_are_judged() {
    let topic = wiring("topic:prices", "topic", json!({"source": {"named": "prices"}}));
    let manifest = app(&[("orders", vec![topic]), ("pages", vec![http("GET", "/")])], &[]);
    let settings = CloudflareSettings::default();
    let options = Options::new("shop", &settings, vec![]);
    let rendered = config::render(&manifest, &["pages".to_owned()], &options).expect("a configuration");
    assert_eq!(rendered.groups.iter().map(|group| group.group.as_str()).collect::<Vec<_>>(), ["pages"]);
    assert!(config::render(&manifest, &["orders".to_owned()], &options).is_err());
}

#[test]
fn schedules_that_triggers_cannot_express_are_refused() {
    let wirings = vec![
        cron("local", "0 3 * * *", "Europe/Berlin"),
        cron("both", "0 3 */2 * MON", "UTC"),
        cron("one", "0 4 * * 0", "UTC"),
        cron("other", "0 4 * * 7", "UTC"),
    ];
    insta::assert_snapshot!(refused(&app(&[("reports", wirings)], &[]), &CloudflareSettings::default()));
}

#[test]
fn queues_that_cloudflare_does_not_take_are_refused() {
    let wirings = vec![
        queue(
            "a",
            json!({"batch": 101, "batch_window_s": 61, "retries": 101, "concurrency": 251, "retry_delay_s": 43_201}),
        ),
        queue("b.fifo", json!({"fifo": true})),
        queue("c", json!({})),
    ];
    let groups = [("orders", wirings), ("mails", vec![queue("c", json!({}))])];
    insta::assert_snapshot!(refused(&app(&groups, &[]), &CloudflareSettings::default()));
}

#[test]
fn names_and_settings_are_checked() {
    let needs = [
        ("database", "orders-db"),
        ("key_value", "orders_db"),
        ("variable", "PIKKU_TRACE"),
        ("variable", "1ST"),
        ("read_bucket", "a-bucket-with-a-name-that-is-longer-than-what-the-platform-takes"),
    ];
    let settings = settings(json!({
        "host": "api.example.org", "zone": "example.com", "compatibility_date": "yesterday", "timeout_ms": 0,
        "cpu_ms": 300_001, "groups": {"none": {}},
    }));
    insta::assert_snapshot!(refused(&app(&[("orders", vec![http("GET", "/")])], &needs), &settings));
}

/// The npm packages that `cargo xtask tools` installs.
fn npm_packages() -> PathBuf {
    let tools = std::env::var_os("PIKKU_TOOLS").map(PathBuf::from);
    let packages = tools.map(|tools| tools.join("npm/node_modules")).filter(|packages| packages.is_dir());
    packages.expect("PIKKU_TOOLS names the tools that `cargo xtask tools` installs; `cargo xtask test` sets it")
}

/// Every configuration of apps with all there is, with and without a host name.
fn all_configurations() -> Vec<String> {
    let (manifest, settings) = everything();
    let hosted = CloudflareSettings {
        zone: Some("example.com".to_owned()),
        host: Some("api.example.com".to_owned()),
        ..CloudflareSettings::default()
    };
    [settings, hosted]
        .iter()
        .flat_map(|settings| render(&manifest, settings).expect("configurations").groups)
        .map(|group| group.config.to_jsonc(&group.notes).expect("JSON"))
        .collect()
}

#[test]
fn wranglers_schema_takes_every_configuration() {
    let schema = std::fs::read_to_string(npm_packages().join("wrangler/config-schema.json")).expect("its schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for text in all_configurations() {
        let json: String = text.lines().filter(|line| !line.starts_with("//")).collect();
        let config: Value = serde_json::from_str(&json).expect("JSON");
        let errors: Vec<String> = validator.iter_errors(&config).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}\n{text}");
        let mut broken = config;
        broken["queue"] = json!({});
        assert!(!validator.is_valid(&broken), "the schema takes anything");
    }
}

#[test]
fn wrangler_deploys_every_configuration() {
    let wrangler = npm_packages().join(".bin/wrangler");
    for text in all_configurations() {
        let folder = tempfile::tempdir().expect("a folder");
        let migrations = folder.path().join("migrations/shop");
        let dir = folder.path().join("orders");
        for folder in [&dir, &migrations] {
            std::fs::create_dir_all(folder).expect("a folder");
        }
        let write = |name: &str, bytes: &[u8]| std::fs::write(dir.join(name), bytes).expect("a file");
        write("worker.mjs", super::SHIM.as_bytes());
        write("glue.mjs", b"export const instantiate = () => ({});\n");
        write("bundle.wasm", b"\0asm\x01\0\0\0");
        write("wrangler.jsonc", text.as_bytes());
        let output = Command::new(&wrangler)
            .args(["deploy", "--dry-run"])
            .current_dir(&dir)
            .env("CI", "1")
            .env("WRANGLER_SEND_METRICS", "false")
            .env("HOME", folder.path())
            .output()
            .expect("wrangler");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}\n{text}");
        // That it says of every configuration that asks for secrets.
        let expected = "\"secrets\" fields are experimental";
        assert_eq!(said.matches("WARNING").count(), said.matches(expected).count(), "{said}\n{text}");
        assert!(said.contains("bundle.wasm") && said.contains("glue.mjs"), "{said}");
    }
}

#[test]
fn what_triggers_do_not_honour_of_a_schedule_is_said() {
    let mut nightly = cron("nightly", "0 3 * * *", "UTC");
    nightly["cron"]["misfire"] = json!("all");
    nightly["cron"]["overlap"] = json!("skip");
    let groups = [("reports", vec![nightly, cron("tidy", "*/15 * * * *", "UTC")])];
    let rendered = render(&app(&groups, &[]), &settings(json!({}))).expect("configurations");
    insta::assert_snapshot!(rendered.groups[0].notes.join("\n"), @"
    wiring `cron:nightly`: a cron trigger fires whatever became of the run before, so runs may overlap in spite of the wiring
    wiring `cron:nightly`: what a cron trigger missed is not made up for, whatever the wiring's misfire policy says
    ");
}
