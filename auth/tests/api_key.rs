//! API keys, and attacks on them.

use pikku::{BoxError, BoxFuture, Claims, Scopes};
use pikku_auth::api_key::{KeyStore, StoredKey, generate, verify};
use serde_json::json;
use std::collections::HashMap;

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
