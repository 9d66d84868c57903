use crate::bundle::Bundle;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use pikku_local_azure::{Opened, Outcome, RawInvocation, Request};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn json_of(response: &pikku_local_azure::Response) -> Value {
    assert_eq!(response.status, 200, "{response:?}");
    serde_json::from_slice(&response.body).expect("JSON")
}

pub(super) async fn octets_go_through_proxied() {
    let started = Bundle::new(true).start().await;
    let octets: Vec<u8> = (0..=255).chain([0; 1000]).collect();
    let request = Request::new("PUT", "/show/a%2Fb/%C3%A9?x=1&x=2&y=%2B")
        .header("X-Many", "1")
        .header("x-many", "2")
        .header("Cookie", "a=1; b=2")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .header("X-Azure-Functions-InvocationId", "forged")
        .body(octets.clone());
    let seen = json_of(&started.azure.http(request).await.unwrap());
    assert_eq!(seen["method"], "PUT");
    assert_eq!(seen["segments"], json!(["show", "a/b", "é"]));
    assert_eq!(seen["query"], json!([["x", "1"], ["x", "2"], ["y", "+"]]));
    assert_eq!(seen["cookies"], json!([["a", "1"], ["b", "2"]]));
    assert_eq!(seen["body"], json!(octets));
    assert_eq!(seen["call"]["trace"], "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    assert_eq!(seen["call"]["id"].as_str().map(str::len), Some(36), "the host's id and not the client's: {seen}");
    let headers = seen["headers"].to_string();
    assert!(
        headers.contains(r#"["x-many","1"],["x-many","2"]"#) && !headers.contains("x-azure-functions"),
        "{headers}"
    );
    let mirrored = started.azure.http(Request::new("POST", "/mirror").body(octets.clone())).await.unwrap();
    assert_eq!((mirrored.status, &mirrored.body[..]), (202, &octets[..]));
    assert_eq!(mirrored.headers.iter().filter(|(name, _)| name == "set-cookie").count(), 2);
    // The host's readiness is asked at `/` too, but without an id.
    assert_eq!(json_of(&started.azure.http(Request::new("GET", "/")).await.unwrap())["segments"], json!([""]));
    assert_eq!(started.azure.http(Request::new("GET", "/nowhere")).await.unwrap().status, 404);
}

pub(super) async fn a_stream_is_sent_as_it_is_made() {
    let started = Bundle::new(true).start().await;
    let begun = Instant::now();
    let Opened::Streamed(mut streamed) = started.azure.open(Request::new("GET", "/drip?ms=300")).await.unwrap() else {
        panic!("it is proxied")
    };
    assert_eq!(streamed.head().header("content-type"), Some("text/event-stream"));
    let first = streamed.chunk().await.unwrap().unwrap();
    // Before the second piece can have been made, and the third not yet.
    assert_eq!(first, "data: 2\n\n");
    assert!(begun.elapsed() < Duration::from_millis(3 * 300), "{:?}", begun.elapsed());
    assert_eq!(streamed.chunk().await.unwrap().unwrap(), "data: 1\n\n");
    assert_eq!(streamed.chunk().await.unwrap().unwrap(), "data: 0\n\n");
    assert!(streamed.chunk().await.is_none());
}

pub(super) async fn a_client_that_goes_away_ends_its_call() {
    let started = Bundle::new(true).start().await;
    let calling = started
        .azure
        .http(Request::new("POST", "/linger").body(r#"{"ms":600}"#).header("content-type", "application/json"));
    assert!(tokio::time::timeout(Duration::from_millis(200), calling).await.is_err());
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(started.journal(), [json!("begun")]);
}

pub(super) async fn identity_counts_where_the_platform_sets_it() {
    let claims = BASE64_STANDARD.encode(r#"{"auth_typ":"aad","claims":[]}"#);
    let request = || {
        Request::new("GET", "/show/x")
            .header("X-MS-CLIENT-PRINCIPAL", claims.clone())
            .header("X-MS-CLIENT-PRINCIPAL-ID", "ada")
            .header("X-MS-TOKEN-AAD-ID-TOKEN", "t")
            .header("X-Forwarded-For", "203.0.113.9, 198.51.100.7:4711")
    };
    for (variables, trusted) in
        [(&[][..], false), (&[("WEBSITE_AUTH_ENABLED", "True"), ("CONTAINER_NAME", "c")][..], true)]
    {
        let mut bundle = Bundle::new(true);
        for (name, value) in variables {
            bundle = bundle.env(name, value);
        }
        let started = bundle.start().await;
        let seen = json_of(&started.azure.http(request()).await.unwrap());
        let headers = seen["headers"].to_string();
        assert_eq!(headers.contains("x-ms-client-principal"), trusted, "{headers}");
        assert_eq!(headers.contains("x-ms-token"), trusted, "{headers}");
        let principal = json!(["easy-auth", {"auth_typ": "aad", "claims": []}]);
        assert_eq!(seen["identity"], if trusted { principal } else { Value::Null });
        assert_eq!(seen["client_ip"].as_str(), trusted.then_some("198.51.100.7"));
    }
}

pub(super) async fn a_payload_is_a_request() {
    let started = Bundle::new(false).start().await;
    let octets: Vec<u8> = (0..=255).collect();
    let request = Request::new("PUT", "/show/a/%C3%A9?x=1&x=2")
        .header("Content-Type", "application/octet-stream")
        .header("Cookie", "a=1")
        .body(octets.clone());
    let seen = json_of(&started.azure.http(request).await.unwrap());
    assert_eq!(seen["body"], json!(octets));
    assert_eq!(seen["segments"], json!(["show", "a", "é"]));
    assert_eq!(seen["query"], json!([["x", "1"], ["x", "2"]]));
    assert_eq!(seen["cookies"], json!([["a", "1"]]));
    assert_eq!(seen["call"]["origin"], json!(["azure-http", "http-any", "req"]));
    // As the documents show it: the query as text, and headers that are no lists.
    let payload = json!({"Data": {"request": {
        "Url": "http://localhost:7071/show/order?n=Zo%C3%AB",
        "Method": "POST",
        "Query": "{}",
        "Headers": {"Content-Type": "application/json"},
        "Params": {},
        "Body": "{\"id\":1005}",
    }}, "Metadata": {}});
    let raw = RawInvocation::new("order", payload.to_string());
    let invocation = started.azure.invoke(raw, Some(&pikku_local_azure::Trigger::Http)).await.unwrap();
    let seen = json_of(invocation.response().unwrap());
    assert_eq!(seen["query"], json!([["n", "Zoë"]]));
    assert_eq!(seen["body"], json!(br#"{"id":1005}"#.to_vec()));
    assert_eq!(seen["call"]["origin"], json!(["azure-http", "order", "request"]));
    let nowhere = started.azure.http(Request::new("GET", "/nowhere")).await.unwrap();
    assert_eq!((nowhere.status, nowhere.header("content-type")), (404, Some("application/problem+json")));
}

pub(super) async fn a_text_that_is_base64_arrives_unharmed() {
    for proxies in [true, false] {
        let started = Bundle::new(proxies).start().await;
        for text in ["test", "HelloWorld12", "HelloWorld12==", "dGVzdA==", "{\"body\":\"test\"}", "\"test\"", ""] {
            let request = Request::new("POST", "/mirror").header("content-type", "text/plain").body(text);
            let response = started.azure.http(request).await.unwrap();
            assert_eq!((response.status, &response.body[..]), (202, text.as_bytes()), "{response:?}");
            assert_eq!(response.header("x-kept"), Some("test"));
        }
    }
}

pub(super) async fn cookies_that_an_output_cannot_carry_are_told() {
    let started = Bundle::new(false).start().await;
    let response = started.azure.http(Request::new("POST", "/mirror").body("x")).await.unwrap();
    let set: Vec<_> = response.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
    assert_eq!((set.len(), response.header("set-cookie")), (1, Some("b=2")));
    let line = started.logged("the response sets 2 cookies");
    assert_eq!((&line["level"], &line["function"]), (&json!("WARN"), &json!("http-any")), "{line}");
}

pub(super) async fn what_an_output_cannot_be_is_refused() {
    let started = Bundle::new(false).start().await;
    for body in [&b"\xff\xfe"[..], b"2023-10-12T20:13:49.640002Z"] {
        let request =
            Request::new("POST", "/mirror").header("content-type", "application/octet-stream").body(body.to_vec());
        let response = started.azure.http(request).await.unwrap();
        let problem: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!((response.status, problem["code"].as_str()), (500, Some("response_not_text")));
    }
    assert_eq!(started.logged("the body is no text")["function"], "http-any");
    assert!(started.logged("is a date")["message"].as_str().unwrap().contains("enableProxyingHttpRequest"));
}

pub(super) async fn the_deadline_is_the_hosts() {
    let timeout = json!({"functionTimeout": "00:00:01", "customHandler": {"enableProxyingHttpRequest": true}});
    let started = Bundle::with(timeout).start().await;
    let seen = json_of(&started.azure.http(Request::new("GET", "/show/x")).await.unwrap());
    let left = seen["left_ms"].as_u64().unwrap();
    assert!((500..=950).contains(&left), "{left}");
    // The runtime gives up before the host would end the handler.
    let request = Request::new("POST", "/linger").header("content-type", "application/json").body(r#"{"ms":5000}"#);
    assert_eq!(started.azure.http(request).await.unwrap().status, 504);
    let late = json!({"id": "1", "ms": 5000}).to_string();
    let settled =
        started.azure.queue("queue-orders", pikku_local_azure::events::QueueMessage::text(late)).await.unwrap();
    assert_eq!(settled.attempts.len(), 5);
    assert!(
        matches!(settled.attempts[0].outcome, Outcome::Failed { status: Some(500), .. }),
        "{:?}",
        settled.attempts[0]
    );
    assert_eq!(started.azure.starts(), 1);
}
