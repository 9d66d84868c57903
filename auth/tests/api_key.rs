//! API keys, and attacks on them.

use pikku::{
    App, AuthError, BoxError, BoxFuture, Call, Claims, Group, Problem, Scopes, Session,
    http::get,
    testing::{TestApp, TestResponse},
};
use pikku_auth::api_key::{KeyStore, StoredKey, authenticate, generate, verify};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

const NOW_MS: u64 = 1_767_225_600_000;

#[derive(Default)]
struct Store(HashMap<String, StoredKey>);

impl KeyStore for Store {
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<StoredKey>, BoxError>> {
        let found = if id == "down" { Err("the store is down".into()) } else { Ok(self.0.get(id).cloned()) };
        Box::pin(std::future::ready(found))
    }
}

fn store(expires_at_ms: Option<u64>) -> (Store, String) {
    let (text, hash) = generate("live_1").unwrap();
    let claims = Claims::new(json!({ "name": "partner" })).with_scopes(Scopes::parse("orders:read"));
    (Store(HashMap::from([("live_1".to_owned(), StoredKey { hash, claims, expires_at_ms })])), text)
}

async fn status(store: &Store, text: &str, now_ms: u64) -> u16 {
    let verified = verify(store, text, now_ms).await;
    verified.map_or_else(|error| error.into_problem("Bearer").status().as_u16(), |_| 200)
}

#[tokio::test]
async fn a_key_is_known_by_its_hash() {
    let (store, text) = store(None);
    let claims = verify(&store, &text, NOW_MS).await.unwrap();
    assert_eq!(claims.scopes().iter().collect::<Vec<_>>(), ["orders:read"]);
    let kept = format!("{:?}", store.0["live_1"]);
    assert!(!kept.contains(text.split_once('.').unwrap().1));
    assert_ne!(generate("live_1").unwrap().0, text);
    assert!(generate("no spaces").is_err() && generate("").is_err());
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let (store, text) = store(None);
    let (id, secret) = text.split_once('.').unwrap();
    let shorter = &text[..text.len() - 1];
    let hash: String = store.0["live_1"].hash.iter().map(|octet| format!("{octet:02x}")).collect();
    for wrong in [
        "",
        ".",
        "live_1",
        "live_1.",
        shorter,
        &format!("{text}A"),
        &format!("live_2.{secret}"),
        &format!("{id}.{hash}"),
        &format!("../{id}.{secret}"),
        &format!("{id}.{}", "x".repeat(10_000)),
        &format!("{}.{secret}", "i".repeat(200)),
    ] {
        assert_eq!(status(&store, wrong, NOW_MS).await, 401, "{wrong:.60}");
    }
    // The hash of an id that is not there is all zeros: nothing hashes to it that was tried, and it is refused even so.
    assert_eq!(status(&store, "nobody.AAAA", NOW_MS).await, 401);
    assert_eq!(status(&store, "down.AAAA", NOW_MS).await, 503);
}

#[tokio::test]
async fn expired_and_revoked_keys_are_refused() {
    let (mut store, text) = store(Some(NOW_MS));
    assert_eq!(status(&store, &text, NOW_MS - 1).await, 200);
    assert_eq!(status(&store, &text, NOW_MS).await, 401);
    store.0.get_mut("live_1").unwrap().expires_at_ms = None;
    assert_eq!(status(&store, &text, NOW_MS).await, 200);
    store.0.remove("live_1");
    assert_eq!(status(&store, &text, NOW_MS).await, 401);
}

/// The keys of an app.
#[derive(Clone)]
struct Keys(Arc<Store>);

#[pikku::service]
fn keys() -> Keys {
    panic!("the test gives them")
}

#[pikku::authenticator]
async fn partner(keys: &Keys, call: &Call) -> Result<Option<Claims>, AuthError> {
    authenticate(&*keys.0, call).await
}

#[derive(Deserialize)]
struct Partner {
    name: String,
}

#[pikku::function(scopes = ["orders:read"])]
async fn orders(partner: Session<Partner>) -> Result<String, Problem> {
    Ok(partner.name.clone())
}

#[pikku::function(scopes = ["orders:write"])]
async fn order(_: Session<Partner>) -> Result<(), Problem> {
    Ok(())
}

#[derive(Group)]
struct Shop;

#[tokio::test]
async fn a_key_stands_in_its_header_or_is_borne() {
    let (store, text) = store(None);
    let app = App::new()
        .authenticate::<partner>()
        .group::<Shop>(|g| g.http::<orders>(get("/orders")).http::<order>(get("/order")));
    let app = TestApp::prepare(app).with(Keys(Arc::new(store))).start().await;
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        headers.iter().fold(app.get(path), |request, (name, value)| request.header(name, value)).send().await
    };
    let code = |answer: &TestResponse| answer.json::<Value>()["code"].as_str().unwrap_or_default().to_owned();
    let borne = format!("Bearer {text}");
    for headers in [
        &[("x-api-key", text.as_str())][..],
        &[("X-Api-Key", &text)],
        &[("authorization", &borne)],
        // What stands in its own header goes before what is borne, which may be for somebody else.
        &[("x-api-key", &text), ("authorization", "Bearer live_1.AAAA")],
    ] {
        let answer = ask("/orders", headers).await;
        assert_eq!((answer.status(), answer.json::<String>().as_str()), (200, "partner"), "{headers:?}");
        assert_eq!(ask("/order", headers).await.status(), 403, "a key has the scopes that it was granted: {headers:?}");
    }
    for (headers, status, said) in [
        (&[][..], 401, "unauthenticated"),
        (&[("x-api-key", "live_1.AAAA"), ("authorization", &borne)], 401, "invalid_credentials"),
        (&[("x-api-key", "")], 401, "invalid_credentials"),
        (&[("x-api-key", &text), ("x-api-key", &text)], 400, "malformed_credentials"),
        (&[("x-api-key", "\u{e9}.AAAA")], 401, "invalid_credentials"),
        (&[("x-api-key", "down.AAAA")], 503, "authentication_unavailable"),
        (&[("authorization", &borne), ("authorization", &borne)], 400, "malformed_credentials"),
        (&[("cookie", &text)], 401, "unauthenticated"),
    ] {
        let answer = ask("/orders", headers).await;
        assert_eq!((answer.status(), code(&answer).as_str()), (status, said), "{headers:?}");
        assert!(!answer.text().contains(text.as_str()), "no key is told again");
    }
}
