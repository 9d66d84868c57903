use super::{
    scenario::{Event, Identity, Message, Request, Scenario, Time},
    target::{Answer, Settled, Target, Variable},
};
use crate::{event, function, send};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use pikku::call::CALLER;
use pikku_local_lambda::{LocalLambda, Outcome};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// The zip for AWS Lambda in the local Lambda. Requests come through a function URL, which leaves paths as they are; those of
/// whom an authorizer has let in through API Gateway. There is one process, and it takes one event at a time; where a scenario makes
/// calls at the same time, it takes as many, as on Lambda Managed Instances.
#[derive(Debug)]
pub(super) struct Lambda(LocalLambda);

impl Target for Lambda {
    const NAME: &'static str = "lambda";

    async fn start(scenario: &Scenario, variables: &[Variable]) -> Result<Self, String> {
        let function = function("scenarios", &scenario.group)
            .timeout(Duration::from_secs(4))
            .instances(1)
            .max_concurrency(scenario.most_at_once());
        let function = variables.iter().fold(function, |function, (name, value)| function.env(name, value));
        function.start().map(Self).map_err(|why| why.to_string())
    }

    fn vouches(identity: &Identity) -> bool {
        matches!(identity, Identity::HttpApi(_) | Identity::RestApi(_))
    }

    async fn http(&self, request: &Request) -> Result<Answer, String> {
        let of_http_api = || event::request(&request.method, &request.path, &request.query);
        let mut event = match &request.identity {
            Some(Identity::HttpApi(authorizer)) => event::let_in(of_http_api(), authorizer),
            Some(Identity::RestApi(_)) if !request.query.is_empty() => {
                return Err("a request through a REST API has no query here".to_owned());
            }
            Some(Identity::RestApi(authorizer)) => {
                event::let_in(event::rest_request(&request.method, &request.path), authorizer)
            }
            _ => event::through_url(of_http_api()),
        };
        let (cookies, headers): (Vec<_>, Vec<_>) =
            request.headers.iter().partition(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        if !cookies.is_empty() {
            event["cookies"] = cookies.iter().flat_map(|(_, value)| value.split("; ")).collect();
        }
        for (name, value) in headers {
            let sent = &mut event["headers"][name.to_ascii_lowercase()];
            *sent = sent.as_str().map_or_else(|| value.clone(), |known| format!("{known},{value}")).into();
            // A REST API has each value there, too.
            if let Some(all) = event["multiValueHeaders"].as_object_mut() {
                let values = all.entry(name.to_ascii_lowercase()).or_insert_with(|| json!([]));
                values.as_array_mut().ok_or("a header has a list of values")?.push(value.as_str().into());
            }
        }
        if !request.body.is_empty() {
            match std::str::from_utf8(&request.body) {
                Ok(text) => event["body"] = text.into(),
                Err(_) => {
                    event["body"] = BASE64_STANDARD.encode(&request.body).into();
                    event["isBase64Encoded"] = true.into();
                }
            }
        }
        answer(&self.result(&event).await?)
    }

    async fn queue(&self, queue: &str, messages: &[Message]) -> Result<Vec<Settled>, String> {
        let ids: Vec<String> = (0..messages.len()).map(|index| format!("message-{index}")).collect();
        let bodies: Vec<_> = ids.iter().zip(messages).map(|(id, message)| (id.as_str(), &*message.body)).collect();
        let mut event = event::batch(queue, &bodies);
        for (index, message) in messages.iter().enumerate() {
            let record = &mut event["Records"][index];
            record["attributes"]["ApproximateReceiveCount"] = message.attempt.to_string().into();
            if let Some(caller) = message.caller(queue)? {
                record["messageAttributes"][CALLER] = json!({
                    "stringValue": caller, "stringListValues": [], "binaryListValues": [], "dataType": "String"
                });
            }
        }
        let answer = self.result(&event).await?;
        let failures =
            answer["batchItemFailures"].as_array().ok_or_else(|| format!("no answer to a batch: {answer}"))?;
        let failed: Vec<&str> = failures.iter().filter_map(|failure| failure["itemIdentifier"].as_str()).collect();
        if let Some(unknown) = failed.iter().find(|id| !ids.iter().any(|known| known == *id)) {
            return Err(format!("it gives back `{unknown}`, which is none of its messages"));
        }
        let settled = |id: &String| {
            if failed.contains(&id.as_str()) { Settled::Failed("given back".to_owned()) } else { Settled::Done }
        };
        Ok(ids.iter().map(settled).collect())
    }

    async fn schedule(&self, schedule: &str, time: &Time) -> Result<Settled, String> {
        let resource = format!("arn:aws:scheduler:eu-west-1:123456789012:schedule/default/{schedule}");
        self.settled(&bus("aws.scheduler", "Scheduled Event", &time.text, &json!([resource]), &json!("{}"))).await
    }

    async fn event(&self, event: &Event) -> Result<Settled, String> {
        let time = "2026-03-01T12:00:00Z";
        let arn = |service: &str, rest: String| format!("arn:aws:{service}:eu-west-1:123456789012:{rest}");
        let record = match event {
            Event::Bus { source, detail_type, detail } => {
                return self.settled(&bus(source, detail_type, time, &json!([]), detail)).await;
            }
            Event::Topic { name, message } => json!({
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "Sns": {
                    "Type": "Notification", "MessageId": "message", "TopicArn": arn("sns", name.clone()),
                    "Subject": null, "Message": message, "Timestamp": time, "MessageAttributes": {}
                }
            }),
            Event::Object { bucket, event, key } => json!({
                "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1", "eventTime": time,
                "eventName": event,
                "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": 7, "sequencer": "1"}}
            }),
            Event::Table { name, event, keys, new, old } => json!({
                "eventID": "1", "eventName": event, "eventVersion": "1.1", "eventSource": "aws:dynamodb",
                "eventSourceARN": arn("dynamodb", format!("table/{name}/stream/2026-03-01T00:00:00.000")),
                "dynamodb": {
                    "SequenceNumber": "1", "StreamViewType": "NEW_AND_OLD_IMAGES", "Keys": image(keys),
                    "NewImage": new.as_ref().map(image), "OldImage": old.as_ref().map(image)
                }
            }),
            Event::Stream { name, data } => json!({
                "eventID": "1", "eventSource": "aws:kinesis", "eventSourceARN": arn("kinesis", format!("stream/{name}")),
                "kinesis": {"partitionKey": "key", "sequenceNumber": "1", "data": BASE64_STANDARD.encode(data)}
            }),
        };
        self.settled(&json!({ "Records": [record] })).await
    }

    async fn say(&self, message: &[u8]) -> Result<Answer, String> {
        let body = std::str::from_utf8(message).map_err(|_| "a WebSocket API sends text")?;
        let event = json!({
            "requestContext": {
                "routeKey": "$default", "eventType": "MESSAGE", "messageId": "message", "connectionId": "connection",
                "apiId": "chat", "stage": "prod", "domainName": "chat.execute-api.eu-west-1.amazonaws.com"
            },
            "body": body,
            "isBase64Encoded": false
        });
        answer(&self.result(&event).await?)
    }

    async fn log(&self) -> Vec<String> {
        self.0.logs()
    }
}

impl Lambda {
    /// The function's answer as JSON.
    async fn result(&self, event: &Value) -> Result<Value, String> {
        match send(&self.0, event.to_string()).await.outcome {
            Outcome::Response(octets) => serde_json::from_slice(&octets).map_err(|why| format!("no JSON: {why}")),
            other => Err(format!("the invocation came to {other:?}")),
        }
    }

    /// What an event came to whose outcome is that of the invocation, or of its one record.
    async fn settled(&self, event: &Value) -> Result<Settled, String> {
        match send(&self.0, event.to_string()).await.outcome {
            Outcome::Response(octets) => {
                let answer: Value = serde_json::from_slice(&octets).map_err(|why| format!("no JSON: {why}"))?;
                let given_back = answer["batchItemFailures"].as_array().is_some_and(|failures| !failures.is_empty());
                Ok(if given_back { Settled::Failed(answer.to_string()) } else { Settled::Done })
            }
            Outcome::FunctionError(report) => Ok(Settled::Failed(format!("{}: {}", report.error_type, report.message))),
            other => Err(format!("the invocation came to {other:?}")),
        }
    }
}

fn answer(answer: &Value) -> Result<Answer, String> {
    let wrong = |what: &str| format!("an answer without {what}: {answer}");
    let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let text = answer["body"].as_str().unwrap_or_default();
    let body = match answer["isBase64Encoded"] == true {
        true => BASE64_STANDARD.decode(text).map_err(|why| format!("a body that is not base64: {why}"))?,
        false => text.as_bytes().to_vec(),
    };
    let mut headers = Vec::new();
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        headers.push((name.clone(), value.as_str().ok_or_else(|| wrong("text in a header"))?.to_owned()));
    }
    for (name, values) in answer["multiValueHeaders"].as_object().into_iter().flatten() {
        for value in values.as_array().into_iter().flatten() {
            headers.push((name.clone(), value.as_str().ok_or_else(|| wrong("text in a header"))?.to_owned()));
        }
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        headers.push(("set-cookie".to_owned(), cookie.as_str().ok_or_else(|| wrong("text in a cookie"))?.to_owned()));
    }
    Ok(Answer::new(status.ok_or_else(|| wrong("a status"))?, headers, body))
}

/// An event of EventBridge.
fn bus(source: &str, detail_type: &str, time: &str, resources: &Value, detail: &Value) -> Value {
    json!({
        "version": "0", "id": "event", "detail-type": detail_type, "source": source, "account": "123456789012",
        "time": time, "region": "eu-west-1", "resources": resources, "detail": detail
    })
}

/// Attributes as DynamoDB writes them.
fn image(attributes: &BTreeMap<String, Value>) -> Value {
    let attributes = attributes.iter().map(|(name, value)| {
        let value = match value {
            Value::Number(number) => json!({ "N": number.to_string() }),
            text => json!({ "S": text }),
        };
        (name.clone(), value)
    });
    Value::Object(attributes.collect())
}
