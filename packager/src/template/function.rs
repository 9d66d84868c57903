//! One group: its function, its role, its log, and the queue that keeps what it could not do.

use super::error::{Notice, Place, Problem};
use super::handles::Created;
use super::node::{Node, Text, attribute, list, map, reference};
use super::options::{FunctionSettings, TemplateOptions};
use super::policy::{self, Grant};
use super::routes;
use super::sources;
use super::stack::{Stack, pascal};
use pikku_manifest::{Group, Manifest, Need, WiringKind};
use std::collections::BTreeSet;

/// What Lambda takes of environment variables, names and values together.
const ENVIRONMENT_BYTES: usize = 4096;

/// The longest that the name of a resource gets whose name CloudFormation chooses.
const PHYSICAL_NAME_BYTES: usize = 80;

/// How long a queue of failures keeps them: the longest SQS does, 14 days.
pub(super) const FAILURES_KEPT_S: u32 = 1_209_600;

/// A group's function while its wirings are read.
#[derive(Debug)]
pub(super) struct Function<'m> {
    pub(super) group: &'m Group,
    pub(super) settings: FunctionSettings,
    /// Its logical id; those of what belongs to it begin with the same word.
    pub(super) id: String,
    pub(super) events: Vec<(String, Node)>,
    pub(super) grants: Vec<Grant>,
    /// The physical names of the sources that feed it, by the wirings' ids.
    pub(super) sources: Vec<(String, Text)>,
    /// The logical id of the queue that keeps failed calls, once something sends there.
    failures: Option<String>,
    /// Whether it is called without anybody waiting for the answer.
    pub(super) asynchronous: bool,
    /// The services, and the ARNs of their resources, that put events on the queue of failures themselves.
    pub(super) failure_senders: Vec<(&'static str, Node)>,
}

impl Function<'_> {
    /// A logical id of something that belongs to the group.
    pub(super) fn own_id(&self, suffix: &str) -> String {
        format!("{}{suffix}", pascal(&self.group.name))
    }

    /// The ARN of the queue that keeps what could not be done.
    pub(super) fn failures_arn(&mut self) -> Node {
        let id = self.own_id("FailuresQueue");
        attribute(self.failures.insert(id), "Arn")
    }
}

/// Adds a group's function and all that belongs to it.
pub(super) fn add(
    stack: &mut Stack,
    manifest: &Manifest,
    created: &Created,
    group: &Group,
    options: &TemplateOptions,
    routes: Vec<(String, Node)>,
) {
    let place = Place::group(&group.name);
    let settings = options.settings(&group.name);
    stack.errors.extend(settings.faults(&group.name));
    if !routes.is_empty() && settings.timeout_s > 30 {
        stack.warn(&place, Notice::SlowRoute { timeout_s: settings.timeout_s });
    }
    let mut function = Function {
        group,
        settings,
        id: format!("{}Function", pascal(&group.name)),
        events: routes,
        grants: Vec::new(),
        sources: Vec::new(),
        failures: None,
        asynchronous: false,
        failure_senders: Vec::new(),
    };
    let log_group = function.own_id("LogGroup");
    let log = Text::name(format!("{log_group}.Arn"));
    function.grants.push(Grant::new("WriteLog", &["logs:CreateLogStream", "logs:PutLogEvents"], log));
    for wiring in &group.wirings {
        sources::wire(stack, created, &mut function, wiring);
    }
    let invoke_config = function.asynchronous.then(|| invoke_config(function.failures_arn()));
    if let Some(failures) = &function.failures {
        let arn = Text::name(format!("{failures}.Arn"));
        function.grants.push(Grant::new("KeepFailures", &["sqs:SendMessage"], arn));
    }
    let environment = environment(stack, manifest, created, options, &mut function);

    let mut properties = vec![
        ("Description", describe(group).into()),
        ("CodeUri", format!("{}.zip", group.name).into()),
        ("Runtime", "provided.al2023".into()),
        ("Handler", "bootstrap".into()),
        ("Architectures", list([options.architecture.to_string()])),
        ("MemorySize", settings.memory_mb.into()),
        ("Timeout", settings.timeout_s.into()),
        ("Role", attribute(&function.own_id("Role"), "Arn")),
        ("LoggingConfig", map([("LogGroup", reference(&log_group)), ("LogFormat", "JSON".into())])),
    ];
    if !environment.is_empty() {
        properties.push(("Environment", map([("Variables", Node::Map(environment))])));
    }
    properties.extend(invoke_config.map(|config| ("EventInvokeConfig", config)));
    if !function.events.is_empty() {
        properties.push(("Events", Node::Map(std::mem::take(&mut function.events))));
    }
    let properties = properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let resource = map([("Type", "AWS::Serverless::Function".into()), ("Properties", Node::Map(properties))]);
    let what = format!("the function of the group `{}`", group.name);
    stack.resource(&function.id, &what, &place, resource);
    stack.output(&format!("{}Name", function.id), &format!("The name of {what}"), reference(&function.id));

    let what = format!("the role of the group `{}`", group.name);
    let description = format!("What the bundle {} may do", group.name);
    let grants = std::mem::take(&mut function.grants);
    let role = policy::role(&description, "lambda.amazonaws.com", None, &group.name, grants);
    stack.resource(&function.own_id("Role"), &what, &place, role);
    let what = format!("the log of the group `{}`", group.name);
    stack.resource(&log_group, &what, &place, log_resource(&group.name, settings));
    add_failures(stack, &place, &function);
}

/// The queue of what failed, and who may send there.
fn add_failures(stack: &mut Stack, place: &Place, function: &Function<'_>) {
    let Some(id) = &function.failures else { return };
    let group = &function.group.name;
    let what = format!("the queue of failures of the group `{group}`");
    let properties = map([("MessageRetentionPeriod", FAILURES_KEPT_S.into()), ("SqsManagedSseEnabled", true.into())]);
    stack.resource(id, &what, place, map([("Type", "AWS::SQS::Queue".into()), ("Properties", properties)]));
    stack.output(&format!("{id}Url"), &format!("The URL of {what}"), reference(id));
    if function.failure_senders.is_empty() {
        return;
    }
    let statements = function.failure_senders.iter().map(|(service, source)| {
        map([
            ("Effect", "Allow".into()),
            ("Principal", map([("Service", (*service).into())])),
            ("Action", "sqs:SendMessage".into()),
            ("Resource", attribute(id, "Arn")),
            ("Condition", map([("ArnEquals", map([("aws:SourceArn", source.clone())]))])),
        ])
    });
    let properties =
        map([("Queues", list([reference(id)])), ("PolicyDocument", policy::document(statements.collect()))]);
    let what = format!("who may send to {what}");
    let policy = map([("Type", "AWS::SQS::QueuePolicy".into()), ("Properties", properties)]);
    stack.resource(&format!("{id}Policy"), &what, place, policy);
}

fn invoke_config(failures: Node) -> Node {
    let destination = map([("Type", "SQS".into()), ("Destination", failures)]);
    map([
        ("MaximumEventAgeInSeconds", 21_600_u32.into()),
        ("MaximumRetryAttempts", 2_u32.into()),
        ("DestinationConfig", map([("OnFailure", destination)])),
    ])
}

fn log_resource(group: &str, settings: FunctionSettings) -> Node {
    let name = Text::literal("/aws/lambda/").then_name("AWS::StackName").then_literal(format!("/{group}"));
    let properties = map([("LogGroupName", name.into_node()), ("RetentionInDays", settings.log_retention_days.into())]);
    map([("Type", "AWS::Logs::LogGroup".into()), ("Properties", properties)])
}

/// The functions a group answers with, within the 256 characters that Lambda takes.
fn describe(group: &Group) -> String {
    let names: BTreeSet<&str> = group.wirings.iter().map(|wiring| wiring.function.as_str()).collect();
    let text = format!("{}: {}", group.name, names.into_iter().collect::<Vec<_>>().join(", "));
    if text.chars().count() <= 256 { text } else { text.chars().take(253).chain("...".chars()).collect() }
}

/// The environment, and the grants of the services that the group reaches.
fn environment(
    stack: &mut Stack,
    manifest: &Manifest,
    created: &Created,
    options: &TemplateOptions,
    function: &mut Function<'_>,
) -> Vec<(String, Node)> {
    let place = Place::group(&function.group.name);
    let mut needs: Vec<(&Need, &str)> = Vec::new();
    for service in manifest.services_of(function.group) {
        needs.extend(service.needs.iter().map(|need| (need, service.name.as_str())));
    }
    needs.sort_unstable();
    needs.dedup_by_key(|(need, _)| *need);

    let mut resources: Vec<(String, Text)> = Vec::new();
    let mut variables: Vec<(String, Text)> = Vec::new();
    for (need, service) in needs {
        if let Some(granted) = policy::grant(stack, created, &place, options, need) {
            function.grants.push(granted.grant);
            function.grants.extend(granted.key_grant);
            if resources.iter().all(|(key, _)| *key != granted.key) {
                resources.push((granted.key, granted.address));
            }
        } else if let Need::Variable(name) = need {
            variables.extend(variable(stack, &place, options, name, service, false).map(|value| (name.clone(), value)));
        } else if let Need::OptionalVariable(name) = need
            && variables.iter().all(|(known, _)| known != name)
        {
            variables.extend(variable(stack, &place, options, name, service, true).map(|value| (name.clone(), value)));
        }
    }
    for (name, texts) in [("PIKKU_SOURCES", std::mem::take(&mut function.sources)), ("PIKKU_RESOURCES", resources)] {
        if !texts.is_empty() {
            variables.push((name.to_owned(), json_object(texts)));
        }
    }
    variables.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));

    let bytes = |value| variables.iter().map(|(name, text)| name.len() + text.length(value)).sum();
    let (least, most): (usize, usize) = (bytes(1), bytes(PHYSICAL_NAME_BYTES));
    if least > ENVIRONMENT_BYTES {
        stack.error(&place, Problem::Environment { bytes: least });
    } else if most > ENVIRONMENT_BYTES {
        stack.warn(&place, Notice::Environment { bytes: most });
    }
    variables.into_iter().map(|(name, text)| (name, text.into_node())).collect()
}

/// The parameter behind a variable, unless Lambda sets the variable by itself.
///
/// One that need not be set has an empty value unless it is given: services take that for none.
fn variable(
    stack: &mut Stack,
    place: &Place,
    options: &TemplateOptions,
    name: &str,
    service: &str,
    optional: bool,
) -> Option<Text> {
    const SET_BY_LAMBDA: [&str; 13] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
    ];
    if SET_BY_LAMBDA.contains(&name) {
        return None;
    }
    let reserved = name.starts_with("AWS_LAMBDA_") || name.starts_with("PIKKU_");
    let valid = name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if reserved || !valid {
        let (name, service) = (name.to_owned(), service.to_owned());
        stack.error(place, Problem::Variable { name, service, reserved });
        return None;
    }
    let what = format!("the environment variable `{name}`");
    let (kind, description) = (("Type", "String".into()), ("Description", format!("The value of {what}").into()));
    let given = options.variables.get(name).cloned().or_else(|| optional.then(String::new));
    let parameter = match given {
        Some(value) => map([kind, description, ("Default", value.into())]),
        None => map([kind, description]),
    };
    Some(Text::name(stack.parameter(pascal(name), &what, place, parameter)))
}

/// A JSON object of texts. The values are names and addresses of AWS, which JSON takes as they are.
fn json_object(texts: Vec<(String, Text)>) -> Text {
    let mut json = Text::literal("{");
    for (index, (key, value)) in texts.into_iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let key = serde_json::Value::String(key);
        json = json.then_literal(format!("{comma}{key}:\"")).then(value).then_literal("\"");
    }
    json.then_literal("}")
}

/// Whether any group has HTTP routes.
pub(super) fn has_routes(manifest: &Manifest) -> bool {
    manifest.groups.iter().flat_map(|group| &group.wirings).any(|wiring| matches!(wiring.kind, WiringKind::Http(_)))
}

/// The output that tells where the HTTP API is.
pub(super) fn add_api(stack: &mut Stack, app: &str) {
    stack.resource(routes::API, "the HTTP API", &Place::default(), routes::api(app));
    stack.output("ApiUrl", "Where the HTTP API is", attribute(routes::API, "ApiEndpoint"));
}
