//! How a deployed resource is named, granted and addressed, whether the template creates it or takes it as a parameter.

use super::error::{Place, Problem};
use super::node::{Node, Text, map, piece, reference};
use super::options::SecretStore;
use super::stack::{Stack, pascal};
use pikku_manifest::{Manifest, WiringKind};

/// A resource outside the bundle.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    /// Its physical name, by which events name it.
    pub(super) name: Text,
    /// Its ARN, by which it is granted.
    pub(super) arn: Text,
    /// What the calls of the AWS SDK take: a queue's URL, a topic's ARN, a secret's ARN, a name otherwise.
    pub(super) address: Text,
}

/// The names of the sources that wirings have the template create.
#[derive(Debug, Default)]
pub(super) struct Created {
    queues: Vec<String>,
    topics: Vec<String>,
    buckets: Vec<String>,
    streams: Vec<String>,
    /// Tables are not created, as their keys are not known, but their change streams are parameters.
    tables: Vec<String>,
}

impl Created {
    pub(super) fn of(manifest: &Manifest) -> Self {
        let mut created = Self::default();
        for wiring in manifest.groups.iter().flat_map(|group| &group.wirings) {
            let (names, source) = match &wiring.kind {
                WiringKind::Queue(queue) => (&mut created.queues, &queue.source),
                WiringKind::Topic(topic) => (&mut created.topics, &topic.source),
                WiringKind::Bucket(bucket) => (&mut created.buckets, &bucket.source),
                WiringKind::Stream(stream) => (&mut created.streams, &stream.source),
                WiringKind::Table(table) => (&mut created.tables, &table.source),
                WiringKind::Http(_) | WiringKind::Cron(_) | WiringKind::Event(_) | WiringKind::WebSocket(_) => continue,
            };
            names.extend(source.name().map(str::to_owned));
        }
        created
    }
}

/// The logical id of the thing of that name and kind.
pub(super) fn logical_id(stack: &mut Stack, place: &Place, kind: &'static str, name: &str, suffix: &str) -> String {
    let id = pascal(name);
    if id.is_empty() {
        let rule = "a name with an ASCII letter or digit";
        stack.error(place, Problem::Name { kind, name: name.to_owned(), rule });
    }
    id + suffix
}

pub(super) fn queue(stack: &mut Stack, created: &Created, place: &Place, name: &str) -> Handle {
    if contains(&created.queues, name) {
        let id = logical_id(stack, place, "queue", name, "Queue");
        return Handle {
            name: Text::name(format!("{id}.QueueName")),
            arn: Text::name(format!("{id}.Arn")),
            address: Text::name(id),
        };
    }
    let arn = arn_parameter(stack, place, "queue", name, "QueueArn", "sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+");
    let part = |word: &str, index| Text::value(format!("{arn}{word}"), piece(reference(&arn), ":", index));
    let address = Text::literal("https://sqs.")
        .then(part("Region", 3))
        .then_literal(".")
        .then_name("AWS::URLSuffix")
        .then_literal("/")
        .then(part("Account", 4))
        .then_literal("/")
        .then(part("Name", 5));
    Handle { name: part("Name", 5), arn: Text::name(arn.clone()), address }
}

/// Another group of the app.
pub(super) fn group(name: &str) -> Handle {
    let id = pascal(name) + "Function";
    Handle { name: Text::name(id.clone()), arn: Text::name(format!("{id}.Arn")), address: Text::name(id) }
}

pub(super) fn topic(stack: &mut Stack, created: &Created, place: &Place, name: &str) -> Handle {
    if contains(&created.topics, name) {
        let id = logical_id(stack, place, "topic", name, "Topic");
        return Handle {
            name: Text::name(format!("{id}.TopicName")),
            arn: Text::name(id.clone()),
            address: Text::name(id),
        };
    }
    let arn = arn_parameter(stack, place, "topic", name, "TopicArn", "sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+");
    let name = Text::value(format!("{arn}Name"), piece(reference(&arn), ":", 5));
    Handle { name, arn: Text::name(arn.clone()), address: Text::name(arn) }
}

pub(super) fn bucket(stack: &mut Stack, created: &Created, place: &Place, name: &str) -> Handle {
    if contains(&created.buckets, name) {
        // The bucket tells the function and the function knows the bucket: only a name known beforehand breaks the ring.
        // It ends in a piece of the stack's own id, as the names of buckets are taken worldwide.
        let stack_id = piece(reference("AWS::StackId"), "/", 2);
        let name = Text::literal(format!("{name}-")).then(Text::value("Stack", piece(stack_id, "-", 4)));
        let arn = Text::literal("arn:").then_name("AWS::Partition").then_literal(":s3:::").then(name.clone());
        return Handle { arn, address: name.clone(), name };
    }
    let arn = arn_parameter(stack, place, "bucket", name, "BucketArn", "s3:::[a-z0-9.-]+");
    let name = Text::value(format!("{arn}Name"), piece(reference(&arn), ":", 5));
    Handle { arn: Text::name(arn), address: name.clone(), name }
}

pub(super) fn stream(stack: &mut Stack, created: &Created, place: &Place, name: &str) -> Handle {
    if contains(&created.streams, name) {
        let id = logical_id(stack, place, "stream", name, "Stream");
        return Handle { name: Text::name(id.clone()), arn: Text::name(format!("{id}.Arn")), address: Text::name(id) };
    }
    let arn =
        arn_parameter(stack, place, "stream", name, "StreamArn", "kinesis:[a-z0-9-]+:[0-9]{12}:stream/[A-Za-z0-9_.-]+");
    let name = Text::value(format!("{arn}Name"), piece(reference(&arn), "/", 1));
    Handle { arn: Text::name(arn), address: name.clone(), name }
}

/// The parameter that holds the ARN of a table's change stream.
pub(super) fn table_stream(stack: &mut Stack, place: &Place, name: &str) -> String {
    let rest = "dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]+/stream/[0-9T:.-]+";
    let id = logical_id(stack, place, "table", name, "TableStreamArn");
    let what = format!("the change stream of the table `{name}`");
    parameter(stack, place, id, &what, &format!("The ARN of {what}"), rest)
}

pub(super) fn table(stack: &mut Stack, created: &Created, place: &Place, name: &str) -> Handle {
    let (id, arn) = if contains(&created.tables, name) {
        let stream = table_stream(stack, place, name);
        let arn = Text::value(format!("{stream}Table"), piece(reference(&stream), "/stream/", 0));
        (stream, arn)
    } else {
        let rest = "dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]+";
        let id = arn_parameter(stack, place, "table", name, "TableArn", rest);
        (id.clone(), Text::name(id))
    };
    let name = Text::value(format!("{id}Name"), piece(reference(&id), "/", 1));
    Handle { arn, address: name.clone(), name }
}

/// An event bus. The account's own is `default`; any other is expected to be there, under its name unless the
/// parameter says otherwise.
pub(super) fn event_bus(stack: &mut Stack, place: &Place, name: &str) -> Handle {
    let bus = if name == "default" {
        Text::literal(name)
    } else {
        let id = logical_id(stack, place, "event bus", name, "EventBusName");
        let what = format!("the event bus `{name}`");
        let parameter = map([
            ("Type", "String".into()),
            ("Description", format!("The name of {what}").into()),
            ("Default", name.into()),
            ("AllowedPattern", "[A-Za-z0-9_./-]+".into()),
        ]);
        Text::name(stack.parameter(id, &what, place, parameter))
    };
    let arn = regional("events").then_literal(":event-bus/").then(bus.clone());
    Handle { name: bus.clone(), arn, address: bus }
}

/// A secret: of Secrets Manager, where its ARN ends in letters that only that service knows, or a SecureString, which may be
/// another account's.
pub(super) fn secret(stack: &mut Stack, place: &Place, name: &str, store: SecretStore) -> Handle {
    let rest = match store {
        SecretStore::SecretsManager => "secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+",
        SecretStore::ParameterStore => "ssm:[a-z0-9-]+:[0-9]{12}:parameter/.+",
    };
    let arn = arn_parameter(stack, place, "secret", name, "SecretArn", rest);
    Handle { name: Text::name(arn.clone()), arn: Text::name(arn.clone()), address: Text::name(arn) }
}

/// The parameter that holds the ARN of the key that a secret is encrypted under.
pub(super) fn secret_key(stack: &mut Stack, place: &Place, name: &str) -> String {
    let id = logical_id(stack, place, "secret", name, "SecretKeyArn");
    let what = format!("the KMS key of the secret `{name}`");
    parameter(stack, place, id, &what, &format!("The ARN of {what}"), "kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+")
}

/// A parameter of Systems Manager, whose name is the same everywhere.
pub(super) fn system_parameter(name: &str) -> Handle {
    let arn = regional("ssm").then_literal(format!(":parameter/{}", name.trim_start_matches('/')));
    Handle { name: Text::literal(name), arn, address: Text::literal(name) }
}

/// The beginning of an ARN of this account in this region.
fn regional(service: &str) -> Text {
    Text::literal("arn:")
        .then_name("AWS::Partition")
        .then_literal(format!(":{service}:"))
        .then_name("AWS::Region")
        .then_literal(":")
        .then_name("AWS::AccountId")
}

fn arn_parameter(stack: &mut Stack, place: &Place, kind: &'static str, name: &str, suffix: &str, rest: &str) -> String {
    let id = logical_id(stack, place, kind, name, suffix);
    let what = format!("the {kind} `{name}`");
    parameter(stack, place, id, &what, &format!("The ARN of {what}"), rest)
}

fn parameter(stack: &mut Stack, place: &Place, id: String, what: &str, description: &str, rest: &str) -> String {
    let parameter: Node = map([
        ("Type", "String".into()),
        ("Description", description.into()),
        ("AllowedPattern", format!("arn:[a-z-]+:{rest}").into()),
    ]);
    stack.parameter(id, what, place, parameter)
}

fn contains(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known == name)
}
