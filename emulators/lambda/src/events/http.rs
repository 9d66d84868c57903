//! HTTP requests, in the four forms that Lambda receives them in.

use super::{ACCOUNT, REGION};
use crate::clock::Moment;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pikku_manifest::{Binding, Http};
use serde_json::{Map, Value, json};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const CLIENT: &str = "203.0.113.7";
const AGENT: &str = "cargo-pikku";
const API: &str = "a1b2c3d4e5";

/// A request, before it has the form of any gateway.
struct Request {
    method: String,
    /// The route, with `{proxy+}` for the rest.
    route: String,
    path: String,
    path_parameters: Vec<(String, String)>,
    query: Vec<(String, String)>,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    cookies: Vec<String>,
    body: Option<String>,
}

/// The examples of a route; those of both GET and POST where it takes every method.
pub(super) fn events(route: &Http, input: Option<&Value>, now: &Moment) -> Vec<(&'static str, String, Value)> {
    let methods = match &route.method {
        Some(method) => vec![method.as_str()],
        None => vec!["GET", "POST"],
    };
    let mut made = Vec::new();
    for method in methods {
        let request = Request::new(route, method, input);
        let of = format!("{method} {}", route.path);
        made.push(("apigw-v2", of.clone(), request.version_2(now, false)));
        made.push(("apigw-v1", of.clone(), request.version_1(now)));
        made.push(("alb", of.clone(), request.load_balancer()));
        made.push(("function-url", of, request.version_2(now, true)));
    }
    made
}

impl Request {
    /// Puts each field of the input where the route takes it from: the path, a header or a cookie it is bound to, else
    /// the body, or the query where the method has no body.
    fn new(route: &Http, method: &str, input: Option<&Value>) -> Self {
        let mut fields: Map<String, Value> = input.and_then(Value::as_object).cloned().unwrap_or_default();
        let whole = input.filter(|input| !input.is_object());
        let host = format!("{API}.execute-api.{REGION}.amazonaws.com");
        let mut request = Self {
            method: method.into(),
            route: route.path.clone(),
            path: String::new(),
            path_parameters: Vec::new(),
            query: Vec::new(),
            headers: vec![
                ("accept".into(), "*/*".into()),
                ("host".into(), host),
                ("user-agent".into(), AGENT.into()),
                ("x-amzn-trace-id".into(), "Root=1-5bdb40ca-556d8b0c50dc66f0511bf520".into()),
                ("x-forwarded-for".into(), CLIENT.into()),
                ("x-forwarded-port".into(), "443".into()),
                ("x-forwarded-proto".into(), "https".into()),
            ],
            cookies: Vec::new(),
            body: None,
        };
        request.fill_path(&route.path, &mut fields);
        for bound in &route.fields {
            let Some(value) = fields.remove(&bound.field) else { continue };
            match bound.from {
                Binding::Header => request.headers.push((bound.name.clone(), plain(&value))),
                Binding::Cookie => request.cookies.push(format!("{}={}", bound.name, encoded(&plain(&value)))),
            }
        }
        let bodiless = matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS");
        if bodiless {
            for (name, value) in &fields {
                match value {
                    Value::Array(items) => request.query.extend(items.iter().map(|item| (name.clone(), plain(item)))),
                    value => request.query.push((name.clone(), plain(value))),
                }
            }
        } else if input.is_some() {
            let body = whole.cloned().unwrap_or(Value::Object(fields)).to_string();
            request.headers.push(("content-length".into(), body.len().to_string()));
            request.headers.push(("content-type".into(), "application/json".into()));
            request.body = Some(body);
        }
        request.headers.sort();
        request
    }

    fn fill_path(&mut self, template: &str, fields: &mut Map<String, Value>) {
        let mut segments = Vec::new();
        let mut route = Vec::new();
        for segment in template.split('/') {
            let inside = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let Some(name) = inside else {
                segments.push(segment.to_owned());
                route.push(segment.to_owned());
                continue;
            };
            let (name, rest) = name.strip_prefix('*').map_or((name, false), |name| (name, true));
            let value = fields.remove(name).map(|value| plain(&value)).filter(|text| !text.is_empty());
            let value = value.unwrap_or_else(|| "example".into());
            segments.push(encoded(&value));
            route.push(if rest { format!("{{{name}+}}") } else { segment.to_owned() });
            self.path_parameters.push((name.to_owned(), value));
        }
        self.path = segments.join("/");
        self.route = route.join("/");
    }

    fn query_string(&self) -> String {
        let pairs = self.query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// Payload format 2.0: HTTP APIs and Function URLs.
    fn version_2(&self, now: &Moment, function_url: bool) -> Value {
        let route_key = if function_url { "$default".into() } else { format!("{} {}", self.method, self.route) };
        let domain = if function_url {
            format!("{API}.lambda-url.{REGION}.on.aws")
        } else {
            format!("{API}.execute-api.{REGION}.amazonaws.com")
        };
        let mut headers: Map<String, Value> = joined(&self.headers);
        headers.insert("host".into(), domain.clone().into());
        let mut event = json!({
            "version": "2.0",
            "routeKey": route_key,
            "rawPath": self.path,
            "rawQueryString": self.query_string(),
            "headers": headers,
            "requestContext": {
                "accountId": if function_url { "anonymous" } else { ACCOUNT },
                "apiId": API,
                "domainName": domain,
                "domainPrefix": API,
                "http": {
                    "method": self.method,
                    "path": self.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": CLIENT,
                    "userAgent": AGENT,
                },
                "requestId": "JKJaXmPLvHcESHA=",
                "routeKey": route_key,
                "stage": "$default",
                "time": now.access_log(),
                "timeEpoch": now.epoch_millis(),
            },
            "isBase64Encoded": false,
        });
        // What is empty is left out, here and only in this format.
        if !self.cookies.is_empty() {
            event["cookies"] = json!(self.cookies);
        }
        if !self.query.is_empty() {
            event["queryStringParameters"] = Value::Object(joined(&self.query));
        }
        if !self.path_parameters.is_empty() && !function_url {
            event["pathParameters"] = Value::Object(joined(&self.path_parameters));
        }
        if let Some(body) = &self.body {
            event["body"] = json!(body);
        }
        event
    }

    /// The format of REST APIs.
    fn version_1(&self, now: &Moment) -> Value {
        let headers = self.headers_with_cookies();
        let domain = format!("{API}.execute-api.{REGION}.amazonaws.com");
        json!({
            "resource": self.route,
            "path": self.path,
            "httpMethod": self.method,
            "headers": last(&headers),
            "multiValueHeaders": every(&headers),
            "queryStringParameters": or_null(last(&self.query)),
            "multiValueQueryStringParameters": or_null(every(&self.query)),
            "pathParameters": or_null(last(&self.path_parameters)),
            "stageVariables": null,
            "requestContext": {
                "accountId": ACCOUNT,
                "apiId": API,
                "domainName": domain,
                "domainPrefix": API,
                "extendedRequestId": "DQ5DjGZ4IAMFv9Q=",
                "httpMethod": self.method,
                "identity": { "sourceIp": CLIENT, "userAgent": AGENT, "user": null, "accountId": null },
                "path": format!("/prod{}", self.path),
                "protocol": "HTTP/1.1",
                "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
                "requestTime": now.access_log(),
                "requestTimeEpoch": now.epoch_millis(),
                "resourceId": "a7x9kq",
                "resourcePath": self.route,
                "stage": "prod",
            },
            "body": self.body,
            "isBase64Encoded": false,
        })
    }

    /// The format of an Application Load Balancer whose target group has no multi-value headers.
    fn load_balancer(&self) -> Value {
        let group = format!("arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/lambda/49e9d65c45c6791a");
        // A load balancer does not decode the query.
        let query: Vec<_> = self.query.iter().map(|(name, value)| (encoded(name), encoded(value))).collect();
        json!({
            "requestContext": { "elb": { "targetGroupArn": group } },
            "httpMethod": self.method,
            "path": self.path,
            "queryStringParameters": last(&query),
            "headers": last(&self.headers_with_cookies()),
            "body": self.body.as_deref().unwrap_or_default(),
            "isBase64Encoded": false,
        })
    }

    fn headers_with_cookies(&self) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        if !self.cookies.is_empty() {
            headers.push(("cookie".into(), self.cookies.join("; ")));
        }
        headers
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// A value as it stands in a path, a query, a header or a cookie.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The values of each name, joined with commas.
fn joined(pairs: &[(String, String)]) -> Map<String, Value> {
    let mut all: Map<String, Value> = Map::new();
    for (name, value) in pairs {
        let text = match all.get(name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value.clone(),
        };
        all.insert(name.clone(), text.into());
    }
    all
}

/// The last value of each name.
fn last(pairs: &[(String, String)]) -> Map<String, Value> {
    pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
}

/// Every value of each name.
fn every(pairs: &[(String, String)]) -> Map<String, Value> {
    let mut all: Map<String, Value> = Map::new();
    for (name, value) in pairs {
        if let Value::Array(values) = all.entry(name.clone()).or_insert_with(|| json!([])) {
            values.push(json!(value));
        }
    }
    all
}

fn or_null(map: Map<String, Value>) -> Value {
    if map.is_empty() { Value::Null } else { Value::Object(map) }
}
