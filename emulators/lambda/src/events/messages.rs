//! Batches: messages of queues and topics, objects of buckets, changes of tables, records of streams.

use super::{ACCOUNT, REGION, text};
use crate::clock::Moment;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use md5::{Digest as _, Md5};
use pikku_manifest::{Bucket, Queue, Source, Stream, Table, Topic};
use serde_json::{Value, json};

type Made = Vec<(&'static str, String, Value)>;

/// The source's name, or one where any will do.
fn name(source: &Source) -> String {
    source.name().unwrap_or("example").to_owned()
}

pub(super) fn queue(queue: &Queue, input: Option<&Value>, now: &Moment) -> Made {
    let name = name(&queue.source);
    let mut made = Vec::new();
    if !queue.fifo {
        made.push(("sqs", name.clone(), sqs(&name, &text(input), now, false)));
    }
    if queue.fifo || queue.source == Source::Any {
        let fifo = if name.ends_with(".fifo") { name.clone() } else { format!("{name}.fifo") };
        made.push(("sqs-fifo", name, sqs(&fifo, &text(input), now, true)));
    }
    made
}

fn sqs(queue: &str, body: &str, now: &Moment, fifo: bool) -> Value {
    let mut attributes = json!({
        "ApproximateReceiveCount": "1",
        "ApproximateFirstReceiveTimestamp": now.epoch_millis().to_string(),
        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
        "SentTimestamp": now.epoch_millis().to_string(),
    });
    if fifo {
        attributes["MessageGroupId"] = json!("group-1");
        attributes["MessageDeduplicationId"] = json!("1f8ac10f23c5b5bc1167bda84b833e5c057a77d2");
        attributes["SequenceNumber"] = json!("18849496460467696128");
    }
    json!({ "Records": [{
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": md5(body),
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"),
        "awsRegion": REGION,
    }] })
}

/// The digest by which a receiver can tell that a body came whole.
fn md5(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn topic(topic: &Topic, input: Option<&Value>, now: &Moment) -> Made {
    let name = name(&topic.source);
    let arn = format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}");
    let event = json!({ "Records": [{
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": format!("{arn}:21be56ed-a058-49f5-8c98-aedd2564c486"),
        "Sns": {
            "Type": "Notification",
            "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
            "TopicArn": arn,
            "Subject": null,
            "Message": text(input),
            "Timestamp": now.rfc3339_millis(),
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertUrl": format!("https://sns.{REGION}.amazonaws.com/SimpleNotificationService-EXAMPLE.pem"),
            "UnsubscribeUrl": format!("https://sns.{REGION}.amazonaws.com/?Action=Unsubscribe"),
            "MessageAttributes": {},
        },
    }] });
    vec![("sns", name, event)]
}

pub(super) fn bucket(bucket: &Bucket, now: &Moment) -> Made {
    let name = name(&bucket.source);
    // The first event listened to; a family of events gives its most common member.
    let listened = bucket.events.first().map_or("ObjectCreated:*", String::as_str);
    let event_name = match listened.split_once(':') {
        Some(("ObjectCreated", "*")) => "ObjectCreated:Put".to_owned(),
        Some(("ObjectRemoved", "*")) => "ObjectRemoved:Delete".to_owned(),
        Some((family, "*")) => format!("{family}:Post"),
        _ => listened.to_owned(),
    };
    let (prefix, suffix) = (bucket.prefix.as_deref().unwrap_or_default(), bucket.suffix.as_deref().unwrap_or_default());
    let key: String = format!("{prefix}an+example{suffix}");
    let mut object = json!({ "key": key, "sequencer": "0A1B2C3D4E5F678901" });
    if event_name.starts_with("ObjectCreated") {
        object["size"] = json!(1024);
        object["eTag"] = json!("0123456789abcdef0123456789abcdef");
    }
    let event = json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": now.rfc3339_millis(),
        "eventName": event_name,
        "userIdentity": { "principalId": "EXAMPLE" },
        "requestParameters": { "sourceIPAddress": "203.0.113.7" },
        "responseElements": { "x-amz-request-id": "EXAMPLE123456789", "x-amz-id-2": "EXAMPLE123" },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "example",
            "bucket": {
                "name": name,
                "ownerIdentity": { "principalId": "EXAMPLE" },
                "arn": format!("arn:aws:s3:::{name}"),
            },
            "object": object,
        },
    }] });
    vec![("s3", name, event)]
}

pub(super) fn table(table: &Table, input: Option<&Value>, now: &Moment) -> Made {
    let name = name(&table.source);
    let image = input
        .filter(|input| input.is_object())
        .map_or_else(|| json!({ "id": { "S": "example" } }), |input| attribute(input)["M"].take());
    let key = image.as_object().and_then(|image| image.iter().next()).map(|(name, value)| json!({ name: value }));
    let event = json!({ "Records": [{
        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": now.epoch_seconds(),
            "Keys": key.unwrap_or_else(|| json!({})),
            "NewImage": image,
            "SequenceNumber": "4421584500000000017450439091",
            "SizeBytes": 26,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN":
            format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}/stream/2026-01-01T00:00:00.000"),
    }] });
    vec![("dynamodb", name, event)]
}

/// A value as DynamoDB writes it.
fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(items) => json!({ "L": items.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(members) => {
            let members: serde_json::Map<String, Value> =
                members.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
            json!({ "M": members })
        }
    }
}

pub(super) fn stream(stream: &Stream, input: Option<&Value>, now: &Moment) -> Made {
    let name = name(&stream.source);
    let sequence = "49590338271490256608559692538361571095921575989136588898";
    let event = json!({ "Records": [{
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "1",
            "sequenceNumber": sequence,
            "data": BASE64_STANDARD.encode(text(input)),
            "approximateArrivalTimestamp": now.epoch_seconds(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("shardId-000000000006:{sequence}"),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": format!("arn:aws:iam::{ACCOUNT}:role/lambda-role"),
        "awsRegion": REGION,
        "eventSourceARN": format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"),
    }] });
    vec![("kinesis", name, event)]
}
