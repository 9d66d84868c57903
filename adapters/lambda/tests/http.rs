//! HTTP events in every form, and the answers in theirs.

use pikku::{
    App, Call, Group, Problem, Response, Selection,
    http::{HeaderValue, any, header},
    testing::TestApp,
};
use serde_json::{Value, json};

/// Shows what it sees, and sets a header and two cookies.
#[pikku::function(public)]
async fn show(call: &Call) -> Result<Response, Problem> {
    let request = call.http().ok_or_else(|| Problem::internal("not HTTP"))?;
    let seen = json!({
        "method": request.method.as_str(),
        "segments": request.matched_path().segments().collect::<Vec<_>>(),
        "query": request.query,
        "cookies": request.cookies,
        "x": request.headers.get_all("x").filter_map(|value| std::str::from_utf8(value).ok()).collect::<Vec<_>>(),
        "body": String::from_utf8_lossy(&request.body),
        "client_ip": request.client_ip.as_deref(),
    });
    let seen = match call.platform_identity() {
        Some(identity) => json!({ "issuer": identity.issuer, "claims": identity.claims() }),
        None => seen,
    };
    Ok(Response::default()
        .with_body("application/json", seen.to_string())
        .with_header(header::SET_COOKIE, HeaderValue::from_static("a=1"))
        .with_header(header::SET_COOKIE, HeaderValue::from_static("b=2")))
}

/// Answers with octets that are no text.
#[pikku::function(public)]
async fn octets() -> Result<Response, Problem> {
    Ok(Response::default().with_body("application/octet-stream", &[0xff, 0x00][..]))
}

#[derive(Group)]
struct Http;

fn app<S: Selection>() -> App<S> {
    App::new().group::<Http>(|g| g.http::<octets>(any("/octets")).http::<show>(any("/{*path}")))
}

async fn answer(event: Value) -> Value {
    let app = TestApp::start(app()).await;
    let event = serde_json::to_vec(&event).unwrap();
    let answer = pikku_lambda::handle::<pikku::All>(app.engine(), &event, Default::default()).await;
    serde_json::from_str(&answer.unwrap()).unwrap()
}

async fn seen(event: Value) -> Value {
    let answer = answer(event).await;
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

fn version_2(path: &str, stage: &str, domain: &str) -> Value {
    json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "a=1&a=2+3&b=%26",
        "cookies": ["s=x%20y", "t=1"],
        "headers": { "x": "1,2", "cookie": "s=x%20y; t=1" },
        "requestContext": {
            "domainName": domain,
            "stage": stage,
            "http": { "method": "POST", "sourceIp": "203.0.113.7" },
        },
        "body": "aGk=",
        "isBase64Encoded": true,
    })
}

const GATEWAY: &str = "abc.execute-api.eu-west-1.amazonaws.com";
const FUNCTION_URL: &str = "abc.lambda-url.eu-west-1.on.aws";

#[tokio::test]
async fn an_http_api_decodes_the_path_and_puts_the_stage_before_it() {
    let event = version_2("/Prod/a b/100%", "Prod", GATEWAY);
    let expected = json!({
        "method": "POST",
        "segments": ["a b", "100%"],
        "query": [["a", "1"], ["a", "2 3"], ["b", "&"]],
        "cookies": [["s", "x%20y"], ["t", "1"]],
        "x": ["1,2"],
        "body": "hi",
        "client_ip": "203.0.113.7",
    });
    assert_eq!(seen(event).await, expected);
}

#[tokio::test]
async fn a_function_url_leaves_the_path_encoded() {
    assert_eq!(seen(version_2("/a%2Fb/%2525", "$default", FUNCTION_URL)).await["segments"], json!(["a/b", "%25"]));
}

#[tokio::test]
async fn version_2_answers_with_cookies_apart() {
    let answer = answer(version_2("/x", "$default", GATEWAY)).await;
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(answer["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(answer["headers"], json!({ "content-type": "application/json" }));
    assert_eq!(answer["isBase64Encoded"], false);
}

fn version_1() -> Value {
    json!({
        "httpMethod": "GET",
        "path": "/caf%C3%A9",
        "headers": { "x": "2", "Cookie": "s=1; n=Zoë" },
        "multiValueHeaders": { "x": ["1", "2"], "Cookie": ["s=1; n=Zoë"] },
        "queryStringParameters": { "a": "%41" },
        "multiValueQueryStringParameters": { "a": ["1 2", "%41"] },
        "requestContext": { "stage": "dev", "identity": { "sourceIp": "203.0.113.7" } },
        "body": null,
    })
}

#[tokio::test]
async fn a_rest_api_has_decoded_the_query_and_not_the_path() {
    let expected = json!({
        "method": "GET",
        "segments": ["café"],
        "query": [["a", "1 2"], ["a", "%41"]],
        "cookies": [["s", "1"], ["n", "Zoë"]],
        "x": ["1", "2"],
        "body": "",
        "client_ip": "203.0.113.7",
    });
    assert_eq!(seen(version_1()).await, expected);
    let answer = answer(version_1()).await;
    assert_eq!(answer["multiValueHeaders"]["set-cookie"], json!(["a=1", "b=2"]));
    assert_eq!(answer["headers"], Value::Null);
}

fn load_balancer(multi: bool) -> Value {
    let mut event = json!({
        "httpMethod": "GET",
        "path": "/x",
        "requestContext": { "elb": { "targetGroupArn": "arn" } },
        "body": "",
        "isBase64Encoded": false,
    });
    if multi {
        event["multiValueHeaders"] = json!({ "x": ["1", "2"], "x-forwarded-for": ["9.9.9.9, 203.0.113.7"] });
        event["multiValueQueryStringParameters"] = json!({ "q%20": ["a%2Bb", "c+d"] });
    } else {
        event["headers"] = json!({ "x": "1" });
        event["queryStringParameters"] = json!({ "q": "%3Fa%3Db%26c" });
    }
    event
}

#[tokio::test]
async fn a_load_balancer_leaves_the_query_encoded() {
    assert_eq!(seen(load_balancer(false)).await["query"], json!([["q", "?a=b&c"]]));
    let seen = seen(load_balancer(true)).await;
    assert_eq!(seen["query"], json!([["q ", "a+b"], ["q ", "c d"]]));
    assert_eq!((&seen["x"], &seen["client_ip"]), (&json!(["1", "2"]), &json!("203.0.113.7")));
}

#[tokio::test]
async fn a_load_balancer_is_answered_as_it_asks() {
    let single = answer(load_balancer(false)).await;
    assert_eq!(single["statusDescription"], "200 OK");
    assert_eq!((&single["headers"]["set-cookie"], &single["multiValueHeaders"]), (&json!("b=2"), &Value::Null));
    let multi = answer(load_balancer(true)).await;
    assert_eq!((&multi["multiValueHeaders"]["set-cookie"], &multi["headers"]), (&json!(["a=1", "b=2"]), &Value::Null));
}

#[tokio::test]
async fn octets_go_out_as_base64() {
    let answer = answer(version_2("/octets", "$default", GATEWAY)).await;
    assert_eq!((&answer["body"], &answer["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
}

#[tokio::test]
async fn what_the_client_got_wrong_is_a_400() {
    let mut event = version_2("/x", "$default", GATEWAY);
    event["body"] = json!("not base64!");
    assert_eq!(answer(event).await["statusCode"], 400);
    let mut event = version_2("/x", "$default", GATEWAY);
    event["headers"]["x"] = json!("line\nbreak");
    assert_eq!(answer(event).await["statusCode"], 400);
}

#[tokio::test]
async fn what_the_platform_got_wrong_is_an_invocation_error() {
    let app = TestApp::start(app()).await;
    let handle = async |event: &[u8]| {
        pikku_lambda::handle::<pikku::All>(app.engine(), event, Default::default()).await.unwrap_err()
    };
    let mut event = version_2("/x", "$default", GATEWAY);
    event.as_object_mut().unwrap().remove("rawPath");
    assert!(handle(&serde_json::to_vec(&event).unwrap()).await.error_message.contains("without `rawPath`"));
    event["rawPath"] = json!(7);
    assert_eq!(handle(&serde_json::to_vec(&event).unwrap()).await.error_type, "Pikku.MalformedEvent");
    assert_eq!(handle(b"{\"version\":\"2.0\"").await.error_type, "Pikku.MalformedEvent");
    assert!(handle(b"{\"hello\":1}").await.error_message.contains("it has `hello`"));
}

#[tokio::test]
async fn whom_an_authorizer_has_let_in_is_told_apart_from_the_request() {
    let authorizer = json!({ "jwt": { "claims": { "sub": "ada" }, "scopes": null } });
    let mut event = version_2("/a", "$default", GATEWAY);
    event["requestContext"]["authorizer"] = authorizer.clone();
    assert_eq!(seen(event).await, json!({ "issuer": "api-gateway", "claims": authorizer }));
    let rest = json!({ "principalId": "ada", "integrationLatency": 5 });
    let event = json!({
        "httpMethod": "GET", "path": "/a", "requestContext": { "stage": "Prod", "authorizer": rest },
    });
    assert_eq!(seen(event).await, json!({ "issuer": "api-gateway", "claims": rest }));
}

/// Headers in which some proxy tells whom it serves, as a client can write them too.
const ADDRESSES: [&str; 8] = [
    "cf-connecting-ip",
    "client-ip",
    "forwarded",
    "true-client-ip",
    "x-azure-clientip",
    "x-client-ip",
    "x-forwarded-for",
    "x-real-ip",
];

#[tokio::test]
async fn header_smuggling_a_client_tells_lambda_no_address_of_its_own() {
    for name in ADDRESSES {
        let mut event = version_2("/a", "$default", GATEWAY);
        event["headers"] = json!({ name: "198.51.100.1, 198.51.100.2" });
        assert_eq!(seen(event).await["client_ip"], "203.0.113.7", "{name}");
        let event = json!({
            "httpMethod": "GET", "path": "/a", "multiValueHeaders": { name: ["198.51.100.1", "198.51.100.2"] },
            "requestContext": { "stage": "dev", "identity": { "sourceIp": "203.0.113.7" } },
        });
        assert_eq!(seen(event).await["client_ip"], "203.0.113.7", "{name}");
    }
    // A load balancer adds what it sees at the end, and that alone counts.
    let balanced = |headers: Value| {
        let mut event = load_balancer(false);
        event["headers"] = headers;
        event
    };
    let added = |claimed: &str| format!("{claimed}, 203.0.113.7");
    for claimed in ["127.0.0.1", "198.51.100.1, 198.51.100.2", "203.0.113.8,,", "\"198.51.100.1"] {
        let event = balanced(json!({ "x-forwarded-for": added(claimed) }));
        assert_eq!(seen(event).await["client_ip"], "203.0.113.7", "{claimed}");
        let mut event = load_balancer(true);
        event["multiValueHeaders"]["x-forwarded-for"] = json!([claimed, "203.0.113.7"]);
        assert_eq!(seen(event).await["client_ip"], "203.0.113.7", "{claimed}");
    }
    for name in ADDRESSES.into_iter().filter(|name| *name != "x-forwarded-for") {
        let event = balanced(json!({ name: "198.51.100.1", "x-forwarded-for": "203.0.113.7" }));
        assert_eq!(seen(event).await["client_ip"], "203.0.113.7", "{name}");
        assert_eq!(seen(balanced(json!({ name: "198.51.100.1" }))).await["client_ip"], Value::Null, "{name}");
    }
}

#[tokio::test]
async fn header_smuggling_a_client_cannot_write_what_an_authorizer_says() {
    let claims = r#"{"jwt":{"claims":{"sub":"mallory"}}}"#;
    for name in [
        "authorizer",
        "x-amzn-request-context",
        "x-amzn-requestcontext",
        "x-amzn-oidc-identity",
        "x-amzn-oidc-data",
        "x-amz-cognito-identity",
        "x-apigateway-event",
        "requestContext.authorizer",
    ] {
        let mut event = version_2("/a", "$default", GATEWAY);
        event["headers"] = json!({ name: claims });
        event["queryStringParameters"] = json!({ "authorizer": claims });
        event["body"] = json!(r#"{"requestContext":{"authorizer":{"principalId":"mallory"}}}"#);
        event["isBase64Encoded"] = json!(false);
        assert_eq!(seen(event).await["issuer"], Value::Null, "{name}");
    }
    // A load balancer has no authorizer, and an event of its form with one was made up.
    let event = json!({
        "httpMethod": "GET", "path": "/a", "headers": {},
        "requestContext": { "elb": { "targetGroupArn": "arn" }, "authorizer": { "principalId": "mallory" } },
    });
    assert_eq!(seen(event).await["issuer"], Value::Null);
    let mut event = version_2("/a", "$default", GATEWAY);
    event["requestContext"]["authorizer"] = Value::Null;
    assert_eq!(seen(event).await["issuer"], Value::Null);
}
