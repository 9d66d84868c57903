//! Templates of whole apps: one with everything in it, and one for each mistake.

use super::node::Node;
use super::*;
use pikku_manifest::{
    Bucket, Cron, EventPattern, Function, Group, Http, Layer, LayerKind, Lifetime, Location, MANIFEST_VERSION, Misfire,
    Need, Overlap, Queue, Service, SessionMode, Stream, Table, Topic, WebSocket, Wiring,
};
use std::collections::BTreeMap;

fn named(name: &str) -> Source {
    Source::Named(name.to_owned())
}

fn wiring(id: &str, function: &str, kind: WiringKind) -> Wiring {
    let location = Location { file: "src/lib.rs".to_owned(), line: 7 };
    Wiring { id: id.to_owned(), function: function.to_owned(), kind, location, layers: Vec::new() }
}

fn http(method: Option<&str>, path: &str) -> Wiring {
    let kind =
        Http { method: method.map(str::to_owned), path: path.to_owned(), status: None, fields: vec![], rpc: false };
    wiring(&format!("http:{} {path}", method.unwrap_or("ANY")), "answer", WiringKind::Http(kind))
}

fn plain_queue(name: &str) -> Queue {
    let source = named(name);
    Queue {
        source,
        batch: 10,
        batch_window_s: 0,
        retries: 3,
        visibility_timeout_s: None,
        fifo: false,
        concurrency: None,
        retry_delay_s: None,
    }
}

fn queue(queue: Queue) -> Wiring {
    let name = queue.source.name().unwrap_or("*").to_owned();
    wiring(&format!("queue:{name}"), "work", WiringKind::Queue(queue))
}

fn cron(name: &str, expression: &str) -> Wiring {
    let cron = Cron {
        source: named(name),
        expression: expression.to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        misfire: Misfire::default(),
        overlap: Overlap::default(),
    };
    wiring(&format!("cron:{name}"), "tidy", WiringKind::Cron(cron))
}

fn bucket(name: &str, events: &[&str], prefix: Option<&str>, suffix: Option<&str>) -> Wiring {
    let bucket = Bucket {
        source: named(name),
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        prefix: prefix.map(str::to_owned),
        suffix: suffix.map(str::to_owned),
    };
    wiring(&format!("bucket:{name}"), "index", WiringKind::Bucket(bucket))
}

fn event(id: &str, bus: &str, sources: &[&str], detail_types: &[&str]) -> Wiring {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let pattern = EventPattern { source: named(bus), sources: texts(sources), detail_types: texts(detail_types) };
    wiring(id, "notice", WiringKind::Event(pattern))
}

fn table(name: &str) -> Wiring {
    let table = Table { source: named(name), batch: 100, retries: 5, from_start: true };
    wiring(&format!("table:{name}"), "follow", WiringKind::Table(table))
}

fn stream(name: &str) -> Wiring {
    let stream = Stream { source: named(name), batch: 500, retries: 2, from_start: false };
    wiring(&format!("stream:{name}"), "follow", WiringKind::Stream(stream))
}

fn topic(name: &str) -> Wiring {
    wiring(&format!("topic:{name}"), "hear", WiringKind::Topic(Topic { source: named(name) }))
}

fn websocket(name: &str) -> Wiring {
    wiring(&format!("websocket:{name}"), "chat", WiringKind::WebSocket(WebSocket { source: named(name) }))
}

fn group(name: &str, wirings: Vec<Wiring>) -> Group {
    Group { name: name.to_owned(), wirings }
}

fn service(name: &str, depends_on: &[&str], needs: Vec<Need>) -> Service {
    Service {
        name: name.to_owned(),
        type_name: format!("app::{name}"),
        lifetime: Lifetime::Singleton,
        depends_on: depends_on.iter().map(|name| (*name).to_owned()).collect(),
        needs,
        closes: false,
        message: None,
    }
}

fn manifest(groups: Vec<Group>) -> Manifest {
    let mut names: Vec<&str> = groups.iter().flat_map(|g| &g.wirings).map(|w| w.function.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let functions = names
        .into_iter()
        .map(|name| Function {
            name: name.to_owned(),
            module: "app".to_owned(),
            description: String::new(),
            location: Location { file: "src/lib.rs".to_owned(), line: 1 },
            input: None,
            output: None,
            errors: vec![],
            services: vec![],
            session: SessionMode::None,
            access: pikku_manifest::Access::default(),
            reads: pikku_manifest::Reads::default(),
        })
        .collect();
    Manifest {
        manifest_version: MANIFEST_VERSION,
        groups,
        functions,
        services: vec![],
        scopes: None,
        roles: vec![],
        around_http: vec![],
        faults: vec![],
    }
}

/// Gives a function services.
fn serve(mut manifest: Manifest, function: &str, services: Vec<Service>) -> Manifest {
    let found = manifest.functions.iter_mut().find(|f| f.name == function).expect("the function is there");
    found.services = services.iter().map(|service| service.name.clone()).collect();
    manifest.services.extend(services);
    manifest
}

fn options() -> TemplateOptions {
    TemplateOptions {
        app: "shop".to_owned(),
        architecture: Architecture::Arm64,
        defaults: FunctionSettings::default(),
        groups: BTreeMap::new(),
        secrets: BTreeMap::new(),
        variables: BTreeMap::new(),
    }
}

/// An app with every kind of wiring and every kind of need.
fn everything() -> Manifest {
    let fifo = Queue { fifo: true, visibility_timeout_s: Some(120), concurrency: Some(5), ..plain_queue("ledger") };
    let large = Queue { batch: 100, batch_window_s: 5, retries: 0, ..plain_queue("orders-placed") };
    let groups = vec![
        group(
            "orders",
            vec![
                http(Some("POST"), "/orders"),
                http(Some("GET"), "/orders/{id}"),
                http(Some("HEAD"), "/orders"),
                http(None, "/files/{*rest}"),
                queue(large),
                topic("prices"),
            ],
        ),
        group(
            "nightly-reports",
            vec![
                http(Some("GET"), "/"),
                http(Some("DELETE"), "/orders/{order}/items/{item}"),
                cron("report", "0 3 * * 1-5"),
                cron("tidy-up", "*/15 * * * *"),
                queue(fifo),
                topic("prices"),
                bucket("uploads", &["ObjectCreated:*", "ObjectRemoved:Delete"], Some("in/"), Some(".csv")),
                bucket("exports", &["ObjectCreated:Put"], None, None),
                table("stock"),
                stream("clicks"),
                event("event:default/shop.orders/OrderPlaced", "default", &["shop.orders"], &["OrderPlaced"]),
                event("event:partners", "partners", &[], &[]),
                websocket("chat"),
            ],
        ),
        group(
            "any",
            vec![
                queue(Queue { source: Source::Any, ..plain_queue("") }),
                wiring("topic:*", "hear", WiringKind::Topic(Topic { source: Source::Any })),
            ],
        ),
    ];
    let store = service(
        "Store",
        &["Config"],
        vec![
            Need::ReadTable("orders".to_owned()),
            Need::WriteTable("orders".to_owned()),
            Need::ReadTable("stock".to_owned()),
            Need::SendToQueue("orders-placed".to_owned()),
            Need::SendToQueue("mail".to_owned()),
            Need::PublishToTopic("prices".to_owned()),
            Need::PublishToTopic("alarms".to_owned()),
            Need::PutEvents("default".to_owned()),
            Need::PutEvents("partners".to_owned()),
            Need::ReadBucket("uploads".to_owned()),
            Need::WriteBucket("archive".to_owned()),
            Need::PutToStream("clicks".to_owned()),
            Need::PutToStream("audit".to_owned()),
        ],
    );
    let config = service(
        "Config",
        &[],
        vec![
            Need::ReadSecret("shop/db".to_owned()),
            Need::ReadParameter("/shop/currency".to_owned()),
            Need::Variable("DATABASE_URL".to_owned()),
            Need::Variable("AWS_REGION".to_owned()),
        ],
    );
    let mut manifest = serve(manifest(groups), "answer", vec![store]);
    manifest.services.push(config);
    manifest
}

fn tree(manifest: &Manifest) -> Node {
    build(manifest, &options()).expect("the app has a template").0
}

#[test]
fn a_template_with_everything_in_it() {
    let template = render(&everything(), &options()).expect("the app has a template");
    insta::assert_snapshot!(template.yaml);
}

#[test]
fn the_same_manifest_gives_the_same_bytes() {
    assert_eq!(render(&everything(), &options()), render(&everything(), &options()));
}

#[test]
fn no_action_is_a_wildcard_and_no_resource_is_everything() {
    let mut actions = 0;
    tree(&everything()).walk(&mut |key, value| {
        let texts: Vec<&str> = match value {
            Node::Text(text) => vec![text],
            Node::List(items) => {
                items.iter().filter_map(|i| if let Node::Text(t) = i { Some(t.as_str()) } else { None }).collect()
            }
            _ => vec![],
        };
        if key == "Action" {
            actions += texts.len();
            assert!(texts.iter().all(|action| !action.contains('*')), "{texts:?}");
        }
        if key == "Resource" || key == "Principal" {
            assert!(!texts.contains(&"*"), "{texts:?}");
        }
    });
    assert!(actions > 40, "{actions}");
}

#[test]
fn a_service_that_a_group_does_not_reach_grants_it_nothing() {
    let yaml = render(&everything(), &options()).expect("the app has a template").yaml;
    let role = yaml.split("  AnyRole:").nth(1).and_then(|rest| rest.split("  AnyLogGroup:").next()).expect("a role");
    let actions: Vec<&str> =
        role.lines().filter_map(|line| line.trim().strip_prefix("- ")).filter(|l| l.contains(':')).collect();
    let actions: Vec<&str> = actions.into_iter().filter(|line| !line.contains(' ')).collect();
    assert_eq!(actions, ["logs:CreateLogStream", "logs:PutLogEvents"]);
}

/// The statements of a role that name a secret, as YAML has them.
fn secret_statements(settings: SecretSettings) -> (String, String) {
    let secrets = BTreeMap::from([("shop/db".to_owned(), settings)]);
    let yaml = render(&everything(), &TemplateOptions { secrets, ..options() }).expect("the app has a template").yaml;
    let role =
        yaml.split("  OrdersRole:").nth(1).and_then(|rest| rest.split("  OrdersLogGroup:").next()).expect("a role");
    let statements = role.split("          - Sid: ").filter(|statement| statement.contains("ShopDbSecret"));
    let parameters = yaml.split("Resources:").next().expect("parameters").split("\n  ShopDb").skip(1);
    let parameters = parameters.map(|parameter| parameter.split("\n  S").next().unwrap_or_default());
    (parameters.collect::<Vec<_>>().join("\n"), statements.collect())
}

#[test]
fn a_secret_is_granted_where_it_is_kept_and_its_key_for_it_alone() {
    let parameter_store = SecretSettings { store: SecretStore::ParameterStore, kms_key: true };
    let (parameters, statements) = secret_statements(parameter_store);
    insta::assert_snapshot!(parameters + "\n" + &statements, @r#"
    SecretArn:
        Type: String
        Description: The ARN of the secret `shop/db`
        AllowedPattern: arn:[a-z-]+:ssm:[a-z0-9-]+:[0-9]{12}:parameter/.+
    SecretKeyArn:
        Type: String
        Description: The ARN of the KMS key of the secret `shop/db`
        AllowedPattern: arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+
    ReadShopDbSecret
                Effect: Allow
                Action:
                - ssm:GetParameter
                Resource:
                  Ref: ShopDbSecretArn
    DecryptShopDbSecret
                Effect: Allow
                Action:
                - kms:Decrypt
                Resource:
                  Ref: ShopDbSecretKeyArn
                Condition:
                  StringEquals:
                    "kms:EncryptionContext:PARAMETER_ARN":
                      Ref: ShopDbSecretArn
    "#);
    let (parameters, statements) = secret_statements(SecretSettings { kms_key: true, ..SecretSettings::default() });
    assert!(parameters.contains("SecretKeyArn:"), "{parameters}");
    assert!(
        statements.contains("\"kms:EncryptionContext:SecretARN\":\n                  Ref: ShopDbSecretArn"),
        "{statements}"
    );
    let account_key = SecretSettings { kms_key: false, ..parameter_store };
    let (parameters, statements) = secret_statements(account_key);
    assert!(!statements.contains("kms:") && !parameters.contains("kms:"), "{parameters}{statements}");
}

#[test]
fn a_variable_of_the_file_of_settings_is_the_default_of_its_parameter() {
    let variables = BTreeMap::from([("DATABASE_URL".to_owned(), "0123".to_owned())]);
    let yaml = render(&everything(), &TemplateOptions { variables, ..options() }).expect("the app has a template").yaml;
    let parameter =
        yaml.split("\n  DatabaseUrl:").nth(1).and_then(|rest| rest.split("\n  M").next()).expect("a parameter");
    assert!(parameter.contains("Type: String") && parameter.contains("Default: \"0123\""), "{parameter}");
}

#[test]
fn settings_of_a_secret_that_nothing_reads_are_refused() {
    let secrets = BTreeMap::from([("shop-db".to_owned(), SecretSettings::default())]);
    assert_eq!(
        problems(&everything(), &TemplateOptions { secrets, ..options() }),
        [
            "PK0312 the app: the settings say where the secret `shop-db` is kept, and no service reads it; the app reads: shop/db"
        ]
    );
}

#[test]
fn what_is_left_out_is_said() {
    let template = render(&everything(), &options()).expect("the app has a template");
    let warnings: Vec<String> = template.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "group `any`, wiring `queue:*`: takes any queue, so the template creates none for it",
            "group `any`, wiring `topic:*`: takes any topic, so the template creates none for it",
        ]
    );
    assert!(template.yaml.contains("# note: group `any`, wiring `queue:*`"));
}

#[test]
fn what_will_surprise_is_said() {
    let slow = FunctionSettings { timeout_s: 60, ..FunctionSettings::default() };
    let options = TemplateOptions { groups: BTreeMap::from([("a".to_owned(), slow)]), ..options() };
    let short = Queue { visibility_timeout_s: Some(60), ..plain_queue("jobs") };
    let template = render(&manifest(vec![group("a", vec![http(None, "/"), queue(short)])]), &options);
    let notices: Vec<Notice> =
        template.expect("the app has a template").warnings.into_iter().map(|warning| warning.notice).collect();
    assert_eq!(
        notices,
        [Notice::SlowRoute { timeout_s: 60 }, Notice::ShortVisibility { visibility_s: 60, advised_s: 360 }]
    );
}

#[test]
fn what_eventbridge_does_not_honour_of_a_schedule_is_said() {
    let mut nightly = cron("nightly", "0 3 * * *");
    let WiringKind::Cron(schedule) = &mut nightly.kind else { panic!("it is a schedule") };
    (schedule.misfire, schedule.overlap) = (Misfire::All, Overlap::Queue);
    let manifest = manifest(vec![group("reports", vec![nightly, cron("hourly", "0 * * * *")])]);
    let template = render(&manifest, &options()).expect("the app has a template");
    let notices: Vec<Notice> = template.warnings.into_iter().map(|warning| warning.notice).collect();
    assert_eq!(notices, [Notice::Overlap, Notice::Misfire]);
}

#[test]
fn one_group_that_takes_every_request_needs_no_other_route() {
    let yaml = render(&manifest(vec![group("echo", vec![http(None, "/{*path}"), http(None, "/")])]), &options())
        .expect("the app has a template")
        .yaml;
    assert_eq!(yaml.matches("Type: HttpApi").count(), 2, "{yaml}");
    assert!(yaml.contains("Path: /{path+}"), "{yaml}");
}

/// The same with middleware that answers its preflights.
fn with_cors(mut wiring: Wiring) -> Wiring {
    wiring.layers.push(Layer {
        kind: LayerKind::Middleware,
        name: "cors(shop)".to_owned(),
        description: String::new(),
        location: None,
        rule: None,
        at: "app".to_owned(),
        session: SessionMode::None,
        services: vec![],
        reads: pikku_manifest::Reads::default(),
        preflight: true,
    });
    wiring
}

#[test]
fn the_preflights_of_a_route_come_to_its_group() {
    let first = group("first", vec![http(Some("GET"), "/plain")]);
    let orders = [http(Some("GET"), "/orders"), http(Some("POST"), "/orders"), http(Some("PUT"), "/orders/{id}")];
    let second = group("second", orders.into_iter().map(with_cors).collect());
    let own = group("third", vec![with_cors(http(Some("GET"), "/own")), http(Some("OPTIONS"), "/own")]);
    let yaml = render(&manifest(vec![first, second, own]), &options()).expect("the app has a template").yaml;
    let of_second = yaml.split_once("\n  SecondFunction:").expect("the group has a function").1;
    let of_second = of_second.split_once("\n  ThirdFunction:").expect("so has the next").0;
    for event in ["OptionsOrders:", "OptionsOrdersById:"] {
        assert_eq!(of_second.matches(event).count(), 1, "{event} {yaml}");
    }
    assert_eq!(yaml.matches("Method: OPTIONS").count(), 3, "{yaml}");

    // One group alone can answer for a path.
    let split = ["a", "b"].map(|name| {
        let method = if name == "a" { "GET" } else { "POST" };
        group(name, vec![with_cors(http(Some(method), "/orders"))])
    });
    let problems = problems(&manifest(split.to_vec()), &options());
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("`OPTIONS /orders`") && problems[0].contains("`a`"), "{problems:?}");
}

/// The codes and messages of what is wrong with an app.
fn problems(manifest: &Manifest, options: &TemplateOptions) -> Vec<String> {
    let errors = render(manifest, options).expect_err("the app has no template");
    errors.iter().map(|error| format!("{} {error}; {}", error.code(), error.fix())).collect()
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let strange = FunctionSettings { memory_mb: 64, timeout_s: 0, log_retention_days: 2 };
    let options = TemplateOptions { groups: BTreeMap::from([("a".to_owned(), strange)]), ..options() };
    let bad = Queue {
        batch: 11,
        batch_window_s: 1,
        retries: 1000,
        visibility_timeout_s: Some(43_201),
        fifo: true,
        concurrency: Some(1),
        ..plain_queue("ledger")
    };
    let groups = vec![
        group(
            "a",
            vec![
                http(Some("TRACE"), "/"),
                http(Some("GET"), "/x/{a}"),
                queue(bad),
                queue(Queue { batch: 11, ..plain_queue("large") }),
                cron("both", "0 0 1 * 1"),
                cron("not posix", "@daily"),
                cron("odd name", "0 0 * * *"),
                bucket("Bad_Name", &["ObjectCreated:*"], None, None),
                bucket("uploads", &["ObjectCreated:*"], Some("in/"), None),
                table("t"),
            ],
        ),
        group(
            "b",
            vec![
                http(Some("GET"), "/x/{b}"),
                queue(plain_queue("ledger")),
                bucket("uploads", &["ObjectCreated:Put"], Some("in/new/"), Some(".csv")),
                bucket("silent", &[], None, None),
                websocket("chat"),
                topic("--"),
            ],
        ),
        group("c", vec![websocket("chat"), topic("a-b"), topic("a_b")]),
    ];
    let service =
        service("Config", &[], vec![Need::Variable("NOT OK".to_owned()), Need::Variable("PIKKU_SOURCES".to_owned())]);
    let manifest = serve(manifest(groups), "answer", vec![service]);
    insta::assert_snapshot!(problems(&manifest, &options).join("\n"));
}

#[test]
fn an_environment_that_lambda_does_not_take_is_refused() {
    let queues = |count: usize| (0..count).map(|n| queue(plain_queue(&format!("queue-number-{n:04}")))).collect();
    let full = manifest(vec![group("a", queues(200))]);
    assert_eq!(problems(&full, &options()).len(), 1);
    assert!(problems(&full, &options())[0].starts_with("PK0306 group `a`: its environment has at least 6"));
    let nearly = render(&manifest(vec![group("a", queues(60))]), &options()).expect("it may fit");
    assert!(matches!(nearly.warnings[0].notice, Notice::Environment { bytes: 4097.. }));
}

#[test]
fn notifications_that_do_not_overlap_are_taken() {
    for (left, right) in [
        (bucket("b-1", &["ObjectCreated:*"], None, None), bucket("b-1", &["ObjectRemoved:*"], None, None)),
        (bucket("b-1", &["ObjectCreated:*"], Some("a/"), None), bucket("b-1", &["ObjectCreated:*"], Some("b/"), None)),
        (
            bucket("b-1", &["ObjectCreated:*"], None, Some(".csv")),
            bucket("b-1", &["ObjectCreated:*"], None, Some(".txt")),
        ),
        (bucket("b-1", &["ObjectCreated:*"], None, None), bucket("b-2", &["ObjectCreated:*"], None, None)),
    ] {
        let manifest = manifest(vec![group("a", vec![left]), group("b", vec![right])]);
        assert!(render(&manifest, &options()).is_ok());
    }
}

#[test]
fn each_code_has_a_page() {
    for number in 301..=312 {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/explain/PK{number:04}.md"));
        assert!(page.is_file(), "{}", page.display());
    }
}
