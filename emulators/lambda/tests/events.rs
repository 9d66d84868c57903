//! The example events of an app's wirings.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use pikku_local_lambda::events::{self, Example};
use pikku_manifest::Manifest;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_177_800)
}

fn examples_of(wirings: Value) -> Vec<Example> {
    let place = json!({"file": "src/lib.rs", "line": 1});
    let wirings: Vec<Value> = wirings
        .as_array()
        .expect("wirings")
        .iter()
        .map(|wiring| {
            let mut wiring = wiring.clone();
            let source = wiring["id"].as_str().expect("an id").to_owned();
            wiring["function"] = json!(if source.contains("nightly") { "nightly" } else { "place_order" });
            wiring["location"] = place.clone();
            wiring
        })
        .collect();
    let input = json!({
        "type": "object",
        "required": ["id", "quantity", "tags", "trace", "visitor"],
        "properties": {
            "id": {"type": "string", "examples": ["a/b c"]},
            "quantity": {"type": "integer", "minimum": 1},
            "tags": {"type": "array", "items": {"type": "string"}, "examples": [["x", "y&z"]]},
            "trace": {"type": "string", "const": "t1"},
            "visitor": {"type": "string", "const": "v 1"},
        },
    });
    let function = |name: &str, input: Option<&Value>| {
        let mut function = json!({"name": name, "module": "shop", "location": place, "errors": [], "services": [],
            "session": "none"});
        if let Some(input) = input {
            function["input"] = input.clone();
        }
        function
    };
    let manifest: Manifest = serde_json::from_value(json!({
        "manifest_version": pikku_manifest::MANIFEST_VERSION,
        "groups": [{"name": "orders", "wirings": wirings}],
        "functions": [function("nightly", None), function("place_order", Some(&input))],
        "services": [],
    }))
    .expect("a manifest");
    events::examples(&manifest, manifest.group("orders").expect("the group"), now())
}

fn event<'a>(examples: &'a [Example], name: &str) -> &'a Value {
    let names: Vec<String> = examples.iter().map(Example::name).collect();
    &events::find(examples, name).unwrap_or_else(|| panic!("no `{name}` in {names:?}")).event
}

fn parsed(text: &Value) -> Value {
    serde_json::from_str(text.as_str().expect("text")).expect("JSON")
}

fn put_route() -> Value {
    json!([{"id": "http:PUT /orders/{id}", "http": {"method": "PUT", "path": "/orders/{id}", "fields": [
        {"from": "header", "name": "x-trace", "field": "trace"},
        {"from": "cookie", "name": "visitor", "field": "visitor"},
    ]}}])
}

#[test]
fn a_request_carries_each_field_where_the_route_takes_it_from() {
    let examples = examples_of(put_route());
    let names: Vec<String> = examples.iter().map(Example::name).collect();
    assert_eq!(
        names,
        [
            "apigw-v2:PUT /orders/{id}",
            "apigw-v1:PUT /orders/{id}",
            "alb:PUT /orders/{id}",
            "function-url:PUT /orders/{id}"
        ]
    );
    assert!(examples.iter().all(|e| e.wiring == "http:PUT /orders/{id}" && e.function == "place_order"));
    let body = json!({"quantity": 1, "tags": ["x", "y&z"]});

    let v2 = event(&examples, "apigw-v2");
    assert_eq!((&v2["version"], &v2["routeKey"]), (&json!("2.0"), &json!("PUT /orders/{id}")));
    assert_eq!(v2["rawPath"], "/orders/a%2Fb%20c");
    assert_eq!((&v2["rawQueryString"], &v2["queryStringParameters"]), (&json!(""), &Value::Null));
    assert_eq!(v2["requestContext"]["http"]["method"], "PUT");
    assert_eq!(v2["requestContext"]["time"], "20/Nov/2026:12:30:00 +0000");
    assert_eq!(v2["requestContext"]["timeEpoch"], 1_795_177_800_000u64);
    assert_eq!(v2["headers"]["x-trace"], "t1");
    assert_eq!(v2["headers"]["content-length"], json!(body.to_string().len().to_string()));
    assert_eq!(v2["cookies"], json!(["visitor=v%201"]));
    assert_eq!(v2["pathParameters"], json!({"id": "a/b c"}));
    assert_eq!(parsed(&v2["body"]), body);

    let v1 = event(&examples, "apigw-v1");
    assert_eq!((&v1["resource"], &v1["path"]), (&json!("/orders/{id}"), &json!("/orders/a%2Fb%20c")));
    assert_eq!(v1["multiValueHeaders"]["cookie"], json!(["visitor=v%201"]));
    assert_eq!(v1["headers"]["cookie"], "visitor=v%201");
    assert_eq!(v1["queryStringParameters"], Value::Null);
    assert_eq!(parsed(&v1["body"]), body);

    let alb = event(&examples, "alb");
    assert!(alb["requestContext"]["elb"]["targetGroupArn"].is_string());
    assert_eq!((&alb["multiValueHeaders"], &alb["queryStringParameters"]), (&Value::Null, &json!({})));
    assert_eq!(parsed(&alb["body"]), body);

    let url = event(&examples, "function-url:PUT /orders/{id}");
    assert_eq!((&url["routeKey"], &url["requestContext"]["accountId"]), (&json!("$default"), &json!("anonymous")));
    assert!(url["requestContext"]["domainName"].as_str().is_some_and(|name| name.ends_with(".on.aws")));
}

#[test]
fn a_method_without_body_has_the_fields_in_its_query() {
    let examples = examples_of(json!([{"id": "http:GET /orders", "http": {"method": "GET", "path": "/orders"}}]));
    let v2 = event(&examples, "apigw-v2");
    let query = "id=a%2Fb%20c&quantity=1&tags=x&tags=y%26z&trace=t1&visitor=v%201";
    assert_eq!(v2["rawQueryString"], query);
    assert_eq!(v2["queryStringParameters"]["tags"], "x,y&z");
    assert_eq!((&v2["body"], &v2["headers"]["content-type"]), (&Value::Null, &Value::Null));
    let v1 = event(&examples, "apigw-v1");
    assert_eq!(v1["multiValueQueryStringParameters"]["tags"], json!(["x", "y&z"]));
    assert_eq!(v1["queryStringParameters"]["tags"], "y&z");
    assert_eq!(event(&examples, "alb")["queryStringParameters"]["tags"], "y%26z");
}

#[test]
fn a_route_of_every_method_and_path_has_an_example_of_each_kind() {
    let examples = examples_of(json!([{"id": "http:* /{*path}", "http": {"path": "/{*path}"}}]));
    assert_eq!(event(&examples, "apigw-v2:GET /{*path}")["rawPath"], "/example");
    let post = event(&examples, "apigw-v1:POST /{*path}");
    assert_eq!((&post["resource"], &post["pathParameters"]), (&json!("/{path+}"), &json!({"path": "example"})));
}

#[test]
fn a_queue_gets_a_batch_of_one() {
    let queue = |name: &str, fifo: bool| {
        json!({"id": format!("queue:{name}"), "queue": {"source": {"named": name}, "batch": 10, "batch_window_s": 0,
            "retries": 3, "fifo": fifo}})
    };
    let examples = examples_of(json!([queue("orders-placed", false), queue("in-order", true)]));
    let record = &event(&examples, "sqs:orders-placed")["Records"][0];
    assert_eq!(record["eventSourceARN"], "arn:aws:sqs:us-east-1:123456789012:orders-placed");
    assert_eq!(parsed(&record["body"])["quantity"], 1);
    assert_eq!(record["attributes"]["MessageGroupId"], Value::Null);
    let fifo = &event(&examples, "sqs-fifo")["Records"][0];
    assert_eq!(fifo["eventSourceARN"], "arn:aws:sqs:us-east-1:123456789012:in-order.fifo");
    assert_eq!(fifo["attributes"]["MessageGroupId"], "group-1");
    assert!(events::find(&examples, "sqs:in-order").is_none());
}

#[test]
fn the_digest_of_a_message_is_that_of_its_body() {
    let examples = examples_of(json!([{"id": "queue:nightly", "queue": {"source": "any", "batch": 1,
        "batch_window_s": 0, "retries": 0, "fifo": false}}]));
    let record = &event(&examples, "sqs")["Records"][0];
    assert_eq!((&record["body"], &record["md5OfBody"]), (&json!("{}"), &json!("99914b932bd37a50b983c5e7c90ae93b")));
    assert_eq!(events::find(&examples, "sqs-fifo").map(Example::name), Some("sqs-fifo:example".into()));
}

#[test]
fn the_other_sources_are_named_and_filled() {
    let examples = examples_of(json!([
        {"id": "topic:news", "topic": {"source": {"named": "news"}}},
        {"id": "bucket:pictures", "bucket": {"source": {"named": "pictures"}, "events": ["ObjectRemoved:*"],
            "prefix": "in/", "suffix": ".jpg"}},
        {"id": "table:stock", "table": {"source": {"named": "stock"}, "batch": 1, "retries": 0, "from_start": true}},
        {"id": "stream:clicks", "stream": {"source": {"named": "clicks"}, "batch": 1, "retries": 0,
            "from_start": true}},
        {"id": "cron:nightly", "cron": {"source": {"named": "nightly"}, "expression": "0 3 * * *",
            "time_zone": "UTC"}},
        {"id": "event:default", "event": {"source": {"named": "default"}, "sources": ["shop"],
            "detail_types": ["Order Placed"]}},
        {"id": "websocket:chat", "websocket": {"source": {"named": "chat"}}},
    ]));
    let topic = &event(&examples, "sns:news")["Records"][0]["Sns"];
    assert_eq!(topic["TopicArn"], "arn:aws:sns:us-east-1:123456789012:news");
    assert_eq!(parsed(&topic["Message"])["quantity"], 1);

    let object = &event(&examples, "s3:pictures")["Records"][0];
    assert_eq!(object["eventName"], "ObjectRemoved:Delete");
    assert_eq!(
        (&object["s3"]["bucket"]["name"], &object["s3"]["object"]["key"]),
        (&json!("pictures"), &json!("in/an+example.jpg"))
    );
    assert_eq!(object["s3"]["object"]["size"], Value::Null);

    let change = &event(&examples, "dynamodb:stock")["Records"][0];
    assert_eq!(change["dynamodb"]["NewImage"]["quantity"], json!({"N": "1"}));
    assert_eq!(change["dynamodb"]["NewImage"]["tags"], json!({"L": [{"S": "x"}, {"S": "y&z"}]}));
    assert_eq!(change["dynamodb"]["Keys"], json!({"id": {"S": "a/b c"}}));
    assert!(change["eventSourceARN"].as_str().is_some_and(|arn| arn.contains(":table/stock/stream/")));

    let record = &event(&examples, "kinesis:clicks")["Records"][0]["kinesis"];
    let data = BASE64_STANDARD.decode(record["data"].as_str().expect("text")).expect("base64");
    assert_eq!(serde_json::from_slice::<Value>(&data).expect("JSON")["quantity"], 1);

    let rule = event(&examples, "schedule:nightly");
    assert_eq!((&rule["source"], &rule["detail"]), (&json!("aws.events"), &json!({})));
    assert_eq!(rule["resources"], json!(["arn:aws:events:us-east-1:123456789012:rule/nightly"]));
    assert_eq!(rule["time"], "2026-11-20T12:30:00Z");
    let schedule = event(&examples, "scheduler");
    assert_eq!((&schedule["source"], &schedule["detail"]), (&json!("aws.scheduler"), &json!("{}")));
    assert_eq!(schedule["resources"], json!(["arn:aws:scheduler:us-east-1:123456789012:schedule/default/nightly"]));

    let custom = event(&examples, "eventbridge:shop Order Placed");
    assert_eq!((&custom["source"], &custom["detail-type"]), (&json!("shop"), &json!("Order Placed")));
    assert_eq!(custom["detail"]["quantity"], 1);

    let message = event(&examples, "websocket:chat");
    assert_eq!(message["requestContext"]["eventType"], "MESSAGE");
    assert_eq!(parsed(&message["body"])["quantity"], 1);
    assert_eq!(event(&examples, "websocket-connect")["requestContext"]["routeKey"], "$connect");
    assert_eq!(event(&examples, "websocket-disconnect")["requestContext"]["eventType"], "DISCONNECT");
    let unknown: Vec<&str> = examples.iter().map(|e| e.kind).filter(|kind| !events::KINDS.contains(kind)).collect();
    assert_eq!(unknown, [""; 0]);
}
