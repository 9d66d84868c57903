//! The role of a group: what its wirings and its services need, and nothing else.
//!
//! No action is a wildcard. A resource is one ARN; only the objects of a bucket, whose keys are not known beforehand,
//! are named by `bucket/*`.

use super::error::Place;
use super::handles::{self, Created};
use super::node::{Node, Text, list, map};
use super::options::{SecretSettings, SecretStore, TemplateOptions};
use super::stack::{Stack, pascal};
use pikku_manifest::Need;

/// What may be done to one resource.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grant {
    sid: String,
    actions: &'static [&'static str],
    resource: Node,
    condition: Option<Node>,
}

impl Grant {
    /// Allows `actions` on the resource of that ARN.
    pub(super) fn new(sid: impl Into<String>, actions: &'static [&'static str], resource: Text) -> Self {
        Self { sid: sid.into(), actions, resource: resource.into_node(), condition: None }
    }

    /// Allows what a key of KMS has encrypted for `context` to be decrypted: a value of that one resource.
    fn decrypt(sid: String, key: &str, context: &str, resource: &Text) -> Self {
        let bound = map([(context, resource.clone().into_node())]);
        let condition = Some(map([("StringEquals", bound)]));
        Self { condition, ..Self::new(sid, &["kms:Decrypt"], Text::name(key)) }
    }

    fn into_node(self) -> Node {
        let mut entries = vec![
            ("Sid", self.sid.into()),
            ("Effect", "Allow".into()),
            ("Action", list(self.actions.iter().copied())),
            ("Resource", self.resource),
        ];
        entries.extend(self.condition.map(|condition| ("Condition", condition)));
        Node::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

/// An IAM role that a service of AWS takes on.
pub(super) fn role(
    description: &str,
    service: &str,
    condition: Option<Node>,
    policy: &str,
    grants: Vec<Grant>,
) -> Node {
    let mut trust = vec![
        ("Effect".to_owned(), "Allow".into()),
        ("Principal".to_owned(), map([("Service", service.into())])),
        ("Action".to_owned(), "sts:AssumeRole".into()),
    ];
    trust.extend(condition.map(|condition| ("Condition".to_owned(), condition)));
    map([
        ("Type", "AWS::IAM::Role".into()),
        (
            "Properties",
            map([
                ("Description", description.into()),
                ("AssumeRolePolicyDocument", document(vec![Node::Map(trust)])),
                (
                    "Policies",
                    Node::List(vec![map([
                        ("PolicyName", policy.into()),
                        ("PolicyDocument", document(grants.into_iter().map(Grant::into_node).collect())),
                    ])]),
                ),
            ]),
        ),
    ])
}

/// A policy document of the given statements.
pub(super) fn document(statements: Vec<Node>) -> Node {
    map([("Version", "2012-10-17".into()), ("Statement", Node::List(statements))])
}

/// What a need comes to: the grant for it, and how the service finds the resource.
#[derive(Debug)]
pub(super) struct Granted {
    /// The grant.
    pub(super) grant: Grant,
    /// The grant for the key that it is encrypted under.
    pub(super) key_grant: Option<Grant>,
    /// The resource's key in `PIKKU_RESOURCES`: its kind and its logical name.
    pub(super) key: String,
    /// What the AWS SDK takes for it.
    pub(super) address: Text,
}

/// What a need comes to; nothing for a variable, which is no permission.
pub(super) fn grant(
    stack: &mut Stack,
    created: &Created,
    place: &Place,
    options: &TemplateOptions,
    need: &Need,
) -> Option<Granted> {
    if let Need::ReadSecret(name) = need {
        return Some(secret(stack, place, name, options.secrets.get(name).copied().unwrap_or_default()));
    }
    let (verb, kind, name, handle, actions): (_, _, _, _, &'static [&'static str]) = match need {
        Need::SendToQueue(name) => {
            ("SendTo", "queue", name, handles::queue(stack, created, place, name), &["sqs:SendMessage"])
        }
        Need::PublishToTopic(name) => {
            ("PublishTo", "topic", name, handles::topic(stack, created, place, name), &["sns:Publish"])
        }
        Need::PutEvents(name) => {
            ("PutEventsOn", "event", name, handles::event_bus(stack, place, name), &["events:PutEvents"])
        }
        Need::ReadBucket(name) => ("Read", "bucket", name, objects(stack, created, place, name), &["s3:GetObject"]),
        Need::WriteBucket(name) => (
            "Write",
            "bucket",
            name,
            objects(stack, created, place, name),
            &["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"],
        ),
        Need::ReadTable(name) => (
            "Read",
            "table",
            name,
            handles::table(stack, created, place, name),
            &["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"],
        ),
        Need::WriteTable(name) => (
            "Write",
            "table",
            name,
            handles::table(stack, created, place, name),
            &["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        ),
        Need::PutToStream(name) => (
            "PutTo",
            "stream",
            name,
            handles::stream(stack, created, place, name),
            &["kinesis:PutRecord", "kinesis:PutRecords"],
        ),
        Need::ReadParameter(name) => {
            ("Read", "parameter", name, handles::system_parameter(name), &["ssm:GetParameter"])
        }
        Need::CallGroup(name) => ("Call", "group", name, handles::group(name), &["lambda:InvokeFunction"]),
        // A variable is no permission, and what Lambda does not bind it does not grant.
        Need::ReadSecret(_) | Need::Variable(_) | Need::OptionalVariable(_) | Need::Database(_) | Need::KeyValue(_) => {
            return None;
        }
    };
    let sid = format!("{verb}{}{}", pascal(name), pascal(kind));
    Some(Granted {
        grant: Grant::new(sid, actions, handle.arn),
        key_grant: None,
        key: format!("{kind}:{name}"),
        address: handle.address,
    })
}

/// A secret, where it is kept, and the key that it is encrypted under where that is the user's own: it may decrypt this secret
/// alone, which both services name in the encryption context.
fn secret(stack: &mut Stack, place: &Place, name: &str, settings: SecretSettings) -> Granted {
    let handle = handles::secret(stack, place, name, settings.store);
    let (actions, context): (&'static [&'static str], _) = match settings.store {
        SecretStore::SecretsManager => (&["secretsmanager:GetSecretValue"], "kms:EncryptionContext:SecretARN"),
        SecretStore::ParameterStore => (&["ssm:GetParameter"], "kms:EncryptionContext:PARAMETER_ARN"),
    };
    let key_grant = settings.kms_key.then(|| {
        let key = handles::secret_key(stack, place, name);
        Grant::decrypt(format!("Decrypt{}Secret", pascal(name)), &key, context, &handle.arn)
    });
    let grant = Grant::new(format!("Read{}Secret", pascal(name)), actions, handle.arn);
    Granted { grant, key_grant, key: format!("secret:{name}"), address: handle.address }
}

/// The objects of a bucket.
fn objects(stack: &mut Stack, created: &Created, place: &Place, name: &str) -> handles::Handle {
    let bucket = handles::bucket(stack, created, place, name);
    handles::Handle { arn: bucket.arn.then_literal("/*"), ..bucket }
}
