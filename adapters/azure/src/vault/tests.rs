//! Reading from a server in the place of the vault and of the endpoint of an identity, which takes the token that was given
//! last and no other.

use super::*;
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
};

const ADDRESS: &str = "https://shop-1x.vault.azure.net/secrets/shop-pin";
const GOOD: (u16, &str) =
    (200, r#"{"value":"plantedsecret7Qx-a","id":"https://shop-1x.vault.azure.net/secrets/shop-pin/4f"}"#);

/// What the environment of a test says.
fn variables(address: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("PIKKU_RESOURCES", format!(r#"{{"secret:shop/pin":{address:?},"queue:a":"sb://a/a"}}"#)),
        ("IDENTITY_HEADER", "plantedsecret7Qx-header".to_owned()),
    ])
}

fn target(address: &str) -> Result<Option<Target>, String> {
    let variables = variables(address);
    Target::of("shop/pin", &|name: &str| variables.get(name).cloned()).map_err(|error| error.to_string())
}

/// Gives tokens, `token-1` and so on, and answers what is asked with one of them in turn.
fn server(answers: Vec<(u16, &'static str)>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (seen, requests) = channel();
    thread::spawn(move || {
        let (mut answers, mut tokens) = (answers.into_iter(), 0);
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 4_096]);
            while !request.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            let request = String::from_utf8(request).unwrap();
            let token;
            let (status, body) = if request.starts_with("GET /msi/") {
                tokens += 1;
                token = format!(r#"{{"access_token":"token-{tokens}","expires_on":"4102444800"}}"#);
                (200, token.as_str())
            } else if request.contains(&format!("authorization: Bearer token-{tokens}\r\n")) {
                let Some(answer) = answers.next() else { return };
                answer
            } else {
                (401, "")
            };
            let length = body.len();
            write!(stream, "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
                .unwrap();
            if seen.send(request).is_err() {
                return;
            }
        }
    });
    (address, requests)
}

/// A reader, the server that it is pointed at, and what that has seen.
struct Reading {
    vault: KeyVault,
    target: Target,
    variables: Arc<BTreeMap<&'static str, String>>,
    requests: Receiver<String>,
}

impl Reading {
    fn from(answers: Vec<(u16, &'static str)>) -> Self {
        let (address, requests) = server(answers);
        let mut variables = variables(ADDRESS);
        variables.insert("IDENTITY_ENDPOINT", format!("{address}/msi/token"));
        // Over plain HTTP, which no variable can ask for.
        let target = Target { endpoint: format!("{address}/").parse().unwrap(), ..target(ADDRESS).unwrap().unwrap() };
        let vault = KeyVault(Cloud::impatient());
        Self { vault, target, variables: Arc::new(variables), requests }
    }

    async fn read(&self) -> Result<Option<Secret<String>>, String> {
        let variables = Arc::clone(&self.variables);
        let env = move |name: &str| variables.get(name).cloned();
        self.vault.read(&self.target, &env).await.map_err(|error| error.to_string())
    }

    fn seen(&self) -> Vec<String> {
        self.requests.try_iter().collect()
    }
}

#[tokio::test]
async fn a_secret_is_asked_for_with_a_token_of_the_identity_and_anew_each_time() {
    let rotated = (200, r#"{"value":"hunter3"}"#);
    let reading = Reading::from(vec![GOOD, rotated]);
    assert_eq!(reading.read().await.unwrap().unwrap().expose(), "plantedsecret7Qx-a");
    assert_eq!(reading.read().await.unwrap().unwrap().expose(), "hunter3");
    let [identity, first, second] = &reading.seen()[..] else { panic!("one token for two requests") };
    let asked = "GET /msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net HTTP/1.1\r\n";
    assert!(
        identity.starts_with(asked) && identity.contains("x-identity-header: plantedsecret7Qx-header\r\n"),
        "{identity}"
    );
    for request in [first, second] {
        assert!(request.starts_with("GET /secrets/shop-pin?api-version=7.4 HTTP/1.1\r\n"), "{request}");
        assert!(
            request.contains("authorization: Bearer token-1\r\n") && !request.contains("plantedsecret7Qx-header"),
            "{request}"
        );
    }
    assert!(!format!("{:?}", reading.vault).contains("token-1"));
}

#[tokio::test]
async fn what_may_pass_is_tried_again_with_another_token_where_that_was_refused() {
    let reading = Reading::from(vec![(429, ""), (401, "{}"), GOOD]);
    assert_eq!(reading.read().await.unwrap().unwrap().expose(), "plantedsecret7Qx-a");
    let tokens: Vec<bool> = reading.seen().iter().map(|request| request.starts_with("GET /msi/")).collect();
    assert_eq!(tokens, [true, false, false, true, false]);
}

#[tokio::test]
async fn a_secret_that_was_taken_away_is_none_and_one_that_may_not_be_read_is_told_by_its_codes() {
    let absent = r#"{"error":{"code":"SecretNotFound","message":"A secret with (name/id) shop-pin was not found"}}"#;
    assert!(Reading::from(vec![(404, absent)]).read().await.unwrap().is_none());
    let disabled = r#"{"error":{"code":"Forbidden","message":"private","innererror":{"code":"SecretDisabled"}}}"#;
    let reading = Reading::from(vec![(403, disabled)]);
    assert_eq!(reading.read().await.unwrap_err(), "Key Vault answered 403 Forbidden SecretDisabled");
    assert_eq!(reading.seen().len(), 2, "it is not tried again");
    let busy = Reading::from(vec![(503, "<html>"), (503, ""), (503, "")]);
    assert_eq!(busy.read().await.unwrap_err(), "Key Vault answered, 3 times 503");
}

#[tokio::test]
async fn an_answer_without_a_value_is_an_error_that_does_not_repeat_it() {
    for (body, told) in [
        (r#"{"value":"plantedsecret7Qx-a"#, "Key Vault answered what is no JSON"),
        (r#"{"Value":"plantedsecret7Qx-a"}"#, "Key Vault answered without a value"),
    ] {
        assert_eq!(Reading::from(vec![(200, body)]).read().await.unwrap_err(), told);
    }
}

#[tokio::test]
async fn without_an_identity_the_error_says_so() {
    let variables = variables(ADDRESS);
    let read = KeyVault::new();
    let target = target(ADDRESS).unwrap().unwrap();
    let error = read.read(&target, &|name: &str| variables.get(name).cloned()).await.unwrap_err().to_string();
    assert!(error.contains("IDENTITY_ENDPOINT") && !error.contains("AzureWebJobsStorage"), "{error}");
}

#[test]
fn a_secret_is_where_its_address_says() {
    let found = target(ADDRESS).unwrap().unwrap();
    assert_eq!(
        (found.endpoint.to_string().as_str(), found.path.as_str(), found.resource.as_str()),
        ("https://shop-1x.vault.azure.net/", "/secrets/shop-pin", "https://vault.azure.net")
    );
    let government = target("https://shop.vault.usgovcloudapi.net/secrets/a").unwrap().unwrap();
    assert_eq!(government.resource, "https://vault.usgovcloudapi.net");
    let variables = variables(ADDRESS);
    assert!(
        Target::of("other", &|name: &str| variables.get(name).cloned()).unwrap().is_none(),
        "a variable may stand for it"
    );
    assert!(Target::of("other", &|_: &str| None).unwrap().is_none());
    assert!(Target::of("other", &|_: &str| Some("[]".to_owned())).unwrap_err().to_string().contains(RESOURCES));
    for wrong in [
        "http://shop.vault.azure.net/secrets/a",
        "https://shop.vault.azure.net/secrets/",
        "https://shop.vault.azure.net/keys/a",
        "https://me@shop.vault.azure.net/secrets/a",
        "https://shop.vault.azure.net/secrets/a?api-version=1",
        "https://vault/secrets/a",
        "shop",
    ] {
        assert!(target(wrong).unwrap_err().contains("is not https://VAULT/secrets/NAME"), "{wrong}");
    }
}
