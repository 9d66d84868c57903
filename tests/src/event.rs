//! Platform events, as API Gateway and SQS write them.

use serde_json::{Value, json};

/// A request through an HTTP API, payload format 2.0, without a body.
pub fn request(method: &str, raw_path: &str, raw_query: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": raw_query,
        "headers": {"host": "id.execute-api.eu-west-1.amazonaws.com", "accept": "*/*"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "domainName": "id.execute-api.eu-west-1.amazonaws.com",
            "http": {
                "method": method,
                "path": raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "tests"
            },
            "requestId": "request",
            "routeKey": "$default",
            "stage": "$default",
            "time": "20/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1_795_176_000_000_u64
        },
        "isBase64Encoded": false
    })
}

/// A `POST` through an HTTP API with a body of that content type.
pub fn post(path: &str, content_type: &str, body: &str) -> Value {
    let mut event = request("POST", path, "");
    event["headers"]["content-type"] = content_type.into();
    event["headers"]["content-length"] = body.len().to_string().into();
    event["body"] = body.into();
    event
}

/// A `POST` through an HTTP API with a body of JSON.
pub fn post_json(path: &str, body: &str) -> Value {
    post(path, "application/json", body)
}

/// The same request through a function URL, which leaves the path as it was sent.
pub fn through_url(mut event: Value) -> Value {
    let domain = "id.lambda-url.eu-west-1.on.aws";
    event["headers"]["host"] = domain.into();
    event["requestContext"]["domainName"] = domain.into();
    event
}

/// A request through a REST API, payload format 1.0, without a body or a query.
pub fn rest_request(method: &str, path: &str) -> Value {
    json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Host": "id.execute-api.eu-west-1.amazonaws.com"},
        "multiValueHeaders": {"Host": ["id.execute-api.eu-west-1.amazonaws.com"]},
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": {"proxy": path.trim_start_matches('/')},
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "httpMethod": method,
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "tests"},
            "path": format!("/prod{path}"),
            "protocol": "HTTP/1.1",
            "requestId": "request",
            "resourceId": "resource",
            "resourcePath": "/{proxy+}",
            "stage": "prod"
        },
        "body": null,
        "isBase64Encoded": false
    })
}

/// The same request, whose caller an authorizer of its API has let in, with what that says of the caller.
pub fn let_in(mut event: Value, authorizer: &Value) -> Value {
    event["requestContext"]["authorizer"] = authorizer.clone();
    event
}

/// A request through an Application Load Balancer without multi-value headers, without a body or a query.
pub fn load_balancer_request(method: &str, path: &str) -> Value {
    json!({
        "requestContext": {
            "elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/tests/1"}
        },
        "httpMethod": method,
        "path": path,
        "queryStringParameters": {},
        "headers": {"host": "tests.eu-west-1.elb.amazonaws.com", "x-forwarded-for": "192.0.2.1"},
        "body": "",
        "isBase64Encoded": false
    })
}

/// A batch of messages from a queue, each an id and a body. A name that ends in `.fifo` makes it a FIFO queue's.
pub fn batch(queue: &str, messages: &[(&str, &str)]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .enumerate()
        .map(|(index, (id, body))| {
            let mut record = json!({
                "messageId": id,
                "receiptHandle": format!("handle-{id}"),
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1795176000000",
                    "SenderId": "123456789012",
                    "ApproximateFirstReceiveTimestamp": "1795176000001"
                },
                "messageAttributes": {},
                "md5OfBody": "00000000000000000000000000000000",
                "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:eu-west-1:123456789012:{queue}"),
                "awsRegion": "eu-west-1"
            });
            if queue.ends_with(".fifo") {
                record["attributes"]["MessageGroupId"] = "group".into();
                record["attributes"]["MessageDeduplicationId"] = (*id).into();
                record["attributes"]["SequenceNumber"] = format!("{:020}", index + 1).into();
            }
            record
        })
        .collect();
    json!({ "Records": records })
}
