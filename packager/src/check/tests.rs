use super::check;
use pikku_manifest::Manifest;
use serde_json::{Value, json};

/// An app with these wirings in groups, each wiring given without id, function and place.
fn app(groups: Vec<(&str, Vec<Value>)>) -> Manifest {
    let mut line = 0;
    let groups: Vec<Value> = groups
        .into_iter()
        .map(|(name, wirings)| {
            let wirings: Vec<Value> = wirings
                .into_iter()
                .map(|mut wiring| {
                    line += 1;
                    let (kind, detail) =
                        wiring.as_object().unwrap().iter().next().map(|(k, d)| (k.clone(), d.clone())).unwrap();
                    let what = match kind.as_str() {
                        "http" => {
                            format!("{} {}", detail["method"].as_str().unwrap_or("*"), detail["path"].as_str().unwrap())
                        }
                        "event" => format!("{}/{}", detail["sources"], detail["detail_types"]),
                        _ => detail["source"]["named"].as_str().unwrap_or("*").to_owned(),
                    };
                    wiring["id"] = json!(format!("{kind}:{what}"));
                    wiring["function"] = json!("act");
                    wiring["location"] = json!({"file": "src/lib.rs", "line": line});
                    wiring
                })
                .collect();
            json!({"name": name, "wirings": wirings})
        })
        .collect();
    let act = json!({"name": "act", "module": "m", "location": {"file": "src/lib.rs", "line": 99}, "errors": [],
        "services": [], "session": "none", "access": {"public": true}});
    serde_json::from_value(json!({"manifest_version": 1, "groups": groups, "functions": [act], "services": []}))
        .unwrap()
}

fn get(path: &str) -> Value {
    json!({"http": {"method": "GET", "path": path}})
}

fn cron(name: &str, expression: &str, time_zone: &str) -> Value {
    json!({"cron": {"source": {"named": name}, "expression": expression, "time_zone": time_zone}})
}

fn queue(name: &str, batch: u32, fifo: bool) -> Value {
    json!({"queue": {"source": {"named": name}, "batch": batch, "batch_window_s": 0, "retries": 3, "fifo": fifo}})
}

fn event(sources: &[&str], types: &[&str]) -> Value {
    json!({"event": {"source": {"named": "default"}, "sources": sources, "detail_types": types}})
}

/// The findings as `code line`.
fn found(manifest: &Manifest) -> Vec<String> {
    check(manifest)
        .iter()
        .map(|finding| {
            assert!(!finding.message.is_empty() && !finding.hint.is_empty());
            format!("{} {}", finding.code, finding.location.as_ref().map_or(0, |location| location.line))
        })
        .collect()
}

#[test]
fn a_good_app_has_no_findings() {
    let manifest = app(vec![
        (
            "orders",
            vec![
                get("/orders"),
                get("/orders/{id}"),
                get("/orders/{id}/lines"),
                json!({"http": {"path": "/orders/{id}"}}),
                get("/orders/latest"),
                queue("orders-placed", 100, false),
                queue("strict.fifo", 10, true),
                event(&["shop"], &["placed"]),
                event(&["shop"], &["paid"]),
                event(&["other"], &[]),
            ],
        ),
        ("reports2", vec![get("/reports/{*rest}"), cron("nightly", "0 3 * * MON-FRI", "Europe/Berlin")]),
    ]);
    assert_eq!(found(&manifest), Vec::<String>::new());
}

#[test]
fn an_empty_app() {
    assert_eq!(found(&app(vec![])), ["PK0002 0"]);
    assert_eq!(found(&app(vec![("a", vec![])])), ["PK0002 0"]);
}

#[test]
fn what_the_app_reports_itself() {
    let mut manifest = app(vec![("a", vec![get("/")])]);
    manifest.faults.push(pikku_manifest::Fault {
        message: "two functions are named `act`".to_owned(),
        location: pikku_manifest::Location { file: "src/lib.rs".to_owned(), line: 7 },
    });
    assert_eq!(found(&manifest), ["PK0001 7"]);
}

#[test]
fn names_of_groups_and_sources() {
    let manifest = app(vec![
        ("Orders", vec![get("/a")]),
        ("two--hyphens", vec![get("/b")]),
        ("same", vec![get("/c")]),
        ("same", vec![queue("not a name", 1, false)]),
        ("fine", vec![queue("q.fifo", 1, false), queue("r.fifo", 1, true), queue("", 1, false)]),
    ]);
    assert_eq!(found(&manifest), ["PK0101 1", "PK0101 2", "PK0102 4", "PK0208 4", "PK0208 5", "PK0208 7"]);
}

#[test]
fn routes_that_are_none() {
    let manifest = app(vec![(
        "a",
        vec![
            get("no-slash"),
            get("/:id"),
            get("/a b"),
            get("/{*rest}/more"),
            get("/{a}-{b}"),
            get("/{}"),
            json!({"http": {"method": "get it", "path": "/"}}),
        ],
    )]);
    assert_eq!(found(&manifest), ["PK0201 1", "PK0201 2", "PK0201 3", "PK0201 4", "PK0201 5", "PK0201 6", "PK0204 7"]);
}

#[test]
fn routes_that_cannot_be_told_apart() {
    let same_group = app(vec![("a", vec![get("/x/{id}"), get("/x/{id}"), get("/y/{id}"), get("/y/{name}")])]);
    assert_eq!(found(&same_group), ["PK0202 2", "PK0202 4"]);
    let two_groups = app(vec![("a", vec![get("/x/{id}")]), ("b", vec![get("/x/{name}")])]);
    assert_eq!(found(&two_groups), ["PK0202 2"]);
    let other_method = json!({"http": {"method": "POST", "path": "/x/{name}"}});
    assert_eq!(found(&app(vec![("a", vec![get("/x/{id}")]), ("b", vec![other_method.clone()])])), Vec::<String>::new());
    assert_eq!(found(&app(vec![("a", vec![get("/x/{id}"), other_method])])), ["PK0202 2"]);
}

#[test]
fn schedules() {
    let manifest = app(vec![
        ("a", vec![cron("one", "0 3 * *", "UTC"), cron("two", "0 25 * * *", "UTC"), cron("ok", "*/5 * * * *", "UTC")]),
        ("b", vec![cron("three", "0 3 * * *", "Mars/Base"), cron("ok", "0 4 * * *", "UTC")]),
        (
            "c",
            vec![
                cron("six", "0 0 3 * * *", "UTC"),
                json!({"cron": {"source": "any", "expression": "", "time_zone": "UTC"}}),
            ],
        ),
    ]);
    assert_eq!(found(&manifest), ["PK0205 1", "PK0205 2", "PK0206 4", "PK0207 5", "PK0205 6"]);
}

#[test]
fn queues_and_duplicates() {
    let manifest =
        app(vec![("a", vec![queue("q", 1, false), queue("q", 2, false), queue("f", 11, true), queue("z", 0, false)])]);
    assert_eq!(found(&manifest), ["PK0203 2", "PK0209 3", "PK0209 4"]);
}

#[test]
fn event_patterns_that_overlap() {
    let manifest = app(vec![
        ("a", vec![event(&["shop"], &["placed", "paid"]), event(&["shop"], &["paid"]), event(&[], &["sent"])]),
        ("b", vec![event(&["shop"], &[]), event(&[], &["placed"])]),
    ]);
    assert_eq!(found(&manifest), ["PK0210 2", "PK0210 5"]);
}

#[test]
fn schemas_that_cannot_be_used() {
    let mut manifest = app(vec![("a", vec![get("/")])]);
    manifest.functions[0].input = Some(json!({"type": "string", "pattern": "[a-z"}));
    assert_eq!(found(&manifest), ["PK0211 99"]);
}

#[test]
fn a_group_that_is_called_is_there() {
    let mut manifest = app(vec![("orders", vec![get("/")]), ("mails", vec![queue("mail", 1, false)])]);
    let mut service = |name: &str, group: &str| {
        let needs = json!([{"action": "call_group", "name": group}]);
        let service = json!({"name": name, "type_name": name, "lifetime": "singleton", "depends_on": [], "needs": needs,
                             "closes": false});
        manifest.services.push(serde_json::from_value(service).unwrap());
    };
    service("Mails", "mails");
    service("Prices", "prices");
    let findings = check(&manifest);
    let found: Vec<(&str, &str)> = findings.iter().map(|finding| (finding.code, finding.message.as_str())).collect();
    assert_eq!(found, [("PK0213", "the service `Prices` calls the group `prices`, which the app does not have")]);
    assert_eq!(findings[0].hint, "the app's groups are: orders, mails");
}

#[test]
fn what_is_reached_from_outside_is_public_or_guarded() {
    let mut manifest = app(vec![("a", vec![get("/"), queue("q", 1, false)])]);
    manifest.functions[0].access.public = false;
    assert_eq!(found(&manifest), ["PK0215 1"]);
    let permission =
        json!({"kind": "permission", "name": "is_staff", "at": "app", "session": "required", "services": []});
    manifest.groups[0].wirings[0].layers.push(serde_json::from_value(permission).unwrap());
    assert_eq!(found(&manifest), Vec::<String>::new());
    manifest.groups[0].wirings[0].layers.clear();
    manifest.functions[0].session = pikku_manifest::SessionMode::Optional;
    assert_eq!(found(&manifest), ["PK0215 1"]);
    manifest.functions[0].access.scopes.push("orders:read".to_owned());
    assert_eq!(found(&manifest), Vec::<String>::new());
}

#[test]
fn a_required_scope_is_one_of_the_app() {
    let mut manifest = app(vec![("a", vec![get("/")])]);
    let mut findings = |scopes: Option<&[&str]>, required: &[&str]| {
        manifest.scopes = scopes.map(|scopes| scopes.iter().map(|&scope| scope.to_owned()).collect());
        manifest.functions[0].access.scopes = required.iter().map(|&scope| scope.to_owned()).collect();
        let told = check(&manifest).into_iter();
        told.map(|finding| (finding.code, finding.message, finding.hint)).collect::<Vec<_>>()
    };
    let declared: &[&str] = &["orders:read", "orders:write", "reports"];
    // What an app does not say is not looked at; what is above a scope of it is of it.
    assert_eq!(findings(None, &["ordres:read"]), []);
    assert_eq!(findings(Some(declared), &["orders:read", "orders", "reports"]), []);
    let told = findings(Some(declared), &["ordres:read", "orders:read", "refunds"]);
    let is_none = |scope: &str| format!("`act` requires the scope `{scope}`, which is none of `App::scopes`");
    assert_eq!(
        told,
        [
            ("PK0217", is_none("ordres:read"), "did you mean `orders:read`?".to_owned()),
            (
                "PK0217",
                is_none("refunds"),
                "add it there, or require one of: orders:read, orders:write, reports".to_owned()
            )
        ]
    );
    for scope in ["order", "orders:", "orders:rea", "orders:read:own", "report", "reports:daily"] {
        assert_eq!(findings(Some(declared), &[scope]).len(), 1, "{scope}");
    }
    assert_eq!(findings(Some(&[]), &["orders"]).len(), 1);
}

#[test]
fn what_a_role_grants_is_of_the_app() {
    let mut manifest = app(vec![("a", vec![get("/")])]);
    let role = |name: &str, scopes: &[&str]| {
        serde_json::from_value(json!({"name": name, "scopes": scopes, "location": {"file": "src/lib.rs", "line": 7}}))
            .unwrap()
    };
    manifest.roles = vec![role("clerk", &["orders:read", "ordres:write"]), role("chief", &["orders", "x"])];
    assert_eq!(found(&manifest), Vec::<String>::new());
    manifest.scopes = Some(vec!["orders:read".to_owned(), "orders:write".to_owned()]);
    let told = check(&manifest);
    let told: Vec<_> = told.iter().map(|finding| (finding.code, &*finding.message, &*finding.hint)).collect();
    assert_eq!(
        told,
        [
            (
                "PK0218",
                "the role `clerk` grants the scope `ordres:write`, which is none of `App::scopes`",
                "did you mean `orders:write`?"
            ),
            (
                "PK0218",
                "the role `chief` grants the scope `x`, which is none of `App::scopes`",
                "add it there, or grant one of: orders:read, orders:write"
            ),
        ]
    );
    assert_eq!(found(&manifest), ["PK0218 7", "PK0218 7"]);
}
