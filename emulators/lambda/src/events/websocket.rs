//! The connections and messages of a WebSocket API.

use super::{REGION, text};
use crate::clock::Moment;
use pikku_manifest::WebSocket;
use serde_json::{Value, json};

const API: &str = "w1b2c3d4e5";

pub(super) fn events(api: &WebSocket, input: Option<&Value>, now: &Moment) -> Vec<(&'static str, String, Value)> {
    let name = api.source.name().unwrap_or("example").to_owned();
    let mut connect = event("$connect", "CONNECT", now);
    connect["headers"] = json!({
        "Host": format!("{API}.execute-api.{REGION}.amazonaws.com"),
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    });
    connect["multiValueHeaders"] = json!({
        "Host": [format!("{API}.execute-api.{REGION}.amazonaws.com")],
        "Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ=="],
        "Sec-WebSocket-Version": ["13"],
        "X-Forwarded-For": ["203.0.113.7"],
        "X-Forwarded-Port": ["443"],
        "X-Forwarded-Proto": ["https"],
    });
    let mut message = event("$default", "MESSAGE", now);
    message["requestContext"]["messageId"] = json!("DQ5DkdCZoAMCJXw=");
    message["body"] = json!(text(input));
    let mut disconnect = event("$disconnect", "DISCONNECT", now);
    disconnect["requestContext"]["disconnectStatusCode"] = json!(1000);
    disconnect["requestContext"]["disconnectReason"] = json!("");
    disconnect["headers"] = json!({
        "Host": format!("{API}.execute-api.{REGION}.amazonaws.com"),
        "x-api-key": "",
        "X-Forwarded-For": "",
        "x-restapi": "",
    });
    vec![
        ("websocket", name.clone(), message),
        ("websocket-connect", name.clone(), connect),
        ("websocket-disconnect", name, disconnect),
    ]
}

fn event(route: &str, kind: &str, now: &Moment) -> Value {
    json!({
        "requestContext": {
            "routeKey": route,
            "eventType": kind,
            "extendedRequestId": "DQ5DjGZ4IAMFv9Q=",
            "requestTime": now.access_log(),
            "messageDirection": "IN",
            "stage": "prod",
            "connectedAt": now.epoch_millis(),
            "requestTimeEpoch": now.epoch_millis(),
            "identity": { "sourceIp": "203.0.113.7", "userAgent": "cargo-pikku" },
            "requestId": "DQ5DjEV8oAMFsyA=",
            "domainName": format!("{API}.execute-api.{REGION}.amazonaws.com"),
            "connectionId": "DQ5DjcZ4oAMCJXw=",
            "apiId": API,
        },
        "isBase64Encoded": false,
    })
}
