use super::{
    batch::{self, Of, Record},
    text::{Text, owned, some},
};
use crate::error::InvocationError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use pikku::{
    BoxFuture, Bytes, Engine, Kinds, Selection,
    call::{
        AttributeValue, Context, MessageAttribute, ObjectEvent, QueueMessage, StreamRecord, TableChange, TopicMessage,
    },
    http::parse_query,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{collections::BTreeMap, future::ready};

/// What tells the source of a record.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(borrow, alias = "EventSource", rename = "eventSource")]
    source: Option<Text<'a>>,
}

/// Handles a batch of records of one source. Kinds that `S` does not select are not compiled.
pub(super) fn handle<'a, S: Selection>(
    engine: &'a Engine,
    records: &'a RawValue,
    context: Context,
) -> BoxFuture<'a, Result<String, InvocationError>> {
    match batch::<S>(records) {
        Ok((records, Unit::Item { ordered })) => Box::pin(batch::items(engine, records, ordered, context)),
        Ok((records, Unit::Whole)) => Box::pin(batch::whole(engine, records, context)),
        Err(error) => Box::pin(ready(Err(error))),
    }
}

/// What the platform can be told failed.
enum Unit {
    /// Each record by itself.
    Item {
        /// Whether the records after a failed one must wait.
        ordered: bool,
    },
    /// All of the records.
    Whole,
}

fn batch<S: Selection>(records: &RawValue) -> Result<(Vec<Record>, Unit), InvocationError> {
    let records: Vec<&RawValue> = read(records)?;
    let Some(first) = records.first() else {
        return Err(InvocationError::malformed("`Records` is empty"));
    };
    let probe: Probe<'_> = read(first)?;
    let source = probe.source.as_deref().unwrap_or_default();
    if const { S::KINDS.has(Kinds::QUEUE) } && source == "aws:sqs" {
        let records = all(&records, queue)?;
        let ordered = records.first().is_some_and(|record| record.ordered);
        return Ok((records, Unit::Item { ordered }));
    }
    if const { S::KINDS.has(Kinds::TABLE) } && source == "aws:dynamodb" {
        return Ok((all(&records, table)?, Unit::Item { ordered: true }));
    }
    if const { S::KINDS.has(Kinds::STREAM) } && source == "aws:kinesis" {
        return Ok((all(&records, stream)?, Unit::Item { ordered: true }));
    }
    if const { S::KINDS.has(Kinds::TOPIC) } && source == "aws:sns" {
        return Ok((all(&records, topic)?, Unit::Whole));
    }
    if const { S::KINDS.has(Kinds::BUCKET) } && source == "aws:s3" {
        return Ok((all(&records, object)?, Unit::Whole));
    }
    Err(InvocationError::unknown(match source {
        "" => "records arrived that do not name their source".into(),
        "aws:sqs" | "aws:dynamodb" | "aws:kinesis" | "aws:sns" | "aws:s3" => {
            format!("records of `{source}` arrived, but no function of this bundle is wired for their kind")
        }
        source => format!("records of the unknown source `{source}` arrived"),
    }))
}

fn read<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Result<T, InvocationError> {
    serde_json::from_str(json.get()).map_err(InvocationError::malformed)
}

fn all<'a>(
    records: &[&'a RawValue],
    record: impl Fn(&'a RawValue) -> Result<Record, InvocationError>,
) -> Result<Vec<Record>, InvocationError> {
    records.iter().map(|json| record(json)).collect()
}

/// The last part of an ARN that is parted by `separator`.
fn after(arn: &str, separator: char) -> &str {
    arn.rsplit(separator).next().unwrap_or(arn)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sqs<'a> {
    message_id: String,
    #[serde(borrow)]
    receipt_handle: Option<Text<'a>>,
    body: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default, borrow)]
    message_attributes: BTreeMap<String, SqsAttribute<'a>>,
    #[serde(borrow, rename = "eventSourceARN")]
    arn: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsAttribute<'a> {
    #[serde(borrow)]
    data_type: Option<Text<'a>>,
    #[serde(borrow)]
    string_value: Option<Text<'a>>,
    #[serde(borrow)]
    binary_value: Option<Text<'a>>,
}

/// "Using Lambda with Amazon SQS".
fn queue(json: &RawValue) -> Result<Record, InvocationError> {
    let sqs: Sqs<'_> = read(json)?;
    let attribute = |name: &str| sqs.attributes.get(name).cloned();
    let name = after(&sqs.arn, ':').to_owned();
    let message = QueueMessage {
        octets: None,
        logical_queue: None,
        content_type: None,
        queue_id: sqs.arn.0.clone().into_owned(),
        id: sqs.message_id.clone(),
        receipt_handle: owned(sqs.receipt_handle.as_ref()),
        receive_count: attribute("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1),
        sent_at_ms: attribute("SentTimestamp").and_then(|time| time.parse().ok()),
        fifo: name.ends_with(".fifo"),
        group_id: attribute("MessageGroupId"),
        deduplication_id: attribute("MessageDeduplicationId"),
        sequence_number: attribute("SequenceNumber"),
        message_attributes: sqs
            .message_attributes
            .iter()
            .map(|(name, value)| {
                let attribute = MessageAttribute {
                    data_type: owned(value.data_type.as_ref()),
                    value: owned(value.string_value.as_ref().or(value.binary_value.as_ref())),
                };
                (name.clone(), attribute)
            })
            .collect(),
        attributes: sqs.attributes,
        body: sqs.body,
        queue: name.clone(),
    };
    Ok(Record { item: sqs.message_id, ordered: message.fifo, name, of: Of::Queue, trigger: message.into() })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sns<'a> {
    #[serde(borrow)]
    sns: Notification<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification<'a> {
    message_id: String,
    #[serde(borrow)]
    topic_arn: Text<'a>,
    #[serde(borrow)]
    subject: Option<Text<'a>>,
    message: String,
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
    #[serde(default, borrow)]
    message_attributes: BTreeMap<String, SnsAttribute<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnsAttribute<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
}

/// "Invoking Lambda functions with Amazon SNS notifications".
fn topic(json: &RawValue) -> Result<Record, InvocationError> {
    let sns = read::<Sns<'_>>(json)?.sns;
    let name = after(&sns.topic_arn, ':').to_owned();
    let attribute = |(name, value): (String, SnsAttribute<'_>)| {
        let attribute =
            MessageAttribute { data_type: owned(value.r#type.as_ref()), value: owned(value.value.as_ref()) };
        (name, attribute)
    };
    let message = TopicMessage {
        topic: name.clone(),
        topic_id: owned(Some(&sns.topic_arn)),
        id: sns.message_id.clone(),
        subject: some(sns.subject.as_ref()),
        message: sns.message,
        time: owned(sns.timestamp.as_ref()),
        attributes: sns.message_attributes.into_iter().map(attribute).collect(),
    };
    Ok(Record { item: sns.message_id, ordered: false, name, of: Of::Topic, trigger: message.into() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Record<'a> {
    #[serde(borrow)]
    event_name: Text<'a>,
    #[serde(borrow)]
    event_time: Option<Text<'a>>,
    #[serde(borrow)]
    s3: S3<'a>,
}

#[derive(Deserialize)]
struct S3<'a> {
    #[serde(borrow)]
    bucket: S3Bucket<'a>,
    #[serde(borrow)]
    object: S3Object<'a>,
}

#[derive(Deserialize)]
struct S3Bucket<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Object<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    size: Option<u64>,
    #[serde(borrow)]
    e_tag: Option<Text<'a>>,
    #[serde(borrow)]
    version_id: Option<Text<'a>>,
    #[serde(borrow)]
    sequencer: Option<Text<'a>>,
}

/// "Event message structure" of S3: the key is form-encoded.
fn object(json: &RawValue) -> Result<Record, InvocationError> {
    let S3Record { event_name, event_time, s3: S3 { bucket, object } } = read(json)?;
    let encoded = object.key.replace('=', "%3D").replace('&', "%26");
    let key = parse_query(encoded.as_bytes()).pop().map(|(key, _)| key).unwrap_or_default();
    let event = ObjectEvent {
        bucket: owned(Some(&bucket.name)),
        key_as_delivered: owned(Some(&object.key)),
        event: event_name.strip_prefix("s3:").unwrap_or(&event_name).to_owned(),
        time: owned(event_time.as_ref()),
        size: object.size,
        etag: some(object.e_tag.as_ref()),
        version_id: some(object.version_id.as_ref()),
        sequencer: some(object.sequencer.as_ref()),
        key,
    };
    Ok(Record {
        item: event.key.clone(),
        ordered: false,
        name: event.bucket.clone(),
        of: Of::Object { event: event.event.clone(), key: event.key.clone() },
        trigger: event.into(),
    })
}

#[derive(Deserialize)]
struct Kinesis<'a> {
    #[serde(borrow, rename = "eventID")]
    id: Option<Text<'a>>,
    #[serde(borrow, rename = "eventSourceARN")]
    arn: Text<'a>,
    #[serde(borrow)]
    kinesis: KinesisRecord<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KinesisRecord<'a> {
    #[serde(borrow)]
    partition_key: Option<Text<'a>>,
    sequence_number: String,
    #[serde(borrow)]
    data: Text<'a>,
    approximate_arrival_timestamp: Option<f64>,
}

/// "Using Lambda to process records from Amazon Kinesis Data Streams": the data is base64.
fn stream(json: &RawValue) -> Result<Record, InvocationError> {
    let Kinesis { id, arn, kinesis } = read(json)?;
    let data = STANDARD.decode(kinesis.data.as_bytes());
    let name = after(&arn, '/').to_owned();
    let record = StreamRecord {
        stream: name.clone(),
        id: owned(id.as_ref()),
        sequence_number: kinesis.sequence_number.clone(),
        partition_key: owned(kinesis.partition_key.as_ref()),
        data: Bytes::from(
            data.map_err(|error| InvocationError::malformed(format!("a record's data is no base64: {error}")))?,
        ),
        arrived_at_s: kinesis.approximate_arrival_timestamp,
    };
    Ok(Record { item: kinesis.sequence_number, ordered: true, name, of: Of::Stream, trigger: record.into() })
}

#[derive(Deserialize)]
struct Dynamo<'a> {
    #[serde(borrow, rename = "eventID")]
    id: Option<Text<'a>>,
    #[serde(borrow, rename = "eventName")]
    event: Text<'a>,
    #[serde(borrow, rename = "eventSourceARN")]
    arn: Text<'a>,
    #[serde(borrow)]
    dynamodb: DynamoChange<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DynamoChange<'a> {
    sequence_number: String,
    #[serde(borrow)]
    stream_view_type: Option<Text<'a>>,
    approximate_creation_date_time: Option<f64>,
    #[serde(default)]
    keys: BTreeMap<String, Attribute>,
    new_image: Option<BTreeMap<String, Attribute>>,
    old_image: Option<BTreeMap<String, Attribute>>,
}

/// The attribute values of DynamoDB's API.
#[derive(Deserialize)]
enum Attribute {
    S(String),
    N(String),
    B(String),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(rename = "NULL")]
    Null(serde::de::IgnoredAny),
    L(Vec<Attribute>),
    M(BTreeMap<String, Attribute>),
    #[serde(rename = "SS")]
    Texts(Vec<String>),
    #[serde(rename = "NS")]
    Numbers(Vec<String>),
    #[serde(rename = "BS")]
    Binaries(Vec<String>),
}

impl From<Attribute> for AttributeValue {
    fn from(attribute: Attribute) -> Self {
        match attribute {
            Attribute::S(text) => Self::Text(text),
            Attribute::N(digits) => Self::Number(digits),
            Attribute::B(base64) => Self::Binary(base64),
            Attribute::Bool(value) => Self::Bool(value),
            Attribute::Null(_) => Self::Null,
            Attribute::L(values) => Self::List(values.into_iter().map(Into::into).collect()),
            Attribute::M(values) => Self::Map(image(values)),
            Attribute::Texts(values) => Self::TextSet(values),
            Attribute::Numbers(values) => Self::NumberSet(values),
            Attribute::Binaries(values) => Self::BinarySet(values),
        }
    }
}

fn image(attributes: BTreeMap<String, Attribute>) -> BTreeMap<String, AttributeValue> {
    attributes.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// "Using AWS Lambda with Amazon DynamoDB": numbers are strings, so that none loses digits.
fn table(json: &RawValue) -> Result<Record, InvocationError> {
    let Dynamo { id, event, arn, dynamodb } = read(json)?;
    // arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/TIME
    let name = arn.split('/').nth(1).unwrap_or(&arn).to_owned();
    let change = TableChange {
        table: name.clone(),
        id: owned(id.as_ref()),
        event: owned(Some(&event)),
        sequence_number: dynamodb.sequence_number.clone(),
        view: some(dynamodb.stream_view_type.as_ref()),
        created_at_s: dynamodb.approximate_creation_date_time,
        keys: image(dynamodb.keys),
        new: dynamodb.new_image.map(image),
        old: dynamodb.old_image.map(image),
    };
    Ok(Record { item: dynamodb.sequence_number, ordered: true, name, of: Of::Table, trigger: change.into() })
}
